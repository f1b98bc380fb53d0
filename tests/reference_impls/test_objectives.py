"""The objectives: numbers worked by hand, what must not matter, and identities with other published losses."""

import ast
import importlib
import inspect
import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor

from reference_impls import objectives
from reference_impls.model import policy
from reference_impls.model.batches import Batch, spread
from reference_impls.objectives import FORMS, Form, group_advantages, grpo, grpo_divisor
from reference_impls.run import step as update
from reference_impls.run.processes import World
from tests.reference_impls import parity

TABLE = ("sft", "dft", "rejection_sampling", "grpo")  # its rows
LONGEST = 12  # what dr_grpo divides by
seeds = st.integers(0, 2**32)
quick = settings(max_examples=25)


class Ragged:
    """Tensors of a batch drawn from a seed: every row has a response of its own length at a place of its own."""

    def __init__(self, seed: int, rows: int = 6, columns: int = 9) -> None:
        generator = torch.Generator().manual_seed(seed)
        lengths = torch.randint(1, columns, (rows, 1), generator=generator)
        starts = (torch.rand(rows, 1, generator=generator) * (columns - lengths)).long()
        places = torch.arange(columns)[None]
        self.mask = (places >= starts) & (places < starts + lengths)
        self.log_probs = torch.rand(rows, columns, generator=generator).add(0.05).log()
        self.old = self.log_probs + torch.rand(rows, columns, generator=generator) - 0.5
        self.reference = self.log_probs + torch.rand(rows, columns, generator=generator) - 0.5
        self.entropies = torch.rand(rows, columns, generator=generator)
        self.advantages = torch.rand(rows, generator=generator) * 2 - 1


def all_terms(form: Form) -> Callable[..., Tensor]:
    """GRPO in a form with a KL term and an entropy bonus, of tensors given in a row."""

    def loss(
        log_probs: Tensor, mask: Tensor, old: Tensor, reference: Tensor, entropies: Tensor, worth: Tensor
    ) -> Tensor:
        return grpo(
            log_probs, old, worth, mask, form=form, reference_log_probs=reference, kl_coef=0.1, kl="k3_ratio",
            entropies=entropies, entropy_coef=0.01, max_response_tokens=LONGEST,
        )  # fmt: skip

    return loss


LOSSES: dict[str, Callable[..., Tensor]] = {
    "sft": lambda log_probs, mask, *_: objectives.sft(log_probs, mask),
    "dft": lambda log_probs, mask, *_: objectives.dft(log_probs, mask),
    "rejection_sampling": lambda log_probs, mask, old, reference, entropies, worth: objectives.rejection_sampling(
        log_probs, worth > 0, mask
    ),
    **{form: all_terms(form) for form in FORMS},
}
every_loss = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


def outcome(loss: Callable[..., Tensor], log_probs: Tensor, *others: Tensor) -> tuple[Tensor, Tensor]:
    """Return a loss and its gradient by the log-probabilities."""
    leaf = log_probs.clone().requires_grad_()
    value = loss(leaf, *others)
    value.backward()
    assert leaf.grad is not None
    return value.detach(), leaf.grad


def parts(data: Ragged) -> list[Tensor]:
    return [data.log_probs, data.mask, data.old, data.reference, data.entropies, data.advantages]


def test_one_gradient_with_four_weights() -> None:
    """Each technique is - weight / divisor at every response token, and 0 elsewhere."""
    p = torch.tensor([[0.5, 0.25, 0.125], [0.5, 0.8, 0.1]])
    mask = torch.tensor([[True, True, False], [True, True, True]])
    worth, verified = torch.tensor([2.0, -1.0]), torch.tensor([True, False])
    for loss, weights, divisor in [
        (lambda log_p: objectives.sft(log_p, mask), torch.ones(2, 3), 5),
        (lambda log_p: objectives.dft(log_p, mask), p, 5),
        (lambda log_p: objectives.rejection_sampling(log_p, verified, mask), verified[:, None].float(), 2),
        (lambda log_p: grpo(log_p, p.log(), worth, mask, form="dapo"), worth[:, None], 5),
        (lambda log_p: grpo(log_p, p.log() - math.log(1.1), worth, mask, form="dapo"), 1.1 * worth[:, None], 5),
        (lambda log_p: grpo(log_p, p.log() - 1, worth, mask, form="dapo"), torch.tensor([[0.0], [-math.e]]), 5),
        (lambda log_p: grpo(log_p, p.log() + 1, worth, mask, form="dapo"), torch.tensor([[2 / math.e], [0.0]]), 5),
    ]:
        _, gradient = outcome(loss, p.log())
        assert torch.allclose(gradient, (-weights / divisor).expand(2, 3) * mask, atol=1e-6)


