"""DataFrames from rows of plain values. pandas is imported only when a DataFrame is asked for."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pandas import DataFrame

Cell = str | int | float | bool | None


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
