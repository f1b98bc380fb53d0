"""Mentions: every place in a text where a benchmark is named, counted or refused with its reason.

Two parts. An engine finds candidate places in one pass over the bytes of a text: hyperscan where its wheel exists,
plain `re` elsewhere. The rules of the lexicon then settle each candidate; they see a few dozen places per paper,
so they may be slow and readable.
"""

import re
from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from survey.mentions.abbreviations import introduced, uses
from survey.mentions.lexicon import CONTEXT, Lexicon, LexiconName

Place = tuple[int, int, int]  # start, end (bytes), pattern number: (17, 22, 3) for the `GSM8K` of a text
Engine = Callable[[bytes | memoryview], list[Place]]
# Bytes on either side of a place that its rules look at; a character has at most four.
_NEIGHBOURS = 4 * 40
_CONTEXT = 4 * CONTEXT + 4
_LONGEST = 120  # bytes of a name, for the engine on `re`


class Mention(NamedTuple):
    """One candidate place: bytes `start` to `end` of a UTF-8 text name `benchmark` by `alias`.

    Where `counted` is false, `reason` says which rule refused it; else why the alias counts.
    """

    benchmark: str
    alias: str
    start: int
    end: int
    counted: bool
    reason: str


class MentionFinder:
    """Finds the mentions of one lexicon. Build it once: compiling the patterns takes longer than reading a paper."""

    def __init__(self, lexicon: Lexicon, engine: Callable[[list[str]], Engine] | None = None) -> None:
        self.lexicon = lexicon
        patterns = list(lexicon.aliases_by_pattern)
        self._aliases = [lexicon.aliases_by_pattern[pattern] for pattern in patterns]
        self._rims = [
            _CONTEXT if any(alias.near or alias.not_near or alias.expands for _, alias in aliases) else _NEIGHBOURS
            for aliases in self._aliases
        ]
        self._scan = (engine or fastest_engine())(patterns)

    def find(self, text: bytes | memoryview) -> list[Mention]:
        """Return all mentions in UTF-8 `text` in their order: counted ones leftmost-longest, and refused ones.

        No two returned places overlap.
        """
        places = self._scan(text)
        if not places:
            return []
        kept: list[Mention] = []
        refused: list[Mention] = []
        others: dict[str, str] = {}  # the names that this paper gives to something else, with the reason
        end = 0  # of the last counted mention: a place that overlaps it need not be judged
        for start, stop, pattern in sorted(set(places), key=_leftmost_longest):
            if start >= end:
                mention = self._judge(text, start, stop, pattern, others)
                if mention.counted:
                    kept.append(mention)
                    end = stop
                else:
                    refused.append(mention)
        kept = self._with_abbreviations(text, kept)
        if not refused:
            return kept
        alone = [mention for mention in refused if not _overlaps_any(mention, kept)]
        return sorted(kept + _without_overlaps(alone), key=lambda mention: mention.start)

    def counts(self, text: bytes | memoryview) -> dict[str, int]:
        """Return how often each benchmark is named in UTF-8 `text`; benchmarks not named are left out."""
        counts: dict[str, int] = {}
        for mention in self.find(text):
            if mention.counted:
                counts[mention.benchmark] = counts.get(mention.benchmark, 0) + 1
        return counts

    def _with_abbreviations(self, text: bytes | memoryview, kept: list[Mention]) -> list[Mention]:
        """Add the places of the abbreviations that the paper introduces beside a counted name."""
        if self.lexicon.name is LexiconName.PRINTED:
            return kept
        short = list(introduced(text, [(m.benchmark, m.start, m.end) for m in kept]))
        if not short:
            return kept
        added = [
            Mention(form.benchmark, form.short, start, end, True, f"the paper's own abbreviation of {form.name}")
            for start, end, form in uses(text, short)
        ]
        whole = sorted(kept + added, key=lambda mention: (mention.start, -mention.end))
        return _without_overlaps(whole)

    def _judge(self, text: bytes | memoryview, start: int, end: int, pattern: int, others: dict[str, str]) -> Mention:
        """The verdict on one place: the first alias that takes it, else the refusal of the last.

        Where the paper gives a name to something else, that is added to `others`, for the places behind it. Only the
        surroundings that the rules look at are decoded; a character cut at their rim is dropped.
        """
        rim = self._rims[pattern]
        before = str(text[max(0, start - rim) : start], "utf-8", "ignore")
        around = before + str(text[start : end + rim], "utf-8", "ignore")
        first, last = len(before), len(before) + len(str(text[start:end], "utf-8", "ignore"))
        for benchmark, alias in self._aliases[pattern]:
            reason = alias.refusal(around, first, last)
            if alias.expands and not reason:
                key = f"{benchmark.key} {alias.spelling}"
                if another := alias.other(around, first, last):
                    others[key] = another
                reason = others.get(key)
            if reason is None:
                return Mention(benchmark.key, alias.spelling, start, end, True, alias.reason)
        return Mention(benchmark.key, alias.spelling, start, end, False, reason or "")


