"""Rows of plain values as a DataFrame or as a table in a notebook. pandas is imported when a DataFrame is asked for."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

from posttrain.tables import Grid, html_table

if TYPE_CHECKING:
    from pandas import DataFrame

Cell = str | int | float | bool | None


class Tabular(ABC):
    """An answer that is rows of plain values with a title and notes: a frame for pandas, a table in a notebook."""

    @abstractmethod
    def rows(self) -> list[dict[str, Cell]]:
        """Return the rows, all with the same names."""

    @abstractmethod
    def headline(self) -> str:
        """Return the title of the table."""

    def notes(self) -> list[str]:
        """Return what stands below the table."""
        return []

    def to_frame(self) -> "DataFrame":
        """Return the rows as a pandas DataFrame, with `.attrs["title"]` and `.attrs["notes"]`."""
        frame = frame_of(self.rows())
        frame.attrs |= {"title": self.headline(), "notes": self.notes()}
        return frame

    def _repr_html_(self) -> str:
        """Return the table for a notebook."""
        rows = self.rows()
        head = tuple(rows[0]) if rows else ()
        words = [any(isinstance(row[name], str) for row in rows) for name in head]
        numeric_from = max((column + 1 for column, text in enumerate(words) if text), default=0)
        cells = tuple(tuple(_text(row[name]) for name in head) for row in rows)
        grid = Grid(
            self.headline(), tuple(self.notes()), tuple(name.replace("_", " ") for name in head), cells, numeric_from
        )
        return f"<h4>{escape(grid.title)}</h4>{html_table(grid)}"


def frame_of(rows: Sequence[Mapping[str, Cell]]) -> "DataFrame":
    """Return a DataFrame with a row for each mapping, and a column for each name in order of appearance.

    A value that is missing everywhere makes a column of NaN.
    """
    from pandas import DataFrame

    frame = DataFrame(list(rows), columns=list(dict.fromkeys(name for row in rows for name in row)))
    for name in frame.columns:  # a column without any value would hold objects, which no plot and no sum takes
        if len(frame) and frame[name].isna().all():
            frame[name] = frame[name].astype(float)
    return frame


def _text(value: Cell) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4g}" if abs(value) < 10_000 else f"{value:,.0f}"
