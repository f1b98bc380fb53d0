"""Outcome: what a pilot's runs say together, as plain data: scores with intervals, comparisons, and the verdict.

Weights were chosen on the validation split and scored on test prompts that no arm had seen; nothing here chooses again.
"""

from collections.abc import Mapping, Sequence
from statistics import mean
from typing import Any

from advisor.advice.pipelines import LADDER, PIPELINES
from advisor.runs.plan import CONTROL, NO_TRAINING, Arm, Plan
from posttrain.errors import ConfigurationError, PosttrainError
from posttrain.statistics import difference_of, holm, interval_of

SCHEMA_VERSION = 1
LUCK = 0.05  # arms that differ by luck with a larger chance, corrected for their number, count as ties
FORM_GAP = 0.05
SCALE = (
    "rankings turn over with size: the order of methods at 0.5 billion weights is not that at 7 billion. This pilot "
    "ran at {size} and speaks for that size alone"
)
_ORDER = [pipeline.id for pipeline in LADDER]

Ended = dict[
    tuple[str, int], list[dict[str, Any]] | PosttrainError
]  # of each arm and seed, its stages' results or why not


def outcome_of(plan: Plan, ended: Ended) -> dict[str, Any]:
    """Return the outcome of a pilot as JSON has it: arms with scores, what failed, the verdict and the warnings."""
    arms = [_arm(arm, plan, ended) for arm in plan.arms]
    untrained = next(arm for arm in arms if arm["role"] == NO_TRAINING)
    failed = [{"arm": arm["id"], **one} for arm in arms for one in arm["failed"]]
    return {
        "schema_version": SCHEMA_VERSION,
        "plan": plan.id,
        "task": plan.task,
        "budget": plan.budget,
        "seeds": list(plan.seeds),
        "traits": plan.traits,
        "parameters": untrained["runs"][0]["parameters"] if untrained["runs"] else None,
        "arms": arms,
        "failed": failed,
        "verdict": verdict_of(arms),
        "warnings": _warnings(plan, arms, failed),
        "left_out": list(plan.left_out),
    }


