"""The work that a run has done, in the units of budgets, so that arms can be compared at equal work."""

import dataclasses
from dataclasses import dataclass

from posttrain.errors import ConfigurationError
from reference_impls.configs import Budget


@dataclass
class Work:
    """Tokens, FLOPs and seconds spent, rollouts and verifying included. Scores are counted apart."""

    generated: int = 0  # tokens sampled
    trained: int = 0  # tokens of forward and backward passes
    scored: int = 0  # tokens of forward passes alone: prompts read for rollouts, log-probabilities of a reference
    verified: int = 0  # responses
    evaluated: int = 0  # tokens sampled to evaluate; no part of the budget
    flops: float = 0.0
    seconds: float = 0.0

    @property
    def tokens(self) -> int:
        """All tokens that count against a budget."""
        return self.generated + self.trained + self.scored

    def spent(self, budget: Budget) -> float:
        """Return the share of the budget that is spent; 1 or more ends the run."""
        amounts = {"tokens": float(self.tokens), "flops": self.flops, "seconds": self.seconds}
        return amounts[budget.unit] / budget.amount

    def as_dict(self) -> dict[str, float]:
        """Return all of it, for checkpoints and result.json."""
        return dataclasses.asdict(self)


def demand_room(budget: str, step: Work) -> None:
    """Raise ConfigurationError where a budget of tokens or FLOPs is smaller than the work of one step."""
    limit = Budget.parse(budget)
    if limit.unit == "seconds" or step.spent(limit) <= 1:
        return
    amount = f"{step.tokens:,} tokens" if limit.unit == "tokens" else f"{step.flops:.2g} FLOPs"
    raise ConfigurationError(
        f"the budget of {budget} is smaller than one step, which takes {amount} or more",
        "raise budget, or lower micro_batch, accumulation or group_size",
    )
