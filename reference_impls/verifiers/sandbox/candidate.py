"""The process that runs the program under test. It gets the program and single calls, never the tests."""

import io
import random
import socket
import sys
import threading
import types
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from reference_impls.verifiers.sandbox.confine import confine
from reference_impls.verifiers.sandbox.exchange import Channel, EndedError
from reference_impls.verifiers.sandbox.remote import changeable, special

NAME = "candidate"  # not __main__: what stands under `if __name__ == "__main__"` is no part of the answer


def main(connection: socket.socket, seconds: float) -> None:
    """Confine this process, then load and call the program as the judge asks, until the judge is gone."""
    confine(seconds)
    random.seed(0)  # the same rewards in every run
    answer(connection)


def answer(connection: socket.socket) -> None:
    """Load and call a program as the other side asks, until that one is gone."""
    module = types.ModuleType(NAME)
    sys.modules[NAME] = module  # dataclasses look their module up
    channel = Channel(connection, lambda verb, details: _ACTIONS[verb](module, *details))
    with suppress(EndedError):
        channel.serve()


def _load(module: types.ModuleType, sources: Sequence[str]) -> None:
    """Run the first source that compiles."""
    exec(_compiled(sources), module.__dict__)


def _compiled(sources: Sequence[str]) -> types.CodeType:
    """Return the code of the first source that compiles."""
    error: Exception = SyntaxError("no code")
    for source in sources:
        try:
            return compile(source, f"<{NAME}>", "exec", dont_inherit=True)
        except (SyntaxError, ValueError, RecursionError, MemoryError) as fault:
            error = fault
    raise error


def _script(module: types.ModuleType, sources: Sequence[str], given: str) -> str:
    """Return what the first source that compiles writes, run as a script with this input and nothing of a last run."""
    code = _compiled(sources)
    written = io.BytesIO()
    sys.stdin = io.TextIOWrapper(io.BytesIO(given.encode()), encoding="utf-8")
    sys.stdout = io.TextIOWrapper(written, encoding="utf-8", errors="replace", newline="\n")
    main_module = sys.modules["__main__"] = types.ModuleType("__main__")
    main_module.__dict__["open"] = _open
    random.seed(0)
    try:
        exec(code, main_module.__dict__)
        for thread in threading.enumerate():  # as Python waits for them at its end; deep recursions run in one
            if thread is not threading.current_thread() and not thread.daemon:
                thread.join()
    except SystemExit as end:
        if end.code not in (None, 0):
            raise RuntimeError(f"exit code {end.code!r:.50}") from None
    sys.stdout.flush()
    return written.getvalue().decode(errors="replace").replace("\r\n", "\n")


def _open(file: Any, *details: Any, **named: Any) -> Any:
    """Open a file; 0 and /dev/stdin are the input that the script is given."""
    return sys.stdin if file in (0, "/dev/stdin") else open(file, *details, **named)  # noqa: PTH123


def _names(module: types.ModuleType, wanted: Sequence[str]) -> dict[str, tuple[str, object]]:
    """Return the program's objects by the tests' names, each as ("exception", None) or ("value", itself)."""
    items: dict[str, tuple[str, object]] = {}
    for name in wanted:
        if name in module.__dict__:
            item = module.__dict__[name]
            is_exception = isinstance(item, type) and issubclass(item, Exception)
            items[name] = ("exception", None) if is_exception else ("value", item)
    return items


def _call(
    module: types.ModuleType, target: Callable[..., object], positional: tuple[object, ...], named: dict[str, object]
) -> tuple[object, tuple[object, ...] | None]:
    """Return the result, and the arguments as they are now where a call may change them."""
    result = target(*positional, **named)
    return result, positional if changeable(positional) else None


def _set(module: types.ModuleType, target: object, name: str, value: object) -> None:
    setattr(target, name, value)


_ACTIONS: dict[str, Callable[..., object]] = {
    "load": _load,
    "script": _script,
    "names": _names,
    "call": _call,
    "get": lambda module, target, name: getattr(target, name),
    "set": _set,
    "special": lambda module, *details: special(*details),
    "truth": lambda module, target: bool(target),
    "iterate": lambda module, target: iter(target),
    "is_instance": lambda module, kind, item: isinstance(item, kind),
}
