"""The query API: the answer to a query string, as the feed that arXiv has sent since November 2025 or before it."""

import base64
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from urllib.parse import quote
from xml.sax.saxutils import escape

from tests.fake_arxiv.papers import FakePaper
from tests.fake_arxiv.search import Catalogue, QueryError, parse_query, written

Dialect = Literal["2026", "2025"]

ATOM = "application/atom+xml; charset=utf-8"
ID = re.compile(r"(?:\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7})(?:v[1-9]\d*)?")
SORTS, ORDERS = ("relevance", "lastUpdatedDate", "submittedDate"), ("ascending", "descending")
_SCHEME = 'scheme="http://arxiv.org/schemas/atom"'


class AtomError(ValueError):
    """What arXiv answers with status 400: `message` in a feed of one entry."""


class OutsideWindowError(ValueError):
    """Beyond the result window, for which the public code has no handler: status 500."""


@dataclass(frozen=True)
class Ask:
    """The parameters of a query as they were read."""

    search_query: str
    id_list: str
    start: int
    max_results: int
    sort_by: str
    order: str

    @property
    def text(self) -> str:
        """The parameters as the feed repeats them."""
        query = written(parse_query(self.search_query)) if self.search_query else ""
        return f"search_query={query}&id_list={self.id_list}&start={self.start}&max_results={self.max_results}"


@dataclass(frozen=True)
class Page:
    """What a feed says: a total and some papers, each with the version that was asked for."""

    total: int
    papers: Sequence[tuple[FakePaper, int]]
    undated: int = -1  # the entry whose published element is missing, by a fault


def read_ask(values: Mapping[str, str]) -> Ask:
    """Return the parameters, checked in arXiv's order and refused in its words."""
    ids = values.get("id_list", "")
    for name in ids.split(",") if ids else []:
        if not ID.fullmatch(name):
            raise AtomError(f"incorrect id format for {name}")
    size, start = _number(values, "max_results", 10), _number(values, "start", 0)
    sort_by, order = values.get("sortBy", "relevance"), values.get("sortOrder", "descending")
    if sort_by not in SORTS:
        raise AtomError(f"sortBy must be in: {', '.join(SORTS)}")
    if order not in ORDERS:
        raise AtomError(f"sortOrder must be in: {', '.join(ORDERS)}")
    query = values.get("search_query", "").strip()
    if not query and not ids:
        raise AtomError("Either a search_query or id_list must be specified for the classic API.")
    try:
        if query:
            parse_query(query)
    except QueryError:
        raise AtomError(f"Invalid query string: '{query}'") from None
    return Ask(query, ids, start, size, sort_by, order)


def _number(values: Mapping[str, str], name: str, default: int) -> int:
    try:
        number = int(values.get(name, default))
    except ValueError:
        raise AtomError(f"{name} must be an integer") from None
    if number < 0:
        raise AtomError(f"{name} must be non-negative")
    return number


def find_page(catalogue: Catalogue, ask: Ask, *, window: int, most: int, dialect: Dialect, back: int = 0) -> Page:
    """Return the page asked for, `most` papers at most; `back` lets it begin that many papers too early.

    The window's test is the server's own: 1 + round(start / size) pages must lie within it, and a size of 0 fails.
    """
    size = ask.max_results
    if size == 0 or 1 + round(ask.start / size) > window // size:
        raise OutsideWindowError
    rows = catalogue.search(ask.search_query, ask.id_list, ask.sort_by, ask.order)
    versions = dict(re.findall(r"([^,]+)v(\d+)(?:,|$)", ask.id_list))
    start = max(0, ask.start - back)
    found = [(paper, int(versions.get(paper.id, paper.versions))) for paper in rows[start : start + min(size, most)]]
    found = [(paper, version) for paper, version in found if version <= paper.versions]
    total = len(rows)
    if dialect == "2025" and ask.id_list and not ask.search_query:
        total = len(ask.id_list.split(","))  # unknown ids were counted too
    return Page(total, found)


def render_feed(page: Page, ask: Ask, now: datetime, dialect: Dialect) -> bytes:
    """Return the feed of a page."""
    return (_new_feed if dialect == "2026" else _old_feed)(page, ask, now).encode()


def render_error(message: str, now: datetime) -> bytes:
    """Return the feed of one entry that says what was wrong; an entry without a published element."""
    link = f"https://arxiv.org/api/errors#{escape(message.replace(' ', '_'), {chr(34): '&quot;'})}"
    return f"""<?xml version='1.0' encoding='UTF-8'?>
<feed xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/" xmlns:arxiv="http://arxiv.org/schemas/atom"\
 xmlns="http://www.w3.org/2005/Atom">
  <id>https://arxiv.org/</id>
  <title>arXiv Search Results</title>
  <updated>{now:%Y-%m-%dT%H:%M:%SZ}</updated>
  <opensearch:itemsPerPage>1</opensearch:itemsPerPage>
  <opensearch:totalResults>1</opensearch:totalResults>
  <opensearch:startIndex>0</opensearch:startIndex>
  <entry>
    <id>{link}</id>
    <title>Error</title>
    <updated>{now:%Y-%m-%dT%H:%M:%SZ}</updated>
    <link href="{link}" rel="alternate" type="text/html"/>
    <summary>{escape(message)}</summary>
    <author>
      <name>arXiv api core</name>
    </author>
  </entry>
</feed>
""".encode()


def _hash(text: str) -> str:
    return base64.b64encode(hashlib.sha1(text.encode()).digest()).decode().rstrip("=")


