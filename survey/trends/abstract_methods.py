"""Methods in abstracts: which training the abstracts of LLM papers name, by year, next to the survey's Figure 2.

Three shares stand side by side: the machine's labels of all abstracts as they are, which err; the readers' sample
alone, weighted; and both together (prediction-powered inference, `survey.trends.stratified`). The population is finite:
the LLM papers that public lists carry (data/reference/abstracts). An abstract that names no method, or trains nothing,
stands outside n.
"""

import csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from posttrain.reference import reference_path
from posttrain.statistics import Share, wilson
from survey.labels.abstract import NAMES_METHOD, AbstractMethod
from survey.labels.abstract_readings import LabelledAbstract, labelled_abstracts
from survey.labels.abstract_validation import bundled_unseen
from survey.trends.published import LABELS, Axis, published_cells
from survey.trends.stratified import StratifiedShare, StratifiedShares, StratumSample, stratified_shares

FIGURE_2 = tuple(AbstractMethod(label) for label in LABELS[Axis.METHOD])  # sft, hybrid, rl
YEARS = ("2023", "2024", "2025")
_CLASSES = tuple(map(str, AbstractMethod))

Counts = Mapping[tuple[str, str], Counter[str]]  # (year, stratum) → label → papers


@dataclass(frozen=True)
class AbstractMethodRow:
    """One method in one year, as a share of the abstracts that name one of the methods of the table."""

    year: str
    method: AbstractMethod
    machine: float  # share among the machine's labels, uncorrected
    sample: StratifiedShare  # by the readers' sample alone
    corrected: StratifiedShare  # by the machine's labels and the sample
    papers: float  # of the year that name a method, as estimated with the machine
    labelled: int  # of the sample that do, by either reader
    powers: tuple[float, ...]  # λ, the weight of the machine, in each stratum
    printed: Share | None  # Figure 2


def abstract_methods(methods: tuple[AbstractMethod, ...] = NAMES_METHOD) -> list[AbstractMethodRow]:
    """Return the shares of methods by year among abstracts that name one of `methods`.

    `FIGURE_2` in their place leaves out offline preferences, as the survey does: then the shares compare with its own.
    """
    rows = []
    for year in YEARS:
        sample, corrected = shares_of_year(year, methods, 0.0), shares_of_year(year, methods)
        machine = sum((machine_counts()[year, stratum] for stratum in _strata(year)), Counter[str]())
        named = sum(machine[method] for method in methods)
        labelled = sum(not set(methods).isdisjoint(paper.methods) for paper in _papers(year))
        for at, method in enumerate(methods):
            rows.append(
                AbstractMethodRow(
                    year, method, machine[method] / named, sample.shares[at], corrected.shares[at], corrected.total,
                    labelled, corrected.powers, printed_share(year, method),
                )
            )  # fmt: skip
    return rows


@cache
def shares_of_year(
    year: str, methods: tuple[AbstractMethod, ...] = NAMES_METHOD, power: float | None = None
) -> StratifiedShares:
    """Return the shares of a year with their draws; with `power` 0 by the readers' sample alone."""
    return stratified_shares(strata_of(year), tuple(map(str, methods)), _CLASSES, power, seed=int(year))


def strata_of(year: str) -> list[StratumSample]:
    """Return the strata of a year: the machine's counts; both readings and the unseen guess of labelled abstracts."""
    unseen, strata = bundled_unseen(), []
    for stratum in _strata(year):
        papers = [paper for paper in _papers(year) if paper.stratum == stratum]
        guesses = [str(unseen[paper.arxiv_id].method) for paper in papers]
        truths = [tuple(map(str, paper.methods)) for paper in papers]
        strata.append(StratumSample(machine_counts()[year, stratum], truths, guesses))
    return strata


def shares_sentence() -> str:
    """Return one sentence with the corrected shares of Figure 2's methods in each year, with 95 % intervals."""
    years = [
        f"{year} "
        + ", ".join(
            f"{share.label} {share_text(share.share, share.low, share.high)}"
            for share in shares_of_year(year, FIGURE_2).shares
        )
        for year in YEARS
    ]
    return (
        "Methods of abstracts that name sft, rl or both, as a classifier labels them, corrected by abstracts that "
        f"language models read: {'; '.join(years)}."
    )


def share_text(share: float, low: float, high: float) -> str:
    """Return a share with its interval, such as 16% [10%, 26%]."""
    return f"{share:.0%} [{low:.0%}, {high:.0%}]"


@cache
def machine_counts() -> Counts:
    """Return how many abstracts of each year and stratum the machine gave each label, from the committed table."""
    counts: dict[tuple[str, str], Counter[str]] = {}
    with reference_path("abstract_methods.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            counts.setdefault((row["year"], row["stratum"]), Counter())[row["method"]] = int(row["papers"])
    return counts


def printed_share(year: str, method: AbstractMethod) -> Share | None:
    """Return the share that Figure 2 prints, with the n that its rounding allows and Wilson's interval."""
    cell = published_cells(Axis.METHOD).get((year, str(method)))
    if cell is None or not cell.n:
        return None
    k = round(cell.value * cell.n / 100)
    return Share(k, cell.n, k / cell.n, *wilson(k, cell.n))


def _strata(year: str) -> list[str]:
    return sorted(stratum for when, stratum in machine_counts() if when == year)


def _papers(year: str) -> list[LabelledAbstract]:
    return [paper for paper in labelled_abstracts() if paper.year == year]
