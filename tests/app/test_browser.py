"""Trends in a real browser, and what all pages share: addresses, keyboard, names, phones, many at once."""

import math
import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from posttrain.charts import COLOURS
from survey.explain import explain, papers_behind
from survey.labels.validation import read_validation
from survey.report import Question, tables_of
from survey.surface import Surface
from survey.trends.charts import Measure
from survey.trends.domain import domain_trends
from survey.trends.labelled import method_trends
from survey.trends.panels import cells_of, labels_shown, panel, panels_grid
from survey.trends.trend import TrendTable
from survey.warehouse.abstracts import open_surface
from survey.warehouse.sample import Sample, open_sample
from tests.browser import App, Sitting, settle, sitting

pytestmark = pytest.mark.slow  # a server and Chromium for each file

HEADINGS = {
    "/": "What the field trains with", "/advisor": "What should I train with?", "/pilot": "Does it work on my task?",
}  # fmt: skip
MATHS_TUTOR = "domain=math&prompting=tried&verifier=rule&pass_at_1=0.35&pass_at_k=0.75&parameters=1.5&gpu_memory=24"
# Of each mark of a kind, bar or point or rule: what a screen reader is told, its colour, and its middle and height in
# parts of the plot's.
_MARKS = """(svg, kind) => {
    const plot = svg.querySelector('.root .background').getBoundingClientRect();
    return [...svg.querySelectorAll(`[aria-roledescription="${kind}"]`)].map((mark) => {
        const box = mark.getBoundingClientRect();
        return [mark.getAttribute('aria-label'), mark.getAttribute('fill'),
            (plot.bottom - box.top - box.height / 2) / plot.height, box.height / plot.height];
    });
}"""
# The name of what has the focus, without its icon.
_FOCUSED = """() => {
    const one = document.activeElement;
    return one.ariaLabel ?? one.querySelector('[data-testid=stMarkdownContainer]')?.innerText ?? one.innerText ?? '';
}"""
# How far each interval stands from the middle of its bar, in pixels; both are drawn in the order of the points.
_BESIDE = """(svg) => {
    const middles = (kind) => [...svg.querySelectorAll(`[aria-roledescription="${kind}"]`)].map((one) => {
        const place = one.getBoundingClientRect();
        return place.left + place.width / 2;
    });
    const lines = middles('rule mark');
    return middles('bar').map((middle, number) => Math.abs(middle - lines[number]));
}"""


@pytest.fixture
def texts(data: Path) -> Sample:
    """The bundled texts, which the app shows for ?surface=text."""
    return open_sample(data)


def _growth(data: Path) -> TrendTable:
    """What the page opens on: the growth of domains in the bundled abstracts."""
    return tables_of(open_surface(Surface.ABSTRACT, data), Question(surface=Surface.ABSTRACT), data)[0]


def _domains(sample: Sample, threshold: int = 5) -> TrendTable:
    return domain_trends(sample.warehouse, [threshold])[0]


def _cells(page: Page, name: str) -> list[list[str]]:
    """Return the rows of a table without its head."""
    table = page.get_by_role("table", name=name, exact=True)
    expect(table).to_be_visible()
    return [row.get_by_role("cell").all_inner_texts() for row in table.get_by_role("row").all()[1:]]


def _panel(page: Page, label: str) -> Locator:
    return page.locator(f'[data-testid=stVegaLiteChart][aria-label^="{label}, "] svg.marks')


def _domain_of(spec: dict[str, Any]) -> tuple[float, float]:
    """Return the least and the greatest value on the axis of a panel."""
    (points,) = (one for one in spec["layer"][0]["layer"] if one["mark"].get("size") == 55)
    return points["encoding"]["y"]["scale"]["domain"]  # type: ignore[no-any-return]


def _heights(drawn: Locator) -> dict[str, float]:
    """Return the height of each bar in the plot, by period."""
    marks = drawn.evaluate(_MARKS, "bar")
    return {re.search(r"period: ([^;]*)", words)[1]: height for words, _, _, height in marks}  # type: ignore[index]


def _is_drawn_as_meant(page: Page, table: TrendTable, measure: Measure) -> bool:
    """Say whether every bar of every panel is as high as its share, in the same proportion."""
    cells = cells_of(table, measure)
    drawn = {
        (period, label): height
        for label in labels_shown(table, cells)
        for period, height in _heights(_panel(page, label)).items()
    }
    meant = {(cell.period, cell.label): cell.value or 0 for cell in cells}
    whole = max(drawn.values()) / max(meant.values())
    return drawn.keys() == meant.keys() and all(
        abs(drawn[cell] - value * whole) < 0.01 for cell, value in meant.items()
    )


