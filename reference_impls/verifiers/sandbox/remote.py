"""A stand-in for an object of the other process: every use of it is a question to its owner."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

_MUTABLE = (list, dict, set, bytearray, deque)


class Asking(Protocol):
    """A channel to the owner of objects."""

    def ask(self, verb: str, *arguments: object) -> Any:
        """Return the owner's answer."""


class Remote:
    """An object of the other side. It equals no plain value, and no arithmetic with it gives a plain value.

    A program that is asked for a number must give one; an object that claims to be equal to anything is not one.
    Between two objects of the other side, its own operators hold.
    """

    __slots__ = ("_channel", "_number")

    def __init__(self, channel: Asking, number: int) -> None:
        object.__setattr__(self, "_channel", channel)
        object.__setattr__(self, "_number", number)

    def _ask(self, verb: str, *arguments: object) -> Any:
        return object.__getattribute__(self, "_channel").ask(verb, self, *arguments)

    def __call__(self, *positional: object, **named: object) -> object:
        """Call it; lists and other containers that it changes in place are changed here too."""
        result, after = self._ask("call", positional, named)
        if type(after) is tuple and len(after) == len(positional):
            for ours, changed in zip(positional, after, strict=True):
                _update(ours, changed)
        return result

    def __getattr__(self, name: str) -> Any:
        return self._ask("get", name)

    def __setattr__(self, name: str, value: object) -> None:
        self._ask("set", name, value)

    def __eq__(self, other: object) -> bool:
        return type(other) is Remote and self._ask("special", "__eq__", other) is True

    def __hash__(self) -> int:
        return int(self._ask("special", "__hash__"))

    def __bool__(self) -> bool:
        return self._ask("truth") is True

    def __iter__(self) -> Iterator[object]:
        steps = self._ask("iterate")
        return steps if type(steps) is Remote else iter(steps)

    def __instancecheck__(self, item: object) -> bool:
        return type(item) is Remote and self._ask("is_instance", item) is True


def _update(ours: Any, changed: Any) -> None:
    if type(ours) is not type(changed) or not isinstance(ours, _MUTABLE) or ours == changed:
        return
    if isinstance(ours, (list, bytearray)):
        ours[:] = changed
    else:
        ours.clear()
        if isinstance(ours, deque):
            ours.extend(changed)
        else:
            ours.update(changed)


def changeable(values: Sequence[object]) -> bool:
    """Return whether a call may change one of its arguments in place."""
    return any(isinstance(value, _MUTABLE) for value in values)


def special(target: object, name: str, *arguments: object) -> object:
    """Return the result of a method such as `__len__` of our object; a missing method is a TypeError, as in Python."""
    if name not in SPECIAL:
        raise TypeError(f"{name!r:.30} is not asked of an object of the other side")
    method = getattr(target, name, None)
    if method is None:
        raise TypeError(f"object of type {type(target).__name__!r} has no {name}()")
    return method(*arguments)


def _forward(name: str, between_objects: bool) -> Callable[..., object]:
    def method(self: Remote, *arguments: object) -> object:
        plain = between_objects and not (arguments and all(type(argument) is Remote for argument in arguments))
        result = self._ask("special", name, *arguments)
        # arithmetic with a plain value gives an object or nothing: `f(x) - 1.5` must not come out as 0
        return NotImplemented if plain and type(result) is not Remote else result

    return method


_REACH = ("len", "getitem", "setitem", "delitem", "contains", "str", "repr", "next", "enter", "exit", "abs", "neg")
_ARITHMETIC = ("add", "radd", "sub", "rsub", "mul", "rmul", "truediv", "rtruediv", "floordiv", "mod", "pow", "matmul",
           "and", "or", "xor", "lt", "le", "gt", "ge")  # fmt: skip
for _name in _REACH + _ARITHMETIC:
    setattr(Remote, f"__{_name}__", _forward(f"__{_name}__", between_objects=_name in {"abs", "neg", *_ARITHMETIC}))
SPECIAL = {f"__{_name}__" for _name in (*_REACH, *_ARITHMETIC, "eq", "hash")}
