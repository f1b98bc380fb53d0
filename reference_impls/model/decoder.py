"""Decoding: one token for every sequence at a time, over a cache of keys and values.

Two decoders with the same three verbs. `LlamaDecoder` has its own kernels for the Llama family (Llama, Mistral, Qwen2,
Qwen3): query, key and value are one product, gate and up another, and the cache is one block that is written in place.
`ModuleDecoder` runs any other causal model of transformers through its own module and cache.
Both take ragged prompts, read each prompt once however many rollouts it gets, and let finished sequences leave.
"""

from typing import Any, Protocol

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor

from reference_impls.model.batches import left_padded
from reference_impls.model.policy import Policy

BLOCK = 128  # columns of the cache that a compiled step reads at a time, so that it is compiled seldom


class Decoder(Protocol):
    """What sampling asks of a decoder. B sequences, V vocabulary."""

    def start(self, prompts: list[tuple[int, ...]], group_size: int, max_new: int) -> Tensor:
        """Read the prompts; return the logits of the first token of each of their rollouts, (P * G, V)."""

    def step(self, tokens: Tensor) -> Tensor:
        """Take the token drawn for each sequence, (B,); return the logits of the next, (B, V)."""

    def keep(self, rows: Tensor) -> None:
        """Go on with these sequences alone; rows: (B',) their places."""

    @property
    def fixed(self) -> bool:
        """Whether every sequence stays to the end, because a step is compiled for their number."""


def make_decoder(policy: Policy, *, compiled: bool = False) -> Decoder:
    """Return the fastest decoder that this policy's model has, with its weights of now.

    A compiled one is kept with the policy and given the new weights, for compiling takes as long as many rollouts.
    """
    if not LlamaDecoder.fits(policy):
        return ModuleDecoder(policy)
    if not compiled:
        return LlamaDecoder(policy)
    if policy.decoder is None:
        policy.decoder = LlamaDecoder(policy, compiled=True)
    kept: LlamaDecoder = policy.decoder
    kept.take_weights(policy)
    return kept


