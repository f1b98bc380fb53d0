"""The pictures of the app in the documents, `make pictures`: the real app, and a pilot that was really run.

    python -m tests.pictures DATA [--all FOLDER]

Writes docs/images/app-*.png, and front.png: trends and advice next to each other, the picture of README. DATA holds
nothing but a pilot, which is run once. `--all` writes every page, whole, on desktop and phone, light and dark, into a
folder to look at.
"""

import argparse
import io
import tempfile
import time
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page

from advisor.plan import priced_plan
from advisor.runs.background import start
from advisor.runs.recommended import Recommended
from advisor.runs.status import pilots
from advisor.task.examples import examples
from tests.browser import ROOT, App, chromium, served, settle, sitting

IMAGES = ROOT / "docs" / "images"
WIDTH, HEIGHT = 1280, 1100
GAP = 24  # pixels between the panels of front.png
COLOURS = 128  # of a picture; the pages are flat, and more of them cannot be seen
TUTOR = next(one for one in examples() if "tutor" in one.title)
ADDRESSES = {"trends": "/", "advisor": "/advisor", "pilot": "/pilot"}


def main() -> None:
    """Write the pictures that are asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.pictures")
    parser.add_argument("data", type=Path)
    parser.add_argument("--all", dest="folder", type=Path)
    asked = parser.parse_args()
    data = asked.data.resolve()
    run_pilot(data)
    with tempfile.TemporaryDirectory() as place, served(data, Path(place) / "log") as app, chromium() as browser:
        if asked.folder:
            look_at_all(browser, app, asked.folder)
            return
        IMAGES.mkdir(exist_ok=True)
        for name, path in ADDRESSES.items():
            with sitting(browser, app, viewport={"width": WIDTH, "height": HEIGHT}) as window:
                page = opened(window.go(path), name)
                print(save(page, IMAGES / f"app-{name}.png"))
        print(front())


def front() -> str:
    """Write the pictures of trends and advice next to each other, each at two thirds of its size."""
    pages = [Image.open(IMAGES / f"app-{name}.png").convert("RGB") for name in ("trends", "advisor")]
    panels = [page.resize((2 * page.width // 3, 2 * page.height // 3), Image.Resampling.LANCZOS) for page in pages]
    width = sum(panel.width for panel in panels) + GAP
    sheet = Image.new("RGB", (width, max(panel.height for panel in panels)), "white")
    sheet.paste(panels[0], (0, 0))
    sheet.paste(panels[1], (panels[0].width + GAP, 0))
    return write(sheet, IMAGES / "front.png")


def run_pilot(data: Path) -> None:
    """Run the pilot of the pictures where it has not been run, and wait for its end."""
    advice = Recommended(ranked=("sft", "rejection_sampling", "grpo"))
    task = {"model": "starter", "data": "task:addition", "verifier": None}
    plan = priced_plan(advice, task, "30k-tokens", settings={"eval_size": 100})
    data.mkdir(parents=True, exist_ok=True)
    print("a pilot of about a minute; the next time it is read from", data)
    folder = start(plan, data, at_once=2)
    while any(one.at_work for one in pilots(data)):
        time.sleep(1)
    if not (folder / "outcome.json").exists():
        raise SystemExit(f"the pilot did not end: {folder / 'pilot.log'}")


def opened(page: Page, name: str) -> Page:
    """Return a page as its picture shows it: the advisor with an example's answers, and no focus anywhere."""
    if name == "advisor":
        page.get_by_role("button", name=TUTOR.title).click()
        page.get_by_text("Memory on one GPU").wait_for()
    page.evaluate("document.activeElement.blur()")
    page.mouse.move(0, 0)
    settle(page)
    page.wait_for_timeout(500)  # expanders and charts move to their places
    return page


def save(page: Page, path: Path) -> str:
    """Write a picture of a page and return its name and size."""
    return write(Image.open(io.BytesIO(page.screenshot())).convert("RGB"), path)


def write(picture: Image.Image, path: Path) -> str:
    """Write a picture with few colours and return its name and size."""
    few = picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, kmeans=2, dither=Image.Dither.NONE)
    few.save(path, optimize=True)
    return f"{path.name}: {few.width}×{few.height}, {path.stat().st_size / 1000:.0f} kB"


def look_at_all(browser: Browser, app: App, folder: Path) -> None:
    """Write every page, as tall as it is, on desktop and phone, light and dark."""
    folder.mkdir(parents=True, exist_ok=True)
    for device, width in {"desktop": WIDTH, "phone": 390}.items():
        for colours in ("light", "dark"):
            for name, path in {**ADDRESSES, "methods": "/?axis=method", "texts": "/?surface=text"}.items():
                with sitting(browser, app, viewport={"width": width, "height": 900}, color_scheme=colours) as window:
                    page = opened(window.go(path), name)
                    tall = page.evaluate("document.querySelector('[data-testid=stMain]').scrollHeight")
                    page.set_viewport_size({"width": width, "height": tall + 20})
                    page.wait_for_timeout(500)
                    settle(page)
                    print(save(page, folder / f"{name}-{device}-{colours}.png"))


if __name__ == "__main__":
    main()
