"""The process that runs the tests, next to the process that runs the program, and reports to the parent.

The tests and the expected values are never in the program's process: there is no frame, no object and no assert that
the program could look at or replace. It can only answer calls, with plain values.
"""

import importlib
import json
import os
import signal
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import CodeType
from typing import Any, TypedDict

from reference_impls.verifiers.sandbox import candidate
from reference_impls.verifiers.sandbox.confine import confine, unreadable
from reference_impls.verifiers.sandbox.exchange import Channel, EndedError
from reference_impls.verifiers.sandbox.outputs import is_expected
from reference_impls.verifiers.sandbox.remote import special
from reference_impls.verifiers.workers import messages
from reference_impls.verifiers.workers.patience import Patience
from reference_impls.verifiers.workers.worker import end_with

_GRACE = 1.0  # seconds of a processor for the report itself
_NAME = "tests"


class Job(TypedDict):
    """A job as the parent sends it, see `Sandbox`."""

    sources: list[str]
    tests: list[str]
    setup: str
    names: list[str]
    modules: list[str]
    inputs: list[tuple[str, str]]
    loosely: bool


class Report(TypedDict):
    """A report as the parent reads it, see `sandbox.Report`."""

    passed: int
    total: int
    fault: str
    reason: str


def main(parent: socket.socket, seconds: float) -> None:
    """Start the program's process, read the job, run it and report; the program ends with this process."""
    own = os.getpid()
    ours, theirs = socket.socketpair()
    pid = os.fork()  # before the job is read: the program's process has nothing of it
    if pid == 0:
        end_with(own)
        parent.close()
        ours.close()
        candidate.main(theirs, seconds)
        os._exit(0)
    theirs.close()
    unreadable()
    signal.setitimer(signal.ITIMER_PROF, seconds + _GRACE)  # ends tests that loop by themselves
    confine(seconds + _GRACE, child=pid)
    trial = _Trial(json.loads(messages.receive(parent)), ours)
    trial.channel.patience = Patience([own, pid], seconds)
    report = trial.run()
    if trial.channel.ended:
        report |= {"fault": "program", "reason": _how_it_ended(pid, trial.channel.ended, seconds)}
    messages.send(parent, json.dumps(report).encode())
    with suppress(OSError):  # where it does not end with its parent
        os.kill(pid, signal.SIGKILL)


class _Trial:
    """One program before its tests."""

    def __init__(self, job: Job, connection: socket.socket) -> None:
        self._job = job
        self._space: dict[str, object] = {"__name__": _NAME}
        self.channel = Channel(connection, self._answer)

    def run(self) -> Report:
        """Return how many tests pass, of how many, whose fault it is that not all do, and the first failure."""
        if self._job["inputs"]:
            return self._score_outputs()
        total = len(self._job["tests"]) or 1
        try:
            setup, tests = self._compiled()
            for name in self._job["modules"]:
                self._space[name] = importlib.import_module(name)
            exec(setup, self._space)
        except Exception as error:  # the row's own code
            return _report(0, total, "tests", f"the row's tests cannot be run: {type(error).__name__}: {error}")
        except EndedError:
            return _report(0, total, "program", "")
        try:
            self.channel.ask("load", tuple(self._job["sources"]))
            self._bind(self._job["names"])
        except (Exception, EndedError) as error:
            return _report(0, total, "program", f"the program does not load: {type(error).__name__}: {error}")
        return self._score(tests)

    def _score(self, tests: Sequence[tuple[str, CodeType]]) -> Report:
        passed, first = 0, ""
        for text, code in tests:
            try:
                exec(code, self._space)
                if not self.channel.ended:  # a bare `except:` in a test may have caught the end
                    passed += 1
                    continue
            except EndedError:
                pass
            except BaseException as error:
                first = first or f"{text!r:.100} failed: {type(error).__name__}: {error}"
            if self.channel.ended:
                break
        reason = f"{passed} of {len(tests)} tests pass; {first}" if len(tests) > 1 else first
        return _report(passed, len(tests), "" if passed == len(tests) else "program", reason)

    def _score_outputs(self) -> Report:
        """Return how many inputs the program answers with the expected output, each in a fresh start."""
        pairs, passed, first = self._job["inputs"], 0, ""
        for given, expected in pairs:
            try:
                output = self.channel.ask("script", tuple(self._job["sources"]), given)
                right = isinstance(output, str) and is_expected(output, expected, loosely=self._job["loosely"])
                reason = f"for the input {given!r:.60} it writes {output!r:.80}"  # what was expected stays here
            except EndedError:
                break
            except Exception as error:
                right, reason = False, f"for the input {given!r:.60} it fails: {type(error).__name__}: {error}"
            passed += right
            first = first or ("" if right else reason)
        reason = f"{passed} of {len(pairs)} outputs are as expected; {first}"
        return _report(passed, len(pairs), "" if passed == len(pairs) else "program", reason)

    def _compiled(self) -> tuple[CodeType, list[tuple[str, CodeType]]]:
        """Return the code that stands before the tests, and each test with its text."""
        setup = compile(self._job["setup"], _NAME, "exec", dont_inherit=True)
        tests = [(text, compile(text, _NAME, "exec", dont_inherit=True)) for text in self._job["tests"]]
        return setup, tests

    def _bind(self, wanted: Sequence[str]) -> None:
        items = self.channel.ask("names", tuple(wanted))
        for name in wanted:
            kind, item = items.get(name, ("absent", None))
            if kind == "exception":  # `except Name` needs a class of this process
                self._space[name] = self.channel.exceptions[name] = type(name, (Exception,), {})
            elif kind == "value":
                self._space[name] = item

    def _answer(self, verb: str, details: tuple[Any, ...]) -> object:
        """Answer the program: it may call functions that a test passed to it, and use objects of the tests' classes."""
        target, *rest = details
        if not self.channel.owns(target):
            raise PermissionError("not an object of the tests")
        if verb == "call":
            return target(*rest[0], **rest[1]), None
        if type(target).__module__ != _NAME:
            raise PermissionError(f"{verb!r:.20} of an object that is not of a class of the tests")
        if verb == "special":
            return special(target, *rest)
        if verb in {"truth", "iterate"}:
            return bool(target) if verb == "truth" else iter(target)
        return _field(verb, target, *rest)


def _field(verb: str, target: object, name: str, *value: object) -> object:
    """Read or set a public attribute."""
    if not isinstance(name, str) or name.startswith("_") or verb not in {"get", "set"}:
        raise AttributeError(f"{name!r:.50} of an object of the tests")
    action: Callable[..., object] = getattr if verb == "get" else setattr
    return action(target, name, *value)


def _report(passed: int, total: int, fault: str, reason: str) -> Report:
    return {"passed": passed, "total": total, "fault": fault, "reason": reason[:400]}


def _how_it_ended(pid: int, reason: str, seconds: float) -> str:
    if reason == "time":
        return f"the program took longer than {seconds:g} s"
    if reason != "gone":
        return f"the program: {reason}"
    for _ in range(50):  # its connection is closed a moment before it is gone
        ended, status, usage = os.wait4(pid, os.WNOHANG)
        if ended and usage.ru_utime + usage.ru_stime >= seconds:  # the kernel ended it at its limit
            return f"the program took longer than {seconds:g} s"
        if ended:
            code = os.waitstatus_to_exitcode(status)
            how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended itself with exit code {code}"
            return f"the program {how}"
        time.sleep(0.002)
    return "the program closed its connection"
