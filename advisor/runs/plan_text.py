"""A plan in words: the runs that it would start, line by line, and their price."""

from advisor.runs.plan import Arm, Estimate, Plan, Role, Stage


def render(plan: Plan) -> list[str]:
    """Return the plan as lines for a terminal; the warnings come last."""
    task, seeds = plan.task, len(plan.seeds)
    of_seeds = "1 seed" if seeds == 1 else f"{seeds} seeds"
    scorer = task.settings.get("eval_verifier")
    scored = f", scored by {scorer}" if scorer else ""
    verifier = f"verifier {task.verifier or 'its own'}{scored}"
    head = f"would try {len(plan.arms)} arms with {task.model} on {task.data}, {verifier}"
    lines = [f"{head}: {plan.budget} each, {of_seeds}"]
    lines += [_line(arm, plan.budget) for arm in plan.arms]
    for pipeline in plan.left_out:
        nearest = f"; the nearest that can be tried is {pipeline.nearest}" if pipeline.nearest else ""
        lines.append(f"would leave out {pipeline.pipeline}: {pipeline.reason}{nearest}")
    return [*lines, _total(plan), *(f"warning: {warning}" for warning in plan.warnings)]


def _line(arm: Arm, budget: str) -> str:
    if not arm.trains:
        stage = arm.stages[0]
        return f"would score {stage.model} as it is, on {stage.eval_size} test prompts (no training)"
    stages = " then ".join(_stage(stage, alone=len(arm.stages) == 1, budget=budget) for stage in arm.stages)
    role = "its random control" if arm.role is Role.CONTROL else arm.role
    return f"would train {arm.id} ({role}): {stages}; {_costs(arm.estimate)}"


def _stage(stage: Stage, *, alone: bool, budget: str) -> str:
    settings = stage.settings()
    own = [f"{name} {settings[name]}" for name in ("select", "rounds") if name in settings]
    return f"{stage.technique}{' (' + ', '.join(own) + ')' if own else ''} for {budget if alone else stage.budget}"


def _costs(estimate: Estimate) -> str:
    peak, seconds, tokens = estimate.memory_bytes, estimate.seconds, estimate.tokens
    return ", ".join([
        f"about {tokens:,.0f} tokens" if tokens is not None else "tokens unknown until probed",
        f"about {estimate.evaluated or 0:,.0f} more tokens for scores",
        duration(seconds) if seconds is not None else "time unknown until probed",
        f"about {peak / 1e9:.1f} GB" if peak is not None else "memory not estimated",
    ])  # fmt: skip


def _total(plan: Plan) -> str:
    runs = [len(plan.seeds) if arm.trains else 1 for arm in plan.arms]
    seconds = [arm.estimate.seconds for arm in plan.arms]
    known = [number for number in seconds if number is not None]
    if len(known) < len(seconds):
        return f"would be {sum(runs)} runs one after another; how long is unknown: advisor probe measures the speed"
    whole = duration(sum(number * times for number, times in zip(known, runs, strict=True)))
    return f"would be {sum(runs)} runs one after another, {whole} in all"


def duration(seconds: float) -> str:
    """Return a time in the unit that fits it, such as `about 3 minutes`."""
    if seconds < 100:
        return f"about {seconds:.0f} seconds"
    return f"about {seconds / 60:.0f} minutes" if seconds < 5400 else f"about {seconds / 3600:.1f} hours"
