"""Run programs that nobody has read against tests they cannot see, many a second, at no risk to the run.

It is meant for accidents and for reward hacking, not for a determined attacker. Every trial is two fresh processes,
forked from a clean Python that has neither the run's memory nor its open files: a judge, which has the tests, and the
program's, which only answers single calls, with plain values (`judge`, `exchange`).

Prevented on Linux (x86-64, ARM64), for root as well, by a system-call filter, resource limits, Landlock and, where
they are allowed, namespaces: network, starting or stopping any process, changing any file, reading files other than
Python's own, memory and processor time and wall time beyond the limits, output of any kind, outliving the run even
where that is killed. A program cannot pass by printing, exiting, replacing `assert` or builtins, giving an object that
equals everything, or looking for the tests in frames, memory or files: none of this reaches the process that decides.

Not prevented: where a test asks an object of the program (`x in obj`, `obj.ok()`), the object itself answers; a program
that was trained on the expected values may know them; a fault in the kernel, in Python or in its pickle reader may be
used to break out. Programs have the standard library alone and cannot write temporary files. On other systems (macOS)
only resource limits, process groups and a hook inside Python stand guard, which native code can get round, and files
can be read.
"""

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from posttrain.errors import ConfigurationError
from reference_impls.verifiers.sandbox.allowed_names import borrowed
from reference_impls.verifiers.workers import messages

_ROOT = Path(__file__).resolve().parents[3]
_START = (
    "import sys; sys.path.insert(0, {root!r}); from reference_impls.verifiers.sandbox import server; "
    "sys.path.remove({root!r}); server.main({arguments})"
)
_GRACE = 3.0  # seconds over the time limit, on a machine that does nothing else
_STARVED = 20.0  # times as long on a busy machine, before a trial counts as broken; limits are of processor time
_SECONDS_TO_START = 60.0


@dataclass(frozen=True)
class Job:
    """A program and its tests: the first of `sources` that compiles is the program.

    `setup` is the row's own code, run with the tests and not in the program; `entry` is a name the program defines.
    With `inputs`, pairs of input and expected output, the program is a script, and these are its tests; `loosely`
    compares the words of the outputs and not their lines.
    """

    sources: Sequence[str]
    tests: Sequence[str]
    setup: str = ""
    entry: str = ""
    inputs: Sequence[tuple[str, str]] = ()
    loosely: bool = False


@dataclass(frozen=True)
class Report:
    """How many tests passed of how many; `fault` says who is to blame: "program", "tests", "sandbox" or no one ("")."""

    passed: int
    total: int
    fault: str
    reason: str


@dataclass
class _Trial:
    number: int
    connection: socket.socket
    deadline: float
    started: float = field(default_factory=time.monotonic)


