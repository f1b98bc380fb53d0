"""Warm worker processes that call a function under a limit of processor time.

A worker that hangs or dies fails its item and is replaced.

Every worker has a connection of its own, and only the parent decides when time is over. (A pool whose workers share a
pipe, as pebble's do, can be stopped by a function that closes, floods or is killed holding it; user functions do.)
"""

import json
import os
import pickle
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from posttrain.errors import ConfigurationError, PosttrainError
from reference_impls.verifiers.workers import messages
from reference_impls.verifiers.workers.patience import Patience

_ROOT = Path(__file__).resolve().parents[3]
_SECONDS_OF_A_MESSAGE = 120.0  # for an item to be taken by a worker that waits for it
_SECONDS_TO_LOAD = 120.0  # a first `import torch` on a cold disk takes its time
_START = (
    "import sys; sys.path[:] = {path!r}; from reference_impls.verifiers.workers import worker; worker.main({arguments})"
)


@dataclass(frozen=True)
class Failed:
    """An item that gave no result, and why."""

    reason: str


def default_workers() -> int:
    """Return one worker per core that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class _Worker:
    """One process and the connection to it."""

    def __init__(self, target: str, memory_mb: int) -> None:
        ours, theirs = socket.socketpair()
        path = [*dict.fromkeys([*(entry or str(Path.cwd()) for entry in sys.path), str(_ROOT)])]
        arguments = f"{os.getpid()}, {theirs.fileno()}, {target!r}, {memory_mb}"
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _START.format(path=path, arguments=arguments)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()], start_new_session=True,
            )  # fmt: skip
        self.connection = ours
        self.item = -1  # the item it works on
        self.patience: Patience | None = None  # with that item
        self.deadline = 0.0  # when it is looked at again, by time.monotonic()
        end = weakref.finalize(self, _end, self.process, ours)
        self.close = end

    def ready(self) -> None:
        """Wait until the function is imported; a PosttrainError says why it is not."""
        self.connection.settimeout(_SECONDS_TO_LOAD)
        try:
            greeting = json.loads(messages.receive(self.connection))
        except TimeoutError:
            raise ConfigurationError(f"importing it takes longer than {_SECONDS_TO_LOAD:.0f} s") from None
        except (messages.BrokenError, messages.GarbledError, ValueError):
            raise ConfigurationError(f"importing it ends the process ({self.how_it_ended()})") from None
        if "unloadable" in greeting:
            raise ConfigurationError(str(greeting["unloadable"]))

    def how_it_ended(self) -> str:
        """Return the signal or exit code of the process, which has closed its connection."""
        with suppress(subprocess.TimeoutExpired):
            code = self.process.wait(0.5)
            return signal.Signals(-code).name if code < 0 else f"exit code {code}"
        return "it closed its connection"


def _end(process: "subprocess.Popen[bytes]", connection: socket.socket) -> None:
    """Kill the process and its children, and wait until it is gone."""
    connection.close()
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class Workers:
    """Calls `target` for item after item in up to `count` processes; a context manager."""

    def __init__(self, target: str, seconds: float, memory_mb: int, count: int) -> None:
        self._target, self._seconds, self._memory_mb = target, seconds, memory_mb
        self._count = max(1, count)
        self._idle: list[_Worker] = []
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start one worker; a PosttrainError says why the function cannot be imported."""
        with self._lock:
            self._idle.append(self._new())

    def map(self, items: Sequence[tuple[object, ...]]) -> list[object]:
        """Return the result of each item, or Failed with the reason, in the order of the items."""
        with self._lock:
            return _Batch(items, self._seconds, self._count, self._idle, self._new).run()

    def _new(self) -> _Worker:
        worker = _Worker(self._target, self._memory_mb)
        try:
            worker.ready()
        except BaseException:
            worker.close()
            raise
        return worker

    def close(self) -> None:
        """Kill every worker."""
        while self._idle:
            self._idle.pop().close()


