"""Discovery: benchmarks that the lexicon does not know yet, from the names in the texts.

A name is a candidate when enough papers call it a benchmark in words, when these are a good part of all papers that
name it, and when no more call it something else. Every candidate shows these counts, so that a reader can
judge it, and comes with a stanza for a study.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cached_property

from posttrain.errors import NothingMatchedError
from posttrain.statistics import Share, share_of, wilson
from survey.mentions.candidates import Naming, key_of, names_in
from survey.mentions.finder import MentionFinder, re_engine
from survey.mentions.lexicon import Lexicon, load_lexicon
from survey.period import Period, period_of
from survey.store.chosen import chosen_texts, each_text
from survey.store.papers import Store

LEAST = 3  # papers that call a candidate a benchmark
LEAST_SHARE = 0.12  # of the papers that name it: the lower bound of Wilson's interval must reach this
BLOCK = 2_000  # papers after which rare names are dropped
_ENOUGH = 30  # papers of a period whose share is compared


class Order(StrEnum):
    """The order of the candidates."""

    PAPERS = "papers"
    GROWTH = "growth"


@dataclass(frozen=True)
class Candidate:
    """A name that may be a benchmark, with the evidence for and against it."""

    name: str
    spellings: tuple[str, ...]  # the commonest first
    papers: int  # that name it outside their references
    scored: int  # with it in a caption, or in a table of scores
    called: int  # that call it a benchmark, data set or test set in words
    otherwise: int  # that call it a model, method or metric, or train on it
    first_month: date | None
    before: Share | None  # of the papers of the first period with enough papers, those that name it
    after: Share | None  # of the last
    paper: str  # the earliest paper that calls it a benchmark
    offset: int  # the first byte of the name there
    note: str  # why the lexicon refuses this spelling, where it does

    @cached_property
    def growth(self) -> float | None:
        """By how much the share of papers rose from the first to the last period with enough papers."""
        return self.after.share - self.before.share if self.before and self.after else None


@dataclass(slots=True)
class _Tally:
    """The counts of one name over all papers so far."""

    missed: int  # blocks that were over when it was first counted
    papers: int = 0
    scored: int = 0
    called: int = 0
    otherwise: int = 0
    months: dict[date, int] = field(default_factory=dict)
    spellings: dict[str, int] = field(default_factory=dict)
    earliest: tuple[bool, date, str, int] = (True, date.max, "", 0)  # (not called a benchmark, month, paper, offset)


class Names:
    """The names in many papers. Add every paper once, in any order.

    After each block of papers a name is dropped that no more papers name than blocks are over (lossy counting: Manku
    and Motwani, VLDB 2002). So memory follows the common names, and a count is at most one too low per block: 100 of
    200,000 papers. Up to one block every count is exact.
    """

    def __init__(self, block: int = BLOCK) -> None:
        self.papers = 0
        self.months: Counter[date] = Counter()
        self.tallies: dict[str, _Tally] = {}
        self._block = block

    def add(self, paper: str, published: date | None, names: Mapping[str, Naming]) -> None:
        """Count the names in one paper; `published` may be any day of its month."""
        month = published.replace(day=1) if published else None
        self.papers += 1
        if month:
            self.months[month] += 1
        for key, naming in names.items():
            tally = self.tallies.get(key) or self.tallies.setdefault(key, _Tally((self.papers - 1) // self._block))
            tally.papers += 1
            tally.scored += naming.scored
            tally.called += naming.called
            tally.otherwise += naming.otherwise
            tally.spellings[naming.spelling] = tally.spellings.get(naming.spelling, 0) + 1
            if month:
                tally.months[month] = tally.months.get(month, 0) + 1
            tally.earliest = min(tally.earliest, (not naming.called, month or date.max, paper, naming.offset))
        if self.papers % self._block == 0:
            over = self.papers // self._block
            self.tallies = {key: tally for key, tally in self.tallies.items() if tally.papers + tally.missed > over}


def discover(
    store: Store, by: Period = Period.QUARTER, advance: Callable[[int, int], None] = lambda done, of: None
) -> list[Candidate]:
    """Return the candidates in all texts of a store. Raises NothingMatchedError where there is no text."""
    chosen = chosen_texts(store)
    if not chosen:
        raise NothingMatchedError("no paper has a text yet", "survey extract")
    names = Names()
    for done, (number, text) in enumerate(each_text(store, chosen), start=1):
        copies = chosen[number][0]
        published = next((copy.published for copy in copies if copy.published), None)
        names.add(copies[0].paper, published, names_in(text))
        advance(done, len(chosen))
    return candidates(names, load_lexicon(), by=by)


def candidates(
    names: Names, lexicon: Lexicon, order: Order = Order.PAPERS, by: Period = Period.QUARTER, least: int = LEAST
) -> list[Candidate]:
    """Return the names that look like benchmarks and that `lexicon` does not count, the strongest first.

    By papers: those that call it a benchmark, then those that name it. By growth: the rise of its share between the
    first and the last period `by` with at least 30 papers. `least` is of papers that call it a benchmark.
    """
    finder = MentionFinder(lexicon, re_engine)
    aliases = {key_of(alias.spelling) for benchmark in lexicon.benchmarks for alias in benchmark.aliases}
    notes = {key_of(spelling): reason for spelling, reason in lexicon.study.refused.items()}
    totals = _totals(names.months, by)
    enough = {period: n for period, n in totals.items() if n >= _ENOUGH}
    likely = [
        _candidate(tally, enough, by, notes.get(key, ""))
        for key, tally in names.tallies.items()
        if tally.called >= least and is_benchmark(tally.papers, tally.called, tally.otherwise)
        and not _is_known(tally, finder, aliases)
    ]  # fmt: skip
    ranks = {
        Order.PAPERS: lambda c: (-c.called, -c.papers, c.name, c.paper, c.offset),
        Order.GROWTH: lambda c: (-(c.growth or 0), -c.called, c.name, c.paper, c.offset),
    }
    return sorted(likely, key=ranks[order])


def is_benchmark(papers: int, called: int, otherwise: int) -> bool:
    """Return whether a name that papers speak of in these numbers is a candidate.

    As many papers must call it a benchmark as something else, and they must be a good part of all that name it: a
    firm or a field is also once called a data set, by few of the many papers that name it.
    """
    return called >= otherwise and wilson(called, papers)[0] >= LEAST_SHARE


def stanza(name: str) -> str:
    """Return the table of a study that counts `name`, ready to paste; its key then goes into the list of a domain.

    A name that is an English word but for its capitals (DROP, Spider, Natural Questions) counts only with them.
    """
    spelling = name.replace("τ", "tau").replace("-", " ").replace("_", " ")
    words = spelling.split()
    rules = f"spelling = {_quoted(' '.join(words).lower())}"
    if all(word.isalpha() and word.isupper() for word in words) and len(words) == 1:
        rules += ', case = "upper", glued = false'
    elif all(word.isalpha() and word.istitle() for word in words):
        rules += ', case = "capital", glued = false'
    key = key_of(name) if not name.endswith("s") else key_of(name) + "s"
    return (
        f"[benchmarks.{_quoted(key)}]\nname = {_quoted(name)}\n"
        f'aliases = [\n    {{ {rules}, reason = "the benchmark\'s name", counts = {_quoted(" ".join(words))} }},\n]\n'
    )


def _candidate(tally: _Tally, totals: Mapping[str, int], by: Period, note: str) -> Candidate:
    ranked = sorted(tally.spellings, key=lambda spelling: (-tally.spellings[spelling], spelling))
    counts = _totals(tally.months, by)
    before: Share | None = None
    after: Share | None = None
    if len(totals) > 1:
        before, after = (share_of(counts[period], totals[period]) for period in (min(totals), max(totals)))
    _, _, paper, offset = tally.earliest
    return Candidate(
        ranked[0], tuple(ranked), tally.papers, tally.scored, tally.called, tally.otherwise,
        min(tally.months, default=None), before, after, paper, offset, note,
    )  # fmt: skip


def _is_known(tally: _Tally, finder: MentionFinder, aliases: set[str]) -> bool:
    """Whether the lexicon counts the commonest spelling, or would count it near the words that an alias asks for."""
    spelling = max(tally.spellings, key=lambda spelling: (tally.spellings[spelling], spelling))
    return key_of(spelling) in aliases or any(mention.counted for mention in finder.find(spelling.encode()))


def _totals(months: Mapping[date, int], by: Period) -> Counter[str]:
    totals: Counter[str] = Counter()
    for month, papers in months.items():
        totals[period_of(month, by)] += papers
    return totals


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)  # a TOML basic string too
