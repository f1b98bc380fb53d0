"""Prompts that are read once for their rollouts: the same loss and gradient as whole sequences, from fewer tokens."""

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from reference_impls import grpo
from reference_impls.configs import GRPOConfig, SFTConfig
from reference_impls.model import policy as policy_module
from reference_impls.model.batches import Encoded, collate
from reference_impls.model.forward import can_share
from reference_impls.model.policy import Policy, load_policy, log_probs
from reference_impls.model.sampling import Rollout
from reference_impls.run import step as update
from reference_impls.run.processes import World
from reference_impls.run.spent import Work
from tests.reference_impls.parity import Outcome, distance, draw_ids
from tests.reference_impls.small_models import EOS, FAMILIES, PAD, VOCABULARY, add_adapters, make_policy, save_model

GENERATOR = torch.Generator().manual_seed(5)
LENGTHS = (5, 1, 8, 12, 3, 7, 2, 9)  # of the responses of each prompt
SHARING = [family for family in FAMILIES if family != "gemma2"]


def rollouts(*prompts: int) -> list[Rollout]:
    """Return eight rollouts of each prompt; the lengths of the prompts are given."""
    made = []
    for length in prompts:
        prompt = draw_ids(GENERATOR, length)
        for number, response in enumerate(LENGTHS):
            old = torch.rand(response, generator=GENERATOR) - 4
            ids = (*draw_ids(GENERATOR, response - 1), EOS)
            made.append(Rollout(prompt, ids, old, 0.0, True, advantage=(-1) ** number * 0.7))
    return made


RAGGED, EVEN = rollouts(9, 4, 14), rollouts(8, 8, 8)


def outcome(policy: Policy, several: list[Rollout], *, share: bool, **settings: Any) -> Outcome:
    """Return loss and gradient of one update of GRPO with a KL term and an entropy bonus, as the loop makes it."""
    config = GRPOConfig(
        micro_batch=12, accumulation=2, temperature=0.7, clip_high=5.0, clip_low=0.9, kl_coef=0.05, entropy_coef=0.02,
        **settings,
    )  # fmt: skip
    policy = replace(policy, shares_prompts=share)
    policy.keep_reference()
    policy.model.zero_grad()

    def updated(sequences: Any, loss_of: Any) -> dict[str, float]:
        return {"loss": update.accumulate(policy, sequences, config.micro_batch, World(), loss_of)}

    run: Any = SimpleNamespace(config=config, policy=policy, world=World(), update=updated, work=Work())
    loss = grpo._update(run, grpo._with_reference(run, several), first=False)["loss"]
    return Outcome(loss, torch.cat([one.grad.flatten().double() for one in policy.trainable() if one.grad is not None]))


@pytest.mark.parametrize("several", [RAGGED, EVEN], ids=["ragged prompts", "equal prompts"])
@pytest.mark.parametrize("adapters", [False, True], ids=["all weights", "adapters"])
@pytest.mark.parametrize("family", SHARING)
def test_loss_and_gradient_are_those_of_whole_sequences(family: str, adapters: bool, several: list[Rollout]) -> None:
    """Of an update with a KL term and an entropy bonus, and groups that do not fit into a micro-batch evenly."""
    policy = make_policy(family)
    if adapters:
        add_adapters(policy)
    assert policy.shares_prompts
    once, whole = (outcome(policy, several, share=share) for share in (True, False))
    assert once.gradient.norm() > 0.01
    assert distance(once, whole).is_small, distance(once, whole)


@pytest.mark.parametrize("form", ["grpo", "dr_grpo", "cispo", "gspo"])
def test_every_form_may_share(form: Any) -> None:
    """All but bnpo, which is a mean over micro-batches, and these are others where prompts stand together."""
    once, whole = (outcome(make_policy("qwen2"), RAGGED, share=share, form=form) for share in (True, False))
    assert distance(once, whole).is_small


def test_chunks_of_logits_and_logits_made_whole_may_share(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Granite divides its logits, so the whole model is run and not its layers alone."""
    scaled = load_policy(SFTConfig(model=str(save_model(tmp_path, "granite", logits_scaling=3.0)), device="cpu"))
    assert scaled.shares_prompts and not scaled.plain_head
    monkeypatch.setattr(policy_module, "CHUNK_LOGITS", 5 * VOCABULARY)
    for policy in (scaled, make_policy("qwen2")):
        assert distance(*(outcome(policy, RAGGED, share=share) for share in (True, False))).is_small


def test_a_prompt_is_read_once_for_its_rollouts() -> None:
    """The tokens that go through the first layer: three prompts, padded, and the responses without their last token."""
    policy, read = make_policy("llama"), []
    policy.base.model.layers[0].mlp.register_forward_pre_hook(lambda _, given: read.append(given[0].shape[:2].numel()))
    for share in (True, False):
        log_probs(policy, collate(RAGGED, PAD, policy.device, share=share))
    assert read == [3 * 14, 24 * 11, 24 * 25]


def test_bfloat16_products_may_share() -> None:
    """As near to float32 as those of whole sequences."""
    policy = make_policy("qwen2", size=0.2)
    exact, _ = log_probs(policy, collate(RAGGED, PAD, policy.device))
    policy.compute = torch.bfloat16
    found, _ = log_probs(policy, collate(RAGGED, PAD, policy.device, share=True))
    assert found.dtype == torch.float32
    assert 0 < (found - exact).abs().max() < 0.02


@pytest.mark.parametrize(
    ("family", "changes"),
    [
        ("gemma2", {}),
        ("mistral", {"sliding_window": 5}),
        ("llama", {"rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}}),
        ("mamba", {"state_size": 4}),
    ],
    ids=["window", "window in all layers", "angles that follow from the length", "no attention"],
)
def test_other_models_read_whole_sequences(family: str, changes: dict[str, Any]) -> None:
    """What they keep of a prompt is not the keys and values of all its tokens; they are trained as before."""
    policy = make_policy(family, **changes)
    assert not policy.shares_prompts
    seen = []
    update.accumulate(policy, RAGGED[:8], 8, World(), lambda batch, _: seen.append(batch) or _loss(policy, batch))
    assert [batch.shared for batch in seen] == [None]


def test_a_model_that_forgets_its_cache_is_found_out() -> None:
    """What a model is said to keep is tried."""
    body = make_policy("llama").base.model
    real = body.forward
    body.forward = lambda **given: real(**{**given, "past_key_values": None})
    assert not can_share(body)


def test_activations_made_anew_keep_no_prompt(tmp_path: Any) -> None:
    """Such layers have no cache in training; then whole sequences are read."""
    folder = str(save_model(tmp_path))
    assert load_policy(SFTConfig(model=folder, device="cpu")).shares_prompts
    assert not load_policy(SFTConfig(model=folder, device="cpu", activation_checkpointing=True)).shares_prompts


def test_a_response_of_one_token_or_none_is_in_its_place() -> None:
    """The end of the prompt predicts the first token; without a response nothing does."""
    policy, prompt = make_policy("llama"), (5, 6, 7, 8, 9, 10)
    several = [Encoded(prompt, response) for response in ((4, EOS), (EOS,), (), (4, 5, EOS))]
    shared = collate(several, PAD, policy.device, share=True)
    assert shared.shared is not None
    found, whole = (log_probs(policy, batch)[0] for batch in (shared, replace(shared, shared=None)))
    assert torch.allclose(found, whole, atol=1e-6)


def _loss(policy: Policy, batch: Any) -> torch.Tensor:
    return -log_probs(policy, batch)[0].mean()
