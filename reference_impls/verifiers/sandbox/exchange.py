"""Calls between two processes that do not trust each other: plain values cross, objects stay where they are.

Values are pickled, but only plain data is ever built from the bytes that arrive: numbers, text, containers and a few
types of the standard library, always of exactly that type, so that no value brings its own `==`. Any other object is
exported: the other side gets a Remote, and its owner carries out every use of it.
"""

import builtins
import io
import pickle
import select
import socket
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta, timezone
from datetime import time as time_of_day
from decimal import Decimal
from fractions import Fraction
from typing import Any, NoReturn, cast

from reference_impls.verifiers.sandbox.remote import Remote
from reference_impls.verifiers.workers import messages
from reference_impls.verifiers.workers.patience import Patience

_SECONDS_OF_A_MESSAGE = 120.0  # from its first byte to its last; a program may write half of one and stop

_CROSS: tuple[Any, ...] = (
    bool, int, float, complex, str, bytes, bytearray, list, tuple, dict, set, frozenset, range, slice,
    Counter, OrderedDict, deque, Decimal, Fraction, date, datetime, timedelta, timezone, time_of_day, NotImplemented,
    Ellipsis,
)  # fmt: skip
_BY_NAME = {
    ("builtins" if part in (NotImplemented, Ellipsis) else part.__module__, getattr(part, "__name__", repr(part))): part
    for part in _CROSS
}
_BY_ID = {id(part) for part in _CROSS}
_TYPES = {part for part in _CROSS if isinstance(part, type)} | {type(NotImplemented), type(Ellipsis)}
# A subclass crosses as its builtin base, built without the subclass's own methods.
_UNDERNEATH: dict[type, Callable[[Any], tuple[Any, ...]]] = {
    int: lambda value: (int.__int__(value),),
    float: lambda value: (float.__float__(value),),
    str: lambda value: (str.__str__(value),),
    bytes: lambda value: (bytes.__getitem__(value, slice(None)),),
    tuple: lambda value: (list(tuple.__iter__(value)),),
    list: lambda value: (list.__getitem__(value, slice(None)),),
    dict: lambda value: (list(dict.items(value)),),
    set: lambda value: (list(set.__iter__(value)),),
    frozenset: lambda value: (list(frozenset.__iter__(value)),),
    type({}.keys()): lambda value: (list(value),),
}


class EndedError(BaseException):
    """The other side is gone, out of time, or breaks the protocol. Not an Exception: no test may swallow it."""


def theirs(number: int) -> NoReturn:
    """Stand for an object of the sender in a pickle; the reader puts a Remote in its place."""
    raise NotImplementedError(number)


def yours(number: int) -> NoReturn:
    """Stand for an object of the reader in a pickle; the reader puts the object itself in its place."""
    raise NotImplementedError(number)


