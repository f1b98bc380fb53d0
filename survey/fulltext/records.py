"""Parsed papers as JSON or XML: unarXive, S2ORC, PaperMage, docling, MinerU, GROBID TEI; and rows of a table."""

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from lxml import etree

from posttrain.errors import UnreadableError
from survey.fulltext.layouts import docling_pieces, is_docling, is_mineru, mineru_pieces
from survey.fulltext.markdown import decode_text
from survey.fulltext.normalise import normalise
from survey.fulltext.notices import is_withdrawn, refuse_notice
from survey.fulltext.sections import Text, join_pieces, split_plain
from survey.fulltext.titles import title_of
from survey.paper import ArxivId, Identity, IdSource, find_arxiv_id, find_stamp, newest_date_inside
from survey.section import Section

Json = Mapping[str, Any]
_PLACEHOLDER = re.compile(r"\{\{(?:cite|formula|figure|table|ref|section|equation)[^{}]*\}\}", re.IGNORECASE)
_TEI = "{http://www.tei-c.org/ns/1.0}"


def read_record(data: bytes) -> Text:
    """Return the text of a JSON paper. Raises UnreadableError for a shape that is none of those known."""
    loaded = _load(data)
    if is_docling(loaded) or is_mineru(loaded):
        return _read_layout(loaded)
    record = _as_record(loaded)
    if "symbols" in record:  # PaperMage
        text = normalise(str(record["symbols"]), join_hyphens=True)
        return Text("papermage", text, split_plain(text), title_of(text, lines=2))
    parsed = record.get("pdf_parse") or record.get("latex_parse") or record
    text, spans = join_pieces(
        (section, normalise(_plain(piece), join_hyphens=False)) for section, piece in _pieces(record, parsed)
    )
    if not text:
        raise UnreadableError("a JSON paper without text")
    refuse_notice(text)
    surface = "s2orc" if parsed is not record or "header" in record else "unarxive"
    return Text(surface, text, spans, _title(record))


def _read_layout(loaded: object) -> Text:
    """The text of docling's or MinerU's blocks. Their sections are read as those of text without markup."""
    surface = "docling" if is_docling(loaded) else "mineru"
    joined = _layout_text(loaded)
    if not joined.strip():
        raise UnreadableError(f"a JSON file of {surface} without text")
    refuse_notice(joined)
    return Text(surface, joined, split_plain(joined), title_of(joined, lines=2))


def _layout_text(loaded: object) -> str:
    pieces = docling_pieces(loaded) if isinstance(loaded, dict) and is_docling(loaded) else mineru_pieces(loaded)
    return normalise("\n".join(piece for _, piece in pieces), join_hyphens=True)


def identify_record(data: bytes) -> Identity:
    """Return which paper a JSON record says it is: by its `paper_id` or metadata, never by a cited id.

    Raises WithdrawnError where the metadata says that the paper is withdrawn.
    """
    loaded = _load(data)
    if is_docling(loaded) or is_mineru(loaded):
        return _identify_text(_layout_text(loaded))
    record = _as_record(loaded)
    if "symbols" in record:
        return _identify_text(str(record["symbols"]))
    metadata = record.get("metadata") or {}
    stated = [
        str(record.get("arxiv_id") or ""),
        str(metadata.get("id") or ""),
        str(record.get("paper_id") or ""),
    ]
    arxiv_id = next(filter(None, map(find_arxiv_id, stated)), None)
    _refuse_withdrawn(metadata, _as_of(arxiv_id, metadata) if arxiv_id else None)
    published = first_version_created(metadata.get("versions"))
    source = IdSource.RECORD if arxiv_id else IdSource.NONE
    inside = None if arxiv_id else newest_date_inside(decode_text(data), date.today())
    return Identity(arxiv_id, source, _title(record), published, published is not None, inside)


def _identify_text(text: str) -> Identity:
    head = text[:6_000]
    stamp = find_stamp(head)
    if stamp:
        return Identity(
            stamp.arxiv_id, IdSource.STAMP, title_of(head, lines=2), stamp.date, stamp.arxiv_id.version == 1
        )
    return Identity(None, IdSource.NONE, title_of(head, lines=2), inside=newest_date_inside(text, date.today()))


class WithdrawnError(UnreadableError):
    """The metadata of a paper says that it is withdrawn."""

    def __init__(self, arxiv_id: ArxivId | None) -> None:
        super().__init__("withdrawn, as the comments of its metadata say")
        self.arxiv_id = arxiv_id


def _refuse_withdrawn(metadata: Mapping[str, Any], arxiv_id: ArxivId | None) -> None:
    """Raise WithdrawnError where the comments of arXiv's metadata say that the paper is withdrawn."""
    if is_withdrawn(str(metadata.get("comments") or metadata.get("comment") or "")):
        raise WithdrawnError(arxiv_id)


def _as_of(arxiv_id: ArxivId, metadata: Mapping[str, Any]) -> ArxivId:
    """Return an id with its newest version as the metadata has it: `version`, or the last of `versions`."""
    versions = metadata.get("versions")
    last = versions[-1] if isinstance(versions, list) and versions else None
    stated = metadata.get("version") or (last.get("version") if isinstance(last, dict) else None)
    version = re.fullmatch(r"v?(\d+)", str(stated or ""))
    return ArxivId(arxiv_id.id, int(version[1])) if version else arxiv_id


