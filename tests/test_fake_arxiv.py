"""The fake arXiv answers as the recorded one did: feeds, OAI-PMH, content; and its journal tells the truth."""

import http.client
import io
import json
import re
import tarfile
import urllib.error
import urllib.request
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from itertools import groupby
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pytest
from lxml import etree

from tests.fake_arxiv.asking import (
    ALL,
    ATOM,
    OAI,
    OPENSEARCH,
    SORTED,
    START,
    UNTIL,
    VirtualClock,
    a_fake,
    get,
    ids,
    oai,
    query,
    total,
)
from tests.fake_arxiv.papers import FakePaper, make_corpus
from tests.fake_arxiv.server import FakeArxiv

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])

ROOT = Path(__file__).resolve().parent.parent


# Shapes


def signature(element: etree._Element) -> tuple[str, tuple[str, ...], tuple[object, ...]]:
    """Tag, names of the attributes in order, and children; a run of equal ones counts once."""
    children = [key for key, _ in groupby(signature(child) for child in element)]
    return element.tag, tuple(element.attrib), tuple(children)


def recorded(corpora: Path, name: str) -> tuple[bytes, etree._Element, int]:
    """A recorded body, the same parsed, and its status."""
    (path,) = (corpora / "papers/B_metadata/arxiv_atom").glob(f"{name}_*.json")
    reply = json.loads(path.read_text())
    return reply["body"].encode(), etree.fromstring(reply["body"].encode()), reply["status_code"]


@pytest.mark.corpus
def test_a_feed_has_the_recorded_shape(corpora: Path) -> None:
    """Same prologue, namespaces in the same order, same elements with the same attributes, entry by entry."""
    body, theirs, _ = recorded(corpora, "q_testing_s0_m100")
    with a_fake(clock=VirtualClock()) as arxiv:
        raw = get(f"{arxiv.api_url}?{urlencode({'search_query': 'all:models', 'max_results': 100})}")[1]
    ours = etree.fromstring(raw)
    assert raw.splitlines()[:2] == body.splitlines()[:2]
    assert [signature(child) for child in ours[:7]] == [signature(child) for child in theirs[:7]]
    known = {signature(entry) for entry in theirs.iterfind(f"{ATOM}entry")}
    entries = [entry for entry in ours.iterfind(f"{ATOM}entry") if b"comment" in etree.tostring(entry)]
    assert len(entries) > 50
    assert {signature(entry) for entry in entries} <= known


@pytest.mark.corpus
def test_an_unknown_id_gives_the_recorded_feed(corpora: Path) -> None:
    """Word for word: id (a hash of the query), title, time, link, numbers; and the total is 0."""
    body, _, _ = recorded(corpora, "id_0000.0000_s0")
    with a_fake() as arxiv:
        url = f"{arxiv.api_url}?search_query=&id_list=0000.0000&sortBy=relevance&start=0&max_results=100"
        assert get(url)[1] == body


@pytest.mark.corpus
def test_an_error_gives_the_recorded_feed(corpora: Path) -> None:
    """Word for word but for the time, with status 400 and without a published element."""
    body, _, code = recorded(corpora, "id_abc")
    with a_fake() as arxiv:
        response, ours = get(f"{arxiv.api_url}?id_list=abc")
    stamps = re.compile(rb"<updated>[^<]*")
    assert stamps.sub(b"", ours) == stamps.sub(b"", body)
    assert response.status == code == 400
    assert response.headers["Content-Type"] == "application/atom+xml; charset=utf-8"


@pytest.mark.corpus
def test_a_record_has_the_recorded_shape(corpora: Path) -> None:
    """Header and metadata of the arXiv format as they were harvested; only the sets have one level more since 2025."""
    path = corpora / "papers/B_metadata/oai_pmh/hepcrawl_arxiv-physics-hep-th.xml"
    theirs = etree.parse(path).getroot()
    (paper,) = make_corpus(1, 1, START, UNTIL)
    paper = replace(paper, versions=2, comment="9 pages", doi=None, journal_ref=None, categories=("hep-th",))
    with FakeArxiv([paper], clock=VirtualClock()) as arxiv:
        ours = oai(arxiv, verb="ListRecords", metadataPrefix="arXiv")
    assert ours.nsmap == theirs.nsmap
    assert [child.tag for child in ours] == [child.tag for child in theirs]
    record = theirs.find(f".//{OAI}record")
    assert signature(ours.find(f".//{OAI}record")) == signature(record)


