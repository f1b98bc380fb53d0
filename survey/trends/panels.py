"""The small multiples of a trend table: a panel for each label, ours with its interval next to the printed mark.

A chart and its table are two writings of the same cells, so a page never shows one number here and another there.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from posttrain.charts import COLOURS, SCHEMA, Spec, titled
from posttrain.tables import Grid
from survey.period import without_gaps
from survey.surface import Surface
from survey.trends.cells import at_least
from survey.trends.charts import Measure, points_of
from survey.trends.published import TITLES, Axis
from survey.trends.trend import ENOUGH, TrendTable

OURS, PRINTED = "this sample, with 95 % interval", "the survey printed"
_COMPARED = 7  # labels; more of them have axes of their own, for a rare one would not be seen
_COLUMN = 62  # pixels of a period on the axis, with its n below
_NARROWEST, _WIDEST, _HEIGHT = 256, 340, 170  # pixels of a panel
_FACTORS: Spec = {
    "title": None, "labelExpr": "'×' + format(datum.value, '~g')", "values": [0.1, 0.2, 0.5, 1, 2, 5, 10, 20],
    "labelOverlap": False,
}  # fmt: skip
_TIME: Spec = {
    "title": None, "labelExpr": "split(datum.label, '\\n')", "labelAngle": 0, "labelAlign": "center",
    "labelOverlap": "greedy",
}  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """A value of one label in one period, or its growth between two, with what the survey printed there."""

    period: str  # such as 2025, or of a growth 2024 → 2025
    label: str
    k: str
    n: str
    value: float | None
    low: float | None
    high: float | None
    printed: float | None = None
    verdict: str = ""  # of a growth


def measures_of(table: TrendTable) -> tuple[Measure, ...]:
    """Return what the panels of a table can show, the most telling first."""
    growth = (Measure.GROWTH,) if any(growth.is_known for growth in table.growth) else ()
    if table.axis.is_counted:
        has_mix = table.axis is Axis.DOMAIN and table.surface is Surface.TEXT
        return (*growth, Measure.SHARE, *((Measure.MIX,) if has_mix else ()))
    return (Measure.CORRECTED, Measure.SHARE, *growth)


def small_periods(table: TrendTable) -> dict[str, int]:
    """Return the periods with papers, but fewer than 30, with their n."""
    return {row.period: row.n for row in table.rows if 0 < row.n < ENOUGH}


def cells_of(table: TrendTable, measure: Measure, with_small: bool = False) -> list[Cell]:
    """Return the cells that are shown: of periods of at least 30 papers, or of every period that has papers.

    A period in which nothing but the survey has a number is not shown. Growth always needs 30 papers in both periods.
    """
    if measure is Measure.GROWTH:
        return [
            Cell(
                f"{growth.since} → {growth.until}", growth.label, _pair(growth.k), _pair(growth.n),
                growth.factor, growth.low, growth.high, growth.published, growth.verdict or "",
            )
            for growth in table.growth if growth.is_known
        ]  # fmt: skip
    sizes = {row.period: row.n for row in table.rows}
    shown = {period for period, n in sizes.items() if n >= (1 if with_small else ENOUGH)}
    points: dict[tuple[str, str], dict[str, Any]] = {}
    for point in points_of(table, measure):
        points.setdefault((point["period"], point["label"]), {}).update(point)
    return [
        Cell(
            period, label, f"{point['k']:,}", f"{point['n']:,}", point["share"], point["low"], point["high"],
            point.get("printed"),
        )
        for (period, label), point in points.items()
        if period in shown and "share" in point
    ]  # fmt: skip


def panel(table: TrendTable, measure: Measure, cells: Sequence[Cell], label: str) -> Spec:
    """Return the panel of one label for a page. The selection `bar` holds the period and label of a click."""
    spec = _layers(table, measure, cells, [cell for cell in cells if cell.label == label])
    if measure is not Measure.GROWTH:
        spec["layer"][0]["mark"]["cursor"] = "pointer"
        spec["layer"][0]["params"] = [{"name": "bar", "select": {"type": "point", "fields": ["period", "label"]}}]
    # whole bands: Streamlit's theme makes bars narrower, and Vega-Lite then draws the intervals next to the bars
    config = {"bar": {"discreteBandSize": {"band": 0.7}}, "axis": {"titleFontSize": 11}}
    # one layer down Streamlit leaves the data as they are; at the top it would carry them through pandas and Arrow
    return {"$schema": SCHEMA, "layer": [spec], "height": _HEIGHT, "config": config}


def panel_width(cells: Sequence[Cell]) -> int:
    """Return how wide a panel is, in pixels: four stand side by side on a desktop, and the widest fits on a phone."""
    return max(_NARROWEST, min(48 + _COLUMN * len({cell.period for cell in cells}), _WIDEST))


def panels_chart(table: TrendTable, measure: Measure, cells: Sequence[Cell], notes: Sequence[str]) -> Spec:
    """Return all panels as one chart for a file, with a legend and notes below the title."""
    spec = _layers(table, measure, cells, cells, legend=True)
    values = spec.pop("data")
    width = panel_width(cells) - 40
    facet = {"field": "label", "type": "nominal", "title": None, "sort": _labels(table, cells)}
    chart: Spec = {
        "data": values, "facet": facet, "columns": max(1, 760 // (width + 40)),
        "spec": {"width": width, "height": _HEIGHT, **spec},
    }  # fmt: skip
    return titled(chart, f"{TITLES[table.axis]}: {measure.words}", notes)


def panels_grid(table: TrendTable, measure: Measure, cells: Sequence[Cell]) -> Grid:
    """Return the numbers of the panels as text cells, a row for each mark."""
    is_growth = measure is Measure.GROWTH
    has_printed, has_verdict = any(cell.printed for cell in cells), any(cell.verdict for cell in cells)
    head = ["period", table.axis.replace("_", " "), "k", "n", "factor" if is_growth else "share", "95% interval"]
    head += ["survey printed"] if has_printed else []
    head += ["verdict"] if has_verdict else []
    rows = []
    for cell in cells:
        row = [cell.period, cell.label, cell.k, cell.n, _text(cell.value, measure), _interval(cell, measure)]
        row += [_text(cell.printed, measure)] if has_printed else []
        row += [cell.verdict or "–"] if has_verdict else []
        rows.append(tuple(row))
    least = f", {at_least(table.threshold)}" if table.axis.is_counted else ""
    title = f"{TITLES[table.axis]}: {measure.words}{least}"
    return Grid(title, (), tuple(head), tuple(rows), grouped=True)


def spoken(cells: Sequence[Cell], measure: Measure, label: str) -> str:
    """Return the numbers of one panel in words, for those who cannot see it."""
    parts = [
        f"{cell.period} {_text(cell.value, measure)} ({_interval(cell, measure)})"
        + (f", the survey printed {_text(cell.printed, measure)}" if cell.printed is not None else "")
        for cell in cells
        if cell.label == label
    ]
    return f"{label}, {measure.words}: {'; '.join(parts)}"


def labels_shown(table: TrendTable, cells: Sequence[Cell]) -> list[str]:
    """Return the labels that have a panel, in the order of the table."""
    return _labels(table, cells)


def _labels(table: TrendTable, cells: Sequence[Cell]) -> list[str]:
    shown = {cell.label for cell in cells}
    return [label for label in table.labels if label in shown]


def _layers(
    table: TrendTable, measure: Measure, every: Sequence[Cell], shown: Sequence[Cell], legend: bool = False
) -> Spec:
    """Return the marks of a panel: a bar where it is a share, the interval, our point and the printed diamond.

    `every` cell decides the axes, so that panels compare; `shown` are those of the panel.
    """
    is_growth = measure is Measure.GROWTH
    columns = _columns(table, measure, every)
    values = [{**asdict(cell), "column": columns.get(cell.period, cell.period)} for cell in shown]
    scale = _scale(every, measure, len(_labels(table, every)) <= _COMPARED)
    y = {"type": "quantitative", "scale": scale, "axis": _FACTORS if is_growth else {"format": "~%", "title": None}}
    x = {"field": "column", "type": "ordinal", "sort": None, "scale": {"domain": list(columns.values())}, "axis": _TIME}
    has_printed = any(cell.printed is not None for cell in shown)
    tooltip = _tooltip(is_growth, has_printed)
    named = [OURS, *([PRINTED] if has_printed else [])] if legend else []
    ours, printed = _paint(OURS, named), _paint(PRINTED, named)
    value = {"y": {"field": "value", **y}}
    bar = {"mark": {"type": "bar", "opacity": 0.4, "color": COLOURS[0]}, "encoding": {**value, "tooltip": tooltip}}
    no_growth = {
        "mark": {"type": "rule", "strokeDash": [3, 3], "opacity": 0.5, "aria": False},
        "encoding": {"y": {"datum": 1}, "x": {"value": 0}, "x2": {"value": "width"}},
    }
    marks: list[Spec] = [
        no_growth if is_growth else bar,
        {"mark": {"type": "rule", "strokeWidth": 2, "color": COLOURS[0]},
         "encoding": {"y": {"field": "low", **y}, "y2": {"field": "high"}}},
        {"mark": {"type": "point", "filled": True, "size": 55, "opacity": 1, **ours[0]},
         "encoding": {**value, **ours[1], "tooltip": tooltip}},
    ]  # fmt: skip
    if has_printed:
        diamond = {"type": "point", "filled": True, "shape": "diamond", "size": 75, "opacity": 1, "xOffset": 11}
        marks.append(
            {"mark": {**diamond, **printed[0], "description": "as printed"},
             "encoding": {"y": {"field": "printed", **y}, **printed[1], "tooltip": tooltip}}
        )  # fmt: skip
    return {"data": {"values": values}, "encoding": {"x": x}, "layer": marks}


def _tooltip(is_growth: bool, has_printed: bool) -> list[Spec]:
    """Return what a mark says when it is pointed at, and to a screen reader."""
    number = {"type": "quantitative", "format": ".2f" if is_growth else ".1%"}
    words: list[Spec] = [{"field": name, "type": "nominal"} for name in ("period", "label", "k", "n")]
    words += [{"field": name, **number} for name in ("value", "low", "high")]
    words += [{"field": "verdict", "type": "nominal"}] if is_growth else []
    return [*words, *([{"field": "printed", **number, "title": PRINTED}] if has_printed else [])]


def _paint(name: str, named: Sequence[str]) -> tuple[Spec, Spec]:
    """Return the colour of a mark as a part of its mark, or of its encoding where a legend has the names `named`."""
    colours = dict(zip((OURS, PRINTED), COLOURS, strict=False))
    if not named:
        return {"color": colours[name]}, {}
    scale = {"domain": list(named), "range": [colours[each] for each in named]}
    return {}, {"color": {"datum": name, "scale": scale, "legend": {"orient": "bottom", "title": None}}}


def _columns(table: TrendTable, measure: Measure, cells: Sequence[Cell]) -> dict[str, str]:
    """Return the period and the n below it, for each place on the time axis; a period without papers keeps its place.

    Example: "2025", below it "n 34,234"; of a growth "2024 → 2025", below it "n 16,102 → 34,234", in four short lines
    where there are more than two.
    """
    sizes: dict[str, str] = {}
    for cell in cells:
        sizes.setdefault(cell.period, cell.n)
    if measure is Measure.GROWTH:
        cut = "→ " if len(sizes) <= 2 else "→\n"
        return {period: f"{period}\nn {n}".replace("→ ", cut) for period, n in sizes.items()}
    periods = without_gaps(sizes, table.by) if sizes else []
    return {period: f"{period}\nn {sizes[period]}" if period in sizes else period for period in periods}


def _scale(cells: Sequence[Cell], measure: Measure, together: bool) -> Spec:
    """Return the scale of the values: of growth logarithmic, so that ×2 and ×½ are equally far from no growth."""
    ends = [end for cell in cells for end in (cell.low, cell.high, cell.printed) if end is not None]
    if measure is Measure.GROWTH:
        ends = [end for end in ends if end > 0]
        low, high = (min([*ends, 1]), max([*ends, 1])) if ends else (0.5, 2)
        return {"type": "log", "domain": [low / 1.15, high * 1.15], "nice": False}
    return {"domain": [0, math.ceil(max(ends) * 1000) / 1000]} if together and ends else {}


def _pair(numbers: tuple[int, int]) -> str:
    return f"{numbers[0]:,} → {numbers[1]:,}"


def _text(value: float | None, measure: Measure) -> str:
    if value is None:
        return "–"
    return f"×{value:.2f}" if measure is Measure.GROWTH else f"{value:.2%}" if value < 0.02 else f"{value:.1%}"


def _interval(cell: Cell, measure: Measure) -> str:
    return "–" if cell.low is None else f"{_text(cell.low, measure)} to {_text(cell.high, measure)}"
