"""The trend tables as a person or a program wants them: terminal, Markdown, CSV, JSON, HTML, LaTeX, Parquet."""

import csv
import html
import io
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from survey.domain import Rule
from survey.published import Axis
from survey.trends import Scope, TrendRow, TrendTable, wilson


class Format(StrEnum):
    """What `survey report` can write."""

    TERMINAL = "terminal"
    MARKDOWN = "md"
    CSV = "csv"
    JSON = "json"
    HTML = "html"
    LATEX = "latex"
    PARQUET = "parquet"


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
    times = "mention" if table.threshold == 1 else "mentions"
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
        f"k of n papers have at least {table.threshold} {times} {what}; {where}; lexicon {table.lexicon}",
        table.note,
    ]
    if any(row.published for row in table.rows):
        notes.append(
            "The survey printed counts of its own crawl without an n, 2025 as a projection; ? where readings conflict"
        )
    return Grid("Papers by domain", ". ".join(filter(None, notes)) + ".", head, rows)


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


def render(tables: Sequence[TrendTable], sample: str, form: Format) -> str | bytes:
    """Return the tables in one of the file formats, with the sentence on the sample where the format has a place.

    `terminal` is drawn by `draw`, `json` is the envelope of every command.
    """
    if form is Format.CSV:
        return _csv(tables)
    if form is Format.PARQUET:
        return _parquet(tables)
    writers: dict[Format, Callable[[Sequence[Grid], str], str]] = {
        Format.MARKDOWN: _markdown,
        Format.HTML: _html,
        Format.LATEX: _latex,
    }
    return writers[form]([grid(table) for table in tables], sample)


def draw(grids: Sequence[Grid], sample: str, width: int | None, colour: bool) -> str:
    """Return grids drawn for a terminal of `width` columns, under one line on the sample."""
    from rich.console import Console
    from rich.table import Table

    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=colour, no_color=not colour, highlight=False)
    for one in grids:
        table = Table(
            title=one.title, caption=one.note, title_justify="left", caption_justify="left", box=None, pad_edge=False,
            title_style="bold", caption_style="dim",
        )  # fmt: skip
        for number, name in enumerate(one.head):
            table.add_column(name, justify="right" if number >= one.numeric_from else "left", no_wrap=True)
        previous = one.rows[0][0] if one.rows else ""
        for row in one.rows:
            if row[0] != previous:
                table.add_row()
            table.add_row(*row)
            previous = row[0]
        console.print()
        console.print(table)
    lines = (line.rstrip() for line in out.getvalue().splitlines())
    return "\n".join([sample, *lines]) + "\n"


def as_data(table: TrendTable) -> dict[str, Any]:
    """Return a table as plain data, in the shape of the public interface."""
    return asdict(table)


def flat_rows(tables: Sequence[TrendTable]) -> list[dict[str, Any]]:
    """Return one flat record per cell, with what decides its table, for CSV and Parquet."""
    rows = []
    for table in tables:
        for row in table.rows:
            cell = row.published
            rows.append(
                {
                    "axis": table.axis.value, "threshold": table.threshold, "inclusive": table.inclusive,
                    "rule": table.rule.value, "scope": table.scope.value, "lexicon": table.lexicon,
                    "by": table.by.value, "period": row.period, "label": row.label, "k": row.k, "n": row.n,
                    "share": row.share, "low": row.low, "high": row.high, "projected": row.projected,
                    "published": cell.value if cell else None, "published_n": cell.n if cell else None,
                    "published_sources": "; ".join(cell.sources) if cell else None,
                    "published_agreement": cell.agreement if cell else None,
                }
            )  # fmt: skip
    return rows


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def _interval(row: TrendRow) -> str:
    return "no papers" if row.low is None or row.high is None else f"{row.low:.1%} to {row.high:.1%}"


def _count(count: int | None) -> str:
    return "" if count is None else f"{count:,}"


def _mark(row: TrendRow) -> str:
    return "?" if row.published and row.published.agreement.startswith(("conflict", "one reading")) else ""


def _csv(tables: Sequence[TrendTable]) -> str:
    rows = flat_rows(tables)
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _parquet(tables: Sequence[TrendTable]) -> bytes:
    import pyarrow
    from pyarrow import parquet

    out = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(flat_rows(tables)), out)
    return out.getvalue()


def _markdown(grids: Sequence[Grid], sample: str) -> str:
    parts = [sample]
    for one in grids:
        align = ["---" if number < one.numeric_from else "---:" for number in range(len(one.head))]
        lines = [one.head, tuple(align), *one.rows]
        table = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
        parts += [f"## {one.title}", table, one.note]
    return "\n\n".join(parts) + "\n"


def _html(grids: Sequence[Grid], sample: str) -> str:
    parts = [
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Post-training trends</title>',
        "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
        "table{border-collapse:collapse}td,th{padding:.2rem .8rem;border-bottom:1px solid #ccc;text-align:left}"
        ".number{text-align:right;font-variant-numeric:tabular-nums}caption{caption-side:bottom;text-align:left}"
        "</style></head><body>",
        f"<p>{html.escape(sample)}</p>",
    ]
    for one in grids:
        kind = ['class="number"' if number >= one.numeric_from else "" for number in range(len(one.head))]
        head = "".join(f'<th scope="col" {c}>{html.escape(name)}</th>' for c, name in zip(kind, one.head, strict=True))
        body = "\n".join(
            "<tr>" + "".join(f"<td {c}>{html.escape(cell)}</td>" for c, cell in zip(kind, row, strict=True)) + "</tr>"
            for row in one.rows
        )
        parts.append(
            f"<h2>{html.escape(one.title)}</h2>\n<table><caption>{html.escape(one.note)}</caption>"
            f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table>"
        )
    return "\n".join(parts) + "\n</body></html>\n"


_LATEX_SPECIAL = str.maketrans({"%": r"\%", "_": r"\_", "&": r"\&", "#": r"\#", "$": r"\$", "–": "--", "…": r"\dots{}"})


def _latex(grids: Sequence[Grid], sample: str) -> str:
    parts = [f"% {sample}\n% needs \\usepackage{{booktabs}}"]
    for one in grids:
        columns = "l" * one.numeric_from + "r" * (len(one.head) - one.numeric_from)
        lines = [" & ".join(cell.translate(_LATEX_SPECIAL) for cell in line) + r" \\" for line in (one.head, *one.rows)]
        parts.append(
            "\\begin{table}\n\\centering\n"
            f"\\caption{{{one.title.translate(_LATEX_SPECIAL)}. {one.note.translate(_LATEX_SPECIAL)} "
            f"{sample.translate(_LATEX_SPECIAL)}}}\n"
            f"\\begin{{tabular}}{{{columns}}}\n\\toprule\n{lines[0]}\n\\midrule\n" + "\n".join(lines[1:])
            + "\n\\bottomrule\n\\end{tabular}\n\\end{table}"
        )  # fmt: skip
    return "\n\n".join(parts) + "\n"
