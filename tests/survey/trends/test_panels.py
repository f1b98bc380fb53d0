"""Small multiples: a panel a label, the chart's numbers in its table, n below each period, small periods apart."""

from typing import Any

import pytest

from posttrain.charts import svg
from survey.labels.validation import read_validation
from survey.period import Period
from survey.report import Question, tables_of
from survey.surface import Surface
from survey.trends.charts import Measure
from survey.trends.domain import domain_trends
from survey.trends.labelled import method_trends
from survey.trends.method_table import abstract_method_table
from survey.trends.panels import (
    OURS,
    PRINTED,
    Cell,
    cells_of,
    labels_shown,
    measures_of,
    panel,
    panel_width,
    panels_chart,
    panels_grid,
    small_periods,
    spoken,
)
from survey.trends.published import Axis
from survey.trends.trend import TrendTable
from survey.warehouse.abstracts import open_surface


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[str, TrendTable]:
    """Tables of the bundled samples: abstracts by year, half and benchmark; texts and methods."""
    empty = tmp_path_factory.mktemp("empty")
    with open_surface(Surface.ABSTRACT, empty).warehouse as warehouse:
        del warehouse
        sample = open_surface(Surface.ABSTRACT, empty)
        known = {
            name: tables_of(sample, Question((axis,), by=by), empty)[0]
            for name, axis, by in (
                ("abstracts", Axis.DOMAIN, Period.YEAR), ("halves", Axis.DOMAIN, Period.HALF),
                ("benchmarks", Axis.BENCHMARK, Period.YEAR),
            )
        }  # fmt: skip
    with open_surface(Surface.TEXT, empty).warehouse as warehouse:
        known["texts"] = domain_trends(warehouse)[0]
        known["methods"] = method_trends(warehouse, read_validation())[0]
    return known | {"abstract methods": abstract_method_table()}


NAMES = ("abstracts", "halves", "benchmarks", "texts", "methods", "abstract methods")


