"""A harvest: the papers that exist in a window, from one of three sources, with a ledger that proves completeness."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from datetime import time as time_of_day
from enum import StrEnum
from math import ceil
from pathlib import Path
from typing import Any

from posttrain.errors import BusyError, ConfigurationError, ExitCode
from posttrain.files import held
from posttrain.settings import ArxivSettings
from survey.arxiv import api, oai, snapshot
from survey.arxiv.ledger import Ledger, Slice, State
from survey.arxiv.listed import Listed
from survey.arxiv.transport import Clock, Transport

# New papers a day in one category, for a first estimate of the requests. cs.LG has some 150, cs.CL 80.
_PAPERS_A_DAY = 100
_OAI_PAGE = 2_500  # records, as the server's code has it


class Source(StrEnum):
    """Where a listing comes from; `snapshot:FILE` names its file."""

    API = api.SOURCE
    OAI = oai.SOURCE


@dataclass(frozen=True)
class Window:
    """The papers that are asked for: days of version 1, both inclusive, and categories (all where none is named).

    Raises ConfigurationError where the first day is after the last.
    """

    since: date
    until: date
    categories: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.since > self.until:
            raise ConfigurationError(f"--from {self.since} is after --until {self.until}", "give the earlier day first")

    @property
    def query(self) -> str:
        """The categories in one order, so that the same question finds its slices again."""
        return " ".join(sorted(set(self.categories)))

    def holds(self, paper: Listed) -> bool:
        """Say whether a listed paper belongs to the window."""
        return self.since <= paper.published <= self.until


@dataclass(frozen=True)
class Harvested:
    """The outcome of a harvest."""

    listed: int  # papers in the ledger, all harvests together
    requests: int
    refused: int  # lines of a snapshot that are not the record of a paper
    waiting: list[Slice]  # slices that are not complete


def origin_of(text: str) -> Source | Path:
    """Return the source that `api` or `oai` names, or the file of `snapshot:FILE`. Raises ConfigurationError."""
    kind, _, file = text.partition(":")
    if kind == "snapshot" and file:
        return Path(file)
    if text not in tuple(Source):
        message = f"--source '{text}' is unknown; expected api, oai or snapshot:FILE"
        raise ConfigurationError(message, "survey harvest --help")
    return Source(text)


def plan(ledger: Ledger, source: Source, window: Window, now: datetime | None = None) -> list[Slice]:
    """Add the slices that the window still needs, and return all slices that are to be asked for."""
    now = now or datetime.now(UTC)
    if source is Source.API:
        first = datetime.combine(window.since, time_of_day(0, 0), UTC)
        last = min(
            datetime.combine(window.until, time_of_day(23, 59), UTC), datetime.now(UTC).replace(second=0, microsecond=0)
        )
        api.plan(ledger, window.query, first, last)
    else:
        oai.plan(ledger, window.query, window.since, now.date())
    return _open_slices(ledger, source, window)


def estimate(slices: list[Slice], source: Source) -> int:
    """Return about how many requests these slices take: from the server's own totals, else from an average day."""
    page = api.PAGE if source is Source.API else _OAI_PAGE
    requests = 0
    for span in slices:
        days = (_day(span.until) - _day(span.since)).days + 1
        papers = span.expected or days * _PAPERS_A_DAY * max(1, len(span.query.split()))
        requests += max(1, ceil((papers - span.got) / page))
    return requests


def harvest(
    ledger: Ledger,
    source: Source,
    window: Window,
    settings: ArxivSettings,
    state: Path,
    advance: Callable[[int, int], None] = lambda done, of: None,
    clock: Clock = time,
) -> Harvested:
    """Ask arXiv for every open slice. Raises RefusedError, and BusyError where another harvest is running.

    `advance` receives how many requests are done, and about how many there will be.
    """
    expected, pages = estimate(_open_slices(ledger, source, window), source), 0

    def step() -> None:
        nonlocal pages
        pages += 1
        advance(pages, max(pages, expected))

    busy = BusyError(f"another harvest is running in {ledger.root}", "wait for it: survey status", ExitCode.PARTIAL)
    transport = Transport(settings, state, clock)
    try:
        with held(ledger.root, busy, lock="harvest.lock"):
            if source is Source.API:
                api.harvest(ledger, transport, settings.api_url, window.query, step)
            else:
                oai.harvest(ledger, transport, settings.oai_url, window.query, window.holds, step)
    finally:
        transport.close()
    return Harvested(ledger.count(), transport.requests, 0, _open_slices(ledger, source, window))


def harvest_snapshot(ledger: Ledger, path: Path, window: Window) -> Harvested:
    """Read the window from a metadata snapshot. Raises PosttrainError where it is none."""
    if not path.is_file():
        raise ConfigurationError(f"{path} is not a file", "survey harvest --source snapshot:FILE …")
    since, until = window.since.isoformat(), window.until.isoformat()
    out = ledger.snapshot_path(window.query, since, until)
    papers, refused = snapshot.copy_snapshot(path, out, window.since, window.until, window.query.split())
    ledger.add_snapshot(window.query, since, until, papers, datetime.now(UTC).isoformat(timespec="seconds"))
    return Harvested(ledger.count(), 0, refused, [])


def as_data(slices: list[Slice]) -> list[dict[str, Any]]:
    """Return slices in the shape of the public interface."""
    return [
        {
            "source": span.source, "query": span.query, "from": span.since, "until": span.until,
            "expected": span.expected, "got": span.got, "complete": span.state is State.DONE,
            "fetched_at": span.fetched_at or None, "note": span.note,
        }
        for span in slices if span.state is not State.SPLIT
    ]  # fmt: skip


def _open_slices(ledger: Ledger, source: Source, window: Window) -> list[Slice]:
    queries = [window.query] if source is Source.API else window.query.split() or [""]
    return [
        span
        for query in queries
        for span in ledger.slices(source, query)
        if span.state in (State.WAITING, State.INCOMPLETE)
    ]


def _day(stamp: str) -> date:
    return date.fromisoformat(stamp) if "-" in stamp else datetime.strptime(stamp[:8], "%Y%m%d").date()
