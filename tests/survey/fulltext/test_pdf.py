"""A PDF gives clean text and says by its stamp which paper it is; one without text is refused with the reason."""

import csv
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from posttrain.errors import UnreadableError
from survey.fulltext import Kind, Section, kind_of
from survey.fulltext.pdf import identify_pdf, read_pdf
from survey.paper import ArxivId, IdSource
from tests.builders import FILLER, make_pdf

STAMP = "arXiv:2302.04761v1  [cs.CL]  9 Feb 2023"


def test_every_line_of_every_page_is_read_in_order() -> None:
    text = read_pdf(make_pdf([f"FIRST\n{FILLER}\nSECOND", "THIRD"])).text
    assert [word for word in text.split() if word.isupper()] == ["FIRST", "SECOND", "THIRD"]
    assert text.count("Sentence 3 says") == 1


@pytest.mark.parametrize(
    ("broken", "whole"),
    [
        ("on Trivi-\naQA and", "on TriviaQA and"),
        ("in multi-\nple runs", "in multiple runs"),
        ("on SWE-\nbench and", "on SWE-bench and"),
        ("on GPQA-\nDiamond and", "on GPQA-Diamond and"),
    ],
)
def test_names_broken_at_a_line_end_are_whole(broken: str, whole: str) -> None:
    assert whole in read_pdf(make_pdf([f"{FILLER}\nWe test {broken} more."])).text


def test_no_control_character_is_left() -> None:
    text = read_pdf(make_pdf([f"{FILLER}\nmulti-\nple", "next page"])).text
    assert "\r" not in text
    assert all(char.isprintable() or char == "\n" for char in text)


def test_the_title_is_the_text_in_larger_type() -> None:
    pdf = make_pdf([FILLER], title="Learning to Count", stamp=STAMP)
    assert read_pdf(pdf).title == "Learning to Count"
    assert identify_pdf(pdf).title == "Learning to Count"


def test_a_page_in_one_size_has_no_title() -> None:
    assert read_pdf(make_pdf([FILLER])).title == ""


def test_references_are_told_from_the_body() -> None:
    text = read_pdf(make_pdf([FILLER, "References\nCITED, 2020."]))
    assert text.section_at(text.text.index("CITED")) is Section.REFERENCES
    assert text.section_at(text.text.index("Sentence 8")) is Section.BODY


def test_the_stamp_of_version_1_gives_id_and_first_date() -> None:
    identity = identify_pdf(make_pdf([FILLER], stamp=STAMP))
    assert identity.arxiv_id == ArxivId("2302.04761", 1)
    assert identity.source is IdSource.STAMP
    assert (identity.published, identity.is_first) == (date(2023, 2, 9), True)


def test_the_stamp_of_a_later_version_gives_no_first_date() -> None:
    identity = identify_pdf(make_pdf([FILLER], stamp="arXiv:2409.10038v4 [cs.AI] 31 Jan 2025"))
    assert identity.arxiv_id == ArxivId("2409.10038", 4)
    assert (identity.published, identity.is_first) == (date(2025, 1, 31), False)


def test_an_id_in_a_citation_is_not_the_papers() -> None:
    identity = identify_pdf(make_pdf([f"{FILLER}\nTools. arXiv preprint arXiv:2302.04761v1, 2023."]))
    assert identity.arxiv_id is None
    assert identity.source is IdSource.NONE
    assert identity.inside == date(2023, 2, 1)


def test_a_stamp_on_a_later_page_is_of_another_paper() -> None:
    assert identify_pdf(make_pdf([FILLER, f"Reprint\n{STAMP}"])).arxiv_id is None


def test_the_creation_date_speaks_before_what_is_cited() -> None:
    identity = identify_pdf(make_pdf([f"{FILLER}\nSmith, 2019."], created=date(2025, 3, 14)))
    assert identity.inside == date(2025, 3, 1)


def test_a_page_without_any_date_gives_none() -> None:
    assert identify_pdf(make_pdf([FILLER])).inside is None


@pytest.mark.parametrize("function", [read_pdf, identify_pdf])
def test_an_encrypted_pdf_is_refused_as_such(function: Callable[[bytes], object]) -> None:
    with pytest.raises(UnreadableError, match=r"^an encrypted PDF$"):
        function(make_pdf([FILLER], encrypt=True))


def test_a_pdf_without_pages_is_refused_for_that_also_behind_an_encrypted_one() -> None:
    """PDFium keeps the error of the file before."""
    with pytest.raises(UnreadableError, match="encrypted"):
        read_pdf(make_pdf([FILLER], encrypt=True))
    with pytest.raises(UnreadableError, match="without pages"):
        read_pdf(make_pdf([]))


@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.9])
def test_a_pdf_cut_short_is_damaged(part: float) -> None:
    pdf = make_pdf([FILLER] * 3)
    with pytest.raises(UnreadableError, match="a damaged PDF"):
        read_pdf(pdf[: int(len(pdf) * part)])


def test_a_page_without_a_text_layer_is_a_scan() -> None:
    with pytest.raises(UnreadableError, match="2 pages without a text layer"):
        read_pdf(make_pdf(["", "3"]))


def test_too_many_pages_are_no_paper(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("survey.fulltext.pdf._MAX_PAGES", 2)
    assert read_pdf(make_pdf([FILLER, ""]))
    with pytest.raises(UnreadableError, match="3 pages; expected 1 to 2"):
        read_pdf(make_pdf([FILLER, "", ""]))


def test_a_web_page_named_pdf_is_refused_by_its_first_bytes() -> None:
    with pytest.raises(UnreadableError, match="an HTML page named"):
        kind_of(b"<!DOCTYPE html><html>Please enable cookies</html>", "2302.04761.pdf")


@pytest.mark.corpus
def test_real_stamps_are_found_whatever_the_file_is_called(corpora: Path) -> None:
    with (corpora / "papers/papers.csv").open(newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["format"] == "pdf" and row["id_source"] == "stamp"]
    found = {}
    for row in rows:
        data = (corpora / "papers" / row["file"]).read_bytes()
        assert kind_of(data, "9999.99999_wrong.pdf") is Kind.PDF
        identity = identify_pdf(data)
        assert identity.source is IdSource.STAMP
        found[row["file"]] = identity.arxiv_id.id if identity.arxiv_id else None
    assert found == {row["file"]: row["arxiv_id"] for row in rows}
    assert len(found) == 16
