"""Charts of a pilot: the test scores of the arms with their intervals, and the learning curves; each in words too."""

from collections.abc import Sequence

from advisor.runs.outcome import ArmOutcome, Curves

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
_COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]  # Okabe and Ito's
_BLUE = _COLOURS[0]

Spec = dict[str, object]  # a Vega-Lite specification, to be written as JSON


def scores(arms: Sequence[ArmOutcome]) -> tuple[Spec, str]:
    """Return the test scores of the arms of an outcome as bars with their intervals, the best first, and in words."""
    scored = [(arm, arm.strict) for arm in arms if arm.strict]
    ranked = sorted(scored, key=lambda pair: -pair[1].share)
    values = [
        {"arm": arm.id, "role": arm.role, "share": score.share, "low": score.low, "high": score.high, "n": score.n}
        for arm, score in ranked
    ]
    y: Spec = {"field": "arm", "type": "nominal", "title": None, "sort": [arm.id for arm, _ in ranked],
               "axis": {"labelLimit": 300}}  # fmt: skip
    x: Spec = {"field": "share", "type": "quantitative", "title": "test prompts right, 95 % interval",
               "axis": {"format": "%"}, "scale": {"domain": [0, 1]}}  # fmt: skip
    shares: list[Spec] = [{"field": end, "format": ".1%"} for end in ("share", "low", "high")]
    tooltip: list[Spec] = [{"field": "arm"}, {"field": "role"}, *shares]
    spec: Spec = {
        "$schema": SCHEMA,
        "height": {"step": 34},
        "data": {"values": values},
        "encoding": {"y": y},
        "layer": [
            {"mark": {"type": "bar", "opacity": 0.5, "color": _BLUE},
             "encoding": {"x": x, "tooltip": tooltip}},
            {"mark": {"type": "rule", "strokeWidth": 2, "color": _BLUE},
             "encoding": {"x": {"field": "low", "type": "quantitative"}, "x2": {"field": "high"}}},
            {"mark": {"type": "point", "filled": True, "size": 70, "color": _BLUE},
             "encoding": {"x": {"field": "share", "type": "quantitative"}, "tooltip": tooltip}},
        ],
    }  # fmt: skip
    return spec, "Scores. " + "; ".join(f"{arm.id}: {score}" for arm, score in ranked)


def curves_chart(curves: Curves) -> Spec:
    """Return the learning curves: validation score by work done, a colour an arm, the model as it is dashed."""
    arms, points = list(curves.arms), curves.points
    colour = {"field": "arm", "scale": {"domain": arms, "range": _COLOURS[: len(arms)]}, "title": None,
              "legend": {"orient": "bottom", "columns": 1, "labelLimit": 300}}  # fmt: skip
    unit = curves.budget.rpartition("-")[2] if "-" in curves.budget else "seconds"
    x = {"field": "work", "type": "quantitative", "axis": {"title": f"{unit} spent", "format": "~s"}}
    y = {"field": "validation", "type": "quantitative", "axis": {"title": "validation prompts right", "format": ".0%"}}
    untrained = next(({"validation": point.validation} for point in points if not point.work), None)
    start = {
        "data": {"values": [untrained] if untrained else []},
        "mark": {"type": "rule", "strokeDash": [4, 3], "color": "#777777"},
        "encoding": {"y": y},
    }
    lines = {
        "data": {"values": [point.model_dump() for point in points]},
        "mark": {"type": "line", "point": True},
        "encoding": {"x": x, "y": y, "color": colour, "detail": {"field": "seed"}},
    }
    return {
        "$schema": SCHEMA,
        "title": {
            "text": f"{curves.task.model} on {curves.task.data}",
            "subtitle": f"the dashed line is the model as it is; {curves.budget} an arm",
            "anchor": "start",
        },
        "background": "white",
        "width": 520,
        "height": 300,
        "layer": [start, lines],
    }
