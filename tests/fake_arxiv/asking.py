"""What tests of the fake arXiv, and tests with it, share: a clock, a small server, and one request at a time."""

import http.client
import re
from datetime import UTC, date, datetime
from urllib.parse import urlencode, urlsplit

from lxml import etree

from tests.fake_arxiv.faults import Endpoint, Fault, FaultScript, Nth, Rule
from tests.fake_arxiv.papers import make_corpus
from tests.fake_arxiv.server import FakeArxiv

ATOM, OPENSEARCH = "{http://www.w3.org/2005/Atom}", "{http://a9.com/-/spec/opensearch/1.1/}"
OAI = "{http://www.openarchives.org/OAI/2.0/}"
START, UNTIL = date(2024, 1, 1), date(2024, 6, 30)
SORTED = {"sortBy": "submittedDate", "sortOrder": "ascending"}
ALL = {"search_query": "submittedDate:[202401010000 TO 202412312359]", **SORTED}


class VirtualClock:
    """A clock that stands still until somebody sleeps."""

    def __init__(self) -> None:
        self.now = datetime(2026, 4, 12, 22, 9, 26, tzinfo=UTC).timestamp()

    def time(self) -> float:
        """Seconds since 1970."""
        return self.now

    def sleep(self, seconds: float) -> None:
        """Let time pass at once."""
        self.now += seconds


def a_fake(n: int = 240, *, script: FaultScript | None = None, **options: object) -> FakeArxiv:
    """A server of `n` papers by a virtual clock, which waits almost not at all in earnest either."""
    papers = make_corpus(n, 1, START, UNTIL, content_share=0.05)
    return FakeArxiv(papers, **{"clock": VirtualClock(), "script": script, "pace": 0.05, **options})  # type: ignore[arg-type]


def one_fault(fault: Fault, endpoint: Endpoint = "*") -> FaultScript:
    """A script of that fault, once, at the first request."""
    return FaultScript((Rule(endpoint, fault, Nth(1)),))


def get(url: str, headers: dict[str, str] | None = None, method: str = "GET") -> tuple[http.client.HTTPResponse, bytes]:
    """The response and its body, on a connection of its own and without following anything."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=60)
    try:
        connection.request(method, f"{parts.path}?{parts.query}" if parts.query else parts.path, headers=headers or {})
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def query(arxiv: FakeArxiv, **values: object) -> etree._Element:
    """The feed that the query API answers with."""
    return etree.fromstring(get(f"{arxiv.api_url}?{urlencode(values)}")[1])


def oai(arxiv: FakeArxiv, **values: str) -> etree._Element:
    """The document that OAI-PMH answers with; `from_` stands for from."""
    asked = {name.rstrip("_"): value for name, value in values.items()}
    return etree.fromstring(get(f"{arxiv.oai_url}?{urlencode(asked)}")[1])


def ids(feed: etree._Element) -> list[str]:
    """The ids of a feed's papers, without their versions."""
    return [re.sub(r".*/abs/|v\d+$", "", found.text) for found in feed.iterfind(f"{ATOM}entry/{ATOM}id")]


def total(feed: etree._Element) -> int:
    """What the feed says is there in all."""
    return int(feed.findtext(f"{OPENSEARCH}totalResults"))
