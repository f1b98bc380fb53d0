"""The outcome of a pilot for a reader: a table with intervals, a learning curve, the verdict, and its limits."""

import json
from collections.abc import Iterator

from advisor.runs.charts import curves_chart
from advisor.runs.outcome import ArmOutcome, Curves, Outcome
from advisor.runs.plan import Role

HEAD = ("arm", "role", "right in form [95 %]", "right anywhere [95 %]", "over no training", "tokens", "seconds", "end")


def render(outcome: Outcome) -> list[str]:
    """Return the table, the verdict and the warnings as lines for a terminal."""
    rows = [list(HEAD), *cells(outcome)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(HEAD))]
    table = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    warnings = [f"warning: {warning}" for warning in outcome.warnings]
    return [_title(outcome), "", *table, "", outcome.verdict.sentence, *_failed(outcome), *warnings]


def texts(outcome: Outcome) -> dict[str, str]:
    """Return the texts that a pilot leaves in its folder, by the names of their files."""
    return {"table.md": markdown(outcome), "curve.svg": svg(outcome.curves)}


def markdown(outcome: Outcome) -> str:
    """Return table, verdict and warnings as Markdown."""
    lines = [f"# {_title(outcome)}", "", f"| {' | '.join(HEAD)} |", f"|{'---|' * len(HEAD)}"]
    lines += [f"| {' | '.join(row)} |" for row in cells(outcome)]
    lines += ["", outcome.verdict.sentence, ""]
    lines += [f"- {warning}" for warning in outcome.warnings]
    lines += [f"- {line}" for line in _failed(outcome)]
    lines += [f"- left out: {pipeline.pipeline} {pipeline.reason}" for pipeline in outcome.left_out]
    return "\n".join([*lines, "", "Weights were chosen on the validation split; the scores are of test prompts.", ""])


def svg(curves: Curves) -> str:
    """Return the learning curves as SVG: validation score by work done, a line for each arm and seed."""
    import vl_convert

    return str(vl_convert.vegalite_to_svg(json.dumps(curves_chart(curves))))


def cells(outcome: Outcome) -> list[list[str]]:
    """Return a row of text for each arm, the best first; its columns are HEAD."""
    ranked = sorted(outcome.arms, key=lambda arm: -arm.strict.share if arm.strict else 1.0)
    return [_row(arm, outcome.untrained) for arm in ranked]


def _row(arm: ArmOutcome, untrained: ArmOutcome) -> list[str]:
    if not arm.strict:
        return [arm.id, arm.role, "failed", "", "", "", "", "failed"]
    trained = arm.role is not Role.NO_TRAINING
    gain = f"{100 * (arm.strict.share - untrained.strict.share):+.1f}" if trained and untrained.strict else ""
    ends = {run.status for run in arm.runs} | ({"failed"} if arm.failed else set())
    spent = f"{arm.tokens:,.0f}" if trained else "0"
    seconds = f"{arm.seconds:.0f}"
    return [arm.id, arm.role, str(arm.strict), str(arm.lenient), gain, spent, seconds, ", ".join(sorted(ends))]


def _failed(outcome: Outcome) -> Iterator[str]:
    return (f"failed: {run.arm}, seed {run.seed}: {run.message}" for run in outcome.failed)


def _title(outcome: Outcome) -> str:
    prompts = next((arm.strict.n for arm in outcome.arms if arm.strict), 0)
    seeds = "1 seed" if len(outcome.seeds) == 1 else f"{len(outcome.seeds)} seeds"
    task = outcome.task
    return f"Pilot: {task.model} on {task.data}, {outcome.budget} an arm, {prompts} test prompts, {seeds}"
