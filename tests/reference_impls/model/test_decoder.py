"""Both decoders say what the model says: the same log-probabilities as in training, whatever the family."""

import shutil
from typing import Any

import pytest
import torch

from reference_impls.model import llama, sampling
from reference_impls.model.batches import collate
from reference_impls.model.decoder import LlamaDecoder, ModuleDecoder, make_decoder
from reference_impls.model.policy import Policy, log_probs
from reference_impls.model.sampling import Rollout, sample
from tests.reference_impls.parity import draw_ids
from tests.reference_impls.small_models import EOS, FAMILIES, PAD, add_adapters, make_policy

# Sums in float64 come out alike in any order, so on any processor. Norms, logits and their logarithm are in float32 all
# the same: some 25 roundings of 2^-24 each, of logits up to 8, on both sides: 4 * sqrt(25) * 2^-24 * 8 = 1e-5 at four
# standard deviations (Higham and Mary, doi:10.1137/18M1226312). In float32 sums over 16, 24 or as many as there are
# positions add up to some 400 roundings: 4 * sqrt(400) * 2^-24 * 8.
WITHIN = {torch.float64: 1e-5, torch.float32: 4e-5}
GROUP, LIMIT = 4, 20
STOPS = frozenset({EOS, 7, 8, 9})  # several, so that sequences end at all lengths
PROMPTS = [draw_ids(torch.Generator().manual_seed(number), length) for number, length in enumerate((3, 9, 5, 1, 7))]
OWN = ("llama", "qwen2", "qwen3", "mistral")
ROPE: dict[str, dict[str, Any]] = {
    "linear": {"factor": 2.0},
    "llama3": {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 16},
    "yarn": {"factor": 4.0, "original_max_position_embeddings": 16},
    "dynamic": {"factor": 4.0},
}


def make_exact(family: str, **changes: Any) -> Policy:
    """Return a policy that computes in float64; not gemma2's, whose masks in transformers overflow there."""
    policy = make_policy(family, **changes)
    return policy if family == "gemma2" else in_float64(policy)


def in_float64(policy: Policy) -> Policy:
    """Return the policy with weights and products in float64."""
    policy.model.double()
    policy.compute = torch.float64
    return policy


def rolled_out(policy: Policy, temperature: float = 0.7, **more: Any) -> list[Rollout]:
    policy.stop_ids = STOPS
    seeds = list(range(len(PROMPTS) * GROUP))
    return sample(
        policy, PROMPTS, seeds=seeds, max_response_tokens=LIMIT, group_size=GROUP, temperature=temperature, **more
    )


def differences(policy: Policy, rollouts: list[Rollout], temperature: float = 0.7) -> torch.Tensor:
    """Return how far each token's log-probability in sampling is from that in training."""
    batch = collate(rollouts, PAD, policy.device)
    with torch.no_grad():
        trained, entropies = log_probs(policy, batch, temperature, entropy=True)
    assert entropies is not None
    for one, row, mask in zip(rollouts, entropies, batch.mask, strict=True):
        assert one.entropy == pytest.approx(float(row[mask].mean()), abs=WITHIN.get(policy.compute, 0.2))
    return (trained[batch.mask] - torch.cat([one.log_probs for one in rollouts])).abs()


@pytest.mark.parametrize("compute", WITHIN, ids=str)
@pytest.mark.parametrize("adapted", [False, True], ids=["whole", "adapters"])
@pytest.mark.parametrize("family", FAMILIES)
def test_sampled_log_probs_are_those_of_training(family: str, adapted: bool, compute: torch.dtype) -> None:
    """Ragged prompts, groups, a temperature, early ends, sequences that leave, and LoRA adapters that are not zero."""
    policy = make_policy(family)
    if adapted:
        add_adapters(policy)
    if compute is torch.float64 and family != "gemma2":
        in_float64(policy)
    assert isinstance(make_decoder(policy), LlamaDecoder if family in OWN else ModuleDecoder)
    rollouts = rolled_out(policy)
    lengths = [len(one.response) for one in rollouts]
    assert min(lengths) < 5 < LIMIT == max(lengths)
    assert differences(policy, rollouts).max() < WITHIN[policy.compute]


