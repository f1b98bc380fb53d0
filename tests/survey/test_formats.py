"""Formats: papers come in many files, are read whole or say what is missing, and lists and notices are no papers."""

import gzip
import json

import pytest

from survey.fulltext import Kind, kind_of, read
from survey.fulltext.sections import Section
from survey.status import status
from survey.store.papers import Store
from tests.builders import FILLER, latex, latexml, make_pdf, markdown_paper
from tests.chain import DATA, counts, read_texts, save, save_table, sources, take_in, texts

NAMES = "We use GSM8K, GSM8K and GSM8K in 2025."


def _docling(**parts: object) -> str:
    return json.dumps({"schema_name": "DoclingDocument", "version": "1.3.0", "name": "x", **parts})


def _text(label: str, text: str, **more: object) -> dict[str, object]:
    return {"label": label, "text": text, **more}


TABLE = {
    "captions": [{"$ref": "#/texts/2"}],
    "data": {
        "table_cells": [{"text": "SVAMP", "start_row_offset_idx": 0}, {"text": "90.1", "start_row_offset_idx": 1}]
    },
}
DOCLING = _docling(
    texts=[
        _text("title", "On Otters"), _text("page_header", "ASDiv runs along"), _text("caption", "Table 1: MuSiQue."),
        _text("text", NAMES), _text("section_header", "References"), _text("list_item", "[1] HotpotQA. 2024."),
        _text("text", "QASPER on the margin", content_layer="furniture"),
    ],
    tables=[TABLE],
    groups=[{"label": "list", "children": [{"$ref": "#/texts/5"}]}],
    body={"children": [{"$ref": f"#/{item}"} for item in (
        "texts/0", "texts/1", "texts/3", "tables/0", "texts/6", "texts/4", "groups/0", "texts/99", "nowhere/1",
    )]},
)  # fmt: skip
BLOCKS = [
    {"type": "text", "text": "On Otters", "text_level": 1, "page_idx": 0},
    {"type": "header", "text": "ASDiv runs along", "page_idx": 0},
    {"type": "text", "text": NAMES, "page_idx": 0},
    {"type": "table", "table_caption": ["Table 1: MuSiQue."], "page_idx": 1,
     "table_body": "<table><tr><td>SVAMP</td><td>90.1</td></tr></table>"},
    {"type": "text", "text": "References", "text_level": 1, "page_idx": 2},
    {"type": "list", "sub_type": "ref_text", "list_items": ["[1] HotpotQA. 2024."], "page_idx": 2},
]  # fmt: skip
PAGES = [
    [{"type": "title", "content": {"title_content": [{"type": "text", "content": "On Otters"}]}},
     {"type": "page_header", "content": {"page_header_content": [{"type": "text", "content": "ASDiv"}]}},
     {"type": "paragraph", "content": {"paragraph_content": [{"type": "text", "content": NAMES}]}}],
    [{"type": "table", "content": {"table_caption": [{"content": "Table 1: MuSiQue."}],
                                   "html": "<table><tr><td>SVAMP</td></tr></table>"}},
     {"type": "title", "content": {"title_content": [{"content": "References"}]}},
     {"type": "list", "content": {"list_type": "ref_text",
                                  "list_items": [{"item_content": [{"content": "[1] HotpotQA."}]}]}}],
]  # fmt: skip


def _block(kind: str, text: str, **more: object) -> dict[str, object]:
    return {"type": kind, "lines": [{"spans": [{"type": "text", "content": text}]}], **more}


MIDDLE = {
    "pdf_info": [
        {"para_blocks": [
            _block("title", "On Otters"), _block("text", NAMES),
            {"type": "table", "blocks": [
                _block("table_caption", "Table 1: MuSiQue."),
                {"type": "table_body", "lines": [{"spans": [{"html": "<table><td>SVAMP</td></table>"}]}]},
            ]},
            _block("title", "References"), _block("list", "[1] HotpotQA. 2024.", sub_type="ref_text"),
        ], "discarded_blocks": [_block("discarded", "ASDiv")]},
    ],
}  # fmt: skip


LAYOUTS = {
    "docling.json": DOCLING,
    "content_list.json": json.dumps(BLOCKS),
    "content_list_v2.json": json.dumps(PAGES),
    "middle.json": json.dumps(MIDDLE),
}


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_blocks_of_a_converter_are_a_paper(name: str) -> None:
    """Its body, table and caption count, its reference list is one, and page heads are left out."""
    content = LAYOUTS[name].encode()
    text = read(kind_of(content, name), content)
    assert [text.section_at(text.text.index(word)) for word in ("GSM8K", "HotpotQA")] == [
        Section.BODY, Section.REFERENCES,
    ]  # fmt: skip
    assert "ASDiv" not in text.text
    assert "QASPER" not in text.text
    assert text.title.startswith("On Otters")
    assert {word: text.text.count(word) for word in ("GSM8K", "SVAMP", "MuSiQue", "HotpotQA")} == {
        "GSM8K": 3, "SVAMP": 1, "MuSiQue": 1, "HotpotQA": 1,
    }  # fmt: skip


