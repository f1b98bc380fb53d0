"""Functions that tests run in other processes; those import them by name."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

from posttrain.errors import UnreadableError
from survey.paper import IdSource
from survey.store.papers import Outcome, Source, Store

HANG = 600  # seconds: longer than any test


class TwoPartError(Exception):
    """An error that can be pickled and not unpickled, as those of several libraries."""

    def __init__(self, what: str, where: str) -> None:
        super().__init__(what)
        self.where = where


def act(task: str) -> str:
    """Do what the name of the task says; any other task comes back as it is."""
    if task == "unreadable":
        raise UnreadableError("a file of ice")
    if task == "hang":
        time.sleep(HANG)
    if task == "spin":
        while True:
            pass
    if task == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if task == "exit":
        os._exit(3)
    if task == "hog":
        bytearray(6 << 30)
    if task == "deep":
        return act(task)
    if task == "fault":
        raise TwoPartError("cold", "north")
    return task


def sleep_for(seconds: float) -> float:
    """Return after `seconds`, which it gives back: later tasks can be done first."""
    time.sleep(seconds)
    return seconds


def process_id(_: object) -> int:
    """The process that does the work."""
    return os.getpid()


def add_papers(root: str, first: int, count: int) -> None:
    """Add `count` raw files with a source each, and a skip for each, into the store at `root`."""
    with Store(Path(root)) as store:
        for number in range(first, first + count):
            path = Path(root).parent / f"{number}.txt"
            beside = path.with_suffix(f".{os.getpid()}")  # whole at once: another process may be reading the same file
            beside.write_text(f"paper {number}")
            beside.replace(path)
            with path.open("rb") as stream:
                sha256, _ = store.add_raw(stream)
            store.add_sources([a_source(sha256, f"2501.{number:05d}")])
            store.record(Outcome(str(path), skipped="for the test"))


def a_source(sha256: str, paper: str, member: int = -1) -> Source:
    """A source without a title or date."""
    return Source(sha256, member, "markdown", paper, None, IdSource.HEADER, "", None, False, f"{paper}.md")


def count_to(task: str) -> Iterator[str]:
    """Yield 1, 2, 3 as text and then do what the name of the task says."""
    yield from ("1", "2", "3")
    yield act(task)


def count_for_ever(path: str) -> Iterator[int]:
    """Yield numbers without end, and write each in the file at `path` before it is given."""
    number = 0
    while True:
        number += 1
        Path(f"{path}.next").write_text(str(number))
        Path(f"{path}.next").replace(path)  # whole, wherever the process is ended
        yield number
