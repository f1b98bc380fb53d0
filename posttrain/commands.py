"""The frame of a command line: the options that all commands share, and what all failures have in common."""

import errno
import os
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from posttrain.console import emit, fail, print_data
from posttrain.errors import ExitCode, PosttrainError
from posttrain.settings import data_folder
from posttrain.version import __version__

# Errors of the system that are the user's: a name that can be none, a folder that may not be read, a full disk.
_OF_THE_NAME = (errno.ENAMETOOLONG, errno.EACCES, errno.EISDIR, errno.ENOTDIR, errno.EROFS, errno.ELOOP)
_FULL = (errno.ENOSPC, errno.EDQUOT)
Function = TypeVar("Function", bound=Callable[..., int])
Data = Annotated[Path | None, typer.Option("--data", help="Where own data live (POSTTRAIN_DATA; default: data).")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


@dataclass(frozen=True)
class Call:
    """One call of a command: the options that every command shares, and how the command answers."""

    command: str
    as_json: bool = False
    data_option: Path | None = None

    @property
    def data(self) -> Path:
        """The folder of own data. Raises ConfigurationError where posttrain.toml cannot be read."""
        return data_folder(self.data_option)

    def emit(
        self,
        values: dict[str, Any],
        lines: list[str],
        warnings: list[str] | None = None,
        provenance: dict[str, Any] | None = None,
    ) -> None:
        """Print the one JSON object under --json, else the lines, with the warnings on stderr."""
        emit(self.command, values, lines, self.as_json, warnings, provenance)


def make_app(about: str) -> typer.Typer:
    """Return an empty command line that knows `--version`."""
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=True, help=about)

    @app.callback(invoke_without_command=True)
    def _root(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
        if version:
            print_data(__version__)
            raise typer.Exit

    return app


def command(
    app: typer.Typer, name: str, *, envelope: str = "", own_data: bool = True, has_json: bool = True
) -> Callable[[Function], Function]:
    """Return a decorator that adds a function as a command; the function takes a `Call`, then its own options.

    The command also takes `--debug`, with `has_json` `--json` and, with `own_data`, `--data`; the function declares
    none of them.
    `envelope` is the command's name in JSON where it differs, such as annotate for `survey annotate next`.

        @command(app, "status")
        def status_command(call: Call, limit: Limit = 20) -> int:
            call.emit(values, lines)
            return ExitCode.OK
    """

    def register(function: Function) -> Function:
        def called(debug: bool, as_json: bool = False, **options: Any) -> int:
            data = options.pop("data") if own_data else None
            return function(Call(envelope or name, as_json, data), **options)

        _, *own = signature(function, eval_str=True).parameters.values()
        shared: list[tuple[str, Any, Any]] = [("data", Data, None)] if own_data else []
        shared += [("as_json", Json, False)] if has_json else []
        parameters = [
            *(parameter.replace(kind=Parameter.KEYWORD_ONLY) for parameter in own),
            *(
                Parameter(option, Parameter.KEYWORD_ONLY, default=default, annotation=kind)
                for option, kind, default in [*shared, ("debug", Debug, False)]
            ),
        ]
        called.__signature__ = signature(called).replace(parameters=parameters)  # type: ignore[attr-defined]
        called.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        called.__doc__ = function.__doc__
        app.command(name)(called)
        return function

    return register


def run(app: typer.Typer, name: str, arguments: Sequence[str] | None = None) -> None:
    """Run a command line; every failure becomes an error with a hint and its exit code.

    `--json` and `--debug` are looked for in the arguments, for they also decide how an error of parsing is shown.
    """
    arguments = list(sys.argv[1:] if arguments is None else arguments) or ["--help"]
    options = arguments[: arguments.index("--")] if "--" in arguments else arguments
    try:
        code = app(arguments, prog_name=name, standalone_mode=False) or ExitCode.OK
        if code == ExitCode.INTERRUPTED:  # typer turns Ctrl-C into this
            raise KeyboardInterrupt
    except (Exception, KeyboardInterrupt) as error:
        if "--debug" in options:
            raise
        message, hint, code = _explained(error, app, name, arguments[0])
        try:
            fail(message, hint, code, "--json" in options)
        except SystemExit:
            if code is ExitCode.INTERRUPTED:  # the usual end would wait for threads and workers that still run
                os._exit(ExitCode.INTERRUPTED)
            raise
    sys.exit(code)


def _explained(error: BaseException, app: typer.Typer, name: str, first: str) -> tuple[str, str, ExitCode]:
    """Return the message, the hint and the exit code of an error."""
    if isinstance(error, PosttrainError):
        return error.message, error.hint, error.exit_code
    if isinstance(error, typer.TyperException):
        known = [command.name for command in app.registered_commands]
        help_ = f"{name} {first} --help" if first in known else f"{name} --help"
        return error.format_message().replace("Value error, ", ""), help_, ExitCode.USAGE
    if isinstance(error, KeyboardInterrupt | typer.Abort):
        return "interrupted; finished work is kept", "run the same command again to resume", ExitCode.INTERRUPTED
    if isinstance(error, OSError) and error.errno in _OF_THE_NAME:
        return f"{error.filename}: {error.strerror}", "name another file or folder", ExitCode.USAGE
    if isinstance(error, OSError) and error.errno in _FULL:
        return (
            f"{error.strerror}: finished work is kept",
            "make room, then run the same command again",
            ExitCode.PARTIAL,
        )
    message = f"unexpected {type(error).__name__}: {error}"
    return message, "run it again with --debug and report the traceback", ExitCode.UNEXPECTED
