"""Content: the source, HTML or PDF of every listed paper that the store has no text of yet.

What a reply is, its first bytes say; its headers and names are never believed. arXiv asks not to download the whole
corpus this way (info.arxiv.org/help/bulk_data.html), so narrow it before: `survey.arxiv.prefilter`.
"""

import hashlib
import io
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from posttrain.errors import UnreadableError
from posttrain.settings import ArxivSettings
from survey.arxiv.ledger import Ledger
from survey.arxiv.listed import Listed
from survey.arxiv.transport import Clock, FaultyReplyError, Reply, Transport
from survey.fulltext import Kind, kind_of
from survey.paper import IdSource
from survey.store.chosen import METADATA_ONLY, papers_with_content
from survey.store.papers import Source, Store

_MOST_BYTES = 300 << 20  # of one paper; sources with many figures reach 100 MB


class Surface(StrEnum):
    """What arXiv serves of a paper, in the order of preference."""

    SOURCE = "source"
    HTML = "html"
    PDF = "pdf"


_PATHS = {Surface.SOURCE: "src", Surface.HTML: "html", Surface.PDF: "pdf"}
_KINDS = {
    Surface.SOURCE: {Kind.LATEX, Kind.PDF},  # authors may submit a PDF alone
    Surface.HTML: {Kind.HTML},
    Surface.PDF: {Kind.PDF},
}


@dataclass
class Downloaded:
    """What `survey download` did: papers that have content now, have none on arXiv, or could not be fetched."""

    downloaded: int = 0
    absent: list[tuple[str, str]] = field(default_factory=list)  # (paper, why)
    failed: list[tuple[str, str]] = field(default_factory=list)
    requests: int = 0


def wanted(ledger: Ledger, store: Store) -> list[Listed]:
    """Return the listed papers that have no content yet, and those of whose content no text could be read.

    Their order is random and always the same, by the hash of the id, so that what is there at any time, or with any
    limit, is a random sample of the listing.
    """
    served = papers_with_content(store) | ledger.without_content()
    found = [paper for paper in ledger.listed() if paper.arxiv_id not in served]
    return sorted(found, key=lambda paper: hashlib.sha256(paper.arxiv_id.encode()).digest())


def download(
    papers: list[Listed],
    surfaces: list[Surface],
    ledger: Ledger,
    store: Store,
    settings: ArxivSettings,
    state: Path,
    advance: Callable[[int, int], None] = lambda done, of: None,
    clock: Clock = time,
) -> Downloaded:
    """Fetch the first of `surfaces` that arXiv has of each paper, and put it into the store.

    A paper that arXiv has nothing of is remembered and not asked for again; where an earlier copy could not be read,
    the surface it came by is passed over. Raises PosttrainError where arXiv refuses.
    """
    transport = Transport(settings, state, clock)
    result = Downloaded()
    try:
        for done, paper in enumerate(papers, start=1):
            _download_one(paper, surfaces, ledger, store, transport, settings.content_url, result)
            advance(done, len(papers))
    finally:
        result.requests = transport.requests
        transport.close()
    return result


def _download_one(
    paper: Listed,
    surfaces: list[Surface],
    ledger: Ledger,
    store: Store,
    transport: Transport,
    url: str,
    result: Downloaded,
) -> None:
    reasons = []
    had = [copy.name for copy in store.sources(paper.arxiv_id)]
    for surface in surfaces:
        place = f"/{_PATHS[surface]}/{paper.arxiv_id}"
        if any(name.endswith(place) for name in had):
            reasons.append(f"{surface}: no text can be read from it")
            continue
        if ledger.lacks(paper.arxiv_id, surface):
            continue
        try:
            found = _fetch(transport, url + place, surface)
        except FaultyReplyError as error:
            result.failed.append((paper.arxiv_id, f"{surface}: {error}"))
            return
        if isinstance(found, str):
            ledger.add_absence(paper.arxiv_id, surface, found)
            reasons.append(f"{surface}: {found}")
            continue
        kind, body = found
        sha256, _ = store.add_raw(io.BytesIO(body))
        copy = Source(
            sha256=sha256, member=-1, kind=kind, paper=paper.arxiv_id, version=paper.version,
            id_source=IdSource.RECORD, title=paper.title, published=paper.published, is_stated=True, name=url + place,
        )  # fmt: skip
        store.add_sources([copy])
        result.downloaded += 1
        return
    if len(surfaces) == len(Surface):
        ledger.add_absence(paper.arxiv_id, METADATA_ONLY, "; ".join(reasons))
    result.absent.append((paper.arxiv_id, "; ".join(reasons) or "arXiv had nothing of it before"))


def _fetch(transport: Transport, url: str, surface: Surface) -> tuple[Kind, bytes] | str:
    """Return what a reply is and its content; or why arXiv has none."""

    def read(reply: Reply) -> tuple[Kind, bytes] | str:
        if reply.status == 404:
            return "arXiv has none"
        if reply.status == 403:
            return "its author keeps it private"
        try:
            kind = kind_of(reply.body, "paper.html" if surface is Surface.HTML else "paper")
        except UnreadableError as error:
            raise FaultyReplyError(f"{reply.url} gives {error}") from error
        if kind not in _KINDS[surface]:
            raise FaultyReplyError(f"{reply.url} gives {kind}; expected {surface}")
        return kind, reply.body

    return transport.get(url, {}, read, _MOST_BYTES)
