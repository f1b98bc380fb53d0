"""Full text: from the content of a file to the text of one paper, and to the paper's identity as the file states it.

Both functions are pure over bytes, so that they run in a worker process where a crash or a hang ends one paper.
Each reader is imported where it is called: none is needed to print a table.
"""

import contextlib
from collections.abc import Callable
from datetime import date
from enum import StrEnum
from pathlib import PurePath

from posttrain.errors import UnreadableError
from survey.fulltext.container import Tree, open_container
from survey.fulltext.notices import refuse_notice
from survey.fulltext.sections import Text, section_at
from survey.paper import Identity, IdSource, newest_date_inside
from survey.section import Section

__all__ = ["EXTRACTOR", "Kind", "Section", "Text", "identify", "kind_of", "read", "section_at"]

_DATED = (".tex", ".ltx", ".bbl", ".bib")  # the files of a source in which dates stand
EXTRACTOR = 3  # raise by one when the text of any paper changes, so that `survey extract` reads it again


class Kind(StrEnum):
    """The kind of a file, by its content."""

    PDF = "pdf"
    LATEX = "latex"  # a .tex file, or an e-print container of them
    HTML = "html"  # as arXiv serves it
    MARKDOWN = "markdown"
    RECORD = "record"  # JSON
    TEI = "tei"
    ROW = "row"  # one row of a Parquet table
    METADATA = "metadata"  # a line of arXiv's metadata snapshot: no text


# The copies of one paper in the order of preference: source before parsed records before PDF text.
PREFERENCE = (Kind.LATEX, Kind.HTML, Kind.RECORD, Kind.TEI, Kind.PDF, Kind.MARKDOWN, Kind.ROW, Kind.METADATA)


def kind_of(data: bytes, name: str) -> Kind:
    """Return the kind of a file by its first bytes, and by its name only where text has no mark of its own.

    Raises UnreadableError where no paper comes in such a file.
    """
    suffix = PurePath(name).suffix.lower()
    if not data.strip():
        raise UnreadableError("an empty file")
    if b"%PDF-" in data[:1024]:
        return Kind.PDF
    if data.startswith(_PACKED) or data[257:262] == b"ustar":
        return _kind_inside(data, name)
    start = data[:2000].lstrip(b"\xef\xbb\xbf \t\r\n")
    if suffix == ".pdf":
        raise UnreadableError(f"{_other_format(start)} named .pdf")
    if start[:5] == b"<?xml" or start[:4] == b"<TEI":
        return Kind.TEI
    if suffix in (".html", ".htm") and not start[:9].lower().startswith((b"<!doctype", b"<html")):
        suffix = ""
    if suffix in _BY_SUFFIX:
        return _BY_SUFFIX[suffix]
    return _kind_of_text(data, start, suffix)


def _kind_inside(data: bytes, name: str) -> Kind:
    """The kind of a packed file: a source, or the one text that its name says, as in paper.md.gz."""
    if data.startswith(b"PK") and (b"[Content_Types].xml" in data[:4000] or b"mimetypeapplication" in data[:100]):
        raise UnreadableError("an Office document or a book, which no paper comes in")
    path = PurePath(name)
    inner = PurePath(path.stem).suffix.lower() if path.suffix.lower() == ".gz" else ""
    return _BY_SUFFIX.get(inner, Kind.LATEX)


def _kind_of_text(data: bytes, start: bytes, suffix: str) -> Kind:
    """The kind of a text whose name says nothing: arXiv's own files may have none."""
    if suffix in _LISTS:
        hint = "to fetch them: survey download --ids this file"
        raise UnreadableError(f"a list of papers ({suffix}), not a paper; {hint}")
    if b"\\documentclass" in data[:20_000] or b"\\documentstyle" in data[:20_000]:
        return Kind.LATEX
    raise UnreadableError(f"{_other_format(start)}, which no paper comes in")


