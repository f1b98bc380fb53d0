"""A file is what its first bytes say, and goes to the reader of its kind."""

import gzip
import json
from datetime import date

import pytest

from posttrain.errors import UnreadableError
from survey.fulltext import PREFERENCE, Kind, identify, kind_of, read
from survey.paper import ArxivId, IdSource
from tests.builders import FILLER, latex, make_pdf, make_tar, markdown_paper

RECORD = json.dumps({"paper_id": "2212.11764", "body_text": [{"text": "BODY"}]}).encode()
TEI = b'<TEI xmlns="http://www.tei-c.org/ns/1.0"><text><body><p>BODY</p></body></text></TEI>'
PDF = make_pdf([f"BODY\n{FILLER}"], stamp="arXiv:2302.04761v1 [cs.CL] 9 Feb 2023")
SOURCE = latex("BODY").encode()


@pytest.mark.parametrize(
    ("data", "name", "kind"),
    [
        (PDF, "2302.04761.pdf", Kind.PDF),
        (PDF, "paper.tex", Kind.PDF),
        (PDF, "2302.04761", Kind.PDF),
        (b"junk before it\n" + PDF, "paper.pdf", Kind.PDF),
        (make_tar({"main.tex": SOURCE}), "2302.04761.gz", Kind.LATEX),
        (make_tar({"main.tex": SOURCE}), "2302.04761v1.pdf", Kind.LATEX),
        (make_tar({"main.tex": SOURCE}, gz=False), "paper.tar", Kind.LATEX),
        (SOURCE, "main.tex", Kind.LATEX),
        (b"# Title", "paper.md", Kind.MARKDOWN),
        (b"Title", "PAPER.TXT", Kind.MARKDOWN),
        (RECORD, "paper.json", Kind.RECORD),
        (TEI, "paper.tei.xml", Kind.TEI),
        (TEI, "paper", Kind.TEI),
        (b'\xef\xbb\xbf\n<?xml version="1.0"?>' + TEI, "paper.txt", Kind.TEI),
    ],
    ids=[
        "PDF",
        "PDF named .tex",
        "PDF without a suffix",
        "PDF after junk",
        "tar.gz",
        "tar.gz named .pdf",
        "tar",
        "LaTeX",
        "Markdown",
        "text",
        "record",
        "TEI",
        "TEI without a suffix",
        "TEI after a BOM",
    ],
)
def test_a_file_is_what_its_first_bytes_say(data: bytes, name: str, kind: Kind) -> None:
    assert kind_of(data, name) is kind


@pytest.mark.parametrize(
    ("data", "name", "reason"),
    [
        (b"", "paper.pdf", "an empty file"),
        (b" \n\n", "paper.md", "an empty file"),
        (b"<html>Please enable cookies", "paper.pdf", "an HTML page named .pdf"),
        pytest.param(b"\x89PNG\r\n\x1a\n", "figure.png", "a PNG image, which no paper comes in", id="PNG"),
        (b"some text", "README", "a text, which no paper comes in"),
    ],
)
def test_what_is_no_paper_is_refused_with_the_reason(data: bytes, name: str, reason: str) -> None:
    with pytest.raises(UnreadableError, match=reason):
        kind_of(data, name)


@pytest.mark.parametrize(
    ("kind", "data", "surface"),
    [
        (Kind.PDF, PDF, "pdf"),
        (Kind.LATEX, SOURCE, "latex"),
        (Kind.LATEX, gzip.compress(SOURCE, mtime=0), "latex"),
        (Kind.LATEX, make_tar({"main.tex": SOURCE}), "latex"),
        (Kind.LATEX, gzip.compress(PDF, mtime=0), "pdf"),
        (Kind.MARKDOWN, markdown_paper("2503.05592", "BODY").encode(), "text"),
        (Kind.RECORD, RECORD, "unarxive"),
        (Kind.TEI, TEI, "tei"),
    ],
    ids=["PDF", "LaTeX", "gzip of LaTeX", "tar.gz", "gzip of a PDF", "Markdown", "record", "TEI"],
)
def test_every_kind_has_its_reader(kind: Kind, data: bytes, surface: str) -> None:
    text = read(kind, data)
    assert text.surface == surface
    assert text.text.count("BODY") == 1


@pytest.mark.parametrize(
    ("kind", "data", "expected", "source"),
    [
        (Kind.PDF, PDF, ArxivId("2302.04761", 1), IdSource.STAMP),
        (Kind.LATEX, gzip.compress(PDF, mtime=0), ArxivId("2302.04761", 1), IdSource.STAMP),
        (Kind.LATEX, SOURCE, None, IdSource.NONE),
        (Kind.MARKDOWN, markdown_paper("2503.05592v2", "BODY").encode(), ArxivId("2503.05592", 2), IdSource.HEADER),
        (Kind.RECORD, RECORD, ArxivId("2212.11764"), IdSource.RECORD),
        (Kind.TEI, TEI, None, IdSource.NONE),
    ],
    ids=["PDF", "gzip of a PDF", "LaTeX", "Markdown", "record", "TEI"],
)
def test_every_kind_says_which_paper_it_is(kind: Kind, data: bytes, expected: ArxivId | None, source: IdSource) -> None:
    identity = identify(kind, data)
    assert (identity.arxiv_id, identity.source) == (expected, source)


def test_a_source_has_no_id_though_it_cites_some_and_their_date_can_speak_against_its_name() -> None:
    files = {"main.tex": latex("as in arXiv:2302.04761", r"\title{Learning to Count}"), "refs.bib": "year = {2024}"}
    identity = identify(Kind.LATEX, make_tar(files))
    assert (identity.arxiv_id, identity.source) == (None, IdSource.NONE)
    assert identity.title == "Learning to Count"
    assert identity.inside == date(2024, 1, 1)


def test_a_source_that_cannot_be_read_is_still_dated() -> None:
    identity = identify(Kind.LATEX, make_tar({"main.tex": latex(r"\input{main} since 2024")}))
    assert (identity.title, identity.inside) == ("", date(2024, 1, 1))


@pytest.mark.parametrize("function", [read, identify])
def test_an_archive_of_figures_is_refused(function: type[object]) -> None:
    with pytest.raises(UnreadableError, match="an archive without a"):
        function(Kind.LATEX, make_tar({"figure.png": b"\x89PNG"}))  # type: ignore[call-arg]


def test_a_source_that_prints_nothing_is_refused() -> None:
    with pytest.raises(UnreadableError, match="a LaTeX source without text"):
        read(Kind.LATEX, latex("% nothing").encode())


def test_every_surface_has_its_place_in_the_order_of_preference() -> None:
    assert sorted(PREFERENCE) == sorted(Kind)
    assert PREFERENCE[0] is Kind.LATEX
