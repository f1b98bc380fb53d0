"""Pilots in a real browser: started, left alone, found again, refused twice, stopped and gone on with; own rows."""

import json
import os
import re
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from advisor.runs.background import stop
from advisor.runs.charts import scores
from advisor.runs.status import PilotStatus, learning, pilots, samples, status_of
from tests.browser import App, Sitting, served, settle, sitting

pytestmark = pytest.mark.slow  # a server and Chromium for each file

ROWS = [json.dumps({"prompt": f"{n}+{n}=", "answer": str(2 * n), "response": f"{2 * n}"}) for n in range(40)]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Path]:
    """A data folder of one test, in which no pilot is left at work."""
    place = tmp_path / "own"
    yield place
    for left in pilots(place):
        stop(left.folder)


def _choose_sft_alone(page: Page) -> None:
    """Take away the other pipelines, by the keyboard."""
    for name in ("rejection_sampling", "grpo"):
        page.get_by_role("button", name=f"Remove {name}").press("Enter")
        expect(page.get_by_role("button", name=f"Remove {name}")).to_have_count(0)
    expect(page.get_by_test_id("stCode").first).to_contain_text("would try 2 arms")
    settle(page)


def _start(page: Page, data: Path) -> Path:
    """Start what is planned on the page and return its folder."""
    page.get_by_role("button", name="Start the pilot").click()
    expect(page.get_by_role("progressbar")).to_be_visible()
    (found,) = [one.folder for one in pilots(data) if one.at_work]
    return found


def _bars(page: Page, words: str) -> Locator:
    return page.locator(f"[data-testid=stVegaLiteChart][aria-label^='{words}'] svg [aria-roledescription=bar]")


def _shows_the_end(page: Page, pilot: PilotStatus) -> None:
    """Check verdict, scores and learning against the folder."""
    assert pilot.outcome
    expect(page.get_by_test_id("stAlert").filter(has_text=pilot.outcome.verdict.sentence)).to_be_visible()
    settle(page)
    spec: dict[str, Any]
    spec, words = scores(pilot.outcome.arms)
    expect(page.locator("[data-testid=stVegaLiteChart][aria-label^='Scores']")).to_have_attribute("aria-label", words)
    drawn = _bars(page, "Scores").evaluate_all(
        "all => all.map((one) => [one.getAttribute('aria-label'), one.getBBox().width])"
    )
    meant = spec["data"]["values"]
    best = max(meant, key=lambda one: one["share"])["share"]
    widest = max(width for _, width in drawn)
    assert len(drawn) == len(meant)
    for (said, width), one in zip(drawn, meant, strict=True):
        assert f"arm: {one['arm']}" in said and abs(width / widest - one["share"] / best) < 0.01
    curve = learning(pilot).points
    points = page.locator("[data-testid=stVegaLiteChart][aria-label^='Validation'] svg [aria-roledescription=point]")
    assert curve and points.count() >= len(curve)


def _shows_samples(page: Page, pilot: PilotStatus) -> None:
    """Check what came before and after training against the folder; a grid tells of the columns that are in view."""
    (arm,) = [arm.id for arm in pilot.plan.arms if arm.trains] if pilot.plan else []
    rows = samples(pilot)[arm]
    page.get_by_test_id("stDataFrame").scroll_into_view_if_needed()
    grid = page.get_by_test_id("stDataFrame").locator("table[role=grid] tbody")
    for column, moment in ((3, "before"), (4, "after")):
        cells = grid.locator(f"td[aria-colindex='{column}']")
        responses = [getattr(sample, moment) for sample in rows]
        texts = [f"{response.response}  ({response.outcome})" for response in responses]
        expect(cells).to_have_text(texts, use_inner_text=False)


def test_a_pilot_outlives_browser_and_server(chromium: Browser, own: Path, tmp_path: Path) -> None:
    """Started by clicks, 20 seconds an arm; both go in the middle; whoever comes back finds it and its verdict."""
    with ExitStack() as held:
        with served(own, tmp_path / "first.log") as app, sitting(chromium, app) as window:
            page = window.go("/pilot")
            _choose_sft_alone(page)
            folder = _start(page, own)
            expect(page.get_by_text(re.compile(r"sft, seed 0: step \d+, \d+ % of its budget left"))).to_be_visible()
            held.enter_context(_frozen(folder))
            assert app.troubles() == []
        assert status_of(folder).at_work
        with served(own, tmp_path / "second.log") as app:
            with sitting(chromium, app) as window:
                page = window.go("/pilot")
                expect(page.get_by_role("progressbar")).to_be_visible()
                page.get_by_text("A new pilot").click()
                expect(page.get_by_role("button", name="Start the pilot")).to_be_disabled()
                expect(page.get_by_text(f"One pilot at a time: {folder.name} is at work")).to_be_visible()
                held.close()
                _ends_before_the_eyes(page, folder)
            _looks_right_elsewhere(chromium, app, status_of(folder))
            assert app.troubles() == []


