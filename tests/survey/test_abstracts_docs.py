"""docs/abstracts.md: its tables and sentences hold the numbers that the bundled abstracts give."""

import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from pyarrow import parquet

from posttrain.reference import reference_path
from survey.mentions.lexicon import load_lexicon
from survey.report import Report, trend_tables
from survey.surface import Surface
from survey.trends.question import Question
from survey.warehouse.name_index import count_by_names
from tests.chain import ROOT

PAGE = (ROOT / "docs/abstracts.md").read_text(encoding="utf-8")
FOLDER = reference_path("abstracts/sample.toml").parent


@cache
def _report() -> Report:
    return trend_tables(Path("data"), Question(surface=Surface.ABSTRACT))


def _table(head: str) -> Iterator[list[str]]:
    """The cells of the table of the page under this head, row by row."""
    lines = PAGE[PAGE.index(head) :].split("\n\n")[0].splitlines()
    for line in lines[2:]:
        yield [cell.strip() for cell in line.strip("|").split("|")]


def test_the_counts_of_the_page_are_those_of_the_sample() -> None:
    """n and k of each year and domain."""
    cells = {(row.period, row.label): (row.k, row.n) for row in _report().tables[0].rows}
    rows = list(_table("| year | n | qa | math | agentic | code |"))
    shown = {
        (year, label): (int(k), int(n.replace(",", "")))
        for year, n, *counts in rows
        for label, k in zip(("qa", "math", "agentic", "code"), counts, strict=True)
    }
    assert shown == cells and len(shown) == 12


def test_the_growth_of_the_page_is_that_of_the_sample() -> None:
    """Factors of share and papers with their intervals, the printed factor, its verdict, and the part of the field."""
    growths = {(f"{g.since} → {g.until}", g.label): g for g in _report().tables[0].growth}
    rows = list(_table("| from → to | label |"))
    assert len(rows) == len(growths) == 8
    for pair, label, share, papers, printed, verdict, part in rows:
        growth = growths[pair, label]
        assert growth.share and growth.field_part
        assert share == f"{growth.share.value:.2f} [{growth.share.low:.2f}, {growth.share.high:.2f}]"
        assert papers == f"{growth.factor:.2f} [{growth.low:.2f}, {growth.high:.2f}]"
        assert (printed, verdict, part) == (
            f"{growth.published:.2f}", growth.verdict, f"{growth.field_part.value:.0%}",
        )  # fmt: skip
    fields = dict.fromkeys(
        f"×{g.field.value:.1f} [{g.field.low:.1f}, {g.field.high:.1f}]" for g in growths.values() if g.field
    )
    assert " and ".join(fields) in " ".join(PAGE.split())


@pytest.mark.slow
def test_the_page_says_how_much_the_name_index_holds() -> None:
    """Pairs of paper and benchmark that the index finds, of all that the abstracts give."""
    rows = parquet.read_table(FOLDER / "mentions.parquet", columns=["arxiv_id", "benchmark"]).to_pylist()
    number = {key: at for at, key in enumerate(dict.fromkeys(row["arxiv_id"] for row in rows))}
    direct = {(number[row["arxiv_id"]], row["benchmark"]) for row in rows if row["benchmark"]}
    indexed = {(count.paper, count.benchmark) for count in count_by_names(load_lexicon(), FOLDER)[0]}
    lost = Counter(benchmark for _, benchmark in direct - indexed)
    words = " ".join(PAGE.split())
    assert (
        f"{len(direct & indexed)} of {len(direct)} pairs of paper and benchmark; the other {sum(lost.values())}"
        in words
    )
    assert f"(AIME {lost['aime']}, BIRD {lost['bird']}) and three spellings" in words
    assert sum(lost.values()) - lost["aime"] - lost["bird"] == 3


def test_the_documents_name_the_size_of_the_sample() -> None:
    """One number of bundled abstracts, wherever a document gives one."""
    papers = sum(n for (_, n) in {(row.period, row.n) for row in _report().tables[0].rows})
    pages = [ROOT / "README.md", ROOT / "data/README.md", *sorted((ROOT / "docs").glob("*.md"))]
    numbers = [
        int(number.replace(",", ""))
        for page in pages
        for number in re.findall(
            r"([\d,]{6,}) (?:bundled )?(?:\[?abstracts|papers on language|LLM papers)", page.read_text()
        )
    ]
    assert numbers.count(papers) >= 6
    assert set(numbers) <= {papers, 55_009, 173_462}  # the frame of the readers' sample; all sources
