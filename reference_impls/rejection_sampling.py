"""Rejection sampling: sample, keep what the verifier says is right, and imitate it (RAFT, arXiv:2304.06767).

    python -m reference_impls.rejection_sampling RUN_DIR --set data=task:addition --set rounds=1

One round is rejection sampling in the narrow sense; further rounds sample from the policy as it has become, which is
expert iteration (arXiv:1705.08439). No demonstrations are read. `select: random` is the matched control: in every
round it keeps as many of its rollouts as the verifier would have kept, chosen without it. What the control gains is not
the verifier's merit. After the first round the two sample from different policies; `rounds: 1` matches them to the row.

Deviations from the textbook:
1. At most keep_per_prompt rollouts of a prompt are kept, so that easy prompts do not crowd out the rest.
2. Later rounds go on from the current weights, and not from the starting policy as in STaR (arXiv:2203.14465).
3. Of equal responses to a prompt one is kept.
"""

import math
import random
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from reference_impls import objectives
from reference_impls.batches import Batch, Encoded
from reference_impls.cli import main
from reference_impls.configs import Budget
from reference_impls.guards import StoppedError
from reference_impls.policy import flops_per_token, log_probs
from reference_impls.run import Run, rewards_of
from reference_impls.sampling import Rollout, seed_of
from reference_impls.verifiers import Outcome, Verdict

ROUNDS_WITHOUT_ROWS = 3


def train(run: Run) -> None:
    """Sample, select and imitate, round after round, until the budget is spent."""
    config: Any = run.config
    queue: list[Encoded] = [Encoded(tuple(prompt), tuple(response)) for prompt, response in run.state.get("queue", [])]
    for _ in run.steps():
        if (
            len(queue) < config.sequences_per_update
        ):  # what is left of a round waits for the next: no update of a few rows
            queue += _next_round(run)
        if len(queue) >= config.sequences_per_update or config.rounds:
            chosen, queue = queue[: config.sequences_per_update], queue[config.sequences_per_update :]
            tokens = float(sum(len(one.response) for one in chosen))

            def loss_of(batch: Batch, _: list[int], tokens: float = tokens) -> Tensor:
                log_p, _entropy = log_probs(run.policy, batch)  # (B, T)
                # rollouts of weight 0 were left out before the forward pass; the kept ones have weight 1
                kept = torch.ones(len(batch.mask), dtype=torch.bool, device=batch.mask.device)  # (B,)
                return objectives.rejection_sampling(log_p, kept, batch.mask, tokens)

            run.write(run.update(chosen, loss_of))
        run.state["queue"] = [(one.prompt, one.response) for one in queue]


def _next_round(run: Run) -> list[Encoded]:
    """Return the rows to imitate next, in their order, epoch after epoch; sampled anew unless all rounds are done."""
    config: Any = run.config
    number = run.state.get("round", 0)
    if config.rounds and number >= config.rounds:
        kept = [Encoded(tuple(prompt), tuple(response)) for prompt, response in run.state["kept"]]
    else:
        kept = _sample_round(run, number)
        run.state |= {"round": number + 1, "kept": [(one.prompt, one.response) for one in kept]}
    run.state["passes"] = run.state.get("passes", 0) + 1
    order = random.Random(seed_of(config.seed, "passes", run.state["passes"]))
    return [one for _ in range(config.epochs) for one in order.sample(kept, len(kept))]


