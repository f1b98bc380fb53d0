"""Guards that stop a run: a number that is not finite, sampling that disagrees with training, a collapse."""

import math
from collections.abc import Sequence

from posttrain.errors import ConfigurationError

SPAN = 10  # steps that a mean is taken over, at the start and at the end
REWARD_LEFT = 0.5  # of the best mean reward; below it the policy has lost what it had learned
ENTROPY_LEFT = 0.05  # of the first mean entropy, with no reward gained
RATIO_OFF = 0.01


class StoppedError(Exception):
    """The run must end here; its best weights so far are kept."""


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
