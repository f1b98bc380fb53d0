"""Identities between rows, in float64: what each becomes in a known case. Slips of each row are seen by them."""

import itertools
import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn.functional import cross_entropy

from reference_impls import objectives
from tests.reference_impls.objectives.rows import Sample, draw

seeds = st.integers(0, 2**32)
quick = settings(max_examples=10)


def gradient(loss: Callable[[Tensor], Tensor], logits: Tensor) -> Tensor:
    """Return the gradient of a loss by logits."""
    leaf = logits.clone().requires_grad_()
    (found,) = torch.autograd.grad(loss(leaf), leaf)
    return found


def log_p(sample: Sample, logits: Tensor) -> Tensor:
    return replace(sample, logits=logits).log_probs


def of_sft(sample: Sample, divisor: float | None = None) -> Tensor:
    return gradient(lambda z: objectives.sft(log_p(sample, z), sample.mask, divisor), sample.logits)


def of_dft(sample: Sample) -> Tensor:
    return gradient(lambda z: objectives.dft(log_p(sample, z), sample.mask), sample.logits)


def same(one: Tensor, other: Tensor, within: float = 1e-12) -> bool:
    return bool((one - other).norm() <= within * other.norm())


# Imitation


@quick
@given(seed=seeds)
@pytest.mark.parametrize("level", ["sequence", "token"])
def test_iw_sft_at_its_reference_is_sft(level: objectives.imitation.Level, seed: int) -> None:
    """Every weight is 1."""
    sample = draw(seed)
    found = gradient(
        lambda z: objectives.iw_sft(log_p(sample, z), sample.log_probs, sample.mask, level=level), sample.logits
    )
    assert same(found, of_sft(sample))


def test_the_weight_of_a_sequence_is_of_the_mean_and_not_of_the_sum() -> None:
    """Two tokens, each twice as likely as under the reference: 2, where a sum would give 4; and the bounds hold."""
    mask = torch.ones(1, 2, dtype=torch.bool)
    now = torch.tensor([[0.5, 0.25]], dtype=torch.float64).log()

    def weight(reference: Tensor, level: objectives.imitation.Level, power: float = 1.0) -> list[float]:
        leaf = now.clone().requires_grad_()
        objectives.iw_sft(leaf, reference, mask, 1.0, level=level, power=power).backward()
        return (-leaf.grad).flatten().tolist()  # type: ignore[operator]

    assert weight(now - math.log(2), "sequence") == pytest.approx([2, 2])
    assert weight(now - math.log(2), "sequence", power=2.0) == pytest.approx([4, 4])
    assert weight(now - math.log(2), "token") == pytest.approx([1.8, 1.8])
    assert weight(now + torch.tensor([[3.0, 0.1]]), "token") == pytest.approx([0.2, math.exp(-0.1)])
    assert weight(now - 5, "sequence") == pytest.approx([16, 16])


@quick
@given(seed=seeds, beta=st.sampled_from([1.0, 0.7, 0.3]))
def test_linear_gem_is_cross_entropy_at_a_temperature(seed: int, beta: float) -> None:
    """Times beta; at beta 1 it is SFT."""
    sample = draw(seed)
    found = gradient(lambda z: objectives.gem(z, sample.targets, sample.mask, beta=beta, kind="linear"), sample.logits)
    expected = gradient(
        lambda z: beta * cross_entropy(z[sample.mask] / beta, sample.targets[sample.mask]), sample.logits
    )
    assert same(found, expected)
    if beta == 1:
        assert same(found, of_sft(sample))


def test_gem_without_temperature_is_the_perceptron_and_the_other_kind_is_about_half() -> None:
    """For beta near 0 only the likeliest token is pushed down; a sigmoid near 0 is a half."""
    sample = draw(5)
    found = gradient(lambda z: objectives.gem(z, sample.targets, sample.mask, beta=1e-3, kind="linear"), sample.logits)
    classes = sample.logits.shape[-1]
    likeliest, shown = (torch.nn.functional.one_hot(ids, classes) for ids in (sample.logits.argmax(-1), sample.targets))
    assert torch.allclose(found, (likeliest - shown) * sample.mask[..., None] / sample.mask.sum().double(), atol=1e-6)
    linear, other = (
        gradient(lambda z, kind=kind: objectives.gem(z, sample.targets, sample.mask, kind=kind), sample.logits)
        for kind in ("linear", "logsigmoid")
    )
    assert 0.49 < float(other.norm() / linear.norm()) < 0.51
    assert not same(other * 2, linear, 1e-4)


