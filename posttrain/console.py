"""The console: data on stdout, narration on stderr; one JSON object, errors with a hint, progress."""

import json
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Any, NoReturn

from posttrain.errors import DiskError, ExitCode
from posttrain.grid import wrapped
from posttrain.version import __version__

SCHEMA_VERSION = 1
QUIET_SECONDS = 30.0  # between two lines of progress where there is no terminal
MEASURED_PARTS, MEASURED_SHARE = 5, 20  # parts, or one part in so many, after which the time left is known
_COMMAND = re.compile(r"\s*(next|try|parts|to keep and try it)\b")  # `next: survey label`: copied as one line
Advance = Callable[[int, int], None]  # takes how many parts are done, and of how many


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
        note(f"warning: {warning}")
    print_data("\n".join(for_screen(lines)))


def envelope(command: str, values: dict[str, Any], warnings: list[str], provenance: dict[str, Any]) -> str:
    """Return the JSON object that every command prints under --json."""
    head = {"schema_version": SCHEMA_VERSION, "command": command}
    rest = {"data": values, "warnings": warnings, "provenance": provenance}
    return json.dumps(head | rest, ensure_ascii=False, default=_as_json)


def print_data(text: str) -> None:
    """Print data on stdout. A closed pipe (head, less) ends the program quietly. Raises DiskError for a full disk."""
    if sys.stdout is None:  # closed by whoever called (`>&-`): nobody wants the data
        return
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
    """Print narration on stderr."""
    print(text, file=sys.stderr)


def screen_width() -> int | None:
    """Return how many columns the screen has: COLUMNS, else the terminal on stdout; None for a file or a pipe."""
    if os.environ.get("COLUMNS", "").isdigit() and int(os.environ["COLUMNS"]):
        return int(os.environ["COLUMNS"])
    on_terminal = sys.stdout is not None and sys.stdout.isatty()
    return shutil.get_terminal_size().columns if on_terminal else None


def for_screen(lines: Iterable[str]) -> list[str]:
    """Return lines broken at spaces where the screen is narrower, so that no word is; commands and files are whole."""
    width = screen_width()
    if width is None:
        return list(lines)
    every = (line for text in lines for line in text.split("\n"))
    return [
        part
        for line in every
        for part in ([line] if _COMMAND.match(line) else wrapped(line, width, " " * (_margin(line) + 4)))
    ]


def _margin(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def has_colour() -> bool:
    """Say whether stdout is a terminal that may show colours (NO_COLOR)."""
    return sys.stdout is not None and sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def fail(message: str, hint: str, code: ExitCode, as_json: bool = False) -> NoReturn:
    """Print an error on stderr, with `as_json` also as one object on stdout; end with its exit code."""
    if as_json:
        error = {"code": code.name.lower(), "message": message, "hint": hint}
        print(json.dumps({"schema_version": SCHEMA_VERSION, "error": error}, ensure_ascii=False), flush=True)
    note(f"error: {message}\n  try: {hint}")
    sys.exit(code)


@contextmanager
def progress(label: str, unit: str = "") -> Iterator[Advance]:
    """Give a function that shows how far a step is; it takes how many parts are done, and of how many.

    A terminal shows a bar with rate and time left. Elsewhere stderr gets a line every 30 seconds. `unit` follows the
    numbers where the label does not say what is counted: `pilot: 20 of 100 % of the work`.
    """
    if not sys.stderr.isatty():
        yield _lines(label, unit)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn
    from rich.progress import TimeRemainingColumn as TimeLeft
    from rich.text import Text

    class Rate(ProgressColumn):
        """Parts per minute: the same unit for one part in three seconds and for thousands a second."""

        def render(self, task: Task) -> Text:
            return Text(f"{task.speed * 60:,.0f}/min" if task.speed else "", style="progress.data.speed")

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), *([TextColumn(unit)] if unit else []),
        Rate(), TimeLeft(),
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        bar = bars.add_task(label, total=None)
        yield lambda done, of: bars.update(bar, completed=done, total=of)


def _lines(label: str, unit: str) -> Advance:
    """Return a function that prints progress as a line, at most one every QUIET_SECONDS.

    The time left follows from the parts after the first: that one holds the start-up, and alone would say 37 minutes
    where one is left. It is left out before five more parts, or a twentieth of all, are done.
    """
    printed = time.monotonic()
    first: tuple[int, float] | None = None  # the first parts that were done, and when

    def advance(done: int, of: int) -> None:
        nonlocal printed, first
        now = time.monotonic()
        if first is None and done:
            first = done, now
        if now - printed < QUIET_SECONDS:
            return
        printed = now
        since = done - first[0] if first else 0
        left = ""
        if first and since and done < of and (since >= MEASURED_PARTS or since >= of / MEASURED_SHARE):
            left = f", about {(now - first[1]) / since * (of - done) / 60:,.0f} min left"
        note(f"{label}: {done:,} of {of:,}{unit and ' '}{unit}{left}")

    return advance


def _as_json(value: object) -> object:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
