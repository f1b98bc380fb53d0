"""Trend tables as cells of text and as flat records; every format of the report is written from one of the two."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby
from typing import Any

from posttrain.statistics import Estimate, Share, wilson
from posttrain.tables import Grid
from survey.mentions.domain import Rule
from survey.period import Period
from survey.surface import Surface
from survey.trends.growths import growth_data, growth_grid
from survey.trends.published import TITLES, Axis
from survey.trends.trend import ENOUGH, Scope, TrendRow, TrendTable


def as_grids(tables: Sequence[TrendTable], footer: str, with_cited: bool = False) -> list[Grid]:
    """Return tables as grids: one each, but a sweep over thresholds as one. `footer` goes below each.

    With `with_cited` each is followed by the same table weighted by citations.
    """
    by_axis: dict[Axis, list[TrendTable]] = {}
    for table in tables:
        by_axis.setdefault(table.axis, []).append(table)
    grids = []
    for axis, group in by_axis.items():
        if axis.is_counted and len(group) > 1:
            grids.append(sweep_grid(group, footer))
            continue
        for table in group:
            grids.append(grid(table, footer))
            if growth := growth_grid(table):
                grids.append(growth)
            if with_cited:
                grids.append(cited_grid(table, footer))
    return grids


def grid(table: TrendTable, footer: str) -> Grid:
    """Return a trend table as text cells: k, n, share, interval, growth, and the survey's printed number."""
    if not table.axis.is_counted:
        return labelled_grid(table, footer)
    if table.surface is Surface.ABSTRACT:
        return abstract_grid(table, footer)
    projected = any(row.projected is not None for row in table.rows)
    printed = any(row.published for row in table.rows)
    head = (
        "period", table.axis.value, "k", "n", "share", "95% interval", "growth",
        *(["projected"] if projected else []), *(["survey printed"] if printed else []),
    )  # fmt: skip
    rows = tuple(
        (
            row.period, row.label, f"{row.k:,}", f"{row.n:,}", percent(row.share), range_of(row.low, row.high),
            "" if row.growth is None else f"{row.growth:+.0%}", *([_projected(row)] if projected else []),
            *([f"{row.published.value:,.0f}{_mark(row)}" if row.published else ""] if printed else []),
        )
        for row in table.rows
    )  # fmt: skip
    title = f"{TITLES[table.axis]}, {at_least(table.threshold)}"
    return Grid(title, table_notes(table, footer), head, _folded(table, rows), grouped=True)


