"""Text comes out in one shape, and words that a line end broke are whole again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey.fulltext.normalise import normalise


@pytest.mark.parametrize(
    ("broken", "whole"),
    [
        ("Trivi-\naQA", "TriviaQA"),
        ("multi-\nple", "multiple"),
        ("SWE-\nbench", "SWE-bench"),
        ("GPQA-\nDiamond", "GPQA-Diamond"),
        ("GSM-\n8K", "GSM-8K"),
        ("Hotpot-  \n  QA", "Hotpot-QA"),
        ("Trivi\x02aQA", "TriviaQA"),  # as pypdfium2 marks a line-end hyphen
        ("SWE\x02\nbench", "SWE-bench"),
        ("Trivi\u00ad\naQA", "TriviaQA"),  # fonts whose hyphen is the soft one
        ("SWE\u2010\nbench", "SWE-bench"),
        ("Trivi-\r\naQA", "TriviaQA"),
    ],
)
def test_only_two_lower_case_halves_lose_the_hyphen_of_a_line_end(broken: str, whole: str) -> None:
    assert normalise(broken, join_hyphens=True) == whole


def test_a_hyphen_inside_a_line_or_before_a_blank_line_stays() -> None:
    assert normalise("well-known -\nitem", join_hyphens=True) == "well-known -\nitem"
    assert normalise("end-\n\nbegin", join_hyphens=True) == "end-\n\nbegin"


def test_source_that_is_not_set_in_lines_keeps_its_line_ends() -> None:
    assert normalise("Trivi-\naQA", join_hyphens=False) == "Trivi-\naQA"


@pytest.mark.parametrize("dash", "‐‑‒–—―−－")
def test_every_dash_is_the_same_dash(dash: str) -> None:
    assert normalise(f"SWE{dash}bench", join_hyphens=True) == "SWE-bench"


@pytest.mark.parametrize("invisible", ["\u00ad", "\u200b", "\u200d", "\u2060", "\ufeff", "\u202a"])
def test_characters_that_nobody_sees_do_not_cut_a_name(invisible: str) -> None:
    assert normalise(f"Trivia{invisible}QA", join_hyphens=True) == "TriviaQA"


def test_ligatures_and_wide_letters_become_plain_ones() -> None:
    assert normalise("ﬁne ＧＳＭ８Ｋ e\u0301", join_hyphens=True) == "fine GSM8K é"


def test_a_form_feed_ends_a_paragraph_and_blank_lines_are_one() -> None:
    assert normalise("one\x0ctwo\n \n\n\nthree", join_hyphens=True) == "one\n\ntwo\n\nthree"


@given(st.text())
def test_no_text_keeps_a_control_character_or_two_blank_lines(text: str) -> None:
    once = normalise(text, join_hyphens=False)
    assert not [char for char in once if char not in "\t\n" and (ord(char) < 0x20 or 0x7F <= ord(char) < 0xA0)]
    assert "\n\n\n" not in once


@pytest.mark.parametrize(
    ("broken", "whole"),
    [
        # the numbers of a review copy, in order; a zero leads, or one stands in a word
        ("041 on Musi-\n042 que and\n043 others", "on Musique and\nothers"),
        ("7 on Musi-\n8 que and\n9 others", "on Musique and\nothers"),
        ("on Musi\x02018 que and\n019 others", "on Musique and\nothers"),
        ("on Musi-\n018\nque and\n019\nothers", "on Musique and\nothers"),
        # no line numbers: out of order, a list, a year
        ("12 on\n14 things", "12 on\n14 things"),
        ("1 One\n2 Two\n3 Three", "1 One\n2 Two\n3 Three"),
        ("2023 was\n2024 is", "2023 was\n2024 is"),
        # a page ends in a word: its foot and the next one's head go behind the word
        ("on Musi-\n7\nPublished as a paper\nque here", "on Musique\n7\nPublished as a paper here"),
        ("on Musi-\n\nPreprint. Under review.\n\nque here", "on Musique\nPreprint. Under review. here"),
        ("A title\nb\nA title\nMusi-\nA title\n9\nque", "A title\nb\nA title\nMusique\nA title\n9"),
        ("on GSM-\n\n8K here", "on GSM-8K here"),
        # none of these is a page
        ("see Musi-\nA new line\nque", "see Musi-A new line\nque"),
        ("Methods-\n7\n2 Related", "Methods-7\n2 Related"),
    ],
)
def test_a_word_is_whole_whatever_stands_between_its_halves(broken: str, whole: str) -> None:
    assert normalise(broken, join_hyphens=True) == whole


def test_source_that_is_not_set_in_lines_keeps_its_numbers_and_tags() -> None:
    text = "041 on <b>Musi</b>\n042 que"
    assert normalise(text, join_hyphens=False) == text
