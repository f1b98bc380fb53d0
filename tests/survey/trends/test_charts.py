"""Charts of tables: each cell is a bar with its interval, each printed share a tick, and each says its numbers."""

import re
from pathlib import Path
from typing import Any

import pytest

from posttrain.charts import svg
from survey.labels.validation import read_validation
from survey.period import Period
from survey.report import Question, trend_tables
from survey.surface import Surface
from survey.trends.charts import Measure, chart, points_of
from survey.trends.domain import domain_trends
from survey.trends.labelled import data_source_trends, method_trends
from survey.trends.published import Axis
from survey.trends.trend import TrendTable
from survey.warehouse.sample import open_sample


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> dict[Axis, TrendTable]:
    """A table of each axis, from the bundled counts."""
    checked = read_validation()
    with open_sample(tmp_path_factory.mktemp("empty")).warehouse as warehouse:
        return {
            Axis.DOMAIN: domain_trends(warehouse)[0],
            Axis.BENCHMARK: domain_trends(warehouse, axis=Axis.BENCHMARK)[0],
            Axis.METHOD: method_trends(warehouse, checked)[0],
            Axis.DATA_SOURCE: data_source_trends(warehouse, checked),
        }


def _drawn(table: TrendTable, measure: Measure) -> tuple[list[dict[str, Any]], list[dict[str, Any]], str]:
    spec = chart([table], [], measure)
    points = spec["data"]["values"]
    assert points == points_of(table, measure)
    return [p for p in points if "share" in p], [p for p in points if "printed" in p], svg(spec)


@pytest.mark.parametrize("axis", Axis)
def test_every_cell_is_a_bar_with_its_interval(tables: dict[Axis, TrendTable], axis: Axis) -> None:
    """Shares, intervals, k and n are the table's, and the picture has as many marks."""
    ours, printed, picture = _drawn(tables[axis], Measure.SHARE)
    rows = [row for row in tables[axis].rows if row.share is not None]
    assert [(p["period"], p["label"], p["k"], p["n"], p["share"], p["low"], p["high"]) for p in ours] == [
        (row.period, row.label, row.k, row.n, row.share, row.low, row.high) for row in rows
    ]
    for mark in ("bar", "rule mark", "point"):
        assert picture.count(f'aria-roledescription="{mark}"') == len(rows), mark
    for row in rows:
        assert re.search(
            rf"period: {row.period}; [^\"]*label: {re.escape(row.label)}; [^\"]*k: {row.k}; n: {row.n}; ", picture
        )
    shares = [row.published.value / 100 for row in tables[axis].rows if row.published]
    assert [p["printed"] for p in printed] == ([] if axis.is_counted else shares)


def test_time_runs_evenly(tables: dict[Axis, TrendTable]) -> None:
    """The sample has no paper of 2021; the year keeps its place."""
    assert "2021" not in {row.period for row in tables[Axis.DOMAIN].rows}
    spec = chart([tables[Axis.DOMAIN]], [])
    assert spec["spec"]["encoding"]["x"]["scale"]["domain"] == [
        str(year) for year in range(2020, 2027)
    ] and "2021" in svg(spec)


def test_the_mix_stands_beside_what_the_survey_printed(tables: dict[Axis, TrendTable]) -> None:
    """Of each year the printed parts are a whole, and so are ours: counts of two crawls compare in no other way."""
    ours, printed, picture = _drawn(tables[Axis.DOMAIN], Measure.MIX)
    for points, name in ((ours, "share"), (printed, "printed")):
        for year in ("2023", "2024", "2025"):
            assert sum(p[name] for p in points if p["period"] == year) == pytest.approx(1), (name, year)
    assert next(p["printed"] for p in printed if (p["period"], p["label"]) == ("2023", "math")) == 492 / 999
    assert picture.count("as printed") == 12


def test_the_mix_of_other_periods_and_thresholds_has_no_printed_marks(tmp_path: Path) -> None:
    """The survey printed whole years at one threshold; ours is there all the same."""
    with open_sample(tmp_path).warehouse as warehouse:
        others = [*domain_trends(warehouse, [3]), *domain_trends(warehouse, [5], Period.HALF)]
    for table in others:
        ours, printed, _ = _drawn(table, Measure.MIX)
        assert printed == []
        assert sum(p["k"] for p in ours) == sum(row.k for row in table.rows) > 100


def test_corrected_bars_are_the_corrected_shares(tables: dict[Axis, TrendTable]) -> None:
    """Where a share can be corrected its bar is the corrected one; where it cannot there is none."""
    ours, _, _ = _drawn(tables[Axis.METHOD], Measure.CORRECTED)
    wanted = [
        (row.period, row.label, row.corrected.share, row.corrected.low, row.corrected.high)
        for row in tables[Axis.METHOD].rows
        if row.corrected and row.corrected.share is not None
    ]
    assert wanted and [(p["period"], p["label"], p["share"], p["low"], p["high"]) for p in ours] == wanted
    plain, _, _ = _drawn(tables[Axis.METHOD], Measure.SHARE)
    assert [p["share"] for p in plain] != [p["share"] for p in ours]


@pytest.mark.parametrize("by", [Period.YEAR, Period.QUARTER])
@pytest.mark.parametrize("axis", [Axis.DOMAIN, Axis.BENCHMARK])
def test_a_chart_is_as_wide_as_a_column_of_a_paper(by: Period, axis: Axis) -> None:
    """Of few and of many bars, with all that an export says about its sample, and with the growth below it."""
    report = trend_tables(Path("no such folder"), Question((axis,), by=by))
    pictures = [svg(spec) for spec in report.charts()]
    assert len(pictures) == 2
    for picture in pictures:
        width = re.search(r'^<svg[^>]* width="([\d.]+)"', picture)
        assert width and float(width[1]) < 480, width
        assert "survey ingest" not in picture and "lexicon" in picture


def test_a_curve_of_thresholds_is_as_wide_as_a_column_of_a_paper() -> None:
    """Two periods stand side by side."""
    report = trend_tables(Path("no such folder"), Question(thresholds=(1, 5, 9), surface=Surface.TEXT))
    width = re.search(r'^<svg[^>]* width="([\d.]+)"', svg(report.charts()[0]))
    assert width and float(width[1]) < 480
