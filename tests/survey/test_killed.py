"""A real `kill -9` of real processes at random moments of harvest and download: nothing lost, nothing repeated."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from survey.errors import ExitCode
from survey.ledger import Ledger
from survey.store import Store

ROOT = Path(__file__).resolve().parents[2]
SMALL = "import survey.listing.api as api; api.PAGE, api.WINDOW = 100, 2000; import survey.cli; survey.cli.main()"
KILLS = 12  # attempts; a run that ends before its kill is one less


@dataclass(frozen=True)
class Server:
    """A fake arXiv in a process of its own, the settings that lead there, and its journal."""

    environment: dict[str, str]
    journal: Path

    def repeated(self) -> int:
        """How many requests were made a second time."""
        lines = map(json.loads, self.journal.read_text().splitlines())
        asked = Counter((line["path"], str(line["query"])) for line in lines)
        return sum(count - 1 for count in asked.values())

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Run `survey` to its end."""
        return subprocess.run(
            self._command(arguments), env=self.environment, capture_output=True, text=True, check=False
        )

    def run_and_kill(self, rng: random.Random, *arguments: str) -> int:
        """Run `survey` and kill it after a random while; return 1 where it was still running."""
        quiet = subprocess.DEVNULL
        run = subprocess.Popen(self._command(arguments), env=self.environment, stdout=quiet, stderr=quiet)
        time.sleep(rng.uniform(0.5, 1.2))
        alive = run.poll() is None
        if alive:
            run.send_signal(signal.SIGKILL)
        run.wait()
        return int(alive)

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        return [sys.executable, "-c", SMALL, *arguments]


@pytest.fixture
def server(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server of as many papers as the test asks for, all with content."""
    papers, content_share = request.param
    journal = tmp_path / "journal"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fake_arxiv", "--papers", str(papers), "--seed", "3", "--from", "2024-01-01",
         "--until", "2024-03-31", "--window", "2000", "--pace", "0.02", "--content-share", str(content_share),
         "--journal", str(journal)],
        stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    assert process.stdout
    urls = {f"POSTTRAIN_ARXIV_{name.upper()}": url for name, url in json.loads(process.stdout.readline()).items()}
    settings = {"POSTTRAIN_ARXIV_CONTACT": "tests@example.org", "POSTTRAIN_ARXIV_DELAY_SECONDS": "0.05"}
    own = {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    try:
        yield Server({**os.environ, **own, **urls, **settings}, journal)
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
@pytest.mark.parametrize("server", [(9000, 0.0)], indirect=True)
def test_a_harvest_that_is_killed_loses_and_repeats_nothing(server: Server) -> None:
    """Every paper is listed in the end; of the requests only those in flight at a kill were made twice."""
    asked = ("harvest", "--source", "api", "--from", "2024-01-01", "--until", "2024-03-31")
    rng = random.Random(5)
    kills = sum(server.run_and_kill(rng, *asked) for _ in range(KILLS))
    done = server.run(*asked)
    assert done.returncode == ExitCode.OK, done.stderr
    assert kills >= 3
    with Ledger(Path("data")) as ledger:
        assert ledger.count() == 9000
        assert all(one.expected == one.got for one in ledger.slices() if one.state == "done")
    assert server.repeated() <= kills


@pytest.mark.slow
@pytest.mark.parametrize("server", [(90, 1.0)], indirect=True)
def test_a_download_that_is_killed_loses_and_repeats_nothing(server: Server) -> None:
    """Every paper has its content once, and only what was in flight at a kill was asked for twice."""
    server.run("harvest", "--source", "api", "--from", "2024-01-01", "--until", "2024-03-31")
    rng = random.Random(6)
    kills = sum(server.run_and_kill(rng, "download") for _ in range(KILLS))
    done = server.run("download", "--json")
    assert done.returncode == ExitCode.OK, done.stderr
    assert kills >= 3
    with Store(Path("data")) as store, Ledger(Path("data")) as ledger:
        held = [source.paper for source in store.sources()]
        assert len(held) == len(set(held))
        assert set(held) | ledger.without_content() == {paper.arxiv_id for paper in ledger.listed()}
    assert server.repeated() <= kills