@quick
@given(seed=seeds)
@pytest.mark.parametrize("direction", ["reference", "policy"])
def test_asft_without_its_anchor_or_at_its_reference_is_dft(
    direction: objectives.imitation.Direction, seed: int
) -> None:
    """A coefficient of 0, and a reference that the policy has not left; elsewhere the anchor pulls towards it."""
    sample = draw(seed)
    for reference, coef in ((sample.reference_logits, 0.0), (sample.logits, 0.5)):
        found = gradient(
            lambda z, reference=reference, coef=coef: objectives.asft(
                z, reference, sample.targets, sample.mask, coef=coef, direction=direction
            ), sample.logits,
        )  # fmt: skip
        assert same(found, of_dft(sample), 1e-10)
    pull = gradient(
        lambda z: objectives.asft(
            z, sample.reference_logits, sample.targets, sample.mask, coef=1.0, direction=direction
        ), sample.logits,
    ) - of_dft(sample)  # fmt: skip
    nearer = sample.logits - 0.1 * pull

    def distance(logits: Tensor) -> float:
        p, q = logits.log_softmax(-1)[sample.mask], sample.reference_logits.log_softmax(-1)[sample.mask]
        return float((q.exp() * (q - p)).sum() if direction == "reference" else (p.exp() * (p - q)).sum())

    assert distance(nearer) < distance(sample.logits)


@pytest.mark.parametrize("miss", [-0.1, 0.0, 0.3])
def test_one_token_rollout_is_dft_in_expectation(miss: float) -> None:
    """(1 - miss) times; evenly spread numbers draw each token in its share, to 1 of 4000."""
    sample = draw(7)
    spread = ((torch.arange(4000, dtype=torch.float64) + 0.5) / 4000).expand(*sample.mask.shape, -1)
    found = gradient(
        lambda z: objectives.one_token_rollout(z, sample.targets, sample.mask, spread, temperature=1.0, miss=miss),
        sample.logits,
    )
    assert same(found, (1 - miss) * of_dft(sample), 5e-3)
    assert not same(found, (1 + miss) * of_dft(sample), 5e-3) or miss == 0


@quick
@given(seed=seeds)
def test_una_at_its_reference_is_sft_summed(seed: int) -> None:
    """beta / 4 times the sum over tokens, not the mean; a score of a half has no gradient there."""
    sample = draw(seed)
    rows = len(sample.mask)

    def found(scores: Tensor | None) -> Tensor:
        return gradient(
            lambda z: objectives.uft_una(log_p(sample, z), sample.log_probs, sample.mask, scores), sample.logits
        )

    assert same(found(None), 0.03 / 4 * of_sft(sample, rows))
    assert not same(found(None), 0.03 / 4 * of_sft(sample), 0.1)
    assert found(torch.full((rows,), 0.5)).abs().max() < 1e-15
    assert same(found(torch.zeros(rows)), -0.03 / 4 * of_sft(sample, rows))


def test_token_cleaning_keeps_what_the_reference_learned_most_about() -> None:
    """The share rounded down, the earlier of equal scores, nothing of a prompt or of padding; 1 keeps all."""
    mask = torch.tensor([[False, True, True, True], [True, True, False, False]])
    base, reference = torch.zeros(2, 4), torch.tensor([[9.0, 0.1, 0.5, -1.0], [0.3, 0.2, 9.0, torch.nan]])
    kept = objectives.token_cleaning(base, reference, mask, 0.6)
    assert kept.tolist() == [[False, False, True, False], [True, True, False, False]]
    assert objectives.token_cleaning(reference, base, mask, 0.6).tolist() != kept.tolist()  # the sign of the score
    assert torch.equal(objectives.token_cleaning(base, reference, mask, 1.0), mask)
    tied = objectives.token_cleaning(base, base, mask, 0.5)
    assert tied.tolist() == [[False, True, True, False], [False] * 4]
    for keep in (0.0, 1.2):
        with pytest.raises(ValueError, match="expected a share above 0"):
            objectives.token_cleaning(base, base, mask, keep)


