"""What a pilot found, for a reader: a table with intervals, a learning curve, the verdict, and what it leaves open."""

import json
from collections.abc import Mapping
from typing import Any

from advisor.runs.outcome import percent, with_interval
from advisor.runs.plan import NO_TRAINING

_COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"]  # Okabe and Ito's
HEAD = ("arm", "role", "right in form [95 %]", "right anywhere [95 %]", "over no training", "tokens", "seconds", "end")


def render(outcome: Mapping[str, Any]) -> list[str]:
    """Return the table, the verdict and the warnings as lines for a terminal."""
    rows = [list(HEAD), *cells(outcome)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    failed = [f"failed: {one['arm']}, seed {one['seed']}: {one['message']}" for one in outcome["failed"]]
    warnings = [f"warning: {one}" for one in outcome["warnings"]]
    return [_title(outcome), "", *table, "", outcome["verdict"]["sentence"], *failed, *warnings]


def table(outcome: Mapping[str, Any]) -> str:
    """Return the same as Markdown."""
    lines = [f"# {_title(outcome)}", "", f"| {' | '.join(HEAD)} |", f"|{'---|' * len(HEAD)}"]
    lines += [f"| {' | '.join(row)} |" for row in cells(outcome)]
    lines += ["", outcome["verdict"]["sentence"], ""]
    lines += [f"- {one}" for one in outcome["warnings"]]
    lines += [f"- failed: {one['arm']}, seed {one['seed']}: {one['message']}" for one in outcome["failed"]]
    lines += [f"- left out: {one['pipeline']} {one['reason']}" for one in outcome["left_out"]]
    return "\n".join([*lines, "", "Weights were chosen on the validation split; the scores are of test prompts.", ""])


def curve(outcome: Mapping[str, Any]) -> str:
    """Return the learning curves as SVG: validation score by work done, a line for each arm and seed.

    A point of the outcome's `curve` is `{"arm", "seed", "work", "validation"}`.
    """
    import vl_convert

    return str(vl_convert.vegalite_to_svg(json.dumps(chart(outcome))))


def chart(outcome: Mapping[str, Any]) -> dict[str, Any]:
    """Return the Vega-Lite specification of the learning curves."""
    arms = [arm["id"] for arm in outcome["arms"] if arm["role"] != NO_TRAINING]
    colour = {"field": "arm", "scale": {"domain": arms, "range": _COLOURS[: len(arms)]}, "title": None,
              "legend": {"orient": "bottom", "columns": 1, "labelLimit": 300}}  # fmt: skip
    unit = _unit(outcome["budget"])
    x = {"field": "work", "type": "quantitative", "axis": {"title": f"{unit} spent", "format": "~s"}}
    y = {"field": "validation", "type": "quantitative", "axis": {"title": "validation prompts right", "format": ".0%"}}
    points = outcome["curve"]
    started = [point["validation"] for point in points if not point["work"]]
    as_it_is = {
        "data": {"values": [{"validation": started[0]}] if started else []},
        "mark": {"type": "rule", "strokeDash": [4, 3], "color": "#777777"},
        "encoding": {"y": y},
    }
    lines = {
        "data": {"values": points},
        "mark": {"type": "line", "point": True},
        "encoding": {"x": x, "y": y, "color": colour, "detail": {"field": "seed"}},
    }
    return {
        "$schema": "https://vega.github.io/schema/vega-lite/v6.json",
        "title": {
            "text": f"{outcome['task']['model']} on {outcome['task']['data']}",
            "subtitle": f"the dashed line is the model as it is; {outcome['budget']} an arm",
            "anchor": "start",
        },
        "background": "white",
        "width": 520,
        "height": 300,
        "layer": [as_it_is, lines],
    }


def cells(outcome: Mapping[str, Any]) -> list[list[str]]:
    """Return a row of text for each arm, the best first; its columns are HEAD."""
    untrained = next(arm for arm in outcome["arms"] if arm["role"] == NO_TRAINING)
    ranked = sorted(outcome["arms"], key=lambda arm: -arm["strict"]["share"] if arm["strict"] else 1.0)
    return [_row(arm, untrained) for arm in ranked]


def _row(arm: Mapping[str, Any], untrained: Mapping[str, Any]) -> list[str]:
    if not arm["strict"]:
        return [arm["id"], arm["role"], "failed", "", "", "", "", "failed"]
    gain = ""
    if arm is not untrained and untrained["strict"]:
        gain = f"{100 * (arm['strict']['share'] - untrained['strict']['share']):+.1f}"
    ends = {run["status"] for run in arm["runs"]} | ({"failed"} if arm["failed"] else set())
    spent = "0" if arm is untrained else f"{arm['tokens']:,.0f}"
    return [
        arm["id"], arm["role"], with_interval(arm["strict"]), with_interval(arm["lenient"]), gain, spent,
        f"{arm['seconds']:.0f}", ", ".join(sorted(ends)),
    ]  # fmt: skip


def _title(outcome: Mapping[str, Any]) -> str:
    prompts = next((arm["strict"]["n"] for arm in outcome["arms"] if arm["strict"]), 0)
    seeds = "1 seed" if len(outcome["seeds"]) == 1 else f"{len(outcome['seeds'])} seeds"
    task = outcome["task"]
    return f"Pilot: {task['model']} on {task['data']}, {outcome['budget']} an arm, {prompts} test prompts, {seeds}"


def _unit(budget: str) -> str:
    return budget.rpartition("-")[2] if "-" in budget else "seconds"


def said_run(arm: str, seed: int, before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Return one ended run as a line of narration, from its scores before and after."""
    shares = [percent(score["strict"]["share"]) for score in (before, after)]
    return f"{arm}, seed {seed}: {shares[0]} before, {shares[1]} after"
