"""The wheel alone, in a clean environment outside any checkout, does what a checkout does."""

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests import browser as browsing
from tests.conftest import ROOT

pytestmark = pytest.mark.slow

# What code reads besides code; each stands for a folder that a wheel could lack.
CARRIED = (
    "posttrain/reference_data/mentions.parquet", "posttrain/reference_data/published/domain.csv",
    "posttrain/icon.svg", "posttrain/entry/app.py", "posttrain/entry/.streamlit/config.toml", "posttrain/py.typed",
    "survey/page/trends.py", "survey/py.typed", "survey/warehouse/sql/trend_domain.sql",
    "advisor/pages/pilot.py", "advisor/export/scripts/prepare.py.txt", "advisor/py.typed",
    "reference_impls/starter/model.safetensors", "reference_impls/starter/tokenizer.json", "reference_impls/py.typed",
)  # fmt: skip
PRIMARY = "rgb(0, 96, 160)"  # theme.light.primaryColor of .streamlit/config.toml
_HAS_COLOUR = """(colour) => [...document.querySelectorAll('*')].some((element) => {
    const style = getComputedStyle(element);
    return [style.color, style.backgroundColor, style.borderTopColor].includes(colour);
})"""


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel in it, and an empty folder to work in."""

    programs: Path
    folder: Path

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        return subprocess.run(
            [str(self.programs / command[0]), *command[1:]],
            capture_output=True, text=True, check=False, cwd=self.folder, env=environment,
        )  # fmt: skip


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the checkout without an index."""
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    built = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    (path,) = folder.glob("posttrain-*.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel in an environment of its own; its dependencies, torch among them, are those of the tests."""
    folder = tmp_path_factory.mktemp("clean")
    home = folder / "environment"
    venv.create(home)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(home)}))
    install = [sys.executable, "-m", "pip", "--python", str(home / "bin" / "python"), "install"]
    placed = subprocess.run(
        [*install, "--no-deps", "--no-index", "--quiet", str(wheel)], capture_output=True, text=True, check=False
    )
    assert placed.returncode == 0, placed.stderr
    # A path in a .pth file is searched last, and the .pth files there, such as the checkout's, are not read.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (folder / "work").mkdir()
    return Installed(home / "bin", folder / "work")


def test_the_wheel_carries_what_the_code_reads_and_nothing_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert set(CARRIED) - names == set()
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == {"posttrain", "survey", "advisor", "reference_impls"}
    rooms = {
        f"{path.relative_to(ROOT)}"
        for top in tops
        for path in (ROOT / top).rglob("*.*")
        if "__pycache__" not in str(path)
    }
    assert {name for name in rooms if (ROOT / name).is_file()} - names == set()


def test_every_package_comes_from_the_wheel(installed: Installed) -> None:
    """Otherwise the other tests of this file would try the checkout."""
    rooms = "posttrain, survey.cli, advisor.cli, reference_impls.configs"
    code = f"import {rooms}, sys; print(*(sys.modules[name].__file__ for name in '{rooms}'.split(', ')), sep='\\n')"
    files = installed.run("python", "-c", code).stdout.split()
    assert len(files) == 4
    assert [file for file in files if not Path(file).is_relative_to(installed.programs.parent)] == []


def test_the_commands_answer_as_in_a_checkout(installed: Installed) -> None:
    reported = installed.run("survey", "report", "--json")
    assert reported.returncode == 0, reported.stderr
    assert sum(row["k"] for row in json.loads(reported.stdout)["data"]["tables"][0]["rows"]) > 100
    advised = installed.run("advisor", "ask", "--no-input", "--json", "--set", "verifier=unit-tests")
    assert advised.returncode == 0, advised.stderr
    assert json.loads(advised.stdout)["data"]["ranked"][0]["reasons"]
    assert installed.run("posttrain").stdout.count("?") == 4


def test_a_frame_comes_from_the_wheel(installed: Installed) -> None:
    code = "import posttrain as pt; print(int(pt.trends('method').k.sum()))"
    assert int(installed.run("python", "-c", code).stdout) > 50


def test_the_demo_of_the_wheel_trains_once_and_shows_all_of_it_again(installed: Installed) -> None:
    """A small budget; `make demo` runs the same with its own."""
    first = installed.run("posttrain", "demo", "--budget", "5k-tokens")
    assert first.returncode == 0, first.stderr
    assert [line[:5] for line in first.stderr.splitlines() if line[0] == "["] == [
        f"[{step}/4]" for step in (1, 2, 3, 4)
    ]
    shown = [first.stdout.index(words) for words in ("Papers by domain", "rejection_sampling", "over no training")]
    assert shown == sorted(shown)
    folder = installed.folder / "data" / "demo-5k-tokens"
    outcome = json.loads((folder / "pilot" / "outcome.json").read_text())
    assert len(outcome["arms"]) >= 3 and outcome["failed"] == []
    written = {path: path.stat().st_mtime_ns for path in folder.rglob("result.json")} | {
        path: path.stat().st_mtime_ns for path in (folder / "plan.json", folder / "traits.json")
    }
    second = installed.run("posttrain", "demo", "--budget", "5k-tokens")
    assert second.returncode == 0 and "read from data/demo-5k-tokens" in second.stderr
    assert {path: path.stat().st_mtime_ns for path in written} == written


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """Chromium; without one the test is skipped, but not where continuous integration runs."""
    if browsing.CHROMIUM is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(browsing.INSTALL)
    with browsing.chromium() as browser:
        yield browser


def test_the_app_of_the_wheel_shows_its_pages_in_its_own_colours(installed: Installed, chromium: Browser) -> None:
    """Nothing lies in the folder where it is started: theme and loopback come from the wheel."""
    data, log = installed.folder / "own", installed.folder / "app.log"
    with (
        browsing.served(data, log, installed=installed.programs / "posttrain") as app,
        browsing.sitting(chromium, app, color_scheme="light") as window,
    ):
        page = window.go("/")
        assert page.locator("h1").inner_text() == "What the field trains with"
        assert page.evaluate(_HAS_COLOUR, PRIMARY)
        assert window.go("/advisor").locator("h1").inner_text() == "What should I train with?"
        assert window.go("/pilot").locator("h1").inner_text() == "Does it work on my task?"
        assert app.troubles() == []
