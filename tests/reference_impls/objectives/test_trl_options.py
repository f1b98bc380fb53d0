"""Rows that TRL 1.16 has as options: loss and whole gradient of a tiny model are TRL's, by its numbers and live."""

import importlib.metadata
import importlib.util
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from reference_impls import objectives
from tests.reference_impls import parity
from tests.reference_impls.objectives.trl_options import CASES, REWARDS, Oracle, advantages, ours, read_golden
from tests.reference_impls.trl_oracle import VERSION


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def oracle(tmp_path_factory: pytest.TempPathFactory) -> Oracle:
    """TRL's trainers; skipped where TRL is not installed, or another version of it."""
    if importlib.util.find_spec("trl") is None or importlib.metadata.version("trl") != VERSION:
        pytest.skip(f"TRL {VERSION} is not installed; its numbers in golden/ were compared")
    return Oracle(tmp_path_factory.mktemp("trl"))


@pytest.mark.parametrize("case", CASES)
def test_loss_and_gradient_are_those_written_down(case: str) -> None:
    """Within 1e-6 and 5e-6 of TRL's numbers, without TRL."""
    distance = parity.distance(parity.sketch(ours(case)), read_golden()[case])
    assert distance.is_small, distance


@pytest.mark.parametrize(
    "case", [case for case in CASES if case not in ("highest_entropies", "advantages of tokens bnpo")]
)
@pytest.mark.parametrize("micro_batch", [8, 2])
def test_micro_batches_add_up_to_the_same(case: str, micro_batch: int) -> None:
    """The whole gradient of the model, with the divisor of the whole batch."""
    distance = parity.distance(parity.sketch(ours(case, micro_batch)), read_golden()[case])
    assert distance.is_small, distance


def test_no_number_written_down_is_unused() -> None:
    """The golden file holds these cases and no other."""
    assert tuple(read_golden()) == CASES


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_loss_and_whole_gradient_are_those_of_trl(oracle: Oracle, case: str) -> None:
    """Within 1e-6 and 5e-6, over all weights; and the golden file says what TRL says now."""
    theirs = oracle.outcome(case)
    live, recorded = parity.distance(ours(case), theirs), parity.distance(parity.sketch(theirs), read_golden()[case])
    print(f"{case}: loss {live.loss:.1e}, gradient {live.gradient:.1e}")
    assert live.is_small, live
    assert recorded.is_small, recorded


@pytest.mark.slow
def test_leave_one_out_is_that_of_trl(oracle: Oracle) -> None:
    """RLOOTrainer's advantages of the same rewards."""
    assert torch.allclose(oracle.leave_one_out(), advantages(), rtol=0, atol=1e-6)


@pytest.mark.slow
def test_the_adaptive_coefficient_is_that_of_trl(oracle: Oracle) -> None:
    """Entropy above the target and below it, three updates each."""
    for target in (0.01, 9.0):
        expected, coef = [], 0.02
        for _ in range(3):
            coef = objectives.adapted_coef(coef, 1.0, target, 0.005)  # the tiny model's entropy is between the two
            expected.append(coef)
        assert oracle.coefficients(target, 3) == pytest.approx(expected)


def mean_left_in(rewards: Tensor) -> Tensor:
    return objectives.group_advantages(rewards, "none")


MUTANTS: dict[str, tuple[str, Callable[..., Any]]] = {
    "ratio of tokens": ("rloo", lambda *t, **s: objectives.grpo(*t, form="dr_grpo", **s)),
    "divided by length": ("rloo", lambda *t, **s: objectives.grpo(*t, form="gspo", **s)),
    "no clip": ("rloo", lambda *t, **s: objectives.rloo(*t, **{**s, "clip_low": 1e9, "clip_high": 1e9})),
    "lowest entropies": ("highest_entropies", lambda h, m, share: objectives.highest_entropies(-h, m, share)),
    "quantile over padding": (
        "highest_entropies", lambda h, m, share: m & (h >= torch.quantile((h * m).flatten(), 1 - share))
    ),
    "the share left out": ("highest_entropies", lambda h, m, share: objectives.highest_entropies(h, m, 1 - share)),
    "mean of the tokens' advantages": (
        "advantages of tokens dapo",
        lambda p, old, a, m, **s: objectives.grpo(p, old, (a * m).sum(-1) / m.sum(-1), m, **s),
    ),
    "advantages shifted by one": (
        "advantages of tokens dapo", lambda p, old, a, m, **s: objectives.grpo(p, old, a.roll(1, -1), m, **s)
    ),
}  # fmt: skip


@pytest.mark.parametrize("slip", MUTANTS)
def test_a_slip_is_seen(slip: str) -> None:
    """A hundred times the tolerance of the gradient at least."""
    case, change = MUTANTS[slip]
    distance = parity.distance(parity.sketch(ours(case, change=change)), read_golden()[case])
    assert distance.gradient > 100 * parity.GRADIENT_WITHIN


def test_the_mean_left_in_is_seen() -> None:
    """Leave-one-out of these rewards is not the advantage without scale."""
    rewards = torch.tensor(REWARDS).view(4, 4)
    assert (mean_left_in(rewards).flatten() - advantages()).abs().max() > 0.1
