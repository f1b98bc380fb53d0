"""The ledger of a crawl: which slice of arXiv was asked for, how many papers it must have and how many it gave.

    DATA/harvest.sqlite             slices, and the papers that arXiv listed page by page
    DATA/listing/snapshot-….parquet the papers of a metadata snapshot
    DATA/listing/abstracts-….parquet the papers of a table of abstracts

Each page is one transaction: its papers, its slice's progress. `kill -9` at any moment loses the page in flight and
nothing else.
"""

import hashlib
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Self

from posttrain.errors import UnwritableError
from survey.arxiv.listed import Listed
from survey.store.sqlite import copy_index, explained, open_index, read_index
from survey.store.withdrawals import Withdrawal

_SCHEMA = """
CREATE TABLE IF NOT EXISTS slice (
    id INTEGER PRIMARY KEY,
    source TEXT NOT NULL,
    query TEXT NOT NULL,        -- the categories, or the OAI set
    since TEXT NOT NULL,        -- first minute, YYYYMMDDHHMM, or day
    until TEXT NOT NULL,        -- last minute or day, inclusive
    expected INTEGER,           -- the server's total; NULL before the first reply, and for OAI-PMH until the end
    next TEXT NOT NULL,         -- where the next request starts: an offset, or a resumption token
    state TEXT NOT NULL,
    note TEXT NOT NULL,
    fetched_at TEXT NOT NULL,   -- of the last reply
    UNIQUE (source, query, since, until)
);
CREATE TABLE IF NOT EXISTS member (slice INTEGER NOT NULL, arxiv_id TEXT NOT NULL, PRIMARY KEY (slice, arxiv_id))
    WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS absence (
    arxiv_id TEXT NOT NULL,
    surface TEXT NOT NULL,      -- or 'metadata only' where arXiv has no surface at all
    reason TEXT NOT NULL,
    PRIMARY KEY (arxiv_id, surface)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS author (arxiv_id TEXT PRIMARY KEY, names TEXT NOT NULL) WITHOUT ROWID;  -- a name a line
CREATE TABLE IF NOT EXISTS withdrawn (arxiv_id TEXT PRIMARY KEY) WITHOUT ROWID;  -- as of the listed version
CREATE TABLE IF NOT EXISTS prefiltered (arxiv_id TEXT PRIMARY KEY) WITHOUT ROWID;  -- chosen by a filter for download
CREATE TABLE IF NOT EXISTS listed (
    arxiv_id TEXT PRIMARY KEY,
    version INTEGER,
    title TEXT NOT NULL,
    abstract TEXT NOT NULL,
    categories TEXT NOT NULL,
    published TEXT NOT NULL,
    license TEXT
) WITHOUT ROWID;
"""


class State(StrEnum):
    """The outcome of a slice."""

    WAITING = "waiting"
    DONE = "done"  # expected equals unique got
    SPLIT = "split"  # too large for one window; its halves stand in for it
    INCOMPLETE = "incomplete"  # given up for this run, with the reason in its note


@dataclass(frozen=True)
class Slice:
    """One slice of a harvest."""

    id: int
    source: str
    query: str
    since: str
    until: str
    expected: int | None
    got: int
    next: str
    state: State
    note: str
    fetched_at: str