class _Batch:
    """A batch of items on its way through the workers."""

    def __init__(
        self,
        items: Sequence[tuple[object, ...]],
        seconds: float,
        count: int,
        idle: list[_Worker],
        new: Callable[[], _Worker],
    ) -> None:
        self._results: list[object] = [Failed("it was not reached")] * len(items)
        self._waiting = list(enumerate(items))[::-1]
        self._seconds, self._count, self._idle, self._new = seconds, count, idle, new
        self._busy: list[_Worker] = []
        self._selector = selectors.DefaultSelector()

    def run(self) -> list[object]:
        """Return all results. An interrupt kills the workers that are still busy."""
        try:
            while self._waiting or self._busy:
                while self._waiting and len(self._busy) < self._count:
                    self._hand_out(*self._waiting.pop())
                self._collect()
        finally:
            self._selector.close()
            for worker in self._busy:
                worker.close()
        return self._results

    def _hand_out(self, number: int, item: tuple[object, ...]) -> None:
        try:
            payload = pickle.dumps((number, item))
        except Exception as error:
            self._results[number] = Failed(f"the row cannot be handed to a worker: {type(error).__name__}: {error}")
            return
        try:
            worker = self._ready()
        except PosttrainError as error:
            self._results[number] = Failed(f"no worker could be started: {error}")
            return
        worker.item, worker.patience = number, Patience([worker.process.pid], self._seconds)
        worker.deadline = time.monotonic() + worker.patience.left()
        self._busy.append(worker)
        worker.connection.settimeout(_SECONDS_OF_A_MESSAGE)
        try:
            messages.send(worker.connection, payload)
        except (TimeoutError, messages.BrokenError):
            self._fail(worker, "the worker did not take the item")
            return
        self._selector.register(worker.connection, selectors.EVENT_READ, worker)

    def _ready(self) -> _Worker:
        """Return a worker that lives: one may have ended since its last item."""
        while self._idle:
            worker = self._idle.pop()
            if worker.process.poll() is None:
                return worker
            worker.close()
        return self._new()

    def _collect(self) -> None:
        """Take what has arrived until the next deadline, then stop the workers that are over time."""
        if not self._busy:
            return
        wait = max(0.0, min(worker.deadline for worker in self._busy) - time.monotonic())
        for key, _ in self._selector.select(wait):
            self._take(key.data)
        late = [worker for worker in self._busy if worker.deadline <= time.monotonic() and not self._may_go_on(worker)]
        answered = [key.data for key, _ in self._selector.select(0)] if late else []  # in time, but read late
        for worker in late:
            if worker in answered:
                self._take(worker)
                continue
            ended = worker.process.poll() is not None  # with a child of its own that keeps the connection open
            self._fail(worker, f"it ended the process ({worker.how_it_ended()})" if ended else self._over_time())

    def _may_go_on(self, worker: _Worker) -> bool:
        """Whether a worker has time of its processor left, by which its next look is set."""
        left = worker.patience.left() if worker.patience and worker.process.poll() is None else 0.0
        worker.deadline = time.monotonic() + left
        return left > 0

    def _over_time(self) -> str:
        return f"it took longer than {self._seconds:g} s and was stopped"

    def _take(self, worker: _Worker) -> None:
        worker.connection.settimeout(max(self._seconds, 0.01))  # a message that has begun, and never ends
        try:
            answer = json.loads(messages.receive(worker.connection))
            if answer["item"] != worker.item:
                raise ValueError("an answer to another item")
            self._results[worker.item] = answer["result"] if "result" in answer else Failed(str(answer["failed"]))
        except messages.BrokenError:
            self._fail(worker, f"it ended the process ({worker.how_it_ended()})")
        except TimeoutError:
            self._fail(worker, self._over_time())
        except (messages.GarbledError, ValueError, KeyError, TypeError):
            self._fail(worker, "it wrote into the worker's connection")
        else:
            self._selector.unregister(worker.connection)
            self._busy.remove(worker)
            self._idle.append(worker)

    def _fail(self, worker: _Worker, reason: str) -> None:
        self._results[worker.item] = Failed(reason)
        with suppress(KeyError):
            self._selector.unregister(worker.connection)
        self._busy.remove(worker)
        worker.close()
