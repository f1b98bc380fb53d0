"""The warehouse: sparse mention counts in DuckDB, on which every table is one query.

`survey label` makes DATA/warehouse.duckdb anew each time and puts it in place when it is whole. Without own data the
committed counts of `data/reference/mentions.parquet` give the same tables in memory.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

import duckdb
import pyarrow
from pyarrow import parquet

from posttrain.errors import ConfigurationError, DiskError
from survey.mentions.lexicon import Lexicon, load_lexicon

_COUNT_COLUMNS = {
    "arxiv_id", "title", "published", "is_day", "surface", "id_source", "benchmark", "alias", "section", "n"
}  # fmt: skip
_LABEL_COLUMNS = {"method", "method_probability", "by_cues", "by_classifier", "sources", "source_probability", "cites"}


@dataclass(frozen=True)
class CountedPaper:
    """A paper as the warehouse keeps it."""

    arxiv_id: str
    title: str
    published: date | None
    is_day: bool  # or the first day of the month that the id names
    surface: str
    id_source: str


@dataclass(frozen=True)
class CountedMention:
    """A mention of paper number `paper`, with its section and the bytes of the text where it starts and stops."""

    paper: int
    benchmark: str
    alias: str
    section: str
    start: int
    stop: int
    counted: bool
    reason: str


@dataclass
class Training:
    """What papers train by, by number of paper, and which cites which; filled while the mentions are counted."""

    methods: list[tuple[int, str, float, str, str]] = field(default_factory=list)
    sources: list[tuple[int, str, int, float]] = field(default_factory=list)
    citations: list[tuple[int, int]] = field(default_factory=list)


class Warehouse:
    """An open warehouse. Use `open`, `from_counts` or `build`."""

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
                f"{path} cannot be read: {str(error).splitlines()[0]}", "make it anew: survey label"
            ) from error
        return warehouse

    @classmethod
    def from_counts(cls, path: Path) -> Self:
        """Load counts that `export` wrote into memory. Raises PosttrainError where the file is not such a table."""
        warehouse = cls(duckdb.connect(":memory:"))
        warehouse._create(load_lexicon())
        try:
            missing = _COUNT_COLUMNS - set(parquet.read_schema(path).names)
            if missing:
                raise ConfigurationError(
                    f"{path} lacks the columns {sorted(missing)}", "write it with: survey label --export FILE"
                )
            with parquet.ParquetFile(path) as file:  # read_table would import pandas, half a second for every answer
                warehouse._db.register("counts", file.read())
            warehouse._db.execute(_sql("load_counts"))
            if set(parquet.read_schema(path).names) >= _LABEL_COLUMNS:
                warehouse._db.execute(_sql("load_labels"))
            warehouse._db.unregister("counts")
        except (duckdb.Error, pyarrow.ArrowException, OSError) as error:
            raise ConfigurationError(
                f"{path} cannot be read: {str(error).splitlines()[0]}", "write it with: survey label --export FILE"
            ) from error
        warehouse._set_provenance(_file_provenance(path))
        return warehouse

    @classmethod
    def build(
        cls,
        path: Path,
        papers: Sequence[CountedPaper],
        mentions: Iterable[CountedMention],
        lexicon: Lexicon,
        provenance: dict[str, str],
        training: Training | None = None,
    ) -> None:
        """Write a warehouse at `path`; a reader sees the old one or the new one, never half of either.

        `training` is looked at when `mentions` has come to its end, and may be filled by it.
        """
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        unfinished.unlink(missing_ok=True)
        try:
            with cls(duckdb.connect(str(unfinished))) as warehouse:
                warehouse._create(lexicon)
                warehouse._insert(papers, mentions)
                warehouse._insert_training(training or Training())
                warehouse._set_provenance({"lexicon": lexicon.name, "fingerprint": lexicon.fingerprint, **provenance})
                warehouse._db.execute("CHECKPOINT")  # closing writes too, but is silent when the disk is full
            unfinished.replace(path)
        except (duckdb.OperationalError, duckdb.FatalException) as error:  # as a rule the disk is full
            raise DiskError(
                f"cannot write {path}: {str(error).splitlines()[0]}",
                "free some space and run survey label again; nothing is lost",
            ) from error
        finally:
            unfinished.unlink(missing_ok=True)
            unfinished.with_name(unfinished.name + ".wal").unlink(missing_ok=True)

    def query(self, name: str, **parameters: Any) -> list[tuple[Any, ...]]:
        """Return the rows of `sql/NAME.sql` with these parameters; threads may ask at the same time."""
        with self._db.cursor() as cursor:  # a connection holds one result, so that threads would take each other's
            return cursor.execute(_sql(name), parameters or None).fetchall()

    def provenance(self) -> dict[str, str]:
        """Return what this warehouse was made from and with; threads may ask at the same time."""
        with self._db.cursor() as cursor:
            return dict(cursor.execute("SELECT key, value FROM provenance ORDER BY key").fetchall())

    def export(self, path: Path) -> int:
        """Write the counts (facts, no text) as Parquet: a row per paper, alias and section; return how many rows.

        Papers without an arXiv id are left out. A paper without any mention keeps one row, with no benchmark and
        n = 0, for it counts in the denominator.

        """
        rows = self._db.sql(_sql("export_counts")).to_arrow_table()
        provenance = {key: value for key, value in self.provenance().items() if key in ("lexicon", "fingerprint")}
        rows = rows.replace_schema_metadata({f"posttrain.{key}": value for key, value in provenance.items()})
        try:
            parquet.write_table(rows, path, compression="zstd", compression_level=19)
        except OSError as error:
            raise ConfigurationError(f"cannot write {path}: {error}", "choose another file with --export") from error
        return int(rows.num_rows)

    def _create(self, lexicon: Lexicon) -> None:
        self._db.execute(_sql("schema"))
        self._db.executemany(
            "INSERT INTO benchmark VALUES (?, ?, ?)", [[b.key, b.name, b.domain] for b in lexicon.benchmarks]
        )

    def _insert(self, papers: Sequence[CountedPaper], mentions: Iterable[CountedMention]) -> None:
        self._append(
            "paper",
            {
                "paper": range(len(papers)),
                "arxiv_id": [p.arxiv_id for p in papers],
                "title": [p.title for p in papers],
                "published": pyarrow.array([p.published for p in papers], pyarrow.date32()),
                "is_day": [p.is_day for p in papers],
                "surface": [p.surface for p in papers],
                "id_source": [p.id_source for p in papers],
            },
        )
        columns: dict[str, list[Any]] = {name: [] for name in CountedMention.__dataclass_fields__}
        for mention in mentions:
            for name, values in columns.items():
                values.append(getattr(mention, name))
        self._append("mention", columns)
        self._db.execute(
            "INSERT INTO mention_count"
            " SELECT paper, benchmark, alias, section, count(*) FROM mention WHERE counted GROUP BY ALL"
        )

    def _insert_training(self, training: Training) -> None:
        tables: dict[str, tuple[Sequence[tuple[Any, ...]], tuple[str, ...]]] = {
            "paper_method": (training.methods, ("paper", "method", "probability", "by_cues", "by_classifier")),
            "paper_source": (training.sources, ("paper", "source", "rank", "probability")),
            "citation": (training.citations, ("citing", "cited")),
        }
        for table, (rows, names) in tables.items():
            if rows:
                self._append(table, dict(zip(names, zip(*rows, strict=True), strict=True)))

    def _append(self, table: str, columns: dict[str, Any]) -> None:
        if len(next(iter(columns.values()))) == 0:
            return
        self._db.register(
            "appended",
            pyarrow.table({k: v if isinstance(v, pyarrow.Array) else list(v) for k, v in columns.items()}),
        )
        self._db.execute(f"INSERT INTO {table} BY NAME SELECT * FROM appended")
        self._db.unregister("appended")

    def _set_provenance(self, values: dict[str, str]) -> None:
        self._db.executemany(
            "INSERT INTO provenance VALUES (?, ?)", [[key, str(value)] for key, value in values.items()]
        )


def _sql(name: str) -> str:
    return files("survey.warehouse").joinpath("sql", f"{name}.sql").read_text()


def _file_provenance(path: Path) -> dict[str, str]:
    metadata = parquet.read_schema(path).metadata or {}
    stored = {
        k.decode().removeprefix("posttrain."): v.decode() for k, v in metadata.items() if k.startswith(b"posttrain.")
    }
    return {"counts": path.name, **stored}
