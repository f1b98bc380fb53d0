"""Models with convolutions, recurrences, windows and caches of their own are sampled as they are trained.

The whole matrix is a command (tests/reference_impls/architectures.py); a dozen kinds stand for it here.
"""

from pathlib import Path

import pytest
import torch

from posttrain.errors import ConfigurationError
from reference_impls.configs import SFTConfig
from reference_impls.model.batches import collate
from reference_impls.model.decoder import make_decoder
from reference_impls.model.policy import Policy, load_policy, log_probs
from reference_impls.model.sampling import sample
from tests.reference_impls.architectures import DIFFERS, names, save_tiny, try_out
from tests.reference_impls.small_models import PAD, as_policy
from tests.reference_impls.tiny_configs import ABSENT, OWN, tiny_config

PROMPTS = ((5, 9, 7, 12, 30, 8), (11, 6), (20, 21, 22, 9))
KINDS = {"mamba": "ModuleDecoder", "lfm2": "ModuleDecoder", "bart": "StateDecoder", "rwkv": "WholeDecoder"}


def tiny_policy(name: str) -> Policy:
    """Return a policy around a tiny model of an architecture."""
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    return as_policy(AutoModelForCausalLM.from_config(tiny_config(name)).eval())


@pytest.mark.parametrize("name", KINDS)
def test_log_probs_of_sampling_are_those_of_training(name: str) -> None:
    """For ragged prompts in groups, by the fastest decoder that the model can bear."""
    policy = tiny_policy(name)
    assert type(make_decoder(policy)).__name__ == KINDS[name]
    rollouts = sample(policy, PROMPTS, seeds=range(6), max_response_tokens=8, group_size=2)
    batch = collate(rollouts, PAD, policy.device)
    with torch.no_grad():
        trained, _ = log_probs(policy, batch)
    assert torch.allclose(trained[batch.mask], torch.cat([rollout.log_probs for rollout in rollouts]), atol=1e-4)


def test_a_model_that_reads_later_tokens_is_refused(tmp_path: Path) -> None:
    """An encoder would be trained on what it has to predict; as a decoder it is taken."""
    from transformers import AutoModelForCausalLM

    config = tiny_config("bert")
    assert load_policy(SFTConfig(model=str(save_tiny("bert", tmp_path / "decoder")), device="cpu"))
    config.is_decoder = False
    AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path / "decoder")
    with pytest.raises(ConfigurationError, match="reads later tokens too") as error:
        load_policy(SFTConfig(model=str(tmp_path / "decoder"), device="cpu"))
    assert "is_decoder" in error.value.hint


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["mamba2", "qwen3_next", "jamba", "bamba", "recurrent_gemma", "gpt_oss", "mixtral", "blenderbot", "xlnet"]
)
def test_a_dozen_kinds_go_all_the_way(name: str, tmp_path: Path) -> None:
    """From a folder through greedy decoding, SFT and GRPO; XLNet, which is not causal, is refused."""
    trial = try_out(name, tmp_path)
    assert trial.passes or (name == "xlnet" and "reads later tokens too" in trial.reason), trial.reason


def test_every_name_in_the_lists_of_reasons_is_an_architecture() -> None:
    """A reason for what is not there would be believed."""
    assert {*ABSENT, *DIFFERS, *OWN} <= set(names())
    assert len(names()) > 150
