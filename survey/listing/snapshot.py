"""The metadata snapshot (Kaggle's arxiv-metadata-oai-snapshot.json): three million JSON lines, read by DuckDB.

The wanted papers go straight from the lines into a Parquet table, without becoming Python objects: the whole snapshot
takes seconds, and memory stays the same whatever its size.
"""

from collections.abc import Iterator
from datetime import date
from importlib.resources import files
from pathlib import Path

import duckdb
from pyarrow import parquet

from survey.errors import ExitCode, SurveyError
from survey.listing import Listed, one_line

SOURCE = "snapshot"
_EXPECTED = "give arXiv's metadata snapshot, one JSON record a line"


def copy_snapshot(path: Path, out: Path, since: date, until: date, categories: list[str]) -> tuple[int, int]:
    """Write the papers of a window and of categories (all where none is named) to the Parquet file `out`.

    Return how many there are, and how many lines of the snapshot are no record of a paper. Raises SurveyError where
    the file cannot be read as lines of JSON, or holds no paper at all.
    """
    unfinished = out.with_name(f".{out.name}")
    window = {"path": str(path), "since": since, "until": until, "categories": categories}
    connection = duckdb.connect(":memory:")
    try:
        connection.execute("SET threads = 2; SET memory_limit = '1GB'; SET preserve_insertion_order = false")
        lines, papers = connection.execute(_sql("snapshot_lines"), {"path": str(path)}).fetchall()[0]
        if not papers:
            message = f"{path} holds no record of a paper in {lines:,} lines"
            raise SurveyError(message, _EXPECTED, ExitCode.NOTHING_MATCHED)
        target = str(unfinished).replace("'", "''")
        connection.execute(f"COPY ({_sql('snapshot_papers')}) TO '{target}' (FORMAT parquet)", window)
        unfinished.replace(out)
    except duckdb.Error as error:
        raise SurveyError(f"{path} cannot be read: {str(error).splitlines()[0]}", _EXPECTED) from error
    finally:
        connection.close()
        unfinished.unlink(missing_ok=True)
    return parquet.read_metadata(out).num_rows, lines - papers


def read_listing(path: Path) -> Iterator[Listed]:
    """Yield the papers of a table that `copy_snapshot` wrote."""
    with parquet.ParquetFile(path) as table:
        for batch in table.iter_batches():
            for row in batch.to_pylist():
                subjects = tuple(dict.fromkeys((row["categories"] or "").split()))
                title, abstract = one_line(row["title"] or ""), one_line(row["abstract"] or "")
                published: date = row["published"]
                yield Listed(row["arxiv_id"], row["version"], title, abstract, subjects, published, row["license"])


def _sql(name: str) -> str:
    return files("survey").joinpath("sql", f"{name}.sql").read_text()