@pytest.mark.parametrize(("p", "weight"), [(0.5, 0.25), (0.9, 0.09), (0.01, 0.0099)])
def test_phi_is_p_times_its_complement(p: float, weight: float) -> None:
    """What is sure and what is absurd teach little."""
    leaf = torch.tensor([[p]], dtype=torch.float64).log().requires_grad_()
    objectives.chord_phi(leaf, torch.tensor([[True]])).backward()
    assert float(-leaf.grad) == pytest.approx(weight)  # type: ignore[operator]


def test_sft_is_a_policy_gradient_with_reward_one_over_p() -> None:
    """Over all tokens that could be sampled: the reward 1 / p for the shown one and 0 for the others."""
    sample = draw(2)
    p = sample.logits.softmax(-1)
    shown = torch.nn.functional.one_hot(sample.targets, p.shape[-1])
    expected = gradient(lambda z: -(p * shown / p * z.log_softmax(-1)).sum(-1)[sample.mask].mean(), sample.logits)
    assert same(of_sft(sample), expected)


# Advantages


@quick
@given(rewards=st.lists(st.floats(-5, 5), min_size=2, max_size=8))
def test_leave_one_out_leaves_itself_out(rewards: list[float]) -> None:
    """By enumeration; left in, it would be smaller by (G - 1) / G."""
    given_rewards = torch.tensor([rewards], dtype=torch.float64)
    found = objectives.leave_one_out(given_rewards)[0]
    others = [sum(rewards[:n] + rewards[n + 1 :]) / (len(rewards) - 1) for n in range(len(rewards))]
    expected = torch.tensor(rewards, dtype=torch.float64) - torch.tensor(others, dtype=torch.float64)
    assert torch.allclose(found, expected, atol=1e-9)
    left_in = objectives.group_advantages(given_rewards, "none")[0]
    assert torch.allclose(found * (len(rewards) - 1) / len(rewards), left_in, atol=1e-9)


def test_leave_one_out_counts_what_could_be_scored() -> None:
    """Two of four scored: each is compared with the other one; one alone has no advantage."""
    rewards = torch.tensor([[1.0, 0.0, 7.0, 7.0], [1.0, 7.0, 7.0, 7.0]])
    scored = torch.tensor([[True, True, False, False], [True, False, False, False]])
    assert objectives.leave_one_out(rewards, scored).tolist() == [[1, -1, 0, 0], [0, 0, 0, 0]]


def test_a_baseline_cancels_in_expectation() -> None:
    """Over all tokens of a bandit: the same expected gradient with any baseline that does not depend on the token."""
    logits = draw(1).logits[:1, :1]  # (1, 1, V)
    p, rewards = logits.softmax(-1)[0, 0], torch.rand(logits.shape[-1], dtype=torch.float64)

    mask = torch.ones(1, 1, dtype=torch.bool)

    def expected(baseline: float) -> Tensor:
        advantages = objectives.running_advantages(rewards[:, None], baseline)[:, 0]
        total = torch.zeros_like(logits)
        for token, advantage in enumerate(advantages):
            total += p[token] * gradient(
                lambda z, token=token, a=advantage: objectives.weighted(
                    z.log_softmax(-1)[..., token], a.view(1, 1), mask
                ), logits,
            )  # fmt: skip
        return total

    assert torch.allclose(expected(0.0), expected(0.7), atol=1e-12)


def test_the_running_baseline_is_of_the_steps_before() -> None:
    """It is used before it is moved: the first step has none, and a constant reward ends in no advantage."""
    baseline, rewards = 0.0, torch.tensor([[1.0, 1.0]])
    sizes = []
    for _ in range(60):
        sizes.append(float(objectives.running_advantages(rewards, baseline).max()))
        baseline = objectives.next_baseline(baseline, rewards, decay=0.9)
    assert sizes[:2] == pytest.approx([1.0, 0.9])
    assert sizes[-1] < 0.003
    none_scored = torch.zeros_like(rewards, dtype=torch.bool)
    assert objectives.next_baseline(0.4, rewards, none_scored) == 0.4
    assert not objectives.running_advantages(rewards, 0.4, none_scored).any()