# The query API


def test_date_ends_are_inclusive() -> None:
    """Both minutes count in full, so that neighbouring slices share one."""
    moments = [datetime(2024, 3, 1, 10, minute, second, tzinfo=UTC) for minute in (0, 1, 2) for second in (0, 59)]
    (paper,) = make_corpus(1, 1, START, UNTIL)
    papers = [replace(paper, id=f"2403.0000{n}", published=moment) for n, moment in enumerate(moments)]
    with FakeArxiv(papers, clock=VirtualClock()) as arxiv:

        def asked(low: str, high: str) -> list[str]:
            return ids(query(arxiv, search_query=f"submittedDate:[{low} TO {high}]", **SORTED))

        assert asked("202403011001", "202403011001") == ["2403.00002", "2403.00003"]
        assert asked("202403011000", "202403011001") == ["2403.00000", "2403.00001", "2403.00002", "2403.00003"]
        assert asked("202403011003", "202403011001") == []


def test_the_language_of_queries() -> None:
    """Brackets, AND, OR, ANDNOT, words in fields, ids; and the feed repeats what it understood."""
    with a_fake() as arxiv:
        papers = arxiv.papers

        def found(text: str, **more: str) -> set[str]:
            return set(ids(query(arxiv, search_query=text, max_results=500, **more)))

        march = "submittedDate:[202403010000 TO 202403312359]"
        either = {p.id for p in papers if {"cs.CL", "cs.LG"} & set(p.categories)}
        in_march = {p.id for p in papers if p.published.month == 3}
        assert found(f"(cat:cs.CL OR cat:cs.LG) AND {march}") == either & in_march
        assert found(f"{march} ANDNOT (cat:cs.CL OR cat:cs.LG)") == in_march - either
        assert found('ti:"reward models"') == {p.id for p in papers if "reward models" in p.title}
        assert found("all:PLANNING") == {p.id for p in papers if "planning" in p.title + p.abstract}
        assert found(f"{march}", id_list=",".join(p.id for p in papers[-3:] + papers[:1])) == set()
        title = query(arxiv, search_query="planning", max_results=1).findtext(f"{ATOM}title")
        assert title == "arXiv Query: search_query=all:planning&id_list=&start=0&max_results=1"


def test_versions_by_id() -> None:
    """An id alone gives the last version, an id with v1 gives the first with its date; the order is the list's."""
    with a_fake() as arxiv:
        paper = next(p for p in arxiv.papers if p.versions > 2)
        other = arxiv.papers[-1]
        feed = query(arxiv, id_list=f"{other.id},{paper.id}v1")
        entry = feed.findall(f"{ATOM}entry")[1]
        assert ids(feed) == [other.id, paper.id]
        assert entry.findtext(f"{ATOM}id").endswith(f"{paper.id}v1")
        assert entry.findtext(f"{ATOM}updated") == entry.findtext(f"{ATOM}published")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"search_query": "all:x", "max_results": "ten"}, "max_results must be an integer"),
        ({"search_query": "all:x", "max_results": "-1"}, "max_results must be non-negative"),
        ({"search_query": "all:x", "start": "x"}, "start must be an integer"),
        ({"search_query": "all:x", "start": "-1"}, "start must be non-negative"),
        ({"search_query": "all:x", "sortBy": "age"}, "sortBy must be in: relevance, lastUpdatedDate, submittedDate"),
        ({"search_query": "all:x", "sortOrder": "up"}, "sortOrder must be in: ascending, descending"),
        ({"search_query": "(all:x"}, "Invalid query string: '(all:x'"),
        ({"search_query": "submittedDate:[2024 TO 2025]"}, "Invalid query string: 'submittedDate:[2024 TO 2025]'"),
        ({}, "Either a search_query or id_list must be specified for the classic API."),
    ],
)
def test_a_bad_query_is_explained(values: dict[str, str], message: str) -> None:
    """Status 400 and the words of arXiv."""
    with a_fake(1) as arxiv:
        assert get(f"{arxiv.api_url}?{urlencode(values)}")[0].status == 400
        assert query(arxiv, **values).findtext(f"{ATOM}entry/{ATOM}summary") == message


