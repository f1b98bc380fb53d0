"""Charts of an answer: the pipeline as a graph, peak memory as stacked bars; each with a description in words."""

from collections.abc import Mapping
from typing import Any

from advisor.advice.pipelines import Pipeline
from advisor.advice.techniques import TECHNIQUES
from advisor.memory.phases import CACHED, CONTEXT, MARGIN, PHASES, Estimate
from advisor.memory.report import PARTS

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
BESIDE = "margin, cache, CUDA"
# Okabe and Ito's colours with two of Tol's and greys: neighbours differ in lightness too.
_COLOURS = [
    "#0072B2", "#56B4E9", "#009E73", "#882255", "#D55E00", "#999933", "#E69F00", "#CC79A7", "#F0E442", "#888888",
    "#555555", "#BBBBBB",
]  # fmt: skip


def flow(pipeline: Pipeline) -> tuple[str, str]:
    """Return a pipeline as a graph in DOT, its stages from left to right, and in words."""
    if not pipeline.stages:
        return "", f"{pipeline.title}: nothing is trained"
    names = [TECHNIQUES[stage].name.partition(" (")[0] for stage in pipeline.stages]
    nodes = ["your model", *names, "trained model"]
    lines = [
        f'n{place} [label="{name}", fillcolor="{"#D6E6F2" if 0 < place < len(nodes) - 1 else "#FFFFFF"}"];'
        for place, name in enumerate(nodes)
    ]
    chain = " -> ".join(f"n{place}" for place in range(len(nodes)))
    style = (
        'rankdir=LR; bgcolor="transparent"; node [shape=box, style="rounded,filled", color="#5B7F99", '
        'fontcolor="#10202C", fontname="sans-serif"]; edge [color="#5B7F99"];'
    )
    return f"digraph {{ {style} {' '.join(lines)} {chain}; }}", f"Pipeline: {' to '.join(nodes)}"


def memory_bars(ways: Mapping[str, Estimate], gpu_gigabytes: float | None) -> tuple[dict[str, Any], str]:
    """Return the peak of each way of training as a stacked bar of its parts, with a line at the user's GPU."""
    parts = [*PARTS, BESIDE]
    values = [
        {"way": way, "part": part, "gigabytes": size / 1e9, "place": parts.index(part)}
        for way, made in ways.items()
        for part, size in _parts(made).items()
    ]
    shown = [part for part in parts if any(one["part"] == part for one in values)]
    bars = {
        "mark": "bar",
        "encoding": {
            "y": {"field": "way", "type": "nominal", "title": None, "sort": list(ways), "axis": {"labelLimit": 400}},
            "x": {"field": "gigabytes", "type": "quantitative", "title": "GB at the peak"},
            "color": {
                "field": "part", "type": "nominal", "title": None, "sort": shown,
                "scale": {"domain": shown, "range": [_COLOURS[parts.index(part)] for part in shown]},
                "legend": {"orient": "bottom", "columns": 4},
            },
            "order": {"field": "place", "type": "quantitative"},
            "tooltip": [{"field": "way"}, {"field": "part"}, {"field": "gigabytes", "format": ".1f"}],
        },
    }  # fmt: skip
    layers = [bars]
    if gpu_gigabytes:
        limit = {"values": [{"gpu": gpu_gigabytes, "told": f"your GPU, {gpu_gigabytes:g} GB"}]}
        x = {"field": "gpu", "type": "quantitative"}
        layers.append({"data": limit, "mark": {"type": "rule", "strokeWidth": 3, "color": "#D55E00"},
                       "encoding": {"x": x}})  # fmt: skip
        layers.append({"data": limit, "mark": {"type": "text", "align": "left", "dx": 5, "baseline": "top", "y": -14,
                                               "color": "#D55E00", "fontSize": 12, "fontWeight": "bold"},
                       "encoding": {"x": x, "text": {"field": "told"}}})  # fmt: skip
    told = "; ".join(
        f"{way}: {made.total / 1e9:.1f} GB when {PHASES[made.peak.name]}"
        + (f", which {'fits' if made.total <= gpu_gigabytes * 1e9 else 'does not fit'} {gpu_gigabytes:g} GB"
           if gpu_gigabytes else "")
        for way, made in ways.items()
    )  # fmt: skip
    return {"$schema": SCHEMA, "height": 240, "data": {"values": values}, "layer": layers}, f"Peak memory. {told}"


def _parts(made: Estimate) -> dict[str, float]:
    """Return the parts of the peak, what must be free beside them the last."""
    beside = made.raw * (MARGIN + CACHED) + CONTEXT
    return {**{part: made.peak.parts[part] for part in PARTS if part in made.peak.parts}, BESIDE: beside}
