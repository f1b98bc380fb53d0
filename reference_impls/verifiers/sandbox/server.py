"""The small clean process from which the processes of every trial are forked: Python is started once, not per trial."""

import gc
import json
import os
import signal
import socket
import sys

from reference_impls.verifiers.sandbox import confine, judge
from reference_impls.verifiers.sandbox import filter as system_calls
from reference_impls.verifiers.workers import messages
from reference_impls.verifiers.workers.worker import end_with

# The modules that programs import most: loaded here once, for loading them costs more than a trial.
_COMMON = (
    "abc", "bisect", "collections", "collections.abc", "copy", "dataclasses", "datetime", "decimal", "enum",
    "fractions", "functools", "heapq", "itertools", "json", "math", "operator", "random", "re", "statistics", "string",
    "sys", "time", "typing",
)  # fmt: skip


def main(parent: int, descriptor: int, seconds: float, memory_mb: int) -> None:
    """Report what confines the trials, then start one for every connection that comes in, until the parent ends."""
    end_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt ends
    control = socket.socket(fileno=descriptor)
    for name in _COMMON:
        __import__(name)
    alone = confine.apart()
    if alone:
        _continue_in_child(control)
    facts = {
        "namespaces": alone,
        "files": confine.read_only_libraries(),
        "system_calls": system_calls.install(),
    }
    messages.send(control, json.dumps(facts).encode())
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel forgets those that end
    gc.collect()
    gc.freeze()  # so that a fork copies as few pages as may be
    confine.limit(memory_mb)
    _serve(control, seconds)


def _continue_in_child(control: socket.socket) -> None:
    """Go on as the first process of the new world; the process outside it only waits for its end."""
    own = os.getpid()
    pid = os.fork()
    if pid:
        control.close()
        os.waitpid(pid, 0)
        os._exit(0)
    end_with(0 if os.getppid() == 0 else own)  # the parent is outside, and shows as 0


def _serve(control: socket.socket, seconds: float) -> None:
    own = os.getpid()
    while True:
        data, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not data:
            os._exit(0)
        if os.fork() == 0:
            _trial(control, descriptors[0], own, seconds)
        os.close(descriptors[0])


def _trial(control: socket.socket, descriptor: int, server: int, seconds: float) -> None:
    """Run one trial; whatever happens, this copy of the server ends here."""
    try:
        end_with(server)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        control.close()
        judge.main(socket.socket(fileno=descriptor), seconds)
    except BaseException as error:
        if os.environ.get("SANDBOX_TRACE"):
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
    finally:
        os._exit(0)
