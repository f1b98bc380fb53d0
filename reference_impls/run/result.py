"""From the score before training to result.json: a whole run of one technique."""

import platform
import resource
import sys
from collections.abc import Callable
from importlib.metadata import version
from typing import Any

import torch

from posttrain.errors import ConfigurationError, UnfinishedError
from posttrain.statistics import Counted
from reference_impls.configs import Budget
from reference_impls.model.policy import save_policy
from reference_impls.run.guards import StoppedError, check_weights
from reference_impls.run.intake import first_row, narrate
from reference_impls.run.loop import Run

Train = Callable[["Run[Any]"], None]  # the `train` function of a technique, which takes a Run of its own config


def carry_out(run: Run[Any], train: Train, *, resume: bool) -> bool:
    """Score, train, score again and write result.json; return whether a guard stopped the run."""
    loop, now = run.loop, run.progress
    if resume:
        loop.resume()
    view = first_row(run.policy.template, run.train, run.config)
    if run.world.is_first and not now.before:
        narrate(view, run.tasks)
    before = now.before = now.before or _score_before(run)
    try:
        train(run)
        check_weights(run.policy)
    except StoppedError as stopped:
        loop.stop(stopped)
    loop.take_best()
    after = before if run.config.technique == "probe" else run.rollouts.evaluate(run.test, "after").as_dict()
    if run.world.is_first:
        if run.config.save_policy and now.updates:
            loop.log.commit("policy", lambda folder: save_policy(run.policy, folder))
        loop.log.write_result({**result_of(run, before, after), "first_row": view.as_dict() if view else None})
        print(summary(run, before, after), file=sys.stderr)
    return now.status == "stopped"


def _score_before(run: Run[Any]) -> dict[str, Any]:
    """Return the score before training.

    Raises ConfigurationError where most answers cannot be scored, and UnfinishedError for a policy of NaN.
    """
    verifier = run.rollouts.scorer.name
    if run.world.is_first:
        print(f"scoring {len(run.test.rows)} test prompts with {verifier}", file=sys.stderr)
    try:
        check_weights(run.policy)
        before = run.rollouts.evaluate(run.test, "before")
    except StoppedError as stopped:
        raise UnfinishedError(
            f"the policy cannot be trained: {stopped}", f"take another copy of the model '{run.config.model}'"
        ) from stopped
    if before.unscorable > before.n / 2:
        reason = run.rollouts.unscorable_because
        raise ConfigurationError(
            f"{before.unscorable} of {before.n} answers cannot be scored by {verifier}: {reason}",
            "mend the verifier or the rows' answers; samples.jsonl has examples",
        )
    return before.as_dict()


def overrun(run: Run[Any]) -> str:
    """Return a sentence where more than the budget is spent, else nothing: a run ends with the step that reaches it."""
    share = run.work.spent(Budget.parse(run.config.budget))
    if run.config.technique == "probe" or share <= 1:
        return ""
    return f"the last step overran the budget of {run.config.budget} by {100 * (share - 1):.1f} %"


def result_of(run: Run[Any], before: dict[str, Any], after: dict[str, Any]) -> dict[str, object]:
    """Return result.json; docs/training.md explains each key."""
    now, tasks = run.progress, run.tasks
    on_gpu = run.policy.device.type == "cuda"
    return {
        "technique": run.config.technique,
        "config": run.config.model_dump(),
        "status": now.status,
        "stopped_because": now.stopped_because or None,
        "before": before,
        "after": after,
        "chosen_step": now.best.step if now.best else now.step,
        "steps": now.step,
        "updates": now.updates,
        "learning_rate": run.learning_rate,
        "parameters": sum(weight.numel() for weight in run.policy.base.parameters()),
        "scored_by": run.rollouts.scorer.name,
        "work": now.work.as_dict() | {"tokens": now.work.tokens},
        "intake": now.intake or {"kept": len(run.train.rows), "dropped": {}},
        "skipped_rows": {split: dict(task.skipped) for split, task in tasks.items()},
        "probe": run.probed,
        "peak_memory_bytes": torch.cuda.max_memory_allocated() if on_gpu else _peak_memory_bytes(),
        "device": torch.cuda.get_device_name() if on_gpu else platform.processor() or "cpu",
        "seed": run.config.seed,
        "notes": [
            *filter(None, [overrun(run)]),
            *run.policy.notes,
            *(warning for task in tasks.values() for warning in task.warnings),
        ],
        "versions": {name: version(name) for name in ("posttrain", "torch", "transformers")},
    }


def summary(run: Run[Any], before: dict[str, Any], after: dict[str, Any]) -> str:
    """Return the last line of a run: right answers before and after, work and status; for the probe its shares."""
    if run.probed:
        shares = ", ".join(f"pass@{k} {100 * share:.1f} %" for k, share in run.probed["pass_at_k"].items())
        return f"probe: {shares}; {100 * (run.probed['equal_groups']['share'] or 0.0):.0f} % of groups teach nothing"
    first: Counted = before["strict"]
    last: Counted = after["strict"]
    interval = f"[{100 * (last['low'] or 0.0):.1f}, {100 * (last['high'] or 0.0):.1f}] %"
    over = overrun(run)
    reason = f" ({run.progress.stopped_because})" if run.progress.stopped_because else ""
    return (
        f"{run.config.technique}: {first['k']} of {first['n']} right before, {last['k']} of {last['n']} after "
        f"{interval}, {run.work.tokens:,} tokens, {run.progress.status}{reason}{over and f'; {over}'}"
    )


def _peak_memory_bytes() -> int:
    """Return the most memory that this process has had; macOS counts in bytes, Linux in KiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