def test_a_document_of_docling_without_a_body_is_read_in_the_order_of_its_texts() -> None:
    content = _docling(texts=[_text("text", "First."), _text("text", "Second.")], tables=[TABLE]).encode()
    assert read(Kind.RECORD, content).text.split() == ["First.", "Second.", "SVAMP", "90.1"]


NAMED: dict[str, bytes | str] = {
    "2501.00001.mmd": f"# On Otters\n\n{NAMES}",
    "2501.00001.latex": latex(NAMES),
    "2501.00001": latex(NAMES),
    "2501.00001.md.gz": gzip.compress(f"# On Otters\n\n{NAMES}".encode()),
    "2501.00001.gz": gzip.compress(latex(NAMES).encode()),
    "2501.00001.pdf.gz": gzip.compress(make_pdf([f"{NAMES}\n{FILLER}"])),
    "page.html.gz": gzip.compress(latexml("2501.00001v1", "On Otters", f"<p>{NAMES}</p>")),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMED)
def test_a_paper_is_read_whatever_its_file_is_called(name: str) -> None:
    take_in(save(name, NAMED[name]))
    read_texts()
    assert counts() == {"2501.00001": {"gsm8k": 3}}


def test_a_packed_snapshot_is_read_line_by_line() -> None:
    """A withdrawn paper in it is refused by name."""
    lines = [{"id": "2501.00001", "title": "Otters"}, {"id": "2501.00002", "comments": "Withdrawn by the author"}]
    result = take_in(save("s.jsonl.gz", gzip.compress("\n".join(map(json.dumps, lines)).encode())))
    assert [source.paper for source in sources()] == ["2501.00001"]
    assert result.skipped == [("papers/s.jsonl.gz:2", "withdrawn, as the comments of its metadata say")]


def test_a_withdrawn_row_of_a_table_is_refused() -> None:
    columns = {"arxiv_id": ["2501.00001", "2501.00002"], "published": ["2025-01-02"] * 2, "title": ["A", "B"],
               "text": [NAMES] * 2, "comments": ["12 pages", "This article is withdrawn"]}  # fmt: skip
    take_in(save_table("t.parquet", columns))
    assert [source.paper for source in sources()] == ["2501.00001"]


def test_a_paper_that_speaks_of_a_withdrawal_is_a_paper() -> None:
    """A long text with the same words tells of another paper."""
    save("a.md", markdown_paper("2501.00001", "This paper has been withdrawn, they wrote. " + NAMES + FILLER * 9))
    take_in()
    read_texts()
    assert counts() == {"2501.00001": {"gsm8k": 3}}


@pytest.mark.slow
def test_a_cell_may_hold_a_list_of_paragraphs() -> None:
    columns = {"arxiv_id": ["2501.00001"], "published": ["2025-01-02"], "title": ["A"], "text": [["GSM8K.", "SVAMP."]]}
    take_in(save_table("t.parquet", columns))
    read_texts()
    assert texts()["2501.00001"][1] == "GSM8K.\nSVAMP."


def _in_part() -> list[dict[str, str]]:
    with Store(DATA) as store:
        flow = status(store)["flow"]
    return list(flow["in_part"])


@pytest.mark.slow
def test_a_text_that_is_whole_only_in_part_says_so() -> None:
    save("a.pdf", make_pdf([f"{NAMES}\n{FILLER}"] + ["3"] * 9, stamp="arXiv:2501.00001v1 [cs.CL] 9 Jan 2025"))
    take_in()
    read_texts()
    assert _in_part() == [{"arxiv_id": "2501.00001", "missing": "9 of 10 pages without text"}]


@pytest.mark.slow
def test_a_whole_copy_is_read_before_one_in_part() -> None:
    """HTML comes before PDF, but not where its conversion broke off."""
    cut = f"<p>Conversion to HTML had a Fatal error and exited abruptly.</p><p>{FILLER}</p>"
    save("a.html", latexml("2501.00001v1", "On Otters", cut))
    take_in()
    read_texts()
    assert _in_part() == [{"arxiv_id": "2501.00001", "missing": "the conversion to HTML broke off"}]
    save("a.pdf", make_pdf([f"{NAMES}\n{FILLER}"], stamp="arXiv:2501.00001v1 [cs.CL] 9 Jan 2025"))
    take_in()
    read_texts()
    assert _in_part() == []
    assert counts() == {"2501.00001": {"gsm8k": 3}}


def test_macros_that_a_conversion_did_not_know_are_noted() -> None:
    body = f'<p>{FILLER} <span class="ltx_ERROR undefined">\\gsm</span> <span class="ltx_ERROR">\\gsm</span></p>'
    text = read(Kind.HTML, latexml("2501.00001v1", "On Otters", body))
    assert text.note == r"2 uses of macros that the conversion to HTML did not know: \gsm"
