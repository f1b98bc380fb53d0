"""Tables of abstracts: a Parquet file with a row a paper becomes a listing, as if arXiv had listed its papers.

DuckDB copies the table without making Python objects of its rows, so hundreds of thousands of abstracts take seconds.
"""

import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib.resources import files
from pathlib import Path

import duckdb
import pyarrow
from pyarrow import parquet

from posttrain.errors import UnreadableError
from posttrain.files import whole
from survey.store.sqlite import refuse_full_disk

_MEMORY = "700MB"  # of a table; what is more waits on the disk
COLUMNS = ("arxiv_id", "published", "title", "abstract")
_OPTIONAL = {"categories": ("categories",), "license": ("license",), "lists": ("lists", "sources"),
             "comments": ("comments", "comment")}  # fmt: skip


def is_table_of_abstracts(path: Path) -> bool:
    """Say whether a Parquet file is a table of abstracts: its columns have an abstract, and no full text."""
    try:
        with path.open("rb") as stream:  # Arrow takes no name of a file that is not UTF-8
            names = parquet.read_schema(stream).names
    except (pyarrow.ArrowException, OSError):  # whatever it is, it is not this
        return False
    return set(COLUMNS) <= set(names) and "text" not in names


def count_papers(listing: Path) -> int:
    """Return how many papers a listing holds."""
    return int(parquet.read_metadata(listing).num_rows)


def copy_abstracts(path: Path, out: Path) -> tuple[int, int]:
    """Write the papers of a table of abstracts to the listing `out`; return how many there are, and the rows refused.

    A paper that stands in the table twice is taken once. Raises UnreadableError where the file is damaged or holds no
    paper.
    """
    metadata = parquet.read_metadata(path)
    query = files("survey.arxiv").joinpath("abstracts.sql").read_text(encoding="utf-8")
    for column, aliases in _OPTIONAL.items():
        query = query.replace(f"<{column}>", _first(metadata.schema.names, aliases))
    file = {"path": str(path)}
    try:
        with _small_database(out.parent) as connection, whole(out) as unfinished:
            connection.execute(
                f"CREATE TEMP TABLE first AS SELECT arxiv_id, min(row) AS row, count(*) AS rows FROM ({query})"
                " WHERE arxiv_id IS NOT NULL AND published IS NOT NULL AND title IS NOT NULL AND abstract IS NOT NULL"
                " GROUP BY arxiv_id",
                file,
            )
            papers, rows = connection.execute("SELECT count(*), coalesce(sum(rows), 0) FROM first").fetchall()[0]
            if not papers:
                raise UnreadableError(f"a table of abstracts without a paper in {metadata.num_rows:,} rows")
            connection.execute(
                f"COPY (SELECT paper.* EXCLUDE (row) FROM ({query}) AS paper SEMI JOIN first USING (row)"
                f" ORDER BY arxiv_id) TO '{str(unfinished).replace(chr(39), chr(39) * 2)}'"
                " (FORMAT parquet, COMPRESSION zstd, ROW_GROUP_SIZE 8192)",
                file,
            )
    except duckdb.Error as error:
        refuse_full_disk(out.parent, error)
        raise UnreadableError(f"a damaged Parquet file: {str(error).splitlines()[0]}") from error
    return papers, metadata.num_rows - int(rows)


@contextmanager
def _small_database(folder: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Give a database that keeps little in memory and the rest in `folder`, whatever the size of the table."""
    with (
        tempfile.TemporaryDirectory(prefix=".spill-", dir=folder) as spilled,
        closing(duckdb.connect(":memory:")) as db,
    ):
        db.execute(f"SET threads = 2; SET memory_limit = '{_MEMORY}'; SET preserve_insertion_order = false")
        db.execute("SET temp_directory = $folder", {"folder": spilled})
        yield db


def _first(names: list[str], aliases: tuple[str, ...]) -> str:
    """Return SQL for the first of these columns that a table has, an empty text where it has none."""
    return next((f"coalesce({name}::VARCHAR, '')" for name in aliases if name in names), "''")
