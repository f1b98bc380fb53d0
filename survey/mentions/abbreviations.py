"""Abbreviations that a paper introduces for a benchmark, and the places where it then uses them.

"We use LiveCodeBench (LCB; Jain et al., 2024). LCB-Easy is …": LCB names many things, so no study counts it. In this
paper, behind this sentence, it names LiveCodeBench. The introduction itself adds no mention, as the name beside it is
counted.
"""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from survey.mentions.surroundings import is_address

_REACH = 140  # bytes behind a name in which its abbreviation can be introduced
_BEFORE = 40  # and before it, in a legend: "LCB: LiveCodeBench"
_SHORT = r"[A-Z0-9][A-Za-z0-9+-]{1,9}"
_QUOTES = r"[*_“”\"'’‘]{0,3}"
# LiveCodeBench-v6 benchmark [12] (henceforth “LCB”; Jain et al., 2024)
_BEHIND = re.compile(
    r"(?P<words>[\w+-]{0,20}"
    r"(?:\s(?:v?\d[\w.]{0,8}|[Bb]enchmark|[Dd]ata ?set|test set|tasks?|suite|environment|[A-Z][a-z]+)){0,3})\**"
    r"(?:\s?\[[\d,\s–-]{1,20}\]|\s?\([^()]{3,60}\d{4}[a-z]?\))?"  # its citation
    rf"\s?\({_QUOTES}(?:(?:henceforth|hereafter|hereinafter|denoted|abbreviated|in short|short|abbr\.?|aka|or|i\.e\.)"
    rf"(?:\s(?:as|by|to|:))?,?\s)?{_QUOTES}(?P<short>{_SHORT}){_QUOTES}"
    r"\s?(?:[;,)]|\s(?:for short|henceforth|hereafter))"
)
# "LCB (" before the name, or a legend's "LCB: ", "LCB = ", "LCB stands for "
_LEGEND = re.compile(
    rf"(?<![\w-])(?P<short>{_SHORT}){_QUOTES}\s?"
    r"(?:\(|:\s|=\s?|(?:denotes|stands for|refers to|is short for|abbreviates)\s(?:the\s)?)$"
)
_AUTHOR = re.compile(rb",? [A-Z]\.")  # HE, K.
_WORDS_BACK = 5


class Abbreviation(NamedTuple):
    """A short form of a benchmark in one paper, and the byte from which it counts."""

    short: str
    benchmark: str
    name: str
    start: int


class Use(NamedTuple):
    """One place where a paper uses its own abbreviation."""

    start: int
    end: int
    abbreviation: Abbreviation


def introduced(text: bytes | memoryview, names: Sequence[tuple[str, int, int]]) -> Iterator[Abbreviation]:
    """Yield the abbreviations that are introduced beside `names`: (benchmark, start, end) of each counted mention."""
    for benchmark, start, end in names:
        behind = bytes(text[end : end + _REACH])
        if b"(" in behind:
            match = _BEHIND.match(str(behind, "utf-8", "ignore"))
            if match:
                name = str(text[start:end], "utf-8", "ignore")
                if _shortens(match["short"], name + match["words"]):
                    # "LiveCodeBench v6 (LCB)" names the benchmark once more than its edition
                    stop = match.start("short") if match["words"].strip() else match.end()
                    yield Abbreviation(
                        match["short"], benchmark, name, end + len(match.string[:stop].encode()),
                    )  # fmt: skip
        before = str(text[max(0, start - _BEFORE) : start], "utf-8", "ignore")
        if before[-1:] in ("(", " ", "=", ":") and (match := _LEGEND.search(before)):
            name = str(text[start:end], "utf-8", "ignore")
            if _shortens(match["short"], name):
                yield Abbreviation(match["short"], benchmark, name, end)


def uses(text: bytes | memoryview, abbreviations: Sequence[Abbreviation]) -> list[Use]:
    """Return the places where these abbreviations are used, in the order of the text.

    The same letters may be given to another thing further on ("TruthfulQA (TQA)"); from there they count no more.
    """
    places: list[Use] = []
    first: dict[tuple[str, str], Abbreviation] = {}
    for abbreviation in abbreviations:
        first.setdefault((abbreviation.short, abbreviation.benchmark), abbreviation)
    again = {abbreviation.start for abbreviation in abbreviations}  # introductions, repeated in every chapter
    for abbreviation in first.values():
        for match in _pattern(abbreviation.short).finditer(text, abbreviation.start):
            start, end = match.span()
            if _is_another(text, start, end, abbreviation):
                break
            is_introduction = any(end < start_again <= end + 24 for start_again in again) or _heads_legend(text, end)
            if not (is_introduction or _AUTHOR.match(text, end) or _in_address(text, start, end)):
                places.append(Use(start, end, abbreviation))
    return sorted(places)


@lru_cache(maxsize=1000)
def _pattern(short: str) -> re.Pattern[bytes]:
    # 'HE' of 'HE+' and of 'HE-Pro', but not of 'SHE' or 'GPT-HE'
    return re.compile(rb"(?<![A-Za-z0-9_-])" + re.escape(short.encode()) + rb"(?![A-Za-z0-9])")


def _in_address(text: bytes | memoryview, start: int, end: int) -> bool:
    before = str(text[max(0, start - _REACH) : start], "utf-8", "ignore")
    around = before + str(text[start : end + _BEFORE], "utf-8", "ignore")
    return is_address(around, len(before), len(before) + end - start)


def _heads_legend(text: bytes | memoryview, end: int) -> bool:
    return bytes(text[end : end + 1]) == b"=" or bytes(text[end : end + 13]) == b" stands for "


def _is_another(text: bytes | memoryview, start: int, end: int, abbreviation: Abbreviation) -> bool:
    """Say whether the paper gives the short form to something else here: "TruthfulQA (TQA)"."""
    if bytes(text[start - 1 : start]) != b"(" or bytes(text[end : end + 1]) not in (b")", b";", b","):
        return False
    words = str(text[max(0, start - 80) : start - 1], "utf-8", "ignore").split()[-_WORDS_BACK:]
    spelt = (" ".join(words[-count:]).strip("*_“”\"'") for count in range(1, len(words) + 1))
    own = abbreviation.name.lower()
    return any(
        _shortens(abbreviation.short, name) and own not in name.lower()
        for name in spelt
        if name[:1].isupper()
    )  # fmt: skip


def _shortens(short: str, name: str) -> bool:
    """Say whether a short form has letters of a name in their order, the first included, and is not its beginning.

    LCB shortens LiveCodeBench. GSM does not shorten GSM8K: it heads GSM-Plus and GSM-Hard too. Nor does EM, which is a
    measure.
    """
    letters = [char for char in short.lower() if char.isalnum()]
    long = [char for char in name.lower() if char.isalnum()]
    if sum(char.isupper() or char.isdigit() for char in short) < 2 or short.isdigit() or not long:
        return False
    if long[: len(letters)] == letters or letters[0] != long[0]:
        return False
    rest = iter(long)
    return all(letter in rest for letter in letters)
