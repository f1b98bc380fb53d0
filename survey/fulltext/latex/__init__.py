r"""LaTeX source to plain text: what the paper's own build would print, and no more.

Counting every file of a source tree inflates the counts 1.8 times (stale copies, unused tables), and plain LaTeX
strippers lose names that authors hide in macros. This folder reads the files that the build would read, in its order,
with the definitions that hold at each place (`expander`), and gives the words (`plain`) with their sections.

Of libraries, TexSoup and plasTeX were tried on the same cases; docs/reading.md says with what result.
"""

import posixpath
import re
from collections.abc import Callable, Iterator
from typing import TypeVar

from posttrain.errors import UnreadableError
from survey.fulltext.container import Tree
from survey.fulltext.latex import (
    acronyms,
    commands,
    conditionals,
    declarations,
    definitions,
    environments,
    files,
    numbers,
    primitives,
    switches,
    verbatim,
    visibility,
)
from survey.fulltext.latex.bibliography import references_of
from survey.fulltext.latex.expander import Expander, Handler, Meaning, reading_limit
from survey.fulltext.latex.plain import to_plain
from survey.fulltext.latex.reading import EndlessError, Frame
from survey.fulltext.latex.root import find_root, find_roots
from survey.fulltext.latex.tokens import MARK, decode
from survey.fulltext.sections import Text, join_pieces
from survey.section import Section

__all__ = ["find_root", "read_latex", "to_plain"]

Result = TypeVar("Result")
_MOST_MISSING = 5  # names of missing files in a note
_BIBLIOGRAPHY = f"{MARK}B"  # where the references of a .bib are to stand, once it is known what is cited


def read_latex(tree: Tree) -> Text:
    r"""Return the text of the paper whose source files are `tree`, with a note on what it lacks.

    Raises UnreadableError where no root file is found, an `\input` names a file outside the source, or files input
    each other in a circle (TeX would not finish either).
    """
    sources = {posixpath.normpath(name): decode(data) for name, data in tree.items()}
    roots = find_roots(sources)
    pieces, title, notes = _read_root(sources, roots.paper)
    for supplement in roots.supplements:
        try:
            more, _, _ = _read_root(sources, supplement)
        except UnreadableError as error:
            notes.append(f"the supplement {supplement} cannot be read: {error}")
            continue
        pieces += [(Section.APPENDIX if s is not Section.REFERENCES else s, text) for s, text in more]
        notes.append(f"{supplement} is read as an appendix")
    text, spans = join_pieces(pieces)
    return Text("latex", text, spans, title, "; ".join(notes))


_BUILTINS: dict[str, Handler] = {
    **primitives.HANDLERS,
    **verbatim.HANDLERS,
    **commands.HANDLERS,
    **visibility.HANDLERS,
    **numbers.HANDLERS,
    **switches.HANDLERS,
    **definitions.HANDLERS,
    **conditionals.HANDLERS,
    **environments.HANDLERS,
    **declarations.HANDLERS,
    **acronyms.HANDLERS,
    **files.HANDLERS,
}


def _read_root(sources: dict[str, str], root: str) -> tuple[list[tuple[Section, str]], str, list[str]]:
    """Return the pieces, the title and the notes of one build."""
    meanings: dict[str, Meaning] = dict(_BUILTINS)
    meanings |= {"\\bibliography": _bibliography, "\\printbibliography": _bibliography}
    expander = Expander(meanings, sources, root, guess=_guess)
    expander.conditionals = set(conditionals.CONDITIONALS)
    expander.reading.limit = reading_limit(sources)
    expander.reading.frames.append(Frame(sources[root], path=root))
    _bounded(expander, expander.run)
    flat = "".join(expander.out)
    expander.out, expander.ended = [], False
    title = re.sub(rf"{MARK}.", "", _bounded(expander, lambda: commands.set_title(expander)) or "")
    title = " ".join(to_plain(title).split())
    abstract = _bounded(expander, lambda: expander.expand(expander.kept.get("abstract", ""))) or ""
    flat = _bounded(expander, lambda: _with_references(expander, flat)) or flat
    pieces = [(Section.BODY, title), (Section.BODY, to_plain(abstract))]
    return pieces + [(section, to_plain(raw)) for section, raw in _split(flat)], title, _notes(expander)


def _bounded(expander: Expander, read: Callable[[], Result]) -> Result | None:
    """Run `read`; what goes far past the limit ends there, and what was read before is kept."""
    try:
        return read()
    except EndlessError:
        expander.notes.append("reading stops where the macros go far past the limit")
        expander.reading.frames.clear()
        expander.reading.spent = 0  # for the title and the references, which are read behind it
        return None


def _notes(expander: Expander) -> list[str]:
    notes = list(dict.fromkeys(expander.notes))
    if expander.reading.exhausted and not notes:
        notes.append("macros are expanded up to the limit")
    if expander.missing:
        notes.append(f"not in the source: {', '.join(expander.missing[:_MOST_MISSING])}")
    return notes


def _guess(token: str) -> Meaning:
    return conditionals.guess_conditional(token) or commands.guess(token)


def _bibliography(expander: Expander, command: str) -> None:
    r"""`\bibliography{refs}`, `\printbibliography[title=References]`: a mark for the .bbl, or for the .bib files."""
    if command == "\\bibliography":
        expander.reading.argument()
    else:
        expander.reading.optional()
    expander.write(_BIBLIOGRAPHY)


def _with_references(expander: Expander, flat: str) -> str:
    r"""Put the references in the place of `\bibliography`, or at the end."""
    listed = f"{MARK}R" in flat
    references = None if listed else references_of(expander.cited, expander.sources, expander.root)
    if references:
        expander.flags.references = 0
        references = expander.expand(references)
        at = flat.find(_BIBLIOGRAPHY)
        at = at if at >= 0 else len(flat)
        flat = flat[:at] + references + flat[at:]
    return flat.replace(_BIBLIOGRAPHY, "")


_MARKS = re.compile(rf"{MARK}(.)", re.DOTALL)


def _split(flat: str) -> Iterator[tuple[Section, str]]:
    """Cut the expanded paper at its marks into pieces of one section each, in order."""
    position, depth, base = 0, {"T": 0, "C": 0, "R": 0, "H": 0, "X": 0}, Section.BODY

    def here() -> Section:
        if depth["H"]:
            return Section.HIDDEN
        if depth["R"]:
            return Section.REFERENCES
        if base is not Section.BODY:
            return base
        return Section.CAPTION if depth["C"] else Section.TABLE if depth["T"] else base

    for match in _MARKS.finditer(flat):
        if match.start() > position and not depth["X"]:
            yield here(), flat[position : match.start()]
        position = match.end()
        kind = match[1]
        if kind == "A":
            base = Section.APPENDIX
        elif kind.upper() in depth:
            depth[kind.upper()] = max(0, depth[kind.upper()] + (1 if kind.isupper() else -1))
    if not depth["X"]:
        yield here(), flat[position:]
