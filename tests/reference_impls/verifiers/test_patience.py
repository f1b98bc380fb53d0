"""Limits are of processor time: a busy machine changes no verdict, and a process that waits is not waited for."""

import os
import subprocess
import sys
import time

import pytest

from reference_impls.verifiers import Outcome, load_verifier
from reference_impls.verifiers.workers.patience import Patience, processor_seconds

linux = pytest.mark.skipif(sys.platform != "linux", reason="the clock of another process is Linux's")


def compute(seconds: float) -> None:
    """Take so much time of the processor."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


@linux
def test_the_clock_of_a_process_is_its_processor_time() -> None:
    """Of one's own as of a child's; nothing for one that is gone."""
    before = processor_seconds(os.getpid())
    compute(0.05)
    after = processor_seconds(os.getpid())
    assert before is not None and after is not None and after - before >= 0.05
    child = subprocess.Popen([sys.executable, "-c", "pass"])
    child.wait()
    assert processor_seconds(child.pid) is None


@linux
def test_time_is_over_when_the_processor_was_had() -> None:
    """However long that took on the clock."""
    patience = Patience([os.getpid()], 0.2)
    assert 0 < patience.left() <= 0.2
    compute(0.21)
    assert patience.left() <= 0


@linux
def test_a_process_that_waits_has_as_long_on_the_clock() -> None:
    """And one that computes in between goes on."""
    idle = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE)
    try:
        while (taken := processor_seconds(idle.pid) or 0.0) == 0.0 or _still_starts(idle.pid, taken):
            pass
        patience = Patience([idle.pid], 0.3)
        assert patience.left() > 0
        time.sleep(0.35)
        assert patience.left() == 0
    finally:
        idle.kill()
        idle.wait()


def _still_starts(pid: int, taken: float) -> bool:
    time.sleep(0.3)
    return (processor_seconds(pid) or 0.0) > taken


@linux
@pytest.mark.slow
def test_verdicts_beside_busy_loops_are_those_of_an_idle_machine() -> None:
    """A program that needs 0.8 of 2 seconds passes beside eight busy loops; one that needs 10 does not."""
    loops = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(8)]
    program = (
        "import time\ndef f():\n    end = time.process_time() + {}\n"
        "    while time.process_time() < end: pass\n    return 1"
    )
    row = {"tests": ["assert f() == 1"]}
    try:
        with load_verifier("unit-tests", seconds=2, workers=2) as verifier:
            verdicts = verifier.verify([("", program.format(seconds), row) for seconds in (0.8, 10, 0.1)])
    finally:
        for loop in loops:
            loop.kill()
            loop.wait()
    assert [verdict.outcome for verdict in verdicts] == [Outcome.RIGHT, Outcome.WRONG, Outcome.RIGHT]
    assert "took longer than 2 s" in verdicts[1].reason
