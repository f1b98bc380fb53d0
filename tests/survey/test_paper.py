"""A paper is known by an id that arXiv can have given, and a file's name is believed only where its content agrees."""

from datetime import date

import pytest

from survey.paper import (
    ArxivId,
    find_arxiv_id,
    find_stamp,
    first_version_date,
    name_is_plausible,
    newest_date_inside,
    titles_agree,
)

TODAY = date(2026, 6, 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2302.04761", ArxivId("2302.04761")),
        ("2302.04761v3.pdf", ArxivId("2302.04761", 3)),
        ("http://arxiv.org/pdf/2503.05592v12", ArxivId("2503.05592", 12)),
        ("arXiv:1412.6980v9", ArxivId("1412.6980", 9)),  # four digits of number until 1412
        ("abs/hep-th/9901001v2", ArxivId("hep-th/9901001", 2)),
        ("math.GT/0309136", ArxivId("math.GT/0309136")),
    ],
)
def test_ids_of_both_schemes_are_found_with_their_version(text: str, expected: ArxivId) -> None:
    assert find_arxiv_id(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "2313.04761",  # month 13
        "2300.04761",  # month 0
        "0612.1234",  # before April 2007 ids looked otherwise
        "2302.0476",  # five digits of number since 1501
        "1412.69801",
        "2302.047612",
        "12302.04761",
        "hep-th/9913001",
        "version 10.2302.04761",  # the tail of a longer number
        "no id at all",
    ],
)
def test_digits_that_arxiv_never_gave_are_no_id(text: str) -> None:
    assert find_arxiv_id(text) is None


def test_an_impossible_id_is_passed_over_for_a_possible_one() -> None:
    assert find_arxiv_id("scored 2399.00001 points, see 2501.12948") == ArxivId("2501.12948")


def test_a_version_of_zero_is_no_version() -> None:
    assert find_arxiv_id("2302.04761v0") == ArxivId("2302.04761")


@pytest.mark.parametrize(
    ("identifier", "month"),
    [
        ("2302.04761", date(2023, 2, 1)),
        ("0704.0001", date(2007, 4, 1)),
        ("hep-th/9901001", date(1999, 1, 1)),
        ("cs/0102003", date(2001, 2, 1)),
    ],
)
def test_the_month_of_version_1_stands_in_the_id(identifier: str, month: date) -> None:
    assert ArxivId(identifier).month == month


def test_a_stamp_gives_id_version_and_date() -> None:
    stamp = find_stamp("arXiv:2302.04761v1  [cs.CL]  9 Feb 2023\nToolmaker")
    assert stamp is not None
    assert stamp.arxiv_id == ArxivId("2302.04761", 1)
    assert stamp.date == date(2023, 2, 9)


def test_a_stamp_may_be_broken_over_lines_and_stand_anywhere_on_the_page() -> None:
    stamp = find_stamp("Abstract and text\narXiv:2409.10038v4\n[cs.AI]\n31 Jan 2025 1")
    assert stamp is not None
    assert (stamp.arxiv_id.version, stamp.date) == (4, date(2025, 1, 31))


@pytest.mark.parametrize(
    "text",
    [
        "arXiv:2302.04761",  # as a reference list writes it
        "arXiv preprint arXiv:2302.04761v1, 2023",
        "arXiv:2302.04761v1 [cs.CL]",
        "arXiv:2302.04761v1 [cs.CL] 31 Feb 2023",  # no such day
        "arXiv:2302.04761v1 [cs.CL] 9 Foo 2023",
        "arXiv:2313.04761v1 [cs.CL] 9 Feb 2023",
    ],
)
def test_less_than_a_full_stamp_may_be_a_citation_and_does_not_count(text: str) -> None:
    assert find_stamp(text) is None


def test_a_period_goes_by_the_stated_date_only_where_it_is_version_1s() -> None:
    paper = ArxivId("2305.18290", 3)
    assert first_version_date(paper, date(2023, 5, 29), is_first=True) == date(2023, 5, 29)
    assert first_version_date(paper, date(2024, 7, 29), is_first=False) == date(2023, 5, 1)
    assert first_version_date(paper, None, is_first=False) == date(2023, 5, 1)


@pytest.mark.parametrize(
    ("inside", "plausible"),
    [
        (date(2023, 2, 1), True),
        (date(2025, 2, 1), True),  # two years after: a late version
        (date(2025, 3, 1), False),
        (date(2020, 2, 1), True),  # three years before: an old bibliography
        (date(2020, 1, 1), False),
        (None, False),
    ],
)
def test_a_name_is_believed_within_years_of_the_newest_date_inside(inside: date | None, plausible: bool) -> None:
    assert name_is_plausible(ArxivId("2302.04761"), inside) is plausible


def test_the_newest_date_inside_is_of_an_id_or_a_year() -> None:
    assert newest_date_inside("as in 2021, and arXiv:2302.04761", TODAY) == date(2023, 2, 1)
    assert newest_date_inside("arXiv:2302.04761, and again in 2024", TODAY) == date(2024, 1, 1)


def test_dates_to_come_and_digits_inside_numbers_are_no_dates() -> None:
    assert newest_date_inside("by 2050 we hope; 120240 examples; arXiv:2607.00001", TODAY) is None
    assert newest_date_inside("", TODAY) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Learning to Reason", "LEARNING TO REASON"),
        ("Gödel Machines at Work", "Godel machines at work"),
        ("Multi-hop Questions", "Multihop Questions"),
        ("Plan and Act: Improving Planning of Agents", "Plan and Act: Improving Planning"),
    ],
)
def test_titles_agree_whatever_the_case_accents_hyphens_and_lost_ends(one: str, other: str) -> None:
    assert titles_agree(one, other)
    assert titles_agree(other, one)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Tools for Language Models", "Dark Matter in Dwarf Galaxies"),
        ("", "Dark Matter in Dwarf Galaxies"),
        ("???", "Dark Matter in Dwarf Galaxies"),
    ],
)
def test_titles_of_two_papers_or_of_none_do_not_agree(one: str, other: str) -> None:
    assert not titles_agree(one, other)


def test_a_stated_date_that_the_id_excludes_is_not_believed() -> None:
    """An update's or a journal's date in the column of version 1's leaves the month of the id."""
    paper = ArxivId("2501.00001")
    assert first_version_date(paper, date(2024, 12, 31), True) == date(2024, 12, 31)
    assert first_version_date(paper, date(2025, 1, 31), True) == date(2025, 1, 31)
    for wrong in (date(2025, 2, 1), date(2030, 1, 1), date(2019, 6, 1), date(2024, 11, 30)):
        assert first_version_date(paper, wrong, True) == date(2025, 1, 1)
