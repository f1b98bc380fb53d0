"""Charts of an outcome: the test scores of the arms with their intervals, and a description in words."""

from collections.abc import Mapping, Sequence
from typing import Any

from advisor.runs.outcome import with_interval
from posttrain.charts import SCHEMA


def scores(arms: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], str]:
    """Return the test scores of the arms of an outcome as bars with their intervals, the best first, and in words."""
    ranked = sorted((arm for arm in arms if arm["strict"]), key=lambda arm: -arm["strict"]["share"])
    values = [
        {"arm": arm["id"], "role": arm["role"], **{end: arm["strict"][end] for end in ("share", "low", "high", "n")}}
        for arm in ranked
    ]
    y = {"field": "arm", "type": "nominal", "title": None, "sort": [arm["id"] for arm in ranked],
         "axis": {"labelLimit": 300}}  # fmt: skip
    x = {"type": "quantitative", "title": "test prompts right, 95 % interval", "axis": {"format": "%"},
         "scale": {"domain": [0, 1]}}  # fmt: skip
    told = [{"field": "arm"}, {"field": "role"}] + [{"field": end, "format": ".1%"} for end in ("share", "low", "high")]
    spec = {
        "$schema": SCHEMA,
        "height": {"step": 34},
        "data": {"values": values},
        "encoding": {"y": y},
        "layer": [
            {"mark": {"type": "bar", "opacity": 0.5, "color": "#0072B2"},
             "encoding": {"x": {"field": "share", **x}, "tooltip": told}},
            {"mark": {"type": "rule", "strokeWidth": 2, "color": "#0072B2"},
             "encoding": {"x": {"field": "low", "type": "quantitative"}, "x2": {"field": "high"}}},
            {"mark": {"type": "point", "filled": True, "size": 70, "color": "#0072B2"},
             "encoding": {"x": {"field": "share", "type": "quantitative"}, "tooltip": told}},
        ],
    }  # fmt: skip
    return spec, "Scores. " + "; ".join(f"{arm['id']}: {with_interval(arm['strict'])}" for arm in ranked)
