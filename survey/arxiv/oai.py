"""OAI-PMH: every record of a set that changed since a day, page by page, until the server says that it was the last.

Selection is by the day of the last change, so a window on version 1's date asks for all changes since its beginning
and keeps the papers that were first submitted inside it. There is no total; a harvest is complete when the last page
says so, and never because a page is empty or broken (openarchives.org/OAI/openarchivesprotocol.html, section 3.5).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from email.utils import parsedate_to_datetime
from xml.etree import ElementTree

from posttrain.errors import ConfigurationError
from survey.arxiv.ledger import Ledger, Slice, State
from survey.arxiv.listed import Listed, one_line
from survey.arxiv.transport import FaultyReplyError, Reply, Transport
from survey.fulltext.notices import is_withdrawn
from survey.paper import find_arxiv_id

SOURCE = "oai"
FIRST_DAY = date(2005, 9, 16)  # arXiv's earliest datestamp
_OAI = "{http://www.openarchives.org/OAI/2.0/}"
_RAW = "{http://arxiv.org/OAI/arXivRaw/}"


@dataclass(frozen=True)
class _Page:
    papers: list[Listed]
    withdrawn: set[str]
    last_day: str  # the newest datestamp on the page
    token: str  # "" on the last page
    expired: bool
    fetched_at: str


def set_of(category: str) -> str:
    """Return the OAI set of a category: cs.CL is cs:cs:CL, cs is cs, hep-th is physics:hep-th."""
    archive, _, subject = category.partition(".")
    group = archive if archive in _OWN_GROUPS else "physics"
    if subject:
        return f"{group}:{archive}:{subject}"
    return archive if group == archive else f"{group}:{archive}"


_OWN_GROUPS = {"cs", "econ", "eess", "math", "q-bio", "q-fin", "stat"}


def plan(ledger: Ledger, query: str, since: date, until: date) -> None:
    """Add one slice for each category (or for all of arXiv) from where the last complete harvest of it ended."""
    for category in query.split() or [""]:
        done = [span for span in ledger.slices(SOURCE, category) if span.state is State.DONE]
        waiting = [span for span in ledger.slices(SOURCE, category) if span.state is State.WAITING]
        start = max(since, FIRST_DAY)
        if any(date.fromisoformat(span.since) <= start for span in done):
            # changes of the last day asked for may have come in after it
            start = max(start, *(date.fromisoformat(span.fetched_at[:10]) for span in done))
        if not waiting:
            ledger.add_slices(SOURCE, category, [(start.isoformat(), until.isoformat())], start="")


def harvest(
    ledger: Ledger,
    transport: Transport,
    url: str,
    query: str,
    keep: Callable[[Listed], bool],
    advance: Callable[[], None],
) -> None:
    """Ask for the waiting slice of each category of `query`; of its papers, list those that `keep` takes."""
    for category in query.split() or [""]:
        for span in ledger.slices(SOURCE, category):
            if span.state in (State.WAITING, State.INCOMPLETE):
                try:
                    _harvest_slice(ledger, transport, url, span, keep, advance)
                except FaultyReplyError as error:
                    ledger.finish(span, State.INCOMPLETE, str(error))


def _harvest_slice(
    ledger: Ledger,
    transport: Transport,
    url: str,
    span: Slice,
    keep: Callable[[Listed], bool],
    advance: Callable[[], None],
) -> None:
    # `next` holds the newest day so far and the token: an expired token is replaced by a request from that day.
    day, _, token = span.next.partition(" ")
    while True:
        page = _get_page(transport, url, span, day or span.since, token)
        advance()
        if page.expired:
            token = ""
            continue
        day, token = page.last_day or day, page.token
        papers = [paper for paper in page.papers if keep(paper)]
        ledger.add_page(span, papers, None, f"{day} {token}", page.fetched_at, page.withdrawn)
        if not token:
            ledger.finish(span, State.DONE, expected=ledger.got(span))
            return


def _get_page(transport: Transport, url: str, span: Slice, since: str, token: str) -> _Page:
    first = {"verb": "ListRecords", "metadataPrefix": "arXivRaw", "from": since}
    if span.query:
        first["set"] = set_of(span.query)
    asked = {"verb": "ListRecords", "resumptionToken": token} if token else first
    empties = 0

    def read(reply: Reply) -> _Page:
        nonlocal empties
        page = read_page(reply, bool(token))
        if not page.papers and not page.token and not page.expired:
            empties += 1
            if token or empties == 1:  # a wrong "no records" looks like a right one, so it is asked for twice
                raise FaultyReplyError("no records")
        return page

    return transport.get(url, asked, read)


def read_page(reply: Reply, continued: bool) -> _Page:
    """Return the records of a ListRecords page. Raises FaultyReplyError where it is not whole, and ConfigurationError
    for an error of the protocol that a second request would not change.
    """
    if b"<!DOCTYPE" in reply.body[:2000] or b"<!ENTITY" in reply.body[:2000]:
        raise FaultyReplyError("a page with a document type; OAI-PMH has none (an HTML page or an attack)")
    try:
        root = ElementTree.fromstring(reply.body)
    except ElementTree.ParseError as error:
        raise FaultyReplyError(f"not whole XML: {error}") from error
    if root.tag != f"{_OAI}OAI-PMH":
        raise FaultyReplyError(f"not an OAI-PMH reply: its root is {root.tag}")
    refusal = root.find(f"{_OAI}error")
    if refusal is not None:
        return _read_error(refusal.get("code", ""), refusal.text or "", reply)
    token = root.find(f"{_OAI}ListRecords/{_OAI}resumptionToken")
    if root.find(f"{_OAI}ListRecords") is None or (continued and token is None):
        raise FaultyReplyError("neither a token nor the empty token that ends a list")
    papers, withdrawn, days = [], set[str](), []
    for record in root.iterfind(f"{_OAI}ListRecords/{_OAI}record"):
        header = record.find(f"{_OAI}header")
        if header is None:
            raise FaultyReplyError("a record without a header")
        days.append(header.findtext(f"{_OAI}datestamp", ""))
        if header.get("status") != "deleted":
            papers.append(_listed(record))
            withdrawn |= {papers[-1].arxiv_id} if _is_withdrawn(record) else set()
    after = (token.text or "") if token is not None else ""
    return _Page(papers, withdrawn, max(days, default=""), after, False, reply.fetched_at)


def _read_error(code: str, text: str, reply: Reply) -> _Page:
    if code == "noRecordsMatch":
        return _Page([], set(), "", "", False, reply.fetched_at)
    if code == "badResumptionToken":
        return _Page([], set(), "", "", True, reply.fetched_at)
    raise ConfigurationError(
        f"arXiv refuses the request: {code}: {text.strip()}", f"check the options; asked was {reply.url}"
    )


def _is_withdrawn(record: ElementTree.Element) -> bool:
    """Say whether a record is of a withdrawn paper: by its comments, or by the source type of its last version."""
    raw = record.find(f"{_OAI}metadata/{_RAW}arXivRaw")
    if raw is None:
        return False
    types = [version.findtext(f"{_RAW}source_type", "") for version in raw.iterfind(f"{_RAW}version")]
    return "I" in types[-1:] or is_withdrawn(raw.findtext(f"{_RAW}comments", ""))  # I: the source is to be ignored


def _listed(record: ElementTree.Element) -> Listed:
    raw = record.find(f"{_OAI}metadata/{_RAW}arXivRaw")
    if raw is None:
        raise FaultyReplyError("a record without arXivRaw metadata")
    versions = {v.get("version", ""): v.findtext(f"{_RAW}date", "") for v in raw.iterfind(f"{_RAW}version")}
    arxiv_id = find_arxiv_id(raw.findtext(f"{_RAW}id", ""))
    if arxiv_id is None or "v1" not in versions:
        raise FaultyReplyError(f"a record without an id or a first version: {raw.findtext(f'{_RAW}id', '')}")
    return Listed(
        arxiv_id.id,
        max(int(name[1:]) for name in versions if name[1:].isdigit()),
        one_line(raw.findtext(f"{_RAW}title", "")),
        one_line(raw.findtext(f"{_RAW}abstract", "")),
        tuple(dict.fromkeys(raw.findtext(f"{_RAW}categories", "").split())),
        parsedate_to_datetime(versions["v1"]).date(),
        raw.findtext(f"{_RAW}license"),
    )
