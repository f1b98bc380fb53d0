"""How commands speak: stdout is data, stderr is narration; one JSON object; errors with a hint; a progress bar."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any, NoReturn

from posttrain import __version__
from posttrain.errors import DiskError, ExitCode

SCHEMA_VERSION = 1


def emit(
    command: str,
    values: dict[str, Any],
    lines: list[str],
    as_json: bool,
    warnings: list[str] | None = None,
    provenance: dict[str, Any] | None = None,
) -> None:
    """Print the one JSON object, or the lines for a person with the warnings on stderr."""
    if as_json:
        print_data(envelope(command, values, warnings or [], provenance or {"posttrain": __version__}))
        return
    for warning in warnings or []:
        note(warning)
    print_data("\n".join(lines))


def envelope(command: str, values: dict[str, Any], warnings: list[str], provenance: dict[str, Any]) -> str:
    """Return the JSON object that every command prints under --json."""
    head = {"schema_version": SCHEMA_VERSION, "command": command}
    rest = {"data": values, "warnings": warnings, "provenance": provenance}
    return json.dumps(head | rest, ensure_ascii=False, default=_as_json)


def print_data(text: str) -> None:
    """Print data. A reader that has left (head, less) ends the program quietly; a full disk is an error."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise DiskError(
            f"cannot write the answer: {error.strerror}", "write it elsewhere", ExitCode.UNEXPECTED
        ) from error


def note(text: str) -> None:
    """Print narration."""
    print(text, file=sys.stderr)


def fail(message: str, hint: str, code: ExitCode, error: BaseException | None = None) -> NoReturn:
    """Print an error for a person, and as one object under --json; end with its exit code."""
    if error is not None and "--debug" in sys.argv:
        raise error
    if "--json" in sys.argv:
        told = {"code": code.name.lower(), "message": message, "hint": hint}
        print(json.dumps({"schema_version": SCHEMA_VERSION, "error": told}, ensure_ascii=False), flush=True)
    note(f"error: {message}\n  try: {hint}")
    sys.exit(code)


@contextmanager
def progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Give a function that draws progress, rate and time left, where stderr is a terminal; it takes done and of."""
    if not sys.stderr.isatty():
        yield lambda done, of: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft
    from rich.text import Text

    class Rate(ProgressColumn):
        """Steps per minute, which shows a rate of one in three seconds as well as one of thousands a second."""

        def render(self, task: Task) -> Text:
            return Text(f"{task.speed * 60:,.0f}/min" if task.speed else "", style="progress.data.speed")

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(), TimeLeft())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task(what, total=None)
        yield lambda done, of: bars.update(bar, completed=done, total=of)


def _as_json(value: object) -> object:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
