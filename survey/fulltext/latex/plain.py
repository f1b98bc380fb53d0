r"""Plain text from LaTeX that is expanded: accents, signs and cells, without the commands that only set words."""

import re

from survey.fulltext.latex.tokens import JOINT, NAME_CLOSE, NAME_OPEN, unshield
from survey.fulltext.normalise import normalise

_COMBINING = {
    '"': "\u0308",
    "'": "\u0301",
    "`": "\u0300",
    "^": "\u0302",
    "~": "\u0303",
    "=": "\u0304",
    ".": "\u0307",
    "c": "\u0327",
    "v": "\u030c",
    "u": "\u0306",
    "H": "\u030b",
    "k": "\u0328",
    "r": "\u030a",
}
# `\"o`, `\'{e}`, `\c{c}`, `\v s`
_ACCENT = re.compile(r"""\\(["'`^~=.]|[cvuHkr](?=[{\s]))\s*\{?\\?([A-Za-z])\}?""")
_LETTERS = {
    "ss": "ß",
    "o": "ø",
    "O": "Ø",
    "l": "ł",
    "L": "Ł",
    "ae": "æ",
    "AE": "Æ",
    "oe": "œ",
    "OE": "Œ",
    "aa": "å",
    "AA": "Å",
    "i": "i",
    "j": "j",
    "textendash": "–",
    "textemdash": "—",
    "textunderscore": "_",
    "textasciitilde": "~",
    "TeX": "TeX",
    "LaTeX": "LaTeX",
    "textbackslash": "\ue05c",
    "dots": "...",
    "ldots": "...",
    "textellipsis": "...",
    "S": "§",
    "textquoteright": "'",
    "textquotesingle": "'",
    "textgreater": ">",
    "textless": "<",
    "textbar": "|",
    "_": "_",
    "alpha": "α",
    "beta": "β",
    "gamma": "γ",
    "delta": "δ",
    "epsilon": "ε",
    "lambda": "λ",
    "mu": "μ",
    "pi": "π",
    "rho": "ρ",
    "sigma": "σ",
    "tau": "τ",
    "phi": "φ",
    "chi": "χ",
    "psi": "ψ",
    "omega": "ω",
    "theta": "θ",
    "eta": "η",
    "Delta": "Δ",
}
_LETTER = re.compile(rf"\\({'|'.join(sorted(_LETTERS, key=len, reverse=True))})(?![A-Za-z@])[ \t]*")
# Switches of the font print nothing, and TeX sees no space behind them: `{\sc Hotpot}{\sc qa}`
_SWITCH = re.compile(
    r"\\(?:bf|it|sc|tt|rm|sf|sl|em|cal|tiny|scriptsize|footnotesize|small|normalsize|[lL]arge|LARGE|[hH]uge|selectfont"
    r"|(?:sc|it|sl|up)shape|(?:bf|md)series|(?:rm|sf|tt)family|normalfont|centering|raggedright|displaystyle|textstyle"
    r"|scriptstyle|boldmath|unboldmath|mathstrut|strut|limits|nolimits|left|right|bigl?|bigr|Bigl?)(?![A-Za-z@])[ \t]*"
)
# `GSM8K & 71.2`, but not `R\&D`
_COLUMN = re.compile(r"(?<!\\)&")
# `95\%`, `human\_eval`
_ESCAPED = re.compile(r"\\([%#&_{}])")
_THIN = re.compile(r"\\[,;:!> \n/@-]")
# the `\textbf` of `\textbf{GSM8K}`, the `\foo*` of `\foo*[x]{Results}`
_COMMAND_WITH_ARGUMENT = re.compile(r"\\[A-Za-z@]+\*?(?:\[[^\]]*\])?(?=\{)")
# `\toprule`, `\quad`
_COMMAND = re.compile(rf"\\(?:[A-Za-z@]+\*?|.)|{NAME_OPEN}[^{NAME_CLOSE}]*{NAME_CLOSE}", re.DOTALL)
_MARKUP = str.maketrans({**dict.fromkeys("{}$^", None), **dict.fromkeys(map(chr, range(1, 9)), None)})


def to_plain(raw: str) -> str:
    """Return LaTeX without its markup: the words inside commands stay."""
    if "\\" in raw or "~" in raw or "&" in raw or "$" in raw:
        text = _ACCENT.sub(lambda match: match[2] + _COMBINING[match[1]], raw)
        text = text.replace("\\\\", "\n").replace("\\$", "\x00").replace("~", " ")
        text = _ESCAPED.sub(r"\1", _COLUMN.sub(" | ", text))
        text = _LETTER.sub(lambda match: _LETTERS[match[1]], text)
        text = _SWITCH.sub("", text)
        text = _THIN.sub(lambda match: "" if match[0][1] in "!-/@" else " ", text)
        text = _COMMAND_WITH_ARGUMENT.sub("", text)
        text = _COMMAND.sub(" ", text)
    else:
        text = raw
    text = text.translate(_MARKUP).replace("\x00", "$").replace("---", "—").replace("--", "–")
    return normalise(unshield(text).replace(JOINT, ""), join_hyphens=False)
