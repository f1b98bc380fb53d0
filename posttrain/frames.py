"""DataFrames from rows of plain values. pandas is imported only when a DataFrame is asked for."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas import DataFrame

Cell = str | int | float | bool | None


def frame_of(rows: Sequence[Mapping[str, Cell]]) -> "DataFrame":
    """Return a DataFrame with a row for each mapping, and a column for each name in order of appearance."""
    from pandas import DataFrame

    return DataFrame(list(rows), columns=list(dict.fromkeys(name for row in rows for name in row)))