class Channel:
    """Questions and answers over one connection; while one side waits for an answer, it answers the other."""

    def __init__(self, connection: socket.socket, answer: Callable[[str, tuple[Any, ...]], object]) -> None:
        self._connection = connection
        self._answer = answer
        self._exported: list[object] = []
        self.patience: Patience | None = None  # with the other side; without it, any wait is borne
        self.ended = ""  # why, once it has
        self.exceptions: dict[str, type[Exception]] = {}  # those of the other side that have a stand-in here

    def ask(self, verb: str, *arguments: object) -> Any:
        """Return the other side's answer, or raise the exception that it raised, as one of the builtin kinds."""
        if self.ended:
            raise EndedError(self.ended)
        self._send(("ask", verb, arguments))
        while True:
            match self._receive():
                case ("ask", str(question), tuple(details)):
                    self._reply(question, details)
                case ("value", value):
                    return value
                case ("raise", tuple(kinds), str(text)):
                    raise self.exception(kinds, text)
                case _:
                    self._end("it wrote into the sandbox's own connection")

    def serve(self) -> None:
        """Answer until the other side ends."""
        while True:
            match self._receive():
                case ("ask", str(question), tuple(details)):
                    self._reply(question, details)
                case _:
                    self._end("an answer without a question")

    def exception(self, kinds: Sequence[object], text: str) -> BaseException:
        """Return the nearest builtin exception; an exception that ends a process there is an ordinary error here."""
        for kind in kinds:
            known = (self.exceptions.get(kind) or getattr(builtins, kind, None)) if isinstance(kind, str) else None
            if isinstance(known, type) and issubclass(known, Exception):
                try:
                    return known(text)
                except TypeError:  # UnicodeDecodeError and its like want more than a text
                    continue
        return RuntimeError(f"{kinds[0] if kinds else 'an exception'}: {text}")

    def export(self, item: object) -> int:
        """Return the number under which the other side may name an object of ours."""
        for number, known in enumerate(self._exported):
            if known is item:
                return number
        self._exported.append(item)
        return len(self._exported) - 1

    def owns(self, item: object) -> bool:
        """Return whether an object of ours was given to the other side."""
        return any(known is item for known in self._exported)

    def own(self, number: int) -> object:
        """Return the object of ours that the other side names."""
        return self._exported[number]

    def _reply(self, question: str, details: tuple[Any, ...]) -> None:
        try:
            answer: tuple[object, ...] = ("value", self._answer(question, details))
        except EndedError:
            raise
        except BaseException as error:
            answer = _raised(error)
        try:
            self._send(answer)
        except (pickle.PicklingError, TypeError, ValueError, AttributeError, RecursionError, MemoryError) as error:
            self._send(("raise", ("ValueError",), f"the result cannot leave the program: {type(error).__name__}"))

    def _send(self, message: tuple[object, ...]) -> None:
        file = io.BytesIO()
        _Pickler(file, self).dump(message)
        payload = file.getvalue()
        if len(payload) > messages.LIMIT:
            raise ValueError("too large")
        self._connection.settimeout(self._left())
        try:
            messages.send(self._connection, payload)
        except TimeoutError:
            self._end("time")
        except messages.BrokenError:
            self._end("gone")

    def _receive(self) -> Any:
        try:
            while not select.select([self._connection], [], [], self._left())[0]:
                pass  # the other side has time left, so it is waited for
            self._connection.settimeout(None if self.patience is None else _SECONDS_OF_A_MESSAGE)
            return _Unpickler(io.BytesIO(messages.receive(self._connection)), self).load()
        except TimeoutError:
            self._end("time")
        except messages.BrokenError:
            self._end("gone")
        except EndedError:
            raise
        except Exception:  # whatever the bytes of the other side make of the reader
            self._end("it wrote into the sandbox's own connection")

    def _left(self) -> float | None:
        """Return how long to wait before the next look at the other side; it is over where its time is."""
        if self.patience is None:
            return None
        left = self.patience.left()
        if left <= 0:
            self._end("time")
        return left

    def _end(self, reason: str) -> NoReturn:
        self.ended = self.ended or reason
        raise EndedError(self.ended)


def _raised(error: BaseException) -> tuple[str, tuple[str, ...], str]:
    try:
        text = error.args[0] if len(error.args) == 1 and type(error.args[0]) is str else str(error)
    except BaseException:
        text = ""
    return "raise", tuple(kind.__name__ for kind in type(error).__mro__), str(text)[:2000]


class _Pickler(pickle.Pickler):
    def __init__(self, file: io.BytesIO, channel: Channel) -> None:
        super().__init__(file, protocol=5)
        self._channel = channel

    def reducer_override(self, item: object) -> Any:  # not called for exact builtin values: they cost nothing extra
        kind = type(item)
        if kind in _TYPES or id(item) in _BY_ID or item is theirs or item is yours:
            return NotImplemented
        if kind is Remote:
            return yours, (object.__getattribute__(item, "_number"),)
        if kind is defaultdict:
            return dict, (list(dict.items(cast("dict[object, object]", item))),)
        for base in kind.__mro__:
            if base in _UNDERNEATH:
                plain = frozenset if base not in _TYPES else base
                return plain, _UNDERNEATH[base](item)
        return theirs, (self._channel.export(item),)


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, channel: Channel) -> None:
        super().__init__(file)
        self._channel = channel

    def find_class(self, module: str, name: str) -> Any:
        if module == __name__ and name == "theirs":
            return lambda number: Remote(self._channel, int(number))
        if module == __name__ and name == "yours":
            return self._channel.own
        return _BY_NAME[module, name]
