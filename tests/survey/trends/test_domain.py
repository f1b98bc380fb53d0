"""Trend tables: numbers worked by hand, Wilson against SciPy, every threshold from one query, projections by rule."""

import random
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest

from posttrain.statistics import wilson
from survey.mentions.domain import Rule, assign_domains
from survey.mentions.lexicon import load_lexicon
from survey.period import Period, period_of, without_gaps
from survey.trends.domain import domain_trends
from survey.trends.projection import Project, Projection
from survey.trends.trend import Scope, TrendRow, TrendTable
from tests.strategies import mention_counts
from tests.warehouses import make_warehouse


def _row(table: TrendTable, period: str, label: str) -> TrendRow:
    (row,) = [row for row in table.rows if (row.period, row.label) == (period, label)]
    return row


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_is_wilsons(counted: tuple[int, int]) -> None:
    """The same bounds as SciPy's, at every k and n."""
    k, n = counted
    oracle = binomtest(k, n).proportion_ci(0.95, method="wilson")
    assert wilson(k, n) == pytest.approx((oracle.low, oracle.high), abs=1e-9)


@pytest.mark.parametrize(("k", "n"), [(0, 0), (3, 2), (-1, 2)])
def test_there_is_no_interval_without_papers(k: int, n: int) -> None:
    """Impossible counts are refused, not drawn."""
    with pytest.raises(ValueError, match="no interval"):
        wilson(k, n)


def test_a_table_counts_papers_by_year_and_domain(tmp_path: Path) -> None:
    """Two of three papers of 2023 reach five mentions of a QA benchmark; one names mathematics too rarely."""
    papers = [
        (date(2023, 1, 5), {"hotpotqa": 5, "gsm8k": 4}),
        (date(2023, 12, 31), {"musique": 9}),
        (date(2023, 6, 1), {}),
        (date(2024, 12, 1), {"swe-bench": 7}),
        (None, {"gsm8k": 50}),
    ]
    with make_warehouse(tmp_path, papers) as warehouse:
        (table,) = domain_trends(warehouse)
    qa = _row(table, "2023", "qa")
    assert (qa.k, qa.n, qa.share, qa.published.value if qa.published else None) == (2, 3, 2 / 3, 292)
    assert (qa.low, qa.high) == wilson(2, 3)
    assert _row(table, "2023", "math").k == 0
    assert _row(table, "2024", "code").k == 1
    assert _row(table, "2025", "qa").n == 0
    assert _row(table, "2025", "qa").share is None


@given(st.lists(mention_counts(), min_size=1, max_size=8), st.sampled_from(Rule))
@settings(max_examples=25)
@pytest.mark.slow
def test_the_query_agrees_with_the_rule_at_every_threshold(
    tmp_path_factory: pytest.TempPathFactory, counts: list[dict[str, int]], rule: Rule
) -> None:
    """SQL over all papers and Python over one say the same, from 1 to 20, and never grow with the threshold."""
    lexicon = load_lexicon()
    papers = [(date(2024, 3, 1), {b: n for b, n in one.items() if n}) for one in counts]
    with make_warehouse(tmp_path_factory.mktemp("w"), papers) as warehouse:
        tables = domain_trends(warehouse, range(1, 21), rule=rule)
    before = None
    for table in tables:
        expected = [assign_domains(one, lexicon.domains, table.threshold, rule) for one in counts]
        ks = {row.label: row.k for row in table.rows if row.period == "2024"}
        assert all(k == sum(label in domains for domains in expected) for label, k in ks.items())
        assert before is None or all(ks[label] <= k for label, k in before.items())
        before = ks


def test_the_body_scope_leaves_references_and_appendix_out(tmp_path: Path) -> None:
    """Three mentions in the text, one in a table and one in a caption count; references and appendix do not."""
    inside = {("gsm8k", "body"): 3, ("gsm8k", "table"): 1, ("gsm8k", "caption"): 1}
    outside = {
        ("aime", "references"): 5,
        ("aime", "appendix"): 5,
        ("hotpotqa", "body"): 4,
        ("hotpotqa", "references"): 1,
    }
    with make_warehouse(tmp_path, [(date(2024, 12, 1), inside), (date(2024, 12, 2), outside)]) as warehouse:
        (whole,) = domain_trends(warehouse, scope=Scope.ALL)
        (body,) = domain_trends(warehouse, scope=Scope.BODY)
    assert (_row(whole, "2024", "math").k, _row(whole, "2024", "qa").k) == (2, 1)
    assert (_row(body, "2024", "math").k, _row(body, "2024", "qa").k) == (1, 0)


