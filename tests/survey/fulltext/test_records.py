"""Parsed papers in four shapes: their text, their sections, and an id that is never one they cite."""

import itertools
import json
from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest

from posttrain.errors import UnreadableError
from survey.fulltext import Section, Text
from survey.fulltext.records import (
    first_version_created,
    identify_record,
    identify_row,
    identify_tei,
    read_record,
    read_row,
    read_tei,
)
from survey.paper import ArxivId, IdSource

Shape = dict[str, Any]


def unarxive() -> Shape:
    """Return a paper in the shape of unarXive 2022: placeholders in the text, raw references, full metadata."""
    return {
        "paper_id": "2212.11764",
        "_pdf_hash": None,
        "_source_name": "2212.11764.gz",
        "metadata": {
            "id": "2212.11764",
            "title": "Learning to\n  Count",
            "doi": None,
            "versions": [
                {"version": "v1", "created": "Thu, 22 Dec 2022 14:58:22 GMT"},
                {"version": "v2", "created": "Mon, 2 Jan 2023 10:00:00 GMT"},
            ],
            "update_date": "2023-01-03",
        },
        "abstract": {"section": "Abstract", "text": "  ABSTRACT here.\n", "cite_spans": [], "ref_spans": []},
        "body_text": [
            {
                "section": "Introduction",
                "sec_type": "section",
                "content_type": "paragraph",
                "text": "BODY as {{cite:05b0f5d3}} and {{formula:c5b4b426-8834}} in {{table:aa}} show.\n",
                "cite_spans": [{"start": 8, "ref_id": "05b0f5d3"}],
            }
        ],
        "bib_entries": {
            "05b0f5d3": {
                "bib_entry_raw": "A. Author, CITED, arXiv:2201.11903, 2022.",
                "ids": {"arxiv_id": "2201.11903"},
            }
        },
        "ref_entries": {
            "c5b4b426": {"latex": "x^2", "type": "formula"},
            "aa": {"caption": "CAPTION of it", "type": "table"},
        },
    }


def s2orc() -> Shape:
    """Return a paper in the shape of S2ORC's doc2json, from a PDF."""
    paragraph = {"cite_spans": [], "ref_spans": [], "eq_spans": [], "sec_num": "1"}
    return {
        "paper_id": "N18-3011",
        "header": {"generated_with": "S2ORC 1.0.0", "date_generated": "2021-02-12T10:00:43.166943Z"},
        "title": "Learning to Count",
        "authors": [],
        "year": "",
        "abstract": "ABSTRACT here.",
        "pdf_parse": {
            "paper_id": "N18-3011",
            "abstract": [{"text": "ABSTRACT here.", "section": "Abstract", **paragraph}],
            "body_text": [{"text": "BODY here.", "section": "Introduction", **paragraph}],
            "back_matter": [{"text": "BACK here.", "section": "Acknowledgments", **paragraph}],
            "bib_entries": {
                "BIBREF0": {"ref_id": "b0", "title": "CITED arXiv:1706.03762", "year": 2017, "venue": "Proceedings"}
            },
            "ref_entries": {
                "FIGREF0": {"text": "CAPTION of a figure", "latex": None, "type": "figure"},
                "TABREF0": {
                    "text": "Scores",
                    "type_str": "table",
                    "content": "<table><tr><td>CELL</td><td>81</td></tr></table>",
                },
            },
        },
    }


def papermage(symbols: str) -> Shape:
    """Return a paper in the shape of PaperMage: its text as one string."""
    return {"symbols": symbols, "metadata": {}, "entities": {"tokens": [], "rows": [], "pages": []}, "relations": {}}


def tei(body: str = "<p>BODY</p>", idno: str = "", doctype: str = "", title: str = "Learning to Count") -> bytes:
    """Return a paper in the shape of GROBID's TEI."""
    return f"""<?xml version="1.0" encoding="UTF-8"?>{doctype}
<TEI xml:space="preserve" xmlns="http://www.tei-c.org/ns/1.0">
  <teiHeader xml:lang="en">
    <fileDesc>
      <titleStmt><title level="a" type="main">{title}</title></titleStmt>
      <sourceDesc><biblStruct>{idno}</biblStruct></sourceDesc>
    </fileDesc>
    <profileDesc><abstract><p>ABSTRACT</p></abstract></profileDesc>
  </teiHeader>
  <text xml:lang="en">
    <body>{body}<figure><head>Table 1</head><figDesc>CAPTION</figDesc></figure></body>
    <back>
      <div type="acknowledgement"><p>BACK</p></div>
      <div type="references"><listBibl><biblStruct><analytic><title>CITED</title></analytic>
        <idno type="arXiv">arXiv:1706.03762</idno><date type="published" when="2017"/></biblStruct></listBibl></div>
    </back>
  </text>
</TEI>""".encode()


def encoded(record: object) -> bytes:
    """Return `record` as the bytes of a JSON file."""
    return json.dumps(record).encode()


