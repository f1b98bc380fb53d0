"""A simulated field whose true trend tables are known: papers of `tests.fake_arxiv`, with texts whose counts are drawn.

What a paper says follows from its id and the seed, so nothing has to be kept, and a paper that the server announces
late has a text as well.
"""

import gzip
import random
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from survey.arxiv.ledger import Ledger
from survey.arxiv.listed import Listed, one_line
from survey.harvest import Window
from survey.mentions.domain import Rule
from survey.mentions.lexicon import load_lexicon
from survey.trends.domain import domain_trends
from survey.warehouse.database import Warehouse
from tests.builders import FILLER, latex, make_pdf
from tests.fake_arxiv.content import Lazy
from tests.fake_arxiv.papers import FakePaper

THRESHOLDS = range(1, 11)
_NAMES = {benchmark.key: benchmark.name for benchmark in load_lexicon().benchmarks}
_DOMAINS = load_lexicon().domains
_NEAR_MISSES = ["claimed", "birds", "VisualWebArena"]

Table = dict[tuple[str, str], tuple[int, int]]  # (year, domain) → (k, n)


@dataclass(frozen=True)
class Field:
    """What every paper of a seed says."""

    seed: int
    pdf_share: float = 0.0  # of the papers that have no source, only a PDF

    def counts(self, paper: str) -> Counter[str]:
        """How often a paper names each benchmark."""
        rng = random.Random(f"counts {self.seed} {paper}")
        return Counter({key: rng.choice([1, 3, 4, 5, 6, 9]) for key in rng.sample(sorted(_NAMES), rng.randint(0, 3))})

    def text(self, paper: str) -> str:
        """The words of a paper: its mentions, and words that only look like some, in any order."""
        words = [_NAMES[key] for key in self.counts(paper).elements()] + _NEAR_MISSES
        random.Random(f"order {self.seed} {paper}").shuffle(words)
        return f"{' '.join(words)}. {FILLER}"

    def content(self) -> Mapping[str, Lazy]:
        """What a server gives of any paper."""
        return {"src": self._source, "pdf": self._pdf}

    def source_of(self, paper: str) -> bytes:
        """The source of a paper as arXiv stores it."""
        return gzip.compress(latex(self.text(paper)).encode(), 1, mtime=0)

    def _has_only_pdf(self, paper: str) -> bool:
        return random.Random(f"form {self.seed} {paper}").random() < self.pdf_share

    def _source(self, paper: str) -> bytes | None:
        return None if self._has_only_pdf(paper) else self.source_of(paper)

    def _pdf(self, paper: str) -> bytes | None:
        return make_pdf([self.text(paper)]) if self._has_only_pdf(paper) else None


def tables_of(warehouse: Warehouse) -> dict[tuple[int, Rule], Table]:
    """The trend tables at every threshold and by both rules, without the years that no paper is of."""
    return {
        (table.threshold, rule): {(row.period, row.label): (row.k, row.n) for row in table.rows if row.n}
        for rule in Rule
        for table in domain_trends(warehouse, THRESHOLDS, rule=rule)
    }


def true_tables(field: Field, papers: Iterable[FakePaper]) -> dict[tuple[int, Rule], Table]:
    """What `tables_of` must give, counted paper by paper."""
    years: Counter[str] = Counter()
    k: Counter[tuple[Rule, str, str, int]] = Counter()  # papers by the highest threshold at which they are of a domain
    for paper in papers:
        year = str(paper.published.year)
        years[year] += 1
        named: dict[str, list[int]] = {}
        for key, count in field.counts(paper.id).items():
            named.setdefault(_DOMAINS[key], []).append(count)
        for domain, counts in named.items():
            k[Rule.ANY_NAME, year, domain, max(counts)] += 1
            k[Rule.DOMAIN_SUM, year, domain, sum(counts)] += 1
    most = 1 + max((key[3] for key in k), default=0)
    return {
        (threshold, rule): {
            (year, domain): (sum(k[rule, year, domain, level] for level in range(threshold, most)), n)
            for year, n in years.items()
            for domain in sorted(set(_DOMAINS.values()))
        }
        for rule in Rule
        for threshold in THRESHOLDS
    }


def wrongly_listed(ledger: Ledger, papers: Iterable[FakePaper], window: Window) -> set[str]:
    """The papers that a listing lacks, has too many, or has with a wrong day, title, abstract or category."""
    truth = {_as_listed(paper) for paper in papers if window.since <= paper.published.date() <= window.until}
    found = {(p.arxiv_id, p.published, p.title, p.abstract, p.categories) for p in ledger.listed()}
    return {record[0] for record in truth ^ found}


def _as_listed(paper: FakePaper) -> tuple[object, ...]:
    listed = Listed(
        paper.id, paper.versions, one_line(paper.title), one_line(paper.abstract), paper.categories,
        paper.published.date(),
    )  # fmt: skip
    return listed.arxiv_id, listed.published, listed.title, listed.abstract, listed.categories
