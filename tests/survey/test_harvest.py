"""A harvest against a real server on loopback that misbehaves by script: complete, or known to be incomplete."""

import json
import threading
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from urllib.parse import parse_qs

import pytest

from posttrain.errors import ExitCode, PosttrainError
from posttrain.settings import ArxivSettings
from survey.arxiv import api
from survey.arxiv.ledger import Ledger, State
from survey.arxiv.listed import Listed
from survey.harvest import Harvested, Source, Window, harvest, harvest_snapshot, plan
from tests.fake_arxiv.asking import VirtualClock
from tests.fake_arxiv.faults import Every, Fault, FaultScript, Nth, Rule, status
from tests.fake_arxiv.papers import FakePaper, make_corpus
from tests.fake_arxiv.scripts import HOSTILE, REFUSED, SCRIPTS
from tests.fake_arxiv.server import FakeArxiv

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
ROOT = Path(__file__).resolve().parents[2]
SINCE, UNTIL = date(2024, 1, 1), date(2024, 3, 31)
WINDOW = Window(SINCE, UNTIL, ("cs.CL", "cs.LG"))
NOW = datetime(2026, 4, 12, tzinfo=UTC)


@pytest.fixture(autouse=True)
def _small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of arXiv's page and window, so that small corpora need many of both."""
    monkeypatch.setattr(api, "PAGE", 100)
    monkeypatch.setattr(api, "WINDOW", 500)


def _server(script: FaultScript | None = None, n: int = 1500, **options: object) -> FakeArxiv:
    papers = make_corpus(n, 7, SINCE - timedelta(days=20), UNTIL + timedelta(days=20), burst=3)
    values = {"clock": VirtualClock(), "script": script, "pace": 0.02, "window": 500, "api_page": 100, "oai_page": 150}
    return FakeArxiv(papers, **{**values, **options})  # type: ignore[arg-type]


def _settings(arxiv: FakeArxiv, delay: float = 3.0) -> ArxivSettings:
    return ArxivSettings(arxiv.api_url, arxiv.oai_url, arxiv.content_url, "tests@example.org", delay)


def _harvest(arxiv: FakeArxiv, source: Source, window: Window = WINDOW, data: str = "data") -> Harvested:
    with Ledger(Path(data)) as ledger:
        plan(ledger, source, window, NOW)
        return harvest(ledger, source, window, _settings(arxiv), Path("state"), clock=arxiv.clock)


def _listed(data: str = "data") -> dict[str, Listed]:
    with Ledger(Path(data)) as ledger:
        return {paper.arxiv_id: paper for paper in ledger.listed()}


def _truth(arxiv: FakeArxiv, window: Window = WINDOW) -> dict[str, FakePaper]:
    wanted = set(window.categories)
    return {
        paper.id: paper
        for paper in arxiv.papers
        if window.since <= paper.published.date() <= window.until and (not wanted or wanted & set(paper.categories))
    }


@pytest.mark.parametrize("source", Source)
@pytest.mark.parametrize("name", SCRIPTS)
def test_every_paper_is_listed_under_every_fault_script(name: str, source: Source) -> None:
    """Each script mixes at least three faults; the listing equals the truth, and the ledger says it is complete."""
    with _server(SCRIPTS[name]) as arxiv:
        result = _harvest(arxiv, source)
        truth = _truth(arxiv)
        faults = [request.fault for request in arxiv.journal if request.fault]
    assert bool(faults) == any(rule.endpoint in (source, "*") for rule in SCRIPTS[name].rules)
    listed = _listed()
    assert result.waiting == []
    assert set(listed) == set(truth)
    assert all(listed[key].published == paper.published.date() for key, paper in truth.items())


def test_the_three_sources_give_the_same_records() -> None:
    """Id, version, title, abstract, categories and version 1's day, whichever way they came."""
    with _server(n=400) as arxiv:
        for source in Source:
            assert _harvest(arxiv, source, data=source).waiting == []
        lines = [_snapshot_line(paper) for paper in arxiv.papers]
    Path("snapshot.json").write_text("\n".join(lines))
    with Ledger(Path("snapshot")) as ledger:
        harvest_snapshot(ledger, Path("snapshot.json"), WINDOW)
    by_api, by_oai, by_file = (_listed(name) for name in ("api", "oai", "snapshot"))
    assert len(by_api) > 50
    assert {key: paper._replace(license=None) for key, paper in by_oai.items()} == by_api
    assert by_file == by_oai


