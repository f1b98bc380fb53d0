"""Charts of a pilot: the test scores of the arms with their intervals, and the learning curves; each in words too."""

from collections.abc import Sequence

from advisor.runs.outcome import ArmOutcome, Curves
from posttrain.charts import COLOURS, SCHEMA, Spec, interval_layers, scale, titled


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
    x: Spec = {"title": "test prompts right, 95 % interval", "axis": {"format": "%"}, "scale": {"domain": [0, 1]}}
    shares: list[Spec] = [{"field": end, "format": ".1%"} for end in ("share", "low", "high")]
    spec: Spec = {
        "$schema": SCHEMA,
        "height": {"step": 34},
        "data": {"values": values},
        "encoding": {"y": y},
        "layer": interval_layers("x", x, [{"field": "arm"}, {"field": "role"}, *shares], colour=COLOURS[0]),
    }
    return spec, "Scores. " + "; ".join(f"{arm.id}: {score}" for arm, score in ranked)


def curves_chart(curves: Curves) -> Spec:
    """Return the learning curves: validation score by work done, a colour an arm, the model as it is dashed."""
    points, unit = curves.points, curves.budget.rpartition("-")[2] if "-" in curves.budget else "seconds"
    colour = {
        **scale("arm", curves.arms, COLOURS, None),
        "legend": {"orient": "bottom", "columns": 1, "labelLimit": 300},
    }
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
    note = f"the dashed line is the model as it is; {curves.budget} an arm"
    spec = {"width": 520, "height": 300, "layer": [start, lines]}
    return titled(spec, f"{curves.task.model} on {curves.task.data}", [note])
