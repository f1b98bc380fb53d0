"""The store: raw files as they came, an index of which paper each is, and the text that was read from them.

    DATA/raw/ab/abcd…          every file once, named by its SHA-256, never changed
    DATA/store.sqlite          the sources, the paper of each, and the outcome of its extraction
    DATA/text/part-….parquet   the extracted texts, LZ4-compressed

SQLite holds the index because it survives `kill -9` at any moment and lets several processes write.
"""

import contextlib
import hashlib
import os
import tempfile
import time
from collections.abc import Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, BinaryIO, Self

from posttrain.errors import UnwritableError
from survey.fulltext import PREFERENCE, Kind
from survey.fulltext.sections import IN_PART
from survey.paper import IdSource
from survey.store.sqlite import explained, open_index, read_index
from survey.store.withdrawals import SCHEMA, VIEW, Withdrawal, add_withdrawals

_SCHEMA = """
CREATE TABLE IF NOT EXISTS source (
    id INTEGER PRIMARY KEY,
    sha256 TEXT NOT NULL,          -- the raw file
    member INTEGER NOT NULL,       -- row or line inside it, -1 for the file as a whole
    kind TEXT NOT NULL,
    paper TEXT NOT NULL,           -- arXiv id without version, or local:… where none is proved
    version INTEGER,
    id_source TEXT NOT NULL,
    title TEXT NOT NULL,
    published TEXT,                -- version 1's date; the first of the month where only the id is known
    is_stated INTEGER NOT NULL,    -- 1 where `published` is a stated date, 0 where it is the id's month
    name TEXT NOT NULL,            -- the path as it was given
    UNIQUE (sha256, member, paper)
);
CREATE INDEX IF NOT EXISTS source_paper ON source (paper);
CREATE TABLE IF NOT EXISTS extraction (
    source INTEGER PRIMARY KEY REFERENCES source (id),
    extractor INTEGER NOT NULL,
    surface TEXT,
    reason TEXT,                   -- why there is no text; NULL where there is one
    shard TEXT,
    row INTEGER,
    note TEXT NOT NULL             -- missing parts of the text, such as files that the source does not hold
);
CREATE TABLE IF NOT EXISTS skipped (path TEXT PRIMARY KEY, reason TEXT NOT NULL);
"""
# The views decide which copy of a paper is read. They belong to the connection and not to the file, so that a store of
# another version of this program follows the order of preference of the program that opens it.
_VIEWS = f"""{VIEW}
-- Every source with its rank among the copies of its paper (1 is the best), and the first source of the paper.
CREATE TEMP VIEW IF NOT EXISTS copy AS
SELECT
    source.*,
    row_number() OVER (
        PARTITION BY paper
        ORDER BY
            CASE kind {" ".join(f"WHEN '{kind}' THEN {rank}" for rank, kind in enumerate(PREFERENCE))} END,
            coalesce(version, 0) DESC,
            id
    ) AS rank,
    min(id) OVER (PARTITION BY paper) AS first
FROM source;
-- Of every paper (no withdrawn one) and version of the extractor, the text of the best copy that has one, whole before
-- in part.
CREATE TEMP VIEW IF NOT EXISTS chosen_text AS
SELECT paper, extractor, source, surface, reason, shard, row, note, rank, first
FROM (
    SELECT
        copy.paper, copy.rank, copy.first, extraction.*,
        row_number() OVER (
            PARTITION BY copy.paper, extraction.extractor
            ORDER BY substr(extraction.note, 1, {len(IN_PART)}) = '{IN_PART}', copy.rank
        ) AS choice
    FROM copy
    JOIN extraction ON extraction.source = copy.id
    WHERE extraction.reason IS NULL AND NOT EXISTS (SELECT 1 FROM withdrawn WHERE withdrawn.paper = copy.paper)
)
WHERE choice = 1;
"""
_COPY = (
    "sha256, member, kind, paper, version, id_source, title, published, is_stated, name, id"  # of a Source, in order
)


@dataclass(frozen=True)
class Source:
    """One copy of a paper in the store: a file, or a row of one."""

    sha256: str
    member: int
    kind: str
    paper: str
    version: int | None
    id_source: IdSource
    title: str
    published: date | None
    is_stated: bool
    name: str
    id: int = -1


@dataclass(frozen=True)
class Extraction:
    """The outcome of reading a source: its shard and row there, or the reason why it has no text."""

    source: int
    surface: str | None
    reason: str | None
    shard: str | None
    row: int | None
    note: str = ""


