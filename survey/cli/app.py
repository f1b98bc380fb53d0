"""The frame of `survey`: the options that its commands share."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from posttrain.commands import Data, Debug, Json, make_app, run
from posttrain.errors import ConfigurationError, NothingMatchedError
from posttrain.settings import data_folder
from survey.mentions.domain import Rule
from survey.trends.trend import Scope

Choice = TypeVar("Choice", bound=StrEnum)
__all__ = ["Counts", "Data", "Debug", "Json", "app", "choice", "main", "own_store"]

app = make_app("What the field trains language models with: papers in, trend tables with honest intervals out.")

Counts = Annotated[Path | None, typer.Option("--counts", help="Counts that somebody exported, in place of own data.")]
Threshold = Annotated[int | None, typer.Option(help="Least mentions, inclusive: 1 to 20 (default: 5).")]
InScope = Annotated[Scope, typer.Option(help="The whole text, or without references and appendix.")]
ByRule = Annotated[Rule, typer.Option(help="Mentions of one benchmark, or of its domain together.")]


def main() -> None:
    """Run the command line."""
    run(app, "survey")


@contextmanager
def own_store(data: Path | None) -> Iterator[Any]:
    from survey.arxiv.ledger import Ledger
    from survey.store.papers import Store

    folder = data_folder(data)
    listed = Ledger.exists(folder)
    if not Store.exists(folder) and not listed:
        raise NothingMatchedError(f"no papers in {folder}", "survey ingest PATH…")
    with Store(folder) as store:
        if next(store.sources(), None) is None and not store.skipped() and not listed:
            raise NothingMatchedError(f"no papers in {folder}", "survey ingest PATH…")
        yield store


def choice(flag: str, value: str, kind: type[Choice], more: str) -> Choice:
    try:
        return kind(value)
    except ValueError:
        raise ConfigurationError(
            f"{flag} '{value}' is unknown; expected {', '.join(kind)} {more}", "survey --help"
        ) from None