def test_each_page_opens_by_its_address(window: Sitting) -> None:
    """From a deep link: the heading, the page that the navigation marks, no dialog and no exception."""
    for path, heading in HEADINGS.items():
        page = window.go(path)
        expect(page.get_by_role("heading", level=1)).to_have_text(heading)
        assert page.get_by_test_id("stException").count() == page.get_by_role("dialog").count() == 0


def test_a_request_that_leaving_the_page_cuts_off_is_no_trouble(window: Sitting) -> None:
    """A page may be left while it still asks for something; the request is cut off then, and nobody misses it."""
    page = window.go("/")
    with page.expect_request("**/never"):
        page.context.route("**/never", lambda route: None)
        page.evaluate("void fetch('/never')")
    with page.expect_event("requestfailed", lambda request: request.url.endswith("/never")):
        window.go("/pilot")
    assert window.troubles == []


@pytest.mark.parametrize("leaves", [False, True])
@pytest.mark.parametrize(
    ("failure", "script"),
    [
        ("net::ERR_ABORTED", "const c = new AbortController(); void fetch('/never', c).catch(String); c.abort()"),
        ("net::ERR_CONNECTION_REFUSED", "fetch('/refused').catch(String)"),
    ],
)  # fmt: skip
def test_every_other_failure_is_a_trouble(chromium: Browser, app: App, failure: str, script: str, leaves: bool) -> None:
    """What a page gives up itself and what nobody answers are named when the window ends, on that page or the next."""
    with pytest.raises(AssertionError, match=failure), sitting(chromium, app) as window:
        window.context.route("**/never", lambda route: None)
        window.context.route("**/refused", lambda route: route.abort("connectionrefused"))
        page = window.go("/")
        with page.expect_event("requestfailed"):
            page.evaluate(script)
        if leaves:
            window.go("/pilot")


def test_each_page_opens_by_the_navigation(window: Sitting) -> None:
    """By clicks, there and back; the address follows."""
    page = window.go("/")
    for name, path in {"Advisor": "/advisor", "Pilot": "/pilot", "Trends": "/"}.items():
        page.get_by_role("navigation").get_by_role("link", name=name).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(HEADINGS[path])
        assert page.url.partition("?")[0] == window.app.url + path


def test_the_page_opens_on_growth(window: Sitting) -> None:
    """A panel a label: each factor as high as its logarithm says, and so the printed one; the table has both."""
    table = _growth(window.app.data)
    cells = cells_of(table, Measure.GROWTH)
    page = window.go("/")
    assert len(labels_shown(table, cells)) == page.get_by_test_id("stVegaLiteChart").count() == 4
    for label in labels_shown(table, cells):
        low, high = map(math.log, _domain_of(panel(table, Measure.GROWTH, cells, label)))
        own = [cell for cell in cells if cell.label == label]
        for colour, values in (
            (COLOURS[0], [cell.value for cell in own]),
            (COLOURS[1], [cell.printed for cell in own]),
        ):
            marks = _panel(page, label).evaluate(_MARKS, "point")
            drawn = [middle for _, fill, middle, _ in marks if fill == colour]
            assert drawn == pytest.approx([(math.log(value or 0) - low) / (high - low) for value in values], abs=0.02)
    page.get_by_role("tab", name="Table").click()
    settle(page)
    assert [tuple(row) for row in _cells(page, "Papers by domain: growth, at least 1 mention")] == list(
        panels_grid(table, Measure.GROWTH, cells).rows
    )
    assert page.url == f"{window.app.url}/?tab=table"


def test_the_bars_are_those_of_the_table(window: Sitting, texts: Sample) -> None:
    """Each bar as high as its share, its interval on its middle, n below its period; the corrected shares too."""
    page = window.go("/?surface=text&measure=share")
    assert _is_drawn_as_meant(page, _domains(texts), Measure.SHARE)
    drawn = _panel(page, "qa")
    assert max(drawn.evaluate(_BESIDE)) < 1.5
    for cell in cells_of(_domains(texts), Measure.SHARE):
        expect(drawn).to_contain_text(f"n {cell.n}")
    methods = next(iter(method_trends(texts.warehouse, read_validation(None))))
    page = window.go("/?surface=text&axis=method")
    assert _is_drawn_as_meant(page, methods, Measure.CORRECTED)


