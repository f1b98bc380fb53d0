"""The domain table: how many papers of each period name benchmarks of each domain, at every threshold.

Every number comes from one query over the sparse counts.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING

from posttrain.statistics import Share, share_of
from survey.mentions.domain import DEFAULT_THRESHOLD, HIGHEST_THRESHOLD, Rule
from survey.period import Period, period_of, without_gaps
from survey.trends.projection import Project, Projection, first_half, projection_of
from survey.trends.published import LABELS, Axis, published_cells
from survey.trends.trend import ENOUGH, Scope, TrendRow, TrendTable, counted_row, sections_of

if TYPE_CHECKING:  # duckdb and pyarrow take half a second to load, and the command line needs only the enums here
    from survey.warehouse.database import Warehouse


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
    periods = sorted(period for period, n in totals.items() if n >= ENOUGH)
    first, *others = [_conclusions(counts, periods, totals, by) for counts in reached.values()]
    return tuple(sentence for sentence in first if all(sentence in other for other in others))


def _conclusions(
    reached: Counter[tuple[date, str]], periods: list[str], totals: Mapping[str, int], by: Period
) -> list[str]:
    counts = _by_cell(reached, by)
    sentences = []
    for period in periods:
        ranked = sorted(((counts[period, label], label) for label in LABELS[Axis.DOMAIN]), reverse=True)
        if ranked[0][0] > ranked[1][0]:
            sentences.append(f"{ranked[0][1]} is the largest domain of {period}")
    for before, after in pairwise(periods):
        for label in LABELS[Axis.DOMAIN]:
            change = counts[after, label] * totals[before] - counts[before, label] * totals[after]
            if change:
                direction = "rises" if change > 0 else "falls"
                sentences.append(f"the share of {label} {direction} from {before} to {after}")
    return sentences


def _by_cell(reached: Counter[tuple[date, str]], by: Period) -> Counter[tuple[str, str]]:
    counts: Counter[tuple[str, str]] = Counter()
    for (month, label), papers in reached.items():
        counts[period_of(month, by), label] += papers
    return counts


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
    totals, counts = _by_period(months, by), _by_cell(reached, by)
    printed = published_cells(Axis.DOMAIN, threshold) if by is Period.YEAR else {}
    periods = set(totals) | {period for period, _ in printed}
    every = without_gaps(periods, by) if periods else []
    rows = []
    for before, period in zip(["", *every], every, strict=False):
        if period not in periods:
            continue
        for label in LABELS[Axis.DOMAIN]:
            cell, k = (period, label), counts[period, label]
            projects = projection is not None and period == str(projection.year)
            projected = projection.total(label, k) if projection and projects else (None, None, None)
            earlier = (counts[before, label], totals[before])
            rows.append(counted_row(cell, (k, totals[period]), earlier, printed.get(cell), projected))
    return tuple(rows)