class Sandbox:
    """The parent's side: hands jobs to the server and waits for the judges. An ended server is started again."""

    def __init__(self, seconds: float, memory_mb: int, workers: int) -> None:
        self._seconds, self._memory_mb, self._workers = seconds, memory_mb, max(1, workers)
        self._lock = threading.Lock()
        self._close: weakref.finalize[..., Sandbox] | None = None
        self._server: subprocess.Popen[bytes] | None = None
        self.facts: dict[str, bool] = {}  # which protections the system gives

    def run(self, jobs: Sequence[Job]) -> list[Report]:
        """Return one report per job, in order; a job lost with its server is tried once more."""
        with self._lock:
            reports: list[Report | None] = [None] * len(jobs)
            for _ in range(2):
                missing = [number for number, report in enumerate(reports) if report is None]
                if missing:
                    self._start()
                    self._batch(jobs, missing, reports)
            lost = Report(0, 1, "sandbox", "the sandbox ended before the program was judged")
            return [report or lost for report in reports]

    def close(self) -> None:
        """Kill the server and all it started."""
        if self._close is not None:
            self._close()
            self._close = self._server = None

    def _start(self) -> None:
        if self._server is not None and self._server.poll() is None:
            return
        self.close()
        ours, theirs = socket.socketpair()
        arguments = f"{os.getpid()}, {theirs.fileno()}, {self._seconds!r}, {self._memory_mb}"
        with theirs:
            self._server = subprocess.Popen(
                # not -I, which would also ignore the hash seed: with a seed of its own, a set's order and so a
                # reward might differ from run to run
                [sys.executable, "-P", "-s", "-S", "-B", "-c", _START.format(root=str(_ROOT), arguments=arguments)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
                env={"PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8"}, pass_fds=[theirs.fileno()], start_new_session=True,
            )  # fmt: skip
        self._control = ours
        self._close = weakref.finalize(self, _end, self._server, ours)
        ours.settimeout(_SECONDS_TO_START)
        try:
            self.facts = json.loads(messages.receive(ours))
        except (messages.BrokenError, messages.GarbledError, TimeoutError) as error:
            self.close()
            raise ConfigurationError(
                f"the sandbox does not start: {error}",
                f"try: {sys.executable} -P -s -S -c 'import socket, ctypes, resource', which it needs",
            ) from None

    def _batch(self, jobs: Sequence[Job], numbers: Sequence[int], reports: list[Report | None]) -> None:
        waiting, running = list(numbers)[::-1], set[int]()
        selector = selectors.DefaultSelector()
        try:
            while waiting or running:
                while waiting and len(running) < self._workers:
                    number = waiting.pop()
                    selector.register(*self._begin(number, jobs[number]))
                    running.add(number)
                for trial in self._finished(selector):
                    selector.unregister(trial.connection)
                    running.remove(trial.number)
                    reports[trial.number] = self._report(trial)
                    trial.connection.close()
        except messages.BrokenError:  # the server is gone; what ran with it is tried once more
            self.close()
        except BaseException:  # an interrupt ends all trials
            self.close()
            raise
        finally:
            for key in selector.get_map().values():
                key.fileobj.close()  # type: ignore[union-attr]
            selector.close()

    def _begin(self, number: int, job: Job) -> tuple[socket.socket, int, _Trial]:
        ours, theirs = socket.socketpair()
        ours.settimeout(_STARVED * (self._seconds + _GRACE))
        with theirs:
            try:
                socket.send_fds(self._control, [b"1"], [theirs.fileno()])
            except OSError:
                ours.close()
                raise messages.BrokenError("the server is gone") from None
        names, modules = borrowed(job.setup, tuple(job.tests), job.entry)
        message = {
            "sources": job.sources, "tests": job.tests, "setup": job.setup, "names": names, "modules": modules,
            "inputs": job.inputs, "loosely": job.loosely,
        }  # fmt: skip
        with suppress(messages.BrokenError, TimeoutError):  # seen when the report is read
            messages.send(ours, json.dumps(message).encode())
        return ours, selectors.EVENT_READ, _Trial(number, ours, time.monotonic() + _STARVED * (self._seconds + _GRACE))

    def _finished(self, selector: selectors.BaseSelector) -> list[_Trial]:
        """Wait for a report, and return the trials that have one or are long over time."""
        trials = [key.data for key in selector.get_map().values()]
        wait = min(trial.deadline for trial in trials) - time.monotonic()
        ready = [key.data for key, _ in selector.select(max(0.0, wait))]
        return ready or [trial for trial in trials if trial.deadline <= time.monotonic()]

    def _report(self, trial: _Trial) -> Report | None:
        trial.connection.settimeout(max(0.01, trial.deadline - time.monotonic()))
        try:
            return Report(**json.loads(messages.receive(trial.connection)))
        except TimeoutError:
            return Report(0, 1, "sandbox", "no report long after the time limit")
        except (messages.GarbledError, ValueError, TypeError):
            return Report(0, 1, "tests", "the tests write into the sandbox's own connection")
        except messages.BrokenError:
            if self._server is None or self._server.poll() is not None:
                return None
            if time.monotonic() - trial.started > self._seconds:  # as over `range(10**12)`, where one was returned
                return Report(0, 1, "program", f"with this program the tests take longer than {self._seconds:g} s")
            return Report(0, 1, "tests", "the tests end the process they run in")


def _end(server: "subprocess.Popen[bytes]", control: socket.socket) -> None:
    control.close()
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(server.pid, signal.SIGKILL)
    server.wait()
