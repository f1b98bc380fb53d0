"""The warehouse: sparse mention counts in DuckDB, on which every table is one query.

`survey label` builds a new DATA/warehouse.duckdb each time, which replaces the old one when it is complete. Without own
data the committed counts of `data/reference/mentions.parquet` give the same tables in memory.
"""

from pathlib import Path
from typing import Any, Self

import duckdb
import pyarrow
from pyarrow import parquet

from posttrain.errors import ConfigurationError
from posttrain.files import whole
from survey.mentions.lexicon import load_lexicon
from survey.warehouse.schema import create_tables, read_sql, set_provenance

_COUNT_COLUMNS = {
    "arxiv_id", "title", "published", "is_day", "surface", "id_source", "benchmark", "alias", "section", "n"
}  # fmt: skip
_LABEL_COLUMNS = {"method", "method_probability", "by_cues", "by_classifier", "sources", "source_probability", "cites"}


class Warehouse:
    """An open warehouse: `open` a file, or load shared counts with `from_counts`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._db = connection

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
            warehouse._db.execute("SELECT 1 FROM paper_method LIMIT 1").fetchall()  # which older ones do not have
        except duckdb.Error as error:
            raise ConfigurationError(
                f"{path} cannot be read: {str(error).splitlines()[0]}", "build a new one: survey label"
            ) from error
        return warehouse

    @classmethod
    def from_counts(cls, path: Path) -> Self:
        """Load counts that `export` wrote into memory. Raises PosttrainError where the file is not such a table."""
        warehouse = cls(duckdb.connect(":memory:"))
        create_tables(warehouse._db, load_lexicon())
        try:
            missing = _COUNT_COLUMNS - set(parquet.read_schema(path).names)
            if missing:
                raise ConfigurationError(
                    f"{path} lacks the columns {sorted(missing)}", "write it with: survey label --export FILE"
                )
            with parquet.ParquetFile(path) as file:  # read_table would import pandas, half a second for every answer
                warehouse._db.register("counts", file.read())
            warehouse._db.execute(read_sql("load_counts"))
            if set(parquet.read_schema(path).names) >= _LABEL_COLUMNS:
                warehouse._db.execute(read_sql("load_labels"))
            warehouse._db.unregister("counts")
        except (duckdb.Error, pyarrow.ArrowException, OSError) as error:
            raise ConfigurationError(
                f"{path} cannot be read: {str(error).splitlines()[0]}", "write it with: survey label --export FILE"
            ) from error
        set_provenance(warehouse._db, _file_provenance(path))
        return warehouse

    def query(self, name: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """Return the rows of `sql/NAME.sql` with these parameters; threads may ask at the same time."""
        with self._db.cursor() as cursor:  # a connection holds one result, so that threads would take each other's
            return cursor.execute(read_sql(name), parameters or None).fetchall()

    def provenance(self) -> dict[str, str]:
        """Return the lexicon, texts and versions it is built from; threads may ask at the same time."""
        with self._db.cursor() as cursor:
            return dict(cursor.execute("SELECT key, value FROM provenance ORDER BY key").fetchall())

    def export(self, path: Path) -> int:
        """Write the counts (facts, no text) as Parquet: a row per paper, alias and section; return how many rows.

        Papers without an arXiv id are left out. A paper without any mention keeps one row, with no benchmark and
        n = 0, for it counts in the denominator.

        """
        rows = self._db.sql(read_sql("export_counts")).to_arrow_table()
        provenance = {key: value for key, value in self.provenance().items() if key in ("lexicon", "fingerprint")}
        rows = rows.replace_schema_metadata({f"posttrain.{key}": value for key, value in provenance.items()})
        with whole(path, "choose another file with --export") as unfinished:
            parquet.write_table(rows, unfinished, compression="zstd", compression_level=19)
        return int(rows.num_rows)


def _file_provenance(path: Path) -> dict[str, str]:
    metadata = parquet.read_schema(path).metadata or {}
    stored = {
        k.decode().removeprefix("posttrain."): v.decode() for k, v in metadata.items() if k.startswith(b"posttrain.")
    }
    return {"counts": path.name, **stored}
