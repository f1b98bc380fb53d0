"""The trend tables as a person or a program wants them: terminal, Markdown, CSV, JSON, HTML, LaTeX, Parquet."""

import csv
import html
import io
from collections.abc import Callable, Sequence
from enum import StrEnum
from typing import Any

from survey.trends.charts import chart, png, svg
from survey.trends.domain import TrendTable
from survey.trends.published import Axis
from survey.trends.tables import FLAT_COLUMNS, Grid, as_grids, flat_rows, what_counts


class Format(StrEnum):
    """What `survey report` can write."""

    TERMINAL = "terminal"
    MARKDOWN = "md"
    CSV = "csv"
    JSON = "json"
    HTML = "html"
    LATEX = "latex"
    PARQUET = "parquet"
    SVG = "svg"
    PNG = "png"


BINARY = (Format.PARQUET, Format.PNG)


def render(
    tables: Sequence[TrendTable], sample: str, footer: str, form: Format, with_cited: bool = False
) -> str | bytes:
    """Return the tables in one of the file formats, with the sentence on the sample and the footer.

    `terminal` is drawn by `draw`, `json` is the envelope of every command. SVG and PNG hold the chart of the first
    axis.
    """
    if form is Format.CSV:
        return _csv(flat_rows(tables, sample, footer))
    if form is Format.PARQUET:
        return _parquet(flat_rows(tables, sample, footer))
    if form in (Format.SVG, Format.PNG):
        spec = charts_of(tables, sample, footer)[0]
        return svg(spec) if form is Format.SVG else png(spec)
    if form is Format.HTML:
        return _html(
            as_grids(tables, footer, with_cited), [svg(spec) for spec in charts_of(tables, sample, footer)], sample
        )
    writers: dict[Format, Callable[[Sequence[Grid], str], str]] = {Format.MARKDOWN: _markdown, Format.LATEX: _latex}
    return writers[form](as_grids(tables, footer, with_cited), sample)


def charts_of(tables: Sequence[TrendTable], sample: str, footer: str) -> list[dict[str, Any]]:
    """Return the chart of each axis: of a sweep the threshold curve, else shares with intervals."""
    by_axis: dict[Axis, list[TrendTable]] = {}
    for table in tables:
        by_axis.setdefault(table.axis, []).append(table)
    return [
        chart(group, [sample, f"{what_counts(*group)}; {footer}"])
        if axis is Axis.DOMAIN
        else chart(group[:1], [sample, f"ticks: as the survey printed; {group[0].note}; {footer}"])
        for axis, group in by_axis.items()
    ]


def draw(grids: Sequence[Grid], sample: str, width: int | None, colour: bool) -> str:
    """Return grids drawn for a terminal of `width` columns, under one line on the sample."""
    from rich.console import Console
    from rich.table import Table

    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=colour, no_color=not colour, highlight=False)
    for one in grids:
        table = Table(title=one.title, title_justify="left", title_style="bold", box=None, pad_edge=False)
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
        console.print()
        for note in one.notes:
            console.print(f"· {note}", style="dim", soft_wrap=width is None)
    lines = (line.rstrip() for line in out.getvalue().splitlines())
    return "\n".join([sample, *lines]) + "\n"


def _csv(rows: list[dict[str, Any]]) -> str:
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=FLAT_COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _parquet(rows: list[dict[str, Any]]) -> bytes:
    import pyarrow
    from pyarrow import parquet

    out = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(rows), out)
    return out.getvalue()


def _markdown(grids: Sequence[Grid], sample: str) -> str:
    parts = [sample]
    for one in grids:
        align = ["---" if number < one.numeric_from else "---:" for number in range(len(one.head))]
        lines = [one.head, tuple(align), *one.rows]
        table = "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
        parts += [f"## {one.title}", table, "\n".join(f"- {note}" for note in one.notes)]
    return "\n\n".join(parts) + "\n"


def _html(grids: Sequence[Grid], charts: Sequence[str], sample: str) -> str:
    parts = [
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Post-training trends</title>',
        "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
        "table{border-collapse:collapse}td,th{padding:.2rem .8rem;border-bottom:1px solid #ccc;text-align:left}"
        ".first td{border-top:2px solid #666}"
        ".number{text-align:right;font-variant-numeric:tabular-nums}caption{caption-side:bottom;text-align:left}"
        "</style></head><body>",
        f"<p>{html.escape(sample)}</p>",
    ]
    for one in grids:
        kind = ['class="number"' if number >= one.numeric_from else "" for number in range(len(one.head))]
        head = "".join(f'<th scope="col" {c}>{html.escape(name)}</th>' for c, name in zip(kind, one.head, strict=True))
        starts = [row[0] != before[0] for before, row in zip(one.rows, one.rows[1:], strict=False)]
        body = "\n".join(
            ("<tr>" if not first else '<tr class="first">')
            + "".join(f"<td {c}>{html.escape(cell)}</td>" for c, cell in zip(kind, row, strict=True))
            + "</tr>"
            for first, row in zip([False, *starts], one.rows, strict=False)
        )
        notes = "".join(f"<p>{html.escape(note)}</p>" for note in one.notes)
        parts.append(
            f"<h2>{html.escape(one.title)}</h2>\n<table><caption>{notes}</caption>"
            f"<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table>"
        )
    parts += [f"<figure>{drawn}</figure>" for drawn in charts]
    return "\n".join(parts) + "\n</body></html>\n"


_LATEX_SPECIAL = str.maketrans(
    {"\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "%": r"\%", "_": r"\_", "&": r"\&", "#": r"\#", "$": r"\$",
     "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "–": "--", "…": r"\dots{}", "≥": r"$\geq$"}
)  # fmt: skip
_LONG = 40  # rows; beyond, a table runs over pages


def _latex(grids: Sequence[Grid], sample: str) -> str:
    packages = r"% needs \usepackage{booktabs}, and \usepackage{longtable} for tables of many rows"
    parts = [f"% {' '.join(sample.split())}\n{packages}"]
    for number, one in enumerate(grids, start=1):
        columns = "l" * one.numeric_from + "r" * (len(one.head) - one.numeric_from)
        head, *rows = (
            " & ".join(cell.translate(_LATEX_SPECIAL) for cell in line) + r" \\" for line in (one.head, *one.rows)
        )
        caption = (
            f"\\caption{{{one.title.translate(_LATEX_SPECIAL)}. {'. '.join(one.notes).translate(_LATEX_SPECIAL)}}}"
        )
        label = f"\\label{{tab:posttrain-{number}}}"
        body = "\n".join(rows)
        if len(rows) > _LONG:
            parts.append(
                f"{{\\small\n\\begin{{longtable}}{{{columns}}}\n{caption}{label}\\\\\n\\toprule\n{head}\n\\midrule\n"
                f"\\endhead\n{body}\n\\bottomrule\n\\end{{longtable}}}}"
            )
        else:
            parts.append(
                f"\\begin{{table}}\n\\centering\\small\n{caption}{label}\n\\begin{{tabular}}{{{columns}}}\n\\toprule\n"
                f"{head}\n\\midrule\n{body}\n\\bottomrule\n\\end{{tabular}}\n\\end{{table}}"
            )
    return "\n\n".join(parts) + "\n"