@pytest.mark.parametrize(
    ("by", "name"),
    [(Period.YEAR, "2025"), (Period.HALF, "2025-H2"), (Period.QUARTER, "2025-Q3"), (Period.MONTH, "2025-07")],
)
def test_periods_are_cut_on_the_calendar(by: Period, name: str) -> None:
    """July is the first month of the second half and of the third quarter."""
    assert period_of(date(2025, 7, 1), by) == name


def test_halves_add_up_to_the_year(tmp_path: Path) -> None:
    """The same papers, cut finer, are the same papers."""
    papers = [(date(2024, month, 2), {"gsm8k": 5}) for month in range(1, 13)]
    with make_warehouse(tmp_path, papers) as warehouse:
        for by in Period:
            (table,) = domain_trends(warehouse, by=by)
            assert sum(row.k for row in table.rows if row.label == "math") == 12
            assert sum(row.n for row in table.rows if row.label == "math") == 12


@pytest.mark.parametrize(
    ("project", "totals"),
    [(Project.MEAN_SHARE, [983, 2399, 261, 786]), (Project.DOUBLE, [956, 2332, 254, 764])],
)
def test_the_mean_first_half_reproduces_the_printed_projections(
    tmp_path: Path, project: Project, totals: list[int]
) -> None:
    """H1 counts of 478, 1166, 127 and 382 give the four printed totals of 2025 by the mean share, and not doubled."""
    first_half = {"hotpotqa": 478, "gsm8k": 1166, "webshop": 127, "bird": 382}
    papers = [(date(2025, 6, 30), {name: 5}) for name, count in first_half.items() for _ in range(count)]
    with make_warehouse(tmp_path, papers) as warehouse:
        (table,) = domain_trends(warehouse, project=project)
    assert [_row(table, "2025", label).projected for label in ("qa", "math", "agentic", "code")] == totals
    assert "2025 projected" in table.note


def test_a_sample_with_two_whole_years_projects_by_its_own_first_halves(tmp_path: Path) -> None:
    """A quarter of 2023 and of 2024 came before July, so 30 papers of early 2025 make 120."""
    papers = [
        (date(year, 3 if number < 30 else 9, 1), {"gsm8k": 5}) for year in (2023, 2024) for number in range(120)
    ] + [(date(2025, 6, 30), {"gsm8k": 5})] * 30
    with make_warehouse(tmp_path, papers) as warehouse:
        (table,) = domain_trends(warehouse)
    assert _row(table, "2025", "math").projected == 120
    assert "this sample's first halves" in table.note


def test_a_finished_year_is_not_projected(tmp_path: Path) -> None:
    """A paper of December says that the year is over."""
    with make_warehouse(tmp_path, [(date(2025, 12, 31), {"gsm8k": 5})]) as warehouse:
        (table,) = domain_trends(warehouse)
    assert all(row.projected is None for row in table.rows)


@pytest.mark.parametrize(
    ("last", "papers", "why"),
    [(date(2025, 6, 20), 40, "ends before its June does"), (date(2025, 8, 1), 29, "0 domain assignments, too few")],
)
def test_a_year_without_enough_of_its_first_half_is_not_projected(
    tmp_path: Path, last: date, papers: int, why: str
) -> None:
    """A projection of two months, or of a handful of papers, would be invented."""
    with make_warehouse(tmp_path, [(last, {"gsm8k": 5})] * papers) as warehouse:
        (table,) = domain_trends(warehouse)
    assert all(row.projected is None for row in table.rows)
    assert why in table.note


def test_july_is_no_part_of_the_first_half(tmp_path: Path) -> None:
    """Forty papers of June and five of July: only June's are expanded, and never to less than is counted."""
    papers = [(date(2025, 6, 30), {"gsm8k": 5})] * 40 + [(date(2025, 7, 1), {"gsm8k": 5})] * 5
    with make_warehouse(tmp_path, papers) as warehouse:
        (table,) = domain_trends(warehouse, project=Project.DOUBLE)
    row = _row(table, "2025", "math")
    assert (row.projected, table.first_halves["2025"].k, table.first_halves["2025"].n) == (80, 40, 45)
    assert row.projected_low is not None and row.projected_high is not None
    assert 45 <= row.projected_low < 80 < row.projected_high
    with make_warehouse(tmp_path / "many", papers + [(date(2025, 8, 1), {"gsm8k": 5})] * 100) as warehouse:
        assert _row(domain_trends(warehouse, project=Project.DOUBLE)[0], "2025", "math").projected == 145


