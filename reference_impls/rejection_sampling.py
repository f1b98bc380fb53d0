"""Rejection sampling: sample, keep the responses that the verifier calls right, imitate them (RAFT, arXiv:2304.06767).

    python -m reference_impls rejection_sampling RUN_DIR --set data=task:addition --set rounds=1

One round is rejection sampling in the narrow sense; further rounds sample from the trained policy, which is expert
iteration (arXiv:1705.08439). No demonstrations are read. `select: random` is the matched control: in every round it
keeps as many of its rollouts as the verifier would have kept, chosen without it. A gain of the control is no merit of
the verifier. After the first round the two sample from different policies; `rounds: 1` matches them to the row.

Deviations from the textbook:
1. At most keep_per_prompt rollouts of a prompt are kept, so that easy prompts do not crowd out the rest.
2. Later rounds go on from the current weights, and not from the starting policy as in STaR (arXiv:2203.14465).
3. Of equal responses to a prompt one is kept.
"""

import math
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from reference_impls import objectives
from reference_impls.configs import Budget, RejectionSamplingConfig
from reference_impls.model.batches import Batch, Encoded
from reference_impls.model.policy import flops_per_token, log_probs
from reference_impls.model.sampling import Rollout, seed_of
from reference_impls.run.cli import main
from reference_impls.run.guards import StoppedError
from reference_impls.run.loop import Run
from reference_impls.run.rollouts import rewards_of
from reference_impls.verifiers import Outcome, Verdict

ROUNDS_WITHOUT_ROWS = 3
Pair = tuple[Sequence[int], Sequence[int]]  # token ids of a prompt and of its response, as JSON has them


@dataclass
class Rounds:
    """Where the rounds stand; a checkpoint holds it."""

    queue: list[Pair] = field(default_factory=list)  # rows that wait for an update
    kept: list[Pair] = field(default_factory=list)  # rollouts that the last round kept
    round: int = 0  # rounds sampled
    passes: int = 0  # times that kept rows were queued
    empty: int = 0  # rounds in a row that kept nothing
    drawn: int = 0  # prompts drawn from the task
    tokens_a_prompt: float | None = None  # of the last round: a prompt and its group of rollouts


def train(run: Run[RejectionSamplingConfig]) -> None:
    """Sample, select and imitate, round after round, until the budget is spent."""
    config, rounds = run.config, run.remember(Rounds())
    queue = _encoded(rounds.queue)
    run.demand_budget(prompts=1, rollouts=config.group_size)
    for _ in run.steps():
        if len(queue) < config.sequences_per_update:  # the rest of a round waits for the next: no update of a few rows
            queue += _next_round(run, rounds)
        if len(queue) >= config.sequences_per_update or config.rounds:
            chosen, queue = queue[: config.sequences_per_update], queue[config.sequences_per_update :]
            tokens = float(sum(len(sequence.response) for sequence in chosen))

            def loss_of(batch: Batch, _: list[int], tokens: float = tokens) -> Tensor:
                log_p, _entropy = log_probs(run.policy, batch)  # (B, T)
                # rollouts of weight 0 were left out before the forward pass; the kept ones have weight 1
                kept = torch.ones(len(batch.mask), dtype=torch.bool, device=batch.mask.device)  # (B,)
                return objectives.rejection_sampling(log_p, kept, batch.mask, tokens)

            run.write(run.update(chosen, loss_of))
        rounds.queue = _pairs(queue)


def _next_round(run: Run[RejectionSamplingConfig], rounds: Rounds) -> list[Encoded]:
    """Return the rows to imitate next, in their order, epoch after epoch; after the last round its rows again."""
    config = run.config
    if config.rounds and rounds.round >= config.rounds:
        kept = _encoded(rounds.kept)
    else:
        kept = _sample_round(run, rounds)
        rounds.round += 1
        rounds.kept = _pairs(kept)
    rounds.passes += 1
    order = random.Random(seed_of(config.seed, "passes", rounds.passes))
    return [sequence for _ in range(config.epochs) for sequence in order.sample(kept, len(kept))]


