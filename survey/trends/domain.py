"""Trends: how many papers of each period belong to each label, as counts, shares and intervals.

Every number comes from one query over the sparse counts. A share never travels without its k, n and interval.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING

from posttrain.statistics import Estimate, Share, share_of
from survey.fulltext.sections import Section
from survey.mentions.domain import DEFAULT_THRESHOLD, HIGHEST_THRESHOLD, Rule
from survey.period import Period, period_of, without_gaps
from survey.trends.projection import Project, Projection, first_half, projection_of
from survey.trends.published import LABELS, Axis, Published, published_cells

if TYPE_CHECKING:  # duckdb and pyarrow take half a second to load, and the command line needs only the enums here
    from survey.warehouse.database import Warehouse

READINGS = ("online", "online or preference")  # what counts as rl on the method axis
_ENOUGH_TO_COMPARE = 30  # papers of a period


class Scope(StrEnum):
    """Which sections count."""

    ALL = "all"
    BODY = "body"  # without references and appendix


@dataclass(frozen=True)
class TrendRow:
    """One cell: `k` of `n` papers of `period` belong to `label`. Without papers (n = 0) there is no share."""

    period: str
    label: str
    k: int
    n: int
    share: float | None
    low: float | None
    high: float | None
    growth: float | None  # of k against the period before, such as 1.23 for +123 %
    projected: int | None
    projected_low: int | None
    projected_high: int | None
    published: Published | None
    corrected: Estimate | None = None  # for the machine's errors in labelling
    cited: Estimate | None = None  # weighted by the citations that papers receive inside the sample


@dataclass(frozen=True)
class TrendTable:
    """One table with everything that decides its numbers."""

    axis: Axis
    threshold: int
    rule: Rule
    scope: Scope
    lexicon: str
    by: Period
    project: Project
    rows: tuple[TrendRow, ...]
    note: str = ""
    inclusive: bool = True
    several: Share | None = None  # of the papers counted in any domain, those counted in more than one
    first_halves: Mapping[str, Share] = field(default_factory=dict)  # of each year's assignments, those by June
    survives: tuple[str, ...] = ()  # what holds at every threshold from 1 to 20
    reading: str = ""  # of the method axis: what counts as rl
    quality: str = ""  # of the labels: agreement with readers, and on how many papers
    differences: tuple[str, ...] = ()  # whether shares differ from period to period, by test


def sections_of(scope: Scope) -> list[str]:
    """Return the names of the sections in a scope."""
    return [s.value for s in Section if scope is Scope.ALL or s not in (Section.REFERENCES, Section.APPENDIX)]


def domain_trends(
    warehouse: "Warehouse",
    thresholds: Sequence[int] = (DEFAULT_THRESHOLD,),
    by: Period = Period.YEAR,
    scope: Scope = Scope.ALL,
    rule: Rule = Rule.ANY_NAME,
    project: Project = Project.MEAN_SHARE,
) -> list[TrendTable]:
    """Return the domain table at each threshold (1 to 20, inclusive), all from one query.

    Rows come for every period with papers, and by year for every year that the survey printed at that threshold.
    """
    sections, together = sections_of(scope), rule is Rule.DOMAIN_SUM
    levels = warehouse.query("trend_domain", sections=sections, domain_sum=together, highest=HIGHEST_THRESHOLD)
    months: dict[date, int] = dict(warehouse.query("papers_by_month"))
    last: date | None = warehouse.query("sample")[0][3]
    lexicon = warehouse.provenance().get("lexicon", "")
    reached = _reached(levels)
    survives = _surviving(reached, months, by)
    several = _several(warehouse, sections, together, thresholds[0]) if len(thresholds) == 1 else None
    tables = []
    for threshold in thresholds:
        here = reached[threshold]
        projection = projection_of(here, last, project) if by is Period.YEAR else ""
        rows = _rows(here, months, by, threshold, None if isinstance(projection, str) else projection)
        halves = {
            str(year): share
            for year in sorted({month.year for month in months})
            if (share := share_of(*first_half(here, year)))
        }
        tables.append(
            TrendTable(
                Axis.DOMAIN, threshold, rule, scope, lexicon, by, project, rows,
                note=projection if isinstance(projection, str) else projection.note,
                several=several, first_halves=halves, survives=survives,
            )
        )  # fmt: skip
    return tables


def _reached(levels: Sequence[tuple[date, str, int, int]]) -> dict[int, Counter[tuple[date, str]]]:
    """Count, for every threshold, the papers of each month and domain that reach it: a sum over levels from the top."""
    so_far: Counter[tuple[date, str]] = Counter()
    at_level: dict[int, list[tuple[date, str, int]]] = {}
    for month, domain, level, papers in levels:
        at_level.setdefault(level, []).append((month, domain, papers))
    reached = {}
    for threshold in range(HIGHEST_THRESHOLD, 0, -1):
        for month, domain, papers in at_level.get(threshold, ()):
            so_far[month, domain] += papers
        reached[threshold] = so_far.copy()
    return dict(sorted(reached.items()))


def _several(warehouse: "Warehouse", sections: list[str], together: bool, threshold: int) -> Share | None:
    """Of the papers counted in any domain, those counted in more than one."""
    pairs = warehouse.query("domains_per_paper", sections=sections, domain_sum=together, highest=HIGHEST_THRESHOLD)
    counted = sum(papers for first, _, papers in pairs if first >= threshold)
    return share_of(sum(papers for _, second, papers in pairs if second >= threshold), counted)


def _surviving(
    reached: Mapping[int, Counter[tuple[date, str]]], months: dict[date, int], by: Period
) -> tuple[str, ...]:
    """Return the conclusions that hold at every threshold: which domain is largest, and which shares rise or fall.

    Only periods of at least 30 papers are compared, each with the one before.
    """
    totals = _by_period(months, by)
    periods = sorted(period for period, n in totals.items() if n >= _ENOUGH_TO_COMPARE)
    at_each = [_conclusions(counts, periods, totals, by) for counts in reached.values()]
    return tuple(told for told in at_each[0] if all(told in others for others in at_each[1:]))


def _conclusions(
    reached: Counter[tuple[date, str]], periods: list[str], totals: Mapping[str, int], by: Period
) -> list[str]:
    counts: Counter[tuple[str, str]] = Counter()
    for (month, label), papers in reached.items():
        counts[period_of(month, by), label] += papers
    told = []
    for period in periods:
        ranked = sorted(((counts[period, label], label) for label in LABELS[Axis.DOMAIN]), reverse=True)
        if ranked[0][0] > ranked[1][0]:
            told.append(f"{ranked[0][1]} is the largest domain of {period}")
    for before, after in pairwise(periods):
        for label in LABELS[Axis.DOMAIN]:
            change = counts[after, label] * totals[before] - counts[before, label] * totals[after]
            if change:
                told.append(f"the share of {label} {'rises' if change > 0 else 'falls'} from {before} to {after}")
    return told


def _by_period(months: Mapping[date, int], by: Period) -> Counter[str]:
    totals: Counter[str] = Counter()
    for month, papers in months.items():
        totals[period_of(month, by)] += papers
    return totals


def _rows(
    reached: Counter[tuple[date, str]],
    months: dict[date, int],
    by: Period,
    threshold: int,
    projection: Projection | None,
) -> tuple[TrendRow, ...]:
    totals = _by_period(months, by)
    counts: Counter[tuple[str, str]] = Counter()
    for (month, domain), papers in reached.items():
        counts[period_of(month, by), domain] += papers
    printed = published_cells(Axis.DOMAIN, threshold) if by is Period.YEAR else {}
    periods = set(totals) | {period for period, _ in printed}
    every = without_gaps(periods, by) if periods else []
    rows = []
    for before, period in zip([None, *every], every, strict=False):
        if period not in periods:
            continue
        for label in LABELS[Axis.DOMAIN]:
            k, n = counts[period, label], totals[period]
            share = share_of(k, n)
            earlier = counts[before, label] if before else 0
            projected: tuple[int | None, int | None, int | None] = (None, None, None)
            if projection and period == str(projection.year):
                projected = projection.total(label, k)
            rows.append(
                TrendRow(
                    period, label, k, n, share.share if share else None, share.low if share else None,
                    share.high if share else None, k / earlier - 1 if earlier and n else None, *projected,
                    printed.get((period, label)),
                )
            )  # fmt: skip
    return tuple(rows)