@pytest.mark.parametrize("technique", TABLE)
def test_each_row_of_the_table_is_called_by_the_technique_of_its_name(technique: str) -> None:
    """As the head of the module says; a technique may hand its objective to the loop of another."""
    assert f"`{technique}` by {technique}.py" in " ".join(str(objectives.__doc__).split())
    loop = ast.parse(inspect.getsource(importlib.import_module(f"reference_impls.{technique}")))
    dotted = {ast.unparse(node) for node in ast.walk(loop) if isinstance(node, ast.Attribute)}
    assert dotted & {f"objectives.{name}" for name in TABLE} == {f"objectives.{technique}"}


@pytest.mark.parametrize(
    ("ratio", "advantage", "value", "slope"),
    [
        (1.0, 1.0, -1.0, -1.0),  # as it was sampled
        (1.1, 2.0, -2.2, -2.2),  # within the range
        (1.5, 1.0, -1.28, 0.0),  # raised far enough
        (0.5, -1.0, 0.8, 0.0),  # lowered far enough
        (1.5, -1.0, 1.5, 1.5),  # raised though it was worse: brought back
        (0.5, 1.0, -0.5, -0.5),  # lowered though it was better: brought back
    ],
)
def test_the_clip_stops_what_has_gone_far_enough_and_nothing_else(
    ratio: float, advantage: float, value: float, slope: float
) -> None:
    """Loss and gradient of one token, worked by hand, in every form that clips."""
    for form in FORMS[:4] + FORMS[5:]:
        loss, gradient = outcome(
            lambda log_p, form=form: grpo(
                log_p, torch.tensor([[-1.0]]), torch.tensor([advantage]), torch.tensor([[True]]),
                form=form, clip_low=0.2, clip_high=0.28, max_response_tokens=1,
            ), torch.tensor([[math.log(ratio) - 1]]),
        )  # fmt: skip
        assert (float(loss), float(gradient)) == pytest.approx((value, slope), abs=1e-6)


@pytest.mark.parametrize(("ratio", "weight"), [(0.1, 0.1), (1.0, 1.0), (1.2, 1.2), (5.0, 1.28)])
def test_cispo_caps_the_weight_and_keeps_the_gradient(ratio: float, weight: float) -> None:
    """A token whose ratio is far above 1 still teaches, with a weight of 1 + clip_high."""
    old, worth, mask = torch.tensor([[-1.0]]), torch.tensor([3.0]), torch.tensor([[True]])
    now = torch.tensor([[math.log(ratio) - 1]])
    loss, gradient = outcome(lambda log_p: grpo(log_p, old, worth, mask, form="cispo", clip_high=0.28), now)
    assert float(gradient) == pytest.approx(-3 * weight, rel=1e-5)
    assert float(loss) == pytest.approx(-3 * weight * float(now), rel=1e-5)


def test_what_each_form_divides_by() -> None:
    """Two responses of 1 and 3 tokens with advantages 2 and -1, on policy, by hand."""
    log_p, worth = torch.full((2, 3), -1.0), torch.tensor([2.0, -1.0])
    mask = torch.tensor([[True, False, False], [True, True, True]])
    expected = {"grpo": -0.5, "gspo": -0.5, "dapo": 0.25, "bnpo": 0.25, "dr_grpo": 1 / 24, "cispo": -0.25}
    for form in FORMS:
        loss = grpo(log_p, log_p, worth, mask, form=form, max_response_tokens=LONGEST)
        assert float(loss) == pytest.approx(expected[form]), form
    lengths = torch.tensor([1, 3, 4])
    assert [grpo_divisor(form, lengths, 10) for form in FORMS] == [3, 8, 30, 8, 8, 3]
    assert grpo_divisor("bnpo", lengths, micro_lengths=lengths[:2], micro_batches=2) == 8


