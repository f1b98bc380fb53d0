"""The metadata snapshot (Kaggle's arxiv-metadata-oai-snapshot.json): three million JSON lines, read by DuckDB.

The wanted papers go straight from the lines into a Parquet table, without becoming Python objects: the whole snapshot
takes seconds, and memory stays the same whatever its size.
"""

import itertools
from array import array
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import date
from importlib.resources import files
from pathlib import Path

import duckdb
import pyarrow
from pyarrow import compute, parquet

from posttrain.errors import ConfigurationError, NothingMatchedError, printable
from posttrain.files import whole
from survey.arxiv.listed import Listed, one_line
from survey.fulltext.notices import is_withdrawn
from survey.store.sqlite import refuse_full_disk

SOURCE = "snapshot"
_EXPECTED = "give arXiv's metadata snapshot, one JSON record a line"


def copy_snapshot(path: Path, out: Path, since: date, until: date, categories: list[str]) -> tuple[int, int]:
    """Write the papers of a window and of categories (all where none is named) to the Parquet file `out`.

    Return how many there are, and how many lines of the snapshot are not the record of a paper. Raises
    ConfigurationError where the file cannot be read as lines of JSON, and NothingMatchedError where it holds no paper.
    """
    everything = out.with_name(f".all-{out.name}")
    window = {"path": str(path), "since": since, "until": until, "categories": categories}
    try:
        with closing(duckdb.connect(":memory:")) as connection, whole(out) as unfinished:
            connection.execute("SET threads = 2; SET memory_limit = '1GB'; SET preserve_insertion_order = false")
            connection.execute(f"COPY ({_sql('snapshot_papers')}) TO {_quoted(everything)} (FORMAT parquet)", window)
            records = f"FROM read_parquet({_quoted(everything)}) WHERE arxiv_id IS NOT NULL AND published IS NOT NULL"
            papers = int(connection.execute(f"SELECT count(*) {records}").fetchall()[0][0])
            refused = parquet.read_metadata(everything).num_rows - papers
            if not papers and not _count_records(connection, path):
                raise NothingMatchedError(f"{path} holds no record of a paper in {refused:,} lines", _EXPECTED)
            if refused:
                connection.execute(f"COPY (SELECT * {records}) TO {_quoted(unfinished)} (FORMAT parquet)")
            else:
                everything.replace(unfinished)
    except (duckdb.Error, UnicodeEncodeError) as error:  # DuckDB takes no name of a file that is not UTF-8
        refuse_full_disk(out.parent, error)
        raise ConfigurationError(
            f"{printable(str(path))} cannot be read: {str(error).splitlines()[0]}", _EXPECTED
        ) from error
    finally:
        everything.unlink(missing_ok=True)
    return papers, refused


def _count_records(connection: duckdb.DuckDBPyConnection, path: Path) -> int:
    return int(connection.execute(_sql("snapshot_records"), {"path": str(path)}).fetchall()[0][0])


def _quoted(path: Path) -> str:
    """A path as a word of SQL, where a parameter is not allowed."""
    return "'" + str(path).replace("'", "''") + "'"


def read_listing(path: Path) -> Iterator[Listed]:
    """Yield the papers of a listing that `copy_snapshot` or `copy_abstracts` wrote."""
    with parquet.ParquetFile(path) as table:
        for batch in table.iter_batches(8_192):  # rows: their texts become Python objects
            # columns, not rows: a dict for every row takes a third of the time of counting all abstracts
            columns = [
                batch.column(name).to_pylist() if name in batch.schema.names else itertools.repeat("", batch.num_rows)
                for name in (*Listed._fields[:-1], "lists")
            ]
            for arxiv_id, version, title, abstract, subjects, published, license_, lists in zip(*columns, strict=True):
                yield Listed(
                    arxiv_id, version, one_line(title or ""), one_line(abstract or ""),
                    tuple(dict.fromkeys((subjects or "").split())), published, license_, tuple((lists or "").split()),
                )  # fmt: skip


def withdrawn_in(path: Path) -> Iterator[tuple[str, int | None]]:
    """Yield the papers of a listing whose comments say that they are withdrawn, with their newest version there."""
    with parquet.ParquetFile(path) as table:
        if "comments" not in table.schema_arrow.names:
            return  # of a table of abstracts, or written by an earlier version of this program
        for batch in table.iter_batches(8_192, columns=["arxiv_id", "version", "comments"]):
            some = batch.filter(compute.match_substring_regex(batch["comments"], "(?i)withdr|retract|removed"))
            for row in some.to_pylist():
                if is_withdrawn(row["comments"]):
                    yield row["arxiv_id"], row["version"]


def count_listed(paths: Iterable[Path], others: Iterable[str]) -> int:
    """Return how many different papers these tables and the ids of `others` are, without reading more than the ids."""
    # not by `read_table`, which loads pandas
    columns = [parquet.ParquetFile(path).read(columns=["arxiv_id"])["arxiv_id"].chunks for path in paths]
    return int(compute.count_distinct(pyarrow.chunked_array([*itertools.chain(*columns), _texts(others)])).as_py())


def _texts(values: Iterable[str]) -> pyarrow.StringArray:
    """Return a column of texts from its bytes: Arrow would load pandas to look at a list, most of a second of CPU."""
    encoded = [value.encode() for value in values]
    ends = array("i", itertools.accumulate(map(len, encoded), initial=0))
    return pyarrow.StringArray.from_buffers(len(encoded), pyarrow.py_buffer(ends), pyarrow.py_buffer(b"".join(encoded)))


def _sql(name: str) -> str:
    return files("survey.arxiv").joinpath(f"{name}.sql").read_text(encoding="utf-8")