def _new_feed(page: Page, ask: Ask, now: datetime) -> str:
    text = ask.text
    parts = re.match(r"(.*)&id_list=(.*?)(&start=.*)", text, re.DOTALL)
    assert parts
    href = escape(f"https://arxiv.org/api/query?{parts[1]}{parts[3]}&id_list={parts[2]}", {'"': "&quot;"})
    entries = "".join(
        _new_entry(paper, version, index != page.undated) for index, (paper, version) in enumerate(page.papers)
    )
    return f"""<?xml version='1.0' encoding='UTF-8'?>
<feed xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/" xmlns:arxiv="http://arxiv.org/schemas/atom"\
 xmlns="http://www.w3.org/2005/Atom">
  <id>https://arxiv.org/api/{_hash(text)}</id>
  <title>arXiv Query: {escape(text)}</title>
  <updated>{now:%Y-%m-%dT%H:%M:%SZ}</updated>
  <link href="{href}" type="application/atom+xml"/>
  <opensearch:itemsPerPage>{ask.max_results}</opensearch:itemsPerPage>
  <opensearch:totalResults>{page.total}</opensearch:totalResults>
  <opensearch:startIndex>{ask.start}</opensearch:startIndex>
{entries}</feed>
"""


def _stamp(moment: datetime) -> str:
    """`2024-01-31T12:00:00Z`; strftime would take half the time of a page."""
    return moment.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def _new_entry(paper: FakePaper, version: int, dated: bool) -> str:
    name = f"{paper.id}v{version}"
    categories = "".join(f'    <category term="{category}" {_SCHEME}/>\n' for category in paper.categories)
    published = f"    <published>{_stamp(paper.published)}</published>\n" if dated else ""
    comment = f"    <arxiv:comment>{escape(paper.comment)}</arxiv:comment>\n" if paper.comment else ""
    journal = f"    <arxiv:journal_ref>{escape(paper.journal_ref)}</arxiv:journal_ref>\n" if paper.journal_ref else ""
    authors = "".join(f"    <author>\n      <name>{escape(author)}</name>\n    </author>\n" for author in paper.authors)
    doi = (
        f"    <arxiv:doi>{escape(paper.doi)}</arxiv:doi>\n"
        f'    <link rel="related" href="https://doi.org/{escape(paper.doi)}" title="doi"/>\n'
        if paper.doi
        else ""
    )
    return f"""  <entry>
    <id>http://arxiv.org/abs/{name}</id>
    <title>{escape(paper.title)}</title>
    <updated>{_stamp(paper.version_date(version))}</updated>
    <link href="https://arxiv.org/abs/{name}" rel="alternate" type="text/html"/>
    <link href="https://arxiv.org/pdf/{name}" rel="related" type="application/pdf" title="pdf"/>
    <summary>{escape(paper.abstract)}</summary>
{categories}{published}{comment}    <arxiv:primary_category term="{paper.categories[0]}"/>
{journal}{authors}{doi}  </entry>
"""


def _old_feed(page: Page, ask: Ask, now: datetime) -> str:
    """The wire until November 2025: other prologue and title, a self link, and `updated` at midnight in Ithaca."""
    text = ask.text
    entries = "".join(
        _old_entry(paper, version, index != page.undated) for index, (paper, version) in enumerate(page.papers)
    )
    opensearch = 'xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/"'
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom">
  <link href="http://arxiv.org/api/query?{escape(quote(text, safe="=&"))}" rel="self" type="application/atom+xml"/>
  <title type="html">ArXiv Query: {escape(text)}</title>
  <id>http://arxiv.org/api/{_hash(text)}</id>
  <updated>{now - timedelta(hours=4):%Y-%m-%d}T00:00:00-04:00</updated>
  <opensearch:totalResults {opensearch}>{page.total}</opensearch:totalResults>
  <opensearch:startIndex {opensearch}>{ask.start}</opensearch:startIndex>
  <opensearch:itemsPerPage {opensearch}>{ask.max_results}</opensearch:itemsPerPage>
{entries}</feed>
"""


def _old_entry(paper: FakePaper, version: int, dated: bool) -> str:
    name, arxiv = f"{paper.id}v{version}", 'xmlns:arxiv="http://arxiv.org/schemas/atom"'
    published = f"    <published>{_stamp(paper.published)}</published>\n" if dated else ""
    authors = "".join(f"    <author>\n      <name>{escape(author)}</name>\n    </author>\n" for author in paper.authors)
    extras = "".join(
        f"    <arxiv:{tag} {arxiv}>{escape(value)}</arxiv:{tag}>\n"
        for tag, value in (("doi", paper.doi), ("comment", paper.comment), ("journal_ref", paper.journal_ref))
        if value
    )
    doi = f'    <link title="doi" href="http://dx.doi.org/{escape(paper.doi)}" rel="related"/>\n' if paper.doi else ""
    categories = "".join(f'    <category term="{category}" {_SCHEME}/>\n' for category in paper.categories)
    return f"""  <entry>
    <id>http://arxiv.org/abs/{name}</id>
    <updated>{_stamp(paper.version_date(version))}</updated>
{published}    <title>{escape(paper.title)}</title>
    <summary>{escape(paper.abstract)}
</summary>
{authors}{extras}{doi}    <link href="http://arxiv.org/abs/{name}" rel="alternate" type="text/html"/>
    <link title="pdf" href="http://arxiv.org/pdf/{name}" rel="related" type="application/pdf"/>
    <arxiv:primary_category {arxiv} term="{paper.categories[0]}" {_SCHEME}/>
{categories}  </entry>
"""