def fastest_engine(starts: bool = True) -> Callable[[list[str]], Engine]:
    """Return hyperscan's engine where it is installed, else the one on plain `re`. Both give the same places."""
    try:
        import hyperscan  # noqa: F401
    except ImportError:
        return re_engine
    return partial(hyperscan_engine, starts=starts)


def hyperscan_engine(patterns: list[str], starts: bool = True) -> Engine:
    """Return a scan that finds every place of `patterns` at some 2 GB/s (github.com/intel/hyperscan).

    Without `starts` it takes patterns of any length, and gives only the end of a place.
    """
    import hyperscan

    flags = hyperscan.HS_FLAG_CASELESS | (hyperscan.HS_FLAG_SOM_LEFTMOST if starts else 0)
    database = hyperscan.Database()
    try:
        database.compile(
            expressions=[pattern.encode() for pattern in patterns],
            ids=list(range(len(patterns))),
            flags=[flags] * len(patterns),
        )
    except hyperscan.HyperscanError:
        if not starts:
            raise
        return re_engine(patterns)  # a pattern that only `re` knows: slower, with the same places

    def scan(text: bytes | memoryview) -> list[Place]:
        places: list[Place] = []

        def keep(pattern: int, start: int, end: int, _flags: int, _context: object) -> None:
            places.append((start, end, pattern))

        database.scan(text, match_event_handler=keep)  # type: ignore[type-var]  # takes any buffer
        return places

    return scan


def matcher(pattern: str) -> Callable[[bytes], bool]:
    r"""Return a function that says whether UTF-8 matches a pattern, in any case; \b and \w know ASCII letters alone.

    Hyperscan takes a twentieth of the time of `re`, over hundreds of thousands of abstracts seconds.
    """
    if fastest_engine() is re_engine:
        regex = re.compile(pattern.encode(), re.IGNORECASE)
        return lambda text: regex.search(text) is not None
    scan = hyperscan_engine([pattern], starts=False)
    return lambda text: bool(scan(text))


def re_engine(patterns: list[str]) -> Engine:
    """Return a scan on the standard library alone: slow, plain, and the test oracle of the other."""
    compiled = [re.compile(pattern.encode(), re.IGNORECASE) for pattern in patterns]
    # A lookahead finds overlapping places too; each may end at several bytes, as `SWE-?bench( Lite)?` does.
    starts = [re.compile(rf"(?={pattern})".encode(), re.IGNORECASE) for pattern in patterns]

    def scan(text: bytes | memoryview) -> list[Place]:
        return [
            (match.start(), end, number)
            for number, regex in enumerate(starts)
            for match in regex.finditer(text)
            for end in range(match.start() + 1, min(match.start() + _LONGEST, len(text)) + 1)
            if compiled[number].fullmatch(text, match.start(), end)
        ]

    return scan


def _leftmost_longest(candidate: Place) -> Place:
    start, end, pattern = candidate
    return start, -end, pattern


def _without_overlaps(mentions: list[Mention]) -> list[Mention]:
    kept: list[Mention] = []
    for mention in mentions:
        if not kept or mention.start >= kept[-1].end:
            kept.append(mention)
    return kept


def _overlaps_any(mention: Mention, kept: list[Mention]) -> bool:
    return any(mention.start < other.end and other.start < mention.end for other in kept)
