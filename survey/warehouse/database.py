"""The warehouse: sparse mention counts in DuckDB, on which every table is one query.

`survey label` builds a new DATA/warehouse.duckdb each time, which replaces the old one when it is complete. Without own
data the committed counts of `data/reference/mentions.parquet` give the same tables in memory.
"""

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, Self

import duckdb

from posttrain.errors import ConfigurationError
from posttrain.files import whole
from survey.mentions.lexicon import Lexicon, load_lexicon
from survey.studies.load import load_study
from survey.studies.model import Study
from survey.warehouse.exported import Head, quoted, read_head, study_of
from survey.warehouse.schema import create_tables, read_sql, set_provenance

_COUNT_COLUMNS = {
    "arxiv_id", "title", "published", "is_day", "surface", "id_source", "benchmark", "alias", "section", "n"
}  # fmt: skip
_LABEL_COLUMNS = {"method", "method_probability", "by_cues", "by_classifier", "sources", "source_probability", "cites"}

# Two threads take a third more CPU for a table. Rows in the order of a file take a tenth more memory; none wants it.
_IN_MEMORY: dict[str, str | bool | int | float | list[str]] = {"threads": 1, "preserve_insertion_order": False}


class Warehouse:
    """An open warehouse: `open` a file, or load shared counts with `from_counts`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._db = connection
        self._unread: Path | None = None  # shared counts whose labels and citations no query has needed yet
        self._reading = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open a warehouse for reading. Raises PosttrainError where it is not one."""
        try:
            warehouse = cls(duckdb.connect(str(path), read_only=True))
            warehouse.provenance()
            _ = warehouse.study
            warehouse._db.execute("SELECT 1 FROM paper_method LIMIT 1").fetchall()  # which older ones do not have
        except (duckdb.Error, ValueError) as error:  # a study that this version cannot read is a ValueError
            raise ConfigurationError(
                f"{path} cannot be read: {str(error).splitlines()[0]}", "build a new one: survey label"
            ) from error
        return warehouse

    @classmethod
    def from_counts(cls, path: Path, lexicon: Lexicon | None = None) -> Self:
        """Load counts that `export` wrote into memory, of a lexicon (by default that of the study in the file).

        Raises PosttrainError where the file is not such a table.
        """
        warehouse = cls(duckdb.connect(":memory:", config=_IN_MEMORY))
        try:
            head = read_head(warehouse._db, path)
            warehouse._fill(head, lexicon or load_lexicon(study=head.study))
        except (duckdb.Error, OSError, ValueError) as error:
            raise _unreadable(path, error) from error
        return warehouse

    @classmethod
    def from_counts_of(cls, lexicon: Lexicon, path: Path) -> Self | None:
        """Load counts as `from_counts` does where they are of this lexicon; return None where they are of another."""
        warehouse = cls(duckdb.connect(":memory:", config=_IN_MEMORY))
        head = read_head(warehouse._db, path)
        if head.fingerprint != lexicon.fingerprint:
            warehouse._db.close()
            return None
        warehouse._fill(head, lexicon)
        return warehouse

    def _fill(self, head: Head, lexicon: Lexicon) -> None:
        """Load the papers and counts of a file into this warehouse, which is empty."""
        create_tables(self._db, lexicon)
        if missing := _COUNT_COLUMNS - head.columns:
            raise ConfigurationError(
                f"{head.path} lacks the columns {sorted(missing)}", "write it with: survey label --export FILE"
            )
        self._load("load_papers", head.path)
        self._load("load_counts", head.path)
        if head.columns >= _LABEL_COLUMNS:
            self._unread = head.path
        set_provenance(self._db, head.provenance | {"study": lexicon.study.name})

    @classmethod
    def from_index(cls, lexicon: Lexicon, papers: Path, counts: Sequence[tuple[int, str, str, int]]) -> Self:
        """Load counts of a lexicon, (paper, benchmark, alias, n), over the papers of exported counts in their order."""
        warehouse = cls(duckdb.connect(":memory:", config=_IN_MEMORY))
        create_tables(warehouse._db, lexicon)
        columns = [list(column) for column in zip(*counts, strict=True)] or [[], [], [], []]
        warehouse._db.execute(  # as lists: Arrow would load pandas to look at them
            "CREATE TEMP TABLE indexed AS SELECT unnest(?::INTEGER[]) AS paper, unnest(?::VARCHAR[]) AS benchmark, "
            "unnest(?::VARCHAR[]) AS alias, unnest(?::INTEGER[]) AS n",
            columns,
        )
        warehouse._load("load_papers", papers)
        warehouse._load("load_index", papers)
        warehouse._db.execute("DROP TABLE indexed")
        counted = {"study": lexicon.study.name, "lexicon": lexicon.name, "fingerprint": lexicon.fingerprint}
        set_provenance(warehouse._db, read_head(warehouse._db, papers).provenance | counted)
        return warehouse

    def narrowed(self, papers: Sequence[int]) -> "Warehouse":
        """Return a warehouse in memory with these papers alone, and close this one."""
        import pyarrow  # as in `export`: a tenth of the CPU of a report, which does without it

        from survey.warehouse.columns import integers

        kept, study = pyarrow.table({"paper": integers(papers)}), self.study
        with self, self._reading:
            if self._unread:
                self._load("load_labels", self._unread)
            self._db.register("kept", kept)
            tables = {name: self._db.sql(sql).to_arrow_table() for name, sql in _narrowed_tables().items()}
        narrowed = type(self)(duckdb.connect(":memory:", config=_IN_MEMORY))
        narrowed._db.execute(read_sql("schema"))
        for name, rows in tables.items():
            narrowed._db.register("rows", rows)
            narrowed._db.execute(f"INSERT INTO {name} BY NAME SELECT * FROM rows")
            narrowed._db.unregister("rows")
        narrowed.study = study
        return narrowed

    def keep_months(self, months: Sequence[str]) -> int:
        """Leave out the papers of other months than these, such as 2024-03; return how many stay."""
        kept = "strftime(published, '%Y-%m') IN (SELECT unnest(?))"
        (papers,) = self._db.execute("SELECT count(*) FROM paper").fetchall()[0]
        self._db.execute(
            f"DELETE FROM mention_count WHERE paper NOT IN (SELECT paper FROM paper WHERE {kept})", [months]
        )
        self._db.execute(f"DELETE FROM paper WHERE NOT coalesce({kept}, false)", [months])
        (left,) = self._db.execute("SELECT count(*) FROM paper").fetchall()[0]
        set_provenance(self._db, {"outside": str(papers - left)})
        return int(papers - left)

    def query(self, name: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """Return the rows of `sql/NAME.sql` with these parameters; threads may ask at the same time."""
        sql = read_sql(name)
        self._read_labels(sql)
        with self._db.cursor() as cursor:  # a connection holds one result, so that threads would take each other's
            return cursor.execute(sql, parameters or None).fetchall()

    def provenance(self) -> dict[str, str]:
        """Return the lexicon, texts and versions it is built from; threads may ask at the same time."""
        with self._db.cursor() as cursor:
            return dict(cursor.execute("SELECT key, value FROM provenance ORDER BY key").fetchall())

    def digest(self) -> str:
        """Return the SHA-256 of what a table rests on: papers, counts, labels, citations."""
        digest = hashlib.sha256()
        with self._db.cursor() as cursor:
            for table in ("paper", "mention_count", "paper_method", "paper_source", "citation"):
                cursor.execute(f"SELECT * FROM {table} ORDER BY ALL")
                while rows := cursor.fetchmany(50_000):
                    digest.update(repr(rows).encode())
        return digest.hexdigest()

    @cached_property
    def study(self) -> Study:
        """The study whose benchmarks are counted here; an older warehouse without one is of the bundled study."""
        with self._db.cursor() as cursor:
            try:
                rows = cursor.execute("SELECT json FROM study").fetchall()
            except duckdb.CatalogException:
                rows = []
        return study_of(rows[0][0]) if rows else load_study()

    def _load(self, name: str, counts: Path) -> None:
        """Run `sql/NAME.sql` over shared counts, which DuckDB reads itself: Arrow would hold them in memory whole."""
        self._db.execute(f"CREATE TEMP VIEW counts AS SELECT * FROM read_parquet({quoted(counts)})")
        self._db.execute(read_sql(name))
        self._db.execute("DROP VIEW counts")

    def _read_labels(self, sql: str) -> None:
        """Load labels and citations of shared counts before the first query that needs them; most tables do not."""
        if self._unread and any(table in sql for table in ("paper_method", "paper_source", "citation")):
            with self._reading:
                if path := self._unread:
                    try:
                        self._load("load_labels", path)
                    except duckdb.Error as error:
                        raise _unreadable(path, error) from error
                    self._unread = None

    def export(self, path: Path) -> int:
        """Write the counts (facts, no text) as Parquet: a row per paper, alias and section; return how many rows.

        Papers without an arXiv id are left out. A paper without any mention keeps one row, with no benchmark and
        n = 0, for it counts in the denominator.
        """
        from pyarrow import parquet

        sql = read_sql("export_counts")
        self._read_labels(sql)
        rows = self._db.sql(sql).to_arrow_table()
        provenance = {key: value for key, value in self.provenance().items() if key in ("lexicon", "fingerprint")}
        if not self.study.is_survey:  # with its aliases, so that nobody needs the file; printed tables stay behind
            provenance["study"] = self.study.model_copy(update={"published": {}, "source": ""}).model_dump_json()
        rows = rows.replace_schema_metadata({f"posttrain.{key}": value for key, value in provenance.items()})
        with whole(path, "choose another file with --export") as unfinished:
            parquet.write_table(
                rows, unfinished, compression="zstd", compression_level=19,
                use_dictionary=[  # type: ignore[arg-type]  # names of columns too
                    name for name in rows.column_names if name != "arxiv_id"
                ],
                column_encoding={"arxiv_id": "DELTA_BYTE_ARRAY"},  # in order, an id differs from the last by a digit
            )  # fmt: skip
        return int(rows.num_rows)


def _narrowed_tables() -> dict[str, str]:
    """The queries that give each table's rows of the papers in the table `kept`."""
    inside = "paper IN (SELECT paper FROM kept)"
    of_papers = ("paper", "mention_count", "mention", "paper_method", "paper_source")
    queries = {name: f"SELECT * FROM {name} WHERE {inside}" for name in of_papers}
    both = "citing IN (SELECT paper FROM kept) AND cited IN (SELECT paper FROM kept)"
    whole_tables = {name: f"SELECT * FROM {name}" for name in ("benchmark", "provenance")}
    return queries | {"citation": f"SELECT * FROM citation WHERE {both}"} | whole_tables


def _unreadable(path: Path, error: Exception) -> ConfigurationError:
    message = f"{path} cannot be read: {str(error).splitlines()[0]}"
    return ConfigurationError(message, "write it with: survey label --export FILE")
