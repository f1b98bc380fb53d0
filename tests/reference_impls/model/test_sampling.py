"""Rollouts: each has a seed of its own, and tokens come as often as the policy says."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from reference_impls.model import sampling
from reference_impls.model.sampling import Rollout, draw, sample, seed_of
from tests.reference_impls.parity import draw_ids
from tests.reference_impls.small_models import EOS, make_policy

PROMPTS = [draw_ids(torch.Generator().manual_seed(number), length) for number, length in enumerate((3, 9, 5, 1, 7))]
SEEDS = [seed_of("rollout", number) for number in range(20)]
LAST = 1 - 2**-24  # the largest uniform number there is in float32


def rolled_out(
    prompts: list[tuple[int, ...]], seeds: list[int], family: str = "qwen2", limit: int = 12
) -> list[Rollout]:
    policy = make_policy(family)
    policy.stop_ids = frozenset({EOS, 7, 8})
    return sample(policy, prompts, seeds=seeds, max_response_tokens=limit, group_size=4, temperature=0.8)


def same(one: Rollout, other: Rollout) -> bool:
    return one.response == other.response and torch.allclose(one.log_probs, other.log_probs, rtol=0, atol=1e-5)


@pytest.mark.parametrize("family", ["qwen2", "gpt2"])
def test_a_rollout_is_the_same_whatever_is_sampled_beside_it(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Alone, in another order, or divided into small batches: the tokens are equal, not just alike."""
    whole = rolled_out(PROMPTS, SEEDS, family)
    groups = [whole[start : start + 4] for start in range(0, 20, 4)]
    for number, prompt in enumerate(PROMPTS):
        alone = rolled_out([prompt], SEEDS[number * 4 :][:4], family)
        assert all(map(same, alone, groups[number]))
    turned = rolled_out(
        PROMPTS[::-1], [seed for start in range(16, -1, -4) for seed in SEEDS[start : start + 4]], family
    )
    assert all(map(same, turned, [one for group in groups[::-1] for one in group]))
    monkeypatch.setattr(sampling, "SEQUENCES_AT_ONCE", 8)
    assert all(map(same, rolled_out(PROMPTS, SEEDS, family), whole))


def test_a_rerun_is_bit_identical_and_another_seed_is_not() -> None:
    """The seeds alone decide."""
    first, second = rolled_out(PROMPTS, SEEDS), rolled_out(PROMPTS, SEEDS)
    assert all(torch.equal(one.log_probs, other.log_probs) for one, other in zip(first, second, strict=True))
    assert [one.response for one in first] == [one.response for one in second]
    others = rolled_out(PROMPTS, [seed + 1 for seed in SEEDS])
    assert sum(one.response == other.response for one, other in zip(first, others, strict=True)) < 5


def test_a_rollout_ends_with_its_first_stop_token_or_at_the_limit() -> None:
    """And says which; the stop token is part of it, and there is a log-probability for every token."""
    found = rolled_out(PROMPTS, SEEDS)
    assert {one.finished for one in found} == {True, False}
    for one in found:
        assert one.finished == (one.response[-1] in {EOS, 7, 8})
        assert not {EOS, 7, 8} & {*one.response[:-1]}
        assert len(one.response) == 12 or one.finished
        assert len(one.log_probs) == len(one.response)
        assert one.entropy > 0
    assert [one.prompt for one in found[::4]] == PROMPTS


def test_a_limit_of_one_token_and_a_prompt_of_one() -> None:
    """The smallest rollout there is."""
    found = rolled_out([(5,)], SEEDS[:4], limit=1)
    assert [len(one.response) for one in found] == [1, 1, 1, 1]


def test_tokens_come_as_often_as_their_probability_says() -> None:
    """Chi-square of 200,000 draws at a temperature of 0.7; the log-probabilities are those of that distribution."""
    logits = torch.randn(12, generator=torch.Generator().manual_seed(0)) * 2
    uniform = torch.rand(200_000, generator=torch.Generator().manual_seed(1))
    token, log_prob, entropy = draw(logits.expand(len(uniform), -1), 0.7, uniform)
    expected = (logits / 0.7).softmax(-1)
    counts = token.bincount(minlength=12)
    statistic = float(((counts - expected * len(uniform)) ** 2 / (expected * len(uniform))).sum())
    assert statistic < stats.chi2.ppf(0.999, 11)
    assert torch.allclose(log_prob.exp(), expected[token], rtol=1e-5)
    assert torch.allclose(entropy, -(expected * expected.log()).sum(), rtol=1e-5)


@given(seed=st.integers(0, 2**32), width=st.integers(1, 300), temperature=st.sampled_from([0.3, 1.0, 2.0]))
@settings(max_examples=100)
def test_an_impossible_token_is_never_drawn(seed: int, width: int, temperature: float) -> None:
    """Not at the smallest uniform number, not at the largest, and not where impossible tokens stand at either end."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(6, width, generator=generator) * 5
    impossible = torch.rand(6, width, generator=generator) < 0.5
    impossible[:, seed % width] = False
    logits = logits.masked_fill(impossible, -torch.inf)
    uniform = torch.tensor([0.0, LAST, 0.5, 2**-24, LAST, 0.0])
    token, log_prob, entropy = draw(logits, temperature, uniform)
    assert not impossible.gather(-1, token[:, None]).any()
    assert log_prob.isfinite().all()
    assert entropy.isfinite().all()


@pytest.mark.parametrize("vocabulary", [48, 32_000, 151_936])
def test_the_ends_of_the_distribution(vocabulary: int) -> None:
    """0 draws the first possible token, the largest number below 1 the last likely one, whatever rounding does."""
    logits = torch.randn(1, vocabulary, generator=torch.Generator().manual_seed(vocabulary))
    logits[0, :3], logits[0, -5:] = -torch.inf, -torch.inf
    assert int(draw(logits, 1.0, torch.tensor([0.0]))[0]) == 3
    assert vocabulary - 50 < int(draw(logits, 1.0, torch.tensor([LAST]))[0]) < vocabulary - 5


def test_without_a_uniform_number_the_likeliest_token_is_taken() -> None:
    """Temperature 0 divides nothing by 0; log-probability and entropy are those of the policy itself."""
    logits = torch.tensor([[0.0, math.log(3.0), -torch.inf]])
    token, log_prob, entropy = draw(logits, 0.0, None)
    assert int(token) == 1
    assert float(log_prob) == pytest.approx(math.log(0.75))
    assert float(entropy) == pytest.approx(-(0.75 * math.log(0.75) + 0.25 * math.log(0.25)))


def test_seeds_are_decided_by_their_parts_alone() -> None:
    """The same everywhere, different for neighbours, and fit for a generator of torch."""
    assert seed_of(0, "rollout", 1, 2) == seed_of(0, "rollout", 1, 2) == 5822439037807486020
    several = {seed_of(0, "rollout", step, number) for step in range(50) for number in range(50)}
    assert len(several) == 2500
    assert all(0 <= seed < 2**63 for seed in several)
