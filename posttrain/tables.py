"""Tables of text cells, written for every reader: terminal, Markdown, HTML, LaTeX; and flat records as CSV and Parquet.

A room makes a `Grid` from its numbers; this module does not know the meaning of a cell.
"""

import csv
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse}td,th{padding:.2rem .8rem;border-bottom:1px solid #ccc;text-align:left}"
    ".first td{border-top:2px solid #666}"
    ".number{text-align:right;font-variant-numeric:tabular-nums}caption{caption-side:bottom;text-align:left}"
)
_LATEX_SPECIAL = str.maketrans(
    {"\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "%": r"\%", "_": r"\_", "&": r"\&", "#": r"\#", "$": r"\$",
     "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "–": "--", "…": r"\dots{}", "≥": r"$\geq$"}
)  # fmt: skip
_LONG = 40  # rows; a longer LaTeX table runs over pages
_WIDEST = 10_000  # columns: no line of a file is cut


@dataclass(frozen=True)
class Grid:
    """A table ready to be written: a title, column heads and cells, and below them the notes."""

    title: str
    notes: tuple[str, ...]
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numeric_from: int = 2  # columns from here on hold numbers, aligned on the right
    grouped: bool = False  # rows with the same first cell belong together and are set apart from the others

    def starts(self) -> list[bool]:
        """Return for each row whether a further group starts with it."""
        if not self.grouped:
            return [False] * len(self.rows)
        firsts = [row[0] for row in self.rows]
        return [index > 0 and first != firsts[index - 1] for index, first in enumerate(firsts)]


def as_terminal(grids: Sequence[Grid], intro: str, width: int | None, colour: bool) -> str:
    """Return grids drawn for a terminal, below one line of intro; `width` None is as wide as this terminal."""
    lines = [line for grid in grids for line in _drawn(grid, width, colour, whole=True)]
    return "\n".join([intro, *lines]) + "\n"


def as_lines(grid: Grid, width: int = _WIDEST) -> list[str]:
    """Return head and rows as aligned lines without title and notes, cut only where `width` is given."""
    return _drawn(grid, width, colour=False, whole=False)


def _drawn(grid: Grid, width: int | None, colour: bool, whole: bool) -> list[str]:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=colour, no_color=not colour, highlight=False)
    title = Text(grid.title, style="bold") if whole else None
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column, name in enumerate(grid.head):
        table.add_column(Text(name), justify="right" if column >= grid.numeric_from else "left", no_wrap=True)
    for row, starts in zip(grid.rows, grid.starts(), strict=True):
        if starts:
            table.add_row()
        table.add_row(*map(Text, row))
    if whole:
        console.print()
    console.print(table)
    if whole:
        console.print()
        for note in grid.notes:
            console.print(Text(f"· {note}"), style="dim", soft_wrap=width is None)
    return [line.rstrip() for line in out.getvalue().splitlines()]


def as_markdown(grids: Sequence[Grid], intro: str = "") -> str:
    """Return grids as Markdown, each with its title as a heading and its notes as a list."""
    parts = [intro] if intro else []
    for grid in grids:
        notes = "\n".join(f"- {note}" for note in grid.notes)
        parts += [part for part in (f"## {grid.title}" if grid.title else "", markdown_table(grid), notes) if part]
    return "\n\n".join(parts) + "\n"


def markdown_table(grid: Grid) -> str:
    """Return head and rows as a Markdown table, numbers aligned on the right."""
    rule = ["---:" if column >= grid.numeric_from else "---" for column in range(len(grid.head))]
    lines = (grid.head, rule, *grid.rows)
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)


def as_html(grids: Sequence[Grid], intro: str, title: str, charts: Sequence[str] = ()) -> str:
    """Return grids and charts (as SVG) as a whole HTML page with the title of the page and one line of intro."""
    parts = [
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>',
        f"<style>{_STYLE}</style></head><body>",
        f"<p>{html.escape(intro)}</p>",
    ]
    parts += [f"<h2>{html.escape(grid.title)}</h2>\n{html_table(grid)}" for grid in grids]
    parts += [f"<figure>{svg}</figure>" for svg in charts]
    return "\n".join(parts) + "\n</body></html>\n"


def html_table(grid: Grid, attributes: str = "") -> str:
    """Return head, rows and notes as an HTML table; `attributes` are those of its `table` element."""
    kinds = [' class="number"' if column >= grid.numeric_from else "" for column in range(len(grid.head))]
    head = "".join(
        f'<th scope="col"{kind}>{html.escape(name)}</th>' for kind, name in zip(kinds, grid.head, strict=True)
    )
    body = "\n".join(
        ('<tr class="first">' if starts else "<tr>")
        + "".join(f"<td{kind}>{html.escape(cell)}</td>" for kind, cell in zip(kinds, row, strict=True))
        + "</tr>"
        for starts, row in zip(grid.starts(), grid.rows, strict=True)
    )
    notes = "".join(f"<p>{html.escape(note)}</p>" for note in grid.notes)
    caption = f"<caption>{notes}</caption>" if notes else ""
    opened = f"<table {attributes}>" if attributes else "<table>"
    return f"{opened}{caption}<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table>"


def as_latex(grids: Sequence[Grid], intro: str) -> str:
    """Return grids as LaTeX tables with booktabs, longer ones as longtable; the intro is a comment."""
    packages = r"% needs \usepackage{booktabs}, and \usepackage{longtable} for tables of many rows"
    parts = [f"% {' '.join(intro.split())}\n{packages}"]
    return "\n\n".join([*parts, *(_latex(number, grid) for number, grid in enumerate(grids, start=1))]) + "\n"


def _latex(number: int, grid: Grid) -> str:
    columns = "l" * grid.numeric_from + "r" * (len(grid.head) - grid.numeric_from)
    head, *rows = (
        " & ".join(cell.translate(_LATEX_SPECIAL) for cell in line) + r" \\" for line in (grid.head, *grid.rows)
    )
    caption = f"\\caption{{{grid.title.translate(_LATEX_SPECIAL)}. {'. '.join(grid.notes).translate(_LATEX_SPECIAL)}}}"
    label = f"\\label{{tab:posttrain-{number}}}"
    body = "\n".join(rows)
    if len(rows) > _LONG:
        return (
            f"{{\\small\n\\begin{{longtable}}{{{columns}}}\n{caption}{label}\\\\\n\\toprule\n{head}\n\\midrule\n"
            f"\\endhead\n{body}\n\\bottomrule\n\\end{{longtable}}}}"
        )
    return (
        f"\\begin{{table}}\n\\centering\\small\n{caption}{label}\n\\begin{{tabular}}{{{columns}}}\n\\toprule\n"
        f"{head}\n\\midrule\n{body}\n\\bottomrule\n\\end{{tabular}}\n\\end{{table}}"
    )


def as_csv(records: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    """Return flat records as CSV with these columns; the head stands there also without a record."""
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return out.getvalue()


def as_parquet(records: Sequence[dict[str, Any]]) -> bytes:
    """Return flat records as a Parquet file."""
    import pyarrow
    from pyarrow import parquet

    out = io.BytesIO()
    parquet.write_table(pyarrow.Table.from_pylist(list(records)), out)
    return out.getvalue()
