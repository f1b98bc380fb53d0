"""Every fault of the fake arXiv happens on the wire; the tests of the crawler play its scripts."""

import gzip
import http.client
import socket
import urllib.error
import urllib.request
import zlib
from urllib.parse import urlencode, urlsplit

import pytest
from lxml import etree

from tests.fake_arxiv.asking import (
    ALL,
    ATOM,
    OAI,
    a_fake,
    get,
    ids,
    oai,
    one_fault,
    query,
    total,
)
from tests.fake_arxiv.faults import Every, Fault, FaultScript, Nth, Rule, status
from tests.fake_arxiv.scripts import HOSTILE, REFUSED, SCRIPTS

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])


# Faults, one by one


@pytest.mark.parametrize(
    ("fault", "papers", "said"),
    [
        (Fault("empty"), 0, 0),
        (Fault("empty_page"), 0, 240),
        (Fault("short_page"), 10, 240),
        (Fault("shrink"), 20, 144),
        (Fault("grow"), 20, 241),
        (Fault("duplicate"), 20, 240),
        (Fault("no_published"), 20, 240),
    ],
)
def test_faults_of_a_feed(fault: Fault, papers: int, said: int) -> None:
    """Well-formed and wrong, once; then right."""
    with a_fake(script=one_fault(fault)) as arxiv:
        wrong, right = (query(arxiv, **ALL, start=20, max_results=20) for _ in range(2))
        assert (len(ids(wrong)), total(wrong)) == (papers, said)
        assert (len(ids(right)), total(right)) == (20, len(arxiv.papers))
        assert [request.fault for request in arxiv.journal] == [fault.kind, None]
        assert len(list(wrong.iterfind(f".//{ATOM}published"))) == papers - (fault.kind == "no_published")
        before = ids(query(arxiv, **ALL, start=0, max_results=20))
        assert bool(set(before) & set(ids(wrong))) == (fault.kind == "duplicate")
        assert len(arxiv.papers) == 240 + (fault.kind == "grow")


@pytest.mark.parametrize(
    ("fault", "code", "after"),
    [
        (status(429), 429, None),
        (status(429, 60), 429, "3"),
        (status(429, "date", 100), 429, "Sun, 12 Apr 2026 22:09:31 GMT"),
        (status(503), 503, None),
        (status(503, 0), 503, "0"),
        (status(503, 10), 503, "1"),
        (status(500), 500, None),
        (Fault("denied_403"), 403, None),
        (Fault("denied_200"), 200, None),
        (Fault("html_200"), 200, None),
        (Fault("stall", seconds=15), 429, None),
        (Fault("moved"), 301, None),
    ],
)
def test_faults_of_the_status(fault: Fault, code: int, after: str | None) -> None:
    """The status and Retry-After that they name, shortened by the pace of 0.05; a stall passes on the clock."""
    with a_fake(script=one_fault(fault)) as arxiv:
        began = arxiv.clock.time()
        response, body = get(f"{arxiv.api_url}?{urlencode(ALL)}")
        assert (response.status, response.headers["Retry-After"]) == (code, after)
        assert (body == b"Rate exceeded.") == (code == 429)
        assert arxiv.clock.time() - began == fault.seconds * (fault.kind == "stall")
        if fault.kind == "moved":
            assert len(ids(etree.fromstring(get(arxiv.content_url + response.headers["Location"])[1]))) == 10
        if code == 200:
            assert body.startswith(b"<!DOCTYPE html>")


def test_faults_of_the_bytes() -> None:
    """A body that stops though its length is right, one in gzip, one whose header has no charset."""
    script = FaultScript(tuple(Rule("api", Fault(kind), Nth(1)) for kind in ("truncated", "gzip", "no_charset")))
    with a_fake(script=script) as arxiv:
        url = f"{arxiv.api_url}?{urlencode(ALL)}"
        with pytest.raises(etree.XMLSyntaxError):
            etree.fromstring(get(url)[1])
        response, body = get(url)
        assert response.headers["Content-Encoding"] == "gzip"
        assert len(ids(etree.fromstring(gzip.decompress(body)))) == 10
        response, body = get(url)
        assert response.headers["Content-Type"] == "application/atom+xml"
        assert not body.isascii()