def test_the_threshold_moves_by_the_keyboard(window: Sitting, texts: Sample) -> None:
    """Arrow keys change the bars and the address, and the address opens the same view."""
    before, after = (_domains(texts, threshold) for threshold in (5, 7))
    assert [row.k for row in before.rows] != [row.k for row in after.rows]
    page = window.go("/?surface=text&measure=share")
    page.get_by_text("Counting and periods").click()
    slider = page.get_by_role("slider", name="Least mentions")
    slider.focus()
    slider.press("ArrowRight")
    slider.press("ArrowRight")
    page.wait_for_url("**threshold=7**")
    for _ in range(2):
        settle(page)
        assert _is_drawn_as_meant(page, after, Measure.SHARE)
        assert page.url == f"{window.app.url}/?surface=text&threshold=7"  # the share is the default there
        page.goto(page.url)


def test_the_link_of_a_view_is_copied(window: Sitting) -> None:
    """The button puts the address into the clipboard and says so."""
    window.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = window.go("/?surface=text&by=half")
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("status").filter(has_text="copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.url == f"{window.app.url}/?surface=text&by=half"


def test_the_curve_over_thresholds_has_a_panel_for_each_period(window: Sitting) -> None:
    """Behind its expander: it is drawn when it is opened, with a line for each domain."""
    page = window.go("/?surface=text")
    page.get_by_text("Does the result depend on the threshold?").click()
    chart = page.locator('[data-testid=stVegaLiteChart][aria-label^="Papers of each"] svg.marks')
    expect(chart).to_be_visible()
    assert chart.locator("[aria-roledescription='line mark']").count() >= 4
    settle(page)
    assert _wider_than_its_place(page) == []


def test_a_clicked_bar_names_its_papers(window: Sitting, texts: Sample) -> None:
    """The k papers of that cell, and of one of them, selected by the mouse and typed, every mention."""
    found = papers_behind(texts, _domains(texts), "code", "2023")
    page = window.go("/?surface=text&measure=share&small=show")
    bar = _panel(page, "code").locator("[aria-roledescription=bar][aria-label*='; period: 2023;']")
    size = bar.bounding_box()
    assert size
    bar.click(position={"x": 3, "y": size["height"] - 4})  # beside the point and the line of the interval
    expect(page.get_by_role("combobox", name="Period of the bar")).to_have_value("2023")
    expect(page.get_by_role("combobox", name="Label of the bar")).to_have_value("code")
    expect(page.get_by_text(f"{len(found)} papers", exact=True)).to_be_visible()
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()
    settle(page)
    papers = page.locator("[data-testid=stDataFrame]").first
    ids = papers.locator("table[role=grid] td[aria-colindex='3']")
    expect(ids).to_have_text([paper["arxiv_id"] for paper in found], use_inner_text=False)

    papers.locator(".dvn-scroller").click(position={"x": 15, "y": 35 * 2.5})  # the box before the second row
    asked = page.get_by_role("textbox", name="Why is a paper counted?")
    expect(asked).to_have_value(found[1]["arxiv_id"])
    _shows_mentions(page, explain(texts, found[1]["arxiv_id"], window.app.data))

    asked.fill(found[0]["arxiv_id"])
    asked.press("Enter")
    _shows_mentions(page, explain(texts, found[0]["arxiv_id"], window.app.data))

    asked.fill("2101.00001")
    asked.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("2101.00001 is not in the sample")


def _shows_mentions(page: Page, known: dict[str, Any]) -> None:
    expect(page.locator("strong", has_text=known["title"])).to_be_visible()
    page.locator("[data-testid=stDataFrame]").nth(1).scroll_into_view_if_needed()
    table = page.locator("[data-testid=stDataFrame]").nth(1).locator("table[role=grid]")
    expect(table).to_have_attribute("aria-rowcount", str(len(known["mentions"]) + 1))
    names = [one["benchmark"] for one in known["mentions"]]
    cells = table.locator("td[aria-colindex='1']")
    expect(cells.first).to_have_text(names[0], use_inner_text=False)
    drawn = cells.all_text_contents()  # a grid draws the rows in view alone
    assert len(drawn) >= min(len(names), 8) and drawn == names[: len(drawn)]


@pytest.mark.parametrize("path", ["/", f"/advisor?{MATHS_TUTOR}", "/pilot"])
def test_every_control_has_a_name_and_is_reached_by_tab(window: Sitting, path: str) -> None:
    """Chromium's own tree for screen readers: no control or picture has no name, and Tab comes to what matters."""
    page = window.go(path)
    tree = window.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    asking = {"button", "textbox", "combobox", "slider", "spinbutton", "radio", "checkbox", "link", "image"}
    nodes = [one for one in tree if not one["ignored"] and one["role"]["value"] in asking]
    assert len(nodes) > 15
    assert [one["role"]["value"] for one in nodes if not one.get("name", {}).get("value")] == []
    assert _shown(page, "canvas") == _shown(page, "[role=region][aria-label] canvas")
    reached = set()
    for _ in range(150):
        page.keyboard.press("Tab")
        reached.add(page.evaluate(_FOCUSED))
    wanted = {
        "/": {"Study", "Read are", "Counted are", "Period", "Shown is", "Copy link", "Chart", "Period of the bar"},
        "/pilot": {"Which", "Model", "Budget of every arm", "Test prompts", "Start the pilot"},
    }.get(path, {"A maths tutor with a checker", "What kind of task is it?", "JSON", "Markdown", "Try it in a pilot"})
    assert wanted <= reached


def _shown(page: Page, selector: str) -> int:
    return sum(one.is_visible() for one in page.locator(selector).all())


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/?axis=method",
        "/?surface=text&axis=benchmark&by=month&small=show",
        "/?tab=table&by=half",
        f"/advisor?{MATHS_TUTOR}",
        "/pilot",
    ],
)
def test_a_phone_shows_all_of_a_page(chromium: Browser, app: App, path: str, colours: Any) -> None:
    """390 pixels wide: nothing runs out to the right; in the dark the page is dark and its words light."""
    with sitting(chromium, app, viewport={"width": 390, "height": 844}, color_scheme=colours) as window:
        page = window.go(path)
        assert _wider_than_its_place(page) == []
        light = page.evaluate(
            """() => [getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor,
                      getComputedStyle(document.querySelector('h1')).color].map(
                          (one) => one.match(/[\\d.]+/g).slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 765)
            """
        )
        assert (light[0] < 0.2 and light[1] > 0.8) if colours == "dark" else (light[0] > 0.9 and light[1] < 0.3)


