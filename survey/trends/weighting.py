"""Citation-weighted shares: how much of what a sample cites in a period goes to papers with a label.

A count treats every paper alike; this weighs each by the citations that it receives from the sample. The sample is
papers, not citations: those of one paper come and go together, and a few papers receive most of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from posttrain.statistics import wilson


@dataclass(frozen=True)
class CitedPaper:
    """A paper with its labels on one axis and the citations that it receives inside the sample."""

    period: str
    labels: frozenset[str]
    citations: int


@dataclass(frozen=True)
class CitationShare:
    """`k` of the `n` citations to the papers of a period go to those with the label, with a 95 % interval.

    `papers` says how many papers of the period are cited at all, `worth` how many equally cited ones the interval
    takes them for.
    """

    k: int
    n: int
    papers: int
    worth: float
    share: float
    low: float
    high: float


def citation_share(papers: Iterable[CitedPaper], period: str, label: str) -> CitationShare | None:
    """Return the share of the citations of a period that go to papers with `label`, or None where nothing is cited.

    The interval is Wilson's for the number of papers that the cited ones are worth: Kish's effective number
    (Survey Sampling, 1965), or fewer where the linearised variance of the ratio says so, less one. Simulated with the
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
    worth = _worth([(paper.citations, label in paper.labels) for paper in cited], k / n, n)
    low, high = wilson(k / n * worth, worth)
    return CitationShare(k, n, len(cited), worth, k / n, low, high)


def _worth(cited: list[tuple[int, bool]], share: float, n: int) -> float:
    """How many equally cited papers would tell the share as surely as these do; at least one."""
    worth = n * n / sum(citations**2 for citations, _ in cited)
    spread = sum((citations * (labelled - share)) ** 2 for citations, labelled in cited)
    if spread:  # none where all papers have the label, or none has
        worth = min(worth, share * (1 - share) * n * n / spread)
    return max(worth - 1, 1.0)