def verdict_of(arms: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the best arm, those that cannot be told apart from it, each comparison, and a sentence.

    An arm counts where every seed of it ended. Two arms are ties where the paired test of intervals.difference_of,
    corrected by Holm for the number of comparisons, leaves a chance above 5 % that they differ by luck.
    """
    whole = [arm for arm in arms if arm["strict"] and not arm["failed"]]
    if not any(arm["role"] == NO_TRAINING for arm in whole) or len(whole) < 2:
        return {
            "best": None,
            "ties": [],
            "simplest": None,
            "comparisons": [],
            "sentence": "Too few arms ended to compare.",
        }
    ranked = sorted(whole, key=lambda arm: (-arm["strict"]["share"], arm["role"] == CONTROL, _rung(arm)))
    best, others = ranked[0], ranked[1:]
    comparisons = _compared(best, others)
    ties = [one["against"] for one in comparisons if one["p_corrected"] > LUCK]
    equal = [best, *(arm for arm in others if arm["id"] in ties)]
    sentences = [_sentence(best, others, equal, comparisons), _of_control(whole)]
    return {
        "best": best["id"],
        "ties": ties,
        "simplest": min(equal, key=_rung)["id"],
        "comparisons": comparisons,
        "sentence": " ".join(filter(None, sentences)),
    }


def percent(share: float) -> str:
    """Return a share as `43.2 %`."""
    return f"{100 * share:.1f} %"


def with_interval(found: Mapping[str, Any]) -> str:
    """Return a share as `43.2 % [36.4, 50.3]`."""
    return f"{percent(found['share'])} [{100 * found['low']:.1f}, {100 * found['high']:.1f}]"


def _arm(arm: Arm, plan: Plan, ended: Ended) -> dict[str, Any]:
    seeds = plan.seeds[:1] if arm.role == NO_TRAINING else plan.seeds  # greedy answers of one policy: no luck in them
    runs, failed = [], []
    for seed in seeds:
        results = ended.get((arm.id, seed))
        if isinstance(results, list):
            runs.append(_run(seed, results))
        else:
            said = results or ConfigurationError("it was not run", "go on with --resume")
            failed.append({"seed": seed, "message": said.message, "hint": said.hint})
    return {
        "id": arm.id,
        "role": arm.role,
        "pipeline": arm.pipeline,
        "method": PIPELINES[arm.pipeline].method,
        "title": arm.title,
        "strict": _interval(runs, "strict"),
        "lenient": _interval(runs, "lenient"),
        "tokens": mean(run["tokens"] for run in runs) if runs else None,
        "seconds": mean(run["seconds"] for run in runs) if runs else None,
        "runs": runs,
        "failed": failed,
    }


def _run(seed: int, results: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what one run of an arm came to, all its stages together."""
    last, trains = results[-1], results[0]["technique"] != "probe"
    statuses = [result["status"] for result in results]
    reasons = [result["stopped_because"] for result in results if result["stopped_because"]]
    return {
        "seed": seed,
        "status": next((status for status in ("stopped", "early") if status in statuses), "done"),
        "stopped_because": "; ".join(reasons) or None,
        **{name: last["after"][name] for name in ("strict", "lenient", "unscorable", "finished", "marks")},
        "before": results[0]["before"]["strict"],
        "parameters": last["parameters"],
        **{name: sum(result["work"][name] for result in results) if trains else 0 for name in ("tokens", "flops")},
        **{name: sum(result["work"][name] for result in results) for name in ("evaluated", "seconds")},
        "peak_memory_bytes": max(result["peak_memory_bytes"] for result in results),
        "device": last["device"],
        "versions": last["versions"],
        "stages": [_stage(result) for result in results],
    }


def _stage(result: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("technique", "status", "steps", "updates", "chosen_step", "learning_rate")
    after = result["after"]["strict"]["share"]
    return {name: result[name] for name in kept} | {"tokens": result["work"]["tokens"], "after": after}


def _interval(runs: Sequence[Mapping[str, Any]], name: str) -> dict[str, Any] | None:
    if not runs:
        return None
    n = runs[0][name]["n"]
    found = interval_of([run[name]["share"] for run in runs], n)
    return {"share": found.share, "low": found.low, "high": found.high, "n": n, "runs": len(runs), "basis": found.basis}


def _compared(best: Mapping[str, Any], others: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    found = [difference_of(_marks(best), _marks(other)) for other in others]
    corrected = holm([one.p for one in found])
    return [
        {
            "arm": best["id"], "against": other["id"], "share": one.share, "low": one.low, "high": one.high, "p": one.p,
            "p_corrected": p,
        }
        for other, one, p in zip(others, found, corrected, strict=True)
    ]  # fmt: skip


def _marks(arm: Mapping[str, Any]) -> list[str]:
    return [run["marks"] for run in arm["runs"]]


def _rung(arm: Mapping[str, Any]) -> tuple[bool, int]:
    """Return how simple an arm is: its place on the ladder; a control is advice for nobody."""
    return arm["role"] == CONTROL, _ORDER.index(arm["pipeline"])


def _sentence(
    best: Mapping[str, Any],
    others: Sequence[Mapping[str, Any]],
    equal: Sequence[Mapping[str, Any]],
    comparisons: Sequence[Mapping[str, Any]],
) -> str:
    n = best["strict"]["n"]
    untrained = next(arm for arm in (best, *others) if arm["role"] == NO_TRAINING)
    start = with_interval(untrained["strict"])
    if best is untrained:
        return (
            f"No training is not beaten: the model as it is has {start} of {n} test prompts right, and no arm has more."
        )
    if untrained in equal:
        return (
            f"{best['id']} and no training cannot be told apart at n = {n} ({with_interval(best['strict'])} and "
            f"{start}): nothing that was tried is better than the model as it is."
        )
    if len(equal) > 1:
        names = [f"{arm['id']} ({with_interval(arm['strict'])})" for arm in equal]
        simplest = min(equal, key=_rung)["id"]
        return (
            f"{', '.join(names[:-1])} and {names[-1]} cannot be told apart at n = {n}; {best['id']} is better than no "
            f"training ({start}). The simplest of them is {simplest}."
        )
    behind = comparisons[0]
    return (
        f"{best['id']} is best: {with_interval(best['strict'])} of {n} test prompts, against {start} without training; "
        f"next is {behind['against']}, {100 * behind['share']:.1f} points [{100 * behind['low']:.1f}, "
        f"{100 * behind['high']:.1f}] behind."
    )


def _of_control(whole: Sequence[Mapping[str, Any]]) -> str:
    """Return what the random control says of the verifier, where there is one."""
    control = next((arm for arm in whole if arm["role"] == CONTROL), None)
    arm = next((arm for arm in whole if control and arm["id"] == control["pipeline"]), None)
    if not control or not arm:
        return ""
    found = difference_of(_marks(arm), _marks(control))
    if found.p <= LUCK and found.share > 0:
        return f"{arm['id']} is {100 * found.share:.1f} points better than its random control: the verifier's merit."
    return f"{arm['id']} and its random control cannot be told apart: what it gained may not be the verifier's merit."


def _warnings(plan: Plan, arms: Sequence[Mapping[str, Any]], failed: Sequence[Mapping[str, Any]]) -> list[str]:
    runs = [run for arm in arms for run in arm["runs"]]
    said = [SCALE.format(size=f"{runs[0]['parameters']:,} weights" if runs else "an unknown size")]
    if len(plan.seeds) == 1:
        said.append("one seed: the intervals cover other prompts, and not what another seed would change")
    else:
        said.append(f"{len(plan.seeds)} seeds: of the interval over prompts and that over seeds the wider one is shown")
    if len({run["before"]["k"] for run in runs}) > 1:
        said.append("the model as it is was not scored the same in every run: computation differs between them")
    for arm in arms:
        if arm["strict"] and arm["lenient"]["share"] - arm["strict"]["share"] > FORM_GAP:
            said.append(
                f"{arm['id']}: {with_interval(arm['lenient'])} are right somewhere, so the form costs much of it"
            )
        for run in arm["runs"]:
            if run["status"] == "stopped":
                said.append(f"{arm['id']}, seed {run['seed']}, was stopped: {run['stopped_because']}")
    if failed:
        said.append(f"{len(failed)} runs failed and are in no comparison; --resume tries them again")
    return said + [one for one in plan.warnings if one.startswith("seconds")]
