"""Small warehouses made of given counts."""

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path

from survey.mentions.lexicon import load_lexicon
from survey.warehouse.database import CountedMention, CountedPaper, Training, Warehouse

Counts = Mapping[str, int] | Mapping[tuple[str, str], int]


def make_warehouse(
    folder: Path, papers: Iterable[tuple[date | None, Counts]], training: Training | None = None
) -> Warehouse:
    """Return an open warehouse of papers given as (version 1's date, mentions by benchmark or (benchmark, section))."""
    rows, mentions = [], []
    for number, (published, counts) in enumerate(papers):
        rows.append(CountedPaper(f"2501.{number:05d}", f"Paper {number}", published, True, "latex", "record"))
        for key, n in counts.items():
            benchmark, section = key if isinstance(key, tuple) else (key, "body")
            mentions += [
                CountedMention(number, benchmark, benchmark, section, at, at + 1, True, "name") for at in range(n)
            ]
    folder.mkdir(exist_ok=True)
    path = folder / "warehouse.duckdb"
    Warehouse.build(path, rows, mentions, load_lexicon(), {}, training)
    return Warehouse.open(path)
