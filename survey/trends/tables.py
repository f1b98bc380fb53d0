"""The trend tables as cells of text, and as flat records: what every format of the report is made from."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from posttrain.statistics import Estimate, Share, wilson
from posttrain.tables import Grid
from survey.diff import Difference
from survey.mentions.domain import Rule
from survey.period import Period
from survey.trends.domain import Scope, TrendRow, TrendTable
from survey.trends.published import TITLES, Axis


def as_grids(tables: Sequence[TrendTable], footer: str, with_cited: bool = False) -> list[Grid]:
    """Return tables as grids: one each, but a sweep of the domain table as one. `footer` goes below each.

    `with_cited` puts the same table weighted by citations behind each.
    """
    domain = [table for table in tables if table.axis is Axis.DOMAIN]
    others = [table for table in tables if table.axis is not Axis.DOMAIN]
    grids = [sweep_grid(domain, footer)] if len(domain) > 1 else []
    for table in others if grids else [*domain, *others]:
        grids.append(grid(table, footer))
        if with_cited:
            grids.append(cited_grid(table, footer))
    return grids


def grid(table: TrendTable, footer: str) -> Grid:
    """Return a trend table as text cells: k, n, share, interval, growth, and the survey's printed number."""
    if table.axis is not Axis.DOMAIN:
        return labelled_grid(table, footer)
    projected = any(row.projected is not None for row in table.rows)
    head = (
        "period",
        "domain",
        "k",
        "n",
        "share",
        "95% interval",
        "growth",
        *(["projected"] if projected else []),
        "survey printed",
    )
    rows = tuple(
        (
            row.period, row.label, f"{row.k:,}", f"{row.n:,}", _percent(row.share), _interval(row),
            "" if row.growth is None else f"{row.growth:+.0%}", *([_projected(row)] if projected else []),
            f"{row.published.value:,.0f}{_mark(row)}" if row.published else "",
        )
        for row in table.rows
    )  # fmt: skip
    return Grid(f"Papers by domain, {at_least(table.threshold)}", table_notes(table, footer), head, rows, grouped=True)


def table_notes(table: TrendTable, footer: str) -> tuple[str, ...]:
    """Return what stands below a domain table: papers of several domains, first halves, the projection, the footer."""
    notes = ["growth: of k against the period before; where n grows with it, compare the shares"]
    if table.several:
        notes.append(f"counted in several domains: {_share(table.several)} of the papers counted in any")
    if table.first_halves and table.by is Period.YEAR:
        halves = (f"{year} {_share(half)}" for year, half in table.first_halves.items())
        notes.append("domain assignments of January to June: " + "; ".join(halves))
    if table.note:
        notes.append(table.note)
    if any(row.published for row in table.rows):
        notes.append(
            "the survey printed counts of its own crawl without an n, 2025 as a projection; ? where readings conflict"
        )
    return (*notes, survives(table), f"{what_counts(table)}; {footer}")


def survives(table: TrendTable) -> str:
    """Return the sentence on which conclusions hold at every threshold."""
    if not table.survives:
        return "no conclusion holds at every threshold from 1 to 20 (periods of at least 30 papers)"
    return "at every threshold from 1 to 20: " + "; ".join(table.survives)


def what_counts(table: TrendTable, *others: TrendTable) -> str:
    """Return the rule of a domain table, or of a sweep, in words."""
    times = "at least so many mentions" if others else at_least(table.threshold)
    what = "of any one benchmark" if table.rule is Rule.ANY_NAME else "of a domain's benchmarks together"
    where = "whole text" if table.scope is Scope.ALL else "body without references and appendix"
    return f"k of n papers have {times} {what}; {where}"


def at_least(threshold: int) -> str:
    """Return a threshold in words."""
    return f"at least {threshold} {'mention' if threshold == 1 else 'mentions'}"


def sweep_grid(tables: Sequence[TrendTable], footer: str) -> Grid:
    """Return several thresholds side by side: k at each, and n."""
    first = tables[0]
    head = ("period", "domain", "n", *(f"≥{table.threshold}" for table in tables))
    ks = [{(row.period, row.label): row.k for row in table.rows} for table in tables]
    rows = tuple(
        (row.period, row.label, f"{row.n:,}", *(f"{k.get((row.period, row.label), 0):,}" for k in ks))
        for row in first.rows
    )
    notes = (survives(first), f"{what_counts(*tables)}; shares with intervals: --threshold, or --format csv", footer)
    return Grid("Papers by domain at each threshold", notes, head, rows, grouped=True)