def test_what_is_as_good_as_greedy_has_no_advantage() -> None:
    """ReMax: each rollout against the greedy response to its prompt, and an equal group may have a gradient."""
    rewards, greedy = torch.tensor([[1.0, 0.0], [1.0, 1.0]]), torch.tensor([1.0, 0.0])
    assert objectives.greedy_advantages(rewards, greedy).tolist() == [[0, -1], [1, 1]]
    unscored = torch.tensor([[True, False], [False, True]])
    assert objectives.greedy_advantages(rewards, greedy, unscored).tolist() == [[0, 0], [0, 1]]


def test_raft_and_rej() -> None:
    """RAFT++ imitates what is right; Reinforce-Rej adds what is wrong and rejects prompts that teach nothing."""
    rewards = torch.tensor([[1.0, 0.5, 0.0], [1.0, 1.0, 1.0], [0.0, 0.0, 0.0]])
    assert objectives.raft_advantages(rewards).tolist() == [[1, 0, 0], [1, 1, 1], [0, 0, 0]]
    assert objectives.rej_advantages(rewards).tolist() == [[1, 0, -1], [0, 0, 0], [0, 0, 0]]
    scored = torch.tensor([[True, True, False], [False, True, True], [True, True, True]])
    assert objectives.raft_advantages(rewards, scored).tolist() == [[1, 0, 0], [0, 1, 1], [0, 0, 0]]
    assert objectives.rej_advantages(rewards, scored).tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 0]]


def test_raft_on_policy_is_rejection_sampling_with_the_rejected_in_the_divisor() -> None:
    """Token for token, up to what the loss divides by."""
    sample = draw(9)
    right = sample.advantages > 0
    now = sample.log_probs.detach()
    found = gradient(
        lambda z: objectives.grpo(
            log_p(sample, z), now, objectives.raft_advantages(right.double()), sample.mask, form="dapo"
        ), sample.logits,
    )  # fmt: skip
    tokens = float(sample.mask.sum())
    expected = gradient(
        lambda z: objectives.rejection_sampling(log_p(sample, z), right, sample.mask, tokens), sample.logits
    )
    assert same(found, expected)


@quick
@given(seed=seeds)
def test_whitened_advantages_have_mean_0_and_variance_1_over_tokens(seed: int) -> None:
    """A long response counts for more: of its tokens, not of its sequences, nor of its group, nor with padding."""
    sample = draw(seed)
    found = objectives.whitened(sample.advantages, sample.mask)
    known = found[sample.mask]
    assert float(known.mean()) == pytest.approx(0, abs=1e-9)
    assert float(known.var()) == pytest.approx(1, rel=1e-6)
    assert not found[~sample.mask].any()
    alike = (sample.advantages - sample.advantages.mean()) / sample.advantages.std()
    assert not torch.allclose(found, alike[:, None] * sample.mask, atol=1e-2)
    padded = sample.advantages[:, None] * sample.mask
    before_masking = (padded - padded.mean()) / padded.std() * sample.mask
    assert not torch.allclose(found, before_masking, atol=1e-2)


def test_equal_advantages_are_whitened_to_nothing() -> None:
    """Also where a single token is there."""
    mask = torch.tensor([[True, True, False], [True, False, False]])
    assert not objectives.whitened(torch.tensor([0.25, 0.25]), mask).any()
    assert not objectives.whitened(torch.tensor([0.5]), mask[1:]).any()


def test_the_reward_to_go_passes_over_what_is_not_of_the_response() -> None:
    """By hand, with a discount of a half and two tokens of a tool in between; NaN there is never read."""
    mask = torch.tensor([[False, True, False, False, True, True, False]])
    rewards = torch.tensor([[9.0, 1.0, torch.nan, 5.0, 0.0, 4.0, 9.0]])
    assert objectives.return_to_go(rewards, mask, 0.5).tolist() == [[0, 2, 0, 0, 2, 4, 0]]
    assert objectives.return_to_go(rewards, mask).tolist() == [[0, 5, 0, 0, 4, 4, 0]]
    last = objectives.at_last_token(torch.tensor([3.0]), mask)
    assert last.tolist() == [[0, 0, 0, 0, 0, 3, 0]]
    assert objectives.return_to_go(last, mask).tolist() == [[0, 3, 0, 0, 3, 3, 0]]


