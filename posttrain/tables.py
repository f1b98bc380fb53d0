"""Tables of text cells, written for every reader: terminal, Markdown, HTML, LaTeX; and flat records as CSV and Parquet.

A room makes a `Grid` from its numbers; this module does not know the meaning of a cell.
"""

import csv
import html
import io
import shutil
from collections.abc import Sequence
from typing import Any

from posttrain.grid import Grid, layout, wrapped
from posttrain.latex import escaped as latex_escaped

__all__ = [
    "Grid", "as_csv", "as_html", "as_latex", "as_lines", "as_markdown", "as_parquet", "as_terminal", "html_table",
    "markdown_table",
]  # fmt: skip

_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse}td,th{padding:.2rem .8rem;border-bottom:1px solid #ccc;text-align:left}"
    ".first td{border-top:2px solid #666}"
    ".number{text-align:right;font-variant-numeric:tabular-nums}caption{caption-side:bottom;text-align:left}"
)
_LONG = 40  # rows; a longer LaTeX table runs over pages
_WIDEST = 10_000  # columns: no line of a file is broken
_UNKNOWN_WIDTH = 100  # columns, where there is no terminal
_BOLD, _DIM = "\x1b[1m", "\x1b[2m"


def as_terminal(grids: Sequence[Grid], intro: str, width: int | None, colour: bool) -> str:
    """Return grids drawn for a terminal, below one line of intro; `width` None is as wide as this terminal.

    A table that is too wide breaks its heads at spaces, then puts the first column of groups above them, then breaks
    its cells, and at last stands in several parts. A word is broken only where it alone is wider than the terminal.
    """
    room = width or shutil.get_terminal_size((_UNKNOWN_WIDTH, 0)).columns
    lines = [intro] if width else wrapped(intro, room)
    for grid in grids:
        lines += ["", *(_styled(line, _BOLD, colour) for line in wrapped(grid.title, room))]
        lines += [_styled(line, _BOLD if is_head else "", colour) for line, is_head in layout(grid, room)]
        notes = (line for note in grid.notes for line in wrapped(f"· {note}", room, "  "))
        lines += ["", *(_styled(line, _DIM, colour) for line in notes)]
    return "\n".join(lines) + "\n"


def as_lines(grid: Grid, width: int = _WIDEST) -> list[str]:
    """Return head and rows as aligned lines without title and notes, broken only where `width` is given."""
    return [line for line, _ in layout(grid, width)]


def _styled(line: str, style: str, colour: bool) -> str:
    return f"{style}{line}\x1b[0m" if colour and style and line else line


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
    lines = (grid.head, rule, *(row + ("",) * (len(grid.head) - len(row)) for row in grid.rows))
    return "\n".join("| " + " | ".join(cell.replace("|", r"\|") for cell in line) + " |" for line in lines)


def as_html(grids: Sequence[Grid], intro: str, title: str, charts: Sequence[str] = (), end: str = "") -> str:
    """Return grids and charts (as SVG) as a whole HTML page with its title and one line of intro.

    end: HTML that stands below the charts.
    """
    parts = [
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>',
        f"<style>{_STYLE}</style></head><body>",
        f"<p>{html.escape(intro)}</p>",
    ]
    parts += [f"<h2>{html.escape(grid.title)}</h2>\n{html_table(grid)}" for grid in grids]
    parts += [f"<figure>{svg}</figure>" for svg in charts]
    parts += [end] if end else []
    return "\n".join(parts) + "\n</body></html>\n"


def html_table(grid: Grid, attributes: str = "") -> str:
    """Return head, rows and notes as an HTML table; `attributes` are those of its `table` element."""
    kinds = [' class="number"' if column >= grid.numeric_from else "" for column in range(len(grid.head))]
    head = "".join(
        f'<th scope="col"{kind}>{html.escape(name)}</th>' for kind, name in zip(kinds, grid.head, strict=True)
    )
    body = "\n".join(
        ('<tr class="first">' if starts else "<tr>") + "".join(_html_cells(row, kinds)) + "</tr>"
        for starts, row in zip(grid.starts(), grid.rows, strict=True)
    )
    notes = "".join(f"<p>{html.escape(note)}</p>" for note in grid.notes)
    caption = f"<caption>{notes}</caption>" if notes else ""
    opened = f"<table {attributes}>" if attributes else "<table>"
    return f"{opened}{caption}<thead><tr>{head}</tr></thead>\n<tbody>\n{body}\n</tbody></table>"


def _html_cells(row: Sequence[str], kinds: Sequence[str]) -> list[str]:
    cells = [f"<td{kind}>{html.escape(cell)}</td>" for kind, cell in zip(kinds, row, strict=False)]
    more = len(kinds) - len(row)
    return [*cells[:-1], f'<td colspan="{more + 1}">{html.escape(row[-1])}</td>'] if more else cells


def as_latex(grids: Sequence[Grid], intro: str) -> str:
    """Return grids as LaTeX tables with booktabs, longer ones as longtable; the intro is a comment."""
    packages = r"% needs \usepackage{booktabs}, and \usepackage{longtable} for tables of many rows"
    parts = [f"% {' '.join(intro.split())}\n{packages}"]
    return "\n\n".join([*parts, *(_latex(number, grid) for number, grid in enumerate(grids, start=1))]) + "\n"


def _latex(number: int, grid: Grid) -> str:
    """Return a table with a short caption for the list of tables and a long one."""
    columns = "l" * grid.numeric_from + "r" * (len(grid.head) - grid.numeric_from)
    head, *rows = (_latex_row(row, len(grid.head)) for row in (grid.head, *grid.rows))
    caption = latex_escaped(". ".join([grid.title, *grid.notes]))
    caption = f"\\caption[{{{latex_escaped(grid.title)}}}]{{{caption}}}\\label{{tab:posttrain-{number}}}"
    body = "\n".join(rows)
    if len(rows) > _LONG:
        return (
            f"{{\\small\n\\begin{{longtable}}{{{columns}}}\n{caption}\\\\\n\\toprule\n{head}\n\\midrule\n"
            f"\\endhead\n{body}\n\\bottomrule\n\\end{{longtable}}}}"
        )
    return (
        f"\\begin{{table}}\n\\centering\\small\n{caption}\n\\begin{{tabular}}{{{columns}}}\n\\toprule\n"
        f"{head}\n\\midrule\n{body}\n\\bottomrule\n\\end{{tabular}}\n\\end{{table}}"
    )


def _latex_row(row: Sequence[str], columns: int) -> str:
    cells = [latex_escaped(cell) for cell in row]
    if more := columns - len(row):
        cells[-1] = f"\\multicolumn{{{more + 1}}}{{p{{0.7\\linewidth}}}}{{\\raggedright {cells[-1]}}}"
    return " & ".join(cells) + r" \\"


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