def test_the_terms_beside_the_policy_gradient() -> None:
    """k3 is exp(d) - d - 1 and 0 where the policies agree; corrected, it is times the ratio; entropy is taken off."""
    now, mask, worth = torch.tensor([[-1.0, -2.0]]), torch.tensor([[True, True]]), torch.zeros(1)
    reference = now + torch.tensor([[0.5, -0.5]])

    def loss(**terms: Any) -> float:
        return float(grpo(now, now - math.log(2), worth, mask, form="dapo", **terms))

    k3 = (math.exp(0.5) - 1.5 + math.exp(-0.5) - 0.5) / 2
    assert loss(reference_log_probs=reference, kl_coef=0.1) == pytest.approx(0.1 * k3, rel=1e-5)
    assert loss(reference_log_probs=reference, kl_coef=0.1, kl="k3_ratio") == pytest.approx(0.2 * k3, rel=1e-5)
    assert loss(reference_log_probs=now, kl_coef=0.1) == 0
    assert loss(entropies=torch.tensor([[1.0, 2.0]]), entropy_coef=0.1) == pytest.approx(-0.15)
    assert loss(entropies=torch.tensor([[1.0, 2.0]]), entropy_coef=0.1, tokens=6) == pytest.approx(-0.05)


@every_loss
@quick
@given(seed=seeds)
def test_padding_may_stand_on_either_side_and_hold_anything(loss: Callable[..., Tensor], seed: int) -> None:
    """Rows moved to the left or to the right, with NaN and infinity in what is masked: the same loss and gradient."""
    data = Ragged(seed)
    value, gradient = outcome(loss, *parts(data))
    for junk, by in ((torch.nan, 0), (-torch.inf, 1), (torch.inf, 2)):
        shift = [by * int(row.int().argmax()) for row in data.mask]  # 1 brings a row's first token to column 0

        def moved(tensor: Tensor, shift: list[int] = shift) -> Tensor:
            return torch.stack([row.roll(-places) for row, places in zip(tensor, shift, strict=True)])

        mask = moved(data.mask)
        log_probs, old, reference, entropies = (
            moved(one).masked_fill(~mask, junk) for one in (data.log_probs, data.old, data.reference, data.entropies)
        )
        again, moved_gradient = outcome(loss, log_probs, mask, old, reference, entropies, data.advantages)
        assert torch.allclose(again, value, atol=1e-6)
        assert torch.allclose(moved_gradient, moved(gradient), atol=1e-7)


@every_loss
@quick
@given(seed=seeds)
def test_the_order_of_the_batch_does_not_matter(loss: Callable[..., Tensor], seed: int) -> None:
    """Nor does a row that has no response token: it is not counted, but as a sequence where sequences are."""
    data = Ragged(seed)
    order = torch.randperm(len(data.mask), generator=torch.Generator().manual_seed(seed))
    value, gradient = outcome(loss, *parts(data))
    again, permuted = outcome(loss, *(one[order] for one in parts(data)))
    assert torch.allclose(again, value, atol=1e-6)
    assert torch.allclose(permuted, gradient[order], atol=1e-7)


@pytest.mark.parametrize("form", [form for form in FORMS if form not in ("grpo", "gspo", "dr_grpo")])
def test_a_row_without_response_tokens_counts_for_nothing(form: Form) -> None:
    """Where tokens are counted, such a row changes neither the loss nor the gradient of the others."""
    data = Ragged(5)
    value, gradient = outcome(LOSSES[form], *parts(data))
    longer = [torch.cat((one, one[:1])) for one in parts(data)]
    longer[1][-1] = False
    again, grown = outcome(LOSSES[form], *longer)
    assert torch.allclose(again, value)
    assert torch.allclose(grown[:-1], gradient)
    assert not grown[-1].any()