@quick
@given(seed=seeds)
def test_rloo_on_policy_is_the_gradient_of_whole_sequences(seed: int) -> None:
    """- A grad log p of the sequence, a mean over sequences; off policy its ratio is the product of the tokens'."""
    sample = draw(seed)
    now = sample.log_probs.detach()
    found = gradient(lambda z: objectives.rloo(log_p(sample, z), now, sample.advantages, sample.mask), sample.logits)
    expected = gradient(lambda z: -(sample.advantages * (log_p(sample, z) * sample.mask).sum(-1)).mean(), sample.logits)
    assert same(found, expected)
    longest = sample.mask.shape[1]
    dr_grpo = gradient(
        lambda z: objectives.grpo(
            log_p(sample, z), now, sample.advantages, sample.mask, form="dr_grpo", max_response_tokens=longest
        ), sample.logits,
    )  # fmt: skip
    assert same(found, dr_grpo * longest)


def test_the_clip_of_rloo_is_that_of_the_sequence() -> None:
    """Three tokens, each 1.1 times as likely: 1.331 together, beyond the range, though no token is."""
    mask, old = torch.ones(1, 3, dtype=torch.bool), torch.full((1, 3), -1.0)
    leaf = (old + math.log(1.1)).requires_grad_()
    loss = objectives.rloo(leaf, old, torch.tensor([2.0]), mask)
    loss.backward()
    assert float(loss.detach()) == pytest.approx(-2.4)
    assert not leaf.grad.any()  # type: ignore[union-attr]
    again = (old + math.log(1.1)).requires_grad_()
    objectives.rloo(again, old, torch.tensor([-2.0]), mask).backward()
    assert again.grad.flatten().tolist() == pytest.approx([2 * 1.1**3] * 3)  # type: ignore[union-attr]


# Entropy


def of_dapo(sample: Sample, weights: Tensor | None = None, **settings_of: float) -> Tensor:
    return gradient(
        lambda z: objectives.grpo(
            log_p(sample, z), sample.old, sample.advantages, sample.mask, form="dapo", weights=weights, **settings_of
        ), sample.logits,
    )  # fmt: skip


@quick
@given(seed=seeds)
def test_all_of_the_entropies_is_grpo(seed: int) -> None:
    """And fewer are fewer: those with the highest, whatever stands in padding."""
    sample = draw(seed)
    every = objectives.highest_entropies(sample.entropies, sample.mask, 1.0)
    assert torch.equal(every, sample.mask)
    assert torch.equal(of_dapo(sample, every.double()), of_dapo(sample))
    kept = objectives.highest_entropies(sample.entropies, sample.mask, 0.3)
    spoilt = sample.entropies.masked_fill(~sample.mask, torch.inf)
    assert torch.equal(objectives.highest_entropies(spoilt, sample.mask, 0.3), kept)
    assert sample.entropies[kept].min() > sample.entropies[sample.mask & ~kept].max()
    assert 0 < int(kept.sum()) <= math.ceil(0.3 * int(sample.mask.sum())) + 1


@quick
@given(seed=seeds)
def test_shaped_advantages_keep_their_sign(seed: int) -> None:
    """Never lower, by a half at most; a coefficient of 0 changes nothing, and entropy gets no gradient."""
    sample = draw(seed)
    shaped = objectives.entropy_shaped(sample.advantages, sample.entropies, sample.mask)
    plain = sample.advantages[:, None] * sample.mask
    assert bool((shaped >= plain).all())
    assert bool(((shaped - plain) <= plain.abs() / 2 + 1e-12).all())
    assert torch.equal(shaped.sign(), plain.sign())
    assert torch.equal(objectives.entropy_shaped(sample.advantages, sample.entropies, sample.mask, coef=0.0), plain)
    leaf = sample.entropies.clone().requires_grad_()
    assert not objectives.entropy_shaped(sample.advantages, leaf, sample.mask).requires_grad
    with pytest.raises(ValueError, match="cap is 1; expected more than 1"):
        objectives.entropy_shaped(sample.advantages, sample.entropies, sample.mask, cap=1)