def test_the_first_halves_of_earlier_years_end_in_june(tmp_path: Path) -> None:
    """July papers of 2023 and 2024 belong to the second half of the share that expands 2025."""
    earlier = [
        (date(year, 6 if n < 60 else 7, 1), {"gsm8k": 5}) for year in (2023, 2024) for n in range(120)
    ]  # fmt: skip
    with make_warehouse(tmp_path, [*earlier, *[(date(2025, 6, 30), {"gsm8k": 5})] * 30]) as warehouse:
        assert _row(domain_trends(warehouse)[0], "2025", "math").projected == 60


@given(st.integers(1, 2000), st.floats(0.3, 0.7))
def test_the_projection_lies_within_its_bounds(half: int, share: float) -> None:
    """And the bounds close in as papers come."""
    projection = Projection(2025, {"qa": half}, share, 0.0004, "")
    total, low, high = projection.total("qa", 0)
    assert low is not None and high is not None
    assert low <= total <= high


def test_the_interval_of_a_projection_covers_the_truth() -> None:
    """Of drawn years of 400 papers, some 95 % of the intervals hold 400."""
    rng = random.Random(3)
    covered = 0
    for _ in range(400):
        half = sum(rng.random() < 0.49 for _ in range(400))
        _, low, high = Projection(2025, {"qa": half}, 0.49, 0.0, "").total("qa", 0)
        covered += low is not None and high is not None and low <= 400 <= high
    assert 0.92 <= covered / 400 <= 0.99


def test_growth_is_of_the_count_against_the_period_before(tmp_path: Path) -> None:
    """From 30 papers to 75 is +150 %; from none there is no growth."""
    papers = [(date(2023, 12, 1), {"gsm8k": 5})] * 30 + [(date(2024, 12, 1), {"gsm8k": 5, "bird": 5})] * 75
    with make_warehouse(tmp_path, papers) as warehouse:
        (table,) = domain_trends(warehouse)
    assert _row(table, "2024", "math").growth == 1.5
    assert _row(table, "2024", "code").growth is None
    assert table.several and (table.several.k, table.several.n) == (75, 105)


@pytest.mark.parametrize(("before", "after", "growth"), [(30, 30, 0.0), (29, 90, None), (90, 29, None)])
def test_no_growth_from_or_to_a_period_of_few_papers(
    tmp_path: Path, before: int, after: int, growth: float | None
) -> None:
    """Both periods need 30 papers, whatever their k."""
    papers = [(date(2023, 12, 1), {"gsm8k": 5})] * before + [(date(2024, 12, 1), {"gsm8k": 5})] * after
    with make_warehouse(tmp_path, papers) as warehouse:
        (table,) = domain_trends(warehouse)
    assert _row(table, "2024", "math").growth == growth


def test_there_is_no_growth_over_a_gap(tmp_path: Path) -> None:
    """The period before is the one before in time, not the one before in the table."""
    papers = [(date(year, 1, 1), {"gsm8k": 5}) for year in (2021, 2023, 2024, 2024) for _ in range(30)]
    with make_warehouse(tmp_path, papers) as warehouse:
        (table,) = domain_trends(warehouse, [20])
        (low,) = domain_trends(warehouse)
    assert [row.period for row in table.rows if row.label == "math"] == ["2021", "2023", "2024"]
    assert [_row(low, year, "math").growth for year in ("2021", "2023", "2024")] == [None, None, 1.0]


@pytest.mark.parametrize(
    ("by", "first", "last", "between"),
    [
        (Period.YEAR, "2023", "2025", ["2024"]),
        (Period.HALF, "2023-H2", "2024-H2", ["2024-H1"]),
        (Period.QUARTER, "2023-Q3", "2024-Q1", ["2023-Q4"]),
        (Period.MONTH, "2023-11", "2024-02", ["2023-12", "2024-01"]),
    ],
)
def test_periods_without_papers_are_named_in_order(by: Period, first: str, last: str, between: list[str]) -> None:
    """From the first to the last, which may be the same."""
    assert without_gaps([last, first], by) == [first, *between, last]
    assert without_gaps([first], by) == [first]


def test_only_what_holds_at_every_threshold_survives(tmp_path: Path) -> None:
    """Mathematics is largest at 1 to 20; code is larger than QA only up to five."""
    papers = [(date(2023, 12, 1), {"gsm8k": 30})] * 20 + [(date(2023, 12, 2), {"bird": 5})] * 15
    papers += [(date(2024, 12, 1), {"gsm8k": 30})] * 35
    with make_warehouse(tmp_path, papers) as warehouse:
        (table,) = domain_trends(warehouse)
    assert table.survives == (
        "math is the largest domain of 2023", "math is the largest domain of 2024",
        "the share of math rises from 2023 to 2024",
    )  # fmt: skip
