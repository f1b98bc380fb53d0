"""Growth: closed forms for large samples, verdicts, gaps, and how often the intervals hold the true factor."""

import math
import re
from dataclasses import replace

import numpy as np
import pytest

from posttrain.charts import svg, titled
from posttrain.statistics import Z
from survey.mentions.lexicon import load_lexicon
from survey.period import Period
from survey.report import Question, tables_of
from survey.surface import Surface
from survey.trends.growth import Capture, Growth, Verdict, Volume, growth_of
from survey.trends.growths import growth_chart, growth_data, growth_grid, growth_sentence, with_growth
from survey.trends.trend import TrendTable
from survey.trends.volume import missing_months, volumes_of
from survey.warehouse.abstracts import open_abstracts

YEARS = ["2023", "2024"]


def _growth(k: tuple[int, int], n: tuple[int, int], **more: object) -> Growth:
    counts = {(year, "math"): pair for year, pair in zip(YEARS, zip(k, n, strict=True), strict=True)}
    (growth,) = growth_of(counts, YEARS, **more)  # type: ignore[arg-type]
    return growth


@pytest.mark.parametrize(("k", "n"), [((400, 900), (9_000, 12_000)), ((2_000, 1_500), (5_000, 5_000))])
def test_the_interval_of_a_large_share_is_the_closed_form(k: tuple[int, int], n: tuple[int, int]) -> None:
    """The logarithm of a ratio of two shares is normal (Katz et al. 1978); draws and formula agree to two per cent."""
    growth = _growth(k, n)
    ratio = (k[1] / n[1]) / (k[0] / n[0])
    spread = math.exp(Z * math.sqrt(sum(1 / k[i] - 1 / n[i] for i in (0, 1))))
    assert growth.of == "share" and growth.factor == pytest.approx(ratio)
    assert growth.low == pytest.approx(ratio / spread, rel=0.02)
    assert growth.high == pytest.approx(ratio * spread, rel=0.02)


def test_a_volume_is_listed_papers_by_their_capture() -> None:
    """Lincoln's estimate: 9,000 papers at a capture of 90 % are 10,000, 20,000 at 50 % are 40,000, so ×4."""
    volumes = {
        "2023": [Volume({"2023-05": 9_000}, [Capture("2023-05", "a", 100_000, 90_000)])],
        "2024": [Volume({"2024-05": 20_000}, [Capture("2024-05", "a", 100_000, 50_000)])],
    }
    growth = _growth((1_000, 1_000), (9_000, 20_000), volumes=volumes)
    assert growth.field is not None and growth.share is not None and growth.of == "papers"
    assert growth.field.value == pytest.approx(4, rel=0.01)
    assert growth.factor == pytest.approx(growth.share.value * growth.field.value)


def test_lists_that_disagree_widen_the_interval() -> None:
    """Two lists of the same size, one captured to 90 % and one to 50 %, are no measure of 70 % to three digits."""

    def volume(month: str, *captured: int) -> list[Volume]:
        return [Volume({month: 7_000}, [Capture(month, f"list {i}", 10_000, n) for i, n in enumerate(captured)])]

    agreeing = {"2023": volume("2023-05", 7_000, 7_000), "2024": volume("2024-05", 7_000, 7_000)}
    disagreeing = {"2023": volume("2023-05", 7_000, 7_000), "2024": volume("2024-05", 9_000, 5_000)}
    fields = [_growth((700, 700), (7_000, 7_000), volumes=volumes).field for volumes in (agreeing, disagreeing)]
    assert fields[0] and fields[1]
    assert fields[0].high - fields[0].low < 0.1
    assert fields[1].high - fields[1].low > 0.6


@pytest.mark.parametrize(
    ("k", "printed", "verdict"),
    [((100, 200), 2.0, Verdict.INSIDE), ((100, 200), 4.0, Verdict.OUTSIDE), ((4, 8), 2.0, Verdict.TOO_FEW),
     ((100, 4), 0.1, Verdict.TOO_FEW)],
)  # fmt: skip
def test_a_printed_factor_is_inside_or_outside_or_there_are_too_few(
    k: tuple[int, int], printed: float, verdict: Verdict
) -> None:
    """Shares against printed shares; four papers of a label decide nothing."""
    shares = {("2023", "math"): 10, ("2024", "math"): 10 * printed}
    growth = _growth(k, (1_000, 1_000), printed=shares, prints_shares=True)
    assert growth.published == pytest.approx(printed) and growth.verdict is verdict


def test_a_share_is_no_verdict_on_printed_numbers_of_papers() -> None:
    """What a survey counts grows with the field; a sample of unknown volume says nothing about that."""
    growth = _growth((100, 200), (1_000, 1_000), printed={("2023", "math"): 10, ("2024", "math"): 20})
    assert growth.published == 2 and growth.verdict is None and growth.field_part is None


def test_small_periods_and_gaps_have_no_growth() -> None:
    """Of 29 papers, from no paper of the label, and over a missing year."""
    assert growth_of({("2023", "a"): (9, 29), ("2024", "a"): (9, 90)}, YEARS) == []
    assert growth_of({("2023", "a"): (0, 90), ("2024", "a"): (9, 90)}, YEARS) == []
    assert growth_of({("2022", "a"): (9, 90), ("2024", "a"): (9, 90)}, ["2022", "2023", "2024"]) == []
    (printed,) = growth_of({("2023", "a"): (9, 29), ("2024", "a"): (9, 90)}, YEARS, {}, {(y, "a"): 5 for y in YEARS})
    assert (printed.factor, printed.published, printed.verdict) == (None, 1, Verdict.TOO_FEW)


