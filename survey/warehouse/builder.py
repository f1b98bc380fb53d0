"""Building a warehouse: papers, mentions, labels and citations are added row by row; the file appears when complete."""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import duckdb

from posttrain.errors import DiskError, UnwritableError
from survey.labels.decision import Decision
from survey.mentions.lexicon import Lexicon
from survey.warehouse.schema import create_tables, set_provenance

_ROWS_AT_ONCE = 100_000  # of a table in memory: some 50 MB of mentions


class CountedPaper(NamedTuple):
    """A paper as the warehouse keeps it."""

    arxiv_id: str
    title: str
    published: date | None
    is_day: bool  # or the first day of the month that the id names
    surface: str
    id_source: str


class CountedMention(NamedTuple):
    """A mention of paper number `paper`, with its section and the bytes of the text where it starts and stops."""

    paper: int
    benchmark: str
    alias: str
    section: str
    start: int
    stop: int
    counted: bool
    reason: str


_COLUMNS: dict[str, tuple[str, ...]] = {
    "paper": ("paper", *CountedPaper._fields),
    "mention": CountedMention._fields,
    "paper_method": ("paper", "method", "probability", "by_cues", "by_classifier"),
    "paper_source": ("paper", "source", "rank", "probability"),
    "citation": ("citing", "cited"),
}


class WarehouseBuilder:
    """An unfinished warehouse. Papers are numbered from 0 in the order in which they are added.

    Rows wait in memory and go to the file in batches, so memory is bounded whatever the size of the sample.
    """

    def __init__(self, db: duckdb.DuckDBPyConnection) -> None:
        self._db = db
        self._papers = 0
        self._waiting: dict[str, list[tuple[Any, ...]]] = {table: [] for table in _COLUMNS}

    def add_papers(self, papers: Iterable[CountedPaper]) -> None:
        """Add papers."""
        for number, paper in enumerate(papers, start=self._papers):
            self._add("paper", (number, *paper))
            self._papers = number + 1

    def add_mentions(self, mentions: Iterable[CountedMention]) -> None:
        """Add mentions, counted and refused ones."""
        for mention in mentions:
            self._add("mention", mention)

    def add_decision(self, paper: int, decision: Decision) -> None:
        """Add the labels of one paper."""
        routes = (str(decision.by_cues), str(decision.by_classifier))
        self._add("paper_method", (paper, str(decision.method), decision.probability, *routes))
        for rank, source in enumerate(decision.sources):
            self._add("paper_source", (paper, str(source), rank, decision.source_probability))

    def add_citations(self, citing: int, cited: Iterable[int]) -> None:
        """Add the papers of the sample that one paper cites."""
        for paper in cited:
            self._add("citation", (citing, paper))

    def _add(self, table: str, row: tuple[Any, ...]) -> None:
        self._waiting[table].append(row)
        if len(self._waiting[table]) == _ROWS_AT_ONCE:
            self._flush(table)

    def _flush(self, table: str) -> None:
        """Insert the rows that wait, as lists: Arrow would load pandas to look at them, which takes a second or two."""
        if rows := self._waiting[table]:
            types = {name: kind for name, kind, *_ in self._db.execute(f"DESCRIBE {table}").fetchall()}
            columns = ", ".join(f"unnest(?::{types[name]}[]) AS {name}" for name in _COLUMNS[table])
            values = [list(column) for column in zip(*rows, strict=True)]
            self._db.execute(f"INSERT INTO {table} BY NAME SELECT {columns}", values)
            self._waiting[table] = []

    def finish(self) -> None:
        """Write the rows that wait, and the number of counted mentions of each paper, alias and section."""
        for table in _COLUMNS:
            self._flush(table)
        self._db.execute(
            "INSERT INTO mention_count"
            " SELECT paper, benchmark, alias, section, count(*) FROM mention WHERE counted GROUP BY ALL"
        )


@contextmanager
def build_warehouse(path: Path, lexicon: Lexicon, provenance: Mapping[str, str]) -> Iterator[WarehouseBuilder]:
    """Give a builder of the warehouse at `path`; readers see the old warehouse until the new one is complete.

    After an error the old one stays. Raises DiskError where the disk is full.
    """
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    try:
        with closing(duckdb.connect(str(unfinished))) as db:
            create_tables(db, lexicon)
            builder = WarehouseBuilder(db)
            yield builder
            builder.finish()
            set_provenance(
                db,
                {
                    "study": lexicon.study.name,
                    "lexicon": lexicon.name,
                    "fingerprint": lexicon.fingerprint,
                    **provenance,
                },
            )
            db.execute("CHECKPOINT")  # closing writes too, but is silent when the disk is full
        unfinished.replace(path)
    except (duckdb.OperationalError, duckdb.FatalException) as error:  # as a rule the disk is full
        message = f"cannot write {path}: {str(error).splitlines()[0]}"
        if "Permission denied" in message or "Read-only" in message:
            raise UnwritableError(message, "choose another folder with --data DIR or POSTTRAIN_DATA") from error
        raise DiskError(
            message,
            "free some space and run survey label again; nothing is lost",
        ) from error
    finally:
        unfinished.unlink(missing_ok=True)
        unfinished.with_name(unfinished.name + ".wal").unlink(missing_ok=True)
