"""The app's speed in a real browser, the third table of `make bench`; nothing here runs in the test suite.

First paint is from the start of the navigation until the heading of Trends stands there, and until its bars do: with a
server that has just come up and served nobody, and with one that has. A threshold is from the key until the table has
its number.
"""

import os
import tempfile
import time
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser

from tests.browser import App, chromium, served, settle, sitting

ROUNDS = 5


def main() -> None:
    """Time everything and print the table."""
    cold: list[tuple[float, float]] = []
    warm: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as place, chromium() as browser:
        for number in range(ROUNDS):
            with served(Path(place) / "data", Path(place) / f"{number}.log") as app:
                cold.append(first_paint(browser, app))
                warm.append(first_paint(browser, app))
        with served(Path(place) / "data", Path(place) / "thresholds.log") as app:
            moved = thresholds(browser, app)
    print(f"| what | median (s) | least | most | of {ROUNDS}, on {os.cpu_count()} cores |")
    print("|---|---:|---:|---:|---|")
    for what, seconds, note in (
        ("heading of Trends, cold server", [one[0] for one in cold], "which imports first"),
        ("bars of Trends, cold server", [one[1] for one in cold], "which reads the counts first"),
        ("heading of Trends, warm server", [one[0] for one in warm], "a new browser context, nothing cached in it"),
        ("bars of Trends, warm server", [one[1] for one in warm], "the same"),
        ("threshold moved by a key", moved, "until the table shows its number"),
    ):
        print(f"| {what} | {median(seconds):.2f} | {min(seconds):.2f} | {max(seconds):.2f} | {note} |")


def first_paint(browser: Browser, app: App) -> tuple[float, float]:
    """Return the seconds from the start of a navigation until the heading is drawn, and until the bars are."""
    with sitting(browser, app) as window:
        begin = time.perf_counter()
        window.page.goto(app.url, wait_until="commit")
        window.page.locator("h1").wait_for()
        heading = time.perf_counter() - begin
        window.page.locator("svg.marks [aria-roledescription=bar]").first.wait_for(state="attached")
        return heading, time.perf_counter() - begin


def thresholds(browser: Browser, app: App) -> list[float]:
    """Return the seconds that each move of the threshold takes."""
    found = []
    with sitting(browser, app) as window:
        page = window.go("/")
        slider = page.get_by_role("slider", name="Least mentions")
        slider.focus()
        for threshold in range(6, 6 + ROUNDS):
            begin = time.perf_counter()
            slider.press("ArrowRight")
            page.get_by_role("table", name=f"Papers by domain, at least {threshold} mentions").wait_for()
            found.append(time.perf_counter() - begin)
            settle(page)
    return found


if __name__ == "__main__":
    main()
