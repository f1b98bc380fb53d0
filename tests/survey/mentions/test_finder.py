"""The finder: both engines see the same places, counting is additive, places are characters of the text."""

import re
from collections import Counter
from functools import partial

import pytest
from hypothesis import given, settings

from survey.mentions.finder import MentionFinder, fastest_engine, hyperscan_engine, re_engine
from survey.mentions.lexicon import load_lexicon
from tests.strategies import texts

LEXICON = load_lexicon()
FAST = MentionFinder(LEXICON, hyperscan_engine)
PLAIN = MentionFinder(LEXICON, re_engine)
PATTERNS = {alias.spelling: alias.pattern for benchmark in LEXICON.benchmarks for alias in benchmark.aliases}


@pytest.mark.slow
@given(texts())
@settings(max_examples=300)
def test_the_fast_engine_equals_the_plain_one(text: str) -> None:
    """Hyperscan against the standard library, on texts full of near misses."""
    encoded = text.encode()
    assert FAST.find(encoded) == PLAIN.find(encoded)


@pytest.mark.slow
@given(texts(), texts())
@settings(max_examples=200)
def test_counting_is_additive_over_paragraphs(one: str, other: str) -> None:
    """Two texts joined by a blank line have the mentions of both: no rule of a study looks past a paragraph.

    Only what a paper itself defines holds for all of it, and none of these texts defines anything.
    """
    one, other = one.strip("\n"), other.strip("\n")
    joined = FAST.counts(f"{one}\n\n{other}".encode())
    assert Counter(joined) == Counter(FAST.counts(one.encode())) + Counter(FAST.counts(other.encode()))


@given(texts())
@settings(max_examples=200)
def test_places_are_bytes_of_the_text_and_never_overlap(text: str) -> None:
    """Also behind characters of several bytes, each place holds the alias."""
    encoded, end = text.encode(), 0
    for mention in FAST.find(encoded):
        assert mention.start >= end
        assert re.fullmatch(PATTERNS[mention.alias], encoded[mention.start : mention.end].decode(), re.IGNORECASE)
        end = mention.end


def test_a_refused_place_says_why() -> None:
    """Nothing is dropped in silence: a near miss comes back with the rule that refused it."""
    (mention,) = FAST.find(b"we claimed it")
    assert (mention.benchmark, mention.counted, mention.reason) == ("aime", False, "inside the word 'claimed'")


def test_the_longest_name_wins() -> None:
    """`2WikiMultiHopQA` is one mention, by its full name."""
    (mention,) = FAST.find(b"on 2WikiMultiHopQA.")
    assert (mention.start, mention.end, mention.alias) == (3, 18, "2 wiki multi hop qa")


def test_a_name_broken_over_lines_is_one_mention() -> None:
    """A line break may stand where the name has a seam."""
    assert FAST.counts(b"Hotpot\nQA and SWE\nbench") == {"hotpotqa": 1, "swe-bench": 1}


def test_a_text_without_names_has_no_mentions() -> None:
    """Also the empty one."""
    assert FAST.find(b"") == PLAIN.find(b"") == []


def test_a_memoryview_is_as_good_as_bytes() -> None:
    """The cache hands out views, so that nothing is copied."""
    assert FAST.counts(memoryview(b"xx GSM8K xx")[3:8]) == {"gsm8k": 1}


def test_hyperscan_is_the_engine_here() -> None:
    """The suite compares the two engines, so the fast one must be the one in use."""
    assert isinstance(fastest_engine(), partial)
    assert fastest_engine().func is hyperscan_engine