class LlamaDecoder:
    """Decoding of the Llama family with fused weights of its own, taken from the policy when it is made."""

    def __init__(self, policy: Policy, *, compiled: bool = False) -> None:
        base = policy.base
        self.pad, self.device, self.dtype = policy.pad_id, policy.device, policy.compute
        config = base.config
        self.heads, self.kv_heads = config.num_attention_heads, config.num_key_value_heads
        self.head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        self.eps = config.rms_norm_eps
        self.rotary = base.model.rotary_emb
        # as in training, what runs through the layers keeps the dtype of the weights, and products alone are in another
        self.stream = base.model.embed_tokens.weight.dtype
        self.ends = self._ends(base)
        self.layers = [self._layer(layer) for layer in base.model.layers]
        self.fixed = self.compiled = compiled
        # reduce-overhead records the step as one CUDA graph; on a CPU it is plain compilation
        self._forward = torch.compile(self._decode, mode="reduce-overhead", dynamic=False) if compiled else self._decode

    def take_weights(self, policy: Policy) -> None:
        """Put the policy's weights of now where those of then are, so that a compiled step finds them."""
        base = policy.base
        new = [self._ends(base), *(self._layer(layer) for layer in base.model.layers)]
        for old_part, new_part in zip([self.ends, *self.layers], new, strict=True):
            for name, weight in old_part.items():
                if weight is not None:
                    weight.copy_(new_part[name])

    @staticmethod
    def fits(policy: Policy) -> bool:
        """Whether the model is one whose every operation is known here."""
        config = policy.base.config
        rope = (getattr(config, "rope_parameters", None) or {}).get("rope_type", "default")
        return (
            config.model_type in ("llama", "mistral", "qwen2", "qwen3")
            and rope in ("default", "linear", "llama3", "yarn")
            and not getattr(config, "use_sliding_window", False)
            and not (config.model_type == "mistral" and config.sliding_window)
            and config.hidden_act == "silu"
            and policy.plain_head
        )

    @torch.no_grad()
    def start(self, prompts: list[tuple[int, ...]], group_size: int, max_new: int) -> Tensor:
        """Read the prompts; return the logits of the first token of each of their rollouts, (P * G, V)."""
        ids, padding = left_padded(prompts, self.pad, self.device)  # (P, T), (P,)
        count, width = ids.shape
        total = -(-(width + max_new) // BLOCK) * BLOCK if self.compiled else width + max_new
        shape = (len(self.layers), count, self.kv_heads, total, self.head_dim)
        self.keys, self.values = (torch.zeros(shape, dtype=self.dtype, device=self.device) for _ in range(2))
        columns = torch.arange(total, device=self.device)
        self.cos, self.sin = self._rotations(total)  # (T, D)
        self.seen = columns[None] >= padding[:, None]  # (P, T) columns that hold no padding
        self.ragged = bool(padding.any())
        hidden = self._prefill(ids, padding)
        self.column, self.padding = width, padding.repeat_interleave(group_size)
        if group_size > 1:
            self.keys, self.values = (kept.repeat_interleave(group_size, 1) for kept in (self.keys, self.values))
            self.seen = self.seen.repeat_interleave(group_size, 0)
        return F.linear(hidden, self.ends["head"]).float().repeat_interleave(group_size, 0)

    @torch.no_grad()
    def step(self, tokens: Tensor) -> Tensor:
        """Take the token drawn for each sequence, (B,); return the logits of the next, (B, V)."""
        column = self.column
        limit = -(-(column + 1) // BLOCK) * BLOCK if self.compiled else column + 1
        mask = None
        if self.ragged or self.compiled:
            mask = self.seen[:, :limit].clone()
            mask[:, column + 1 :] = False
        place = torch.tensor([column], device=self.device) if self.compiled else column
        logits: Tensor = self._forward(tokens, column - self.padding, place, limit, mask)
        self.column += 1
        return logits.clone() if self.compiled else logits

    def keep(self, rows: Tensor) -> None:
        """Go on with these sequences alone; rows: (B',) their places."""
        self.keys, self.values = self.keys[:, rows], self.values[:, rows]
        self.seen, self.padding = self.seen[rows], self.padding[rows]

    def _decode(
        self, tokens: Tensor, positions: Tensor, column: Tensor | int, limit: int, mask: Tensor | None
    ) -> Tensor:
        hidden = self.ends["embedding"][tokens]  # (B, d)
        cos, sin = self.cos[positions][:, None], self.sin[positions][:, None]  # (B, 1, D)
        if mask is not None:
            mask = mask[:, None, None]  # (B, 1, 1, T)
        for number, layer in enumerate(self.layers):
            query, key, value = self._attend(layer, hidden, cos, sin)  # (B, H, D), (B, K, D), (B, K, D)
            keys, values = self.keys[number], self.values[number]  # (B, K, T, D)
            if isinstance(column, int):
                keys[:, :, column], values[:, :, column] = key, value
            else:  # a recorded step finds its column in memory, for its place in the code is fixed
                keys.index_copy_(2, column, key[:, :, None])
                values.index_copy_(2, column, value[:, :, None])
            seen = self._look(query[:, :, None], keys[:, :, :limit], values[:, :, :limit], mask)  # (B, H, 1, D)
            hidden = self._finish(layer, hidden, seen.flatten(1))
        logits: Tensor = F.linear(self._last_norm(hidden), self.ends["head"]).float()
        return logits

    def _look(self, query: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
        """Return attention of one query a sequence over the cache, (B, H, 1, D)."""
        if self.device.type != "cpu" or keys.shape[2] < 16:
            return F.scaled_dot_product_attention(query, keys, values, mask, enable_gqa=self.heads != self.kv_heads)
        # two products beat the fused kernel on a CPU, which is made for many queries
        grouped = query.view(len(query), self.kv_heads, -1, self.head_dim)  # (B, K, H / K, D)
        weights = grouped @ keys.transpose(2, 3) * self.head_dim**-0.5
        if mask is not None:
            weights = weights.masked_fill(~mask, -torch.inf)
        seen: Tensor = weights.softmax(-1) @ values
        return seen.view_as(query)

    def _prefill(self, ids: Tensor, padding: Tensor) -> Tensor:
        """Fill the cache with the prompts; return the last hidden state of each, (P, d)."""
        width = ids.shape[1]
        positions = (torch.arange(width, device=self.device)[None] - padding[:, None]).clamp(min=0)  # (P, T)
        cos, sin = self.cos[positions][:, :, None], self.sin[positions][:, :, None]  # (P, T, 1, D)
        hidden, mask = self.ends["embedding"][ids], None
        if self.ragged:
            causal = torch.ones(width, width, dtype=torch.bool, device=self.device).tril()
            mask = causal & self.seen[:, None, None, :width]  # (P, 1, T, T)
            mask = mask | torch.eye(width, dtype=torch.bool, device=self.device)  # a row of nothing would be NaN
        for number, layer in enumerate(self.layers):
            query, key, value = (part.transpose(1, 2) for part in self._attend(layer, hidden, cos, sin))  # (P, H, T, D)
            self.keys[number, :, :, :width], self.values[number, :, :, :width] = key, value
            seen = F.scaled_dot_product_attention(
                query, key, value, mask, is_causal=mask is None, enable_gqa=self.heads != self.kv_heads
            )
            hidden = self._finish(layer, hidden, seen.transpose(1, 2).flatten(2))
        return self._last_norm(hidden[:, -1])

    def _last_norm(self, hidden: Tensor) -> Tensor:
        return self._norm(hidden, self.ends["norm"]).to(self.dtype)

    def _attend(self, layer: dict[str, Any], hidden: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return query, key (both turned by position) and value, (..., heads, D)."""
        normed = self._norm(hidden, layer["norm_in"]).to(self.dtype)
        whole = F.linear(normed, layer["qkv"], layer["qkv_bias"]).unflatten(-1, (-1, self.head_dim))
        turned, value = whole.split((self.heads + self.kv_heads, self.kv_heads), -2)
        if layer["norm_q"] is not None:
            query, key = turned.split((self.heads, self.kv_heads), -2)
            turned = torch.cat((self._norm(query, layer["norm_q"]), self._norm(key, layer["norm_k"])), -2)
        first, second = turned.chunk(2, -1)
        turned = (turned * cos + torch.cat((-second, first), -1) * sin).to(self.dtype)
        query, key = turned.split((self.heads, self.kv_heads), -2)
        return query, key, value

    def _finish(self, layer: dict[str, Any], hidden: Tensor, seen: Tensor) -> Tensor:
        """Return the hidden state after attention's output and the feed-forward part of a layer."""
        hidden = hidden + F.linear(seen, layer["out"], layer["out_bias"])
        normed = self._norm(hidden, layer["norm_out"]).to(self.dtype)
        gate, up = F.linear(normed, layer["gate_up"], layer["gate_up_bias"]).chunk(2, -1)
        return hidden + F.linear(F.silu(gate) * up, layer["down"], layer["down_bias"])

    def _ends(self, base: Any) -> dict[str, Any]:
        return {
            "embedding": self._take(base.model.embed_tokens, self.stream),
            "head": self._take(base.lm_head),
            "norm": base.model.norm.weight.detach(),
        }

    def _layer(self, layer: Any) -> dict[str, Any]:
        attention, feed = layer.self_attn, layer.mlp
        first, third = (attention.q_proj, attention.k_proj, attention.v_proj), (feed.gate_proj, feed.up_proj)
        return {
            "qkv": torch.cat([self._take(part) for part in first]),
            "qkv_bias": self._bias(*first),
            "out": self._take(attention.o_proj),
            "out_bias": self._bias(attention.o_proj),
            "gate_up": torch.cat([self._take(part) for part in third]),
            "gate_up_bias": self._bias(*third),
            "down": self._take(feed.down_proj),
            "down_bias": self._bias(feed.down_proj),
            "norm_in": layer.input_layernorm.weight.detach(),
            "norm_out": layer.post_attention_layernorm.weight.detach(),
            "norm_q": attention.q_norm.weight.detach() if hasattr(attention, "q_norm") else None,
            "norm_k": attention.k_norm.weight.detach() if hasattr(attention, "k_norm") else None,
        }

    def _norm(self, hidden: Tensor, weight: Tensor) -> Tensor:
        """Return the hidden state at a root mean square of 1, times the weight."""
        if hidden.dtype == weight.dtype:
            return F.rms_norm(hidden, hidden.shape[-1:], weight, self.eps)
        return weight * F.rms_norm(hidden, hidden.shape[-1:], None, self.eps)

    def _take(self, module: Any, dtype: torch.dtype | None = None) -> Tensor:
        """Return a module's weight in the dtype of decoding or another, its LoRA adapters added in."""
        weight = module.weight.detach()
        for name in getattr(module, "active_adapters", ()):
            if name in getattr(module, "lora_A", {}) and not module.disable_adapters:
                weight = weight + module.get_delta_weight(name).detach()
        taken: Tensor = weight.to(dtype or self.dtype)
        return taken

    def _bias(self, *modules: Any) -> Tensor | None:
        if modules[0].bias is None:
            return None
        return torch.cat([module.bias.detach() for module in modules]).to(self.dtype)

    def _rotations(self, length: int) -> tuple[Tensor, Tensor]:
        positions = torch.arange(length, device=self.device)[None]
        like = torch.zeros(1, dtype=torch.float32, device=self.device)
        cos, sin = self.rotary(like, position_ids=positions)
        return cos[0].to(self.stream), sin[0].to(self.stream)


class ModuleDecoder:
    """Decoding of any causal model of transformers through its own module and cache."""

    fixed = False

    def __init__(self, policy: Policy) -> None:
        self.policy = policy

    @torch.no_grad()
    def start(self, prompts: list[tuple[int, ...]], group_size: int, max_new: int) -> Tensor:
        """Read the prompts; return the logits of the first token of each of their rollouts, (P * G, V)."""
        from transformers import DynamicCache

        ids, padding = left_padded(prompts, self.policy.pad_id, self.policy.device)
        self.mask = (torch.arange(ids.shape[1], device=ids.device)[None] >= padding[:, None]).long()
        self.cache = DynamicCache(config=self.policy.base.config)
        logits = self._run(ids, (self.mask.cumsum(-1) - 1).clamp(min=0))
        self.cache.batch_repeat_interleave(group_size)
        self.mask = self.mask.repeat_interleave(group_size, 0)
        return logits.repeat_interleave(group_size, 0)

    @torch.no_grad()
    def step(self, tokens: Tensor) -> Tensor:
        """Take the token drawn for each sequence, (B,); return the logits of the next, (B, V)."""
        self.mask = torch.cat((self.mask, self.mask.new_ones(len(self.mask), 1)), -1)
        return self._run(tokens[:, None], self.mask.sum(-1, keepdim=True) - 1)

    def keep(self, rows: Tensor) -> None:
        """Go on with these sequences alone; rows: (B',) their places."""
        self.cache.batch_select_indices(rows)
        self.mask = self.mask[rows]

    def _run(self, ids: Tensor, positions: Tensor) -> Tensor:
        with self.policy.autocast():
            out = self.policy.base(
                input_ids=ids,
                attention_mask=self.mask,
                position_ids=positions,
                past_key_values=self.cache,
                use_cache=True,
            )
        logits: Tensor = out.logits[:, -1].float()
        return logits
