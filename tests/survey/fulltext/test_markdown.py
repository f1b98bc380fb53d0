"""A collected paper is the text behind its header, and the header says which paper it is."""

from datetime import date

import pytest

from posttrain.errors import UnreadableError
from survey.fulltext import Section
from survey.fulltext.markdown import decode_text, identify_markdown, read_markdown
from survey.paper import ArxivId, IdSource
from tests.builders import FILLER, markdown_paper


def test_the_header_and_its_abstract_are_not_counted_twice() -> None:
    data = markdown_paper("2503.05592", "Abstract. We solve GSM8K.", abstract="We solve GSM8K.").encode()
    text = read_markdown(data)
    assert text.text.strip() == "Abstract. We solve GSM8K."
    assert text.title == "A Paper for the Tests"


def test_a_short_header_without_the_mark_is_left_out_too() -> None:
    data = b"# Title\n\n**Published**: 2025-03-07\n\n**URL**: http://arxiv.org/abs/2503.05592\n\nBODY\n"
    assert read_markdown(data).text.strip() == "BODY"
    assert identify_markdown(data).arxiv_id == ArxivId("2503.05592")


def test_the_header_gives_id_and_first_date() -> None:
    identity = identify_markdown(markdown_paper("2503.05592v1", FILLER).encode())
    assert identity.arxiv_id == ArxivId("2503.05592", 1)
    assert identity.source is IdSource.HEADER
    assert identity.title == "A Paper for the Tests"
    assert (identity.published, identity.is_first) == (date(2025, 3, 7), True)


def test_the_published_date_is_version_1s_whichever_version_the_file_holds() -> None:
    identity = identify_markdown(markdown_paper("2409.10038v4", FILLER, published="2024-09-16 08:00:00").encode())
    assert identity.arxiv_id == ArxivId("2409.10038", 4)
    assert (identity.published, identity.is_first) == (date(2024, 9, 16), True)


@pytest.mark.parametrize("published", ["unknown", "2025-13-07 00:00:00"])
def test_a_date_that_is_none_leaves_the_id(published: str) -> None:
    identity = identify_markdown(markdown_paper("2503.05592", FILLER, published=published).encode())
    assert identity.arxiv_id == ArxivId("2503.05592", 1)
    assert (identity.published, identity.is_first) == (None, False)


def test_the_header_speaks_before_a_stamp_and_before_what_the_abstract_cites() -> None:
    body = f"arXiv:2302.04761v2 [cs.CL] 9 Feb 2023\n{FILLER}"
    data = markdown_paper("2503.05592", body, abstract="As in arXiv:2201.11903.").encode()
    assert identify_markdown(data).arxiv_id == ArxivId("2503.05592", 1)


def test_a_text_without_a_header_is_read_whole() -> None:
    text = read_markdown(b"# My Notes\n\nWe solve GSM8K.\n")
    assert text.title == "My Notes"
    assert "We solve GSM8K." in text.text


def test_a_stamp_in_plain_text_gives_the_id() -> None:
    identity = identify_markdown(f"Learning to Count\narXiv:2302.04761v1 [cs.CL] 9 Feb 2023\n{FILLER}".encode())
    assert (identity.arxiv_id, identity.source) == (ArxivId("2302.04761", 1), IdSource.STAMP)
    assert (identity.published, identity.is_first) == (date(2023, 2, 9), True)
    assert identity.title == "Learning to Count"


def test_the_stamp_of_a_later_version_gives_no_first_date() -> None:
    assert not identify_markdown(b"arXiv:2302.04761v4 [cs.CL] 9 Feb 2024\n").is_first


def test_a_stamp_far_into_the_text_is_of_another_paper() -> None:
    data = f"{FILLER * 20}\narXiv:2302.04761v1 [cs.CL] 9 Feb 2023\n".encode()
    assert identify_markdown(data).arxiv_id is None


def test_a_bare_id_is_a_citation_and_only_dates_the_text() -> None:
    identity = identify_markdown(b"Learning to Count\nas shown in arXiv:2302.04761v1\n")
    assert (identity.arxiv_id, identity.source) == (None, IdSource.NONE)
    assert identity.inside == date(2023, 2, 1)


def test_references_are_told_from_the_body() -> None:
    text = read_markdown(markdown_paper("2503.05592", f"{FILLER}\nReferences\nCITED, 2020.").encode())
    assert text.section_at(text.text.index("CITED")) is Section.REFERENCES


def test_words_broken_at_a_line_end_are_joined() -> None:
    assert "TriviaQA" in read_markdown(markdown_paper("2503.05592", "on Trivi-\naQA").encode()).text


@pytest.mark.parametrize(
    "data",
    [
        "Gödel – α".encode(),
        "Gödel – α".encode("utf-8-sig"),
        "Gödel – α".encode("utf-16"),
        b"\xfe\xff" + "Gödel – α".encode("utf-16-be"),
    ],
    ids=["UTF-8", "UTF-8 with BOM", "UTF-16 little-endian", "UTF-16 big-endian"],
)
def test_unicode_is_read_in_each_of_its_encodings(data: bytes) -> None:
    assert decode_text(data) == "Gödel – α"


def test_a_header_in_utf_16_is_read() -> None:
    assert identify_markdown(markdown_paper("2503.05592", FILLER).encode("utf-16")).source is IdSource.HEADER


def test_bytes_that_are_not_utf_8_are_latin_1() -> None:
    assert decode_text("Gödel".encode("latin-1")) == "Gödel"


def test_a_few_nul_bytes_are_spaces() -> None:
    assert read_markdown(b"on GSM8K\x00\x00and MATH").text == "on GSM8K and MATH"


def test_many_nul_bytes_are_a_binary_file() -> None:
    with pytest.raises(UnreadableError, match="a binary file"):
        read_markdown(b"text" + bytes(501))


def test_a_text_past_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("survey.fulltext.markdown.MAX_TEXT", 1 << 20)
    with pytest.raises(UnreadableError, match="a text of 2 MB; expected at most 1"):
        decode_text(b"x" * (2 << 20))


def test_a_header_without_text_behind_it_is_refused() -> None:
    with pytest.raises(UnreadableError, match="without text behind its header"):
        read_markdown(markdown_paper("2503.05592", "").encode())
    with pytest.raises(UnreadableError, match="an empty file"):
        read_markdown(b"\n")