def _marks(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return spec["layer"][0]["data"]["values"]  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", NAMES)
def test_the_table_has_the_numbers_of_the_panels_and_no_others(tables: dict[str, TrendTable], name: str) -> None:
    """Of every measure: a row for each mark, a panel for each label, and the same words for a screen reader."""
    table = tables[name]
    for measure in measures_of(table):
        for with_small in (False, True):
            cells = cells_of(table, measure, with_small)
            assert cells
            marks = [mark for label in labels_shown(table, cells)
                     for mark in _marks(panel(table, measure, cells, label))]  # fmt: skip
            assert sorted((m["period"], m["label"], m["k"], m["n"]) for m in marks) == sorted(
                row[:4] for row in panels_grid(table, measure, cells).rows
            )
            for cell in cells:
                row = next(
                    row for row in panels_grid(table, measure, cells).rows if row[:2] == (cell.period, cell.label)
                )
                assert all(text in spoken(cells, measure, cell.label) for text in (row[0], row[4], row[5]))


def test_values_are_those_of_the_table(tables: dict[str, TrendTable]) -> None:
    """Shares are rows, corrected shares their estimates, growth the factors with what was printed and the verdict."""
    table = tables["abstracts"]
    growth = [(g.label, g.factor, g.low, g.high, g.published, g.verdict) for g in table.growth if g.is_known]
    assert [(c.label, c.value, c.low, c.high, c.printed, c.verdict) for c in cells_of(table, Measure.GROWTH)] == growth
    shares = [(row.period, row.label, row.share, row.low, row.high) for row in table.rows]
    assert [(c.period, c.label, c.value, c.low, c.high) for c in cells_of(table, Measure.SHARE)] == shares
    methods = tables["abstract methods"]
    corrected = [row.corrected and row.corrected.share for row in methods.rows]
    cells = cells_of(methods, Measure.CORRECTED)
    assert [cell.value for cell in cells] == corrected
    assert [cell.printed for cell in cells] == [row.published and row.published.value / 100 for row in methods.rows]


def test_growth_is_offered_first_where_it_is_known(tables: dict[str, TrendTable]) -> None:
    """Counted tables open on growth, labelled ones on the corrected share; the mix is one of domains in texts."""
    assert measures_of(tables["abstracts"]) == (Measure.GROWTH, Measure.SHARE)
    assert measures_of(tables["texts"]) == (Measure.SHARE, Measure.MIX)
    assert measures_of(tables["abstract methods"]) == (Measure.CORRECTED, Measure.SHARE)


def test_small_periods_are_left_out_unless_asked_for(tables: dict[str, TrendTable]) -> None:
    """Fewer than 30 papers; periods in which only the survey has a number never are on the axis."""
    table = tables["texts"]
    small = small_periods(table)
    assert small and all(0 < n < 30 for n in small.values())
    few, all_of_them = (
        {cell.period for cell in cells_of(table, Measure.SHARE, with_small)} for with_small in (False, True)
    )
    assert few | set(small) == all_of_them == {row.period for row in table.rows if row.n} and not few & set(small)


@pytest.mark.parametrize("name", NAMES)
def test_n_stands_below_each_period_and_the_legend_names_both_marks(tables: dict[str, TrendTable], name: str) -> None:
    """In the picture for a file, which has every panel, and in the panel of the page."""
    table = tables[name]
    measure = measures_of(table)[0]
    cells = cells_of(table, measure)
    picture = svg(panels_chart(table, measure, cells, ["a note"]))
    assert "a note" in picture and OURS in picture
    assert (PRINTED in picture) == any(cell.printed is not None for cell in cells)
    for cell in cells:
        column = next(mark["column"] for mark in _marks(panel(table, measure, cells, cell.label))
                      if mark["period"] == cell.period)  # fmt: skip
        period, n = column.replace("→\n", "→ ").split("\nn ")
        assert (period, n) == (cell.period, cell.n)
    label = labels_shown(table, cells)[0]
    alone = svg({**panel(table, measure, cells, label), "width": 200})
    own = [cell for cell in cells if cell.label == label]
    assert alone.count('aria-roledescription="rule mark"') == len(own)
    assert alone.count('aria-roledescription="bar"') == (0 if measure is Measure.GROWTH else len(own))
    assert alone.count("as printed") == sum(cell.printed is not None for cell in own)


def test_a_period_without_papers_keeps_its_place_on_the_axis(tables: dict[str, TrendTable]) -> None:
    """The bundled texts have no paper of 2021."""
    cells = cells_of(tables["texts"], Measure.SHARE, with_small=True)
    spec = panel(tables["texts"], Measure.SHARE, cells, "qa")["layer"][0]
    names = [column.split("\n")[0] for column in spec["encoding"]["x"]["scale"]["domain"]]
    assert names == [str(year) for year in range(2020, 2027)]


def test_panels_compare(tables: dict[str, TrendTable]) -> None:
    """A few labels share one axis of values that holds every interval and printed mark; many have axes of their own."""
    for name, measure in (("abstracts", Measure.GROWTH), ("abstract methods", Measure.CORRECTED)):
        cells = cells_of(tables[name], measure)
        scales = []
        for label in labels_shown(tables[name], cells):
            (points,) = (layer for layer in panel(tables[name], measure, cells, label)["layer"][0]["layer"]
                         if layer["mark"]["type"] == "point" and "shape" not in layer["mark"])  # fmt: skip
            scales.append(points["encoding"]["y"]["scale"])
        assert all(scale == scales[0] for scale in scales)
        low, high = scales[0]["domain"]
        ends = [end for cell in cells for end in (cell.low, cell.high, cell.printed) if end is not None]
        assert low <= min(ends) and max(ends) <= high
    cells = cells_of(tables["benchmarks"], Measure.SHARE)
    points = panel(tables["benchmarks"], Measure.SHARE, cells, "gsm8k")["layer"][0]["layer"][0]
    assert points["encoding"]["y"]["scale"] == {}


def test_a_bar_can_be_clicked_and_no_panel_is_wider_than_a_phone(tables: dict[str, TrendTable]) -> None:
    """The click gives period and label; even with a hundred periods a panel fits into 358 pixels."""
    cells = cells_of(tables["texts"], Measure.SHARE)
    bars = panel(tables["texts"], Measure.SHARE, cells, "qa")["layer"][0]["layer"][0]
    assert bars["mark"]["type"] == "bar" and bars["params"][0]["select"]["fields"] == ["period", "label"]
    many = [Cell(str(period), "qa", "1", "40", 0.1, 0.0, 0.2) for period in range(100)]
    assert panel_width(many) <= 358
