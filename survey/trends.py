"""Trends: how many papers of each period belong to each label, as counts, shares and intervals.

Every number comes from one query over the sparse counts. A share never travels without its k, n and interval.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from statistics import NormalDist, mean
from typing import TYPE_CHECKING

from survey.domain import DEFAULT_THRESHOLD, HIGHEST_THRESHOLD, Rule
from survey.fulltext.sections import Section
from survey.published import LABELS, PUBLISHED_FIRST_HALF, Axis, Published, published_cells

if TYPE_CHECKING:  # duckdb and pyarrow take half a second to load, and the command line needs only the enums here
    from survey.warehouse import Warehouse

CONFIDENCE = 0.95
_ENOUGH_FIRST_HALF = 30  # domain assignments in the first half of a year that is projected
_ENOUGH_EARLIER = 100  # domain assignments in each year before; below, the survey's printed first halves serve


class Period(StrEnum):
    """How time is cut, on the date of version 1."""

    YEAR = "year"
    HALF = "half"
    QUARTER = "quarter"
    MONTH = "month"


class Scope(StrEnum):
    """Which sections count."""

    ALL = "all"
    BODY = "body"  # without references and appendix


class Project(StrEnum):
    """How an unfinished year is projected from its first half.

    The survey says it doubles, but prints odd totals; dividing by the mean first half of the two years before
    reproduces all four of them.
    """

    MEAN_SHARE = "mean-share"
    DOUBLE = "double"
    LAST_SHARE = "last-share"


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
    projected: int | None
    published: Published | None


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


def wilson(k: int, n: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the Wilson score interval of the share k/n (E. B. Wilson, JASA 22, 1927).

    It stays inside [0, 1] and keeps its coverage for the small n of these tables. Raises ValueError for n < 1.
    """
    if n < 1 or not 0 <= k <= n:
        raise ValueError(f"no interval for {k} of {n}")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share = k / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return (0.0 if k == 0 else middle - half), (1.0 if k == n else middle + half)


def sections_of(scope: Scope) -> list[str]:
    """Return the names of the sections in a scope."""
    return [s.value for s in Section if scope is Scope.ALL or s not in (Section.REFERENCES, Section.APPENDIX)]


def period_of(month: date, by: Period) -> str:
    """Return the name of the period that `month` lies in: 2025, 2025-H1, 2025-Q2 or 2025-06."""
    match by:
        case Period.YEAR:
            return str(month.year)
        case Period.HALF:
            return f"{month.year}-H{(month.month + 5) // 6}"
        case Period.QUARTER:
            return f"{month.year}-Q{(month.month + 2) // 3}"
        case Period.MONTH:
            return f"{month:%Y-%m}"


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
    levels: Counter[tuple[date, str, int]] = Counter()
    for month, domain, level, papers in warehouse.query(
        "trend_domain", sections=sections_of(scope), domain_sum=rule is Rule.DOMAIN_SUM, highest=HIGHEST_THRESHOLD
    ):
        levels[month, domain, level] = papers
    months: dict[date, int] = dict(warehouse.query("papers_by_month"))
    lexicon = warehouse.provenance().get("lexicon", "")
    tables = []
    for threshold in thresholds:
        reached: Counter[tuple[date, str]] = Counter()
        for (month, domain, level), papers in levels.items():
            if level >= threshold:
                reached[month, domain] += papers
        projection = _projection(reached, months, project) if by is Period.YEAR else ""
        note = projection if isinstance(projection, str) else projection.note
        rows = _rows(reached, months, by, threshold, None if isinstance(projection, str) else projection)
        tables.append(TrendTable(Axis.DOMAIN, threshold, rule, scope, lexicon, by, project, rows, note))
    return tables


def published_trends(axis: Axis) -> TrendTable:
    """Return a table that holds the survey's printed shares alone: none of our papers has a label on this axis yet."""
    rows = tuple(
        TrendRow(period, label, 0, 0, None, None, None, None, cell)
        for (period, label), cell in published_cells(axis).items()
    )
    note = "no paper of this sample is labelled on this axis; the survey's own shares are shown with the n they imply"
    return TrendTable(
        axis, DEFAULT_THRESHOLD, Rule.ANY_NAME, Scope.ALL, "", Period.YEAR, Project.MEAN_SHARE, rows, note
    )


@dataclass(frozen=True)
class _Projection:
    year: int
    expand: Callable[[int], int]
    first_halves: dict[str, int]
    note: str


def _projection(reached: Counter[tuple[date, str]], months: dict[date, int], project: Project) -> "_Projection | str":
    """Return how to complete the last year from its first half, or why that cannot be done ("" where it is over)."""
    last = max(months, default=date.min)
    if last == date.min or last.month == 12:
        return ""
    halves: Counter[str] = Counter()
    for (month, domain), papers in reached.items():
        if month.year == last.year and month.month <= 6:
            halves[domain] += papers
    if last.month < 6:
        return f"{last.year} is not projected: the sample ends before its June"
    if halves.total() < _ENOUGH_FIRST_HALF:
        return f"{last.year} is not projected: its first half has {halves.total()} domain assignments, too few"
    shares, origin = _first_half_shares(reached, last.year)
    share = {Project.DOUBLE: 0.5, Project.LAST_SHARE: shares[-1], Project.MEAN_SHARE: mean(shares)}[project]
    how = "doubled" if project is Project.DOUBLE else f"divided by {share:.4f} ({project}, {origin})"
    note = f"{last.year} projected, without an interval: papers of January to June {how}"
    return _Projection(last.year, lambda count: math.floor(count / share), dict(halves), note)


def _first_half_shares(reached: Counter[tuple[date, str]], year: int) -> tuple[list[float], str]:
    """Return which part of the two years before came in their first half, and where that is known from."""
    shares = []
    for earlier in (year - 2, year - 1):
        whole = sum(papers for (month, _), papers in reached.items() if month.year == earlier)
        half = sum(papers for (month, _), papers in reached.items() if month.year == earlier and month.month <= 6)
        if whole < _ENOUGH_EARLIER or not half:
            return list(PUBLISHED_FIRST_HALF), "the survey's first halves of 2023 and 2024"
        shares.append(half / whole)
    return shares, f"this sample's first halves of {year - 2} and {year - 1}"


def _rows(
    reached: Counter[tuple[date, str]],
    months: dict[date, int],
    by: Period,
    threshold: int,
    projection: _Projection | None,
) -> tuple[TrendRow, ...]:
    totals: Counter[str] = Counter()
    for month, papers in months.items():
        totals[period_of(month, by)] += papers
    counts: Counter[tuple[str, str]] = Counter()
    for (month, domain), papers in reached.items():
        counts[period_of(month, by), domain] += papers
    printed = published_cells(Axis.DOMAIN, threshold) if by is Period.YEAR else {}
    periods = sorted(set(totals) | {period for period, _ in printed})
    rows = []
    for period in periods:
        for label in LABELS[Axis.DOMAIN]:
            k, n = counts[period, label], totals[period]
            low, high = wilson(k, n) if n else (None, None)
            projected = None
            if projection and period == str(projection.year):
                projected = projection.expand(projection.first_halves.get(label, 0))
            rows.append(
                TrendRow(
                    period,
                    label,
                    k,
                    n,
                    k / n if n else None,
                    low,
                    high,
                    projected,
                    printed.get((period, label)),
                )
            )
    return tuple(rows)
