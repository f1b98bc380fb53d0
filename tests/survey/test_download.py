"""A download against a server on loopback that misbehaves by script: every paper's content, by its first bytes."""

import gzip
from datetime import date
from pathlib import Path

import pytest

from posttrain.errors import ExitCode, PosttrainError
from posttrain.settings import ArxivSettings
from survey.arxiv.ledger import Ledger
from survey.download import Downloaded, Surface, download, list_missing, wanted
from survey.extract import extract
from survey.harvest import Source, Window, harvest, plan
from survey.store.papers import Store
from tests.builders import FILLER, latex, latexml, make_pdf, make_tar
from tests.fake_arxiv.asking import VirtualClock
from tests.fake_arxiv.faults import FaultScript
from tests.fake_arxiv.papers import FakePaper, make_corpus
from tests.fake_arxiv.scripts import HOSTILE, REFUSED, SCRIPTS
from tests.fake_arxiv.server import FakeArxiv

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
WINDOW = Window(date(2024, 1, 1), date(2024, 3, 31))
BODY = f"We use GSM8K. {FILLER}"


def _contents(paper: FakePaper, number: int) -> FakePaper:
    """One of the forms in which arXiv has a paper: tar, single gz, PDF as source, HTML alone, PDF alone, nothing."""
    forms = [
        {"source": make_tar({"main.tex": latex(BODY)})},
        {"source": gzip.compress(latex(BODY).encode())},
        {"source": make_pdf([BODY])},
        {"html": latexml(f"{paper.id}v1", paper.title, f"<p>{BODY}</p>")},
        {"pdf": make_pdf([BODY])},
        {},
        {"state": "encrypted", "source": b"x", "pdf": make_pdf([BODY])},
    ]
    plain = {"source": None, "pdf": None, "html": None, "state": "open"}
    return FakePaper(**{**paper.__dict__, **plain, **forms[number % len(forms)]})


def _server(script: FaultScript | None = None, n: int = 35) -> FakeArxiv:
    papers = [_contents(paper, number) for number, paper in enumerate(make_corpus(n, 4, WINDOW.since, WINDOW.until))]
    return FakeArxiv(papers, clock=VirtualClock(), script=script, pace=0.02)  # type: ignore[arg-type]


def _download(arxiv: FakeArxiv, surfaces: list[Surface] | None = None, limit: int | None = None) -> Downloaded:
    settings = ArxivSettings(arxiv.api_url, arxiv.oai_url, arxiv.content_url, "tests@example.org", 3.0)
    with Ledger(Path("data")) as ledger, Store(Path("data")) as store:
        if not ledger.count():
            plan(ledger, Source.API, WINDOW)
            harvest(ledger, Source.API, WINDOW, settings, Path("state"), clock=arxiv.clock)
        papers = wanted(ledger, store)[:limit]
        return download(papers, surfaces or list(Surface), ledger, store, settings, Path("state"), clock=arxiv.clock)


def _extracted() -> set[str]:
    with Store(Path("data")) as store:
        extract(store, 2)
        failed = dict(extract(store, 2).failed)
        return {source.paper for source in store.sources()} - set(failed)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["downloads", "weather", "everything", "bad-day", "moved-about", "torn-bodies"])
def test_every_paper_that_arxiv_has_is_downloaded_and_read(name: str) -> None:
    """In each of its forms, whatever the faults on the way."""
    with _server(SCRIPTS[name]) as arxiv:
        result = _download(arxiv)
        there = {paper.id for paper in arxiv.papers if paper.source or paper.html or paper.pdf}
    assert result.failed == []
    assert {paper for paper, _ in result.absent} == {paper.id for paper in arxiv.papers} - there
    assert _extracted() == there


def test_what_was_fetched_or_is_not_there_is_not_asked_for_again() -> None:
    """A second run makes no request, an interrupted one goes on."""
    with _server() as arxiv:
        assert _download(arxiv, limit=10).downloaded <= 10
        _download(arxiv)
        before = len(arxiv.journal)
        assert _download(arxiv).requests == 0
        assert len(arxiv.journal) == before
        asked = [request.path for request in arxiv.journal if request.endpoint != "api"]
    assert len(asked) == len(set(asked))


def test_a_private_source_leads_to_the_next_surface() -> None:
    """A 403 for one file is no denial: its PDF is there."""
    with _server() as arxiv:
        _download(arxiv)
        private = {paper.id for paper in arxiv.papers if paper.state == "encrypted"}
    assert private <= _extracted()


