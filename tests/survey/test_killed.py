"""A real `kill -9` of real processes at random moments of harvest and download: nothing lost, nothing repeated.

POSTTRAIN_KILLS sets how many times in each of the three crawls; `make crawl` takes 40, which makes more than a hundred.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from posttrain.errors import ExitCode
from survey.arxiv.ledger import Ledger
from survey.store.papers import Store

ROOT = Path(__file__).resolve().parents[2]
KILLS = int(os.environ.get("POSTTRAIN_KILLS", "6"))  # attempts; a run that ends before its kill is none
KILLED = "killed"  # how the agent of a run that is to be killed begins, with a number: whose a request was
WINDOW = ("--from", "2024-01-01", "--until", "2024-03-31")
HARVEST = ("harvest", "--source", "api", *WINDOW)


@dataclass
class Crawl:
    """A fake arXiv in a process of its own, the settings that lead there, its journal, and a folder of data."""

    folder: Path
    environment: dict[str, str]
    page: int  # entries that the client asks for at once
    rng: random.Random = field(default_factory=lambda: random.Random(5))
    kills: int = 0

    def requests(self) -> list[tuple[str, str]]:
        """Every request in its order."""
        return [self._request(line) for line in self._journal()]

    def needlessly_repeated(self) -> Counter[tuple[str, str]]:
        """The requests that were made again though no kill had interrupted them.

        A busy server may write down the last request of a killed run after its end: the agent tells whose it is.
        """
        last = {line["agent"]: self._request(line) for line in self._journal()}
        killed = [f"{KILLED}{number}@" for number in range(self.kills)]
        in_flight = Counter(request for agent, request in last.items() if any(name in agent for name in killed))
        return Counter(self.requests()) - Counter(set(self.requests())) - in_flight

    def run(self, *arguments: str) -> str:
        """Run `survey` to its end; return what it printed."""
        done = subprocess.run(self._command(arguments), **self._place(), capture_output=True, text=True, check=False)
        assert done.returncode == ExitCode.OK, done.stderr
        return done.stdout

    def run_and_kill(self, *arguments: str) -> None:
        """Run `survey` and kill it after a random number of requests, KILLS times."""
        quiet = subprocess.DEVNULL
        for _ in range(KILLS):
            place = self._place(contact=f"{KILLED}{self.kills}@example.org")
            run = subprocess.Popen(self._command(arguments), **place, stdout=quiet, stderr=quiet)
            self._wait_for_requests(len(self._journal()) + self.rng.randint(1, 6), run)
            time.sleep(self.rng.uniform(0.0, 0.1))  # a request takes about 0.05 s: before, during or after the next
            if run.poll() is None:
                run.send_signal(signal.SIGKILL)
                self.kills += 1
            run.wait()

    def _wait_for_requests(self, count: int, run: "subprocess.Popen[bytes]") -> None:
        while len(self._journal()) < count and run.poll() is None:
            time.sleep(0.01)

    def _journal(self) -> list[dict[str, Any]]:
        journal = self.folder / "journal"
        return [json.loads(line) for line in journal.read_text().splitlines()] if journal.exists() else []

    @staticmethod
    def _request(line: dict[str, Any]) -> tuple[str, str]:
        return str(line["path"]), str(line["query"])

    def _place(self, contact: str = "tests@example.org") -> dict[str, Any]:
        return {"env": {**self.environment, "POSTTRAIN_ARXIV_CONTACT": contact}, "cwd": self.folder}

    def _command(self, arguments: tuple[str, ...]) -> list[str]:
        small = f"import survey.arxiv.api as api; api.PAGE, api.WINDOW = {self.page}, 2000"
        return [sys.executable, "-c", f"{small}; import survey.cli; survey.cli.main()", *arguments]


@contextmanager
def crawl(folder: Path, papers: int, page: int) -> Iterator[Crawl]:
    """A crawl of its own under `folder`, of papers that all have content."""
    folder.mkdir()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.fake_arxiv", "--papers", str(papers), "--seed", "3", *WINDOW,
         "--window", "2000", "--pace", "0.02", "--field", "7", "--journal", str(folder / "journal")],
        stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    assert process.stdout
    urls = {f"POSTTRAIN_ARXIV_{name.upper()}": url for name, url in json.loads(process.stdout.readline()).items()}
    settings = {"POSTTRAIN_ARXIV_DELAY_SECONDS": "0.05"}
    own = {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(folder / "cache"), "POSTTRAIN_DATA": "data"}
    try:
        yield Crawl(folder, {**os.environ, **own, **urls, **settings}, page)
    finally:
        process.kill()
        process.wait()


@pytest.mark.slow
def test_a_harvest_that_is_killed_loses_and_repeats_nothing(tmp_path: Path) -> None:
    """Every paper is listed in the end; no request was made twice but those that a kill interrupted."""
    with crawl(tmp_path / "killed", 9000, page=1200 // KILLS) as killed:
        killed.run_and_kill(*HARVEST)
        killed.run(*HARVEST)
        print(f"{killed.kills} of {KILLS} attempts killed a harvest of 9,000 papers at work")
        assert killed.kills >= KILLS / 4
        assert not killed.needlessly_repeated()
    with Ledger(tmp_path / "killed" / "data") as ledger:
        assert ledger.count() == 9000
        assert all(one.expected == one.got for one in ledger.slices() if one.state == "done")


@pytest.mark.slow
def test_the_tables_of_a_crawl_that_is_killed_are_bit_for_bit_those_of_one_that_is_not(tmp_path: Path) -> None:
    """Killed in the harvest and in the download, then resumed; each paper has its content once."""
    papers = 8 * KILLS
    with crawl(tmp_path / "killed", papers, page=2) as killed, crawl(tmp_path / "whole", papers, page=2) as whole:
        killed.run_and_kill(*HARVEST)
        killed.run(*HARVEST)
        killed.run_and_kill("download")
        print(f"{killed.kills} of {2 * KILLS} attempts killed a harvest or a download of {papers} papers at work")
        assert killed.kills >= KILLS / 2
        whole.run(*HARVEST)
        for one in (killed, whole):
            one.run("download")
            one.run("extract")
        assert not killed.needlessly_repeated()
        assert set(killed.requests()) == set(whole.requests())
        with Store(tmp_path / "killed" / "data") as store:
            held = [source.paper for source in store.sources()]
            assert len(held) == len(set(held)) == papers
        assert _exported(killed) == _exported(whole)


def _exported(crawl: Crawl) -> dict[str, bytes]:
    """The counts and the trend tables in every format that holds numbers."""
    crawl.run("label", "--export", "counts.parquet")
    for form in ("csv", "json", "parquet", "latex"):
        crawl.run("report", "--by", "month", "--sweep", "1..10", "--format", form, "--out", f"table.{form}")
    return {path.name: path.read_bytes() for path in sorted(crawl.folder.glob("*.*"))}
