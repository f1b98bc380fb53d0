"""Work on one paper in a process of its own, under limits, so that a crash or a hang ends that paper alone.

The limit of time is CPU time, and time asleep: a reader that waits for its turn on a busy machine loses nothing, one
that computes for ever or waits for something that never comes is stopped.
"""

import itertools
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import closing, contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, TypeVar

from pebble import ProcessExpired, ProcessPool

from posttrain.errors import UnreadableError, printable

SECONDS_PER_TASK = 60.0  # of CPU, or asleep
_LAST_RESORT = 60  # times the limit, on the clock: for machines that do not say what a process is at
_WATCH = 0.1  # seconds between two looks at whether a worker sleeps
_MEMORY_PER_WORKER = 4 << 30  # bytes of address space
_SECONDS_TO_END = 5.0  # for a pool that is abandoned
_STEPS = ("survey.store.identify", "survey.extract")  # the modules whose functions run isolated
_QUIET = "survey.store.quiet_start"
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

    `function` must be importable by name. UnreadableError gives its own text as the reason; more than `seconds` of CPU
    time or asleep, a crash and a lack of memory are failures too. Tasks are drawn as workers get free; no more
    workers start than there are tasks.
    """
    tasks = iter(tasks)
    first = list(itertools.islice(tasks, workers))
    if not first:
        return
    others = set(multiprocessing.active_children())
    pool = ProcessPool(max_workers=len(first), context=_context(function), initializer=_limit_worker)
    waiting: list[tuple[Task, Any]] = []
    try:
        for task in itertools.chain(first, tasks):
            future = pool.schedule(_guarded, args=[function, task, seconds], timeout=seconds * _LAST_RESORT)
            waiting.append((task, future))
            if len(waiting) >= workers * _AHEAD:
                yield _outcome(*waiting.pop(0), seconds)
        while waiting:
            yield _outcome(*waiting.pop(0), seconds)
        pool.close()  # type: ignore[no-untyped-call]
        pool.join()
    except BaseException:
        _abandon(pool, others)
        raise


def stream_isolated(
    function: Callable[[Task], Iterable[Result]], task: Task, seconds: float = SECONDS_PER_TASK
) -> Iterator[Result]:
    """Yield what `function` yields for one task in a process of its own, as it comes; the reader waits for its taker.

    `seconds` is the limit of each item. Raises UnreadableError with the reason where the reading fails, behind the
    items that came before.
    """
    context = _context(function)
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_send_all, args=(function, task, theirs, seconds), daemon=True)
    process.start()
    theirs.close()  # so that the end of the process is the end of the pipe
    with closing(ours):
        try:
            while (item := ours.recv()) is not None:
                if isinstance(item, Failed):
                    raise UnreadableError(item.reason)
                yield item[0]
        except EOFError:
            process.join()
            raise UnreadableError(_end(process.exitcode or 0, seconds)) from None
        finally:
            process.kill()
            process.join()


def _send_all(
    function: Callable[[Task], Iterable[Result]], task: Task, pipe: "Connection[Any, Any]", seconds: float
) -> None:
    """Runs in a process of its own."""
    _limit_worker()
    try:
        items = iter(function(task))
        while True:
            with _time_limit(seconds):
                item = next(items, None)
            pipe.send(None if item is None else (item,))
            if item is None:
                return
    except UnreadableError as error:
        pipe.send(Failed(str(error)))
    except Exception as error:
        pipe.send(Failed(_fault(error)))


def _context(function: Callable[..., Any]) -> Any:
    context = multiprocessing.get_context("spawn" if sys.platform == "win32" else "forkserver")
    # imported once, and not again by every worker; one server forks the workers of both steps
    context.set_forkserver_preload(sorted({*_STEPS, _QUIET, function.__module__}))
    return context


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


def _guarded(function: Callable[[Task], Result], task: Task, seconds: float) -> Result | Failed:
    """Runs in a worker: of an error only its reason crosses over, for one that cannot be unpickled ends the pool."""
    try:
        with _time_limit(seconds):
            return function(task)
    except UnreadableError as error:
        return Failed(str(error))
    except Exception as error:  # a fault of the reader must not end the run
        return Failed(_fault(error))


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """End this process once the work inside has taken `seconds` of CPU time, or has been asleep for as long.

    The kernel counts the CPU time and sends SIGPROF, which no reader can hold up; a thread looks for sleep.
    """
    _asleep.limit, _asleep.so_far = seconds, 0.0
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        _asleep.limit = None
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_PROF, 0)


@dataclass
class _Asleep:
    """How long the work of this process has slept, and how long it may."""

    limit: float | None = None
    so_far: float = 0.0


_asleep = _Asleep()


def _watch(thread: int) -> None:
    """End the process once its main thread has slept too long; one that waits for a core or a disk is not asleep."""
    state = Path(f"/proc/self/task/{thread}/stat")
    while True:
        time.sleep(_WATCH)
        # "17 (python) S 1 …": the letter behind the name; a name may hold brackets
        is_asleep = state.read_text().rpartition(")")[2].split()[0] == "S"
        _asleep.so_far += _WATCH if is_asleep else 0.0
        if _asleep.limit is not None and _asleep.so_far > _asleep.limit:
            os.kill(os.getpid(), signal.SIGPROF)


def _outcome(task: Task, future: Any, seconds: float) -> tuple[Task, Any]:
    try:
        return task, future.result()
    except FutureTimeoutError:
        return task, Failed(_too_long(seconds))
    except ProcessExpired as error:
        return task, Failed(_end(error.exitcode, seconds))
    except Exception as error:  # a result that cannot be pickled, or one too large for the memory that is left
        return task, Failed(_fault(error))


def _end(exit_code: int, seconds: float) -> str:
    """Say why a process has ended before its work."""
    if hasattr(signal, "SIGPROF") and exit_code == -signal.SIGPROF:
        return _too_long(seconds)
    return f"the reader crashed ({_signal_name(exit_code)})"


def _too_long(seconds: float) -> str:
    return f"reading took longer than {seconds:.0f} s and was stopped"


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
    if Path("/proc/self/task").exists():
        threading.Thread(target=_watch, args=(threading.get_native_id(),), daemon=True).start()
    try:
        import resource
    except ImportError:
        return  # not on Windows; the time limit still holds there
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_PER_WORKER, _MEMORY_PER_WORKER))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
