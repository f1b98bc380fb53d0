"""Store to text: one text per paper, from the best of its copies that can be read."""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from posttrain.errors import UnreadableError
from survey.arxiv.withdrawn import take_over_withdrawals
from survey.fulltext import EXTRACTOR, Kind, Text, read
from survey.fulltext.records import read_row
from survey.store.chosen import papers_with_text, papers_without_text, unread
from survey.store.isolation import Failed, run_isolated, stream_isolated
from survey.store.papers import Extraction, Source, Store
from survey.store.sqlite import explained
from survey.store.tables import ROWS_AT_ONCE, Wanted, read_rows
from survey.store.texts import write_shard

_SHARD_CHARACTERS = 64_000_000  # of text in one shard; a run that is cut off loses at most the last
_SHARD_TEXTS = 1_000
_SHARD_SECONDS = 20.0
_ATTEMPTS = 5  # at a table whose reader dies
_USUAL_SECONDS = {Kind.PDF: 0.15, Kind.LATEX: 0.05}  # of CPU for one paper; other kinds take 0.02


@dataclass
class Extracted:
    """The outcome of `survey extract`: papers with a new text, with an earlier one, and without any, by reason."""

    extracted: int = 0
    unchanged: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)  # (paper, reason)


@dataclass(frozen=True)
class _Job:
    """Copies of papers to be read by one task: one in a raw file, or some rows of a table with their texts."""

    path: str
    sources: tuple[Source, ...]
    rows: tuple[str | Failed, ...] = ()


def extract(store: Store, workers: int, advance: Callable[[int, int], None] = lambda done, of: None) -> Extracted:
    """Read the text of every paper that has none yet; return the outcome. An interrupted run can be run again.

    A paper's copies are tried in the order of preference (source, record, PDF, markdown; later versions first) until
    one can be read. `advance` receives how many of how many papers have been read.
    """
    take_over_withdrawals(store)
    todo = unread(store)
    papers, tried, read_so_far = len(todo), set[str](), 0
    advance(0, papers)
    while todo:
        tried |= {source.paper for source in todo}
        # One round reads the next copy of each paper; a copy that cannot be read leaves the next one to the next round.
        for _ in _write_texts(store, _read_all(todo, store, workers)):
            read_so_far += 1
            advance(min(read_so_far, papers), papers)
        todo = unread(store)
    with_text = papers_with_text(store)
    return Extracted(len(with_text & tried), len(with_text - tried), sorted(papers_without_text(store).items()))


def estimate(sources: list[Source], workers: int) -> float:
    """Return about how many seconds it takes to read these copies: a usual paper's time of each kind."""
    return sum(_USUAL_SECONDS.get(Kind(source.kind), 0.02) for source in sources) / workers + 1.0


def _read_all(sources: list[Source], store: Store, workers: int) -> Iterator[tuple[Source, Text | Failed]]:
    """Read sources in worker processes. A job of several rows that fails is split, so that one row fails alone."""
    alone: deque[_Job] = deque()

    def jobs() -> Iterator[_Job]:
        for job in _jobs(sources, store):
            while alone:
                yield alone.popleft()
            yield job

    yield from _run(jobs(), alone, workers)
    if alone:  # the last failures come when no job is left to wait behind
        yield from _run(list(alone), deque(), workers)


def _run(jobs: Iterable[_Job], alone: deque[_Job], workers: int) -> Iterator[tuple[Source, Text | Failed]]:
    """Yield the outcome of each source; the rows of a job that fails as a whole become jobs of their own in `alone`."""
    for job, outcome in run_isolated(_read_job, jobs, workers):
        if not isinstance(outcome, Failed):
            yield from zip(job.sources, outcome, strict=True)
        elif len(job.sources) == 1:
            yield job.sources[0], outcome
        else:
            alone.extend(_Job("", (source,), (row,)) for source, row in zip(job.sources, job.rows, strict=True))


def _jobs(sources: Iterable[Source], store: Store) -> Iterator[_Job]:
    rows: dict[str, list[Source]] = {}
    for source in sources:
        if source.kind == Kind.ROW:
            rows.setdefault(source.sha256, []).append(source)
        else:
            yield _Job(str(store.raw_path(source.sha256)), (source,))
    for sha256, members in rows.items():
        members.sort(key=lambda source: source.member)
        yield from _jobs_of_table(str(store.raw_path(sha256)), members)


def _jobs_of_table(path: str, members: list[Source]) -> Iterator[_Job]:
    """Yield the rows of a table some at a time while another process reads it, once from its first row to its last.

    Where that process dies, the rows that it was at are lost, and another goes on behind them.
    """
    done, failure = 0, Failed("")
    for _ in range(_ATTEMPTS):
        if done == len(members):
            return
        try:
            for rows in stream_isolated(read_rows, Wanted(path, tuple(source.member for source in members[done:]))):
                yield _Job(path, tuple(members[done : done + len(rows)]), tuple(rows))
                done += len(rows)
            return
        except UnreadableError as error:
            failure = Failed(str(error))
            lost = tuple(members[done : done + ROWS_AT_ONCE])
            yield _Job(path, lost, (failure,) * len(lost))
            done += len(lost)
    if rest := tuple(members[done:]):
        yield _Job(path, rest, (failure,) * len(rest))


def _read_job(job: _Job) -> list[Text | Failed]:
    """Runs in a worker."""
    if not job.rows:
        return [read(Kind(source.kind), Path(job.path).read_bytes()) for source in job.sources]
    return [_read_row(row, source.title) for source, row in zip(job.sources, job.rows, strict=True)]


def _read_row(row: str | Failed, title: str) -> Text | Failed:
    try:
        return row if isinstance(row, Failed) else read_row(row, title)
    except UnreadableError as error:
        return Failed(str(error))


def _write_texts(store: Store, outcomes: Iterable[tuple[Source, Text | Failed]]) -> Iterator[Source]:
    """Write texts shard by shard and yield each source once it is read; an interrupt keeps the texts that are read."""
    batch: list[tuple[Source, Text]] = []
    failed: list[tuple[Source, Failed]] = []

    def flush() -> None:
        rows = [Extraction(source.id, None, failure.reason, None, None) for source, failure in failed]
        if batch:
            with explained(store.root):
                shard = write_shard(store.root / "text", [text for _, text in batch])
            rows += [Extraction(s.id, text.surface, None, shard, row, text.note) for row, (s, text) in enumerate(batch)]
        store.add_extractions(rows, EXTRACTOR)
        batch.clear()
        failed.clear()

    characters = 0
    begin = time.monotonic()
    try:
        for source, outcome in outcomes:
            if isinstance(outcome, Failed):
                failed.append((source, outcome))
            else:
                batch.append((source, outcome))
                characters += len(outcome.text)
            if (
                characters > _SHARD_CHARACTERS
                or len(batch) >= _SHARD_TEXTS
                or time.monotonic() - begin > _SHARD_SECONDS
            ):
                flush()
                characters, begin = 0, time.monotonic()
            yield source
    finally:
        flush()