def test_the_window_ends_paging() -> None:
    """Within the window every page comes, beyond it a 500 page of HTML; itemsPerPage repeats what was asked."""
    with a_fake(window=100, api_page=40) as arxiv:
        feed = query(arxiv, **ALL, start=60, max_results=20)
        assert (len(ids(feed)), total(feed)) == (20, 240)
        assert feed.findtext(f"{OPENSEARCH}itemsPerPage") == "20"
        assert len(ids(query(arxiv, **ALL, max_results=50))) == 40
        for start, size in ((100, 20), (100, 50), (0, 101), (0, 0)):
            response, body = get(f"{arxiv.api_url}?{urlencode({**ALL, 'start': start, 'max_results': size})}")
            assert (response.status, body[:15]) == (500, b"<!DOCTYPE html>")


def test_the_old_dialect() -> None:
    """Until November 2025: another title and prologue, a self link, midnight in Ithaca, unknown ids counted."""
    with a_fake(dialect="2025") as arxiv:
        raw = get(f"{arxiv.api_url}?id_list=0000.0000&max_results=5")[1]
        feed = etree.fromstring(raw)
        assert raw.startswith(b'<?xml version="1.0" encoding="UTF-8"?>')
        assert feed.findtext(f"{ATOM}title").startswith("ArXiv Query: search_query=&id_list=0000.0000")
        assert feed.find(f"{ATOM}link").get("rel") == "self"
        assert feed.findtext(f"{ATOM}updated") == "2026-04-12T00:00:00-04:00"
        assert (total(feed), ids(feed)) == (1, [])
        assert len(ids(query(arxiv, **ALL, max_results=50))) == 50


# OAI-PMH


def harvest(arxiv: FakeArxiv, **values: str) -> list[tuple[list[tuple[str, str]], str | None]]:
    """Every page's ids with datestamps, and its token: None where there is no element."""
    pages = []
    while True:
        root = oai(arxiv, **values)
        headers = [
            (header.findtext(f"{OAI}identifier").removeprefix("oai:arXiv.org:"), header.findtext(f"{OAI}datestamp"))
            for header in root.iter(f"{OAI}header")
        ]
        token = root.find(f".//{OAI}resumptionToken")
        pages.append((headers, None if token is None else token.text or ""))
        if not pages[-1][1]:
            return pages
        assert set(token.attrib) == {"expirationDate"}  # neither cursor nor completeListSize
        values = {"verb": values["verb"], "resumptionToken": pages[-1][1]}


def test_tokens_lead_through_everything() -> None:
    """Pages of 30, also through the day on which a job touched more papers than that; the last token is empty."""
    papers = make_corpus(240, 1, START, UNTIL, bulk_share=0.4)
    with FakeArxiv(papers, clock=VirtualClock(), oai_page=30) as arxiv:
        pages = harvest(arxiv, verb="ListRecords", metadataPrefix="arXivRaw", from_="2024-01-01")
        assert [len(headers) for headers, _ in pages] == [30] * 8
        assert sorted(name for headers, _ in pages for name, _ in headers) == sorted(p.id for p in papers)
        assert pages[-1][1] == ""
        assert re.fullmatch(r"[\w%.-]+skip%3D\d+", str(pages[0][1])), "quoted twice: it must be quoted again"
        assert "from%3D2024-07-30" in str(pages[-2][1]) and "skip%3D" in str(pages[-2][1])


def test_a_single_page_has_no_token() -> None:
    """Not even an empty one."""
    with a_fake(20) as arxiv:
        assert harvest(arxiv, verb="ListIdentifiers", metadataPrefix="arXiv")[0][1] is None


def test_dates_and_sets_select_by_datestamp() -> None:
    """From and until are inclusive days of modification; a set is a group, an archive or a category."""
    with a_fake() as arxiv:
        day = sorted(p.datestamp for p in arxiv.papers)[100].isoformat()
        same = {p.id for p in arxiv.papers if p.datestamp.isoformat() == day}
        asked = {"verb": "ListIdentifiers", "metadataPrefix": "arXiv"}
        ((headers, _),) = harvest(arxiv, **asked, from_=day, until=day)
        assert {name for name, _ in headers} == same
        for spec, category in (("cs:cs:CL", "cs.CL"), ("physics:quant-ph", "quant-ph"), ("eess", "eess.AS")):
            ((headers, _),) = harvest(arxiv, **asked, set=spec)
            assert {name for name, _ in headers} == {p.id for p in arxiv.papers if category in p.categories}


