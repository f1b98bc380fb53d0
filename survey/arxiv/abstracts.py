"""Tables of abstracts: a Parquet file with a row a paper becomes a listing, as if arXiv had listed its papers.

DuckDB copies the table without making Python objects of its rows, so hundreds of thousands of abstracts take seconds.
"""

from contextlib import closing
from importlib.resources import files
from pathlib import Path

import duckdb
import pyarrow
from pyarrow import parquet

from posttrain.errors import UnreadableError
from posttrain.files import whole

COLUMNS = ("arxiv_id", "published", "title", "abstract")
_OPTIONAL = {"categories": ("categories",), "license": ("license",), "lists": ("lists", "sources"),
             "comments": ("comments", "comment")}  # fmt: skip


def is_table_of_abstracts(path: Path) -> bool:
    """Say whether a Parquet file is a table of abstracts: its columns have an abstract, and no full text."""
    try:
        names = parquet.read_schema(path).names
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
    names = parquet.read_schema(path).names
    query = files("survey.arxiv").joinpath("abstracts.sql").read_text(encoding="utf-8")
    for column, aliases in _OPTIONAL.items():
        query = query.replace(f"<{column}>", _first(names, aliases))
    complete = "arxiv_id IS NOT NULL AND published IS NOT NULL AND title IS NOT NULL AND abstract IS NOT NULL"
    try:
        with closing(duckdb.connect(":memory:")) as connection, whole(out) as unfinished:
            connection.execute(f"CREATE TABLE paper AS {query}", {"path": str(path)})
            connection.execute(
                f"COPY (SELECT DISTINCT ON (arxiv_id) * FROM paper WHERE {complete} ORDER BY arxiv_id)"
                f" TO '{str(unfinished).replace(chr(39), chr(39) * 2)}' (FORMAT parquet, COMPRESSION zstd)"
            )
            rows = connection.execute(f"SELECT count(*), count(*) FILTER ({complete}) FROM paper").fetchall()[0]
            papers = count_papers(unfinished)
            if not papers:
                raise UnreadableError(f"a table of abstracts without a paper in {rows[0]:,} rows")
    except duckdb.Error as error:
        raise UnreadableError(f"a damaged Parquet file: {str(error).splitlines()[0]}") from error
    return papers, rows[0] - rows[1]


def _first(names: list[str], aliases: tuple[str, ...]) -> str:
    """Return SQL for the first of these columns that a table has, an empty text where it has none."""
    return next((f"coalesce({name}::VARCHAR, '')" for name in aliases if name in names), "''")