def _snapshot_line(paper: FakePaper) -> str:
    versions = [
        {"version": f"v{n}", "created": paper.version_date(n).strftime("%a, %d %b %Y %H:%M:%S GMT")}
        for n in range(1, paper.versions + 1)
    ]
    return json.dumps(
        {"id": paper.id, "title": paper.title, "abstract": paper.abstract, "categories": " ".join(paper.categories),
         "license": paper.license or None, "versions": versions}
    )  # fmt: skip


def test_a_slice_larger_than_the_window_is_halved_until_it_fits() -> None:
    """No page beyond the window is ever asked for, and the halves add up."""
    with _server(n=3000) as arxiv:
        assert _harvest(arxiv, Source.API, Window(SINCE, UNTIL)).waiting == []
        assert set(_listed()) == set(_truth(arxiv, Window(SINCE, UNTIL)))
        assert all(int(parse_qs(request.query)["start"][0]) < 500 for request in arxiv.journal)
    with Ledger(Path("data")) as ledger:
        slices = ledger.slices()
    assert sum(one.state is State.SPLIT for one in slices) >= 2
    assert all(one.expected == one.got for one in slices if one.state is State.DONE)


def test_a_server_that_never_gives_a_whole_page_is_reported_incomplete() -> None:
    """Never "no results": the slice keeps its reason, the rest waits, and the next run completes it."""
    short = FaultScript((Rule("api", Fault("short_page"), Nth(1), times=10_000),))
    with _server(short, n=300) as arxiv:
        result = _harvest(arxiv, Source.API)
    assert result.waiting
    assert "8 times in a row" in result.waiting[0].note
    with _server(n=300) as arxiv:
        assert _harvest(arxiv, Source.API).waiting == []
        assert set(_listed()) == set(_truth(arxiv))


@pytest.mark.parametrize("name", [name for name in REFUSED if name in ("denied-at-once", "denied-midway")])
def test_a_denial_stops_the_run_at_once(name: str) -> None:
    """A 403 is never answered with another request, and the error says when to come back."""
    with _server(REFUSED[name]) as arxiv, pytest.raises(PosttrainError, match="denies access") as refused:
        _harvest(arxiv, Source.API)
    assert refused.value.exit_code == ExitCode.REMOTE_REFUSED
    assert "do not ask again before" in refused.value.hint
    assert arxiv.journal[-1].status == 403


@pytest.mark.parametrize("name", [name for name in HOSTILE if name != "file-name"])
def test_a_hostile_reply_is_refused_and_nothing_is_written_outside(name: str, tmp_path: Path) -> None:
    """Another host, a file, an endless or exploding body, an exploding entity: refused with what it was."""
    outside = tmp_path / "outside"
    outside.mkdir()
    with _server(HOSTILE[name], n=60) as arxiv:
        try:
            result = _harvest(arxiv, Source.API)
            assert result.waiting or set(_listed()) == set(_truth(arxiv))
        except PosttrainError as error:
            assert any(word in error.message for word in ("another host", "more than", "redirects"))
    assert {path.name for path in tmp_path.iterdir()} <= {"outside", "data", "state"}


def test_the_servers_own_explanation_is_told_after_one_request() -> None:
    """A refused request is not asked again."""
    with _server() as arxiv, pytest.raises(PosttrainError, match="arXiv refuses the request"):
        settings = _settings(arxiv)
        with Ledger(Path("data")) as ledger:
            ledger.add_slices("api", "", [("202401010000", "202401020000")], start="-5")
            harvest(ledger, Source.API, Window(SINCE, UNTIL), settings, Path("state"), clock=arxiv.clock)
    assert len(arxiv.journal) == 1


def test_without_a_contact_nothing_is_asked() -> None:
    """arXiv must be able to reach who crawls."""
    with _server() as arxiv, Ledger(Path("data")) as ledger:
        settings = ArxivSettings(arxiv.api_url, arxiv.oai_url, arxiv.content_url, "")
        with pytest.raises(PosttrainError, match="contact"):
            harvest(ledger, Source.API, WINDOW, settings, Path("state"), clock=arxiv.clock)
    assert arxiv.journal == []


def test_two_runs_share_one_connection_and_the_pace() -> None:
    """Requests start at least three seconds apart, one at a time, and no slot is left unused."""
    with _server(n=1200) as arxiv:
        halves = [Window(SINCE, date(2024, 2, 14)), Window(date(2024, 2, 15), UNTIL)]
        runs = [
            threading.Thread(target=_harvest, args=(arxiv, Source.API, half, f"data-{number}"))
            for number, half in enumerate(halves)
        ]
        for run in runs:
            run.start()
        for run in runs:
            run.join()
    times = [request.time for request in arxiv.journal]
    gaps = [after - before for before, after in pairwise(times)]
    assert len(times) >= 10
    assert min(gaps) >= 3.0
    assert max(request.connections for request in arxiv.journal) == 1
    assert (times[-1] - times[0]) / 3.0 <= (len(times) - 1) * 1.02
    assert all("tests@example.org" in request.agent for request in arxiv.journal)


