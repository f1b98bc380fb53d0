"""Every row has the loss and the gradient of its plain formula; what must not matter does not; universal slips do."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from unittest.mock import patch

import pytest
import torch
from torch import Tensor

from tests.reference_impls.objectives.rows import (
    PAD_ID,
    ROWS,
    Sample,
    apart,
    draw,
    ours,
    outcome,
    plain,
    with_selection,
)

SEEDS = (3, 4, 11)
every_row = pytest.mark.parametrize("name", ROWS)
every_seed = pytest.mark.parametrize("seed", SEEDS)


@every_row
@every_seed
def test_loss_and_gradient_are_those_of_the_plain_formula(name: str, seed: int) -> None:
    """Within 1e-12, by the logits, in float64."""
    sample = draw(seed)
    mine, expected = ours(ROWS[name], sample), plain(ROWS[name], sample)
    assert mine[0] == pytest.approx(expected[0], abs=1e-12, rel=1e-12)
    assert apart(mine, expected) < 1e-12
    assert expected[1].norm() > 1e-4


@every_row
@every_seed
def test_padding_may_stand_on_either_side_and_hold_anything(name: str, seed: int) -> None:
    """Responses moved to the left or the right, NaN and infinities around them: the same loss and gradient."""
    sample, row = draw(seed), ROWS[name]
    value, gradient = ours(row, sample)
    starts = [int(kept.int().argmax()) for kept in sample.mask]
    ends = [int(kept.nonzero().max()) + 1 for kept in sample.mask]
    width = sample.mask.shape[1]
    for junk, shifts in ((torch.nan, starts), (torch.inf, [end - width for end in ends])):

        def moved(tensor: Tensor, shifts: list[int] = shifts) -> Tensor:
            return torch.stack([row.roll(-by, 0) for row, by in zip(tensor, shifts, strict=True)])

        fields = {name: value for name, value in vars(sample).items() if isinstance(value, Tensor) and value.dim() > 1}
        shifted = replace(sample, **{name: moved(value) for name, value in fields.items()})
        spoilt = {
            name: getattr(shifted, name).masked_fill(~shifted.mask, junk)
            for name in ("noise", "token_advantages", "entropies")
        }
        again, found = ours(row, replace(shifted, **spoilt))
        assert again == pytest.approx(value, abs=1e-12)
        assert torch.allclose(found, moved(gradient), atol=1e-12)


@every_row
def test_the_order_of_the_batch_does_not_matter(name: str) -> None:
    """Rows in another order: the same loss, and each row keeps its gradient."""
    sample, order = draw(), [4, 0, 5, 2, 1, 3]
    value, gradient = ours(ROWS[name], sample)
    again, permuted = ours(ROWS[name], sample.rows(order))
    assert again == pytest.approx(value, abs=1e-12)
    assert torch.allclose(permuted, gradient[order], atol=1e-12)


@every_row
@pytest.mark.parametrize("parts", [[[0, 1, 2], [3, 4, 5]], [[5], [0, 4], [1, 2, 3]], [[n] for n in range(6)]])
def test_micro_batches_add_up_to_the_whole(name: str, parts: list[list[int]]) -> None:
    """Each given the divisor and the selection of the whole batch."""
    row = ROWS[name]
    whole = with_selection(row, draw())
    value, gradient = outcome(lambda s: row.loss(s, row.divisor(whole)), whole)
    total, pieces = 0.0, torch.zeros_like(gradient)
    for part in parts:
        share, pieces[part] = outcome(lambda s: row.loss(s, row.divisor(whole)), whole.rows(part))
        total += share
    assert total == pytest.approx(value, abs=1e-12)
    assert torch.allclose(pieces, gradient, atol=1e-12)


def test_a_row_that_has_no_token_changes_nothing_where_tokens_are_counted() -> None:
    """Loss and gradient of the others stay."""
    counted = [name for name, row in ROWS.items() if row.divisor.__name__ in ("tokens", "kept_tokens")]
    assert len(counted) > 15
    for name in counted:
        sample = draw()
        longer = sample.rows([*range(6), 0])
        longer.mask[-1] = False
        assert torch.allclose(ours(ROWS[name], longer)[1][:6], ours(ROWS[name], sample)[1], atol=1e-12), name
        assert not ours(ROWS[name], longer)[1][6].any()


# Universal slips: each must be seen in every row that it can touch.


def last_dropped(mask: Tensor) -> Tensor:
    return mask & mask.roll(-1, -1)


def masked(change: Callable[[Sample], Tensor]) -> Callable[[Sample], Sample]:
    return lambda sample: replace(sample, mask=change(sample))


OF_THE_BATCH: dict[str, Callable[[Sample], Sample]] = {
    "mask shifted by one": masked(lambda s: s.mask.roll(1, -1)),
    "prompt tokens counted": masked(lambda s: s.mask | (s.mask.cumsum(-1) == 0)),
    "EOS dropped": masked(lambda s: last_dropped(s.mask)),
    "padding by its id": masked(lambda s: s.mask & (s.targets != PAD_ID)),
    "padding counted": masked(lambda s: s.mask.cumsum(-1) > 0),
}
OF_TWO_LOG_PROBS: dict[str, Callable[[Sample, str], Sample]] = {
    "policy and the other exchanged": lambda s, uses: (
        replace(s, logits=s.reference_logits, reference_logits=s.logits) if uses == "reference"
        else replace(s, logits=s.start_logits, start_logits=s.logits, noise=-s.noise)
    ),
    "temperature in one of two": lambda s, _: replace(s, temperature=0.7),
    "reference and old exchanged": lambda s, uses: (
        replace(s, reference_logits=s.start_logits)
        if uses == "reference"
        else replace(s, start_logits=s.reference_logits)
    ),
}  # fmt: skip


@every_row
@pytest.mark.parametrize("slip", OF_THE_BATCH)
def test_a_slip_of_the_mask_is_seen(name: str, slip: str) -> None:
    """More than a hundredth of the gradient is wrong."""
    sample = draw()
    assert apart(ours(ROWS[name], OF_THE_BATCH[slip](sample)), plain(ROWS[name], sample)) > 0.01


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.uses])
@pytest.mark.parametrize("slip", OF_TWO_LOG_PROBS)
def test_a_slip_between_two_log_probs_is_seen(name: str, slip: str) -> None:
    """Reference, older and present policy each have their place."""
    sample = draw()
    changed = OF_TWO_LOG_PROBS[slip](sample, ROWS[name].uses)
    assert apart(ours(ROWS[name], changed), plain(ROWS[name], sample)) > 0.01


@every_row
def test_the_mean_of_micro_batches_is_not_the_mean_of_the_batch(name: str) -> None:
    """Parts of different lengths, each divided by its own: seen in every row that divides by tokens."""
    row, sample = ROWS[name], draw()
    whole = with_selection(row, sample)
    pieces = torch.zeros_like(sample.logits)
    parts = [[0], [1], [2], [3], [4, 5]]
    for part in parts:
        pieces[part] = outcome(lambda s: row.loss(s, None) / len(parts), whole.rows(part))[1]
    assert apart((0.0, pieces), plain(row, sample)) > 0.01


@every_row
def test_a_flipped_sign_is_seen(name: str) -> None:
    """The gradient is the opposite one."""
    row, sample = ROWS[name], draw()
    whole = with_selection(row, sample)
    flipped = outcome(lambda s: -row.loss(s, row.divisor(whole)), whole)
    assert apart(flipped, plain(row, sample)) == pytest.approx(2)


@contextmanager
def _nothing_held() -> Iterator[None]:
    """Let every stop-gradient of the objectives let the gradient through."""
    with patch.object(torch.Tensor, "detach", lambda self: self), patch.object(torch, "no_grad", nullcontext):
        yield


@pytest.mark.parametrize("name", [name for name, row in ROWS.items() if row.holds])
def test_a_weight_that_is_not_held_is_seen(name: str) -> None:
    """The same loss, another gradient."""
    row, sample = ROWS[name], draw()
    logits = sample.logits.clone().requires_grad_()
    moving = replace(sample, logits=logits)
    with _nothing_held():
        value = row.loss(moving, row.divisor(sample))
        (gradient,) = torch.autograd.grad(value, logits)
    expected = plain(row, sample)
    assert value.item() == pytest.approx(expected[0], abs=1e-12)
    assert apart((0.0, gradient), expected) > 0.01


def test_every_row_is_here() -> None:
    """The table is complete: 26 rows, 9 of them with a weight that is held, 18 with two log-probs."""
    assert len(ROWS) == 26
    assert sum(row.holds for row in ROWS.values()) == 9
    assert sum(bool(row.uses) for row in ROWS.values()) == 18
