"""The app as a server of its own and a real browser that looks at it: for tests, for pictures and for timings.

Only loopback is reached: Chromium resolves no name, and what a page asked for, or complained of, is written down.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Request, Response, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
INSTALL = "no Chromium here: apt-get install chromium"
PATIENCE = 600  # seconds, of which a test that passes on an idle machine takes two
_QUIET = [
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-quic",
    "--no-first-run", "--disable-sync", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
]  # fmt: skip
# Streamlit looks for its server below a deep link first, and gets 404 there before it finds the root.
_PROBE = re.compile(r"http://127\.0\.0\.1:\d+/\w+/_stcore/(health|host-config)$")
_ENDED = """() => {
    const app = document.querySelector('[data-testid=stApp]');
    return app?.dataset.testScriptState === 'notRunning' && app.dataset.testConnectionState === 'CONNECTED'
        && document.querySelector('h1') && !document.querySelector('[data-stale=true], [data-testid=stSkeleton]')
        && [...document.querySelectorAll('[data-testid=stVegaLiteChart]')].every(
            (one) => one.querySelector('svg.marks, canvas.marks') || !one.checkVisibility())
        && [...document.querySelectorAll('[data-testid=stGraphVizChart]')].every((one) => one.querySelector('svg g'))
        && document.fonts.status === 'loaded';
}"""


@dataclass(frozen=True)
class App:
    """A server of the app that is up."""

    url: str
    data: Path
    log: Path

    def troubles(self) -> list[str]:
        """Return the lines of the server's log that tell of an error."""
        told = self.log.read_text(encoding="utf-8").splitlines()
        return [line for line in told if re.search(r"Traceback|Error|Exception|ERROR|CRITICAL", line)]


@dataclass
class Sitting:
    """A browser window of its own, with what went wrong in it."""

    context: BrowserContext
    page: Page
    app: App
    troubles: list[str] = field(default_factory=list)
    documents: int = 0  # that were asked for: each leaves the one before
    asked_by: dict[Request, int] = field(default_factory=dict)  # of each request, the document that was there

    def go(self, path: str = "/") -> Page:
        """Open a page of the app by its address and wait until it is drawn."""
        self.page.goto(self.app.url + path)
        settle(self.page)
        return self.page


@contextmanager
def served(data: Path, log: Path, *arguments: str, installed: Path | None = None) -> Iterator[App]:
    """Serve the app on a port of the system's choice, with `arguments` for app.py. Its pilots outlive it.

    installed: the `posttrain` of an environment, which serves its own app outside the checkout.
    """
    command = [sys.executable, "-m", "streamlit", "run", str(ROOT / "app.py"), "--server.headless", "true"]
    command += ["--server.port", "0", "--server.fileWatcherType", "none", "--", *arguments]
    environment = {**os.environ, "POSTTRAIN_DATA": str(data), "PYTHONPATH": str(ROOT)}
    if installed:
        command = [str(installed), "app", "--port", "0", "--headless", *arguments]
        del environment["PYTHONPATH"]
    with log.open("w", encoding="utf-8") as said:
        folder = data.parent if installed else ROOT
        server = subprocess.Popen(command, cwd=folder, env=environment, stdout=said, stderr=said)
    try:
        yield App(_address(server, log), data, log)
    finally:
        server.terminate()
        try:
            server.wait(20)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def _address(server: "subprocess.Popen[bytes]", log: Path) -> str:
    """Return where the server says that it listens."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and server.poll() is None:
        if found := re.search(r"URL: (http://127\.0\.0\.1:\d+)\n", log.read_text(encoding="utf-8")):
            return found[1]
        time.sleep(0.05)
    raise RuntimeError(f"the app does not serve:\n{log.read_text(encoding='utf-8')}")


@contextmanager
def chromium() -> Iterator[Browser]:
    """Open Chromium without a window."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=_QUIET)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def sitting(browser: Browser, app: App, **options: Any) -> Iterator[Sitting]:
    """Open a window with nothing remembered; where all went well until its end, nothing may have gone wrong in it.

    Raises AssertionError with every trouble: this file is no test, so pytest shows no value of a bare assert here.
    """
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    context.set_default_timeout(PATIENCE * 1000)
    now = Sitting(context, context.new_page(), app)
    context.on("console", lambda one: _heard(one, now))
    context.on("weberror", lambda one: now.troubles.append(f"page error: {one.error}"))
    context.on("request", lambda one: _asked(one, now))
    context.on("requestfailed", lambda one: _failed(one, now))
    context.on("response", lambda one: _answered(one, now))
    try:
        yield now
        if now.troubles:
            raise AssertionError("in the window went wrong:\n" + "\n".join(now.troubles))
    finally:
        context.close()


def _heard(one: ConsoleMessage, now: Sitting) -> None:
    if one.type == "error" and not _PROBE.match(one.location["url"]):
        now.troubles.append(f"console: {one.text} ({one.location['url']})")


def _asked(one: Request, now: Sitting) -> None:
    if one.is_navigation_request() and one.frame == now.page.main_frame:
        now.documents += 1
    now.asked_by[one] = now.documents
    if not one.url.startswith((now.app.url, "data:", "blob:")):
        now.troubles.append(f"asked elsewhere: {one.url}")


def _failed(one: Request, now: Sitting) -> None:
    """Write down a failure, but not of a request that was cut off because its page was left.

    Example: a font of the advisor is still on its way when the test opens the pilot.
    """
    was_left = now.asked_by[one] < now.documents
    if not (was_left and one.failure == "net::ERR_ABORTED"):
        now.troubles.append(f"failed: {one.url} {one.failure}")


def _answered(one: Response, now: Sitting) -> None:
    if one.status >= 400 and not (one.status == 404 and _PROBE.match(one.url)):
        now.troubles.append(f"{one.status}: {one.url}")


def settle(page: Page) -> None:
    """Wait until the script has run to its end and everything is drawn that can be seen."""
    page.wait_for_function(_ENDED, timeout=PATIENCE * 1000)
