"""The policy: log-probabilities that are the model's own, whatever the path; loading, adapters, reference, FLOPs."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from posttrain.errors import PosttrainError
from reference_impls.configs import SFTConfig
from reference_impls.model import policy as policy_module
from reference_impls.model.batches import Encoded, collate
from reference_impls.model.policy import Policy, flops_per_token, load_policy, log_probs, make_optimizer
from reference_impls.model.sampling import sample
from tests.reference_impls.parity import draw_ids, plain_log_probs
from tests.reference_impls.small_models import (
    EOS,
    FAMILIES,
    PAD,
    VOCABULARY,
    add_adapters,
    as_policy,
    make_model,
    make_policy,
    save_model,
)

GENERATOR = torch.Generator().manual_seed(4)
SEQUENCES = [
    Encoded(draw_ids(GENERATOR, prompt), (*draw_ids(GENERATOR, response), EOS))
    for prompt, response in ((3, 5), (9, 1), (1, 12), (6, 0), (2, 8))
]
BATCH = collate(SEQUENCES, PAD, torch.device("cpu"))


def gradient(policy: Policy, *terms: torch.Tensor) -> torch.Tensor:
    """Return the gradient of a weighted sum by all weights that are trained."""
    weights = torch.rand(BATCH.mask.shape, generator=torch.Generator().manual_seed(8))
    policy.model.zero_grad()
    torch.stack([(term * weights).sum() for term in terms]).sum().backward()
    return torch.cat([weight.grad.flatten() for weight in policy.trainable() if weight.grad is not None])


def load(folder: Path, **settings: Any) -> Policy:
    return load_policy(SFTConfig(model=str(folder), device="cpu", **settings))


@pytest.mark.parametrize("temperature", [1.0, 0.7])
@pytest.mark.parametrize("family", FAMILIES)
def test_log_probs_are_the_models_own(family: str, temperature: float) -> None:
    """Of each sequence alone and without padding, to 1e-5; 0 wherever no response stands; the entropy as well."""
    policy = make_policy(family)
    with torch.no_grad():
        found, entropies = log_probs(policy, BATCH, temperature, entropy=True)
        alone, none = log_probs(policy, BATCH, temperature)
    assert none is None and entropies is not None and found.dtype == torch.float32
    for one, row, mask in zip(SEQUENCES, found, BATCH.mask, strict=True):
        assert torch.allclose(row[mask], plain_log_probs(one, temperature, policy.model), atol=1e-5)
    assert not found[~BATCH.mask].any() and not entropies[~BATCH.mask].any()
    assert torch.allclose(found, alone, atol=1e-6)
    every = (policy.model(input_ids=BATCH.inputs).logits / temperature).log_softmax(-1).detach()
    expected = -(every.exp() * every).sum(-1)
    assert torch.allclose(entropies[BATCH.mask], expected[BATCH.mask], atol=1e-5)


@pytest.mark.parametrize("entropy", [False, True], ids=["log-probs", "with entropy"])
@pytest.mark.parametrize("family", ["qwen2", "gpt2", "gemma2"])
def test_chunks_change_neither_values_nor_gradients(
    family: str, entropy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Logits made three tokens at a time, and made anew in the backward pass."""
    policy = make_policy(family)

    def outcome() -> tuple[torch.Tensor, torch.Tensor]:
        values, entropies = log_probs(policy, BATCH, 0.7, entropy=entropy)
        terms = [values] if entropies is None else [values, entropies]
        return torch.stack(terms).detach(), gradient(policy, *terms)

    whole, whole_gradient = outcome()
    monkeypatch.setattr(policy_module, "CHUNK_LOGITS", 3 * VOCABULARY)
    chunked, chunked_gradient = outcome()
    assert torch.allclose(chunked, whole, atol=1e-6)
    assert (chunked_gradient - whole_gradient).norm() < 2e-6 * whole_gradient.norm()


