"""The frame of a command line: the options that commands share, and what is common to their failures."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from posttrain import __version__
from posttrain.console import fail, print_data
from posttrain.errors import ExitCode, PosttrainError

Data = Annotated[Path | None, typer.Option("--data", help="Where own data live (POSTTRAIN_DATA; default: data).")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def make_app(about: str) -> typer.Typer:
    """Return an empty command line that knows `--version`."""
    app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=True, help=about)

    @app.callback(invoke_without_command=True)
    def _root(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
        if version:
            print_data(__version__)
            raise typer.Exit

    return app


def run(app: typer.Typer, name: str) -> None:
    """Run a command line; every failure becomes an error with a hint and its exit code."""
    arguments = sys.argv[1:] or ["--help"]
    try:
        code = app(arguments, prog_name=name, standalone_mode=False) or ExitCode.OK
        if code == ExitCode.INTERRUPTED:  # typer turns Ctrl-C into this
            raise KeyboardInterrupt
        sys.exit(code)
    except PosttrainError as error:
        fail(error.message, error.hint, error.exit_code, error)
    except typer.TyperException as error:
        known = [command.name for command in app.registered_commands]
        command = f"{name} {arguments[0]}" if arguments[0] in known else name
        fail(error.format_message().replace("Value error, ", ""), f"{command} --help", ExitCode.USAGE, error)
    except (KeyboardInterrupt, typer.Abort) as error:
        hint = "run the same command again to go on"
        try:
            fail("interrupted; what was done so far is kept", hint, ExitCode.INTERRUPTED, error)
        except SystemExit:
            os._exit(ExitCode.INTERRUPTED)  # the usual end would wait for threads and workers that are still at it
    except Exception as error:
        message = f"unexpected {type(error).__name__}: {error}"
        fail(message, "run it again with --debug and report what it shows", ExitCode.UNEXPECTED, error)
