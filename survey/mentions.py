"""Mentions: every place in a text where a benchmark is named, counted or refused with its reason.

Two parts. An engine finds candidate places in one pass over the bytes of a text: hyperscan where its wheel exists,
plain `re` elsewhere. The rules of the lexicon then settle each candidate; they see a few dozen places per paper,
so they may be slow and readable.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

from survey.benchmarks import Lexicon

Place = tuple[int, int, int]  # start, end (bytes), pattern number
Engine = Callable[[bytes | memoryview], list[Place]]


@dataclass(frozen=True, slots=True)
class Mention:
    """One candidate place: `text[start:end]` names `benchmark` by `alias` (characters, not bytes).

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
        self._patterns = list(lexicon.aliases_by_pattern)
        self._scan = (engine or fastest_engine())(self._patterns)

    def find(self, text: bytes | memoryview) -> list[Mention]:
        """Return all mentions in UTF-8 `text` in their order: counted ones leftmost-longest, and refused ones.

        No two returned places overlap. Raises UnicodeDecodeError when a text with candidates is not UTF-8.
        """
        places = self._scan(text)
        if not places:
            return []
        decoded = str(text, "utf-8")
        if len(decoded) != len(text):
            places = _to_characters(places, text)
        in_order = sorted(set(places), key=lambda place: (place[0], -place[1], place[2]))  # leftmost, longest first
        judged = [mention for place in in_order for mention in self._judge(decoded, place)]
        kept = _without_overlaps([m for m in judged if m.counted])
        refused = [m for m in judged if not m.counted and not _overlaps_any(m, kept)]
        return sorted(kept + _without_overlaps(refused), key=lambda m: m.start)

    def counts(self, text: bytes | memoryview) -> dict[str, int]:
        """Return how often each benchmark is named in UTF-8 `text`; benchmarks not named are left out."""
        found: dict[str, int] = {}
        for mention in self.find(text):
            if mention.counted:
                found[mention.benchmark] = found.get(mention.benchmark, 0) + 1
        return found

    def _judge(self, text: str, place: Place) -> list[Mention]:
        """The verdict on one place: the first alias that takes it, else the refusal that says most."""
        start, end, pattern = place
        refused: list[Mention] = []
        for benchmark, alias in self.lexicon.aliases_by_pattern[self._patterns[pattern]]:
            reason = alias.refusal(text, start, end)
            if reason is None:
                return [Mention(benchmark.key, alias.spelling, start, end, True, alias.reason)]
            refused.append(Mention(benchmark.key, alias.spelling, start, end, False, reason))
        return refused[-1:]


def fastest_engine() -> Callable[[list[str]], Engine]:
    """Return hyperscan's engine where it is installed, else the one on plain `re`. Both give the same places."""
    try:
        import hyperscan  # noqa: F401
    except ImportError:
        return re_engine
    return hyperscan_engine


def hyperscan_engine(patterns: list[str]) -> Engine:
    """Return a scan that finds every place of `patterns` at some 2 GB/s (github.com/intel/hyperscan)."""
    import hyperscan

    flags = hyperscan.HS_FLAG_CASELESS | hyperscan.HS_FLAG_SOM_LEFTMOST
    database = hyperscan.Database()
    database.compile(
        expressions=[pattern.encode() for pattern in patterns],
        ids=list(range(len(patterns))),
        flags=[flags] * len(patterns),
    )

    def scan(text: bytes | memoryview) -> list[Place]:
        places: list[Place] = []

        def keep(pattern: int, start: int, end: int, _flags: int, _context: object) -> None:
            places.append((start, end, pattern))

        database.scan(text, match_event_handler=keep)  # type: ignore[type-var]  # takes any buffer
        return places

    return scan


def re_engine(patterns: list[str]) -> Engine:
    """Return a scan on the standard library alone: slow, plain, and the test oracle of the other."""
    # A lookahead finds overlapping places too.
    compiled = [re.compile(rf"(?=({pattern}))".encode(), re.IGNORECASE) for pattern in patterns]

    def scan(text: bytes | memoryview) -> list[Place]:
        return [
            (match.start(1), match.end(1), number)
            for number, regex in enumerate(compiled)
            for match in regex.finditer(text)
        ]

    return scan


def _to_characters(places: list[Place], text: bytes | memoryview) -> list[Place]:
    """Turn byte offsets into character offsets, walking the text once."""
    offsets = sorted({0} | {place[0] for place in places} | {place[1] for place in places})
    characters = {0: 0}
    for before, after in pairwise(offsets):
        characters[after] = characters[before] + len(str(text[before:after], "utf-8"))
    return [(characters[start], characters[end], pattern) for start, end, pattern in places]


def _without_overlaps(mentions: list[Mention]) -> list[Mention]:
    kept: list[Mention] = []
    for mention in mentions:
        if not kept or mention.start >= kept[-1].end:
            kept.append(mention)
    return kept


def _overlaps_any(mention: Mention, kept: list[Mention]) -> bool:
    return any(mention.start < other.end and other.start < mention.end for other in kept)
