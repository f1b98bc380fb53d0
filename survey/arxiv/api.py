"""The query API: slices of submission time, halved until each fits the server's window, paged until complete.

The `arxiv` package parses the pages. Its client is not used: it treats an empty or blocked page as "no results" and
reads no total after the first page. Here a slice is done only when the server's total equals the number of different
papers it gave.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from arxiv import _feed

from survey.arxiv.ledger import Ledger, Slice, State
from survey.arxiv.listed import Listed, one_line
from survey.arxiv.transport import FaultyReplyError, Reply, Transport
from survey.fulltext.notices import is_withdrawn
from survey.paper import find_arxiv_id

SOURCE = "api"
PAGE = 2_000  # the most that one request may ask for
WINDOW = 10_000  # results of one query that can be paged through
LATE = timedelta(days=3)  # after which a submission has been announced and is found
_IDS_AT_ONCE = 100  # of a request by ids: longer addresses are refused on the way
_RESTARTS = 5  # of a slice whose total moves under way
_STAMP = "%Y%m%d%H%M"
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True)
class _Page:
    papers: list[Listed]
    total: int
    fetched_at: str
    authors: dict[str, tuple[str, ...]] = field(default_factory=dict)  # by arXiv id
    withdrawn: set[str] = field(default_factory=set)


def plan(ledger: Ledger, query: str, since: datetime, until: datetime) -> None:
    """Add the slices of [since, until] (minutes, both inclusive) that no earlier harvest has covered, month by month.

    A slice is trusted up to three days before it was asked for; later submissions may not have been announced.
    """
    covered = []
    for span in ledger.slices(SOURCE, query):
        end = _parse(span.until)
        if span.state is State.DONE:
            end = min(end, datetime.fromisoformat(span.fetched_at).astimezone(UTC) - LATE)
        if span.state in (State.DONE, State.WAITING):
            covered.append((_parse(span.since), end))
    spans = [
        (part, end)
        for gap in _uncovered((since, until), sorted(covered))
        for part, end in _months(*gap)
    ]  # fmt: skip
    ledger.add_slices(SOURCE, query, ((_format(start), _format(end)) for start, end in spans))


def harvest(ledger: Ledger, transport: Transport, url: str, query: str, advance: Callable[[], None]) -> None:
    """Ask for every waiting slice of `query`; each ends as done, split or incomplete with its reason.

    `advance` is called after each page. Raises PosttrainError where arXiv refuses.
    """
    for span in ledger.slices(SOURCE, query):
        if span.state is State.INCOMPLETE:
            ledger.add_slices(SOURCE, query, [(span.since, span.until)])
    failures = 0
    while waiting := [span for span in ledger.slices(SOURCE, query) if span.state is State.WAITING]:
        try:
            _harvest_slice(ledger, transport, url, waiting[0], advance)
            failures = 0
        except FaultyReplyError as error:
            ledger.finish(waiting[0], State.INCOMPLETE, str(error))
            failures += 1
        if failures == 2:
            break  # nothing gets through; the next run asks for the slices that still wait


def _harvest_slice(ledger: Ledger, transport: Transport, url: str, span: Slice, advance: Callable[[], None]) -> None:
    start, expected, restarts = int(span.next), span.expected, 0
    while expected is None or start < expected or ledger.got(span) != expected:
        moved = expected is not None and start >= expected  # all pages are there, and not all papers
        if not moved:
            page = _get_page(transport, url, span, start)
            advance()
            if page.total > WINDOW and span.since != span.until:
                ledger.split(span, _halves(span))
                return
            moved = expected is not None and page.total != expected
            start, expected = start + len(page.papers), page.total
            ledger.add_page(span, page.papers, expected, str(start), page.fetched_at, page.withdrawn)
            ledger.add_authors(page.authors)
        if moved:
            restarts += 1
            if restarts > _RESTARTS:
                raise FaultyReplyError(
                    f"the total keeps moving: {expected} promised, {ledger.got(span)} different given"
                )
            ledger.restart(span)
            start, expected = 0, None
    ledger.finish(span, State.DONE)


def _get_page(transport: Transport, url: str, span: Slice, start: int) -> _Page:
    zeros = 0

    def read(reply: Reply) -> _Page:
        nonlocal zeros
        page = read_page(reply)
        wanted = min(PAGE, page.total - start)
        if page.total == 0 and start == 0:
            zeros += 1
            if zeros == 1:  # an empty answer that is wrong looks like one that is right, so it is asked for twice
                raise FaultyReplyError("an empty page")
        elif len(page.papers) != max(wanted, 0):
            raise FaultyReplyError(f"{len(page.papers)} entries at {start} of {page.total}; expected {max(wanted, 0)}")
        return page

    categories = " OR ".join(f"cat:{category}" for category in span.query.split())
    window = f"submittedDate:[{span.since} TO {span.until}]"
    parameters: dict[str, str | int] = {
        "search_query": f"({categories}) AND {window}" if categories else window,
        "start": start, "max_results": PAGE, "sortBy": "submittedDate", "sortOrder": "ascending",
    }  # fmt: skip
    return transport.get(url, parameters, read)


def list_by_ids(
    ledger: Ledger, transport: Transport, url: str, arxiv_ids: Sequence[str], advance: Callable[[int, int], None]
) -> list[str]:
    """List these papers in the ledger with title, abstract, categories and authors; return the ids that arXiv lacks.

    `advance` receives how many of how many papers are asked for. Raises PosttrainError where arXiv refuses.
    """
    lacking: list[str] = []
    for start in range(0, len(arxiv_ids), _IDS_AT_ONCE):
        some = arxiv_ids[start : start + _IDS_AT_ONCE]
        query: dict[str, str | int] = {"id_list": ",".join(some), "start": 0, "max_results": len(some)}
        page = transport.get(url, query, lambda reply: read_page(reply, by_ids=True))
        ledger.add_listed(page.papers, page.withdrawn)
        ledger.add_authors(page.authors)
        given = {paper.arxiv_id for paper in page.papers}
        lacking += [arxiv_id for arxiv_id in some if arxiv_id not in given]
        advance(start + len(some), len(arxiv_ids))
    return lacking


def read_page(reply: Reply, by_ids: bool = False) -> _Page:
    """Return the papers and the total of an Atom page. Raises FaultyReplyError where it is not whole.

    An answer by ids holds an entry without a date for an id that arXiv does not have; it is passed over.
    """
    if b"<!DOCTYPE" in reply.body[:2000] or b"<!ENTITY" in reply.body[:2000]:
        raise FaultyReplyError("a page with a document type; arXiv's feeds have none (an HTML page or an attack)")
    if b"<feed" not in reply.body[:2000] or b"</feed>" not in reply.body[-200:]:
        raise FaultyReplyError(f"not a whole Atom feed: it begins with {reply.body[:40]!r}")
    feed = _feed.parse(reply.body)
    entries = reply.body.count(b"<entry>")
    if feed.malformed or b"totalResults" not in reply.body:
        raise FaultyReplyError(f"a malformed feed: {feed.error}")
    if len(feed.results) != entries and not by_ids:
        raise FaultyReplyError(f"{entries - len(feed.results)} of {entries} entries without an id or a date")
    papers = [_listed(result) for result in feed.results]
    authors = {
        paper.arxiv_id: tuple(one_line(str(author.name)) for author in result.authors)
        for paper, result in zip(papers, feed.results, strict=True)
    }
    withdrawn = {
        paper.arxiv_id for paper, result in zip(papers, feed.results, strict=True) if is_withdrawn(result.comment or "")
    }
    return _Page(papers, feed.header.total_results, reply.fetched_at, authors, withdrawn)


def _listed(result: object) -> Listed:
    entry_id, published = str(result.entry_id), result.published  # type: ignore[attr-defined]  # arxiv.Result
    arxiv_id = find_arxiv_id(entry_id)
    if arxiv_id is None:
        raise FaultyReplyError(f"an entry that is not a paper: {entry_id}")
    return Listed(
        arxiv_id.id, arxiv_id.version, one_line(result.title), one_line(result.summary),  # type: ignore[attr-defined]
        tuple(dict.fromkeys(result.categories)), published.date(),  # type: ignore[attr-defined]
    )  # fmt: skip


def _uncovered(
    window: tuple[datetime, datetime], covered: list[tuple[datetime, datetime]]
) -> list[tuple[datetime, datetime]]:
    since, until = window
    gaps = []
    for start, end in covered:
        if start > since:
            gaps.append((since, min(start - _MINUTE, until)))
        since = max(since, end + _MINUTE)
    gaps.append((since, until))
    return [(start, end) for start, end in gaps if start <= end]


def _months(since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
    parts = []
    while since <= until:
        following = (since.replace(day=1) + timedelta(days=32)).replace(day=1, hour=0, minute=0)
        parts.append((since, min(following - _MINUTE, until)))
        since = following
    return parts


def _halves(span: Slice) -> list[tuple[str, str]]:
    since, until = _parse(span.since), _parse(span.until)
    middle = (since + (until - since) / 2).replace(second=0, microsecond=0)
    return [(span.since, _format(middle)), (_format(middle + _MINUTE), span.until)]


def _parse(stamp: str) -> datetime:
    return datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC)


def _format(moment: datetime) -> str:
    return moment.strftime(_STAMP)
