"""The method and data-source tables: raw and corrected shares, both readings of RL, and whether years differ."""

from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from survey.labels.decision import Decision
from survey.labels.readings import DataSource, Method
from survey.labels.validation import IN_DISPUTE, Checked, read_validation
from survey.trends.cited import with_citations
from survey.trends.domain import domain_trends
from survey.trends.labelled import data_source_trends, method_trends
from survey.trends.published import Axis
from survey.trends.trend import TrendRow, TrendTable
from survey.warehouse.database import Warehouse
from tests.warehouses import make_warehouse

YEARS = {2024: {"sft": 60, "hybrid": 20, "rl": 20, "preference": 10, "none": 90},
         2025: {"sft": 20, "hybrid": 60, "rl": 20, "preference": 5, "none": 95}}  # fmt: skip


def _warehouse(folder: Path, years: dict[int, dict[str, int]] = YEARS) -> Warehouse:
    """Papers of each year by method; those that train take their data from a benchmark, every fifth from an API."""
    decisions, papers = {}, []
    for year, methods in years.items():
        for method, n in methods.items():
            for _ in range(n):
                number = len(papers)
                papers.append((date(year, 3, 1), {"gsm8k": 5}))
                source = DataSource.API if number % 5 == 0 else DataSource.BENCHMARK
                label = Method(method)
                sources = () if label is Method.NONE else (source,)
                decisions[number] = Decision(label, 0.9, label, label, sources, 0.8)
    return make_warehouse(folder, papers, decisions, [(n, n % 7) for n in range(10, 60)])


def _checked(wrong: int) -> list[Checked]:
    """Readers and machine alike on 40 papers of each class, but the machine takes `wrong` sft papers for hybrid."""
    found = []
    for method in ("sft", "hybrid", "rl", "preference", "none"):
        for n in range(40):
            machine = "hybrid" if method == "sft" and n < wrong else method
            source = "-" if method == "none" else "api" if n % 2 else "benchmark"
            found.append(Checked(f"{method}{n}", "", method, machine, machine, machine, source, source, source))
    return found


def _row(table: TrendTable, period: str, label: str) -> TrendRow:
    return next(row for row in table.rows if (row.period, row.label) == (period, label))


def test_shares_are_among_the_surveys_three(tmp_path: Path) -> None:
    """Preferences, none and unclear stand outside n; the second reading counts preferences as rl."""
    with _warehouse(tmp_path) as warehouse:
        online, either = method_trends(warehouse, _checked(0))
    assert (_row(online, "2024", "sft").k, _row(online, "2024", "sft").n) == (60, 100)
    assert (_row(either, "2024", "rl").k, _row(either, "2024", "rl").n) == (30, 110)
    assert (online.reading, either.reading) == ("online", "online or preference")
    assert "outside n: 15 preference, 185 none" in online.note
    assert "preference, " not in either.note
    printed = _row(online, "2025", "hybrid").published
    assert printed is not None and (printed.value, printed.n) == (70.6, 17)


def test_the_correction_undoes_the_errors_that_validation_shows(tmp_path: Path) -> None:
    """A quarter of sft read as hybrid: so 20 % sft among those labelled is more in truth, with a wider interval."""
    with _warehouse(tmp_path) as warehouse:
        right, wrong = method_trends(warehouse, _checked(0))[0], method_trends(warehouse, _checked(10))[0]
    same, moved = _row(right, "2025", "sft"), _row(wrong, "2025", "sft")
    assert same.share == moved.share == 0.2
    assert same.corrected and moved.corrected and same.corrected.share and moved.corrected.share
    assert same.corrected.share == pytest.approx(0.2, abs=0.02)
    assert moved.corrected.share == pytest.approx(0.2 / 0.75, abs=0.03)
    assert moved.corrected.low is not None and moved.low is not None
    assert moved.corrected.low < moved.corrected.share < (moved.corrected.high or 0)


def test_papers_in_dispute_are_never_right_and_correct_nothing(tmp_path: Path) -> None:
    """They count in n of the agreement, and in no rate of the correction."""
    disputed = [replace(one, method=IN_DISPUTE) for one in _checked(0)[:10]]
    with _warehouse(tmp_path) as warehouse:
        table = method_trends(warehouse, [*_checked(0), *disputed])[0]
    assert "200 of 210 agree" in table.quality
    row = _row(table, "2025", "sft")
    assert row.corrected and row.corrected.share == pytest.approx(0.2, abs=0.02)


