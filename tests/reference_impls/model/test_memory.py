"""Counting what a model keeps: equal to what autograd really keeps, byte for byte, and to what is committed."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from transformers import AutoConfig, AutoModelForCausalLM

from posttrain.errors import PosttrainError
from reference_impls.configs import make_config
from reference_impls.model import memory
from reference_impls.model.kept import kept_bytes
from reference_impls.model.policy import with_adapters
from tests.benchmarks.memory import COUNTS, count
from tests.reference_impls.small_models import make_model

ROOT = Path(__file__).resolve().parents[3]
SHAPE = {
    "vocab_size": 512, "hidden_size": 128, "intermediate_size": 384, "num_hidden_layers": 3, "num_attention_heads": 4,
    "num_key_value_heads": 2, "tie_word_embeddings": False, "max_position_embeddings": 256,
}  # fmt: skip
COUNTED = ("llama-3.2-1b", "qwen2.5-0.5b", "qwen3-0.6b", "olmo-2-1b")
FAMILIES = {"llama": {}, "qwen2": {}, "qwen3": {"head_dim": 32}, "mistral": {"sliding_window": None}}


@pytest.mark.parametrize("adapters", [False, True])
@pytest.mark.parametrize(("weights", "compute"), [("float32", "float32"), ("float32", "bfloat16"), ("bfloat16",) * 2])
@pytest.mark.parametrize("family", FAMILIES)
def test_the_count_is_what_autograd_really_keeps(family: str, weights: str, compute: str, adapters: bool) -> None:
    """A real model with torch's own attention keeps, to the byte, what the fake one is counted to keep."""
    config = AutoConfig.for_model(family, **{**SHAPE, **FAMILIES[family]})
    dtype, computed = memory.DTYPES[weights], memory.DTYPES[compute]
    real = AutoModelForCausalLM.from_config(config, dtype=dtype, attn_implementation="sdpa")
    counted = memory._build(config, dtype)
    if adapters:
        real, counted = (with_adapters(one, make_config(memory.ADAPTERS)).get_base_model() for one in (real, counted))
    with FakeTensorMode():
        told = kept_bytes(memory._as_fake(counted), 64, computed)
    assert told == kept_bytes(real, 64, computed)


@pytest.mark.slow
def test_what_is_kept_is_a_straight_line_of_tokens() -> None:
    """Two lengths tell a third."""
    config = AutoConfig.for_model("qwen2", **SHAPE)
    kept = next(one for one in memory.count(config).kept if (one.weights, one.compute) == ("float32", "bfloat16"))
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation="sdpa")
    assert kept_bytes(model, 200, torch.bfloat16)["total"] == kept.constant + 200 * kept.per_token


def test_autocast_copies_every_matrix_once() -> None:
    """What does not grow with tokens is two bytes for each weight that is multiplied with."""
    counts = memory.count(AutoConfig.for_model("llama", **SHAPE))
    kept = counts.kept[0]
    assert (kept.weights, kept.compute, kept.adapters) == ("float32", "bfloat16", False)
    vectors = counts.hidden * (2 * counts.layers + 1)
    assert kept.constant == 2 * (counts.parameters - counts.embedding - counts.head - vectors)


def test_facts_are_those_of_the_real_model() -> None:
    """Parameters, adapters and the cache of keys and values, against real ones."""
    config = AutoConfig.for_model("llama", **SHAPE)
    counts = memory.count(config, "small")
    real = AutoModelForCausalLM.from_config(config)
    assert counts.parameters == sum(weight.numel() for weight in real.parameters())
    adapted = with_adapters(real, make_config({"technique": "sft", "lora_rank": 4}))
    trained = sum(weight.numel() for weight in adapted.parameters() if weight.requires_grad)
    assert counts.adapter_parameters_per_rank * 4 == trained
    cache = adapted.get_base_model()(torch.zeros(1, 10, dtype=torch.long), use_cache=True).past_key_values
    held = sum(layer.keys.numel() + layer.values.numel() for layer in cache.layers)
    assert counts.kv_values_per_token * 10 == held


@pytest.mark.slow
@pytest.mark.parametrize("family", ["gpt2", "gemma2"])
def test_other_families_are_counted_too(family: str) -> None:
    """Nothing here knows the family of a model."""
    counts = memory.count(make_model(family).config, family)
    assert counts.layers == 2
    assert all(one.per_token > one.inputs_per_token > 0 for one in counts.kept)


@pytest.mark.slow
@pytest.mark.parametrize("name", COUNTED)
def test_the_committed_counts_are_counted_so(name: str) -> None:
    """data/reference/model_counts.json is what `python -m tests.benchmarks.memory --write` writes."""
    assert json.loads(COUNTS.read_text())[name] == count(name)


@pytest.mark.slow
def test_the_command_prints_one_object_and_loads_nothing(tmp_path: Path) -> None:
    """A folder with a config and no weights is enough."""
    AutoConfig.for_model("llama", **SHAPE).save_pretrained(tmp_path / "model")
    done = _run(str(tmp_path / "model"))
    assert done.returncode == 0
    assert (
        json.loads(done.stdout)["counts"]["parameters"]
        == memory.count(AutoConfig.for_model("llama", **SHAPE)).parameters
    )


@pytest.mark.slow
def test_a_model_that_is_not_there_is_said_with_a_hint() -> None:
    """Exit code 2, the error as JSON for whoever started the process, in two lines for a person, no traceback."""
    done = _run("no/such/model/config.json")
    error = json.loads(done.stdout)["error"]
    assert done.returncode == 2 and error["message"].startswith("cannot read the config of 'no/such/model/config.json'")
    assert "give a hub id" in error["hint"]
    assert done.stderr.startswith("error: cannot read the config of 'no/such/model/config.json'")
    assert "try: give a hub id" in done.stderr


def test_a_model_that_cannot_be_counted_raises() -> None:
    """One that is no causal language model."""
    with pytest.raises(PosttrainError, match="cannot count"):
        memory.count(AutoConfig.for_model("t5"), "t5")


def _run(model: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "reference_impls.model.memory", model]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
