"""The outcome of a pilot for a reader: a table with intervals, a learning curve, the verdict, and its limits."""

from collections.abc import Iterator

from advisor.runs.charts import curves_chart
from advisor.runs.outcome import ArmOutcome, Outcome
from advisor.runs.plan import Role
from posttrain.charts import svg
from posttrain.tables import Grid, as_lines, markdown_table

HEAD = ("arm", "role", "right in form [95 %]", "right anywhere [95 %]", "over no training", "tokens", "seconds", "end")


def render(outcome: Outcome) -> list[str]:
    """Return the table, the verdict and the warnings as lines for a terminal."""
    warnings = [f"warning: {warning}" for warning in outcome.warnings]
    table = as_lines(grid_of(outcome))
    return [_title(outcome), "", *table, "", outcome.verdict.sentence, *_failed(outcome), *warnings]


def texts(outcome: Outcome) -> dict[str, str]:
    """Return the texts that a pilot leaves in its folder, by the names of their files."""
    table = markdown(outcome)
    chart = curves_chart(outcome.curves)
    return {"table.md": table, "curve.svg": svg(chart)}


def markdown(outcome: Outcome) -> str:
    """Return table, verdict and warnings as Markdown."""
    grid = grid_of(outcome)
    lines = [f"- {line}" for line in (*outcome.warnings, *_failed(outcome))]
    lines += [f"- left out: {pipeline.pipeline} {pipeline.reason}" for pipeline in outcome.left_out]
    end = "Weights were chosen on the validation split; the scores are of test prompts."
    head = [f"# {grid.title}", "", markdown_table(grid), "", outcome.verdict.sentence, ""]
    return "\n".join([*head, *lines, "", end, ""])


def grid_of(outcome: Outcome) -> Grid:
    """Return a row of text for each arm, the best first."""
    ranked = sorted(outcome.arms, key=lambda arm: -arm.strict.share if arm.strict else 1.0)
    rows = tuple(tuple(_row(arm, outcome.untrained)) for arm in ranked)
    return Grid(_title(outcome), (), HEAD, rows, numeric_from=len(HEAD))


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
