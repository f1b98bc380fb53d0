r"""Verbatim: text that is set as it is typed, in a line (`\\verb|50%|`) or in an environment (`lstlisting`)."""

from survey.fulltext.latex.expander import Expander, Handler
from survey.fulltext.latex.tokens import shield


def _verb(expander: Expander, command: str) -> None:
    r"""`\verb|50%|`, `\lstinline[language=C]{…}`, `\mintinline{python}|…|`."""
    reading = expander.reading
    reading.token("*") if reading.peek() == "*" else None
    if command in ("\\lstinline", "\\mintinline", "\\Verb"):
        reading.optional()
    if command == "\\mintinline":
        reading.argument()
    expander.write(shield(reading.verbatim()))


def _short_verb(expander: Expander, command: str) -> None:
    r"""`\MakeShortVerb{\|}`, `\lstMakeShortInline[…]|`: `|50%|` is verbatim from here on."""
    expander.reading.star()
    expander.reading.optional()
    character = expander.reading.argument().strip()[-1:]
    if character and character not in "\\{}%":
        expander.watch(character)
        expander.meanings[character] = _between


def _between(expander: Expander, character: str) -> None:
    expander.reading.frames[-1].at -= 1
    content = expander.reading.verbatim()
    if not content:
        expander.reading.frames[-1].at += 1
    expander.write(shield(content))


HANDLERS: dict[str, Handler] = {
    **{f"\\{name}": _verb for name in ("verb", "Verb", "lstinline", "mintinline")},
    **{f"\\{name}": _short_verb for name in ("MakeShortVerb", "lstMakeShortInline", "DefineShortVerb")},
}