def test_the_field_s_part_is_a_ratio_of_logarithms() -> None:
    """Where all papers double and the printed number grows fourfold, half of it is the field's."""
    volumes = {
        year: [Volume({f"{year}-01": papers}, [Capture(f"{year}-01", "a", 10**6, 10**6)])]
        for year, papers in zip(YEARS, (5_000, 10_000), strict=True)
    }
    printed = {("2023", "math"): 10, ("2024", "math"): 40}
    growth = _growth((100, 300), (5_000, 10_000), volumes=volumes, printed=printed)
    assert growth.field_part is not None and growth.field_part.value == pytest.approx(0.5, rel=0.001)


@pytest.fixture(scope="module")
def table() -> TrendTable:
    """The bundled abstracts by year."""
    sample = open_abstracts(load_lexicon())
    with sample.warehouse:
        (table,) = tables_of(sample, Question(), None)
    return table


def test_the_bundled_abstracts_show_growth_beside_the_printed_growth(table: TrendTable) -> None:
    """Eight factors with verdicts, as data in the contract's shape, as cells, as a chart and as a sentence."""
    assert table.surface is Surface.ABSTRACT and len(table.growth) == 8
    for growth in table.growth:
        data = growth_data(growth)
        assert {"label", "from", "to", "factor", "low", "high", "published"} <= set(data)
        assert growth.low is not None and growth.high is not None and growth.published is not None
        assert (growth.verdict is Verdict.INSIDE) == (growth.low <= growth.published <= growth.high)
    grid = growth_grid(table)
    assert grid is not None and len(grid.rows) == 8 and "verdict" in grid.head
    values = growth_chart(table)["data"]["values"]
    assert sum("low" in value for value in values) == sum(value["of"] == "the survey printed" for value in values) == 8
    inside = sum(growth.verdict is Verdict.INSIDE for growth in table.growth)
    assert f"Of 8 printed factors {inside} lie inside our interval" in growth_sentence(table)
    math = next(growth for growth in table.growth if (growth.label, growth.until) == ("math", "2025"))
    assert math.share is not None and math.share.low > 1
    assert f"math rises ×{math.share.value:.2f}" in growth_sentence(table)


def test_a_label_that_no_later_paper_has_leaves_a_chart_whole(table: TrendTable) -> None:
    """Zero has no place on a logarithmic axis: its interval is drawn from the edge on, and every other point stays."""
    rows = tuple(replace(row, k=0) if (row.label, row.period) == ("qa", "2025") else row for row in table.rows)
    without = with_growth(replace(table, rows=rows, growth=()), printed={("2024", "qa"): 4, ("2025", "qa"): 8})
    assert min(growth.factor for growth in without.growth if growth.factor is not None) == 0
    picture = svg(titled(growth_chart(without), "Growth"))
    places = re.findall(r'roledescription="point" transform="translate\(([\d.]+),', picture)
    assert len(places) == 8 and len(set(places)) == 8 and "NaN" not in picture
    assert picture.count('roledescription="rule mark"') == 8


def test_a_table_without_growth_says_nothing(table: TrendTable) -> None:
    """No grid, no sentence."""
    few = with_growth(TrendTable(**{**table.__dict__, "rows": table.rows[:4], "growth": ()}))
    assert growth_grid(few) is None and growth_sentence(few) == ""


def test_volumes_hold_every_month_once() -> None:
    """By year and by quarter the windows hold all papers; the month that no list carries is named."""
    sample = open_abstracts(load_lexicon())
    sample.warehouse.__exit__()
    assert sample.coverage and sample.population
    for by in (Period.YEAR, Period.QUARTER):
        by_period = volumes_of(sample.coverage, sample.population, by)
        windows = [window for volumes in by_period.values() for window in volumes]
        months = [month for window in windows for month in window.papers]
        assert len(months) == len(set(months)) == 35
        assert sum(sum(window.papers.values()) for window in windows) == 56_549
    assert missing_months(sample.coverage, Period.YEAR) == {"2023": ["2023-01"]}


@pytest.mark.slow
@pytest.mark.parametrize("spread", [0, 0.1])
def test_the_intervals_hold_the_true_factor_as_often_as_they_say(spread: float) -> None:
    """400 fields of known volume and share: 95 % intervals hold the true factor in 92 to 98 % of them.

    Three lists are captured alike, or each its own way, a tenth more or less than the sample holds of the field.
    """
    random = np.random.default_rng(7)
    truth = {"2023": (9_000, 0.010, 0.7), "2024": (23_000, 0.012, 0.6)}  # volume, share, capture
    true_factor = 23_000 * 0.012 / (9_000 * 0.010)
    held, runs = 0, 400
    for _ in range(runs):
        counts, volumes = {}, {}
        for year, (volume, share, capture) in truth.items():
            n = int(random.binomial(volume, capture))
            counts[year, "math"] = (int(random.binomial(n, share)), n)
            captures = [
                Capture(f"{year}-{month:02}", name, 60, int(random.binomial(60, rate)))
                for name, rate in zip("abc", np.clip(random.normal(capture, spread, 3), 0.05, 0.98), strict=True)
                for month in range(1, 13)
            ]
            papers = dict.fromkeys((capture.month for capture in captures), n // 12)
            papers[f"{year}-12"] += n % 12
            volumes[year] = [Volume(papers, captures)]
        (growth,) = growth_of(counts, YEARS, volumes, draws=4_000)
        assert growth.low is not None and growth.high is not None
        held += growth.low <= true_factor <= growth.high
    assert 0.92 <= held / runs <= 0.98
