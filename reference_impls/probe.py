"""Probe: measure the policy as it is, before anything is trained.

    python -m reference_impls.probe RUN_DIR --set model=starter --set data=task:addition

It answers what a choice of technique hangs on: is the verifier right on gold answers, how often is one response right
(pass@1) and one of k (pass@k, arXiv:2107.03374), how often does a response end and have the form asked for, and how
many groups teach nothing because all their rewards are equal.
"""

import time
from collections.abc import Sequence
from typing import Any

from reference_impls.configs import COMPARES
from reference_impls.model.sampling import Rollout
from reference_impls.run.cli import main
from reference_impls.run.evaluate import clustered, pass_at_k, with_interval
from reference_impls.run.loop import Run
from reference_impls.tasks import Row
from reference_impls.verifiers import Outcome, Verdict


def train(run: Run) -> None:
    """Sample the test prompts and write what was measured into the run's result; no weight changes."""
    config: Any = run.config
    rows = run.test.rows
    started = time.perf_counter()
    rollouts, verdicts = run.roll_out(rows, config.group_size)
    seconds = time.perf_counter() - started
    run.work.seconds += seconds
    run.state["probe"] = {
        "verifier": run.verifier.name,
        "rows": _counted(run.train.rows),
        "row_tokens": sum(map(len, rollouts)) / len(rollouts),
        "verifier_on_gold": _on_gold(run, [*run.train.rows[: config.eval_size], *rows]),
        **_measured(rollouts, verdicts, config.group_size),
        "tokens_per_second": sum(len(one.response) for one in rollouts) / seconds,
    }


def _measured(rollouts: Sequence[Rollout], verdicts: Sequence[Verdict], size: int) -> dict[str, Any]:
    right = [verdict.outcome is Outcome.RIGHT for verdict in verdicts]
    groups = [sum(right[start : start + size]) for start in range(0, len(right), size)]
    rewards = [
        {verdict.strict for verdict in verdicts[start : start + size]} - {None} for start in range(0, len(right), size)
    ]
    ks = sorted({1, 2, 4, 8, 16, 32, 64, size} & set(range(1, size + 1)))
    return {
        "pass_at_1": clustered(groups, size),
        "pass_at_k": {str(k): pass_at_k(groups, size, k) for k in ks},
        "prompts_ever_right": with_interval(sum(one > 0 for one in groups), len(groups)),
        "format_rate": with_interval(
            sum(verdict.strict == verdict.lenient for verdict in verdicts if (verdict.lenient or 0) >= 1),
            sum((verdict.lenient or 0) >= 1 for verdict in verdicts),
        ),
        "finished": with_interval(sum(one.finished for one in rollouts), len(rollouts)),
        "equal_groups": with_interval(sum(len(one) <= 1 for one in rewards), len(rewards)),
        "unscorable": with_interval(sum(verdict.outcome is Outcome.UNSCORABLE for verdict in verdicts), len(verdicts)),
    }


def _on_gold(run: Run, rows: Sequence[Row]) -> dict[str, Any] | None:
    """Return how many demonstrations the verifier says are right; None where there is nothing that must be right.

    Without demonstrations a gold answer stands for one, where the verifier compares with it; its form is not judged.
    """
    gold = [(row, row.response) for row in rows if row.response]
    compares = run.verifier.name.partition(":")[0] in COMPARES
    if not gold and compares:
        answers = [(row, row.answer) for row in rows if row.answer]
        right = sum((verdict.lenient or 0) >= 1 for verdict in _verify(run, answers))
        return with_interval(right, len(answers)) if answers else None
    right = sum(verdict.outcome is Outcome.RIGHT for verdict in _verify(run, gold))
    return with_interval(right, len(gold)) if gold else None


def _verify(run: Run, said: Sequence[tuple[Row, str]]) -> list[Verdict]:
    return run.verifier.verify([(row.prompt, response, row.as_mapping()) for row, response in said])


def _counted(rows: Sequence[Row]) -> dict[str, int]:
    return {
        "train": len(rows),
        "demonstrations": sum(bool(row.response) for row in rows),
        "answers": sum(bool(row.answer) for row in rows),
    }


if __name__ == "__main__":
    main("probe", train)
