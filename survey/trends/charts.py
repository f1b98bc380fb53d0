"""The trend tables as charts: shares with their intervals, and the threshold curve; SVG and PNG without a browser."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from posttrain.charts import COLOURS, SHAPES, interval_layers, scale, titled
from posttrain.statistics import share_of
from survey.period import without_gaps
from survey.trends.published import TITLES
from survey.trends.trend import TrendTable

_BARS = 21  # side by side in a chart as wide as a column of a paper; more of them have a panel for each label
_STEP = 19  # pixels of a bar
_PANEL_STEP = 27  # pixels of a bar that stands alone above its period: room for the four digits of a year
_COLUMN = 400  # pixels


class Measure(StrEnum):
    """What a chart shows of a table; a code that stands in addresses."""

    GROWTH = "growth"
    SHARE = "share"
    CORRECTED = "corrected"
    MIX = "mix"  # comparable with the survey's counts, which shares of papers are not

    @property
    def words(self) -> str:
        """What is shown, as the title of an axis or a table."""
        return {
            Measure.GROWTH: "growth",
            Measure.SHARE: "share of papers",
            Measure.CORRECTED: "share corrected for errors of the labels",
            Measure.MIX: "part of a year's domain assignments",
        }[self]


def chart(tables: Sequence[TrendTable], notes: Sequence[str], measure: Measure = Measure.SHARE) -> dict[str, Any]:
    """Return the Vega-Lite specification of one table, or of a sweep over thresholds, with `notes` below its title."""
    first = tables[0]
    drawn = _sweep(tables) if len(tables) > 1 else _measured(first, measure)
    return titled(drawn, TITLES[first.axis], notes)


def points_of(table: TrendTable, measure: Measure) -> list[dict[str, Any]]:
    """Return the bars of a measure and the printed marks next to them. Raises ValueError for growth, which has none."""
    points = {Measure.SHARE: _points, Measure.CORRECTED: _corrected, Measure.MIX: _mix}
    if measure not in points:
        raise ValueError(f"{measure} has no bars; expected one of {', '.join(points)}")
    return points[measure](table)


def _measured(table: TrendTable, measure: Measure) -> dict[str, Any]:
    return _bars(points_of(table, measure), table, f"{measure.words}, 95 % interval")


def _bars(points: list[dict[str, Any]], table: TrendTable, title: str) -> dict[str, Any]:
    """Bars with their intervals, side by side in each period, and a tick where the survey printed a share.

    A period without papers stays on the axis, so that time runs evenly.

    Labels and the shapes of points carry the same information as the colours. Where there are more labels than colours,
    or more bars than a column of a paper has room for, each label has a panel.
    """
    y = {"axis": {"format": "%", "title": title}}
    shown = {point["period"] for point in points}
    periods = without_gaps(shown, table.by) if shown else []
    time = {"axis": {"labelAngle": 0, "labelOverlap": "greedy", "title": None},
            "scale": {"domain": periods}}  # fmt: skip
    cell = [{"field": name, "type": "nominal"} for name in ("period", "label")]
    tooltip = [*cell, *({"field": name, "type": "quantitative"} for name in ("k", "n"))]
    tooltip += [{"field": name, "type": "quantitative", "format": ".1%"} for name in ("share", "low", "high")]
    printed = [*cell, {"field": "printed", "type": "quantitative", "format": ".1%", "title": "the survey printed"}]
    ticks = {
        "mark": {"type": "tick", "thickness": 3, "opacity": 1, "description": "as printed"},
        "encoding": {"y": {"field": "printed", "type": "quantitative"}, "tooltip": printed},
    }
    x: dict[str, Any] = {"field": "period", "type": "ordinal", **time}
    if len(table.labels) > len(COLOURS) or len(table.labels) * len(periods) > _BARS:
        layers = [*interval_layers("y", {"axis": {"format": "%", "title": None}}, tooltip, colour=COLOURS[0]), ticks]
        step = min(_PANEL_STEP, _COLUMN // max(1, len(periods)))
        panel = {"width": {"step": step}, "height": 90, "encoding": {"x": x}, "layer": layers}
        return {"data": {"values": points}, "spec": panel, **_panels(table, step * len(periods))}
    return {
        "width": {"step": _STEP},
        "height": 260,
        "data": {"values": points},
        "encoding": {
            "x": x,
            "xOffset": {"field": "label", "sort": list(table.labels)},
            "color": _scale(table, COLOURS),
        },
        "layer": [*interval_layers("y", y, tooltip, _scale(table, SHAPES)), ticks],
    }


def _panels(table: TrendTable, width: int) -> dict[str, Any]:
    """Return the facets of a chart with a panel for each label, `width` pixels wide and with its own height of shares.

    As many stand in a row as a column of a paper has room for.
    """
    columns = max(1, min(3, _COLUMN // (width + 50)))  # 50 pixels for the axis
    facet = {"field": "label", "type": "nominal", "sort": list(table.labels), "title": None}
    return {"facet": facet, "columns": columns, "spacing": {"column": 8}, "resolve": {"scale": {"y": "independent"}}}


def _points(table: TrendTable) -> list[dict[str, Any]]:
    points = []
    for row in table.rows:
        cell = {"period": row.period, "label": row.label}
        if row.share is not None:
            points.append({**cell, "k": row.k, "n": row.n, "share": row.share, "low": row.low, "high": row.high})
        if not table.axis.is_counted and row.published:  # the survey prints counts of domains, shares of the others
            points.append({**cell, "printed": row.published.value / 100})
    return points


def _corrected(table: TrendTable) -> list[dict[str, Any]]:
    points = []
    for point in _points(table):
        row = next(row for row in table.rows if (row.period, row.label) == (point["period"], point["label"]))
        if "printed" in point:
            points.append(point)
        elif (corrected := row.corrected) and corrected.share is not None:
            points.append({**point, "share": corrected.share, "low": corrected.low, "high": corrected.high})
    return points


def _mix(table: TrendTable) -> list[dict[str, Any]]:
    """Return each domain's part of the domain assignments of its period, and of those the survey printed.

    A survey prints whole years, at one threshold; a year without all of its printed cells has no printed mix.
    """
    points: list[dict[str, Any]] = []
    for period in dict.fromkeys(row.period for row in table.rows):
        rows = [row for row in table.rows if row.period == period]
        n = sum(row.k for row in rows)
        printed = [row.published.value for row in rows if row.published]
        for row in rows:
            cell = {"period": period, "label": row.label}
            if part := share_of(row.k, n):
                points.append({**cell, "k": row.k, "n": n, "share": part.share, "low": part.low, "high": part.high})
            if row.published and len(printed) == len(rows):
                points.append({**cell, "printed": row.published.value / sum(printed)})
    return points


def _sweep(tables: Sequence[TrendTable]) -> dict[str, Any]:
    """The threshold curve: how many papers each domain keeps as the threshold rises, a panel for each period."""
    counted = {row.period for table in tables for row in table.rows if row.k}
    values = [
        {"threshold": table.threshold, "period": row.period, "label": row.label, "k": row.k}
        for table in tables
        for row in table.rows
        if row.period in counted
    ]
    threshold = {"field": "threshold", "type": "ordinal", "axis": {"labelAngle": 0, "title": "least mentions"}}
    papers = {"field": "k", "type": "quantitative", "axis": {"title": "papers", "tickMinStep": 1}}
    mark = {"type": "line", "point": {"filled": True}}
    if len(tables[0].labels) > len(COLOURS):
        period = {"field": "period", "type": "ordinal"}
        panel = {"width": 80, "height": 90, "mark": mark, "encoding": {"x": threshold, "y": papers, "color": period}}
        return {"data": {"values": values}, "spec": panel, **_panels(tables[0], 80)}
    return {
        "data": {"values": values},
        "facet": {"field": "period", "type": "ordinal", "title": None},
        "columns": 2,
        "resolve": {"scale": {"y": "independent"}},
        "spec": {
            "width": 140,
            "height": 140,
            "mark": mark,
            "encoding": {
                "x": threshold,
                "y": papers,
                "color": _scale(tables[0], COLOURS),
                "shape": _scale(tables[0], SHAPES),
            },
        },
    }


def _scale(table: TrendTable, values: Sequence[str]) -> dict[str, Any]:
    return scale("label", table.labels, values, table.axis.replace("_", " "))
