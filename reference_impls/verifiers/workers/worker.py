"""The process in which a function is called, item after item; no other process imports it.

The function's output is discarded, and its result is checked before it is sent. Started by `pool`.
"""

import ctypes
import importlib
import json
import numbers
import os
import pickle
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path

from reference_impls.verifiers.workers import messages

_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG


def main(parent: int, descriptor: int, target: str, memory_mb: int) -> None:
    """Import `target` (`module:function`), say so, then answer item after item until the parent closes."""
    end_with(parent)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides what an interrupt ends
    connection = socket.socket(fileno=descriptor)
    own = os.getpid()
    try:
        function = _load(target)
    except BaseException as error:  # a module may raise anything, SystemExit among it
        messages.send(connection, json.dumps({"unloadable": f"{type(error).__name__}: {_text(error)}"}).encode())
        os._exit(1)
    limit_memory(memory_mb)
    messages.send(connection, json.dumps({"ready": True}).encode())
    while True:
        try:
            number, arguments = pickle.loads(messages.receive(connection))
        except messages.BrokenError:
            os._exit(0)
        answer = _call(function, arguments)
        if os.getpid() != own:  # the function forked, and this is the copy
            os._exit(0)
        messages.send(connection, json.dumps({"item": number} | answer).encode())


def _load(target: str) -> Callable[..., object]:
    module, name = target.split(":", 1)
    function: object = importlib.import_module(module)
    for part in name.split("."):
        function = getattr(function, part)
    if not callable(function):
        raise TypeError(f"{target} is of type {type(function).__name__}, expected a function")
    return function


def _call(function: Callable[..., object], arguments: tuple[object, ...]) -> dict[str, object]:
    try:
        result = function(*arguments)
        if isinstance(result, numbers.Real) or hasattr(type(result), "__float__"):
            result = float(result)  # type: ignore[arg-type] # a number of NumPy, a tensor of one element
    except MemoryError:
        return {"failed": "it needs more memory than it may use"}
    except (SystemExit, KeyboardInterrupt) as error:
        return {"failed": f"it raised {type(error).__name__}"}
    except BaseException as error:
        return {"failed": f"it raised {type(error).__name__}: {_text(error)}"}
    try:
        json.dumps(result)
    except (TypeError, ValueError, RecursionError):
        return {"failed": f"it returned an object of type {type(result).__name__}"}
    return {"result": result}


def _text(error: BaseException) -> str:
    try:
        return str(error)[:300]
    except BaseException:  # the text of an error is the user's code too
        return "(its text cannot be shown)"


def end_with(parent: int) -> None:
    """Have this process killed when the one that started it is gone, however that ended. On Linux only."""
    if sys.platform == "linux":
        _libc().prctl(_DIE_WITH_PARENT, signal.SIGKILL, 0, 0, 0)
        if parent and os.getppid() != parent:
            os._exit(1)  # it ended before the line above


@cache
def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None)


def limit_memory(megabytes: int) -> None:
    """Limit this process's memory to what its imports took plus `megabytes`, and forbid core files."""
    with suppress(ImportError, OSError, ValueError):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
        limit = pages * resource.getpagesize() + (megabytes << 20)
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], int(sys.argv[4]))
