"""Citation-weighted shares: how much of what a sample cites in a period goes to papers with a label.

A count treats every paper alike; here each paper weighs as much as the citations that it receives from the sample. The
sample consists of papers, not citations: the citations of one paper come together, and a few papers receive most.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from posttrain.statistics import Estimate, wilson
from survey.labels.readings import Method
from survey.mentions.domain import Rule
from survey.period import period_of
from survey.trends.domain import thresholds_by_label
from survey.trends.published import Axis
from survey.trends.trend import READINGS, TrendTable, sections_of
from survey.warehouse.database import Warehouse


@dataclass(frozen=True)
class CitedPaper:
    """A paper with its labels on one axis and the citations that it receives inside the sample."""

    period: str
    labels: frozenset[str]
    citations: int


@dataclass(frozen=True)
class CitationShare:
    """`k` of the `n` citations to the papers of a period go to those with the label, with a 95 % interval.

    `papers` is the number of papers of the period that are cited at all, `effective` the number of equally cited papers
    that would determine the share as precisely; the interval is for these.
    """

    k: int
    n: int
    papers: int
    effective: float
    share: float
    low: float
    high: float


def with_citations(table: TrendTable, warehouse: Warehouse) -> TrendTable:
    """Return the table with the citation-weighted share of every cell; none where nothing of a period is cited."""
    papers = _cited(table, warehouse)
    rows = (replace(row, cited=_estimate(papers, row.period, row.label)) for row in table.rows)
    return replace(table, rows=tuple(rows))


def _cited(table: TrendTable, warehouse: Warehouse) -> list[CitedPaper]:
    """Return the cited papers of a table's denominator: all of a counted table, else those with one of its labels."""
    own = thresholds_by_label(warehouse.study) if table.thresholds else {}
    thresholds = {domain: own.get(domain, table.threshold) for domain in warehouse.study.domains}
    rows = warehouse.query(
        "cited", sections=sections_of(table.scope), domain_sum=table.rule is Rule.DOMAIN_SUM,
        domains=list(thresholds), thresholds=list(thresholds.values()),
    )  # fmt: skip
    known = {row.label for row in table.rows}
    papers = []
    for month, method, source, domains, benchmarks, citations in rows:
        counts_as_rl = table.reading == READINGS[1] and method == Method.PREFERENCE
        by_axis = {
            Axis.DOMAIN: domains,
            Axis.BENCHMARK: benchmarks,
            Axis.METHOD: [str(Method.RL) if counts_as_rl else method],
            Axis.DATA_SOURCE: [source],
        }
        labels = frozenset(by_axis[table.axis])
        if table.axis.is_counted or labels & known:
            papers.append(CitedPaper(period_of(month, table.by), labels, citations))
    return papers


def _estimate(papers: Sequence[CitedPaper], period: str, label: str) -> Estimate | None:
    weighted = citation_share(papers, period, label)
    if weighted is None:
        return None
    basis = f"{weighted.k:,} of {weighted.n:,} to {weighted.papers:,} papers"
    return Estimate(weighted.share, weighted.low, weighted.high, basis)


def citation_share(papers: Iterable[CitedPaper], period: str, label: str) -> CitationShare | None:
    """Return the share of the citations of a period that go to papers with `label`, or None where nothing is cited.

    The interval is Wilson's for the effective number of papers: Kish's (Survey Sampling, 1965), or a smaller one where
    the linearised variance of the ratio says so, minus one. Simulated with the
    citations of 1,129 real papers and with log-normal, Pareto and Poisson ones, 30 to 400 papers, it covers the true
    share in 94 to 99 % of samples where the label and the citations are unrelated, and in 84 to 100 % where papers
    with the label are cited five times as much or as little. Where they are cited as much or twice as much, a
    percentile bootstrap over papers covers 40 to 96 %, a bootstrap-t 40 to 100 %, and linearisation with a t interval
    33 to 97 %: where few papers hold most citations, a sample seldom shows the spread that it comes from.
    """
    cited = [paper for paper in papers if paper.period == period and paper.citations]
    n = sum(paper.citations for paper in cited)
    if not n:
        return None
    k = sum(paper.citations for paper in cited if label in paper.labels)
    effective = _effective([(paper.citations, label in paper.labels) for paper in cited], k / n, n)
    low, high = wilson(k / n * effective, effective)
    return CitationShare(k, n, len(cited), effective, k / n, low, high)


def _effective(cited: list[tuple[int, bool]], share: float, n: int) -> float:
    """Return how many equally cited papers would determine the share as precisely as these do; at least one."""
    papers = n * n / sum(citations**2 for citations, _ in cited)
    spread = sum((citations * (labelled - share)) ** 2 for citations, labelled in cited)
    if spread:  # 0 where all papers have the label, or none has
        papers = min(papers, share * (1 - share) * n * n / spread)
    return max(papers - 1, 1.0)