@pytest.mark.parametrize(
    ("values", "code", "text"),
    [
        ({"verb": "Steal"}, "badVerb", "verb"),
        ({"verb": "ListRecords"}, "badArgument", "metadataPrefix required"),
        ({"verb": "ListRecords", "metadataPrefix": "marc"}, "cannotDisseminateFormat", "Reason: Did not recognize"),
        (
            {"verb": "ListRecords", "metadataPrefix": "arXiv", "from": "2005-01-01"},
            "badArgument",
            "start date too early",
        ),
        ({"verb": "ListRecords", "metadataPrefix": "arXiv", "from": "2024"}, "badArgument", "YYYY-MM-DD"),
        ({"verb": "ListRecords", "metadataPrefix": "arXiv", "until": "2005-09-16"}, "noRecordsMatch", "empty list"),
        ({"verb": "ListRecords", "metadataPrefix": "arXiv", "set": "magic"}, "badArgument", "Set does not exist"),
        ({"verb": "ListRecords", "resumptionToken": "x"}, "badResumptionToken", "invalid or expired"),
        ({"verb": "ListRecords", "resumptionToken": "x", "metadataPrefix": "arXiv"}, "badArgument", "Unallowed"),
        (
            {"verb": "GetRecord", "metadataPrefix": "arXiv", "identifier": "oai:arXiv.org:0"},
            "idDoesNotExist",
            "unknown",
        ),
    ],
)
def test_errors_of_oai_come_with_200(values: dict[str, str], code: str, text: str) -> None:
    """In the document, whose request element repeats nothing where the request made no sense."""
    with a_fake(3) as arxiv:
        response, _ = get(f"{arxiv.oai_url}?{urlencode(values)}")
        root = oai(arxiv, **values)
    error = root.find(f"{OAI}error")
    assert (response.status, response.headers["Content-Type"]) == (200, "text/xml")
    assert error.get("code") == code and text in error.text
    bare = code in {"badVerb", "badArgument", "badResumptionToken"}
    assert bool(root.find(f"{OAI}request").attrib) != bare


def test_the_other_verbs() -> None:
    """Identify, ListSets, ListMetadataFormats, and one record in each format; POST is as good as GET."""
    with a_fake(30) as arxiv:
        assert oai(arxiv, verb="Identify").findtext(f".//{OAI}earliestDatestamp") == "2005-09-16"
        sets = [found.text for found in oai(arxiv, verb="ListSets").iter(f"{OAI}setSpec")]
        assert {"cs", "cs:cs", "cs:cs:CL"} <= set(sets)
        prefixes = [found.text for found in oai(arxiv, verb="ListMetadataFormats").iter(f"{OAI}metadataPrefix")]
        assert prefixes == ["oai_dc", "arXiv", "arXivRaw"]
        paper = next(p for p in arxiv.papers if p.versions > 2)
        for prefix in prefixes:
            root = oai(arxiv, verb="GetRecord", metadataPrefix=prefix, identifier=f"oai:arXiv.org:{paper.id}")
            assert paper.title in "".join(root.itertext())
            versions = [element for element in root.iter() if element.tag.endswith("}version")]
            assert len(versions) == (paper.versions if prefix == "arXivRaw" else 0)
        with urllib.request.urlopen(arxiv.oai_url, b"verb=Identify") as response:
            assert b"<repositoryName>arXiv" in response.read()


# Content


def content_fake(**options: object) -> tuple[FakeArxiv, FakePaper]:
    """A server of one paper with a source of two versions."""
    (paper,) = make_corpus(1, 1, START, UNTIL, content_share=1)
    paper = replace(paper, versions=2)
    return FakeArxiv([paper], clock=VirtualClock(), **options), paper  # type: ignore[arg-type]


def test_a_source_is_served_as_it_is_stored() -> None:
    """In chunks, without a length, as gzip, under a name with its version; HEAD gives the length."""
    fake, paper = content_fake()
    with fake as arxiv:
        response, body = get(f"{arxiv.content_url}/src/{paper.id}")
        head, nothing = get(f"{arxiv.content_url}/src/{paper.id}v1", method="HEAD")
    assert body == paper.source
    with tarfile.open(fileobj=io.BytesIO(body)) as archive:
        assert archive.getnames() == ["main.tex", "old/main.tex", "00README.XXX"]
    assert response.headers["Transfer-Encoding"] == "chunked" and "Content-Length" not in response.headers
    assert response.headers["Content-Type"] == "application/gzip"
    assert response.headers["Content-Disposition"] == f'attachment; filename="arXiv-{paper.id}v2.tar.gz"'
    assert head.headers["Content-Disposition"].endswith('v1.tar.gz"')
    assert (head.headers["Content-Length"], nothing) == (str(len(body)), b"")
    assert parsedate_to_datetime(head.headers["Last-Modified"]) == paper.published


