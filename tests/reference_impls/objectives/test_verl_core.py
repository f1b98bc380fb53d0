"""Advantages and losses that verl 0.9.1 has in its core_algos.py are those that it was seen to compute."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from reference_impls import objectives
from tests.reference_impls.objectives.verl_core import Data, losses, ours, read_golden

GOLDEN = read_golden()


@pytest.mark.parametrize("name", GOLDEN)
def test_the_numbers_are_those_of_verl(name: str) -> None:
    """Within 1e-6, each advantage, and each loss with the gradient of every token."""
    assert (ours()[name] - GOLDEN[name]).abs().max() < 1e-6
    assert GOLDEN[name].abs().max() > 0.1


def test_no_number_written_down_is_unused() -> None:
    """The golden file holds these and no other."""
    assert set(GOLDEN) == set(ours())
    assert len(GOLDEN) == 7


def test_the_selections_differ_from_the_loss_without_them() -> None:
    """Tokens are chosen in both, and not all."""
    stopped = (GOLDEN["clip_cov all"] == 0) & (GOLDEN["clip_cov none"] != 0)
    assert 0 < int(stopped.sum()) < int((GOLDEN["clip_cov none"] != 0).sum())


def of_sequences(log_probs: Tensor, advantages: Tensor, mask: Tensor) -> Tensor:
    return (advantages - advantages.mean())[:, None] * (log_probs - log_probs.mean()).detach() * mask


MUTANTS: dict[str, dict[str, Callable[..., Any]]] = {
    "lowest covariances": {"highest_covariances": lambda c, m, share: objectives.highest_covariances(-c, m, share)},
    "sign of the advantage": {"covariances": lambda p, a, m: objectives.covariances(p, -a, m)},
    "means over padding": {"covariances": of_sequences},
    "selection on padding": {
        "highest_covariances": lambda c, m, share: objectives.highest_covariances(
            c.masked_fill(~m, 9.0), torch.ones_like(m), share
        ) & m
    },
    "penalty squared": {
        "kl_cov": lambda p, old, a, m, chosen: objectives.kl_cov(p, old, a, m, chosen * 0)
        + (chosen * (p - old).square()).sum() / m.sum()
    },
    "clipped": {
        "kl_cov": lambda p, old, a, m, chosen: objectives.grpo(p, old, a, m, form="dapo")
        + (chosen * (p - old).abs()).sum() / m.sum()
    },
}  # fmt: skip


@pytest.mark.parametrize("slip", MUTANTS)
def test_a_slip_is_seen(slip: str) -> None:
    """KL-Cov's loss or gradient differs by more than a hundred times the tolerance."""
    found = losses(Data(), **MUTANTS[slip])["kl_cov"]
    assert (found - GOLDEN["kl_cov"]).abs().max() > 1e-4
