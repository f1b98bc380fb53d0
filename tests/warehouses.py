"""Small warehouses made of given counts."""

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType

from survey.labels.decision import Decision
from survey.mentions.lexicon import load_lexicon
from survey.warehouse.builder import CountedMention, CountedPaper, build_warehouse
from survey.warehouse.database import Warehouse

Counts = Mapping[str, int] | Mapping[tuple[str, str], int]


def make_warehouse(
    folder: Path,
    papers: Iterable[tuple[date | None, Counts]],
    decisions: Mapping[int, Decision] = MappingProxyType({}),
    citations: Iterable[tuple[int, int]] = (),
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
    with build_warehouse(path, load_lexicon(), {}) as warehouse:
        warehouse.add_papers(rows)
        warehouse.add_mentions(mentions)
        for paper, decision in decisions.items():
            warehouse.add_decision(paper, decision)
        for citing, cited in citations:
            warehouse.add_citations(citing, [cited])
    return Warehouse.open(path)
