"""The command line's frame: the options that commands share, and what is common to their failures."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from survey import __version__
from survey.domain import Rule
from survey.errors import ExitCode, SurveyError
from survey.settings import data_folder
from survey.speech import fail, put
from survey.trends import Scope

Choice = TypeVar("Choice", bound=StrEnum)

app = typer.Typer(
    rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=True,
    help="What the field trains language models with: papers in, trend tables with honest intervals out.",
)  # fmt: skip

Data = Annotated[Path | None, typer.Option("--data", help="Where own data live (POSTTRAIN_DATA; default: data).")]
Counts = Annotated[Path | None, typer.Option("--counts", help="Counts that somebody exported, in place of own data.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Threshold = Annotated[int | None, typer.Option(help="Least mentions, inclusive: 1 to 20 (default: 5).")]
InScope = Annotated[Scope, typer.Option(help="The whole text, or without references and appendix.")]
ByRule = Annotated[Rule, typer.Option(help="Mentions of one benchmark, or of its domain together.")]


def main() -> None:
    """Run the command line; every failure becomes an error with a hint and its exit code."""
    arguments = sys.argv[1:] or ["--help"]
    try:
        code = app(arguments, prog_name="survey", standalone_mode=False) or ExitCode.OK
        if code == ExitCode.INTERRUPTED:  # typer turns Ctrl-C into this
            raise KeyboardInterrupt
        sys.exit(code)
    except SurveyError as error:
        fail(error.message, error.hint, error.exit_code, error)
    except typer.TyperException as error:
        known = [command.name for command in app.registered_commands]
        command = f"survey {arguments[0]}" if arguments[0] in known else "survey"
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


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        put(__version__)
        raise typer.Exit


@contextmanager
def own_store(data: Path | None) -> Iterator[Any]:
    from survey.ledger import Ledger
    from survey.store import Store

    folder = data_folder(data)
    listed = Ledger.exists(folder)
    if not Store.exists(folder) and not listed:
        raise SurveyError(f"no papers in {folder}", "survey ingest PATH…", ExitCode.NOTHING_MATCHED)
    with Store(folder) as store:
        if next(store.sources(), None) is None and not store.skipped() and not listed:
            raise SurveyError(f"no papers in {folder}", "survey ingest PATH…", ExitCode.NOTHING_MATCHED)
        yield store


def choice(flag: str, value: str, kind: type[Choice], more: str) -> Choice:
    try:
        return kind(value)
    except ValueError:
        raise SurveyError(f"{flag} '{value}' is unknown; expected {', '.join(kind)} {more}", "survey --help") from None
