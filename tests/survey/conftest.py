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