@dataclass(frozen=True)
class Outcome:
    """The outcome of one file that was offered: its copies of papers, or the reason why it is skipped."""

    name: str  # the path as it was given
    sources: Sequence[Source] = ()
    refused: Sequence[tuple[str, str]] = ()  # rows and members that are not papers, as (name:row, reason)
    skipped: str = ""  # why the file as a whole is skipped
    known: int = 0  # sources in the store that rest on the same content: it need not be identified again
    listed: int = 0  # papers of a table of abstracts, which are listed and have no text
    withdrawn: Sequence[Withdrawal] = ()  # papers that the file says are withdrawn, whatever copies there are

    @property
    def skips(self) -> list[tuple[str, str]]:
        """Everything that is skipped, as (path, reason)."""
        return [*self.refused, *([(self.name, self.skipped)] if self.skipped else [])]


class Store:
    """The store under `root`, which is made where it is missing, and read as it is where it cannot be written.

    Raises PosttrainError where there is none and the folder cannot be written, where its index was made by something
    else, and by each method that writes to a folder that cannot be written.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        try:
            with explained(root):
                (root / "raw").mkdir(parents=True, exist_ok=True)
                (root / "text").mkdir(exist_ok=True)
                self._db = open_index(root / "store.sqlite", _SCHEMA + SCHEMA + _VIEWS)
        except UnwritableError:
            if not self.exists(root):
                raise
            with explained(root):
                self._db = read_index(root / "store.sqlite", SCHEMA, _VIEWS)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    @staticmethod
    def exists(root: Path) -> bool:
        """Say whether a store was ever made under `root`."""
        return (root / "store.sqlite").exists()

    # ---- raw files ---------------------------------------------------------------------------------------------

    def add_raw(self, stream: BinaryIO) -> tuple[str, bool]:
        """Copy `stream` into the store. Return its SHA-256, and whether it is new."""
        digest = hashlib.sha256()
        with explained(self.root), tempfile.NamedTemporaryFile(dir=self.root / "raw", delete=False) as copy:
            try:
                while chunk := stream.read(1 << 20):
                    digest.update(chunk)
                    copy.write(chunk)
                copy.flush()
                path = self.raw_path(digest.hexdigest())
                new = not path.exists()
                if new:
                    path.parent.mkdir(exist_ok=True)
                    Path(copy.name).chmod(0o644)  # a temporary file is its maker's alone; the store may be shared
                    Path(copy.name).replace(path)
                return digest.hexdigest(), new
            finally:
                Path(copy.name).unlink(missing_ok=True)

    def raw_path(self, sha256: str) -> Path:
        """Return the path of the raw file with this SHA-256."""
        return self.root / "raw" / sha256[:2] / sha256

    def forget_raw(self, sha256: str) -> None:
        """Remove a raw file that no source rests on: it is not a paper."""
        if not self.holds(sha256):
            self.raw_path(sha256).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Remove files of a day or older that nothing refers to: half-written ones, and texts that are replaced."""
        named = {row[0] for row in self._db.execute("SELECT DISTINCT shard FROM extraction WHERE shard IS NOT NULL")}
        orphans = [path for path in self.root.glob("text/part-*.parquet") if path.name not in named]
        halves = [
            path
            for form in ("raw/tmp*", "text/.part-*", ".warehouse.*", "listing/.spill-*/*")
            for path in self.root.glob(form)
        ]
        for path in orphans + halves:
            with contextlib.suppress(OSError):
                if time.time() - path.stat().st_mtime > 86_400:
                    path.unlink()

    # ---- index -------------------------------------------------------------------------------------------------

    def holds(self, sha256: str) -> int:
        """Return how many sources rest on this raw file."""
        return int(next(self.rows("SELECT count(*) FROM source WHERE sha256 = ?", sha256))[0])

    def add_sources(self, sources: Iterable[Source]) -> int:
        """Add sources in one transaction; ones that are there already stay as they are. Return how many are new."""
        before = self._db.total_changes
        with explained(self.root), self._db:
            self._insert(sources)
        return self._db.total_changes - before

    def _insert(self, sources: Iterable[Source]) -> None:
        self._db.executemany(
            "INSERT OR IGNORE INTO source (sha256, member, kind, paper, version, id_source, title, published,"
            " is_stated, name) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                (s.sha256, s.member, s.kind, s.paper, s.version, s.id_source, s.title,
                 s.published.isoformat() if s.published else None, s.is_stated, s.name)
                for s in sources
            ),
        )  # fmt: skip

    def sources(self, paper: str | None = None) -> Iterator[Source]:
        """Yield all sources, or those of one paper, in the order in which they came."""
        where, values = ("WHERE paper = ?", (paper,)) if paper else ("", ())
        yield from map(_source, self.rows(f"SELECT {_COPY} FROM source {where} ORDER BY id", *values))

    def copies(self) -> Iterator[list[Source]]:
        """Yield the copies of each paper, the one to prefer first; papers in the order in which they came."""
        ranked = map(_source, self.rows(f"SELECT {_COPY} FROM copy ORDER BY first, rank"))
        yield from (list(copies) for _, copies in groupby(ranked, key=attrgetter("paper")))

    def next_copies(self, extractor: int) -> list[Source]:
        """Return the next copy to read of every paper: the best untried one, unless a better one has a whole text."""
        rows = self.rows(
            f"SELECT {_COPY}, min(rank) FROM ("
            " SELECT copy.* FROM copy"
            " LEFT JOIN extraction ON extraction.source = copy.id AND extraction.extractor = ?1"
            " LEFT JOIN chosen_text ON chosen_text.paper = copy.paper AND chosen_text.extractor = ?1"
            " WHERE extraction.source IS NULL AND copy.kind <> ?2"
            " AND NOT EXISTS (SELECT 1 FROM withdrawn WHERE withdrawn.paper = copy.paper)"
            " AND (chosen_text.rank IS NULL OR copy.rank < chosen_text.rank"
            f" OR substr(chosen_text.note, 1, {len(IN_PART)}) = '{IN_PART}')"
            ") GROUP BY paper ORDER BY first",  # SQLite takes the other columns from the row with the minimum
            extractor, Kind.METADATA,
        )  # fmt: skip
        return [_source(row[:-1]) for row in rows]

    def rekey(self, source: Source, paper: str) -> None:
        """Give a source another key, for its file bears the name of another paper."""
        with explained(self.root), self._db:
            self._db.execute(
                "UPDATE source SET paper = ?, id_source = ?, published = NULL, is_stated = 0 WHERE id = ?",
                (paper, IdSource.NONE, source.id),
            )

    def record(self, outcome: Outcome) -> int:
        """Record the outcome of a file in one transaction; return how many of its sources are new.

        It takes the place of the file's earlier skips; those of its rows stay where the content is known already.
        """
        name, before = outcome.name, self._db.total_changes
        with explained(self.root), self._db:
            self._insert(outcome.sources)
            new = self._db.total_changes - before
            self._db.execute("DELETE FROM skipped WHERE path = ?", (name,))
            if not outcome.known:  # rows and members are named like t.parquet:3; the character after ":" is ";"
                self._db.execute("DELETE FROM skipped WHERE path > ? || ':' AND path < ? || ';'", (name, name))
            self._db.executemany("INSERT OR REPLACE INTO skipped VALUES (?, ?)", outcome.skips)
            add_withdrawals(self._db, outcome.withdrawn, is_listed=False)
        return new

    def replace_listed_withdrawals(self, withdrawals: Iterable[Withdrawal]) -> None:
        """Put the withdrawals of arXiv's listing in the place of those that it had before."""
        with explained(self.root), self._db:
            self._db.execute("DELETE FROM withdrawal WHERE is_listed")
            add_withdrawals(self._db, withdrawals, is_listed=True)

    def forget_skips(self, roots: Sequence[str], files: Container[str]) -> None:
        """Forget the skips of files (and of their rows) that once were under `roots` and are not among `files` now."""
        beginnings = tuple(f"{root}{os.sep}" for root in roots)
        gone = []
        for name, _ in self.skipped():
            file = name if name in files else name.rpartition(":")[0] or name
            if file not in files and (file in roots or file.startswith(beginnings)):
                gone.append((name,))
        with explained(self.root), self._db:
            self._db.executemany("DELETE FROM skipped WHERE path = ?", gone)

    def skipped(self) -> list[tuple[str, str]]:
        """Return (path, reason) of everything that was skipped."""
        return list(self.rows("SELECT path, reason FROM skipped ORDER BY path"))

    # ---- texts -------------------------------------------------------------------------------------------------

    def add_extractions(self, extractions: Sequence[Extraction], extractor: int) -> None:
        """Record the outcome of reading sources, in one transaction."""
        with explained(self.root), self._db:
            self._db.executemany(
                "INSERT OR REPLACE INTO extraction VALUES (?, ?, ?, ?, ?, ?, ?)",
                [(e.source, extractor, e.surface, e.reason, e.shard, e.row, e.note) for e in extractions],
            )

    def extractions(self, extractor: int) -> dict[int, Extraction]:
        """Return the outcome of each source that this version of the extractor has read."""
        rows = self.rows(
            "SELECT source, surface, reason, shard, row, note FROM extraction WHERE extractor = ?", extractor
        )
        return {row[0]: Extraction(*row) for row in rows}

    def text_path(self, shard: str) -> Path:
        """Return the path of a shard of texts."""
        return self.root / "text" / shard

    def rows(self, query: str, *values: object) -> Iterator[Any]:
        """Yield the rows of a query over the tables and views above."""
        with explained(self.root):
            yield from self._db.execute(query, values)


def _source(row: Sequence[Any]) -> Source:
    sha256, member, kind, paper, version, id_source, title, published, is_stated, name, number = row
    day = date.fromisoformat(published) if published else None
    return Source(
        sha256, member, kind, paper, version, IdSource(id_source), title, day, bool(is_stated), name, number,
    )  # fmt: skip
