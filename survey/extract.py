"""Store to text: one text per paper, from the best of its copies that can be read."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow
from pyarrow import parquet

from survey.errors import UnreadableError
from survey.fulltext import EXTRACTOR, PREFERENCE, Kind, Text, read
from survey.fulltext.records import read_row
from survey.isolation import Failed, run_isolated
from survey.store import Extraction, Source, Store, explained
from survey.texts import write_shard

_SHARD_CHARACTERS = 64_000_000  # of text in one shard; a run that is cut off loses at most the last
_SHARD_TEXTS = 1_000
_ROWS_AT_ONCE = 50  # rows of one Parquet file that a worker reads in one go
METADATA_ONLY = "metadata only"


@dataclass
class Extracted:
    """What `survey extract` did: papers with a new text, with one already, and without any, by reason."""

    extracted: int = 0
    unchanged: int = 0
    failed: list[tuple[str, str]] = field(default_factory=list)  # (paper, reason)


@dataclass(frozen=True)
class _Job:
    """Copies of papers that lie in one raw file, to be read in one go."""

    path: str
    sources: tuple[Source, ...]


def extract(store: Store, workers: int, advance: Callable[[int, int], None] = lambda done, of: None) -> Extracted:
    """Read the text of every paper that has none yet; return what was done. It can be cut off and run again.

    A paper's copies are tried in the order of preference (source, record, PDF, markdown; later versions first) until
    one can be read.
    """
    result = Extracted()
    done = store.extractions(EXTRACTOR)
    copies = copies_by_paper(store)
    waiting: dict[str, list[Source]] = {}
    for paper, sources in copies.items():
        if any(source.id in done and done[source.id].reason is None for source in sources[:1]):
            result.unchanged += 1
        else:
            waiting[paper] = [source for source in sources if source.kind != Kind.METADATA]
    total = len(waiting)
    reasons: dict[str, str] = {paper: METADATA_ONLY for paper, sources in waiting.items() if not sources}
    while waiting := {paper: sources for paper, sources in waiting.items() if sources}:
        # One round: the best copy of each paper that still has no text. What cannot be read leaves its next copy.
        _settle_known(waiting, done, reasons, result)
        best = [sources[0] for sources in waiting.values() if sources]
        for source, outcome in _write_texts(store, _read_all(best, store, workers)):
            if outcome is None:
                result.extracted += 1
                waiting[source.paper] = []
                reasons.pop(source.paper, None)
            else:
                reasons[source.paper] = outcome
                waiting[source.paper] = waiting[source.paper][1:]
            advance(result.extracted + len(reasons), total)
    result.failed = sorted(reasons.items())
    return result


def copies_by_paper(store: Store) -> dict[str, list[Source]]:
    """Return the copies of every paper, the one to prefer first."""
    copies: dict[str, list[Source]] = {}
    for source in store.sources():
        copies.setdefault(source.paper, []).append(source)
    for sources in copies.values():
        sources.sort(key=lambda s: (PREFERENCE.index(Kind(s.kind)), -(s.version or 0), s.id))
    return copies


def reasons_without_text(store: Store) -> Counter[str]:
    """Count the papers without a text by the reason of their best copy; ones not tried yet are `not extracted yet`."""
    done = store.extractions(EXTRACTOR)
    reasons: Counter[str] = Counter()
    for sources in copies_by_paper(store).values():
        tried = [done[source.id] for source in sources if source.id in done]
        if any(extraction.reason is None for extraction in tried):
            continue
        texts = [source for source in sources if source.kind != Kind.METADATA]
        if not texts:
            reasons[METADATA_ONLY] += 1
        else:
            reasons[str(tried[0].reason) if tried else "not extracted yet"] += 1
    return reasons


def _settle_known(
    waiting: dict[str, list[Source]], done: dict[int, Extraction], reasons: dict[str, str], result: Extracted
) -> None:
    """Pass over copies that an earlier run has tried: a text is kept, a failure is not repeated."""
    for paper, sources in waiting.items():
        while sources and sources[0].id in done:
            reason = done[sources[0].id].reason
            if reason is None:
                result.unchanged += 1
                reasons.pop(paper, None)
                sources.clear()
            else:
                reasons[paper] = reason
                sources.pop(0)


def _read_all(sources: list[Source], store: Store, workers: int) -> Iterator[tuple[Source, Text | Failed]]:
    """Read sources in worker processes. A job of several rows that fails is split, so that one row fails alone."""
    jobs = list(_jobs(sources, store))
    again: list[_Job] = []
    for job, outcome in run_isolated(_read_job, jobs, workers):
        if not isinstance(outcome, Failed):
            yield from zip(job.sources, outcome, strict=True)
        elif len(job.sources) == 1:
            yield job.sources[0], outcome
        else:
            again += [_Job(job.path, (source,)) for source in job.sources]
    for job, outcome in run_isolated(_read_job, again, workers) if again else ():
        yield job.sources[0], outcome if isinstance(outcome, Failed) else outcome[0]


def _jobs(sources: Iterable[Source], store: Store) -> Iterator[_Job]:
    rows: dict[str, list[Source]] = {}
    for source in sources:
        if source.kind == Kind.ROW:
            rows.setdefault(source.sha256, []).append(source)
        else:
            yield _Job(str(store.raw_path(source.sha256)), (source,))
    for sha256, members in rows.items():
        members.sort(key=lambda source: source.member)
        for start in range(0, len(members), _ROWS_AT_ONCE):
            yield _Job(str(store.raw_path(sha256)), tuple(members[start : start + _ROWS_AT_ONCE]))


def _read_job(job: _Job) -> list[Text | Failed]:
    """Runs in a worker."""
    if job.sources[0].kind == Kind.ROW:
        return _read_rows(job)
    return [read(Kind(source.kind), Path(job.path).read_bytes()) for source in job.sources]


def _read_rows(job: _Job) -> list[Text | Failed]:
    texts: list[Text | Failed] = []
    try:
        with parquet.ParquetFile(job.path) as table:
            column = _rows(table, [source.member for source in job.sources])
    except (pyarrow.ArrowException, OSError) as error:  # Arrow reports a torn page as OSError
        raise UnreadableError(f"a damaged Parquet file: {error}") from error
    for source, content in zip(job.sources, column, strict=True):
        try:
            texts.append(read_row(str(content or ""), source.title))
        except UnreadableError as error:
            texts.append(Failed(str(error)))
    return texts


def _rows(table: parquet.ParquetFile, wanted: list[int]) -> list[object]:
    """Return `text` of the rows `wanted` (ascending), reading only the row groups they lie in."""
    values: list[object] = []
    first = 0
    for group in range(table.num_row_groups):
        count = table.metadata.row_group(group).num_rows
        here = [row - first for row in wanted if first <= row < first + count]
        if here:
            values += table.read_row_group(group, columns=["text"])["text"].take(here).to_pylist()
        first += count
    return values


def _write_texts(store: Store, outcomes: Iterable[tuple[Source, Text | Failed]]) -> Iterator[tuple[Source, str | None]]:
    """Write texts shard by shard, index each shard when it is whole, yield each source with its failure or None."""
    batch: list[tuple[Source, Text]] = []
    failed: list[tuple[Source, Failed]] = []

    def flush() -> Iterator[tuple[Source, str | None]]:
        rows = [Extraction(source.id, None, failure.reason, None, None) for source, failure in failed]
        if batch:
            with explained(store.root):
                shard = write_shard(store.root / "text", [text for _, text in batch])
            rows += [Extraction(s.id, text.surface, None, shard, row) for row, (s, text) in enumerate(batch)]
        store.add_extractions(rows, EXTRACTOR)
        yield from ((source, failure.reason) for source, failure in failed)
        yield from ((source, None) for source, _ in batch)
        batch.clear()
        failed.clear()

    characters = 0
    for source, outcome in outcomes:
        if isinstance(outcome, Failed):
            failed.append((source, outcome))
            continue
        batch.append((source, outcome))
        characters += len(outcome.text)
        if characters > _SHARD_CHARACTERS or len(batch) >= _SHARD_TEXTS:
            yield from flush()
            characters = 0
    yield from flush()
