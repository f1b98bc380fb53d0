"""Estimates: the tokens, seconds and bytes that a plan would take, from the measurements of a probe; rough on purpose.

Without a measurement a row counts as long as `max_response_tokens` allows, and seconds stay unknown.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from advisor.runs.plan import Estimate, Stage
from posttrain.errors import ConfigurationError
from reference_impls.configs import Budget

Memory = Callable[[Stage], float | None]  # peak bytes of a stage
SCORES = 6  # on the validation split in one stage, for a curve and a choice of weights
LEAST_STEPS = 4  # between two scores: an update may be far smaller than a batch, and a score costs as much as many
START_SECONDS = 5.0  # of a process: torch, model, rows
_UNKNOWN_SCORES_EVERY = 5


@dataclass(frozen=True)
class Measured:
    """The measurements that estimates depend on; None where there was no probe."""

    row_tokens: float | None = None
    tokens_per_second: float | None = None
    parameters: float | None = None

    def tokens_of(self, budget: Budget) -> float | None:
        """Return a budget in tokens; training a token takes six FLOPs a weight (arXiv:2204.02311, appendix B)."""
        if budget.unit == "tokens":
            return budget.amount
        if budget.unit == "flops":
            return budget.amount / (6 * self.parameters) if self.parameters else None
        return budget.amount * self.tokens_per_second if self.tokens_per_second else None

    def amount_of(self, tokens: float, unit: str) -> float | None:
        """Return a number of tokens in the unit of a budget."""
        tokens_of_unit = self.tokens_of(Budget(amount=1.0, unit=unit))  # type: ignore[arg-type] # one of three words
        return tokens / tokens_of_unit if tokens_of_unit else None


def budget_text(amount: float, unit: str) -> str:
    """Return an amount as a budget is written: `200000-tokens`, `5e14-flops`, `60s`."""
    if unit == "tokens":
        return f"{amount:.0f}-tokens"
    return f"{amount:.6g}".replace("e+", "e") + ("-flops" if unit == "flops" else "s")


def row_tokens(stage: Stage, measured: Measured) -> float:
    """Return the tokens of a row, measured or as many as a response may have."""
    return measured.row_tokens or float(stage.config().max_response_tokens)


def update_tokens(stage: Stage, measured: Measured) -> float:
    """Return the tokens of one update: of the rows it trains on, and of sampling them."""
    sampled = stage.technique not in ("sft", "dft")
    return stage.config().sequences_per_update * row_tokens(stage, measured) * (2 if sampled else 1)


def scores_every(stage: Stage, measured: Measured) -> int:
    """Return the steps between two validation scores, so that a stage has about six of them, and not one a step."""
    tokens = measured.tokens_of(Budget.parse(stage.budget))
    if tokens is None:
        return _UNKNOWN_SCORES_EVERY
    return max(LEAST_STEPS, round(tokens / update_tokens(stage, measured) / SCORES))


def demand_enough(stages: Sequence[Stage], total: Budget, measured: Measured) -> None:
    """Raise PosttrainError, with the least budget that works, where a stage of an arm would not make an update."""
    least = 0.0
    for stage in stages:
        if stage.technique != "probe":
            share = Budget.parse(stage.budget).amount / total.amount
            least = max(least, (measured.amount_of(update_tokens(stage, measured), total.unit) or 0.0) / share)
    if total.amount < least:
        enough = budget_text(math.ceil(least), total.unit)
        assumed = "" if measured.row_tokens else ", taking a row to be max_response_tokens long"
        raise ConfigurationError(
            f"a budget of {budget_text(total.amount, total.unit)} does not reach one update of every stage{assumed}; "
            f"expected at least {enough}",
            f"--budget {enough}, or a lower micro_batch; advisor probe measures how long a row is",
        )


def estimate_of(stages: Sequence[Stage], total: Budget, measured: Measured, memory: Memory | None) -> Estimate:
    """Return the price of one run of an arm."""
    trains = stages[0].technique != "probe"
    tokens = measured.tokens_of(total) if trains else 0.0
    times = 3 + SCORES if trains else 2  # before, after, at step 0 and on the way; a probe scores and samples
    evaluated = sum(stage.eval_size * row_tokens(stage, measured) * times for stage in stages)
    seconds = None
    if measured.tokens_per_second and tokens is not None:
        seconds = (tokens + evaluated) / measured.tokens_per_second + START_SECONDS * len(stages)
    peaks = [memory(stage) for stage in stages] if memory else [None]
    known = [peak for peak in peaks if peak is not None]
    return Estimate(tokens=tokens, evaluated=evaluated, seconds=seconds, memory_bytes=max(known, default=None))