@pytest.mark.parametrize("rows", [3, 1000])
def test_logits_of_a_chunk_are_all_that_is_kept(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """No tensor that waits for the backward pass has a row of logits for every token, but where one chunk holds all."""
    monkeypatch.setattr(policy_module, "CHUNK_LOGITS", rows * VOCABULARY)
    policy, shapes = make_policy("qwen2"), set()

    def note(tensor: torch.Tensor) -> torch.Tensor:
        shapes.add(tuple(tensor.shape))
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        log_probs(policy, BATCH, entropy=True)
    assert ((int(BATCH.mask.sum()), VOCABULARY) in shapes) == (rows == 1000)


@pytest.mark.parametrize("size", [0.6, 0.02], ids=["large logits", "small logits"])
def test_a_soft_cap_on_logits_is_seen(size: float) -> None:
    """Gemma 2 caps its logits: they are made whole, even where the cap does not show yet."""
    policy = make_policy("gemma2", size=size, final_logit_softcapping=2.0)
    assert not policy.plain_head
    with torch.no_grad():
        found, _ = log_probs(policy, BATCH)
    assert torch.allclose(found[2][BATCH.mask[2]], plain_log_probs(SEQUENCES[2], 1.0, policy.model), atol=1e-5)
    assert all(make_policy(family, size=size).plain_head for family in FAMILIES if family != "gemma2")


@pytest.mark.parametrize("multiplier", ["logits_scaling", "final_logit_softcapping"])
def test_a_loaded_model_whose_logits_are_more_than_a_product_says_so(tmp_path: Path, multiplier: str) -> None:
    """Granite divides its logits, Gemma 2 caps them; the run notes what that costs."""
    family = "granite" if multiplier == "logits_scaling" else "gemma2"
    policy = load(save_model(tmp_path, family, **{multiplier: 3.0}))
    assert not policy.plain_head
    assert "made whole" in policy.notes[0]
    with torch.no_grad():
        found, _ = log_probs(policy, BATCH)
    assert torch.allclose(found[0][BATCH.mask[0]], plain_log_probs(SEQUENCES[0], 1.0, policy.model), atol=1e-5)


def test_a_batch_without_any_response_token_is_worth_nothing() -> None:
    """Zeros, with a graph that gives a gradient of 0."""
    policy = make_policy("qwen2")
    values, entropies = log_probs(policy, collate([Encoded((5, 6, 7), ())], PAD, policy.device), entropy=True)
    assert entropies is not None
    assert not values.any() and not entropies.any()
    (values.sum() + entropies.sum()).backward()
    assert not any(weight.grad is not None and weight.grad.any() for weight in policy.trainable())


def test_bfloat16_computes_and_float32_is_kept() -> None:
    """Weights and their gradients stay in float32; log-probabilities are float32 and near those of float32."""
    policy = make_policy("qwen2", size=0.2)
    exact, _ = log_probs(policy, BATCH)
    policy.compute = torch.bfloat16
    found, _ = log_probs(policy, BATCH)
    found.sum().backward()
    assert found.dtype == torch.float32
    assert {weight.dtype for weight in policy.trainable()} == {torch.float32}
    assert {weight.grad.dtype for weight in policy.trainable() if weight.grad is not None} == {torch.float32}
    assert 0 < (found - exact).abs().max() < 0.02


@pytest.mark.parametrize("rank", [0, 4], ids=["all weights", "adapters"])
@pytest.mark.parametrize("family", ["llama", "gpt2"])
def test_activations_are_made_anew_in_the_backward_pass_and_nothing_else_changes(
    tmp_path: Path, family: str, rank: int
) -> None:
    """Layers run twice for a gradient and once without; the gradient and sampling are the same; dropout stays off."""
    save_model(tmp_path, family)
    plain, frugal = (load(tmp_path, lora_rank=rank, activation_checkpointing=asked) for asked in (False, True))
    frugal.model.load_state_dict(plain.model.state_dict())
    layers = frugal.base.model.layers if family == "llama" else frugal.base.transformer.h
    runs = []
    first = next(module for module in layers[0].modules() if not list(module.children()))
    first.register_forward_pre_hook(lambda *_: runs.append(1))
    expected, found = (gradient(one, log_probs(one, BATCH)[0]) for one in (plain, frugal))
    assert len(runs) == 2
    with torch.no_grad():
        log_probs(frugal, BATCH)
    assert len(runs) == 3
    assert torch.allclose(found, expected, atol=1e-6)
    assert not any(layer.training for layer in layers)
    assert not any(module.training for module in frugal.model.modules() if isinstance(module, nn.Dropout))
    rollouts = [
        sample(one, [(5, 6)], seeds=[1], max_response_tokens=9, temperature=1.0)[0].response for one in (plain, frugal)
    ]
    assert rollouts[0] == rollouts[1]


def test_a_folder_is_loaded_as_it_was_saved(tmp_path: Path) -> None:
    """Weights, tokenizer, stop tokens and the chat template; nothing is in training mode."""
    policy = load(save_model(tmp_path, "qwen2", chat=True))
    saved = make_model("qwen2")
    assert all(torch.equal(one, other) for one, other in zip(policy.trainable(), saved.parameters(), strict=True))
    assert policy.chat and policy.plain_head and not policy.notes
    assert policy.stop_ids == {EOS}
    assert (policy.pad_id, policy.window) == (PAD, 64)
    assert not policy.model.training


def test_every_token_that_ends_a_response_is_known(tmp_path: Path) -> None:
    """The tokenizer's, and all those that the generation config names."""
    save_model(tmp_path)
    (tmp_path / "generation_config.json").write_text(json.dumps({"eos_token_id": [7, 9]}))
    assert load(tmp_path).stop_ids == {EOS, 7, 9}


def test_padding_needs_no_token_of_its_own() -> None:
    """A tokenizer without a padding token pads with one that ends a response."""
    policy = as_policy(make_model())
    policy.tokenizer.pad_token = None
    assert policy.pad_id == EOS


@pytest.mark.parametrize("weights", ["float32", "bfloat16"])
def test_weights_are_kept_in_the_dtype_asked_for(tmp_path: Path, weights: str) -> None:
    """Whatever they were saved in."""
    policy = load(save_model(tmp_path), weights=weights, learning_rate=1e-3)
    assert {weight.dtype for weight in policy.trainable()} == {getattr(torch, weights)}


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    """Found, expected, and what to give."""
    with pytest.raises(PosttrainError, match=r"cannot load the model '.*nowhere'") as raised:
        load(tmp_path / "nowhere")
    assert "a folder with safetensors" in raised.value.hint


def test_a_tokenizer_without_an_end_is_refused(tmp_path: Path) -> None:
    """No response could end."""
    with pytest.raises(PosttrainError, match="has no end-of-sequence token") as raised:
        load(save_model(tmp_path, eos=False))
    assert "eos_token" in raised.value.hint


def test_pickled_weights_are_refused(tmp_path: Path) -> None:
    """They would run code; safetensors cannot."""
    save_model(tmp_path)
    torch.save(make_model().state_dict(), tmp_path / "pytorch_model.bin")
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(PosttrainError, match="cannot load the model"):
        load(tmp_path)


def test_code_of_a_model_is_refused_and_not_run(tmp_path: Path) -> None:
    """A folder may name Python of its own; it is not imported."""
    save_model(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    own = {"AutoConfig": "own.OwnConfig", "AutoModelForCausalLM": "own.OwnModel"}
    (tmp_path / "config.json").write_text(json.dumps({**config, "model_type": "own", "auto_map": own}))
    (tmp_path / "own.py").write_text(f"open({str(tmp_path / 'it-ran')!r}, 'w')\nraise SystemExit\n")
    with pytest.raises(PosttrainError, match="cannot load the model"):
        load(tmp_path)
    assert not (tmp_path / "it-ran").exists()


@pytest.mark.parametrize("family", ["qwen2", "gpt2"])
def test_adapters_are_all_that_trains(tmp_path: Path, family: str) -> None:
    """At first they change nothing; an update changes them alone; switched off, they leave the starting policy."""
    save_model(tmp_path, family)
    policy, plain = load(tmp_path, lora_rank=4), load(tmp_path)
    before = {name: weight.clone() for name, weight in policy.model.named_parameters()}
    with torch.no_grad():
        start, _ = log_probs(plain, BATCH)
        assert torch.allclose(log_probs(policy, BATCH)[0], start, atol=1e-6)
    policy.keep_reference()
    assert policy.reference is None
    log_probs(policy, BATCH)[0].sum().backward()
    make_optimizer(policy, 0.1, 0.0).step()
    changed = {name for name, weight in policy.model.named_parameters() if not torch.equal(weight, before[name])}
    assert changed and all("lora_B" in name for name in changed)
    assert {name for name, weight in policy.model.named_parameters() if weight.requires_grad} == {
        name for name in before if "lora_" in name
    }
    with torch.no_grad(), policy.as_reference() as model:
        assert torch.allclose(log_probs(policy, BATCH, model=model)[0], start, atol=1e-6)
    assert not torch.allclose(log_probs(policy, BATCH)[0], start, atol=0.01)


def test_the_reference_is_a_copy_that_stays() -> None:
    """After an update of all weights it is the policy of before, and needs no gradient."""
    policy = make_policy("qwen2")
    with torch.no_grad():
        start, _ = log_probs(policy, BATCH)
    policy.keep_reference()
    log_probs(policy, BATCH)[0].sum().backward()
    make_optimizer(policy, 0.1, 0.0).step()
    with torch.no_grad(), policy.as_reference() as model:
        assert torch.equal(log_probs(policy, BATCH, model=model)[0], start)
        assert not torch.allclose(log_probs(policy, BATCH)[0], start, atol=0.01)
    assert not any(weight.requires_grad for weight in policy.reference.parameters())


def test_flops_of_a_token_by_hand() -> None:
    """Two per weight it passes through, and attention to half the length: an embedding is looked up, not multiplied."""
    layer = 16 * 16 + 2 * 16 * 8 + 16 * 16 + 3 * 16 * 24 + 2 * 16  # q, k and v, o, the feed-forward part, two norms
    weights = 2 * layer + 16 + 16 * VOCABULARY  # and the last norm and the head
    assert make_policy("llama").parameters_in_use() == weights
    assert flops_per_token(make_policy("llama"), 10) == 2 * weights + 4 * 2 * 16 * 10 / 2
    assert make_policy("llama", tie_word_embeddings=True).parameters_in_use() == weights  # one matrix, used twice


def test_vectors_are_not_decayed() -> None:
    """Norms and biases have no weight decay; with adapters there is no empty group."""
    policy = make_policy("qwen2")
    decayed, spared = make_optimizer(policy, 1e-3, 0.1).param_groups
    assert (decayed["weight_decay"], spared["weight_decay"]) == (0.1, 0.0)
    assert {weight.dim() for weight in spared["params"]} == {1}
    assert len(decayed["params"]) + len(spared["params"]) == len(policy.trainable())
    assert len(make_optimizer(add_adapters(policy), 1e-3, 0.1).param_groups) == 1