def _sample_round(run: Run, number: int) -> list[Encoded]:
    """Return the rollouts of one round that are worth imitating. Raises StoppedError after rounds without any."""
    config: Any = run.config
    rollouts, verdicts = _roll_out(run)
    verified = _select(rollouts, [verdict.outcome is Outcome.RIGHT for verdict in verdicts], config)
    kept = verified
    if config.select == "random":
        pool = _select(rollouts, [True] * len(rollouts), config)  # as different, and as many of a prompt
        kept = random.Random(seed_of(config.seed, "control", number)).sample(pool, len(verified))
    run.write(_measures(rollouts, verdicts, len(kept)))
    run.state["empty"] = 0 if kept else run.state.get("empty", 0) + 1
    if run.state["empty"] >= ROUNDS_WITHOUT_ROWS or (config.rounds and not kept and number + 1 >= config.rounds):
        raise StoppedError(
            f"the verifier found none of {len(rollouts)} rollouts right, {run.state['empty']} rounds running "
            f"({sum(one.outcome is Outcome.UNSCORABLE for one in verdicts)} it could not score): "
            "there is nothing to imitate; take an easier task, more rollouts a prompt, or demonstrations first"
        )
    return [Encoded(one.prompt, one.response) for one in kept]


def _roll_out(run: Run) -> tuple[list[Rollout], list[Verdict]]:
    """Return the rollouts of a round and their verdicts: of as many prompts as asked and as half of the budget allows.

    Before the first round nobody knows how long responses are: some prompts are tried as if each were as long as it may
    be, and then as many more as those leave room for.
    """
    config: Any = run.config
    asked, left = min(config.prompts_per_round, len(run.train.rows)), _tokens_left(run) / 2
    rollouts: list[Rollout] = []
    verdicts: list[Verdict] = []
    for _ in range(1 if "tokens_a_prompt" in run.state else 2):
        longest = config.max_prompt_tokens + config.group_size * config.max_response_tokens
        cost = run.state.get("tokens_a_prompt", longest)
        done = len(rollouts) // config.group_size
        count = max(int(min(asked - done, left / cost)), 0 if done else 1)
        if not count:
            break
        rows = run.draw(run.train.rows, count, run.state.setdefault("drawn", 0))
        run.state["drawn"] += len(rows)
        more = run.roll_out(rows, config.group_size)
        rollouts, verdicts = rollouts + more[0], verdicts + more[1]
        run.state["tokens_a_prompt"] = _tokens(rollouts, config.group_size) * config.group_size / len(rollouts)
        left -= _tokens(more[0], config.group_size)
    return rollouts, verdicts


def _tokens(rollouts: Sequence[Rollout], group_size: int) -> int:
    """Return the tokens that rollouts take of a budget: their own, and each prompt's once."""
    return sum(len(one.response) for one in rollouts) + sum(len(one.prompt) for one in rollouts[::group_size])


def _tokens_left(run: Run) -> float:
    """Return how many tokens the budget has left; without end for one in seconds."""
    budget = Budget.parse(run.config.budget)
    if budget.unit == "seconds":
        return math.inf
    left = (1 - run.work.spent(budget)) * budget.amount
    return left if budget.unit == "tokens" else left / flops_per_token(run.policy, run.config.max_response_tokens)


def _select(rollouts: Sequence[Rollout], right: Sequence[bool], config: Any) -> list[Rollout]:
    """Return up to keep_per_prompt different verified rollouts of each prompt, the first that were sampled."""
    kept: list[Rollout] = []
    for start in range(0, len(rollouts), config.group_size):
        group = range(start, start + config.group_size)
        different = {rollouts[place].response: rollouts[place] for place in group if right[place]}
        kept += list(different.values())[: config.keep_per_prompt]
    return kept


def _measures(rollouts: Sequence[Rollout], verdicts: Sequence[Verdict], kept: int) -> dict[str, float]:
    rewards, scored = rewards_of(verdicts)
    return {
        "reward": sum(rewards) / max(sum(scored), 1),
        "unscorable": sum(verdict.outcome is Outcome.UNSCORABLE for verdict in verdicts) / len(verdicts),
        "entropy": sum(one.entropy for one in rollouts) / len(rollouts),
        "finished": sum(one.finished for one in rollouts) / len(rollouts),
        "kept": kept,
    }


if __name__ == "__main__":
    main("rejection_sampling", train)
