"""The advisor in a real browser: examples, what would change, the link, the downloads, answers that contradict."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from advisor.advice.data import as_data
from advisor.advice.evidence import Field
from advisor.advice.markdown import as_markdown
from advisor.advice.recommend import Recommendation, recommend
from advisor.advice.techniques import TECHNIQUES
from advisor.task.examples import examples
from tests.browser import Sitting, settle, sitting

pytestmark = pytest.mark.slow  # a server and Chromium for each file

TUTOR = next(one for one in examples() if "tutor" in one.title)


def _recommends(page: Page, answer: Recommendation) -> None:
    """Check heading and drawing against an answer."""
    expect(page.get_by_role("heading", level=3).first).to_have_text(answer.top.pipeline.title)
    settle(page)
    nodes = [TECHNIQUES[stage].name.partition(" (")[0] for stage in answer.top.pipeline.stages]
    drawn = page.get_by_test_id("stGraphVizChart").locator("g.node text")
    expect(drawn).to_have_text(["your model", *nodes, "trained model"] if nodes else [])


def test_an_example_and_a_change_give_what_the_advisor_says(window: Sitting) -> None:
    """A click on an example, then on each of two things that would change the answer: heading and drawn stages."""
    page = window.go("/advisor")
    _recommends(page, recommend(examples()[0].traits.replaced(**dict.fromkeys(examples()[0].traits.values))))
    page.get_by_role("button", name=TUTOR.title).click()
    now = recommend(TUTOR.traits)
    _recommends(page, now)
    for _ in range(2):
        change = next(one for one in now.would_change if one.top.stages)
        told = re.compile(rf"^{change.trait.replace('_', ' ')} = .*: {re.escape(change.top.title)}$")
        now = recommend(now.traits.replaced(**{change.trait: change.value}))
        page.get_by_role("button", name=told).first.click()
        _recommends(page, now)
        assert now.top.pipeline == change.top


def test_the_link_gives_the_same_answer_to_another(window: Sitting, chromium: Browser) -> None:
    """The shown link, and the address itself, opened where nothing is remembered: heading, reasons and questions."""
    page = window.go("/advisor")
    page.get_by_role("button", name=TUTOR.title).click()
    _recommends(page, recommend(TUTOR.traits))
    shown = page.locator("code", has_text="/advisor?").inner_text()
    told = page.get_by_role("main").get_by_role("listitem").all_inner_texts()
    for link in (shown, page.url):
        with sitting(chromium, window.app) as other:
            there = other.go(link.removeprefix(window.app.url))
            _recommends(there, recommend(TUTOR.traits))
            assert there.get_by_role("main").get_by_role("listitem").all_inner_texts() == told
            expect(there.get_by_role("combobox", name="What kind of task is it?")).to_have_value("math")


def test_what_is_taken_along_is_the_whole_answer(window: Sitting, tmp_path: Path) -> None:
    """JSON and Markdown as the command line would write them."""
    page = window.go("/advisor")
    page.get_by_role("button", name=TUTOR.title).click()
    _recommends(page, recommend(TUTOR.traits))
    answer = recommend(TUTOR.traits, Field(window.app.data))
    for name, file in {"JSON": "advice.json", "Markdown": "advice.md"}.items():
        with page.expect_download() as coming:
            page.get_by_role("button", name=name).click()
        assert coming.value.suggested_filename == file
        coming.value.save_as(tmp_path / file)
    assert json.loads((tmp_path / "advice.json").read_text()) == json.loads(json.dumps(as_data(answer)))
    assert (tmp_path / "advice.md").read_text() == as_markdown(answer)


def test_the_memory_of_each_way_is_drawn(window: Sitting) -> None:
    """Stacked bars whose widths are the gigabytes of their parts, and the line of the GPU."""
    page = window.go("/advisor?domain=math&prompting=tried&verifier=rule&pass_at_1=0.35&parameters=1.5&gpu_memory=24")
    chart = page.locator("[data-testid=stVegaLiteChart][aria-label^='Peak memory']")
    expect(chart.locator("svg")).to_contain_text("your GPU, 24 GB")
    bars = chart.locator("[aria-roledescription=bar]").evaluate_all(
        "all => all.map((one) => [one.getAttribute('aria-label'), one.getBBox().width])"
    )
    sizes = [(float(re.findall(r"gigabytes: ([\d.]+)", words)[0]), width) for words, width in bars]
    scale = max(width for _, width in sizes) / max(size for size, _ in sizes)
    assert len(sizes) >= 8 and all(abs(size * scale - width) <= 0.06 * scale + 0.5 for size, width in sizes)


def test_answers_that_contradict_are_a_sentence(window: Sitting) -> None:
    """A link with a share of one try above that of several: what is wrong and what to do, no traceback."""
    page = window.go("/advisor?pass_at_1=0.9&pass_at_k=0.5")
    told = page.get_by_role("alert")
    expect(told).to_contain_text("pass_at_1")
    expect(told).to_contain_text("Next:")
    assert page.get_by_test_id("stException").count() == 0
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_role("heading", level=3).first).to_be_visible()
    assert page.get_by_role("alert").count() == 0
