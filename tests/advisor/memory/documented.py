"""The tables of docs/memory.md, from the published points: a test compares them, and a benchmark prints them."""

import tomllib
from functools import cache
from typing import Any

from advisor.memory.published import GIB, Point, Row, error_rows, published_points
from posttrain.reference import reference_path
from posttrain.tables import Grid, markdown_table


def errors_as_markdown() -> list[str]:
    """Return the table of errors: every point on the grid, in GiB and per cent."""
    head = ("published run", "published GiB", "counted", "error", "bound", "above", "from the size alone", "above")
    return markdown_table(Grid("", (), head, tuple(map(_errors, error_rows())), numeric_from=1)).splitlines()


def left_out_as_markdown() -> list[str]:
    """Return the table of the published points that the check leaves out, each with its reason."""
    rows = {row.point.name: row for row in error_rows(on_grid=False)}
    cells = tuple(_left_out(point, rows.get(point.name)) for point in published_points() if not point.on_grid)
    return markdown_table(
        Grid("", (), ("published run", "published GiB", "bound", "above", "reason"), cells)
    ).splitlines()


@cache
def known_shapes() -> dict[str, dict[str, Any]]:
    """Return the configs behind the committed counts, by name: plain facts of each model's config.json."""
    return tomllib.loads(reference_path("model_shapes.toml").read_text(encoding="utf-8"))


def _errors(row: Row) -> tuple[str, ...]:
    sizes = ((row.raw, row.raw_error), (row.bound, row.bound_error), (row.quick, row.quick_error))
    cells = [cell for size, error in sizes for cell in (f"{size / GIB:.1f}", f"{100 * error:+.1f} %")]
    return (row.point.name, f"{row.point.published / GIB:.1f}", *cells)


def _left_out(point: Point, row: Row | None) -> tuple[str, ...]:
    bound = ("–", "–") if row is None else (f"{row.bound / GIB:.1f}", f"{100 * row.bound_error:+.1f} %")
    return (point.name, f"{point.published / GIB:.1f}", *bound, point.why)
