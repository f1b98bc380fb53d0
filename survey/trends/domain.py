"""The counted tables: how many papers of each period name each domain, or each benchmark, at every threshold.

Every number comes from one query over the sparse counts.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING

from posttrain.statistics import Share, share_of
from survey.mentions.domain import HIGHEST_THRESHOLD, Rule
from survey.period import Period, period_of, without_gaps
from survey.trends.projection import Project, Projection, first_half, projection_of
from survey.trends.published import Axis, Published, labels_of, published_cells
from survey.trends.trend import ENOUGH, Scope, TrendRow, TrendTable, counted_row, sections_of

if TYPE_CHECKING:  # duckdb and pyarrow take half a second to load, and the command line needs only the enums here
    from survey.studies.model import Study
    from survey.warehouse.database import Warehouse

Reached = Counter[tuple[date, str]]  # papers by month and label


def domain_trends(
    warehouse: "Warehouse",
    thresholds: Sequence[int] = (),
    by: Period = Period.YEAR,
    scope: Scope = Scope.ALL,
    rule: Rule = Rule.ANY_NAME,
    project: Project = Project.MEAN_SHARE,
    axis: Axis = Axis.DOMAIN,
) -> list[TrendTable]:
    """Return the table of domains, or of benchmarks, at each threshold (inclusive), all from one query.

    Without thresholds it is the study's own, which may differ by domain. Rows come for every period with papers, and by
    year for every year that the survey printed at that threshold.
    """
    study, together = warehouse.study, rule is Rule.DOMAIN_SUM
    labels = labels_of(axis, study)
    wanted = [dict.fromkeys(labels, threshold) for threshold in thresholds] or [thresholds_by_label(study, axis)]
    highest = max(HIGHEST_THRESHOLD, *(level for levels in wanted for level in levels.values()))
    levels = _levels(warehouse, axis, scope, together, highest)
    months: dict[date, int] = dict(warehouse.query("papers_by_month"))
    last: date | None = warehouse.query("sample")[0][3]
    asked = {level for by_label in wanted for level in by_label.values()}
    reached = _reached(levels, {*range(1, HIGHEST_THRESHOLD + 1), *asked})
    survives = _surviving([reached[level] for level in range(1, HIGHEST_THRESHOLD + 1)], months, by, axis, labels)
    several = _several(warehouse, scope, together, wanted[0]) if len(wanted) == 1 and axis is Axis.DOMAIN else None
    tables = []
    for by_label in wanted:
        here = Counter({(month, name): n for name in labels for (month, label), n in reached[by_label[name]].items()
                        if label == name})  # fmt: skip
        threshold = study.threshold.default if not thresholds else next(iter(by_label.values()))
        projects = by is Period.YEAR and axis is Axis.DOMAIN
        projection = projection_of(here, last, project) if projects else ""
        printed = published_cells(axis, threshold, study) if by is Period.YEAR else {}
        halves = {
            str(year): share
            for year in sorted({month.year for month in months})
            if axis is Axis.DOMAIN and (share := share_of(*first_half(here, year)))
        }
        tables.append(
            TrendTable(
                axis, threshold, rule, scope, warehouse.provenance().get("lexicon", ""), by, project,
                _rows(here, months, by, labels, printed, None if isinstance(projection, str) else projection),
                note=projection if isinstance(projection, str) else projection.note,
                several=several, first_halves=halves, survives=survives,
                thresholds={label: level for label, level in by_label.items() if level != threshold},
            )
        )  # fmt: skip
    return tables


def thresholds_by_label(study: "Study", axis: Axis = Axis.DOMAIN) -> dict[str, int]:
    """Return the study's own threshold of each domain, or of each benchmark by that of its domain."""
    if axis is Axis.DOMAIN:
        return {domain: study.threshold_of(domain) for domain in study.domains}
    return {key: study.threshold_of(domain) for key, domain in study.domain_of.items()}


def _levels(
    warehouse: "Warehouse", axis: Axis, scope: Scope, together: bool, highest: int
) -> list[tuple[date, str, int, int]]:
    """Return how many papers of each month reach each level of each label, and none above."""
    if axis is Axis.BENCHMARK:
        return warehouse.query("trend_benchmark", sections=sections_of(scope), highest=highest)
    return warehouse.query("trend_domain", sections=sections_of(scope), domain_sum=together, highest=highest)


def _reached(levels: Iterable[tuple[date, str, int, int]], thresholds: Iterable[int]) -> dict[int, Reached]:
    """Count, for each threshold, the papers of each month and label that reach it: a sum over levels from the top."""
    so_far: Reached = Counter()
    falling = sorted(levels, key=lambda level: level[2])
    reached = {}
    for threshold in sorted(thresholds, reverse=True):
        while falling and falling[-1][2] >= threshold:
            month, label, _, papers = falling.pop()
            so_far[month, label] += papers
        reached[threshold] = so_far.copy()
    return reached


def _several(warehouse: "Warehouse", scope: Scope, together: bool, thresholds: Mapping[str, int]) -> Share | None:
    """Of the papers counted in any domain, those counted in more than one."""
    [(counted, several)] = warehouse.query(
        "several_domains", sections=sections_of(scope), domain_sum=together, domains=list(thresholds),
        thresholds=list(thresholds.values()),
    )  # fmt: skip
    return share_of(several, counted)


def _surviving(
    reached: Sequence[Reached], months: dict[date, int], by: Period, axis: Axis, labels: Sequence[str]
) -> tuple[str, ...]:
    """Return the conclusions that hold at every threshold: which label is largest, and which shares rise or fall.

    Only periods of at least 30 papers are compared, each with the one before.
    """
    totals = _by_period(months, by)
    periods = sorted(period for period, n in totals.items() if n >= ENOUGH)
    first, *others = [_conclusions(counts, periods, totals, by, axis, labels) for counts in reached]
    return tuple(sentence for sentence in first if all(sentence in other for other in others))


def _conclusions(
    reached: Reached, periods: list[str], totals: Mapping[str, int], by: Period, axis: Axis, labels: Sequence[str]
) -> list[str]:
    counts = _by_cell(reached, by)
    sentences = []
    for period in periods if len(labels) > 1 else ():
        ranked = sorted(((counts[period, label], label) for label in labels), reverse=True)
        if ranked[0][0] > ranked[1][0]:
            sentences.append(f"{ranked[0][1]} is the largest {axis} of {period}")
    for before, after in pairwise(periods):
        for label in labels:
            change = counts[after, label] * totals[before] - counts[before, label] * totals[after]
            if change:
                direction = "rises" if change > 0 else "falls"
                sentences.append(f"the share of {label} {direction} from {before} to {after}")
    return sentences


def _by_cell(reached: Reached, by: Period) -> Counter[tuple[str, str]]:
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
    reached: Reached,
    months: dict[date, int],
    by: Period,
    labels: Sequence[str],
    printed: Mapping[tuple[str, str], Published],
    projection: Projection | None,
) -> tuple[TrendRow, ...]:
    totals, counts = _by_period(months, by), _by_cell(reached, by)
    periods = set(totals) | {period for period, _ in printed}
    every = without_gaps(periods, by) if periods else []
    rows = []
    for before, period in zip(["", *every], every, strict=False):
        if period not in periods:
            continue
        for label in labels:
            cell, k = (period, label), counts[period, label]
            projects = projection is not None and period == str(projection.year)
            projected = projection.total(label, k) if projection and projects else (None, None, None)
            earlier = (counts[before, label], totals[before])
            rows.append(counted_row(cell, (k, totals[period]), earlier, printed.get(cell), projected))
    return tuple(rows)
