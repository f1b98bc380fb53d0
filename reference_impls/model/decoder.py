"""Decoders: two ways to sample one token for every sequence at a time, over a cache of keys and values.

`LlamaDecoder` (llama.py) has its own kernels for the Llama family (Llama, Mistral, Qwen2, Qwen3). `ModuleDecoder` runs
any other causal model of transformers through its own module and cache. Both take prompts of different lengths, read
each prompt once however many rollouts it gets, and let finished sequences leave.
"""

from typing import Protocol, cast

import torch
from torch import Tensor

from reference_impls.model.batches import left_padded
from reference_impls.model.llama import LlamaDecoder
from reference_impls.model.policy import Policy
from reference_impls.model.protocols import Cache


class Decoder(Protocol):
    """The three verbs that sampling asks of a decoder. P prompts, G rollouts of each, B sequences, V vocabulary."""

    def start(self, prompts: list[tuple[int, ...]], group_size: int, max_new: int) -> Tensor:
        """Read the prompts; return the logits of the first token of each of their rollouts, (P * G, V)."""

    def step(self, tokens: Tensor) -> Tensor:
        """Take the token drawn for each sequence, (B,); return the logits of the next, (B, V)."""

    def keep(self, rows: Tensor) -> None:
        """Go on with these sequences alone; rows: (B',) their indices."""

    @property
    def fixed(self) -> bool:
        """Whether every sequence stays to the end, because a step is compiled for their number."""


def make_decoder(policy: Policy, *, compiled: bool = False) -> Decoder:
    """Return the fastest decoder that this policy's model has, with its current weights.

    A compiled decoder is kept with the policy and given the new weights, for compiling takes as long as many rollouts.
    """
    if not LlamaDecoder.fits(policy):
        return ModuleDecoder(policy)
    if not compiled:
        return LlamaDecoder(policy)
    if isinstance(policy.decoder, LlamaDecoder):
        policy.decoder.take_weights(policy)
        return policy.decoder
    policy.decoder = decoder = LlamaDecoder(policy, compiled=True)
    return decoder


class ModuleDecoder:
    """Decoding of any causal model of transformers through its own module and cache."""

    fixed = False

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    @torch.no_grad()
    def start(self, prompts: list[tuple[int, ...]], group_size: int, max_new: int) -> Tensor:
        """Read the prompts; return the logits of the first token of each of their rollouts, (P * G, V)."""
        from transformers import DynamicCache

        ids, padding = left_padded(prompts, self.policy.pad_id, self.policy.device)  # (P, T), (P,)
        self.mask = (torch.arange(ids.shape[1], device=ids.device)[None] >= padding[:, None]).long()  # (P, T)
        self.cache = cast("Cache", DynamicCache(config=self.policy.base.config))  # type: ignore[arg-type]
        logits = self._run(ids, (self.mask.cumsum(-1) - 1).clamp(min=0))  # positions count real tokens only
        self.cache.batch_repeat_interleave(group_size)
        self.mask = self.mask.repeat_interleave(group_size, 0)
        return logits.repeat_interleave(group_size, 0)

    @torch.no_grad()
    def step(self, tokens: Tensor) -> Tensor:
        """Take the token drawn for each sequence, (B,); return the logits of the next, (B, V)."""
        self.mask = torch.cat((self.mask, self.mask.new_ones(len(self.mask), 1)), -1)
        return self._run(tokens[:, None], self.mask.sum(-1, keepdim=True) - 1)

    def keep(self, rows: Tensor) -> None:
        """Go on with these sequences alone; rows: (B',) their indices."""
        self.cache.batch_select_indices(rows)
        self.mask = self.mask[rows]

    def _run(self, ids: Tensor, positions: Tensor) -> Tensor:
        with self.policy.autocast():
            output = self.policy.base(
                input_ids=ids,
                attention_mask=self.mask,
                position_ids=positions,
                past_key_values=self.cache,
                use_cache=True,
            )
        return output.logits[:, -1].float()  # (B, V), after the last token of each