@pytest.mark.parametrize("family", OWN)
def test_both_decoders_draw_the_same_rollouts(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Token for token, and with the same log-probabilities."""
    policy = make_exact(family)
    own = rolled_out(policy)
    monkeypatch.setattr(LlamaDecoder, "fits", staticmethod(lambda _: False))
    other = rolled_out(policy)
    assert differences(policy, other).max() < WITHIN[policy.compute]
    assert [one.response for one in own] == [one.response for one in other]


@pytest.mark.parametrize("rope", ROPE)
def test_positions_are_turned_as_the_model_turns_them(rope: str) -> None:
    """Every scaling of rotary positions that the own decoder takes; what depends on the length goes to the other."""
    policy = make_exact("llama", rope_parameters={"rope_type": rope, "rope_theta": 10000.0, **ROPE[rope]})
    assert LlamaDecoder.fits(policy) == (rope != "dynamic")
    assert differences(policy, rolled_out(policy)).max() < WITHIN[policy.compute]


@pytest.mark.parametrize(
    ("family", "own", "changes"),
    [
        ("llama", True, {"attention_bias": True, "mlp_bias": True}),
        ("llama", True, {"tie_word_embeddings": True}),
        ("llama", True, {"num_key_value_heads": 4}),
        ("llama", True, {"num_key_value_heads": 1, "head_dim": 6}),
        ("llama", False, {"hidden_act": "gelu"}),
        ("mistral", False, {"sliding_window": 6}),
        ("qwen2", False, {"use_sliding_window": True, "sliding_window": 6, "max_window_layers": 0}),
        ("qwen3", False, {"use_sliding_window": True, "sliding_window": 6, "max_window_layers": 1}),
        ("gemma2", False, {"sliding_window": 6}),
    ],
    ids=lambda value: ",".join(value) if isinstance(value, dict) else str(value),
)
def test_what_a_config_changes_is_decoded_right(family: str, own: bool, changes: dict[str, Any]) -> None:
    """By the own decoder where it knows the change, and by the model itself where it does not."""
    policy = make_exact(family, **changes)
    assert LlamaDecoder.fits(policy) == own
    assert differences(policy, rolled_out(policy)).max() < WITHIN[policy.compute]


@pytest.mark.parametrize("family", FAMILIES)
def test_the_likeliest_tokens_are_those_that_transformers_generates(family: str) -> None:
    """Temperature 0 is greedy decoding, with the same stop tokens, prompt by prompt."""
    policy = make_policy(family)
    policy.stop_ids = STOPS
    found = sample(policy, PROMPTS, seeds=[0] * len(PROMPTS), max_response_tokens=LIMIT, temperature=0.0)
    for prompt, one in zip(PROMPTS, found, strict=True):
        ids = torch.tensor([prompt])
        generated = policy.model.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=LIMIT, eos_token_id=sorted(STOPS)
        )
        assert one.response == tuple(generated[0, len(prompt) :].tolist())


@pytest.mark.parametrize("family", ["llama", "qwen3", "gpt2"])
def test_bfloat16_stays_near_training_in_bfloat16(family: str) -> None:
    """A mean of 0.015 nats on weights this rough, and at most 0.03 for nine tokens in ten: the noise of eight bits."""
    policy = make_policy(family)
    policy.compute = torch.bfloat16
    apart = differences(policy, rolled_out(policy))
    assert apart.mean() < 0.015
    assert apart.quantile(0.9) < 0.03


def test_what_runs_through_the_layers_is_kept_as_in_training() -> None:
    """Weights in float32 keep embeddings and positions in float32; only products are in bfloat16."""
    policy = make_policy("llama")
    policy.compute = torch.bfloat16
    own = LlamaDecoder(policy)
    own.start(PROMPTS, 1, 4)
    assert {own.ends.embedding.dtype, own.cos.dtype, own.sin.dtype} == {torch.float32}
    assert {own.ends.head.dtype, own.keys.dtype, own.layers[0].qkv.dtype} == {torch.bfloat16}


def test_adapters_that_are_switched_off_are_not_decoded() -> None:
    """Within `as_reference` the decoder is the starting policy's."""
    policy = make_policy("qwen2")
    expected = LlamaDecoder(policy).start(PROMPTS, 1, 4)
    add_adapters(policy)
    adapted = LlamaDecoder(policy).start(PROMPTS, 1, 4)
    with policy.as_reference():
        assert torch.allclose(LlamaDecoder(policy).start(PROMPTS, 1, 4), expected, atol=1e-6)
    assert not torch.allclose(adapted, expected, atol=0.1)


@pytest.mark.parametrize("kind", [LlamaDecoder, ModuleDecoder])
def test_a_sequence_goes_on_alike_after_others_have_left(kind: Any) -> None:
    """Step by step with given tokens: rows that are kept get the logits they would have got."""
    policy = make_policy("qwen2")
    tokens = torch.randint(4, 40, (6, len(PROMPTS) * 2), generator=torch.Generator().manual_seed(2))
    whole, fewer = kind(policy), kind(policy)
    assert torch.equal(whole.start(PROMPTS, 2, 8), fewer.start(PROMPTS, 2, 8))
    rows = torch.arange(len(PROMPTS) * 2)
    for step, kept in enumerate((None, [0, 1, 4, 7, 9], None, [1, 4], [0], None)):
        if kept is not None:
            fewer.keep(torch.tensor(kept))
            rows = rows[kept]
        expected = whole.step(tokens[step])[rows]
        assert torch.allclose(fewer.step(tokens[step, rows]), expected, atol=1e-5)
    assert len(rows) == 1


def test_prompts_of_one_length_and_ragged_ones_agree() -> None:
    """Without padding no mask is made; the logits are those of the same prompts among others."""
    policy = make_policy("llama")
    several = LlamaDecoder(policy).start(PROMPTS, 1, 4)
    for number, prompt in enumerate(PROMPTS):
        assert torch.allclose(LlamaDecoder(policy).start([prompt], 1, 4)[0], several[number], atol=1e-5)


@pytest.mark.parametrize("family", OWN)
def test_the_step_that_is_compiled_draws_the_same_rollouts(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """As written, before any compiler: columns found in memory, blocks of the cache, sequences that leave."""
    policy = make_exact(family)
    plain = rolled_out(policy)
    monkeypatch.setattr(llama, "BLOCK", 8)
    monkeypatch.setattr(torch, "compile", lambda step, **_: step)
    blocks = rolled_out(policy, compiled=True)
    assert [one.response for one in plain] == [one.response for one in blocks]
    assert differences(policy, blocks).max() < WITHIN[policy.compute]


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on a CPU")
def test_a_compiled_step_draws_the_same_rollouts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled once: one block of the cache, and nobody leaves."""
    monkeypatch.setattr(sampling, "LEAVE_AT", 0.0)
    policy = make_policy("qwen3")
    plain, compiled = rolled_out(policy), rolled_out(policy, compiled=True)
    assert [one.response for one in plain] == [one.response for one in compiled]
    assert differences(policy, compiled).max() < WITHIN[policy.compute]
