"""Charts: Vega-Lite specifications with one theme, bars with their intervals, SVG and PNG without a browser."""

import json
import textwrap
from collections.abc import Sequence
from typing import Any

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
# Okabe and Ito's colours, which colour-blind readers can tell apart; neighbours differ in lightness too.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down", "triangle-right")
_WIDTH = 80  # characters of a line below the title, as wide as the charts
# A chart of 400 pixels is printed as a column of 84 mm at four fifths of its size: words of 11 pixels are 6.6 pt there.
_TYPE: dict[str, Any] = {
    "axis": {"labelFontSize": 11, "titleFontSize": 11},
    "header": {"labelFontSize": 11},
    "legend": {"orient": "bottom", "labelFontSize": 11, "titleFontSize": 11},
}

Spec = dict[str, Any]


def titled(spec: Spec, title: str, notes: Sequence[str] = ()) -> Spec:
    """Return a specification as a whole chart for a file: with its title, notes in small print, and white behind it.

    Legends stand below, so that the chart is as wide as its axes.
    """
    lines = [line for note in notes for line in textwrap.wrap(note, _WIDTH)]
    small = {"subtitleFontSize": 9, "subtitleLineHeight": 11, "subtitleColor": "#444444", "subtitlePadding": 4}
    head = {"text": title, "subtitle": lines, "anchor": "start", "fontSize": 13, "offset": 10, **small}
    return {"$schema": SCHEMA, "title": head, "background": "white", "config": _TYPE, **spec}


def interval_layers(
    channel: str, axis: Spec, tooltip: Sequence[Spec], shape: Spec | None = None, colour: str = ""
) -> list[Spec]:
    """Return three layers over data with `share`, `low` and `high`: a bar, its interval as a rule, and a point.

    `channel` is x or y, the direction of the shares; `axis` adds to the encoding of the bar, such as its axis title.
    The colour comes from the specification around the layers unless `colour` names one.
    """
    paint = {"color": colour} if colour else {}
    share, low = ({"field": field, "type": "quantitative"} for field in ("share", "low"))
    return [
        {
            "mark": {"type": "bar", "opacity": 0.5, **paint},
            "encoding": {channel: {**share, **axis}, "tooltip": list(tooltip)},
        },
        {
            "mark": {"type": "rule", "strokeWidth": 2, **paint},
            "encoding": {channel: low, f"{channel}2": {"field": "high"}},
        },
        {
            "mark": {"type": "point", "filled": True, "size": 60, **paint},
            "encoding": {channel: share, **({"shape": shape} if shape else {}), "tooltip": list(tooltip)},
        },
    ]


def scale(field: str, labels: Sequence[str], values: Sequence[str], title: str | None) -> Spec:
    """Return an encoding that gives each label its value, such as a colour or a shape.

    Raises ValueError where there are more labels than values.
    """
    if len(labels) > len(values):
        raise ValueError(f"{len(labels)} labels for {len(values)} values; expected no more labels than values")
    domain = {"domain": list(labels), "range": list(values[: len(labels)])}
    return {"field": field, "scale": domain, "title": title}


def svg(spec: Spec) -> str:
    """Return a chart as SVG."""
    import vl_convert

    return str(vl_convert.vegalite_to_svg(json.dumps(spec)))


def png(spec: Spec) -> bytes:
    """Return a chart as PNG, twice the size for dense screens and print."""
    import vl_convert

    return bytes(vl_convert.vegalite_to_png(json.dumps(spec), scale=2))