def _folded(table: TrendTable, rows: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
    """Return the cells of a table of benchmarks with one row for all of a period that no paper names.

    Such a row has two cells: `2024` and `3 more with no paper: asdiv, qasper, svamp`.
    """
    if table.axis is not Axis.BENCHMARK:
        return rows
    folded = []
    for period, group in groupby(zip(table.rows, rows, strict=True), key=lambda pair: pair[0].period):
        pairs = list(group)
        empty = [row.label for row, _ in pairs if not row.k and not row.published]
        few = len(empty) < 2
        folded += [cells for row, cells in pairs if few or row.label not in empty]
        folded += [] if few else [(period, f"{len(empty)} more with no paper: {', '.join(empty)}")]
    return tuple(folded)


def abstract_grid(table: TrendTable, footer: str) -> Grid:
    """Return a table of abstracts as text cells: k, n, share and interval. Its level is not that of the survey."""
    head = ("period", table.axis.value, "k", "n", "share", "95% interval")
    rows = tuple(
        (row.period, row.label, f"{row.k:,}", f"{row.n:,}", percent(row.share, 2), range_of(row.low, row.high, 2))
        for row in table.rows
    )  # fmt: skip
    rule = f"k of n papers have {at_least(table.threshold)} {_counted(table)} in title or abstract"
    notes = (rule, *filter(None, [table.note]), footer)
    title = f"Abstracts that name benchmarks, {at_least(table.threshold)}"
    return Grid(title, notes, head, _folded(table, rows), grouped=True)


def table_notes(table: TrendTable, footer: str) -> tuple[str, ...]:
    """Return the notes of a counted table: growth, papers of several domains, first halves, projection, sample."""
    notes = [
        f"growth: change of k from the period before; empty where either n is below {ENOUGH}. Where n grows too, "
        "compare the shares"
    ]
    if table.several:
        notes.append(f"papers in several domains: {_share(table.several)} of the papers in any domain")
    if table.first_halves and table.by is Period.YEAR:
        halves = (f"{year} {_share(half)}" for year, half in table.first_halves.items())
        notes.append("domain assignments of January to June: " + "; ".join(halves))
    if table.note:
        notes.append(table.note)
    if table.axis is Axis.DOMAIN and any(row.published for row in table.rows):
        notes.append(
            "the survey printed counts from its own crawl, without n; its 2025 is a projection; ? marks conflicting "
            "readings"
        )
    return (*notes, robust_conclusions(table), f"{counting_rule(table)}; {footer}")


def robust_conclusions(table: TrendTable) -> str:
    """Return the sentence on which conclusions hold at every threshold."""
    if not table.survives:
        return "no conclusion holds at every threshold from 1 to 20 (periods of at least 30 papers)"
    return "at every threshold from 1 to 20: " + "; ".join(table.survives)


def counting_rule(table: TrendTable, *others: TrendTable) -> str:
    """Return the rule of a counted table, or of a sweep, in words."""
    times = "at least that many mentions" if others else at_least(table.threshold)
    if table.thresholds:
        times += f" ({', '.join(f'{label} {threshold}' for label, threshold in table.thresholds.items())})"
    sections = "whole text" if table.scope is Scope.ALL else "body without references and appendix"
    if table.surface is Surface.ABSTRACT:
        sections = "title and abstract"
    return f"k of n papers have {times} {_counted(table)}; {sections}"


def _counted(table: TrendTable) -> str:
    """Return mentions of which names count for a label."""
    if table.axis is Axis.BENCHMARK:
        return "of it"
    return "of any one benchmark" if table.rule is Rule.ANY_NAME else "of a domain's benchmarks together"


def at_least(threshold: int) -> str:
    """Return a threshold in words."""
    return f"at least {threshold} {'mention' if threshold == 1 else 'mentions'}"


def sweep_grid(tables: Sequence[TrendTable], footer: str) -> Grid:
    """Return several thresholds side by side: k at each, and n."""
    first = tables[0]
    head = ("period", first.axis.value, "n", *(f"≥{table.threshold}" for table in tables))
    ks = [{(row.period, row.label): row.k for row in table.rows} for table in tables]
    rows = tuple(
        (row.period, row.label, f"{row.n:,}", *(f"{k.get((row.period, row.label), 0):,}" for k in ks))
        for row in first.rows
    )
    notes = (
        robust_conclusions(first),
        f"{counting_rule(*tables)}; for shares with intervals: --threshold, or --format csv",
        footer,
    )
    return Grid(f"{TITLES[first.axis]} at each threshold", notes, head, rows, grouped=True)


def labelled_grid(table: TrendTable, footer: str) -> Grid:
    """Return the method or data-source table: our share, the share corrected for errors, and the printed one."""
    name = table.axis.replace("_", " ")
    printed = any(row.published for row in table.rows)
    head = (
        "period", name, "k", "n", "share (95%)", "corrected (95%)", *(["survey printed (95%)"] if printed else []),
    )  # fmt: skip
    rows = tuple(
        (
            row.period, row.label, f"{row.k:,}", f"{row.n:,}", _estimated(row.share, row.low, row.high),
            _estimated(*_values(row.corrected)), *([_printed(row)] if printed else []),
        )
        for row in table.rows
        if row.n or row.published
    )  # fmt: skip
    notes = [
        f"n: papers with one of these labels; corrected: for the measured error rates of the labels; {table.note}",
        "survey printed: its share, with the interval for the smallest n that the rounding allows" if printed else "",
        *table.differences, *({row.corrected.note for row in table.rows if row.corrected and row.corrected.note}),
        table.quality, footer,
    ]  # fmt: skip
    return Grid(_title(table), tuple(filter(None, notes)), head, rows, grouped=True)


def cited_grid(table: TrendTable, footer: str) -> Grid:
    """Return the same table weighted by the citations that papers receive from others of the sample."""
    head = ("period", table.axis.replace("_", " "), "plain share", "cited share", "95% interval", "citations")
    rows = tuple(
        (
            row.period, row.label, percent(row.share), percent(row.cited.share if row.cited else None),
            _bounds(row.cited), row.cited.note if row.cited else "none",
        )
        for row in table.rows
        if row.n
    )  # fmt: skip
    notes = ("cited share: part of all citations from papers of the sample to papers of the period", footer)
    return Grid(f"{_title(table)}, weighted by citations inside the sample", notes, head, rows, grouped=True)


def _title(table: TrendTable) -> str:
    return f"{TITLES[table.axis]} (rl: {table.reading})" if table.reading else TITLES[table.axis]


def _printed(row: TrendRow) -> str:
    if row.published is None or row.published.n is None:
        return ""
    low, high = wilson(round(row.published.value * row.published.n / 100), row.published.n)
    return f"{_estimated(row.published.value / 100, low, high)} of {row.published.n}"


def _estimated(share: float | None, low: float | None, high: float | None) -> str:
    return "–" if share is None or low is None or high is None else f"{share:.1%} ({low:.0%} to {high:.0%})"


def _bounds(estimate: Estimate | None) -> str:
    if estimate is None or estimate.low is None or estimate.high is None:
        return "–"
    return f"{estimate.low:.1%} to {estimate.high:.1%}"


def as_data(table: TrendTable) -> dict[str, Any]:
    """Return a table as plain data, in the shape of the public interface."""
    return asdict(table) | {"growth": [growth_data(growth) for growth in table.growth]}


FLAT_COLUMNS = (
    "axis", "reading", "threshold", "inclusive", "rule", "scope", "lexicon", "by", "project", "period", "label", "k",
    "n", "share", "low", "high", "growth", "projected", "projected_low", "projected_high", "published", "published_n",
    "published_sources", "published_agreement", "corrected", "corrected_low", "corrected_high", "cited", "cited_low",
    "cited_high", "note", "sample", "footer", "surface",
)  # fmt: skip


def flat_rows(tables: Sequence[TrendTable], sample: str, footer: str) -> list[dict[str, Any]]:
    """Return a flat record of FLAT_COLUMNS for each cell, with the sample, the footer and the settings of its table."""
    records = []
    for table in tables:
        for row in table.rows:
            cell = row.published
            printed = (cell.value, cell.n, "; ".join(cell.sources), cell.agreement) if cell else (None,) * 4
            values = (
                table.axis.value, table.reading, *_counting(table, row.label),
                table.by.value, table.project.value, row.period, row.label, row.k, row.n, row.share, row.low, row.high,
                row.growth, row.projected, row.projected_low, row.projected_high, *printed, *_values(row.corrected),
                *_values(row.cited), "; ".join(filter(None, (table.note, table.quality))), sample,
                f"{counting_rule(table)}; {footer}" if table.axis.is_counted else footer, table.surface.value,
            )  # fmt: skip
            records.append(dict(zip(FLAT_COLUMNS, values, strict=True)))
    return records


def _counting(table: TrendTable, label: str) -> tuple[int | None, bool | None, str, str, str]:
    """Return the settings that assign papers to a domain or benchmark; the other axes have none."""
    if not table.axis.is_counted:
        return None, None, "", "", ""
    return (
        table.thresholds.get(label, table.threshold),
        table.inclusive,
        table.rule.value,
        table.scope.value,
        table.lexicon,
    )


def _values(estimate: Estimate | None) -> tuple[float | None, float | None, float | None]:
    return (estimate.share, estimate.low, estimate.high) if estimate else (None, None, None)


def percent(share: float | None, digits: int = 1) -> str:
    """Return a share in per cent, or a dash where there is none."""
    return "–" if share is None else f"{share:.{digits}%}"


def range_of(low: float | None, high: float | None, digits: int = 1) -> str:
    """Return an interval in per cent; without one there are no papers."""
    return "no papers" if low is None or high is None else f"{low:.{digits}%} to {high:.{digits}%}"


def _projected(row: TrendRow) -> str:
    if row.projected is None:
        return ""
    bounds = "" if row.projected_low is None else f" ({row.projected_low:,} to {row.projected_high:,})"
    return f"{row.projected:,}{bounds}"


def _share(share: Share) -> str:
    return f"{share.k:,} of {share.n:,} = {share.share:.1%} ({share.low:.1%} to {share.high:.1%})"


def _mark(row: TrendRow) -> str:
    return "?" if row.published and row.published.is_unsure else ""
