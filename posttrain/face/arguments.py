"""The arguments of the face, held against their annotations: a wrong one is an error of the user, never a traceback."""

import builtins
import reprlib
from collections.abc import Callable
from functools import cache, wraps
from inspect import formatannotation, signature
from typing import Any, ParamSpec, TypeVar, get_type_hints

from posttrain.errors import ConfigurationError

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")


def checked(function: Callable[Arguments, Answer]) -> Callable[Arguments, Answer]:
    """Return the function, which now raises ConfigurationError for an argument of another type than it declares.

    A type that is only imported for annotations, such as DataFrame, is not looked at: the function itself does that.
    """

    @wraps(function)
    def call(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
        from pydantic import ValidationError

        adapters = _adapters(function)
        for name, value in signature(function).bind(*args, **kwargs).arguments.items():
            try:
                if name in adapters:
                    adapters[name].validate_python(value, strict=True)
            except ValidationError as error:
                raise wrong_argument(function.__name__, name, value, _words(function, name)) from error
        return function(*args, **kwargs)

    return call


def wrong_argument(function: str, name: str, value: object, expected: str) -> ConfigurationError:
    """Return the error for an argument of `pt.FUNCTION`: what was found, what was expected, where it is explained."""
    return ConfigurationError(f"{name} is {reprlib.repr(value)}; expected {expected}", f"help(pt.{function})")


def _words(function: Callable[..., object], name: str) -> str:
    """Return an annotation as it is written: `str | None`."""
    written = formatannotation(signature(function).parameters[name].annotation)
    return written.strip("'").replace("collections.abc.", "").replace("pathlib.", "").replace("os.", "")


@cache
def _adapters(function: Callable[..., object]) -> dict[str, Any]:
    """Return what validates each argument, by its name; keyword arguments of any name are the function's own."""
    from pydantic import TypeAdapter

    hints = get_type_hints(function, localns=_Names(function.__globals__))
    kinds = {name: parameter.kind for name, parameter in signature(function).parameters.items()}
    return {name: TypeAdapter(hints[name]) for name, kind in kinds.items() if kind is not kind.VAR_KEYWORD}


class _Names(dict[str, Any]):
    """The names of a module; a name that is not there at run time stands for any type."""

    def __missing__(self, name: str) -> Any:
        return getattr(builtins, name, Any)
