"""Content: the source, HTML or PDF of every listed paper that the store has no text of yet.

The first bytes of a reply decide its kind; its headers and names are never believed. arXiv asks not to download the
whole corpus this way (info.arxiv.org/help/bulk_data.html), so narrow it first: `survey.arxiv.prefilter`.
"""

import hashlib
import io
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from posttrain.errors import RefusedError, UnreadableError
from posttrain.settings import ArxivSettings, warehouse_path
from posttrain.statistics import Share
from survey.arxiv.ledger import Ledger
from survey.arxiv.listed import Listed
from survey.arxiv.prefilter import Prefilter
from survey.arxiv.transport import Clock, FaultyReplyError, Reply, Transport
from survey.fulltext import Kind, kind_of
from survey.paper import IdSource
from survey.store.chosen import METADATA_ONLY, papers_with_content
from survey.store.papers import Source, Store
from survey.trends.recall import measure_recall
from survey.warehouse.database import Warehouse

_MOST_BYTES = 300 << 20  # of one paper; sources with many figures reach 100 MB


class Surface(StrEnum):
    """The forms in which arXiv serves a paper, in the order of preference."""

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
    """The outcome of `survey download`: papers with content now, without any on arXiv, and not fetched."""

    downloaded: int = 0
    absent: list[tuple[str, str]] = field(default_factory=list)  # (paper, why)
    failed: list[tuple[str, str]] = field(default_factory=list)
    requests: int = 0


@dataclass(frozen=True)
class Selection:
    """The papers to ask for, and how a filter narrowed them down."""

    papers: list[Listed]
    kept: int  # by the filter, before the limit
    waiting: int  # listed papers without content
    recall: Share | None  # of the filter; None where it is not measured


def wanted(ledger: Ledger, store: Store, among: Collection[str] | None = None) -> list[Listed]:
    """Return the listed papers that have no content yet, and those of whose content no text could be read.

    among: arXiv ids, where only these are wanted.
    Their order is random and always the same, by the hash of the id. So the downloaded papers are a random sample of
    the listing at any moment, and with any limit.
    """
    served = papers_with_content(store) | ledger.without_content()
    listed = ledger.listed() if among is None else ledger.known(among).values()
    waiting = [paper for paper in listed if paper.arxiv_id not in served]
    return sorted(waiting, key=lambda paper: hashlib.sha256(paper.arxiv_id.encode()).digest())


def list_missing(
    arxiv_ids: Sequence[str],
    ledger: Ledger,
    settings: ArxivSettings,
    state: Path,
    advance: Callable[[int, int], None] = lambda done, of: None,
    clock: Clock = time,
) -> list[str]:
    """List the papers of `arxiv_ids` that no harvest has listed; return the ids that arXiv does not have.

    Raises RefusedError where arXiv refuses.
    """
    from survey.arxiv.api import list_by_ids  # with arXiv's client, a fifth of a second

    known = ledger.known(arxiv_ids)
    missing = [arxiv_id for arxiv_id in arxiv_ids if arxiv_id not in known]
    if not missing:
        return []
    transport = Transport(settings, state, clock)
    try:
        return list_by_ids(ledger, transport, settings.api_url, missing, advance)
    except FaultyReplyError as error:
        raise RefusedError(f"arXiv lists no papers by their ids: {error}", "run the same command again") from error
    finally:
        transport.close()


def select(
    ledger: Ledger, store: Store, prefilter: Prefilter, limit: int | None = None, among: Collection[str] | None = None
) -> Selection:
    """Return the papers to ask for: of those without content (`among` these) the ones a filter keeps, at most `limit`.

    Papers that somebody lists are no random sample, so no recall is measured on them.
    """
    waiting = wanted(ledger, store, among)
    kept = list(filter(prefilter.keeps, waiting))
    recall = None
    if among is None and not prefilter.keeps_all and warehouse_path(store.root).exists():
        with Warehouse.open(warehouse_path(store.root)) as warehouse:
            recall = measure_recall(prefilter, ledger, warehouse)
    return Selection(kept[:limit], len(kept), len(waiting), recall)


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
    its surface is passed over. Raises RefusedError where arXiv refuses.
    """
    transport = Transport(settings, state, clock)
    result = Downloaded()
    fetcher = _Fetcher(surfaces, ledger, store, transport, settings.content_url)
    try:
        for done, paper in enumerate(papers, start=1):
            fetcher.fetch(paper, result)
            advance(done, len(papers))
    finally:
        result.requests = transport.requests
        transport.close()
    return result


@dataclass(frozen=True)
class _Fetcher:
    surfaces: list[Surface]
    ledger: Ledger
    store: Store
    transport: Transport
    url: str

    def fetch(self, paper: Listed, result: Downloaded) -> None:
        """Store the first surface that arXiv has of a paper; add the outcome to `result`."""
        reasons = []
        names = [copy.name for copy in self.store.sources(paper.arxiv_id)]
        for surface in self.surfaces:
            path = f"/{_PATHS[surface]}/{paper.arxiv_id}"
            if any(name.endswith(path) for name in names):
                reasons.append(f"{surface}: no text can be read from it")
                continue
            if self.ledger.lacks(paper.arxiv_id, surface):
                continue
            try:
                reply = _ask(self.transport, self.url + path, surface)
            except FaultyReplyError as error:
                result.failed.append((paper.arxiv_id, f"{surface}: {error}"))
                return
            if isinstance(reply, str):
                self.ledger.add_absence(paper.arxiv_id, surface, reply)
                reasons.append(f"{surface}: {reply}")
                continue
            self._keep(paper, *reply, self.url + path)
            result.downloaded += 1
            return
        if len(self.surfaces) == len(Surface):
            self.ledger.add_absence(paper.arxiv_id, METADATA_ONLY, "; ".join(reasons))
        result.absent.append((paper.arxiv_id, "; ".join(reasons) or "arXiv had nothing of it before"))

    def _keep(self, paper: Listed, kind: Kind, body: bytes, url: str) -> None:
        sha256, _ = self.store.add_raw(io.BytesIO(body))
        copy = Source(
            sha256=sha256, member=-1, kind=kind, paper=paper.arxiv_id, version=paper.version,
            id_source=IdSource.RECORD, title=paper.title, published=paper.published, is_stated=True, name=url,
        )  # fmt: skip
        self.store.add_sources([copy])


def _ask(transport: Transport, url: str, surface: Surface) -> tuple[Kind, bytes] | str:
    """Return the kind and the content of a reply, or why arXiv has none."""

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