def test_a_retry_after_is_obeyed_by_every_run() -> None:
    """In seconds or as a date: nothing is asked before."""
    for name, fault in {"seconds": status(429, 40), "date": status(503, "date", 40)}.items():
        with _server(FaultScript((Rule("api", fault, Nth(1)),)), n=60, pace=1.0) as arxiv:
            _harvest(arxiv, Source.API, data=name)
        assert arxiv.journal[1].time - arxiv.journal[0].time >= 39.0  # a date has whole seconds


def test_a_days_update_costs_at_most_two_requests() -> None:
    """What was complete is not asked for again."""
    now = datetime(2024, 3, 20, 12, tzinfo=UTC)
    with _server(n=900) as arxiv:
        arxiv.clock.now = now.timestamp()
        with Ledger(Path("data")) as ledger:
            for day, most in ((now, 1000), (now + timedelta(days=1), 2)):
                arxiv.clock.now = day.timestamp()
                before = len(arxiv.journal)
                window = Window(SINCE, day.date(), WINDOW.categories)
                plan(ledger, Source.API, window, day)
                assert harvest(ledger, Source.API, window, _settings(arxiv), Path("s"), clock=arxiv.clock).waiting == []
                assert len(arxiv.journal) - before <= most
                assert set(_truth(arxiv, Window(SINCE, day.date() - timedelta(days=1), WINDOW.categories))) <= set(
                    _listed()
                )


def test_an_expired_token_is_taken_up_at_the_last_day() -> None:
    """The harvest goes on and repeats at most that day."""
    script = FaultScript((Rule("oai", Fault("expired_token"), Every(4), times=3),))
    with _server(script) as arxiv:
        assert _harvest(arxiv, Source.OAI, Window(SINCE, UNTIL)).waiting == []
        assert set(_listed()) == set(_truth(arxiv, Window(SINCE, UNTIL)))


def test_a_second_harvest_of_the_same_folder_is_refused() -> None:
    """Two at once would ask for the same slices."""
    from filelock import FileLock

    at_work = pytest.raises(PosttrainError, match="another harvest is running")
    with _server() as arxiv, Ledger(Path("data")) as ledger, FileLock(Path("data/harvest.lock")), at_work:
        harvest(ledger, Source.API, WINDOW, _settings(arxiv), Path("state"), clock=arxiv.clock)


def test_lines_of_a_snapshot_that_are_no_paper_are_counted() -> None:
    """A torn line costs itself alone; a file without any paper is refused."""
    created = '"versions": [{"version": "v1", "created": "Mon, 1 Jan 2024 01:00:00 GMT"}]'
    good = '{"id": "2401.00001", "title": "A\\n  b", ' + created + "}"
    Path("s.json").write_text(f"{good}\n{{broken\n" + '{"id": null}\n')
    with Ledger(Path("data")) as ledger:
        result = harvest_snapshot(ledger, Path("s.json"), Window(SINCE, UNTIL))
        assert (result.listed, result.refused) == (1, 2)
        assert next(ledger.listed()).title == "A b"
        Path("none.json").write_text('{"question": "1+1"}\n' * 3)
        with pytest.raises(PosttrainError, match="no record of a paper in 3 lines"):
            harvest_snapshot(ledger, Path("none.json"), Window(SINCE, UNTIL))


def test_a_trial_ledger_knows_what_is_there_and_writes_nothing(tmp_path: Path) -> None:
    """A dry run plans as the run would, and leaves the folder as it is, also where there is none."""
    with Ledger(tmp_path / "none", is_trial=True) as trial:
        assert len(plan(trial, Source.API, WINDOW, NOW)) == 3
    assert not (tmp_path / "none").exists()
    with Ledger(tmp_path) as ledger:
        plan(ledger, Source.API, Window(SINCE, SINCE.replace(day=31), WINDOW.categories), NOW)
        for span in ledger.slices():
            ledger.add_page(span, [], 0, "0", NOW.isoformat())
            ledger.finish(span, State.DONE)
        before = ledger.slices()
    with Ledger(tmp_path, is_trial=True) as trial:
        assert len(plan(trial, Source.API, WINDOW, NOW)) == 2
    with Ledger(tmp_path) as ledger:
        assert ledger.slices() == before
