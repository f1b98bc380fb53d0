"""The trend tables as cells of text, and as flat records: what every format of the report is made from."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from survey.compare import Difference
from survey.domain import Rule
from survey.published import Axis
from survey.trends import Scope, TrendRow, TrendTable, wilson


@dataclass(frozen=True)
class Grid:
    """A table ready to be drawn: a title, what decides its numbers, column heads and cells."""

    title: str
    note: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric_from: int = 2  # columns from here on hold numbers


def grid(table: TrendTable) -> Grid:
    """Return a trend table as text cells: k, n, share, interval, and the survey's printed number beside them."""
    if table.axis is not Axis.DOMAIN:
        return _published_grid(table)
    what = "of any one benchmark" if table.rule is Rule.ANY_NAME else "of its benchmarks together"
    where = "whole text" if table.scope is Scope.ALL else "body without references and appendix"
    projected = any(row.projected is not None for row in table.rows)
    head = (
        "period",
        "domain",
        "k",
        "n",
        "share",
        "95% interval",
        *(["projected"] if projected else []),
        "survey printed",
    )
    rows = tuple(
        (
            row.period, row.label, f"{row.k:,}", f"{row.n:,}", _percent(row.share), _interval(row),
            *([_count(row.projected)] if projected else []),
            f"{row.published.value:,.0f}{_mark(row)}" if row.published else "",
        )
        for row in table.rows
    )  # fmt: skip
    notes = [
        f"k of n papers have {_at_least(table.threshold)} {what}; {where}; lexicon {table.lexicon}",
        table.note,
    ]
    if any(row.published for row in table.rows):
        notes.append(
            "The survey printed counts of its own crawl without an n, 2025 as a projection; ? where readings conflict"
        )
    return Grid(f"Papers by domain, {_at_least(table.threshold)}", ". ".join(filter(None, notes)) + ".", head, rows)


def sweep_grid(tables: Sequence[TrendTable]) -> Grid:
    """Return several thresholds side by side: k at each, and n."""
    first = tables[0]
    head = ("period", "domain", "n", *(f"≥{table.threshold}" for table in tables))
    ks = [{(row.period, row.label): row.k for row in table.rows} for table in tables]
    rows = tuple(
        (row.period, row.label, f"{row.n:,}", *(f"{k.get((row.period, row.label), 0):,}" for k in ks))
        for row in first.rows
    )
    what = "of any one benchmark" if first.rule is Rule.ANY_NAME else "of its benchmarks together"
    where = "whole text" if first.scope is Scope.ALL else "body without references and appendix"
    note = (
        f"papers of n with at least so many mentions {what}; {where}; lexicon {first.lexicon}. Shares with intervals: "
    )
    return Grid("Papers by domain at each threshold", note + "--threshold, or --format csv.", head, rows)


def diff_grid(cells: Sequence[Difference], table: TrendTable) -> Grid:
    """Return the printed table beside ours: counts, parts of the year's assignments, interval and verdict."""
    rows = tuple(
        (
            cell.period, cell.label, f"{cell.published:,.0f}", f"{cell.published_part:.1%}", f"{cell.k:,}",
            f"{cell.n:,}", _percent(cell.part), _interval(cell), cell.verdict.value,
        )
        for cell in cells
    )  # fmt: skip
    head = ("year", "domain", "printed", "part", "our k", "of n", "part", "95% interval", "verdict")
    note = (
        "A part is of all domain assignments of the year (n is ours): counts of two crawls cannot be compared, their "
        f"mix can. {_at_least(table.threshold)}; {table.rule}; scope {table.scope}; lexicon {table.lexicon}."
    )
    return Grid("Printed and ours", note, head, rows)


def _at_least(threshold: int) -> str:
    return f"at least {threshold} {'mention' if threshold == 1 else 'mentions'}"


def _published_grid(table: TrendTable) -> Grid:

    rows = []
    for row in table.rows:
        if row.published is None or row.published.n is None:
            continue
        n = row.published.n
        k = round(row.published.value * n / 100)
        low, high = wilson(k, n)
        interval = f"{low:.1%} to {high:.1%}"
        rows.append((row.period, row.label, "–", "–", f"{row.published.value:.1f}%", str(n), interval))
    title = "Methods papers train with" if table.axis is Axis.METHOD else "Where the training data come from"
    head = (
        "year",
        table.axis.replace("_", " "),
        "our k",
        "our n",
        "survey printed",
        "implied n",
        "95% interval at that n",
    )
    return Grid(title, table.note + ".", head, tuple(rows))


def as_grids(tables: Sequence[TrendTable]) -> list[Grid]:
    """Return tables as grids: one each, but a sweep of the domain table as one."""
    domain = [table for table in tables if table.axis is Axis.DOMAIN]
    others = [table for table in tables if table.axis is not Axis.DOMAIN]
    return [*([sweep_grid(domain)] if len(domain) > 1 else map(grid, domain)), *map(grid, others)]


def as_data(table: TrendTable) -> dict[str, Any]:
    """Return a table as plain data, in the shape of the public interface."""
    return asdict(table)


FLAT_COLUMNS = (
    "axis", "threshold", "inclusive", "rule", "scope", "lexicon", "by", "project", "period", "label", "k", "n", "share",
    "low", "high", "projected", "published", "published_n", "published_sources", "published_agreement", "sample",
)  # fmt: skip


def flat_rows(tables: Sequence[TrendTable], sample: str) -> list[dict[str, Any]]:
    """Return one flat record of FLAT_COLUMNS per cell, with the sample and what decides its table."""
    records = []
    for table in tables:
        for row in table.rows:
            cell = row.published
            printed = (cell.value, cell.n, "; ".join(cell.sources), cell.agreement) if cell else (None,) * 4
            values = (
                table.axis.value, table.threshold, table.inclusive, table.rule.value, table.scope.value, table.lexicon,
                table.by.value, table.project.value, row.period, row.label, row.k, row.n, row.share, row.low, row.high,
                row.projected, *printed, sample,
            )  # fmt: skip
            records.append(dict(zip(FLAT_COLUMNS, values, strict=True)))
    return records


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def _interval(row: TrendRow | Difference) -> str:
    return "no papers" if row.low is None or row.high is None else f"{row.low:.1%} to {row.high:.1%}"


def _count(count: int | None) -> str:
    return "" if count is None else f"{count:,}"


def _mark(row: TrendRow) -> str:
    return "?" if row.published and row.published.is_unsure else ""
