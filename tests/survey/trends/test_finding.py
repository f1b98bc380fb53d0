"""The finding: one sentence with intervals, computed from the tables, first in the report."""

from dataclasses import replace
from pathlib import Path

import pytest

from posttrain.errors import ConfigurationError
from survey.labels.abstract import AbstractMethod
from survey.period import Period
from survey.report import Question, trend_tables
from survey.surface import Surface
from survey.trends.abstract_methods import FIGURE_2, printed_share, share_text, shares_of_year
from survey.trends.finding import methods_finding, table_finding
from survey.trends.growths import with_growth
from survey.trends.method_table import abstract_method_table
from survey.trends.published import Axis
from survey.trends.silence import silence_of
from survey.trends.trend import TrendTable, counted_row


def _table(*cells: tuple[str, str, int, int]) -> TrendTable:
    rows = tuple(counted_row((period, label), (k, n), (0, 0), None) for period, label, k, n in cells)
    return with_growth(replace(abstract_method_table(), axis=Axis.DOMAIN, rows=rows, surface=Surface.TEXT))


def test_the_bundled_abstracts_are_set_against_figure_2() -> None:
    """It names the method whose intervals are farthest apart, in each such year, and what silence explains."""
    sentence = methods_finding()
    hybrid = FIGURE_2.index(AbstractMethod.HYBRID)
    for year in ("2024", "2025"):
        ours, printed = shares_of_year(year, FIGURE_2).shares[hybrid], printed_share(year, AbstractMethod.HYBRID)
        assert printed and printed.low > ours.high
        assert f"{share_text(ours.share, ours.low, ours.high)} in {year}" in sentence
        assert share_text(printed.share, printed.low, printed.high) in sentence
    part = silence_of("2025").explained
    assert f"explain {part.share:.0%} [{part.low:.0%}, {part.high:.0%}]" in sentence
    assert "name both (hybrid)" in sentence and "2023" not in sentence and sentence.count(".") == 1


def test_the_report_begins_with_it(tmp_path: Path) -> None:
    """Abstracts begin with the methods, texts and another study with their own tables; no sentence stands twice."""
    abstracts, texts = trend_tables(tmp_path, Question()).parts
    assert str(abstracts.intro).startswith(methods_finding())
    assert texts.finding == table_finding(texts.tables[0]) and texts.intro.startswith(texts.finding)
    for part in (abstracts, texts):
        assert part.intro.count(part.finding) == 1


def test_the_clearest_change_is_the_one_farthest_from_chance() -> None:
    """A fall can be clearer than a rise; labels of few papers are not judged."""
    table = _table(
        ("2023", "qa", 400, 1000), ("2023", "math", 100, 1000), ("2023", "code", 1, 1000),
        ("2024", "qa", 100, 1000), ("2024", "math", 150, 1000), ("2024", "code", 30, 1000),
    )  # fmt: skip
    growth = next(growth for growth in table.growth if growth.label == "qa").share
    assert growth is not None
    assert table_finding(table) == (
        f"The clearest change of a share: qa falls ×{growth.value:.2f} [{growth.low:.2f}, {growth.high:.2f}] "
        "from 2023 to 2024."
    )


def test_without_a_clear_change_the_most_frequent_label_is_named() -> None:
    """It says so where changes are within chance, and where there is one period; too few papers are no trend."""
    same = _table(("2023", "qa", 40, 100), ("2023", "math", 10, 100), ("2024", "qa", 42, 100), ("2024", "math", 9, 100))
    assert table_finding(same).startswith("No change of a share is larger than chance makes; in 2024 qa is the most")
    single = _table(("2024", "qa", 42, 100), ("2024", "math", 60, 100))
    assert table_finding(single).startswith("In 2024 math is the most frequent domain: 60 of 100 papers, 60.0% [")
    assert "has 30 papers" in table_finding(_table(("2024", "qa", 4, 29)))


def test_methods_of_abstracts_are_a_table_of_the_report(tmp_path: Path) -> None:
    """k and n are whole papers of the machine; corrected shares add up to 1 in each year; only years can be asked."""
    (table,) = trend_tables(tmp_path, Question((Axis.METHOD,), surface=Surface.ABSTRACT)).tables
    for year in ("2023", "2024", "2025"):
        rows = [row for row in table.rows if row.period == year]
        assert [row.label for row in rows] == ["sft", "hybrid", "rl"]
        assert {sum(row.k for row in rows)} == {row.n for row in rows}
        assert sum(row.corrected.share or 0 for row in rows if row.corrected) == pytest.approx(1)
        assert all(row.published for row in rows)
    with pytest.raises(ConfigurationError, match="by year, not by month"):
        trend_tables(tmp_path, Question((Axis.METHOD,), by=Period.MONTH, surface=Surface.ABSTRACT))