def diff_grid(cells: Sequence[Difference], table: TrendTable, footer: str) -> Grid:
    """Return the printed table beside ours: counts, parts of the year's assignments, interval and verdict."""
    rows = tuple(
        (
            cell.period, cell.label, f"{cell.published:,.0f}", f"{cell.published_part:.1%}", f"{cell.k:,}",
            f"{cell.n:,}", _percent(cell.part), _interval(cell), cell.verdict.value,
        )
        for cell in cells
    )  # fmt: skip
    head = ("year", "domain", "printed", "part", "our k", "of n", "part", "95% interval", "verdict")
    notes = (
        "a part is of all domain assignments of the year (n is ours; the survey printed none): counts of two crawls"
        " cannot be compared, their mix can. A sample is no reproduction",
        f"{what_counts(table)}; {footer}",
    )
    return Grid("Printed and ours", notes, head, rows, grouped=True)


def labelled_grid(table: TrendTable, footer: str) -> Grid:
    """Return the method or data-source table: our share, the share corrected for errors, and the printed one."""
    name = table.axis.replace("_", " ")
    head = ("period", name, "k", "n", "share (95%)", "corrected (95%)", "survey printed (95%)")
    rows = tuple(
        (
            row.period, row.label, f"{row.k:,}", f"{row.n:,}", _estimated(row.share, row.low, row.high),
            _estimated(*_values(row.corrected)), _printed(row),
        )
        for row in table.rows
        if row.n or row.published
    )  # fmt: skip
    notes = [
        f"n: papers labelled with one of these; corrected: for the rates at which labels err; {table.note}",
        "printed: the survey's share, and its interval at the smallest n that the rounding allows",
        *table.differences, *({row.corrected.note for row in table.rows if row.corrected and row.corrected.note}),
        table.quality, footer,
    ]  # fmt: skip
    return Grid(_title(table), tuple(filter(None, notes)), head, rows, grouped=True)


def cited_grid(table: TrendTable, footer: str) -> Grid:
    """Return the same table weighted by the citations that papers receive from others of the sample."""
    head = ("period", table.axis.replace("_", " "), "plain share", "cited share", "95% interval", "citations")
    rows = tuple(
        (
            row.period, row.label, _percent(row.share), _percent(row.cited.share if row.cited else None),
            _bounds(row.cited), row.cited.note if row.cited else "none",
        )
        for row in table.rows
        if row.n
    )  # fmt: skip
    notes = ("cited share: of the citations that papers of the period receive from papers of the sample", footer)
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


def _bounds(one: Estimate | None) -> str:
    return "–" if one is None or one.low is None or one.high is None else f"{one.low:.1%} to {one.high:.1%}"


def as_data(table: TrendTable) -> dict[str, Any]:
    """Return a table as plain data, in the shape of the public interface."""
    return asdict(table)


FLAT_COLUMNS = (
    "axis", "reading", "threshold", "inclusive", "rule", "scope", "lexicon", "by", "project", "period", "label", "k",
    "n", "share", "low", "high", "growth", "projected", "projected_low", "projected_high", "published", "published_n",
    "published_sources", "published_agreement", "corrected", "corrected_low", "corrected_high", "cited", "cited_low",
    "cited_high", "note", "sample", "footer",
)  # fmt: skip


def flat_rows(tables: Sequence[TrendTable], sample: str, footer: str) -> list[dict[str, Any]]:
    """Return one flat record of FLAT_COLUMNS per cell, with the sample, the footer and what decides its table."""
    records = []
    for table in tables:
        for row in table.rows:
            cell = row.published
            printed = (cell.value, cell.n, "; ".join(cell.sources), cell.agreement) if cell else (None,) * 4
            values = (
                table.axis.value, table.reading, *_counting(table),
                table.by.value, table.project.value, row.period, row.label, row.k, row.n, row.share, row.low, row.high,
                row.growth, row.projected, row.projected_low, row.projected_high, *printed, *_values(row.corrected),
                *_values(row.cited), "; ".join(filter(None, (table.note, table.quality))), sample,
                f"{what_counts(table)}; {footer}" if table.axis is Axis.DOMAIN else footer,
            )  # fmt: skip
            records.append(dict(zip(FLAT_COLUMNS, values, strict=True)))
    return records


def _counting(table: TrendTable) -> tuple[int | None, bool | None, str, str, str]:
    """What decides how mentions make a domain, which is nothing to the other axes."""
    if table.axis is not Axis.DOMAIN:
        return None, None, "", "", ""
    return table.threshold, table.inclusive, table.rule.value, table.scope.value, table.lexicon


def _values(one: Estimate | None) -> tuple[float | None, float | None, float | None]:
    return (one.share, one.low, one.high) if one else (None, None, None)


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def _interval(row: TrendRow | Difference) -> str:
    return "no papers" if row.low is None or row.high is None else f"{row.low:.1%} to {row.high:.1%}"


def _projected(row: TrendRow) -> str:
    if row.projected is None:
        return ""
    bounds = "" if row.projected_low is None else f" ({row.projected_low:,} to {row.projected_high:,})"
    return f"{row.projected:,}{bounds}"


def _share(share: Share) -> str:
    return f"{share.k:,} of {share.n:,} = {share.share:.1%} ({share.low:.1%} to {share.high:.1%})"


def _mark(row: TrendRow) -> str:
    return "?" if row.published and row.published.is_unsure else ""
