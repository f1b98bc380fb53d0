"""Tiny models of real families with a tokenizer, made in memory: the same weights on every machine.

Weights are uniform numbers from a seeded generator; uniform numbers are exact everywhere, normal ones are not.
"""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Regex, Tokenizer, models, pre_tokenizers
from torch import nn

from reference_impls.model.forward import can_share
from reference_impls.model.policy import Policy, _has_plain_head

LETTERS = "0123456789+-*/=<>?:.,|_ abcdefghijklmnopqrst"
SPECIAL = ("<pad>", "<eos>", "<bos>", "<unk>")
TEMPLATE = "{% for one in messages %}<bos>{{ one['content'] }}{% endfor %}{% if add_generation_prompt %}={% endif %}"
VOCABULARY = len(SPECIAL) + len(LETTERS)
PAD, EOS, BOS = 0, 1, 2
FAMILIES = ("llama", "qwen2", "qwen3", "mistral", "gpt2", "gemma2")
COMMON = {
    "vocab_size": VOCABULARY, "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 64,
    "pad_token_id": PAD, "eos_token_id": EOS, "bos_token_id": BOS, "tie_word_embeddings": False,
}  # fmt: skip


def make_tokenizer(*, chat: bool = False, eos: bool = True) -> Any:
    """Return a tokenizer of single characters."""
    from transformers import PreTrainedTokenizerFast

    ids = {token: number for number, token in enumerate((*SPECIAL, *LETTERS))}
    inner = Tokenizer(models.WordLevel(ids, unk_token="<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    named = {"eos_token": "<eos>"} if eos else {}
    made = PreTrainedTokenizerFast(
        tokenizer_object=inner, pad_token="<pad>", bos_token="<bos>", unk_token="<unk>", **named
    )
    made.chat_template = TEMPLATE if chat else None
    return made


def make_model(family: str = "llama", *, seed: int = 0, size: float = 0.6, **changes: Any) -> Any:
    """Return a model of a family in float32; `size` bounds its weights, so that its probabilities are uneven."""
    import transformers

    if family == "gpt2":
        config = transformers.GPT2Config(
            vocab_size=VOCABULARY, n_embd=16, n_layer=2, n_head=4, n_positions=64, pad_token_id=PAD, eos_token_id=EOS,
            bos_token_id=BOS, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, **changes,
        )  # fmt: skip
    else:
        own = {"mistral": {"sliding_window": None}, "qwen3": {"head_dim": 8}, "gemma2": {"head_dim": 8}}.get(family, {})
        config = transformers.AutoConfig.for_model(family, **{**COMMON, **own, **changes})
    model = transformers.AutoModelForCausalLM.from_config(config)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for weight in model.parameters():
            noise = torch.rand(weight.shape, generator=generator) * 2 - 1
            weight.copy_(noise * size if weight.dim() > 1 else weight + 0.2 * noise)
    return model.eval()


def make_policy(family: str = "llama", *, chat: bool = False, **changes: Any) -> Policy:
    """Return a policy around a tiny model, on the CPU and in float32."""
    model = make_model(family, **changes)
    return as_policy(model, chat=chat)


def as_policy(model: nn.Module, *, chat: bool = False) -> Policy:
    """Return a policy around a model."""
    made = Policy(model, make_tokenizer(chat=chat), torch.device("cpu"), torch.float32, frozenset({EOS}), chat)
    made.plain_head = _has_plain_head(made)
    made.shares_prompts = can_share(made.body_of(model))
    return made


def add_adapters(policy: Policy, *, seed: int = 1, rank: int = 4) -> Policy:
    """Return the policy with LoRA adapters on all linear layers, their second factor not zero."""
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(r=rank, lora_alpha=8, lora_dropout=0.0, target_modules="all-linear", task_type="CAUSAL_LM")
    policy.model = get_peft_model(policy.model, config).eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weight in policy.model.named_parameters():
            if "lora_" in name:
                weight.copy_((torch.rand(weight.shape, generator=generator) * 2 - 1) * 0.3)
    return policy


def save_model(folder: Path, family: str = "llama", *, chat: bool = False, eos: bool = True, **changes: Any) -> Path:
    """Write a tiny model and its tokenizer as a folder that transformers loads."""
    make_model(family, **changes).save_pretrained(folder)
    make_tokenizer(chat=chat, eos=eos).save_pretrained(folder)
    return folder
