"""Scoring: from the results of a pilot's runs to its outcome."""

from collections.abc import Mapping, Sequence
from statistics import mean

from advisor.advice.pipelines import PIPELINES
from advisor.runs.outcome import ArmOutcome, FailedRun, FailedSeed, Interval, Outcome, Point, RunOutcome, StageOutcome
from advisor.runs.plan import Arm, Plan
from advisor.runs.result import Measured, RunResult
from advisor.runs.verdict import verdict_of
from posttrain.errors import PosttrainError, UnfinishedError
from posttrain.statistics import interval_of
from reference_impls.configs import Budget

FORM_GAP = 0.05
OVER = 1.1  # of the budget: work beyond it that is no longer equal
SCALE = (
    "rankings change with the size of the model: the order of methods at 0.5 billion weights is not that at 7 billion. "
    "This pilot ran at {size} and holds for that size alone"
)

RunsOfArms = Mapping[tuple[str, int], list[RunResult] | PosttrainError]  # by arm and seed: the stages, or why not


def outcome_of(plan: Plan, runs: RunsOfArms, curve: Sequence[Point] = ()) -> Outcome:
    """Return the outcome of a pilot; a run that is missing from `runs` counts as failed."""
    arms = tuple(_arm(arm, plan, runs) for arm in plan.arms)
    failed = tuple(
        FailedRun(arm=arm.id, seed=run.seed, message=run.message, hint=run.hint) for arm in arms for run in arm.failed
    )
    sizes = [run.parameters for arm in arms if arm.id == plan.untrained.id for run in arm.runs]
    return Outcome(
        plan=plan.id,
        task=plan.task,
        budget=plan.budget,
        seeds=plan.seeds,
        traits=plan.traits,
        parameters=sizes[0] if sizes else None,
        arms=arms,
        failed=failed,
        verdict=verdict_of(arms),
        warnings=tuple(_warnings(plan, arms, len(failed))),
        left_out=plan.left_out,
        curve=tuple(curve),
    )


def _arm(arm: Arm, plan: Plan, ended: RunsOfArms) -> ArmOutcome:
    seeds = plan.seeds if arm.trains else plan.seeds[:1]  # greedy answers of one policy are the same for every seed
    runs, failed = [], []
    for seed in seeds:
        results = ended.get((arm.id, seed)) or UnfinishedError("it was not run", "resume it with --resume")
        if isinstance(results, PosttrainError):
            failed.append(FailedSeed(seed=seed, message=results.message, hint=results.hint))
        else:
            runs.append(_run(seed, results))
    return ArmOutcome(
        id=arm.id,
        role=arm.role,
        pipeline=arm.pipeline,
        method=PIPELINES[arm.pipeline].method,
        title=arm.title,
        strict=_interval([run.strict for run in runs]),
        lenient=_interval([run.lenient for run in runs]),
        tokens=mean(run.tokens for run in runs) if runs else None,
        seconds=mean(run.seconds for run in runs) if runs else None,
        runs=tuple(runs),
        failed=tuple(failed),
    )


def _run(seed: int, results: Sequence[RunResult]) -> RunOutcome:
    """Return one run of an arm, all its stages together."""
    last, trains = results[-1], results[0].technique != "probe"
    statuses = [result.status for result in results]
    reasons = [result.stopped_because for result in results if result.stopped_because]
    work = [result.work for result in results]
    return RunOutcome(
        seed=seed,
        status=next((status for status in ("stopped", "early") if status in statuses), "done"),
        stopped_because="; ".join(reasons) or None,
        strict=last.after.strict,
        lenient=last.after.lenient,
        unscorable=last.after.unscorable,
        finished=last.after.finished,
        marks=last.after.marks,
        before=results[0].before.strict,
        parameters=last.parameters,
        tokens=sum(spent.tokens for spent in work) if trains else 0,
        flops=sum(spent.flops for spent in work) if trains else 0,
        evaluated=sum(spent.evaluated for spent in work),
        seconds=sum(spent.seconds for spent in work),
        peak_memory_bytes=max(result.peak_memory_bytes for result in results),
        device=last.device,
        versions=last.versions,
        stages=tuple(map(_stage, results)),
    )


def _stage(result: RunResult) -> StageOutcome:
    return StageOutcome(
        technique=result.technique,
        status=result.status,
        steps=result.steps,
        updates=result.updates,
        chosen_step=result.chosen_step,
        learning_rate=result.learning_rate,
        tokens=result.work.tokens,
        after=result.after.strict.share,
    )


def _interval(scores: Sequence[Measured]) -> Interval | None:
    if not scores:
        return None
    n = scores[0].n
    whole = interval_of([score.share for score in scores], n)
    return Interval(share=whole.share, low=whole.low, high=whole.high, n=n, runs=len(scores), basis=whole.basis)


def _overrun(arm: str, run: RunOutcome, budget: str) -> str:
    """Return a sentence where a run did clearly more work than its budget; a step that has begun is ended."""
    total = Budget.parse(budget)
    spent = {"tokens": run.tokens, "flops": run.flops, "seconds": run.seconds}[total.unit]
    if spent <= total.amount * OVER:
        return ""
    amounts = [f"{amount:.3g}" if total.unit == "flops" else f"{amount:,.0f}" for amount in (spent, total.amount)]
    return (
        f"{arm}, seed {run.seed}, spent {' of '.join(amounts)} {total.unit}, {spent / total.amount - 1:.0%} too many, "
        "for it ends the step that it has begun: compare with care, or raise the budget, or lower micro_batch"
    )


def _warnings(plan: Plan, arms: Sequence[ArmOutcome], failed: int) -> list[str]:
    runs = [run for arm in arms for run in arm.runs]
    warnings = [SCALE.format(size=f"{runs[0].parameters:,} weights" if runs else "an unknown size")]
    if len(plan.seeds) == 1:
        warnings.append("one seed: the intervals cover other prompts, not the spread between seeds")
    else:
        warnings.append(f"{len(plan.seeds)} seeds: the interval shown is the wider of that over prompts and over seeds")
    if len({run.before.k for run in runs}) > 1:
        warnings.append("the model as it is was not scored the same in every run: computation differs between them")
    for arm in arms:
        if arm.strict and arm.lenient and arm.lenient.share - arm.strict.share > FORM_GAP:
            warnings.append(f"{arm.id}: {arm.lenient} are right somewhere, so the form costs much of it")
        warnings += [text for run in arm.runs if (text := _overrun(arm.id, run, plan.budget))]
        stopped = [run for run in arm.runs if run.status == "stopped"]
        warnings += [f"{arm.id}, seed {run.seed}, was stopped: {run.stopped_because}" for run in stopped]
    if failed:
        warnings.append(f"{failed} runs failed and are in no comparison; --resume tries them again")
    return warnings + [text for text in plan.warnings if text.startswith("seconds")]
