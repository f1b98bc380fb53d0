"""The frame of `survey`: the options that its commands share."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from posttrain.commands import make_app, run
from posttrain.console import note, print_data
from posttrain.errors import ConfigurationError, NothingMatchedError
from posttrain.files import make_folder, write_whole
from survey.mentions.domain import Rule
from survey.surface import Surface
from survey.trends.trend import Scope

if TYPE_CHECKING:  # the store loads PyArrow, which `survey --help` does without
    from survey.store.papers import Store
    from survey.studies.model import Study

_MOST_LINES = 20  # of one kind that a person is shown; --json has all
Choice = TypeVar("Choice", bound=StrEnum)

app = make_app("What the field trains language models with: papers in, trend tables with honest intervals out.")

Counts = Annotated[Path | None, typer.Option("--counts", help="Counts that somebody exported, in place of own data.")]
Threshold = Annotated[int | None, typer.Option(help="Least mentions, inclusive (default: the study's, 5).")]
StudyName = Annotated[
    str | None,
    typer.Option(
        "--study", metavar="FILE|NAME", help="The study that is counted, in place of 2603.13985.", show_default=False
    ),
]
Category = Annotated[
    list[str] | None,
    typer.Option("--category", metavar="cs.CL", help="Only papers of these arXiv categories; may be repeated."),
]
Since = Annotated[str | None, typer.Option("--from", metavar="MONTH", help="Only version 1 of 2024-03 and later.")]
Until = Annotated[str | None, typer.Option("--until", metavar="MONTH", help="Only version 1 of 2025-06 and before.")]
Words = Annotated[
    list[str] | None,
    typer.Option(
        "--words", metavar="WORDS", help="Only papers with these words in title or abstract; may be repeated."
    ),
]
OnSurface = Annotated[
    Surface | None,
    typer.Option(
        "--surface", help="Full texts or abstracts (default: texts where they are counted).", show_default=False
    ),
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the planned requests, and stop.")]
OutFile = Annotated[Path | None, typer.Option("--out", help="Write to this file instead of stdout.")]
InScope = Annotated[Scope, typer.Option(help="The whole text, or without references and appendix.")]
ByRule = Annotated[Rule, typer.Option(help="Mentions of one benchmark, or of its domain together.")]


def main() -> None:
    """Run the command line."""
    run(app, "survey")


@contextmanager
def own_store(folder: Path) -> "Iterator[Store]":
    """Give the store of own papers in a folder. Raises NothingMatchedError where there is none, or nothing in it."""
    from survey.arxiv.ledger import Ledger
    from survey.store.papers import Store

    is_listed = Ledger.exists(folder)
    if not Store.exists(folder) and not is_listed:
        raise NothingMatchedError(
            f"no papers of your own in {folder}; the bundled counts hold no text", "survey ingest PATH…"
        )
    with Store(folder) as store:
        if next(store.sources(), None) is None and not store.skipped() and not is_listed:
            raise NothingMatchedError(
                f"no papers of your own in {folder}; the bundled counts hold no text", "survey ingest PATH…"
            )
        yield store


def study_of(name: str | None) -> "Study | None":
    """Return the study that --study names; None without it. Raises ConfigurationError with the fault and its line."""
    from survey.studies.load import load_study

    return load_study(name) if name else None


def choice(flag: str, value: str, kind: type[Choice], more: str) -> Choice:
    """Return the member of an enumeration that a flag names. Raises ConfigurationError with the members."""
    try:
        return kind(value)
    except ValueError:
        raise ConfigurationError(
            f"{flag} '{value}' is unknown; expected {', '.join(kind)} {more}", "survey --help"
        ) from None


def write_answer(content: str | bytes, out: Path | None, flag: str = "--out") -> None:
    """Print an answer, or write it to a file and say so on stderr. Raises UnwritableError."""
    if out is None:
        print_data(str(content).removesuffix("\n"))
        return
    hint = f"choose another file with {flag}"
    make_folder(out.parent, hint)
    write_whole(out, content if isinstance(content, bytes) else content.removesuffix("\n") + "\n", hint)
    note(f"wrote {out}")


def reasons(key: str, pairs: list[tuple[str, str]]) -> list[dict[str, str]]:
    """Return (name, reason) pairs as plain data."""
    return [{key: name, "reason": reason} for name, reason in pairs]


def first_lines(lines: list[str], rest: str = "--json") -> list[str]:
    """Return the first lines, and a line with the number of the others and the command that shows them."""
    more = len(lines) - _MOST_LINES
    return lines[:_MOST_LINES] + ([f"… and {more:,} more: {rest}"] if more > 0 else [])
