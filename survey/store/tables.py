"""Tables of papers: the texts of a Parquet file in the order of its rows, whatever the size of its row groups.

A file may be one row group of many gigabytes, so it is read once, a few rows at a time.
"""

from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow
from pyarrow import parquet

from posttrain.errors import UnreadableError
from survey.store.isolation import Failed

ROWS_AT_ONCE = 50  # at most in one go
_CHARACTERS = 4_000_000  # and of text, beyond which a go ends
_BUFFER = 1 << 20  # bytes of the file that are read ahead


@dataclass(frozen=True)
class Wanted:
    """The rows of a table that are wanted, in ascending order."""

    path: str
    rows: tuple[int, ...]


def read_rows(wanted: Wanted) -> Iterator[list[str | Failed]]:
    """Yield the texts of the wanted rows, some at a time; in a damaged row group each row is a failure of its own.

    Raises UnreadableError where the file cannot be opened.
    """
    try:
        with parquet.ParquetFile(wanted.path, buffer_size=_BUFFER, pre_buffer=False) as table:
            yield from _pieces(text for texts in _batches(table, wanted.rows) for text in texts)
    except (pyarrow.ArrowException, OSError) as error:
        raise UnreadableError(f"a damaged Parquet file: {error}") from error


def _batches(table: parquet.ParquetFile, rows: tuple[int, ...]) -> Iterator[list[str | Failed]]:
    """Yield the texts of `rows` batch by batch; row groups without any of them are passed over."""
    first = 0
    for group in range(table.num_row_groups):
        end = first + table.metadata.row_group(group).num_rows
        try:
            if bisect_left(rows, first) < bisect_left(rows, end):
                for batch in table.iter_batches(ROWS_AT_ONCE, row_groups=[group], columns=["text"], use_threads=False):
                    here = rows[bisect_left(rows, first) : bisect_left(rows, first + batch.num_rows)]
                    column = batch.column(0).take(pyarrow.array([row - first for row in here], pyarrow.int64()))
                    yield [_text(value) for value in column.to_pylist()]
                    first += batch.num_rows
        except (pyarrow.ArrowException, OSError) as error:  # Arrow reports a torn page as OSError
            lost = bisect_left(rows, end) - bisect_left(rows, first)
            yield [Failed(f"a damaged Parquet file: {error}")] * lost
        first = end


def _text(value: object) -> str:
    """A cell as text: a list of paragraphs is one text too."""
    return "\n".join(map(_text, value)) if isinstance(value, list) else str(value or "")


def _pieces(texts: Iterator[str | Failed]) -> Iterator[list[str | Failed]]:
    piece: list[str | Failed] = []
    characters = 0
    for text in texts:
        piece.append(text)
        characters += len(text) if isinstance(text, str) else 0
        if len(piece) >= ROWS_AT_ONCE or characters >= _CHARACTERS:
            yield piece
            piece, characters = [], 0
    if piece:
        yield piece