def _wider_than_its_place(page: Page) -> list[str]:
    """Return what runs out of the window to the right: the page itself, and drawings that nothing scrolls."""
    return page.evaluate(  # type: ignore[no-any-return]
        """() => {
            const main = document.querySelector('[data-testid=stMain]');
            const out = [document.scrollingElement, main].filter((one) => one.scrollWidth > innerWidth);
            const scrolls = (one) => one && one !== main
                && (/auto|scroll/.test(getComputedStyle(one).overflowX) || scrolls(one.parentElement));
            const drawn = [...main.querySelectorAll('svg.marks, [data-testid=stGraphVizChart] svg, button, input'),
                ...[...main.querySelectorAll('p')].filter((one) => !one.closest('button'))];
            return [...out, ...drawn.filter((one) => one.checkVisibility() && !scrolls(one.parentElement)
                && one.getBoundingClientRect().right > innerWidth + 1)].map((one) => one.outerHTML.slice(0, 200));
        }"""
    )


def test_twenty_sit_before_the_app_at_once(chromium: Browser, app: App) -> None:
    """Twenty windows, each with a view of its own: each shows its own, and neither browser nor server complains."""
    views: list[tuple[str, str]] = [
        (f"/?surface=text&tab=table&measure=share&threshold={number}", f"at least {number} mention")
        for number in range(1, 11)
    ]
    views += [
        ("/?axis=method&tab=table", "Methods papers train with"),
        ("/?surface=text&axis=data_source&tab=table", "Where the training data come from"),
        ("/?by=month&tab=table", "2025-02"),
    ]
    views += [
        (f"/advisor?parameters={size}", f"advisor ask --no-input --set parameters={size}") for size in range(2, 7)
    ]
    views += [("/pilot", "would try"), ("/pilot", "Start the pilot")]
    assert len(views) == len(set(views)) == 20
    with ExitStack() as open_now:
        windows = [open_now.enter_context(sitting(chromium, app)) for _ in views]
        for window, (path, _) in zip(windows, views, strict=True):
            window.page.goto(app.url + path, wait_until="commit")
        for window, (_, words) in zip(windows, views, strict=True):
            settle(window.page)
            main = window.page.get_by_test_id("stMain")
            expect(main.get_by_role("table", name=words).or_(main.get_by_text(words)).first).to_be_attached()
            assert window.page.get_by_test_id("stException").count() == 0
    assert app.troubles() == []