def test_a_class_is_corrected_by_its_papers_that_were_drawn_at_random(tmp_path: Path) -> None:
    """Where there are ten of them; chosen ones, which err otherwise, then do not count."""
    random = [replace(one, drawn="random") for one in _checked(0) if one.method == "sft"]
    with _warehouse(tmp_path) as warehouse:
        row = _row(method_trends(warehouse, _checked(40) + random)[0], "2025", "sft")
        few = _row(method_trends(warehouse, _checked(40) + random[:9])[0], "2025", "sft")
    assert row.corrected and few.corrected and row.corrected.share and few.corrected.share
    assert row.corrected.share == pytest.approx(0.2, abs=0.02)
    assert few.corrected.share > 0.4


def test_a_class_never_validated_is_not_corrected(tmp_path: Path) -> None:
    """An abstention with its reason."""
    checked = [one for one in _checked(0) if one.method != "rl"]
    with _warehouse(tmp_path) as warehouse:
        row = _row(method_trends(warehouse, checked)[0], "2024", "rl")
    assert row.corrected is not None
    assert row.corrected.share is None
    assert row.corrected.note


def test_whether_years_differ_is_answered_by_test(tmp_path: Path) -> None:
    """Ours, corrected and printed: hybrid tripled, rl did not; what cannot be told apart is said to be so."""
    with _warehouse(tmp_path) as warehouse:
        ours, corrected, printed = method_trends(warehouse, _checked(2))[0].differences
    different, _, alike = ours.partition("not distinguishable:")
    assert "sft 2024 to 2025" in different and "hybrid 2024 to 2025" in different
    assert "rl 2024 to 2025" in alike
    assert corrected.startswith("our corrected shares")
    assert "hybrid 2023 to 2024" in printed.partition("not distinguishable")[0]


def test_the_footer_has_kappa_n_and_the_confusion_matrix(tmp_path: Path) -> None:
    """And says that the readers are not people."""
    with _warehouse(tmp_path) as warehouse:
        quality = method_trends(warehouse, _checked(10))[0].quality
        source = data_source_trends(warehouse, _checked(10)).quality
    assert "(reference labels by LLM readers, not people): 190 of 200 agree, κ = 0.94" in quality
    assert "in dispute" not in quality
    assert "sft: 30 sft, 10 hybrid" in quality
    assert "160 of 160 agree" in source


def test_sources_are_shares_of_primary_ones(tmp_path: Path) -> None:
    """Of papers that train; the others have none."""
    with _warehouse(tmp_path) as warehouse:
        table = data_source_trends(warehouse, _checked(0))
    assert table.axis is Axis.DATA_SOURCE
    assert sum(row.k for row in table.rows if row.period == "2024") == 110
    assert _row(table, "2024", "human").k == 0


def test_every_table_can_be_weighted_by_citations(tmp_path: Path) -> None:
    """Seven papers of 2024, all sft, receive all of the fifty citations."""
    with _warehouse(tmp_path) as warehouse:
        method = with_citations(method_trends(warehouse, _checked(0))[0], warehouse)
        domain = with_citations(domain_trends(warehouse)[0], warehouse)
    row = _row(method, "2024", "sft")
    assert row.cited is not None and (row.cited.share, row.cited.note) == (1.0, "50 of 50 to 7 papers")
    assert row.cited.low is not None and 0.4 < row.cited.low < 0.9
    assert _row(method, "2025", "sft").cited is None
    with _warehouse(tmp_path / "two") as warehouse:
        online, either = (with_citations(table, warehouse) for table in method_trends(warehouse, _checked(0)))
    assert online.rows != either.rows
    math = _row(domain, "2024", "math").cited
    assert math is not None and math.share == 1.0


def test_the_bundled_validation_can_be_read() -> None:
    """Its words are the classes of the tables."""
    assert {one.method for one in read_validation()} <= {IN_DISPUTE, *map(str, Method)}