def test_faults_of_the_connection() -> None:
    """Reset in the middle of a body, closed before a byte, silence beyond a timeout: each breaks the client's read."""
    for endpoint, path in (("api", f"/api/query?{urlencode(ALL)}"), ("src", "/src/")):
        rules = (Rule("*", Fault("reset"), Nth(1)), Rule("*", Fault("close"), Nth(1)))
        with a_fake(script=FaultScript(rules)) as arxiv:
            name = next(p.id for p in arxiv.papers if p.source) if endpoint == "src" else ""
            with pytest.raises((ConnectionResetError, http.client.IncompleteRead)):
                get(arxiv.content_url + path + name)
            with pytest.raises(http.client.RemoteDisconnected):
                get(arxiv.content_url + path + name)
            assert get(arxiv.content_url + path + name)[0].status == 200
            assert [request.status for request in arxiv.journal] == [200, None, 200]
    with a_fake(script=one_fault(Fault("silence", seconds=20))) as arxiv:
        with pytest.raises(TimeoutError):
            urllib.request.urlopen(f"{arxiv.oai_url}?verb=Identify", timeout=0.1)
        assert get(f"{arxiv.oai_url}?verb=Identify")[0].status == 200


def test_faults_of_oai() -> None:
    """A token that has expired, a day that seems empty, a list that breaks off without its empty token."""
    for kind, code in (("expired_token", "badResumptionToken"), ("no_records", "noRecordsMatch"), ("lost_token", None)):
        with a_fake(oai_page=100, script=one_fault(Fault(kind), "oai")) as arxiv:
            asked = {"verb": "ListRecords", "metadataPrefix": "arXiv"}
            first = oai(arxiv, **asked)
            if kind != "no_records":  # those are about continued lists only
                token = first.findtext(f".//{OAI}resumptionToken")
                first = oai(arxiv, verb="ListRecords", resumptionToken=token)
            error = first.find(f"{OAI}error")
            assert (None if error is None else error.get("code")) == code
            assert first.find(f".//{OAI}resumptionToken") is None
            assert sum(request.fault == kind for request in arxiv.journal) == 1


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_replies(name: str) -> None:
    """Each is what it says."""
    with a_fake(script=HOSTILE[name]) as arxiv:
        parts = urlsplit(arxiv.api_url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=60)
        connection.request("GET", f"{parts.path}?{urlencode(ALL)}")
        response = connection.getresponse()
        body = response.read({"endless": 8 << 20, "gzip-bomb": 1 << 16}.get(name))
        said = {
            "redirect-host": response.headers["Location"] == "http://elsewhere.invalid/api/query",
            "redirect-file": response.headers["Location"] == "file:///etc/passwd",
            "redirect-loop": str(response.headers["Location"]).startswith("/api/query?"),
            "endless": len(body) == 8 << 20,
            "gzip-bomb": name != "gzip-bomb" or len(zlib.decompressobj(wbits=31).decompress(body)) > 30 << 20,
            "laughs": body.count(b"<!ENTITY") == 10,
            "file-name": response.headers["Set-Cookie"] == "owned=1",
        }
        assert said[name]
        response.close()
        connection.close()


def test_rules_fire_when_they_say() -> None:
    """Nth from there on, every kth, by pattern; and never more often than `times`."""
    rules = (
        Rule("oai", status(503), Every(3, 0), times=2),
        Rule("api", status(500), Nth(2), times=2, matching="cs.CL"),
    )
    with a_fake(script=FaultScript(rules)) as arxiv:
        for _ in range(12):
            get(f"{arxiv.oai_url}?verb=Identify")
        for category in ("cs.LG", "cs.CL", "cs.CL", "cs.LG", "cs.CL", "cs.CL"):
            get(f"{arxiv.api_url}?search_query=cat:{category}")
        faults = [request.fault for request in arxiv.journal]
        assert [index % 3 for index, fault in enumerate(faults) if fault == "503"] in ([0, 0], [1, 1], [2, 2])
        assert faults[12:] == [None, None, "500", None, "500", None]


def test_the_scripts_are_twenty() -> None:
    """And each has at least three faults; those that refuse and those that harm stand apart."""
    assert len(SCRIPTS) == 20
    assert all(len({str(rule.fault) for rule in script.rules}) >= 3 for script in SCRIPTS.values())
    assert not (set(SCRIPTS) & set(REFUSED) or set(SCRIPTS) & set(HOSTILE))
    denied = {rule.fault.kind for script in REFUSED.values() for rule in script.rules}
    assert denied == {"denied_403", "denied_200"}


def test_the_server_goes_when_its_block_ends() -> None:
    """No connection holds it, and the port is free."""
    with a_fake(1) as arxiv:
        parts = urlsplit(arxiv.api_url)
        idle = socket.create_connection((str(parts.hostname), int(parts.port or 0)))
    idle.close()
    with pytest.raises((ConnectionRefusedError, urllib.error.URLError)):
        get(f"{arxiv.oai_url}?verb=Identify")