@pytest.mark.parametrize("name", ["sft", "dft", *(form for form in FORMS if form != "bnpo")])
def test_accumulation_changes_memory_and_not_the_gradient(name: str) -> None:
    """16 x 1, 5 x 4 (the last one smaller) and 2 x 8 micro-batches give the gradient of 1 x 16, of the whole model."""
    held, data = parity.held_policy(), parity.data_of(0.7, stale=True)
    lengths = torch.tensor([len(one.response) for one in data.sequences])
    worth = group_advantages(torch.tensor(parity.REWARDS)).flatten()

    def loss_of(batch: Batch, places: list[int]) -> Tensor:
        log_p, entropies = policy.log_probs(held, batch, 0.7, entropy=True)
        if name in ("sft", "dft"):
            return getattr(objectives, name)(log_p, batch.mask, float(lengths.sum()))
        old, reference = (spread([one[place] for place in places], batch) for one in (data.old, data.reference))
        return grpo(
            log_p, old, worth[places], batch.mask, form=name, reference_log_probs=reference, kl_coef=0.05,
            entropies=entropies, entropy_coef=0.02, tokens=float(lengths.sum()),
            divisor=grpo_divisor(name, lengths, LONGEST),
        )  # fmt: skip

    outcomes = []
    for size in (16, 8, 3, 1):
        held.model.zero_grad()
        loss = update.accumulate(held, data.sequences, size, World(), loss_of)
        outcomes.append(parity.Outcome(loss, parity.gradient_of(held.model.parameters())))
    assert all(parity.distance(one, outcomes[0]).is_small for one in outcomes[1:])


def test_a_rerun_is_bit_identical() -> None:
    """The same case twice gives the same bits, in every objective."""
    for name in ("sft", "dft", *FORMS):
        case = parity.Case(name, 2, 0.7)
        first, second = parity.ours(case), parity.ours(case)
        assert first.loss == second.loss
        assert torch.equal(first.gradient, second.gradient)


# Advantages


@pytest.mark.parametrize("scale", ["group", "batch", "none"])
@quick
@given(rewards=st.lists(st.lists(st.floats(-1, 1, width=32), min_size=4, max_size=4), min_size=1, max_size=5))
def test_advantages_sum_to_zero_and_keep_the_order_of_rewards(
    scale: objectives.Scale, rewards: list[list[float]]
) -> None:
    """Within a group: what is worth more than another in reward is not worth less in advantage."""
    given_rewards = torch.tensor(rewards)
    found = group_advantages(given_rewards, scale)
    assert found.isfinite().all()
    assert torch.allclose(found.sum(-1), torch.zeros(len(found)), atol=1e-2)  # of rounding, over 1e-4
    assert torch.equal(found.gather(-1, given_rewards.argsort(-1)), found.sort(-1).values)


def test_advantages_by_hand() -> None:
    """The deviation is that of a sample, n - 1; the second group has no variance and is exactly 0."""
    rewards = torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.3, 0.3, 0.3, 0.3]])
    zero = [0.0, 0.0, 0.0, 0.0]
    assert torch.allclose(group_advantages(rewards, "none"), torch.tensor([[0.75, -0.25, -0.25, -0.25], zero]))
    scaled = [0.75 / 0.5001, *[-0.25 / 0.5001] * 3]
    assert torch.allclose(group_advantages(rewards, "group"), torch.tensor([scaled, zero]))
    deviation = float(rewards.std()) + 1e-4
    assert torch.allclose(group_advantages(rewards, "batch")[0] * deviation, torch.tensor([0.75, -0.25, -0.25, -0.25]))
    assert not group_advantages(rewards)[1].any()


@pytest.mark.parametrize("scale", ["group", "batch", "none"])
@quick
@given(reward=st.floats(-1e6, 1e6, width=32), group=st.integers(1, 9), data=st.data())
def test_equal_rewards_or_one_rollout_give_no_gradient_and_no_nan(
    scale: objectives.Scale, reward: float, group: int, data: st.DataObject
) -> None:
    """Exactly 0, whatever the reward, its rounding and the scale; and with unscorable rollouts among them."""
    scored = torch.tensor([data.draw(st.lists(st.booleans(), min_size=group, max_size=group))])
    rewards = torch.full((1, group), reward).masked_fill(~scored, torch.nan)
    advantages = group_advantages(rewards, scale, scored).flatten()
    assert torch.equal(advantages, torch.zeros(group))
    tensors = Ragged(group, rows=group)
    for form in FORMS:
        loss, gradient = outcome(
            lambda log_p, form=form: grpo(
                log_p, tensors.old, advantages, tensors.mask, form=form, max_response_tokens=LONGEST
            ), tensors.log_probs,
        )  # fmt: skip
        assert float(loss) == 0
        assert torch.equal(gradient, torch.zeros_like(gradient))


