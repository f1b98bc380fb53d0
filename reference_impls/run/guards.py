"""Guards that stop a run: a number that is not finite, sampling that disagrees with training, a collapse."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from posttrain.errors import ConfigurationError
from reference_impls.model.policy import Policy

SPAN = 10  # steps that a mean is taken over, at the start and at the end
REWARD_LEFT = 0.5  # of the best mean reward; below it the policy has lost what it had learned
ENTROPY_LEFT = 0.05  # of the first mean entropy, with no reward gained
RATIO_OFF = 0.01
SILENT_STEPS, SILENT_GROUPS = 5, 16  # in a row without a learning signal; both, for a step may have a single group


class StoppedError(Exception):
    """The run must end here; its best weights so far are kept."""


def check_weights(policy: Policy) -> None:
    """Raise StoppedError where a weight is not finite: everything that such a policy says is noise."""
    for name, weight in policy.base.named_parameters():
        if not bool(weight.isfinite().all()):
            count = int((~weight.isfinite()).sum())
            raise StoppedError(f"{count:,} of {weight.numel():,} weights of {name} are NaN or infinite")


def check_sampled(step: int, entropies: Sequence[float]) -> None:
    """Raise StoppedError where the logits that rollouts were sampled from are not numbers: their entropy is none."""
    broken = sum(not math.isfinite(entropy) for entropy in entropies)
    if broken:
        raise StoppedError(f"the logits of {broken} of {len(entropies)} rollouts are NaN or infinite at step {step}")


@dataclass
class Silence:
    """The steps in a row in which no group of rollouts taught anything, and what was seen in them."""

    steps: int = 0
    groups: int = 0
    right: int = 0  # rollouts
    wrong: int = 0
    finished: int = 0
    rollouts: int = 0


def check_signal(silence: Silence, rewards: Sequence[float], finished: Sequence[bool], groups: int) -> None:
    """Count a step in which all rewards of each group are equal. Raises StoppedError after several of them.

    rewards, finished: one a rollout. A single step proves nothing: few groups may be equal by chance.
    """
    silence.steps, silence.groups = silence.steps + 1, silence.groups + groups
    silence.right += sum(reward >= 1 for reward in rewards)
    silence.wrong += sum(reward <= 0 for reward in rewards)
    silence.finished += sum(finished)
    silence.rollouts += len(rewards)
    if silence.steps < SILENT_STEPS or silence.groups < SILENT_GROUPS:
        return
    if not silence.finished:
        reason = "no rollout ended by itself: raise max_response_tokens, or begin with demonstrations"
    elif silence.wrong == silence.rollouts:
        reason = "every reward is 0: take an easier task, or begin with demonstrations"
    elif silence.right == silence.rollouts:
        reason = "every reward is 1: the task is solved, or the verifier accepts everything"
    else:
        reason = "the rewards of each group are all equal: take more rollouts a prompt, or a higher temperature"
    raise StoppedError(
        f"no learning signal in {silence.steps} steps and {silence.groups} groups of rollouts in a row; {reason}"
    )


def check_finite(step: int, **numbers: float) -> None:
    """Raise StoppedError where a loss or a gradient's norm is not finite; the update has not been made yet."""
    for name, number in numbers.items():
        if not math.isfinite(number):
            raise StoppedError(f"{name} is {number} at step {step}: lower the learning rate, or look at the last batch")


def check_ratio(ratio: float) -> None:
    """Raise ConfigurationError where the first update's mean ratio shows that sampling and training disagree."""
    if not abs(ratio - 1) <= RATIO_OFF:
        raise ConfigurationError(
            f"trained probabilities are {ratio:.3f} times the sampled before the first update; expected 0.99 to 1.01",
            "sample and train in the same dtype (compute: float32), and name the model if it says so again",
        )


def check_collapse(rewards: Sequence[float], entropies: Sequence[float]) -> None:
    """Raise StoppedError where reward or entropy has fallen and stayed down; both are one number a step."""
    if len(rewards) < 3 * SPAN:
        return
    means = [sum(rewards[at : at + SPAN]) / SPAN for at in range(len(rewards) - SPAN + 1)]
    best, now = max(means), means[-1]
    if best > 0.05 and now < REWARD_LEFT * best:
        raise StoppedError(
            f"mean reward fell from {best:.2f} to {now:.2f}: the policy gets worse; lower the learning rate"
        )
    first, last = sum(entropies[:SPAN]) / SPAN, sum(entropies[-SPAN:]) / SPAN
    if last < ENTROPY_LEFT * first and now <= means[0] + 0.02:
        raise StoppedError(
            f"entropy fell from {first:.3f} to {last:.3f} nats and no reward was gained: add an entropy bonus"
        )
