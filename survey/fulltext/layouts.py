"""Layouts: papers as JSON of the converters docling and MinerU, whose blocks come in reading order with their kind.

docling: github.com/docling-project/docling-core, docling_core/types/doc (DoclingDocument). MinerU:
opendatalab.github.io/MinerU/reference/output_files (content_list.json, content_list_v2.json, middle.json).
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from survey.section import Section

Json = Mapping[str, Any]
Piece = tuple[Section, str]

_FURNITURE = {"page_header", "page_footer", "header", "footer", "page_number", "aside_text", "discarded", "abandon"}
_TAG = re.compile(r"</t[dhr]>|<[^<>]{1,300}>")
_DEEPEST = 50  # groups inside groups


def is_docling(record: object) -> bool:
    """Say whether this is a DoclingDocument."""
    return isinstance(record, dict) and record.get("schema_name") == "DoclingDocument"


def is_mineru(record: object) -> bool:
    """Say whether this is an output of MinerU: a list of blocks, a list of pages of blocks, or its pages in full."""
    if isinstance(record, dict):
        return isinstance(record.get("pdf_info"), list)
    blocks = record if isinstance(record, list) else []
    if blocks and isinstance(blocks[0], list):
        blocks = [block for page in blocks if isinstance(page, list) for block in page[:1]]
    first = blocks[0] if blocks else None
    return isinstance(first, dict) and "type" in first and bool(first.keys() & {"page_idx", "content", "bbox", "text"})


def docling_pieces(record: Json) -> Iterator[Piece]:
    """Yield the pieces of a DoclingDocument in the order of its body; without a body, in the order of its texts."""
    body = record.get("body")
    if isinstance(body, dict) and body.get("children"):
        yield from _docling_children(record, body, 0)
        return
    for text in _list(record.get("texts")):
        yield from _docling_text(text)
    for table in _list(record.get("tables")):
        yield from _docling_table(record, table)


def _docling_children(record: Json, parent: Json, depth: int) -> Iterator[Piece]:
    for reference in _list(parent.get("children")) if depth < _DEEPEST else ():
        path = str(reference.get("$ref") or reference.get("cref") or "")
        item = _resolve(record, path)
        if item is None or item.get("content_layer") == "furniture":
            continue
        if path.startswith("#/tables/"):
            yield from _docling_table(record, item)
        elif path.startswith("#/pictures/"):
            for caption in _list(item.get("captions")):
                yield Section.CAPTION, _text_of(_resolve(record, str(caption.get("$ref") or "")))
        else:
            yield from _docling_text(item)
            yield from _docling_children(record, item, depth + 1)


def _docling_text(item: Json) -> Iterator[Piece]:
    label = str(item.get("label") or "")
    if label in _FURNITURE:
        return
    text = _text_of(item)
    if label in ("section_header", "title"):
        text = f"\n{text}\n"
    yield {"caption": Section.CAPTION, "reference": Section.REFERENCES}.get(label, Section.BODY), text


def _docling_table(record: Json, table: Json) -> Iterator[Piece]:
    for caption in _list(table.get("captions")):
        yield Section.CAPTION, _text_of(_resolve(record, str(caption.get("$ref") or "")))
    cells = table.get("data") if isinstance(table.get("data"), dict) else {}
    rows: dict[int, list[str]] = {}
    for cell in _list((cells or {}).get("table_cells")):
        rows.setdefault(_number(cell.get("start_row_offset_idx")), []).append(str(cell.get("text") or ""))
    if not rows:  # older versions have the grid alone
        grid = (cells or {}).get("grid")
        rows = {
            number: [_text_of(cell) for cell in _list(row)]
            for number, row in enumerate(grid if isinstance(grid, list) else [])
        }
    yield Section.TABLE, "\n".join(" ".join(row) for _, row in sorted(rows.items()))


def _resolve(record: Json, path: str) -> Json | None:
    """Return the item that a reference such as `#/texts/12` names."""
    parts = path.split("/")
    items = record.get(parts[1]) if len(parts) == 3 and parts[0] == "#" else None
    if isinstance(items, list) and parts[2].isdigit() and int(parts[2]) < len(items):
        item = items[int(parts[2])]
        return item if isinstance(item, dict) else None
    return None


def mineru_pieces(record: object) -> Iterator[Piece]:
    """Yield the pieces of a MinerU output in the order of its blocks."""
    if isinstance(record, dict):
        for page in _list(record.get("pdf_info")):
            for block in _list(page.get("para_blocks") or page.get("preproc_blocks")):
                yield from _mineru_lines(block, Section.BODY, 0)
        return
    for block in record if isinstance(record, list) else ():
        if isinstance(block, list):  # a page of content_list_v2
            yield from mineru_pieces(block)
        elif isinstance(block, dict):
            yield from _mineru_block(block)


def _mineru_block(block: Json) -> Iterator[Piece]:
    kind = str(block.get("type") or "")
    if kind in _FURNITURE:
        return
    if isinstance(content := block.get("content"), dict):  # content_list_v2 has a block's parts one level deeper
        block = {name: value for name, value in block.items() if name != "content"} | content
    section = (
        Section.REFERENCES if "ref_text" in (kind, block.get("sub_type"), block.get("list_type")) else Section.BODY
    )
    for name, value in block.items():
        if name.endswith(("_caption", "_footnote")):
            yield Section.CAPTION, _spans(value)
        elif name in ("table_body", "html"):
            yield Section.TABLE, _without_tags(str(value or ""))
        elif name in ("text", "code_body", "list_items", "content") or name.endswith("_content"):
            heading = bool(block.get("text_level")) or kind == "title"
            yield section, f"\n{_spans(value)}\n" if heading else _spans(value)


def _mineru_lines(block: Json, section: Section, depth: int) -> Iterator[Piece]:
    kind = str(block.get("type") or "")
    if kind in _FURNITURE or depth > _DEEPEST:
        return
    if kind.endswith(("_caption", "_footnote")):
        section = Section.CAPTION
    elif kind == "ref_text" or block.get("sub_type") == "ref_text":
        section = Section.REFERENCES
    lines = []
    for line in _list(block.get("lines")):
        spans = _list(line.get("spans"))
        lines.append(" ".join(str(span.get("content") or "") for span in spans))
        for span in spans:
            if span.get("html"):
                yield Section.TABLE, _without_tags(str(span["html"]))
    text = "\n".join(lines)
    yield section, f"\n{text}\n" if kind == "title" else text
    for child in _list(block.get("blocks")):
        yield from _mineru_lines(child, section, depth + 1)


def _spans(value: object, depth: int = 0) -> str:
    """A value as text: a string, a list of strings, or a list of spans with their content."""
    if isinstance(value, list) and depth < _DEEPEST:
        return "\n".join(_spans(part, depth + 1) for part in value)
    if isinstance(value, dict) and depth < _DEEPEST:
        known = ("content", "text", "item_content", "html")
        return " ".join(_spans(value[name], depth + 1) for name in known if name in value)
    return value if isinstance(value, str) else ""


def _without_tags(table: str) -> str:
    return _TAG.sub(lambda tag: "\n" if tag[0] == "</tr>" else " ", table)


def _text_of(item: Json | None) -> str:
    return str((item or {}).get("text") or (item or {}).get("orig") or "")


def _list(value: object) -> list[Json]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