class Ledger:
    """The ledger under `root`, made where it is missing, and read as it is where it cannot be written.

    With `is_trial` nothing is written: what is added stands in memory. Raises PosttrainError where there is none and it
    cannot be written.
    """

    def __init__(self, root: Path, *, is_trial: bool = False) -> None:
        self.root = root
        path = root / "harvest.sqlite"
        try:
            with explained(root):
                if is_trial:
                    self._db = copy_index(path, _SCHEMA)
                    return
                root.mkdir(parents=True, exist_ok=True)
                self._db = open_index(path, _SCHEMA)
        except UnwritableError:
            if not self.exists(root):
                raise
            with explained(root):
                self._db = read_index(path, _SCHEMA)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    @staticmethod
    def exists(root: Path) -> bool:
        """Say whether a harvest was ever begun under `root`."""
        return (root / "harvest.sqlite").exists()

    def add_slices(self, source: str, query: str, spans: Iterable[tuple[str, str]], start: str = "0") -> None:
        """Add slices to be asked for; one that was done before is asked for again."""
        with explained(self.root), self._db:
            for since, until in spans:
                self._db.execute(
                    "INSERT INTO slice (source, query, since, until, next, state, note, fetched_at)"
                    " VALUES (?, ?, ?, ?, ?, 'waiting', '', '') ON CONFLICT DO UPDATE SET"
                    " state = 'waiting', expected = NULL, next = excluded.next, note = ''",
                    (source, query, since, until, start),
                )

    def slices(self, source: str | None = None, query: str | None = None) -> list[Slice]:
        """Return the slices, in the order of time, with how many papers each gave."""
        rows = self._db.execute(
            "SELECT id, source, query, since, until, expected,"
            " CASE WHEN source = 'snapshot' THEN expected"
            " ELSE (SELECT count(*) FROM member WHERE member.slice = slice.id) END,"
            " next, state, note, fetched_at FROM slice"
            " WHERE (?1 IS NULL OR source = ?1) AND (?2 IS NULL OR query = ?2) ORDER BY source, query, since, until",
            (source, query),
        )
        return [
            Slice(number, kind, key, since, until, expected, got, after, State(state), note, fetched_at)
            for number, kind, key, since, until, expected, got, after, state, note, fetched_at in rows
        ]

    def add_page(
        self, span: Slice, papers: Iterable[Listed], expected: int | None, after: str, fetched_at: str,
        withdrawn: Container[str] = (),
    ) -> None:  # fmt: skip
        """Record a page and where the next one starts. `withdrawn` holds the ids that it says are withdrawn."""
        with explained(self.root), self._db:
            for paper in papers:
                self._db.execute("INSERT OR IGNORE INTO member VALUES (?, ?)", (span.id, paper.arxiv_id))
                self._add_listed(paper, paper.arxiv_id in withdrawn)
            self._db.execute(
                "UPDATE slice SET expected = ?, next = ?, fetched_at = ? WHERE id = ?",
                (expected, after, fetched_at, span.id),
            )

    def add_listed(self, papers: Iterable[Listed], withdrawn: Container[str] = ()) -> None:
        """List papers that were asked for by their ids, outside every slice."""
        with explained(self.root), self._db:
            for paper in papers:
                self._add_listed(paper, paper.arxiv_id in withdrawn)

    def withdrawn(self) -> dict[str, Withdrawal]:
        """Return the papers that arXiv's listing says are withdrawn: its newest word on each."""
        from survey.arxiv.snapshot import withdrawn_in

        snapshots = {id_: version for path in self._snapshots() for id_, version in withdrawn_in(path)}
        listed = dict(self._db.execute("SELECT arxiv_id, version FROM listed"))
        newest = {id_: version for id_, version in snapshots.items() if (version or 0) > (listed.get(id_) or -1)}
        ids = "SELECT withdrawn.arxiv_id, version FROM withdrawn JOIN listed ON listed.arxiv_id = withdrawn.arxiv_id"
        return {
            id_: Withdrawal(id_, version, "withdrawn, as arXiv's listing says")
            for id_, version in (newest | dict(self._db.execute(ids))).items()
        }

    def add_authors(self, authors: Mapping[str, Sequence[str]]) -> None:
        """Remember the authors of papers, in their order."""
        with explained(self.root), self._db:
            rows = [(arxiv_id, "\n".join(names)) for arxiv_id, names in authors.items() if names]
            self._db.executemany("INSERT OR REPLACE INTO author VALUES (?, ?)", rows)

    def authors(self) -> dict[str, tuple[str, ...]]:
        """Return the authors of every paper of which arXiv's query API gave them."""
        return {key: tuple(names.split("\n")) for key, names in self._db.execute("SELECT * FROM author")}

    def got(self, span: Slice) -> int:
        """Return how many different papers a slice has given so far."""
        return int(self._db.execute("SELECT count(*) FROM member WHERE slice = ?", (span.id,)).fetchone()[0])

    def finish(self, span: Slice, state: State, note: str = "", expected: int | None = None) -> None:
        """Close a slice with its outcome."""
        with explained(self.root), self._db:
            self._db.execute(
                "UPDATE slice SET state = ?, note = ?, expected = coalesce(?, expected) WHERE id = ?",
                (state, note, expected, span.id),
            )

    def restart(self, span: Slice, start: str = "0") -> None:
        """Forget which papers a slice gave (the papers stay listed), to ask for it from the beginning."""
        with explained(self.root), self._db:
            self._db.execute("DELETE FROM member WHERE slice = ?", (span.id,))
            self._db.execute("UPDATE slice SET expected = NULL, next = ? WHERE id = ?", (start, span.id))

    def split(self, span: Slice, halves: Iterable[tuple[str, str]]) -> None:
        """Put two halves in the place of a slice that is too large."""
        self.finish(span, State.SPLIT)
        self.add_slices(span.source, span.query, halves)

    def snapshot_path(self, query: str, since: str, until: str) -> Path:
        """Return the file for the papers of a snapshot in this window and these categories."""
        name = hashlib.sha256(f"{query} {since} {until}".encode()).hexdigest()[:12]
        with explained(self.root):
            (self.root / "listing").mkdir(exist_ok=True)
        return self.root / "listing" / f"snapshot-{name}.parquet"

    def add_snapshot(self, query: str, since: str, until: str, papers: int, fetched_at: str) -> None:
        """Record that a snapshot was read for this window."""
        self.add_slices("snapshot", query, [(since, until)])
        with explained(self.root), self._db:
            self._db.execute(
                "UPDATE slice SET state = 'done', expected = ?, fetched_at = ?"
                " WHERE source = 'snapshot' AND query = ? AND since = ? AND until = ?",
                (papers, fetched_at, query, since, until),
            )

    def abstracts_path(self, sha256: str) -> Path:
        """Return the place of the papers of a table of abstracts, by the content of the table."""
        with explained(self.root):
            (self.root / "listing").mkdir(exist_ok=True)
        return self.root / "listing" / f"abstracts-{sha256[:12]}.parquet"

    def listed(self) -> Iterator[Listed]:
        """Yield every listed paper once: those that arXiv listed, by id, then those that only a snapshot has."""
        given = set()
        with closing(self._db.execute("SELECT * FROM listed ORDER BY arxiv_id")) as rows:
            for row in rows:
                given.add(row[0])
                yield _listed(row)
        for path in self._snapshots():
            for paper in _papers_of(path):
                if paper.arxiv_id not in given:
                    given.add(paper.arxiv_id)
                    yield paper

    def known(self, arxiv_ids: Iterable[str]) -> dict[str, Listed]:
        """Return the listing of these papers, of those that are listed."""
        wanted = set(arxiv_ids)
        papers = {}
        for arxiv_id in wanted:
            row = self._db.execute("SELECT * FROM listed WHERE arxiv_id = ?", (arxiv_id,)).fetchone()
            if row:
                papers[arxiv_id] = _listed(row)
        for path in self._snapshots() if len(papers) < len(wanted) else ():
            papers |= {p.arxiv_id: p for p in _papers_of(path) if p.arxiv_id in wanted and p.arxiv_id not in papers}
        return papers

    def count(self) -> int:
        """Return how many papers are listed."""
        return _count_of(self._snapshots(), (row[0] for row in self._db.execute("SELECT arxiv_id FROM listed")))

    def records(self) -> dict[str, int]:
        """Return how many records each source gave: api, oai, snapshot, abstracts (tables of them), ids (by ids)."""
        rows = self._db.execute(
            "SELECT source, count(DISTINCT arxiv_id) FROM member JOIN slice ON slice.id = member.slice GROUP BY source"
        )
        records: dict[str, int] = dict(rows.fetchall())
        for kind in ("snapshot", "abstracts"):
            paths = (path for path in self._snapshots() if path.name.startswith(f"{kind}-"))
            records[kind] = sum(_count_of([path], ()) for path in paths)
        by_ids = "SELECT count(*) FROM listed WHERE arxiv_id NOT IN (SELECT arxiv_id FROM member)"
        records["ids"] = int(self._db.execute(by_ids).fetchone()[0])
        return records

    def add_absence(self, arxiv_id: str, surface: str, reason: str) -> None:
        """Remember that arXiv does not have this surface of a paper."""
        with explained(self.root), self._db:
            self._db.execute("INSERT OR REPLACE INTO absence VALUES (?, ?, ?)", (arxiv_id, surface, reason))

    def lacks(self, arxiv_id: str, surface: str) -> bool:
        """Say whether arXiv is known not to have this surface of a paper."""
        row = self._db.execute("SELECT 1 FROM absence WHERE arxiv_id = ? AND surface = ?", (arxiv_id, surface))
        return row.fetchone() is not None

    def without_content(self) -> set[str]:
        """Return the papers that arXiv has no surface of."""
        return {row[0] for row in self._db.execute("SELECT arxiv_id FROM absence WHERE surface = 'metadata only'")}

    def add_prefiltered(self, arxiv_ids: Iterable[str]) -> None:
        """Remember that these papers were chosen for download by a filter, which makes them no measure of filters."""
        with explained(self.root), self._db:
            self._db.executemany("INSERT OR IGNORE INTO prefiltered VALUES (?)", ((key,) for key in arxiv_ids))

    def prefiltered(self) -> set[str]:
        """Return the papers that were chosen by a filter."""
        return {row[0] for row in self._db.execute("SELECT arxiv_id FROM prefiltered")}

    def _snapshots(self) -> list[Path]:
        return sorted((self.root / "listing").glob("*.parquet"))

    def _add_listed(self, paper: Listed, is_withdrawn: bool) -> None:
        taken_back, withdrawn = "DELETE FROM withdrawn WHERE arxiv_id = ?", "INSERT OR IGNORE INTO withdrawn VALUES (?)"
        self._db.execute(withdrawn if is_withdrawn else taken_back, (paper.arxiv_id,))
        # A field that one route does not know (version, licence) keeps the value of another route.
        self._db.execute(
            "INSERT INTO listed VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " version = coalesce(max(excluded.version, version), excluded.version, version), title = excluded.title,"
            " abstract = excluded.abstract, categories = excluded.categories,"
            " license = coalesce(excluded.license, license)",
            (
                paper.arxiv_id, paper.version, paper.title, paper.abstract, " ".join(paper.categories),
                paper.published.isoformat(), paper.license,
            ),
        )  # fmt: skip


def _listed(row: tuple[str, int | None, str, str, str, str, str | None]) -> Listed:
    arxiv_id, version, title, abstract, categories, published, license_ = row
    return Listed(
        arxiv_id, version, title, abstract, tuple(categories.split()), date.fromisoformat(published), license_
    )


def _papers_of(path: Path) -> Iterator[Listed]:
    from survey.arxiv.snapshot import read_listing  # loads Arrow, which a look whether there is a ledger does without

    return read_listing(path)


def _count_of(paths: Iterable[Path], others: Iterable[str]) -> int:
    from survey.arxiv.snapshot import count_listed

    return count_listed(paths, others)