def _sample_round(run: Run[RejectionSamplingConfig], rounds: Rounds) -> list[Encoded]:
    """Return the rollouts of one round to imitate. Raises StoppedError after rounds without any."""
    config = run.config
    rollouts, verdicts = _roll_out(run, rounds)
    verified = _select(rollouts, [verdict.outcome is Outcome.RIGHT for verdict in verdicts], config)
    kept = verified
    if config.select == "random":
        pool = _select(rollouts, [True] * len(rollouts), config)  # as different, and as many of a prompt
        kept = random.Random(seed_of(config.seed, "control", rounds.round)).sample(pool, len(verified))
    run.write(_measures(rollouts, verdicts, len(kept)))
    rounds.empty = 0 if kept else rounds.empty + 1
    is_last = bool(config.rounds) and rounds.round + 1 >= config.rounds
    if rounds.empty >= ROUNDS_WITHOUT_ROWS or (is_last and not kept):
        raise StoppedError(
            f"the verifier called none of {len(rollouts)} rollouts right, in {rounds.empty} rounds in a row "
            f"({sum(verdict.outcome is Outcome.UNSCORABLE for verdict in verdicts)} it could not score): "
            "there is nothing to imitate; take an easier task, more rollouts a prompt, or demonstrations first"
        )
    return [Encoded(rollout.prompt, rollout.response) for rollout in kept]


def _roll_out(run: Run[RejectionSamplingConfig], rounds: Rounds) -> tuple[list[Rollout], list[Verdict]]:
    """Return the rollouts of a round and their verdicts: of as many prompts as asked and as half of the budget allows.

    Before the first round nobody knows how long responses are: some prompts are tried as if each response had the
    greatest length, and then as many more prompts as those leave room for.
    """
    config = run.config
    asked, left = min(config.prompts_per_round, len(run.train.rows)), _tokens_left(run) / 2
    rollouts: list[Rollout] = []
    verdicts: list[Verdict] = []
    for _ in range(1 if rounds.tokens_a_prompt is not None else 2):
        longest = config.max_prompt_tokens + config.group_size * config.max_response_tokens
        cost = longest if rounds.tokens_a_prompt is None else rounds.tokens_a_prompt
        done = len(rollouts) // config.group_size
        count = max(int(min(asked - done, left / cost)), 0 if done else 1)
        if not count:
            break
        rows = run.draw(run.train.rows, count, rounds.drawn)
        rounds.drawn += len(rows)
        new_rollouts, new_verdicts = run.roll_out(rows)
        rollouts, verdicts = rollouts + new_rollouts, verdicts + new_verdicts
        rounds.tokens_a_prompt = _tokens(rollouts, config.group_size) * config.group_size / len(rollouts)
        left -= _tokens(new_rollouts, config.group_size)
    return rollouts, verdicts


def _tokens(rollouts: Sequence[Rollout], group_size: int) -> int:
    """Return the tokens that rollouts take of a budget: their own, and each prompt's once."""
    responses = sum(len(rollout.response) for rollout in rollouts)
    return responses + sum(len(rollout.prompt) for rollout in rollouts[::group_size])


def _tokens_left(run: Run[RejectionSamplingConfig]) -> float:
    """Return how many tokens the budget has left; infinitely many for a budget in seconds."""
    budget = Budget.parse(run.config.budget)
    if budget.unit == "seconds":
        return math.inf
    left = (1 - run.work.spent(budget)) * budget.amount
    return left if budget.unit == "tokens" else left / flops_per_token(run.policy, run.config.max_response_tokens)


def _select(rollouts: Sequence[Rollout], right: Sequence[bool], config: RejectionSamplingConfig) -> list[Rollout]:
    """Return up to keep_per_prompt different verified rollouts of each prompt, the first that were sampled."""
    kept: list[Rollout] = []
    for start in range(0, len(rollouts), config.group_size):
        group = range(start, start + config.group_size)
        different = {rollouts[index].response: rollouts[index] for index in group if right[index]}
        kept += list(different.values())[: config.keep_per_prompt]
    return kept


def _measures(rollouts: Sequence[Rollout], verdicts: Sequence[Verdict], kept: int) -> dict[str, float]:
    rewards, scored = rewards_of(verdicts)
    return {
        "reward": sum(rewards) / max(sum(scored), 1),
        "unscorable": sum(verdict.outcome is Outcome.UNSCORABLE for verdict in verdicts) / len(verdicts),
        "entropy": sum(rollout.entropy for rollout in rollouts) / len(rollouts),
        "finished": sum(rollout.finished for rollout in rollouts) / len(rollouts),
        "kept": kept,
    }


def _pairs(sequences: Sequence[Encoded]) -> list[Pair]:
    return [(sequence.prompt, sequence.response) for sequence in sequences]


def _encoded(pairs: Sequence[Pair]) -> list[Encoded]:
    return [Encoded(tuple(prompt), tuple(response)) for prompt, response in pairs]


if __name__ == "__main__":
    sys.exit(main(["rejection_sampling", *sys.argv[1:]]))
