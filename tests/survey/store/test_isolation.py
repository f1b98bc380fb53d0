"""Isolation: a hang, a crash or a hunger for memory ends one task, and the others have their results in order."""

import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from posttrain.errors import UnreadableError
from survey.store.isolation import Failed, default_workers, run_isolated, stream_isolated
from tests.workers import HANG, act, count_for_ever, count_to, process_id, sleep_for


def _run(tasks: list[str], workers: int = 2, seconds: float = 30) -> list[str | Failed]:
    outcomes = list(run_isolated(act, tasks, workers, seconds))
    assert [task for task, _ in outcomes] == tasks
    return [outcome for _, outcome in outcomes]


def _reason(outcome: str | Failed) -> str:
    assert isinstance(outcome, Failed)
    return outcome.reason


def test_results_come_in_the_order_of_the_tasks() -> None:
    """Also where a later task is done long before an earlier one."""
    tasks = [0.3, 0.0, 0.1, 0.0, 0.0, 0.05] * 2
    assert list(run_isolated(sleep_for, tasks, 2)) == [(task, task) for task in tasks]


def test_more_tasks_than_wait_at_once_all_come_back() -> None:
    tasks = [str(number) for number in range(200)]
    assert _run(tasks) == tasks


def test_no_task_gives_no_result() -> None:
    assert _run([]) == []


def test_the_work_is_done_in_other_processes() -> None:
    """Not in this one: a crash there cannot end us."""
    assert os.getpid() not in {result for _, result in run_isolated(process_id, range(5), 2)}


def test_tasks_are_taken_as_they_are_needed() -> None:
    """A million papers are not all queued at once: little more is drawn than what the workers can hold."""
    drawn = []

    def tasks() -> "object":
        for number in range(1000):
            drawn.append(number)
            yield str(number)

    outcomes = run_isolated(act, tasks(), 2)  # type: ignore[arg-type]
    next(outcomes)
    assert len(drawn) <= 10
    outcomes.close()  # type: ignore[attr-defined]


def test_an_unreadable_file_gives_its_own_text_as_the_reason() -> None:
    assert _run(["unreadable", "next"]) == [Failed("a file of ice"), "next"]


@pytest.mark.slow
def test_a_hang_is_stopped_at_the_limit_and_the_next_task_still_runs() -> None:
    """Each of more hangs than workers costs its limit once; a hang would last ten minutes."""
    outcomes = _run(["hang", "first", "hang", "hang", "last"], seconds=2)
    assert outcomes[1::3] == ["first", "last"]
    assert [_reason(outcomes[n]) for n in (0, 2, 3)] == ["reading took longer than 2 s and was stopped"] * 3


@pytest.mark.slow
def test_endless_computing_is_stopped_too() -> None:
    """By its CPU time, which a busy machine does not add to."""
    outcomes = _run(["spin", "next"], workers=1, seconds=0.5)
    assert outcomes == [Failed("reading took longer than 0 s and was stopped"), "next"]


def test_a_crash_is_a_failure_and_the_others_survive() -> None:
    outcomes = _run(["a", "crash", "b", "crash", "crash", "c", "d"])
    assert [outcome for outcome in outcomes if isinstance(outcome, str)] == ["a", "b", "c", "d"]
    assert {_reason(outcomes[n]) for n in (1, 3, 4)} == {"the reader crashed (SIGSEGV)"}


def test_a_reader_that_ends_its_process_is_a_failure() -> None:
    outcomes = _run(["exit", "next"], workers=1)
    assert outcomes == [Failed("the reader crashed (exit code 3)"), "next"]


def test_a_hunger_for_memory_is_a_failure() -> None:
    """The limit holds for the worker alone; the machine may well have more."""
    outcomes = _run(["hog", "next", "hog"], workers=1)
    assert outcomes[1] == "next"
    assert _reason(outcomes[0]) == _reason(outcomes[2]) == "reading needs more than 4 GB of memory"


def test_bottomless_nesting_is_a_failure_with_its_own_reason() -> None:
    assert _run(["deep", "next"]) == [Failed("nested too deep to be read"), "next"]


def test_an_error_that_cannot_be_unpickled_fails_alone() -> None:
    """It used to end the pool, and with it every paper behind."""
    outcomes = _run(["a", "fault", *"bcdefghijk"], workers=1)
    assert _reason(outcomes[1]) == "the reader failed: TwoPartError: cold"
    assert outcomes[2:] == list("bcdefghijk")


@pytest.mark.slow
def test_leaving_early_stops_what_is_running() -> None:
    """An interrupt must not wait for papers that nobody will see."""
    start = time.monotonic()
    for task, _ in run_isolated(act, ["a", "hang", "hang"], 2):
        assert task == "a"
        break
    assert time.monotonic() - start < HANG / 2


def test_there_is_a_worker_per_core_that_may_be_used() -> None:
    assert default_workers() == len(os.sched_getaffinity(0))


@pytest.mark.slow
def test_the_limit_counts_from_the_start_of_a_task_and_not_of_the_queue() -> None:
    """Four tasks of 0.6 s behind each other take longer than the limit, and none is stopped."""
    tasks = [0.6] * 4
    assert [result for _, result in run_isolated(sleep_for, tasks, 1, 2.0)] == tasks


def test_a_stream_gives_its_items_as_they_come() -> None:
    assert list(stream_isolated(count_to, "4")) == ["1", "2", "3", "4"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("task", "reason"),
    [
        ("unreadable", "a file of ice"),
        ("crash", "the reader crashed (SIGSEGV)"),
        ("exit", "the reader crashed (exit code 3)"),
        ("hang", "reading took longer than 1 s and was stopped"),
        ("spin", "reading took longer than 1 s and was stopped"),
        ("fault", "the reader failed: TwoPartError: cold"),
    ],
)
def test_a_stream_that_fails_has_given_what_came_before(task: str, reason: str) -> None:
    items: list[str] = []
    with pytest.raises(UnreadableError) as raised:
        for item in stream_isolated(count_to, task, 1.0):
            items.append(item)  # what came before the error counts
    assert (items, str(raised.value)) == (["1", "2", "3"], reason)


def test_a_stream_waits_for_its_taker(tmp_path: Path) -> None:
    """What is not taken stays unread but for the numbers that a pipe holds, and the process ends with us."""
    stream = stream_isolated(count_for_ever, str(tmp_path / "at"))
    assert [next(stream), next(stream)] == [1, 2]
    stream.close()  # type: ignore[attr-defined]
    assert int((tmp_path / "at").read_text()) < 100_000


def test_no_more_workers_start_than_there_are_tasks() -> None:
    before = set(multiprocessing.active_children())
    results = run_isolated(process_id, ["a"], workers=8)
    next(results)
    assert len(set(multiprocessing.active_children()) - before) <= 1
    assert list(results) == []
    assert list(run_isolated(process_id, [], workers=8)) == []


def test_a_worker_that_starts_when_its_run_is_gone_says_nothing() -> None:
    """Its lock is gone before it begins, as behind a run that was killed; the process ends without tidying up."""
    late = """
import multiprocessing, os, _multiprocessing
from survey.store import isolation
from tests.workers import process_id
context = isolation._context(process_id)
lock = context.Lock()
_multiprocessing.sem_unlink(lock._semlock.name)
worker = context.Process(target=process_id, args=(lock,))
worker.start()
worker.join()
print(worker.exitcode, flush=True)
os._exit(0)
"""
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", late], capture_output=True, text=True, check=True, cwd=root)
    assert done.stdout == "1\n"
    assert "Traceback" not in done.stderr
