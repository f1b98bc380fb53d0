"""Charts of an answer: the pipeline as a graph, peak memory as stacked bars; each with a description in words."""

from collections.abc import Mapping

from advisor.advice.pipelines import Pipeline
from advisor.advice.techniques import TECHNIQUES
from advisor.memory.phases import CACHED, CONTEXT, MARGIN, PHASES, Estimate
from advisor.memory.report import PARTS
from posttrain.charts import SCHEMA, Spec

RESERVE = "margin, cache, CUDA"
# Okabe and Ito's colours with two of Tol's and greys: neighbours differ in lightness too.
_COLOURS = [
    "#0072B2", "#56B4E9", "#009E73", "#882255", "#D55E00", "#999933", "#E69F00", "#CC79A7", "#F0E442", "#888888",
    "#555555", "#BBBBBB",
]  # fmt: skip
_LIMIT = "#D55E00"


def flow(pipeline: Pipeline) -> tuple[str, str]:
    """Return a pipeline as a graph in DOT, its stages from left to right, and in words."""
    if not pipeline.stages:
        return "", f"{pipeline.title}: nothing is trained"
    names = [TECHNIQUES[stage].name.partition(" (")[0] for stage in pipeline.stages]
    nodes = ["your model", *names, "trained model"]
    lines = [
        f'n{index} [label="{name}", fillcolor="{"#D6E6F2" if 0 < index < len(nodes) - 1 else "#FFFFFF"}"];'
        for index, name in enumerate(nodes)
    ]
    chain = " -> ".join(f"n{index}" for index in range(len(nodes)))
    style = (
        'rankdir=LR; bgcolor="transparent"; node [shape=box, style="rounded,filled", color="#5B7F99", '
        'fontcolor="#10202C", fontname="sans-serif"]; edge [color="#5B7F99"];'
    )
    return f"digraph {{ {style} {' '.join(lines)} {chain}; }}", f"Pipeline: {' to '.join(nodes)}"


def memory_bars(ways: Mapping[str, Estimate], gpu_gigabytes: float | None) -> tuple[Spec, str]:
    """Return the peak of each way of training as a stacked bar of its parts, with a line at the user's GPU."""
    order = [*PARTS, RESERVE]
    values = [
        {"way": way, "part": part, "gigabytes": size / 1e9, "order": order.index(part)}
        for way, estimate in ways.items()
        for part, size in _parts(estimate).items()
    ]
    shown = [part for part in order if any(value["part"] == part for value in values)]
    bars: Spec = {
        "mark": "bar",
        "encoding": {
            "y": {"field": "way", "type": "nominal", "title": None, "sort": list(ways), "axis": {"labelLimit": 400}},
            "x": {"field": "gigabytes", "type": "quantitative", "title": "GB at the peak"},
            "color": {
                "field": "part", "type": "nominal", "title": None, "sort": shown,
                "scale": {"domain": shown, "range": [_COLOURS[order.index(part)] for part in shown]},
                "legend": {"orient": "bottom", "columns": 4},
            },
            "order": {"field": "order", "type": "quantitative"},
            "tooltip": [{"field": "way"}, {"field": "part"}, {"field": "gigabytes", "format": ".1f"}],
        },
    }  # fmt: skip
    layers = [bars, *(_limit(gpu_gigabytes) if gpu_gigabytes else [])]
    words = "; ".join(_words(way, estimate, gpu_gigabytes) for way, estimate in ways.items())
    spec = {"$schema": SCHEMA, "height": 240, "data": {"values": values}, "layer": layers}
    return spec, f"Peak memory. {words}"


def _parts(estimate: Estimate) -> dict[str, float]:
    """Return the parts of the peak, and last the memory that must be free in addition."""
    reserve = estimate.raw * (MARGIN + CACHED) + CONTEXT
    return {**{part: estimate.peak.parts[part] for part in PARTS if part in estimate.peak.parts}, RESERVE: reserve}


def _limit(gpu_gigabytes: float) -> list[Spec]:
    """Return a rule at the memory of the GPU, and its label."""
    data = {"values": [{"gpu": gpu_gigabytes, "label": f"your GPU, {gpu_gigabytes:g} GB"}]}
    x = {"field": "gpu", "type": "quantitative"}
    text = {
        "type": "text", "align": "left", "dx": 5, "baseline": "top", "y": -14, "color": _LIMIT, "fontSize": 12,
        "fontWeight": "bold",
    }  # fmt: skip
    return [
        {"data": data, "mark": {"type": "rule", "strokeWidth": 3, "color": _LIMIT}, "encoding": {"x": x}},
        {"data": data, "mark": text, "encoding": {"x": x, "text": {"field": "label"}}},
    ]


def _words(way: str, estimate: Estimate, gpu_gigabytes: float | None) -> str:
    words = f"{way}: {estimate.total / 1e9:.1f} GB when {PHASES[estimate.peak.name]}"
    if not gpu_gigabytes:
        return words
    fits = "fits" if estimate.total <= gpu_gigabytes * 1e9 else "does not fit"
    return f"{words}, which {fits} {gpu_gigabytes:g} GB"
