"""A server, a browser and a window for the tests in a real browser.

Server and browser live as long as a test module, for Playwright keeps an event loop open that no other should meet.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from advisor.runs.background import stop
from advisor.runs.status import pilots
from tests import browser as browsing
from tests.browser import App, Sitting

expect.set_options(timeout=browsing.PATIENCE * 1000)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Chromium; without one the test is skipped, but not where continuous integration runs."""
    if browsing.CHROMIUM is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(browsing.INSTALL)
    with browsing.chromium() as found:
        yield found


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A data folder of a module, in which no pilot is left at work."""
    place = tmp_path_factory.mktemp("app") / "data"
    yield place
    for left in pilots(place):
        stop(left.folder)


@pytest.fixture(scope="module")
def app(data: Path) -> Iterator[App]:
    """The app, served; its log tells of no error in the end."""
    with browsing.served(data, data.parent / "server.log") as found:
        yield found
    assert found.troubles() == []


@pytest.fixture
def window(chromium: Browser, app: App) -> Iterator[Sitting]:
    """A window of its own; nothing may go wrong in it."""
    with browsing.sitting(chromium, app) as found:
        yield found
