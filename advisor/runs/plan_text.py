"""A plan in words: what would run, line by line, and what it would take."""

from collections.abc import Mapping
from typing import Any

from advisor.runs.plan import CONTROL, NO_TRAINING, Arm, Plan


def render(plan: Plan) -> list[str]:
    """Return what would run as lines for a terminal; the warnings come last."""
    task, runs = plan.task, len(plan.seeds)
    verifier = task.get("verifier") or "its own"
    of_seeds = "1 seed" if runs == 1 else f"{runs} seeds"
    head = f"would try {len(plan.arms)} arms with {task['model']} on {task['data']}, verifier {verifier}"
    lines = [f"{head}: {plan.budget} each, {of_seeds}"]
    lines += [_line(arm, plan.budget) for arm in plan.arms]
    for one in plan.left_out:
        nearest = f"; the nearest that can be tried is {one['nearest']}" if one["nearest"] else ""
        lines.append(f"would leave out {one['pipeline']}: {one['reason']}{nearest}")
    lines.append(_total(plan))
    return lines + [f"warning: {one}" for one in plan.warnings]


def _line(arm: Arm, budget: str) -> str:
    if arm.role == NO_TRAINING:
        return (
            f"would score {arm.stages[0]['model']} as it is, on {arm.stages[0]['eval_size']} test prompts (no training)"
        )
    stages = " then ".join(_stage(stage, alone=len(arm.stages) == 1, budget=budget) for stage in arm.stages)
    what = "its random control" if arm.role == CONTROL else arm.role
    return f"would train {arm.id} ({what}): {stages}; {_costs(arm.estimate)}"


def _stage(stage: Mapping[str, Any], *, alone: bool, budget: str) -> str:
    own = [f"{name} {stage[name]}" for name in ("select", "rounds") if name in stage]
    spends = budget if alone else stage["budget"]
    return f"{stage['technique']}{' (' + ', '.join(own) + ')' if own else ''} for {spends}"


def _costs(estimate: Mapping[str, float | None]) -> str:
    peak, seconds, tokens = estimate["memory_bytes"], estimate["seconds"], estimate["tokens"]
    evaluated = f"about {estimate['evaluated'] or 0:,.0f} tokens of scores beside"
    return ", ".join([
        f"about {tokens:,.0f} tokens" if tokens is not None else "tokens unknown until probed",
        evaluated,
        said_seconds(seconds) if seconds is not None else "time unknown until probed",
        f"about {peak / 1e9:.1f} GB" if peak is not None else "memory not estimated",
    ])  # fmt: skip


def _total(plan: Plan) -> str:
    runs = [1 if arm.role == NO_TRAINING else len(plan.seeds) for arm in plan.arms]
    seconds = [arm.estimate["seconds"] for arm in plan.arms]
    known = [one for one in seconds if one is not None]
    if len(known) < len(seconds):
        return f"would be {sum(runs)} runs one after another; how long is unknown: advisor probe measures the speed"
    whole = said_seconds(sum(one * number for one, number in zip(known, runs, strict=True)))
    return f"would be {sum(runs)} runs one after another, {whole} in all"


def said_seconds(seconds: float) -> str:
    """Return a time as a person says it, such as `about 3 minutes`."""
    if seconds < 100:
        return f"about {seconds:.0f} seconds"
    return f"about {seconds / 60:.0f} minutes" if seconds < 5400 else f"about {seconds / 3600:.1f} hours"
