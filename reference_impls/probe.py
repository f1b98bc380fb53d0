"""Probe: measure the policy as it is, before anything is trained.

    python -m reference_impls probe RUN_DIR --set model=starter --set data=task:addition

It measures the facts that the choice of a technique depends on: whether the verifier accepts gold answers and nothing
that was corrupted, how
often a single response is right (pass@1) and at least one of k (pass@k, arXiv:2107.03374), how often a response ends
and has the form asked for, and how many groups teach nothing because all their rewards are equal.
"""

import sys
import time
from collections.abc import Sequence

from posttrain.statistics import Counted, with_interval
from reference_impls.configs import COMPARES, ProbeConfig
from reference_impls.run.cli import main
from reference_impls.run.evaluate import ProbeResult, clustered, pass_at_k
from reference_impls.run.loop import Run
from reference_impls.tasks import Row
from reference_impls.verifiers import Outcome, Verdict
from reference_impls.verifiers.corrupted import corrupted


def train(run: Run[ProbeConfig]) -> None:
    """Sample the test prompts and put the measurements into the run's result; no weight changes."""
    size, rows = run.config.group_size, run.test.rows
    started = time.perf_counter()
    rollouts, verdicts = run.roll_out(rows)
    seconds = time.perf_counter() - started
    run.work.seconds += seconds
    groups = [verdicts[start : start + size] for start in range(0, len(verdicts), size)]  # (P, G)
    counts = [sum(verdict.outcome is Outcome.RIGHT for verdict in group) for group in groups]  # (P,)
    on_gold, on_wrong = _on_gold(run, [*run.train.rows[: run.config.eval_size], *rows])
    run.probed = ProbeResult(
        verifier=run.rollouts.verifier.name,
        rows=_count(run.train.rows),
        row_tokens=sum(map(len, rollouts)) / len(rollouts),
        verifier_on_gold=on_gold,
        verifier_on_wrong=on_wrong,
        pass_at_1=clustered(counts, size),
        pass_at_k={str(k): pass_at_k(counts, size, k) for k in _ks(size)},
        prompts_ever_right=with_interval(sum(count > 0 for count in counts), len(counts)),
        format_rate=_format_rate(verdicts),
        finished=with_interval(sum(rollout.finished for rollout in rollouts), len(rollouts)),
        equal_groups=with_interval(sum(map(_is_equal, groups)), len(groups)),
        unscorable=with_interval(sum(verdict.outcome is Outcome.UNSCORABLE for verdict in verdicts), len(verdicts)),
        tokens_per_second=sum(len(rollout.response) for rollout in rollouts) / seconds,
    )


def _ks(size: int) -> list[int]:
    """Return the k of pass@k: powers of 2 up to the group's size, and that size."""
    return sorted({1, 2, 4, 8, 16, 32, 64, size} & set(range(1, size + 1)))


def _is_equal(group: Sequence[Verdict]) -> bool:
    """Whether all rewards of a group are equal, unscorable rollouts aside: GRPO learns nothing from it."""
    return len({verdict.strict for verdict in group} - {None}) <= 1


def _format_rate(verdicts: Sequence[Verdict]) -> Counted:
    """Return how many of the responses with the right answer somewhere have it in the form asked for."""
    answered = [verdict for verdict in verdicts if (verdict.lenient or 0) >= 1]
    return with_interval(sum(verdict.strict == verdict.lenient for verdict in answered), len(answered))


def _on_gold(run: Run[ProbeConfig], rows: Sequence[Row]) -> tuple[Counted | None, Counted | None]:
    """Return how many right responses the verifier calls right, and how many wrong ones; None where there are none.

    The right ones are the demonstrations. Without any they are the gold answers, where the verifier compares with them;
    their form is not judged. The wrong ones are made from them (`verifiers.corrupted`).
    """
    name = run.rollouts.verifier.name
    gold, in_form = [(row, row.demonstration) for row in rows if row.demonstration], True
    if not gold and name.partition(":")[0] in COMPARES:
        gold, in_form = [(row, row.answer) for row in rows if row.answer], False
    others = [*gold[1:], *gold[:1]]
    wrong = [
        (row, text)
        for (row, right), (other, theirs) in zip(gold, others, strict=True)
        for text in corrupted(name, right, row.answer, (theirs, other.answer))
    ]
    return _accepted(run, gold, in_form=in_form), _accepted(run, wrong, in_form=in_form)


def _accepted(run: Run[ProbeConfig], pairs: Sequence[tuple[Row, str]], *, in_form: bool) -> Counted | None:
    """Return how many of these responses the verifier calls right, in the form asked for or in any."""
    verdicts = _verify(run, pairs)
    right = (verdict.outcome is Outcome.RIGHT if in_form else (verdict.lenient or 0) >= 1 for verdict in verdicts)
    return with_interval(sum(right), len(pairs)) if pairs else None


def _verify(run: Run[ProbeConfig], gold: Sequence[tuple[Row, str]]) -> list[Verdict]:
    return run.rollouts.verify_texts([row for row, _ in gold], [text for _, text in gold])


def _count(rows: Sequence[Row]) -> dict[str, int]:
    """Return how many rows there are to train on, and how many of them have a demonstration and an answer."""
    return {
        "train": len(rows),
        "demonstrations": sum(row.is_demonstration for row in rows),
        "answers": sum(bool(row.answer) for row in rows),
    }


if __name__ == "__main__":
    sys.exit(main(["probe", *sys.argv[1:]]))
