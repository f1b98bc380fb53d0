r"""Zero-argument macros (`\gsm` for GSM8K): authors hide names in them, and a count must look inside."""

import re

_MAX_GROWTH = 20  # times the length of the text, against definitions that double each other
_ROUNDS = 5
# `\newcommand{\gsm}{GSM8K}`, `\newcommand\gsm[0]{GSM8K}`, `\def\gsm{GSM8K}`; the brace of the body is not part of it
_DEFINITION = re.compile(
    r"\\(?:(?:re|provide)?newcommand|providecommand|DeclareRobustCommand|def|gdef|newcommandx)\*?\s*"
    r"(?:\{\s*\\([A-Za-z@]+)\s*\}|\\([A-Za-z@]+))\s*(?:\[0\]\s*)?(?=\{)"
)
# A macro of a style file counts where it stands for words, at most with a font: `\textsc{GSM}-8K\xspace`, but not
# `\vskip 3pt`, which is machinery.
_WORDS = re.compile(r"(?:[\w\s.+$^-]|\\(?:text(?:sc|tt|bf|it|sf|rm)?|emph|mbox|xspace|ensuremath|[- ,])|[{}])*")


def expand_macros(text: str, styles: str = "") -> str:
    r"""Return `text` with its zero-argument macros replaced by their bodies, a few rounds deep.

    `styles` are style files of the source; of their macros only those count that stand for plain words.
    """
    named, _ = _take_definitions(styles)
    macros = {name: body for name, body in named.items() if _WORDS.fullmatch(body)}
    own, text = _take_definitions(text)
    macros |= own
    if not macros:
        return text
    names = "|".join(sorted(map(re.escape, macros), key=len, reverse=True))
    # TeX swallows the spaces behind a control word; authors write \gsm{} or \gsm\ to keep one.
    use = re.compile(rf"\\({names})(?![A-Za-z@])(?:\{{\}}|\\(?= ))?")
    limit = len(text) * _MAX_GROWTH + 10_000
    for _ in range(_ROUNDS):
        growth = sum(len(macros[match[1]]) - len(match[0]) for match in use.finditer(text))
        if len(text) + growth > limit:
            break
        text = use.sub(lambda match: macros[match[1]], text)
    return text


def _take_definitions(text: str) -> tuple[dict[str, str], str]:
    """Return the zero-argument macros that `text` defines, and `text` without these definitions."""
    macros: dict[str, str] = {}
    kept: list[str] = []
    position = 0
    for match in _DEFINITION.finditer(text):
        if match.start() < position:
            continue
        body, end = braced(text, match.end())
        if body is None or "#" in body:
            continue
        macros[match[1] or match[2]] = body.replace("\\xspace", "")
        kept.append(text[position : match.start()])
        position = end
    return macros, "".join([*kept, text[position:]])


def braced(text: str, start: int) -> tuple[str | None, int]:
    """Return the text between the brace at `start` and its partner, and the position after the partner."""
    depth = 0
    for match in re.compile(r"\\.|[{}]", re.DOTALL).finditer(text, start, start + 20_000):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if depth == 0:
            return text[start + 1 : match.start()], match.end()
    return None, start
