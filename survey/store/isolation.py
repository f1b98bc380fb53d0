"""Work on one paper in a process of its own, under limits, so that a crash or a hang ends that paper alone."""

import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessPool

from posttrain.errors import UnreadableError, printable

SECONDS_PER_TASK = 60.0
_MEMORY_PER_WORKER = 4 << 30  # bytes of address space
_SECONDS_TO_END = 5.0  # for a pool that is abandoned
_AHEAD = 4  # tasks waiting per worker; enough to keep it busy, few enough to keep results small


Task = TypeVar("Task")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Failed:
    """A task that gave no result, with the reason for the record of its paper."""

    reason: str


def run_isolated(
    function: Callable[[Task], Result],
    tasks: Iterable[Task],
    workers: int,
    seconds: float = SECONDS_PER_TASK,
) -> Iterator[tuple[Task, Result | Failed]]:
    """Yield every task with its result or its failure, in the order of the tasks.

    `function` must be importable by name. UnreadableError gives its own text as the reason; a hang past `seconds`,
    a crash and a lack of memory are failures too.
    """
    context = multiprocessing.get_context("spawn" if sys.platform == "win32" else "forkserver")
    context.set_forkserver_preload([function.__module__])  # imported once, and not again by every worker
    others = set(multiprocessing.active_children())
    pool = ProcessPool(max_workers=workers, context=context, initializer=_limit_worker)
    waiting: list[tuple[Task, Any]] = []
    try:
        for task in tasks:
            waiting.append((task, pool.schedule(_guarded, args=[function, task], timeout=seconds)))
            if len(waiting) >= workers * _AHEAD:
                yield _outcome(*waiting.pop(0), seconds)
        while waiting:
            yield _outcome(*waiting.pop(0), seconds)
        pool.close()  # type: ignore[no-untyped-call]
        pool.join()
    except BaseException:
        _abandon(pool, others)
        raise


def _abandon(pool: ProcessPool, others: "set[multiprocessing.process.BaseProcess]") -> None:
    """End a pool at once, whatever its workers are at: an interrupt must not wait for a paper that hangs.

    The pool's own end can wait for a lock that a worker held when it was killed, so it gets a few seconds and no more;
    its threads are daemons and go with the process. (Its context manager would close it after stopping it, and a pool
    that is closed waits for its tasks.)
    """
    pool.stop()  # type: ignore[no-untyped-call]
    ending = threading.Thread(target=pool.join, daemon=True)
    ending.start()
    deadline = time.monotonic() + _SECONDS_TO_END
    while ending.is_alive() and time.monotonic() < deadline:
        for worker in set(multiprocessing.active_children()) - others:  # also one that was on its way
            worker.kill()
        ending.join(0.1)


def default_workers() -> int:
    """One worker per core that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _guarded(function: Callable[[Task], Result], task: Task) -> Result | Failed:
    """Runs in a worker: of an error only its reason crosses over, for one that cannot be unpickled ends the pool."""
    try:
        return function(task)
    except UnreadableError as error:
        return Failed(str(error))
    except Exception as error:  # a fault of the reader must not end the run
        return Failed(_fault(error))


def _outcome(task: Task, future: Any, seconds: float) -> tuple[Task, Any]:
    try:
        return task, future.result()
    except FutureTimeoutError:
        return task, Failed(f"reading took longer than {seconds:.0f} s and was stopped")
    except ProcessExpired as error:
        return task, Failed(f"the reader crashed ({_signal_name(error.exitcode)})")
    except Exception as error:  # a result that cannot be pickled, or one too large for the memory that is left
        return task, Failed(_fault(error))


def _fault(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return f"reading needs more than {_MEMORY_PER_WORKER >> 30} GB of memory"
    if isinstance(error, RecursionError):
        return "nested too deep to be read"
    return printable(f"the reader failed: {type(error).__name__}: {error}"[:300])  # the type leads a developer to it


def _signal_name(exit_code: int) -> str:
    try:
        return signal.Signals(-exit_code).name if exit_code < 0 else f"exit code {exit_code}"
    except ValueError:
        return f"exit code {exit_code}"


def _limit_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt ends
    try:
        import resource
    except ImportError:
        return  # not on Windows; the time limit still holds there
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_PER_WORKER, _MEMORY_PER_WORKER))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