def sections(text: Text) -> dict[str, Section]:
    """Return the section of every word in capitals; each may stand in the text only once."""
    words = [word for word in text.text.split() if word.isupper()]
    assert len(words) == len(set(words))
    return {word: text.section_at(text.text.index(word)) for word in words}


def test_unarxive_is_read_by_section() -> None:
    text = read_record(encoded(unarxive()))
    assert (text.surface, text.title) == ("unarxive", "Learning to Count")
    found = {word: text.section_at(text.text.index(word)) for word in ("ABSTRACT", "BODY", "CAPTION", "CITED")}
    assert list(found.values()) == [Section.BODY, Section.BODY, Section.CAPTION, Section.REFERENCES]


def test_placeholders_are_no_text() -> None:
    text = read_record(encoded(unarxive())).text
    assert " ".join(text.split()).count("BODY as and in show.") == 1
    assert "{{" not in text


def test_s2orc_is_read_by_section_and_its_abstract_once() -> None:
    text = read_record(encoded(s2orc()))
    assert (text.surface, text.title) == ("s2orc", "Learning to Count")
    assert sections(text) == {
        "ABSTRACT": Section.BODY,
        "BODY": Section.BODY,
        "CAPTION": Section.CAPTION,
        "CELL": Section.TABLE,
        "BACK": Section.APPENDIX,
        "CITED": Section.REFERENCES,
    }


def test_papermage_is_read_as_text_set_in_lines() -> None:
    body = "on Trivi-\naQA. " * 20
    text = read_record(encoded(papermage(f"Learning to\nCount\n{body}\nReferences\nCITED\n")))
    assert text.surface == "papermage"
    assert text.title == "Learning to Count"
    assert text.text.count("TriviaQA") == 20
    assert text.section_at(text.text.index("CITED")) is Section.REFERENCES


def test_tei_is_read_by_section() -> None:
    text = read_tei(tei())
    assert (text.surface, text.title) == ("tei", "Learning to Count")
    assert sections(text) == {
        "ABSTRACT": Section.BODY,
        "BODY": Section.BODY,
        "CAPTION": Section.CAPTION,
        "BACK": Section.APPENDIX,
        "CITED": Section.REFERENCES,
    }


def test_the_record_gives_id_title_and_the_date_of_version_1() -> None:
    identity = identify_record(encoded(unarxive()))
    assert (identity.arxiv_id, identity.source) == (ArxivId("2212.11764"), IdSource.RECORD)
    assert identity.title == "Learning to Count"
    assert (identity.published, identity.is_first) == (date(2022, 12, 22), True)


def test_a_papermage_file_is_known_by_the_stamp_near_its_beginning() -> None:
    identity = identify_record(encoded(papermage("Learning to Count\narXiv:2304.02623v1 [cs.HC] 5 Apr 2023\n")))
    assert (identity.arxiv_id, identity.source) == (ArxivId("2304.02623", 1), IdSource.STAMP)
    assert (identity.published, identity.is_first) == (date(2023, 4, 5), True)


@pytest.mark.parametrize(
    ("data", "identify", "newest"),
    [
        (encoded(s2orc()), identify_record, date(2021, 1, 1)),
        (encoded({**unarxive(), "paper_id": None, "metadata": None}), identify_record, date(2022, 12, 1)),
        (encoded(papermage("Learning to Count\nas in arXiv:2201.11903v1\n")), identify_record, date(2022, 1, 1)),
        (tei(), identify_tei, date(2017, 6, 1)),
    ],
    ids=["s2orc", "unarxive", "papermage", "tei"],
)
def test_a_cited_id_is_never_the_papers(data: bytes, identify: Callable[..., Any], newest: date) -> None:
    identity = identify(data)
    assert (identity.arxiv_id, identity.source) == (None, IdSource.NONE)
    assert identity.inside == newest


def test_a_tei_header_may_state_the_id() -> None:
    identity = identify_tei(tei(idno='<idno type="arXiv">arXiv:2004.07180v3[cs.CL]</idno>'))
    assert (identity.arxiv_id, identity.source) == (ArxivId("2004.07180", 3), IdSource.RECORD)
    assert identity.title == "Learning to Count"


def test_a_number_of_another_kind_in_a_tei_header_is_no_id() -> None:
    assert identify_tei(tei(idno='<idno type="report">2004.07180</idno>')).arxiv_id is None


# Hostile and broken files