def test_what_could_not_be_scored_is_left_out_of_the_group() -> None:
    """Its advantage is 0 and the others are compared among themselves, whatever stands in its place."""
    rewards = torch.tensor([[1.0, 0.0, 1.0, torch.nan], [0.0, 1.0, 7.0, 7.0]])
    scored = torch.tensor([[True, True, True, False], [True, True, False, False]])
    for scale in ("group", "none"):
        found = group_advantages(rewards, scale, scored)
        assert torch.allclose(found[0, :3], group_advantages(rewards[:1, :3], scale)[0])
        assert torch.allclose(found[1, :2], group_advantages(rewards[1:, :2], scale)[0])
        assert not found[~scored].any()


# Identities


@quick
@given(seed=seeds)
def test_rejection_sampling_is_sft_on_what_was_verified(seed: int) -> None:
    """All right: SFT on the samples. None right: 0 and no gradient. Some: SFT on those rows alone."""
    data = Ragged(seed)
    rows = len(data.mask)
    for verified in (torch.ones(rows, dtype=torch.bool), torch.zeros(rows, dtype=torch.bool), data.advantages > 0):
        loss, gradient = outcome(
            lambda log_p, verified=verified: objectives.rejection_sampling(log_p, verified, data.mask), data.log_probs
        )
        expected, rows_gradient = outcome(
            lambda log_p, verified=verified: objectives.sft(log_p, data.mask[verified]), data.log_probs[verified]
        )
        assert torch.allclose(loss, expected)
        assert torch.allclose(gradient[verified], rows_gradient)
        assert not gradient[~verified].any()


@quick
@given(seed=seeds)
def test_rejection_sampling_is_grpo_with_an_advantage_of_one_for_what_is_right(seed: int) -> None:
    """On policy and without a baseline, token for token: the same gradient."""
    data = Ragged(seed)
    verified = data.advantages > 0
    assume(verified.any())
    _, imitated = outcome(lambda log_p: objectives.rejection_sampling(log_p, verified, data.mask), data.log_probs)
    kept = float(data.mask[verified].sum())
    _, reinforced = outcome(
        lambda log_p: grpo(log_p, data.log_probs, verified.float(), data.mask, form="dapo", divisor=kept),
        data.log_probs,
    )
    assert torch.allclose(imitated, reinforced, atol=1e-6)