@pytest.mark.slow
def test_a_source_without_a_readable_text_leads_to_the_next_surface() -> None:
    """What cannot be read is known after the extraction; the next run asks for the rest, and for each only once."""
    papers = make_corpus(3, 4, WINDOW.since, WINDOW.until)
    hollow = {"source": make_tar({"main.tex": "\\relax"}), "html": None, "state": "open"}
    pdfs = [make_pdf([BODY]), make_pdf([BODY]), None]
    papers = [FakePaper(**{**paper.__dict__, **hollow, "pdf": pdf}) for paper, pdf in zip(papers, pdfs, strict=True)]
    with FakeArxiv(papers, clock=VirtualClock(), pace=0.02) as arxiv:
        assert _download(arxiv).downloaded == 3
        assert _download(arxiv).requests == 0  # not read yet, so nothing is known to be wrong
        assert _extracted() == set()
        second = _download(arxiv)
        assert (second.downloaded, [paper for paper, _ in second.absent]) == (2, [papers[2].id])
        assert "source: no text can be read from it" in second.absent[0][1]
        assert _extracted() == {papers[0].id, papers[1].id}
        assert _download(arxiv).requests == 0
        asked = [request.path for request in arxiv.journal if request.endpoint != "api"]
    assert len(asked) == len(set(asked))


def test_an_unfinished_download_is_a_random_sample() -> None:
    """The order of papers is no order of time, and is the same every time."""
    with _server(n=70) as arxiv:
        _download(arxiv, limit=1)
        with Ledger(Path("data")) as ledger, Store(Path("data")) as store:
            order = [paper.arxiv_id for paper in wanted(ledger, store)]
            assert order == [paper.arxiv_id for paper in wanted(ledger, store)]
    assert len(order) == 69
    assert {paper[:4] for paper in order[:20]} == {"2401", "2402", "2403"}


def test_a_denial_stops_the_download_at_once() -> None:
    """And says when to come back."""
    with _server(REFUSED["denied-downloads"]) as arxiv, pytest.raises(PosttrainError, match="denies access") as refused:
        _download(arxiv)
    assert refused.value.exit_code == ExitCode.REMOTE_REFUSED
    assert arxiv.journal[-1].status == 403


def test_a_file_name_in_a_header_is_never_used(tmp_path: Path) -> None:
    """Content-Disposition may say what it likes: files are named by their hash."""
    with _server(HOSTILE["file-name"]) as arxiv:
        _download(arxiv)
    assert {path.name for path in tmp_path.iterdir()} <= {"data", "state"}
    assert all(len(path.name) == 64 for path in Path("data/raw").glob("*/*"))


def test_surfaces_are_asked_for_in_the_order_given() -> None:
    """PDF alone asks for nothing else, and what has none stays wanted for another surface."""
    with _server() as arxiv:
        result = _download(arxiv, [Surface.PDF])
        assert {request.endpoint for request in arxiv.journal} == {"api", "pdf"}
        assert result.downloaded == sum(paper.pdf is not None for paper in arxiv.papers)
        assert _download(arxiv, [Surface.SOURCE]).downloaded > 0


def test_a_list_of_ids_is_listed_and_fetched() -> None:
    """Papers that no harvest listed get title and authors by their ids; those that arXiv lacks are named."""
    with _server() as arxiv:
        settings = ArxivSettings(arxiv.api_url, arxiv.oai_url, arxiv.content_url, "tests@example.org", 3.0)
        asked = [arxiv.papers[0].id, arxiv.papers[1].id, "2402.99999"]
        with Ledger(Path("data")) as ledger, Store(Path("data")) as store:
            assert list_missing(asked, ledger, settings, Path("state"), clock=arxiv.clock) == ["2402.99999"]
            before = len(arxiv.journal)
            assert list_missing(asked[:2], ledger, settings, Path("state"), clock=arxiv.clock) == []
            assert len(arxiv.journal) == before
            assert {paper.title for paper in ledger.listed()} == {paper.title for paper in arxiv.papers[:2]}
            assert set(ledger.authors()) == set(asked[:2])
            assert ledger.records()["ids"] == 2
            papers = wanted(ledger, store, asked)
            result = download(papers, list(Surface), ledger, store, settings, Path("state"), clock=arxiv.clock)
    assert result.downloaded == 2
