"""Fixtures of the survey's tests."""

import multiprocessing
from multiprocessing import forkserver

import pebble
import pytest


@pytest.fixture(scope="session", autouse=True)
def _quick_workers() -> None:
    """Load the readers into the one process that all workers fork from, and look after workers every 10 ms.

    A run of hundreds of pools, each for a paper or two, would mostly wait for them to start and to end.
    """
    multiprocessing.set_forkserver_preload(
        ["survey.ingest", "survey.extract", "survey.fulltext.records", "survey.store.quiet_start"]
    )
    forkserver.ensure_running()
    pebble.CONSTS.sleep_unit = 0.01


@pytest.fixture
def survey(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Runs `survey` and returns its exit code, stdout and stderr."""

    def run(*arguments: str) -> tuple[int, str, str]:
        from survey.cli import main  # here, for most tests need no command line

        monkeypatch.setattr("sys.argv", ["survey", *arguments])
        with pytest.raises(SystemExit) as end:
            main()
        return int(end.value.code or 0), *capsys.readouterr()

    return run