def test_shaping_by_hand() -> None:
    """min(0.4 H, |A| / 2): the entropy where it is small, half of the advantage where it is large."""
    shaped = objectives.entropy_shaped(
        torch.tensor([1.0, -1.0]), torch.tensor([[0.5, 5.0], [0.5, 5.0]]), torch.ones(2, 2, dtype=torch.bool)
    )
    assert torch.allclose(shaped, torch.tensor([[1.2, 1.5], [-0.8, -0.5]]))


@quick
@given(seed=seeds)
def test_no_covariance_chosen_is_the_loss_without_the_selection(seed: int) -> None:
    """Clip-Cov is then the clipped loss, KL-Cov the unclipped; with all chosen KL-Cov has its penalty everywhere."""
    sample = draw(seed)
    covariance = objectives.covariances(sample.log_probs, sample.advantages, sample.mask)
    assert float(covariance.sum()) != 0 and not covariance[~sample.mask].any()
    nothing = objectives.clip_cov(covariance, sample.mask, sample.uniform[..., 0], share=0.0)
    assert torch.equal(of_dapo(sample, nothing.double(), clip_high=1.0), of_dapo(sample, clip_high=1.0))

    def kl_cov(share: float, old: Tensor) -> Tensor:
        chosen = objectives.highest_covariances(covariance, sample.mask, share)
        return gradient(
            lambda z: objectives.kl_cov(log_p(sample, z), old, sample.advantages, sample.mask, chosen), sample.logits
        )

    unclipped = of_dapo(sample, clip_low=1e9, clip_high=1e9)
    assert same(kl_cov(0.0, sample.old), unclipped)
    penalty = gradient(
        lambda z: ((log_p(sample, z) - sample.old).abs() * sample.mask).sum() / sample.mask.sum(), sample.logits
    )
    assert same(kl_cov(1.0, sample.old), unclipped + penalty)
    now = sample.log_probs.detach()  # the first update after sampling: the penalty is at its lowest point
    assert same(kl_cov(1.0, now), kl_cov(0.0, now))


def test_the_chosen_covariances_are_the_highest_and_never_padding() -> None:
    """By hand: 5 tokens, two of them chosen; a flipped advantage chooses others."""
    mask = torch.tensor([[True, True, True], [False, True, True]])
    now = torch.tensor([[-0.1, -3.0, -1.0], [-0.01, -0.2, -2.0]])
    advantages = torch.tensor([1.0, -1.0])
    covariance = objectives.covariances(now, advantages, mask)
    mean_a, mean_p = 1 / 5, (-0.1 - 3.0 - 1.0 - 0.2 - 2.0) / 5
    assert float(covariance[0, 0]) == pytest.approx((1 - mean_a) * (-0.1 - mean_p))
    assert float(covariance[1, 2]) == pytest.approx((-1 - mean_a) * (-2.0 - mean_p))
    assert objectives.highest_covariances(covariance, mask, 0.4).tolist() == [
        [True, False, False],
        [False, False, True],
    ]
    flipped = objectives.covariances(now, -advantages, mask)
    assert objectives.highest_covariances(flipped, mask, 0.4).tolist() != [
        [True, False, False], [False, False, True]
    ]  # fmt: skip
    uniform = torch.tensor([[0.5, 0.0, 0.0], [0.0, 0.0, 0.1]])
    for share, out in ((0.2, [[1, 2]]), (0.4, [[0, 0], [1, 2]]), (1.0, [[0, 0], [1, 2]])):
        weights = objectives.clip_cov(covariance, mask, uniform, share=share, low=0.5, high=5.0)
        assert (weights == 0).nonzero().tolist() == out


def test_the_adaptive_coefficient_follows_the_entropy() -> None:
    """Up at or below the target, down above it, and within its bounds."""
    steps = [0.5, 0.2, 0.1, 0.1, 0.5, 0.5, 0.5, 0.5]
    found = list(
        itertools.accumulate(steps, lambda coef, h: objectives.adapted_coef(coef, h, 0.2, 0.1, 0.25), initial=0.05)
    )
    assert found == pytest.approx([0.05, 0.0, 0.1, 0.2, 0.25, 0.15, 0.05, 0.0, 0.0])
