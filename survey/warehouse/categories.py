"""The arXiv categories of a bundled sample of abstracts: a row a paper, in the order of arXiv ids; facts, no text."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import parquet

from posttrain.files import whole

CATEGORIES = "categories.parquet"


def write_categories(categories: Iterable[tuple[str, ...]], folder: Path) -> None:
    """Write the categories of papers, in the order of their arXiv ids; a paper without known ones has none."""
    table = pyarrow.table({"categories": pyarrow.array([" ".join(names) for names in categories], pyarrow.string())})
    with whole(folder / CATEGORIES) as unfinished:
        parquet.write_table(table, unfinished, compression="zstd", compression_level=19)


def read_categories(folder: Path) -> list[tuple[str, ...]]:
    """Return the categories of every paper of a sample; an empty tuple where no list names any."""
    with parquet.ParquetFile(folder / CATEGORIES) as file:
        column: list[Any] = file.read()["categories"].to_pylist()
    return [tuple(str(names).split()) for names in column]