def test_ranges() -> None:
    """206 with the range, 416 beyond the end, the whole file where it has changed since."""
    fake, paper = content_fake()
    assert paper.source
    with fake as arxiv:
        url = f"{arxiv.content_url}/src/{paper.id}"
        part, body = get(url, {"Range": "bytes=10-"})
        assert (part.status, body) == (206, paper.source[10:])
        assert part.headers["Content-Range"] == f"bytes 10-{len(paper.source) - 1}/{len(paper.source)}"
        assert get(url, {"Range": "bytes=0-3"})[1] == paper.source[:4]
        assert get(url, {"Range": "bytes=-5"})[1] == paper.source[-5:]
        assert get(url, {"Range": f"bytes={len(paper.source)}-"})[0].status == 416
        assert get(url, {"Range": "bytes=10-", "If-Range": part.headers["ETag"]})[0].status == 206
        assert get(url, {"Range": "bytes=10-", "If-Range": '"old"'})[0].status == 200


def test_where_content_is_not() -> None:
    """404 for what does not exist or was withdrawn, 403 for an encrypted source, 500, 400, and the redirects."""
    (paper,) = make_corpus(1, 1, START, UNTIL, content_share=1)
    withdrawn = replace(paper, id="2401.00010", versions=2, state="withdrawn")
    encrypted = replace(paper, id="2401.00011", state="encrypted")
    broken = replace(paper, id="2401.00012", state="unavailable")
    bare = replace(paper, id="2401.00013", source=None, pdf=None, html=None)
    old = replace(paper, id="cs/0601001")
    with FakeArxiv([withdrawn, encrypted, broken, bare, old], clock=VirtualClock()) as arxiv:
        for path, code in {
            "/src/2401.00010": 404, "/src/2401.00010v1": 200, "/src/2401.00010v3": 404,
            "/src/2401.00011": 403, "/pdf/2401.00011": 200, "/src/2401.00012": 500,
            "/src/2401.00013": 404, "/pdf/2401.00013": 404, "/html/2401.00013": 404, "/src/2401.77777": 404,
            "/src/nonsense": 404, "/src/" + "1" * 3000: 400, "/src/cs/0601001v1": 200, "/somewhere": 404,
        }.items():  # fmt: skip
            assert get(arxiv.content_url + path)[0].status == code, path
        for path, location in {
            "/e-print/cs/0601001v1": "/src/cs/0601001v1",
            "/pdf/2401.00011.pdf": "/pdf/2401.00011",
            "/pdf/2401.00011?download=1": "/pdf/2401.00011",
        }.items():
            response, _ = get(arxiv.content_url + path)
            assert (response.status, response.headers["Location"]) == (301, location)
        name = get(f"{arxiv.content_url}/src/cs/0601001")[0].headers["Content-Disposition"]
        assert 'filename="arXiv-cs0601001v' in name


# The journal


def test_the_journal_counts_open_connections(tmp_path: Path) -> None:
    """One after the other makes one; two at a time make two; a closed one is gone at once. And a file has it all."""
    with a_fake(journal_file=tmp_path / "journal.jsonl") as arxiv:
        parts = urlsplit(arxiv.api_url)
        url = f"{parts.path}?search_query=all:x"
        for _ in range(20):
            get(arxiv.api_url + "?search_query=all:x", {"User-Agent": "posttrain/1 (mailto:a@b.c)"})
        first, second = (http.client.HTTPConnection(parts.netloc) for _ in range(2))
        for connection in (first, second, second):
            connection.request("GET", url)
            connection.getresponse().read()
        first.close()
        second.request("GET", url)
        second.getresponse().read()
        second.close()
        assert [request.connections for request in arxiv.journal] == [1] * 21 + [2, 2, 1]
        one = arxiv.journal[0]
        assert (one.agent, one.endpoint, one.status, one.fault) == ("posttrain/1 (mailto:a@b.c)", "api", 200, None)
        assert one.time == arxiv.clock.time()
        lines = [json.loads(line) for line in (tmp_path / "journal.jsonl").read_text().splitlines()]
        assert [line["connections"] for line in lines] == [request.connections for request in arxiv.journal]