@contextmanager
def _frozen(folder: Path) -> Iterator[None]:
    """Keep a pilot from its end, however long servers and pages take to start."""
    status = status_of(folder).status
    assert status and status.pid
    os.kill(status.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(status.pid, signal.SIGCONT)


def _ends_before_the_eyes(page: Page, folder: Path) -> None:
    """The page turns to the outcome by itself, and the whole of it can be downloaded."""
    expect(page.get_by_test_id("stAlert").filter(has_text="test prompts")).to_be_visible()
    pilot = status_of(folder)
    assert pilot.state == "done"
    _shows_the_end(page, pilot)
    _shows_samples(page, pilot)
    with page.expect_download() as coming:
        page.get_by_role("button", name="All, as JSON").click()
    assert json.loads(coming.value.path().read_text()) == (pilot.outcome and pilot.outcome.as_dict())


def _looks_right_elsewhere(chromium: Browser, app: App, pilot: PilotStatus) -> None:
    """On a small screen and in the dark."""
    for options in ({"viewport": {"width": 390, "height": 844}}, {"color_scheme": "dark"}):
        with sitting(chromium, app, **options) as window:
            page = window.go("/pilot")
            _shows_the_end(page, pilot)
            assert page.evaluate("document.querySelector('[data-testid=stMain]').scrollWidth <= innerWidth")


def test_a_pilot_is_stopped_and_goes_on(chromium: Browser, own: Path, tmp_path: Path) -> None:
    """Stopped by a click it can be resumed; a click later it is at work again, and so it is stopped again."""
    with served(own, tmp_path / "server.log") as app, sitting(chromium, app) as window:
        page = window.go("/pilot")
        _choose_sft_alone(page)
        budget = page.get_by_role("textbox", name="Budget of every arm")
        budget.fill("200k-tokens")
        budget.press("Enter")
        expect(page.get_by_test_id("stCode").first).to_contain_text("200k-tokens")
        settle(page)
        folder = _start(page, own)
        for _ in range(2):
            page.get_by_role("button", name="Stop it").click()
            expect(page.get_by_text("and can be resumed")).to_be_visible()
            assert status_of(folder).state == "interrupted"
            page.get_by_role("button", name="Resume it").click()
            expect(page.get_by_role("progressbar")).to_be_visible()
            assert status_of(folder).at_work
        assert app.troubles() == []


def _take_own_file(page: Page, name: str, text: str) -> None:
    page.get_by_text("my own file").click()
    expect(page.get_by_role("combobox", name="What is right")).to_be_visible()
    settle(page)
    page.locator("input[type=file]").set_input_files({"name": name, "mimeType": "", "buffer": text.encode()})


def test_a_file_is_counted_and_planned_with(window: Sitting) -> None:
    """Forty rows: how many have what, the first of them, and a plan on the kept file."""
    page = window.go("/pilot")
    _take_own_file(page, "sums.jsonl", "\n".join(ROWS))
    expect(page.get_by_text("40 rows: 40 with a response, 40 with an answer.")).to_be_visible()
    kept = next((window.app.data / "uploads").glob("sums.*.jsonl"))
    expect(page.get_by_test_id("stCode").first).to_contain_text(kept.name)


def test_a_broken_line_is_named(window: Sitting) -> None:
    """The first line is no JSON: its number is said; nothing else is lost."""
    page = window.go("/pilot")
    _take_own_file(page, "broken.jsonl", "\n".join(['{"prompt": "1+1=', *ROWS[:39]]))
    expect(page.get_by_test_id("stMain")).to_contain_text(re.compile(r"line[s]? 1\b"))
    assert page.get_by_test_id("stException").count() == 0


def test_a_module_can_be_named_only_where_it_was_allowed(
    window: Sitting, chromium: Browser, own: Path, tmp_path: Path
) -> None:
    """It is imported and run, so whoever starts the app decides with `-- --allow-verifiers`."""
    _may_name_a_module(window.go("/pilot"), False)
    with served(own, tmp_path / "server.log", "--allow-verifiers") as app, sitting(chromium, app) as other:
        _may_name_a_module(other.go("/pilot"), True)


def _may_name_a_module(page: Page, may: bool) -> None:
    page.get_by_text("my own file").click()
    box = page.get_by_role("combobox", name="What is right")
    expect(box).to_be_visible()
    settle(page)
    box.focus()
    box.press("ArrowDown")
    options = page.get_by_role("option")
    expect(options.filter(has_text="numeric")).to_be_visible()
    wanted = options.filter(has_text="package.module:function")
    expect(wanted).to_have_count(int(may))
    if may:
        wanted.click()
        expect(page.get_by_role("textbox", name="Module and function")).to_be_visible()