_PACKED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ\0", b"PK\x03\x04")
_BY_SUFFIX = {
    ".xml": Kind.TEI, ".html": Kind.HTML, ".htm": Kind.HTML, ".json": Kind.RECORD, ".tex": Kind.LATEX,
    ".ltx": Kind.LATEX, ".latex": Kind.LATEX, ".md": Kind.MARKDOWN, ".mmd": Kind.MARKDOWN, ".txt": Kind.MARKDOWN,
    ".text": Kind.MARKDOWN, ".markdown": Kind.MARKDOWN,
}  # fmt: skip
_LISTS = (".bib", ".ris", ".csv", ".tsv", ".nbib", ".enw")
_OTHER_FORMATS = (
    (b"\xff\xd8\xff", "a JPEG image"), (b"\x89PNG", "a PNG image"), (b"GIF8", "a GIF image"),
    (b"PK\x03\x04", "an Office document or a book"), (b"%!PS", "PostScript"), (b"SQLite", "a database"),
    (b"<!doctype html", "an HTML page"), (b"<html", "an HTML page"), (b"PAR1", "a damaged Parquet table"),
)  # fmt: skip


def _other_format(start: bytes) -> str:
    """Name the format of a file that is not a paper, always in the same words, so that skips can be counted by them."""
    low = start[:20].lower()
    names = (name for mark, name in _OTHER_FORMATS if low.startswith(mark.lower()))
    return next(names, "a text" if start and not start[:1000].count(0) and start[:1000].isascii() else "a binary file")


def read(kind: Kind, data: bytes) -> Text:
    """Return the text of a paper. Raises UnreadableError with the reason where there is none."""
    from survey.fulltext import html, latex, markdown, pdf, records

    readers: dict[Kind, Callable[[bytes], Text]] = {
        Kind.PDF: pdf.read_pdf,
        Kind.HTML: html.read_html,
        Kind.MARKDOWN: markdown.read_markdown,
        Kind.RECORD: records.read_record,
        Kind.TEI: records.read_tei,
    }
    if kind is not Kind.LATEX:
        return readers[kind](_unpacked(data))
    source = _open_source(data)
    if isinstance(source, bytes):
        return pdf.read_pdf(source)
    text = latex.read_latex(source)
    if not text.text.strip():
        raise UnreadableError("a LaTeX source without text")
    refuse_notice(text.text)
    return text


def identify(kind: Kind, data: bytes) -> Identity:
    """Return the identity that the content states. Raises UnreadableError where it cannot be opened."""
    from survey.fulltext import html, markdown, pdf, records

    identifiers: dict[Kind, Callable[[bytes], Identity]] = {
        Kind.PDF: pdf.identify_pdf,
        Kind.HTML: html.identify_html,
        Kind.MARKDOWN: markdown.identify_markdown,
        Kind.RECORD: records.identify_record,
        Kind.TEI: records.identify_tei,
    }
    if kind is not Kind.LATEX:
        return identifiers[kind](_unpacked(data))
    source = _open_source(data)
    return pdf.identify_pdf(source) if isinstance(source, bytes) else _identify_latex(source)


def _unpacked(data: bytes) -> bytes:
    """Return a text or PDF without its gzip. Raises UnreadableError where an archive has the name of one text."""
    content = open_container(data) if data.startswith(_PACKED) else data
    if not isinstance(content, bytes):
        raise UnreadableError("an archive with the name of a single text")
    return content


def _open_source(data: bytes) -> Tree | bytes:
    """Return the files of a LaTeX source, or the PDF that its authors submitted alone; arXiv serves it gzipped."""
    content = open_container(data)
    if isinstance(content, dict):
        if not any(name.lower().endswith((".tex", ".ltx", ".latex")) for name in content) and not any(
            "." not in PurePath(name).name and b"\\documentclass" in data for name, data in content.items()
        ):
            raise UnreadableError("an archive without a .tex file")
        return content
    start = content[:1024].lstrip()
    if b"%PDF-" in start:
        return content
    if start.startswith(b"%!PS") or start[:9].lower().startswith((b"<!doctype", b"<html")) or b"\0" in start:
        raise UnreadableError(f"not LaTeX: it begins with {start[:12]!r}")
    return {"main.tex": content}


def _identify_latex(tree: Tree) -> Identity:
    """A source bears no id of its own; the dates in it can still speak against the name of its file."""
    sources = [data.decode("latin-1") for name, data in tree.items() if name.lower().endswith(_DATED)]
    from survey.fulltext.latex import read_latex

    title = ""
    with contextlib.suppress(UnreadableError):  # `survey extract` reports it; the paper is identified all the same
        title = read_latex(tree).title
    newest = newest_date_inside("\n".join(sources), date.today())
    return Identity(None, IdSource.NONE, title, inside=newest)