def logits_and_targets(seed: int, sharpness: float = 1.0) -> tuple[Tensor, Tensor, Tensor]:
    """Return logits (B, T, V) in float64, targets and a mask."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(3, 5, 7, generator=generator, dtype=torch.float64) * sharpness
    targets = torch.randint(0, 7, (3, 5), generator=generator)
    return logits.requires_grad_(), targets, torch.rand(3, 5, generator=generator) < 0.7


@quick
@given(seed=seeds)
def test_the_gradient_of_dft_is_that_of_the_probability_itself(seed: int) -> None:
    """- grad p_t, not - grad log p_t (arXiv:2508.05629): through the softmax, in float64."""
    logits, targets, mask = logits_and_targets(seed)
    assume(mask.any())
    log_p = logits.log_softmax(-1).gather(-1, targets[..., None])[..., 0]
    (found,) = torch.autograd.grad(objectives.dft(log_p, mask), logits, retain_graph=True)
    (expected,) = torch.autograd.grad(-(log_p.exp() * mask).sum() / mask.sum(), logits)
    assert torch.allclose(found, expected, atol=1e-12)


def test_dft_becomes_sft_where_the_policy_is_sure() -> None:
    """At p near 1 the two gradients differ by a factor of p; at p near 0 DFT lets go."""
    mask = torch.tensor([[True]])
    for p in (1 - 1e-6, 1 - 1e-3, 0.5, 1e-6):
        logits = torch.tensor([[[math.log(p), math.log(1 - p)]]], dtype=torch.float64, requires_grad=True)
        log_p = logits.log_softmax(-1)[..., 0]
        (dft,) = torch.autograd.grad(objectives.dft(log_p, mask), logits, retain_graph=True)
        (sft,) = torch.autograd.grad(objectives.sft(log_p, mask), logits)
        assert torch.allclose(dft, p * sft, rtol=1e-9)


def negative_aware_loss(log_p: Tensor, old: Tensor, right: Tensor, mask: Tensor, normalize: int) -> Tensor:
    """NFT (arXiv:2505.18116): right answers - log R, wrong ones - log((1 - q R) / (1 - q)), q the share right."""
    q = right.float().mean()
    ratio = (log_p - old).exp()
    each = torch.where(right[:, None], -ratio.log(), -((1 - q * ratio) / (1 - q)).log())
    weight = (1 - q) if normalize == 1 else ((1 - q) / q).sqrt()
    return (weight * each * mask).sum() / (len(mask) * LONGEST)


@pytest.mark.parametrize("right", [[1, 0, 0, 0, 0, 0], [1, 1, 0, 1, 0, 0], [0, 1, 1, 1, 1, 1]], ids=["1", "3", "5"])
def test_negative_aware_fine_tuning_on_policy_is_grpo(right: list[int]) -> None:
    """Weighted by 1 - q it is Dr.GRPO; by sqrt((1 - q) / q) it is GRPO with the deviation of a population."""
    data, verdicts = Ragged(1), torch.tensor(right).bool()
    for normalize, scale, factor in ((1, "none", 1.0), (2, "group", math.sqrt(5 / 6))):
        _, theirs = outcome(
            lambda log_p, n=normalize: negative_aware_loss(log_p, data.log_probs, verdicts, data.mask, n),
            data.log_probs,
        )
        advantages = group_advantages(verdicts.float()[None], scale)[0]
        _, mine = outcome(
            lambda log_p, worth=advantages: grpo(
                log_p, data.log_probs, worth, data.mask, form="dr_grpo", max_response_tokens=LONGEST
            ), data.log_probs,
        )  # fmt: skip
        assert torch.allclose(mine, theirs * factor, rtol=1e-5 if scale == "none" else 5e-4)  # 1e-4 is added to it


@quick
@given(rewards=st.lists(st.floats(-10, 10, width=32), min_size=2, max_size=9), seed=seeds)
def test_leave_one_out_is_dr_grpo_up_to_a_factor(rewards: list[float], seed: int) -> None:
    """RLOO (arXiv:2402.14740) compares with the mean of the others: G / (G - 1) times the advantage without scale."""
    given_rewards = torch.tensor(rewards)
    group = len(rewards)
    others = (given_rewards.sum() - given_rewards) / (group - 1)
    data = Ragged(seed, rows=group)
    _, theirs = outcome(
        lambda log_p: -((given_rewards - others)[:, None] * log_p * data.mask).sum() / (group * LONGEST), data.log_probs
    )
    advantages = group_advantages(given_rewards[None], "none")[0]
    _, mine = outcome(
        lambda log_p: grpo(log_p, data.log_probs, advantages, data.mask, form="dr_grpo", max_response_tokens=LONGEST),
        data.log_probs,
    )
    assert torch.allclose(mine * group / (group - 1), theirs, atol=1e-5)


@quick
@given(seed=seeds)
def test_on_policy_the_forms_differ_in_their_divisor_alone(seed: int) -> None:
    """Where nothing is stale the ratio is exactly 1: gspo is grpo, cispo and bnpo are dapo, dr_grpo is rescaled."""
    data = Ragged(seed)
    gradient = {
        form: outcome(
            lambda log_p, form=form: grpo(
                log_p, data.log_probs, data.advantages, data.mask, form=form, max_response_tokens=LONGEST
            ), data.log_probs,
        )[1]
        for form in FORMS
    }  # fmt: skip
    assert torch.allclose(gradient["gspo"], gradient["grpo"], atol=1e-6)
    assert torch.equal(gradient["cispo"], gradient["dapo"])
    assert torch.equal(gradient["bnpo"], gradient["dapo"])
    rescaled = gradient["dapo"] * data.mask.sum() / (len(data.mask) * LONGEST)
    assert torch.allclose(gradient["dr_grpo"], rescaled, atol=1e-6)


def test_what_is_missing_is_named() -> None:
    """An unknown form lists the known ones; a term without its tensor, and dr_grpo without its length, say so."""
    data = Ragged(0)
    tensors: Any = (data.log_probs, data.old, data.advantages, data.mask)
    for settings_of, message in (
        ({"form": "ppo"}, "form is 'ppo'; expected one of grpo, bnpo, dr_grpo, dapo, cispo, gspo"),
        ({"kl_coef": 0.1}, "reference_log_probs is missing"),
        ({"entropy_coef": 0.1}, "entropies is missing"),
        ({"form": "dr_grpo"}, "pass it"),
    ):
        with pytest.raises(ValueError, match=message):
            grpo(*tensors, **settings_of)