def test_external_entities_are_not_resolved(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("PRIVATE")
    doctype = f'<!DOCTYPE TEI [<!ENTITY x SYSTEM "{secret.as_uri()}">]>'
    data = tei("&x;<p>BODY &x;</p>", doctype=doctype, title="T &x;")
    text = read_tei(data)
    assert "BODY" in text.text
    assert "PRIVATE" not in text.text
    assert "PRIVATE" not in identify_tei(data).title


def test_an_external_doctype_is_not_loaded(tmp_path: Path) -> None:
    grammar = tmp_path / "x.dtd"
    grammar.write_text('<!ENTITY x "PRIVATE">')
    with pytest.raises(UnreadableError, match="not XML"):
        read_tei(tei("<p>&y</p>", doctype=f'<!DOCTYPE TEI SYSTEM "{grammar.as_uri()}">'))
    assert "PRIVATE" not in read_tei(tei("<p>&x;</p>", doctype=f'<!DOCTYPE TEI SYSTEM "{grammar.as_uri()}">')).text


def test_entities_that_multiply_each_other_are_not_expanded() -> None:
    names = "abcdefghij"
    laughs = "".join(f'<!ENTITY {two} "{f"&{one};" * 10}">' for one, two in itertools.pairwise(names))
    data = tei("<p>BODY &j;</p>", doctype=f'<!DOCTYPE TEI [<!ENTITY a "laugh">{laughs}]>')
    try:
        text = read_tei(data).text
    except UnreadableError as error:
        text = str(error)
    assert len(text) < 1_000


def test_comments_between_the_paragraphs_are_no_text() -> None:
    assert "HIDDEN" not in read_tei(tei("<!-- HIDDEN --><p>BODY</p>")).text


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"<TEI><p>", "not XML"),
        (b"<html><body>Please enable cookies</body></html>", "XML with the root <html>; expected GROBID's <TEI>"),
        (b"<TEI>without its namespace</TEI>", "XML with the root <TEI>"),
        (b'<TEI xmlns="http://www.tei-c.org/ns/1.0"></TEI>', "a TEI file without text"),
    ],
)
def test_xml_that_is_no_paper_is_refused_with_the_reason(data: bytes, reason: str) -> None:
    with pytest.raises(UnreadableError, match=reason):
        read_tei(data)


@pytest.mark.parametrize("read", [read_record, identify_record])
@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"{", "broken JSON"),
        (b"[1, 2]", "unknown shape .list."),
        (b'{"a": 1, "b": 2}', "unknown shape .a, b."),
        (b'{"body_text": ' + b"[" * 100_000 + b"]" * 100_000 + b"}", "broken JSON"),
        (b'{"a":' * 100_000, "broken JSON"),
        pytest.param(bytes(600), "a binary file", id="zeros"),
    ],
)
def test_json_that_is_no_paper_is_refused_with_the_reason(
    read: Callable[[bytes], object], data: bytes, reason: str
) -> None:
    with pytest.raises(UnreadableError, match=reason):
        read(data)


def test_a_record_without_text_is_refused() -> None:
    with pytest.raises(UnreadableError, match="without text"):
        read_record(b'{"body_text": [], "bib_entries": null, "ref_entries": null}')


# Rows


def test_a_row_states_id_version_title_and_date() -> None:
    row = {
        "arxiv_id": "2503.05592",
        "version": "v2",
        "title": "Learning\n to Count",
        "published": "2025-03-07T17:14:44",
    }
    identity = identify_row(row)
    assert (identity.arxiv_id, identity.source) == (ArxivId("2503.05592", 2), IdSource.RECORD)
    assert identity.title == "Learning to Count"
    assert (identity.published, identity.is_first) == (date(2025, 3, 7), True)


@pytest.mark.parametrize("published", [datetime(2025, 3, 7, 17), date(2025, 3, 7), "2025-03-07"])
def test_the_date_of_a_row_may_have_any_type(published: object) -> None:
    assert identify_row({"id": "2503.05592v1", "published": published}).published == date(2025, 3, 7)


def test_the_list_of_versions_speaks_before_the_published_date() -> None:
    versions = [{"version": "v1", "created": "Mon, 2 Apr 2007 19:18:42 GMT"}]
    assert identify_row({"id": "0704.0001", "published": "2008-01-01", "versions": versions}).published == date(
        2007, 4, 2
    )


def test_a_row_without_a_date_has_no_first_date() -> None:
    identity = identify_row({"id": "2503.05592", "published": None})
    assert (identity.published, identity.is_first) == (None, False)


def test_a_row_without_an_id_is_refused_with_what_was_found() -> None:
    with pytest.raises(UnreadableError, match=r"no arXiv id in arxiv_id or id: found 'doi:10\.1/x'"):
        identify_row({"id": "doi:10.1/x"})


@pytest.mark.parametrize("versions", [None, "v1", [3], [{"version": "v2", "created": "x"}], [{"version": "v1"}]])
def test_versions_without_a_first_date_give_none(versions: object) -> None:
    assert first_version_created(versions) is None


def test_the_text_of_a_row_is_text_set_in_lines() -> None:
    text = read_row("on Trivi-\naQA", "Learning to Count")
    assert (text.text, text.title) == ("on TriviaQA", "Learning to Count")
    with pytest.raises(UnreadableError, match="empty text"):
        read_row(" \n", "Learning to Count")
