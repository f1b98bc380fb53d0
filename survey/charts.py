"""The trend tables as charts: shares with their intervals, and the threshold curve; SVG and PNG without a browser."""

import json
import textwrap
from collections.abc import Sequence
from typing import Any

from survey.published import LABELS, Axis
from survey.trends import TrendTable

_COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7"]  # Okabe and Ito's, told apart by the colour-blind too
_SHAPES = ["circle", "square", "triangle-up", "diamond"]
_TITLES = {
    Axis.DOMAIN: "Papers by domain",
    Axis.METHOD: "Methods papers train with",
    Axis.DATA_SOURCE: "Where the training data come from",
}
_WIDTH = 110  # characters of a line below the title


def chart(tables: Sequence[TrendTable], notes: Sequence[str]) -> dict[str, Any]:
    """Return the Vega-Lite specification of one table, or of a sweep over thresholds, with `notes` below its title."""
    first = tables[0]
    drawn = _sweep(tables) if len(tables) > 1 else _shares(first)
    lines = [line for note in notes for line in textwrap.wrap(note, _WIDTH)]
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v5.json",
        "title": {"text": _TITLES[first.axis], "subtitle": lines, "anchor": "start"},
        "background": "white",
        **drawn,
    }


def svg(spec: dict[str, Any]) -> str:
    """Return a chart as SVG."""
    import vl_convert

    return str(vl_convert.vegalite_to_svg(json.dumps(spec)))


def png(spec: dict[str, Any]) -> bytes:
    """Return a chart as PNG, twice the size for dense screens and print."""
    import vl_convert

    return bytes(vl_convert.vegalite_to_png(json.dumps(spec), scale=2))


def _shares(table: TrendTable) -> dict[str, Any]:
    """Points with their intervals, one place beside the other in each period."""
    x = {"field": "period", "type": "ordinal", "axis": {"labelAngle": 0, "title": None}}
    interval = {"field": "low", "type": "quantitative", "axis": {"format": "%", "title": "share, 95 % interval"}}
    return {
        "width": {"step": 22},
        "height": 260,
        "data": {"values": _points(table)},
        "encoding": {
            "x": x,
            "xOffset": {"field": "label", "sort": list(LABELS[table.axis])},
            "color": _scale(table.axis, _COLOURS),
        },
        "layer": [
            {"mark": {"type": "rule", "strokeWidth": 2}, "encoding": {"y": interval, "y2": {"field": "high"}}},
            {
                "mark": {"type": "point", "filled": True, "size": 60},
                "encoding": {"y": {"field": "share", "type": "quantitative"}, "shape": _scale(table.axis, _SHAPES)},
            },
            {
                "mark": {"type": "tick", "thickness": 3, "strokeDash": [3, 2], "description": "as printed"},
                "encoding": {"y": {"field": "printed", "type": "quantitative"}},
            },
        ],
    }


def _points(table: TrendTable) -> list[dict[str, Any]]:
    points = []
    for row in table.rows:
        place = {"period": row.period, "label": row.label}
        if row.share is not None:
            points.append({**place, "share": row.share, "low": row.low, "high": row.high})
        if table.axis is not Axis.DOMAIN and row.published:  # the survey prints counts of domains, shares of the others
            points.append({**place, "printed": row.published.value / 100})
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
    return {
        "data": {"values": values},
        "facet": {"column": {"field": "period", "type": "ordinal", "title": None}},
        "resolve": {"scale": {"y": "independent"}},
        "spec": {
            "width": 150,
            "height": 220,
            "mark": {"type": "line", "point": {"filled": True}},
            "encoding": {
                "x": {"field": "threshold", "type": "ordinal", "axis": {"labelAngle": 0, "title": "least mentions"}},
                "y": {"field": "k", "type": "quantitative", "axis": {"title": "papers", "tickMinStep": 1}},
                "color": _scale(Axis.DOMAIN, _COLOURS),
                "shape": _scale(Axis.DOMAIN, _SHAPES),
            },
        },
    }


def _scale(axis: Axis, values: list[str]) -> dict[str, Any]:
    labels = list(LABELS[axis])
    return {
        "field": "label",
        "scale": {"domain": labels, "range": values[: len(labels)]},
        "title": axis.replace("_", " "),
    }