def read_tei(data: bytes) -> Text:
    """Return the text of a GROBID TEI file."""
    root = _parse_xml(data)
    pieces: list[tuple[Section, str]] = [(Section.BODY, _tei_title(root))]
    for element in root.iter(f"{_TEI}abstract", f"{_TEI}body"):
        for child in element.iterchildren("*"):  # elements: no comment, and no entity left unresolved
            section = Section.CAPTION if child.tag == f"{_TEI}figure" else Section.BODY
            pieces.append((section, " ".join(child.itertext())))
    for back in root.iter(f"{_TEI}back"):
        for div in back.iterchildren("*"):
            references = div.get("type") == "references"
            pieces.append((Section.REFERENCES if references else Section.APPENDIX, " ".join(div.itertext())))
    text, spans = join_pieces((section, normalise(piece, join_hyphens=True)) for section, piece in pieces)
    if not text:
        raise UnreadableError("a TEI file without text")
    return Text("tei", text, spans, _tei_title(root))


def identify_tei(data: bytes) -> Identity:
    """Return which paper a TEI file says it is: by an arXiv `idno` of its own header."""
    root = _parse_xml(data)
    header = root.find(f"{_TEI}teiHeader")
    idnos = [] if header is None else [str(e.text) for e in header.iter(f"{_TEI}idno") if e.get("type") == "arXiv"]
    arxiv_id = next(filter(None, map(find_arxiv_id, idnos)), None)
    newest = newest_date_inside("".join(root.itertext()), date.today())
    return Identity(arxiv_id, IdSource.RECORD if arxiv_id else IdSource.NONE, _tei_title(root), inside=newest)


def identify_row(row: Mapping[str, Any]) -> Identity:
    """Return the identity of a Parquet row or metadata record with `arxiv_id` or `id`, `title` and `published`.

    Raises UnreadableError where it has no arXiv id, and WithdrawnError where it is withdrawn.
    """
    stated = str(row.get("arxiv_id") or row.get("id") or "")
    arxiv_id = find_arxiv_id(stated)
    if arxiv_id is None:
        raise UnreadableError(f"no arXiv id in arxiv_id or id: found '{stated[:40]}'")
    arxiv_id = _as_of(arxiv_id, row)
    _refuse_withdrawn(row, arxiv_id)
    published = first_version_created(row.get("versions")) or _day(row.get("published"))
    title = " ".join(str(row.get("title") or "").split())
    return Identity(arxiv_id, IdSource.RECORD, title, published, published is not None)


def read_row(text: str, title: str) -> Text:
    """Return the text of a Parquet row, which is PDF text as a rule."""
    plain = normalise(text, join_hyphens=True)
    if not plain.strip():
        raise UnreadableError("a row with an empty text")
    refuse_notice(plain)
    return Text("text", plain, split_plain(plain), title)


def first_version_created(versions: object) -> date | None:
    """Return version 1's date from arXiv's metadata: `[{"version": "v1", "created": "Mon, 2 Apr 2007 …"}]`."""
    for version in versions if isinstance(versions, list) else []:
        if isinstance(version, dict) and version.get("version") == "v1":
            try:
                return parsedate_to_datetime(str(version.get("created"))).date()
            except ValueError:
                return None
    return None


def _load(data: bytes) -> object:
    try:
        return json.loads(decode_text(data))
    except (ValueError, RecursionError) as error:
        raise UnreadableError("broken JSON") from error


def _as_record(loaded: object) -> Json:
    """Return a record of one of the known shapes. Raises UnreadableError for another."""
    if isinstance(loaded, dict) and loaded.keys() & {"symbols", "body_text", "pdf_parse", "latex_parse"}:
        return loaded
    shape = ", ".join(list(loaded)[:6]) if isinstance(loaded, dict) else type(loaded).__name__
    raise UnreadableError(f"JSON of an unknown shape ({shape}); expected unarXive, S2ORC, PaperMage, docling or MinerU")


def _pieces(record: Json, parsed: Json) -> Iterator[tuple[Section, str]]:
    yield Section.BODY, _title(record)
    yield Section.BODY, _flat(record.get("abstract") or parsed.get("abstract"))
    for paragraph in parsed.get("body_text") or []:
        kind = paragraph.get("content_type", "")
        yield (
            (Section.TABLE if kind == "table" else Section.BODY),
            f"{paragraph.get('section') or ''}\n{paragraph.get('text', '')}",
        )
    for entry in (parsed.get("ref_entries") or {}).values():
        table = str(entry.get("type") or entry.get("type_str") or "").lower() == "table"
        yield Section.CAPTION, str(entry.get("caption") or entry.get("text") or "")
        if table and entry.get("content"):
            yield Section.TABLE, re.sub(r"<[^>]+>", " ", str(entry["content"]))
    for paragraph in parsed.get("back_matter") or []:
        yield Section.APPENDIX, str(paragraph.get("text", ""))
    for entry in (parsed.get("bib_entries") or {}).values():
        yield (
            Section.REFERENCES,
            str(entry.get("bib_entry_raw") or f"{entry.get('title', '')} {entry.get('venue', '')}"),
        )


def _flat(value: object) -> str:
    if isinstance(value, list):
        return "\n".join(map(_flat, value))
    return str(value.get("text", "")) if isinstance(value, dict) else str(value or "")


def _plain(text: str) -> str:
    return _PLACEHOLDER.sub(" ", text)


def _title(record: Json) -> str:
    title = record.get("title") or (record.get("metadata") or {}).get("title") or ""
    return " ".join(str(title).split())


def _parse_xml(data: bytes) -> Any:
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise UnreadableError(f"not XML: {error}") from error
    if root.tag != f"{_TEI}TEI":
        raise UnreadableError(f"XML with the root <{etree.QName(root).localname}>; expected GROBID's <TEI>")
    return root


def _tei_title(root: Any) -> str:
    title = root.find(f".//{_TEI}titleStmt/{_TEI}title")
    return "" if title is None else " ".join("".join(title.itertext()).split())


def _day(value: object) -> date | None:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value or "")[:10])
    except ValueError:
        return None
