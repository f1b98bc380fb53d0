r"""LaTeX: text as LaTeX source that every engine sets, pdfLaTeX too.

The special characters of LaTeX become commands by a table; what is not ASCII becomes a command where pylatexenc knows
one ("é" is `{\'e}`, "κ" is `{\ensuremath{\kappa}}`) and stays as it is elsewhere (Chinese needs XeLaTeX or LuaLaTeX).
"""

from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pylatexenc.latexencode import UnicodeToLatexEncoder

_SPECIAL = str.maketrans(
    {"\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "%": r"\%", "_": r"\_", "&": r"\&", "#": r"\#", "$": r"\$",
     "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "–": "--", "…": r"\dots{}", "≥": r"$\geq$",
     "[": "{[}", "]": "{]}"}
)  # fmt: skip  # a bracket at the start of a row would be an option of the line break before it


def escaped(text: str) -> str:
    """Return text as LaTeX source."""
    special = text.translate(_SPECIAL)
    return special if special.isascii() else without_accents(special)


def without_accents(source: str) -> str:
    """Return LaTeX source in which characters beyond ASCII are commands, each in braces: what BibTeX needs too."""
    return str(_encoder().unicode_to_latex(source))


@cache
def _encoder() -> "UnicodeToLatexEncoder":
    from pylatexenc.latexencode import UnicodeToLatexEncoder

    return UnicodeToLatexEncoder(
        non_ascii_only=True, replacement_latex_protection="braces-all", unknown_char_policy="keep",
        unknown_char_warning=False,
    )  # fmt: skip
