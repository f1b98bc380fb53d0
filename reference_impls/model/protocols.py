"""The parts of transformers that are used here, as protocols: its models and tokenizers carry few types of their own.

Only what the code calls is listed; any causal language model of the library fits.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn


class AddedToken(Protocol):
    """A token that was added to a vocabulary."""

    content: str
    special: bool


class Tokenizer(Protocol):
    """A tokenizer of transformers. It has an end-of-sequence token, see `policy.load_policy`."""

    eos_token_id: int
    pad_token_id: int | None
    unk_token_id: int | None
    chat_template: str | None
    all_special_ids: Sequence[int]

    @property
    def added_tokens_decoder(self) -> Mapping[int, AddedToken]:
        """The tokens that were added to the vocabulary by their ids, such as `<|im_end|>`."""

    def __call__(self, text: str, *, add_special_tokens: bool = True) -> Mapping[str, Sequence[int]]:
        """Return the token ids of a text under `input_ids`."""

    def decode(
        self, token_ids: Sequence[int], *, skip_special_tokens: bool, clean_up_tokenization_spaces: bool = False
    ) -> str:
        """Return the text of token ids."""

    def apply_chat_template(
        self,
        conversation: Sequence[Mapping[str, object]],
        *,
        add_generation_prompt: bool = False,
        tokenize: bool = True,
        **arguments: object,
    ) -> object:
        """Return the text of chat messages, or with `tokenize` their token ids."""

    def save_pretrained(self, save_directory: Path) -> object:
        """Write the tokenizer's files."""


class ModelConfig(Protocol):
    """The config of a model: sizes by the names that all families share."""

    model_type: str
    vocab_size: int
    hidden_size: int
    hidden_act: str
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    rms_norm_eps: float
    sliding_window: int | None

    def get_text_config(self) -> "ModelConfig":
        """Return the config of the language model where it is one of several parts."""


class Output(Protocol):
    """The result of a forward pass: first the last hidden state or the logits."""

    last_hidden_state: Tensor
    logits: Tensor

    def __getitem__(self, index: int) -> Tensor: ...


class Cache(Protocol):
    """Keys and values of the tokens read so far."""

    def get_seq_length(self) -> int:
        """Return how many tokens it holds."""

    def reorder_cache(self, beam_idx: Tensor) -> None:
        """Keep the sequences of these indices; an index may come several times."""

    def batch_repeat_interleave(self, repeats: int) -> None:
        """Hold each sequence so many times."""

    def batch_select_indices(self, indices: Tensor) -> None:
        """Keep the sequences of these indices."""


class Body(Protocol):
    """A model without its head, or a whole model."""

    config: ModelConfig
    device: torch.device

    def __call__(self, **inputs: object) -> Output:
        """Run a forward pass."""

    def modules(self) -> Iterator[nn.Module]:
        """Yield every module."""


class CausalModel(Body, Protocol):
    """A causal language model of transformers, or peft's around one."""

    generation_config: object

    def parameters(self) -> Iterator[nn.Parameter]:
        """Yield every weight."""

    def named_parameters(self) -> Iterator[tuple[str, nn.Parameter]]:
        """Yield every weight with its name."""

    def to(self, device: torch.device) -> "CausalModel":
        """Move all weights, and return the model."""

    def activation_checkpointing_enable(self, options: Mapping[str, object]) -> None:
        """Let layers recompute their activations in the backward pass."""

    def requires_grad_(self, requires_grad: bool = True) -> "CausalModel":
        """Let all weights have gradients, or none."""

    def get_input_embeddings(self) -> nn.Embedding:
        """Return the embedding."""

    def get_output_embeddings(self) -> nn.Linear:
        """Return the head."""

    def get_decoder(self) -> Body:
        """Return the layers without the head."""

    def save_pretrained(self, save_directory: Path) -> object:
        """Write config and weights."""


class AdaptedModel(CausalModel, Protocol):
    """A model with peft's LoRA adapters."""

    def get_base_model(self) -> CausalModel:
        """Return the transformers model, adapters in place."""

    def merge_and_unload(self) -> CausalModel:
        """Return the transformers model with the adapters added into its weights."""

    def enable_input_require_grads(self) -> None:
        """Let the embedding's output have a gradient, which recomputed layers need where the embedding is frozen."""


class LlamaAttention(Protocol):
    """The attention of a layer; Qwen3 norms queries and keys too, as `q_norm` and `k_norm`."""

    q_proj: nn.Linear
    k_proj: nn.Linear
    v_proj: nn.Linear
    o_proj: nn.Linear


class LlamaFeedForward(Protocol):
    """The gated feed-forward part of a layer."""

    gate_proj: nn.Linear
    up_proj: nn.Linear
    down_proj: nn.Linear


class LlamaLayer(Protocol):
    """A layer of the Llama family."""

    self_attn: LlamaAttention
    mlp: LlamaFeedForward
    input_layernorm: nn.LayerNorm
    post_attention_layernorm: nn.LayerNorm


class LlamaBody(Protocol):
    """The layers of a Llama, with what comes before and after them."""

    embed_tokens: nn.Embedding
    layers: Sequence[LlamaLayer]
    norm: nn.LayerNorm

    def rotary_emb(self, hidden: Tensor, *, position_ids: Tensor) -> tuple[Tensor, Tensor]:
        """Return cosine and sine of the rotation at each position, in the dtype of `hidden`."""


class Llama(Protocol):
    """A model of the Llama family."""

    config: ModelConfig
    model: LlamaBody
    lm_head: nn.Linear


class LoraLayer(Protocol):
    """A linear layer with peft's LoRA adapters."""

    active_adapters: Sequence[str]
    disable_adapters: bool
    lora_A: Mapping[str, nn.Module]  # noqa: N815 - peft's name

    def get_delta_weight(self, adapter: str) -> Tensor:
        """Return the product of an adapter's two factors, scaled, in the shape of the weight."""
