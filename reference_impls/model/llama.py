"""Decoding of the Llama family with kernels of its own: one token for every sequence at a time, over a cache.

Query, key and value are one matrix product, gate and up another, and the cache is one block of memory that is written
in place. Measured against `generate` of transformers in tests/benchmarks/training.py.

Shapes: P prompts, G rollouts of each, B sequences, T columns of the cache, d hidden size, D size of a head, H query
heads, K key and value heads, V vocabulary.
"""

from dataclasses import dataclass, fields
from typing import cast

import torch
import torch.nn.functional as F  # noqa: N812 - the field's name for it
from torch import Tensor, nn

from reference_impls.model.batches import left_padded
from reference_impls.model.policy import Policy
from reference_impls.model.protocols import Llama, LlamaLayer, LoraLayer

BLOCK = 128  # columns of the cache that a compiled step reads at a time, so that it is compiled seldom


@dataclass
class Ends:
    """The weights before the first layer and after the last."""

    embedding: Tensor  # (V, d)
    head: Tensor  # (V, d)
    norm: Tensor  # (d,)


@dataclass
class Layer:
    """The weights of one layer, with products that read the same input put into one."""

    qkv: Tensor  # ((H + 2 K) D, d)
    qkv_bias: Tensor | None  # Qwen2 has one
    out: Tensor  # (d, H D)
    out_bias: Tensor | None
    gate_up: Tensor  # (2 f, d) with f the width of the feed-forward part
    gate_up_bias: Tensor | None
    down: Tensor  # (d, f)
    down_bias: Tensor | None
    norm_in: Tensor  # (d,) before attention
    norm_out: Tensor  # (d,) before the feed-forward part
    norm_q: Tensor | None  # (D,) Qwen3 norms each query and key
    norm_k: Tensor | None


class LlamaDecoder:
    """A decoder with the weights that the policy had when it was made (or `take_weights` was called)."""

    def __init__(self, policy: Policy, *, compiled: bool = False) -> None:
        base = cast("Llama", policy.base)
        self.pad, self.device, self.dtype = policy.pad_id, policy.device, policy.compute
        config = base.config
        self.heads, self.kv_heads = config.num_attention_heads, config.num_key_value_heads
        # Qwen3's heads are wider than hidden size / heads; configs without the field have just that width
        self.head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        self.eps = config.rms_norm_eps
        self.rotary = base.model.rotary_emb
        # as in training, the hidden state keeps the dtype of the weights, and only products are in another dtype
        self.stream = base.model.embed_tokens.weight.dtype
        self.ends = self._ends(base)
        self.layers = [self._layer(layer) for layer in base.model.layers]
        self.fixed = self.compiled = compiled
        # reduce-overhead records the step as one CUDA graph; on a CPU it is plain compilation
        self._forward = torch.compile(self._decode, mode="reduce-overhead", dynamic=False) if compiled else self._decode

    def take_weights(self, policy: Policy) -> None:
        """Copy the policy's current weights over the old ones, in place: a recorded step reads fixed addresses."""
        base = cast("Llama", policy.base)
        self._copy(self.ends, self._ends(base))
        for old, new in zip(self.layers, base.model.layers, strict=True):
            self._copy(old, self._layer(new))

    @staticmethod
    def _copy(old: Ends | Layer, new: Ends | Layer) -> None:
        for field in fields(old):
            weight: Tensor | None = getattr(old, field.name)
            if weight is not None:
                weight.copy_(getattr(new, field.name))

    @staticmethod
    def fits(policy: Policy) -> bool:
        """Whether every operation of the model is one that this file knows; another model gets `ModuleDecoder`."""
        config = policy.base.config
        rope = (getattr(config, "rope_parameters", None) or {}).get("rope_type", "default")
        return (
            config.model_type in ("llama", "mistral", "qwen2", "qwen3")
            # not "dynamic" and "longrope": their angles depend on the length, and the cache holds rotated keys
            and rope in ("default", "linear", "llama3", "yarn")
            # a window would need a mask by distance: Mistral 0.1 has one of 4096 tokens, later ones have none
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
        # a compiled cache has whole blocks: 300 columns become 384
        total = -(-(width + max_new) // BLOCK) * BLOCK if self.compiled else width + max_new
        shape = (len(self.layers), count, self.kv_heads, total, self.head_dim)
        self.keys, self.values = (torch.zeros(shape, dtype=self.dtype, device=self.device) for _ in range(2))
        columns = torch.arange(total, device=self.device)
        self.cos, self.sin = self._rotations(total)  # (T, D)
        self.real = columns[None] >= padding[:, None]  # (P, T) columns that hold no padding
        self.ragged = bool(padding.any())
        hidden = self._prefill(ids, padding)  # (P, d)
        self.column, self.padding = width, padding.repeat_interleave(group_size)
        if group_size > 1:  # each prompt is read once, then its keys and values are copied to its G rollouts
            self.keys, self.values = (kept.repeat_interleave(group_size, 1) for kept in (self.keys, self.values))
            self.real = self.real.repeat_interleave(group_size, 0)
        return F.linear(hidden, self.ends.head).float().repeat_interleave(group_size, 0)

    @torch.no_grad()
    def step(self, tokens: Tensor) -> Tensor:
        """Take the token drawn for each sequence, (B,); return the logits of the next, (B, V)."""
        column = self.column
        # a compiled step reads whole blocks of columns, so that its shapes change only every BLOCK tokens
        limit = -(-(column + 1) // BLOCK) * BLOCK if self.compiled else column + 1
        mask = None
        if self.ragged or self.compiled:
            mask = self.real[:, :limit].clone()  # (B, T)
            mask[:, column + 1 :] = False  # columns of the block that are not written yet
        target = torch.tensor([column], device=self.device) if self.compiled else column
        logits: Tensor = self._forward(tokens, column - self.padding, target, limit, mask)
        self.column += 1
        return logits.clone() if self.compiled else logits  # the next step of a CUDA graph overwrites its output

    def keep(self, rows: Tensor) -> None:
        """Go on with these sequences alone; rows: (B',) their indices."""
        self.keys, self.values = self.keys[:, rows], self.values[:, rows]
        self.real, self.padding = self.real[rows], self.padding[rows]

    def _decode(
        self, tokens: Tensor, positions: Tensor, column: Tensor | int, limit: int, mask: Tensor | None
    ) -> Tensor:
        """Return the logits after one token of each sequence, (B, V); its key and value go into `column`."""
        hidden = self.ends.embedding[tokens]  # (B, d)
        cos, sin = self.cos[positions][:, None], self.sin[positions][:, None]  # (B, 1, D)
        if mask is not None:
            mask = mask[:, None, None]  # (B, 1, 1, T)
        for number, layer in enumerate(self.layers):
            query, key, value = self._project(layer, hidden, cos, sin)  # (B, H, D), (B, K, D), (B, K, D)
            keys, values = self.keys[number], self.values[number]  # (B, K, T, D)
            if isinstance(column, int):
                keys[:, :, column], values[:, :, column] = key, value
            else:  # a recorded step reads its column from memory: a number in the code would be recorded too
                keys.index_copy_(2, column, key[:, :, None])
                values.index_copy_(2, column, value[:, :, None])
            mixed = self._attend(query[:, :, None], keys[:, :, :limit], values[:, :, :limit], mask)  # (B, H, 1, D)
            hidden = self._finish(layer, hidden, mixed.flatten(1))
        logits: Tensor = F.linear(self._last_norm(hidden), self.ends.head).float()
        return logits

    def _attend(self, query: Tensor, keys: Tensor, values: Tensor, mask: Tensor | None) -> Tensor:
        """Return attention of one query a sequence over the cache, (B, H, 1, D)."""
        if self.device.type != "cpu" or keys.shape[2] < 16:
            return F.scaled_dot_product_attention(query, keys, values, mask, enable_gqa=self.heads != self.kv_heads)
        # two products beat the fused kernel on a CPU, which is made for many queries
        grouped = query.view(len(query), self.kv_heads, -1, self.head_dim)  # (B, K, H / K, D)
        weights = grouped @ keys.transpose(2, 3) * self.head_dim**-0.5  # (B, K, H / K, T)
        if mask is not None:
            weights = weights.masked_fill(~mask, -torch.inf)
        mixed: Tensor = weights.softmax(-1) @ values  # (B, K, H / K, D)
        return mixed.view_as(query)

    def _prefill(self, ids: Tensor, padding: Tensor) -> Tensor:
        """Fill the cache with the prompts; return the last hidden state of each, (P, d)."""
        width = ids.shape[1]
        # positions count from the first real token: padding 2 gives 0 0 0 1 2 …
        positions = (torch.arange(width, device=self.device)[None] - padding[:, None]).clamp(min=0)  # (P, T)
        cos, sin = self.cos[positions][:, :, None], self.sin[positions][:, :, None]  # (P, T, 1, D)
        hidden, mask = self.ends.embedding[ids], None  # (P, T, d)
        if self.ragged:
            causal = torch.ones(width, width, dtype=torch.bool, device=self.device).tril()
            mask = causal & self.real[:, None, None, :width]  # (P, 1, T, T)
            mask = mask | torch.eye(width, dtype=torch.bool, device=self.device)  # a row of nothing would be NaN
        for number, layer in enumerate(self.layers):
            query, key, value = (part.transpose(1, 2) for part in self._project(layer, hidden, cos, sin))
            self.keys[number, :, :, :width], self.values[number, :, :, :width] = key, value  # (P, K, T, D)
            mixed = F.scaled_dot_product_attention(  # (P, H, T, D)
                query, key, value, mask, is_causal=mask is None, enable_gqa=self.heads != self.kv_heads
            )
            hidden = self._finish(layer, hidden, mixed.transpose(1, 2).flatten(2))
        return self._last_norm(hidden[:, -1])  # padding is on the left, so every prompt ends in the last column

    def _last_norm(self, hidden: Tensor) -> Tensor:
        return self._norm(hidden, self.ends.norm).to(self.dtype)

    def _project(self, layer: Layer, hidden: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return query, key (both rotated by position) and value, (..., heads, D), from (..., d)."""
        normed = self._norm(hidden, layer.norm_in).to(self.dtype)
        whole = F.linear(normed, layer.qkv, layer.qkv_bias).unflatten(-1, (-1, self.head_dim))  # (..., H + 2 K, D)
        rotated, value = whole.split((self.heads + self.kv_heads, self.kv_heads), -2)
        if layer.norm_q is not None and layer.norm_k is not None:
            query, key = rotated.split((self.heads, self.kv_heads), -2)
            rotated = torch.cat((self._norm(query, layer.norm_q), self._norm(key, layer.norm_k)), -2)
        # rotary embedding (arXiv:2104.09864) in transformers' layout: coordinate i turns together with i + D / 2
        first, second = rotated.chunk(2, -1)
        rotated = (rotated * cos + torch.cat((-second, first), -1) * sin).to(self.dtype)
        query, key = rotated.split((self.heads, self.kv_heads), -2)
        return query, key, value

    def _finish(self, layer: Layer, hidden: Tensor, mixed: Tensor) -> Tensor:
        """Return the hidden state after attention's output and the feed-forward part of a layer, (..., d)."""
        hidden = hidden + F.linear(mixed, layer.out, layer.out_bias)
        normed = self._norm(hidden, layer.norm_out).to(self.dtype)
        gate, up = F.linear(normed, layer.gate_up, layer.gate_up_bias).chunk(2, -1)
        return hidden + F.linear(F.silu(gate) * up, layer.down, layer.down_bias)  # SwiGLU, arXiv:2002.05202

    def _ends(self, base: Llama) -> Ends:
        # the embedding keeps the dtype of the hidden state; the head is a product, in the dtype of decoding
        embedding = self._take(base.model.embed_tokens, self.stream)
        return Ends(embedding, self._take(base.lm_head), base.model.norm.weight.detach())

    def _layer(self, layer: LlamaLayer) -> Layer:
        attention, feed = layer.self_attn, layer.mlp
        inputs, gates = (attention.q_proj, attention.k_proj, attention.v_proj), (feed.gate_proj, feed.up_proj)
        return Layer(
            qkv=torch.cat([self._take(part) for part in inputs]),
            qkv_bias=self._bias(*inputs),
            out=self._take(attention.o_proj),
            out_bias=self._bias(attention.o_proj),
            gate_up=torch.cat([self._take(part) for part in gates]),
            gate_up_bias=self._bias(*gates),
            down=self._take(feed.down_proj),
            down_bias=self._bias(feed.down_proj),
            norm_in=layer.input_layernorm.weight.detach(),
            norm_out=layer.post_attention_layernorm.weight.detach(),
            norm_q=attention.q_norm.weight.detach() if hasattr(attention, "q_norm") else None,
            norm_k=attention.k_norm.weight.detach() if hasattr(attention, "k_norm") else None,
        )

    def _norm(self, hidden: Tensor, weight: Tensor) -> Tensor:
        """Return the hidden state at a root mean square of 1, times the weight."""
        if hidden.dtype == weight.dtype:
            return F.rms_norm(hidden, hidden.shape[-1:], weight, self.eps)
        return weight * F.rms_norm(hidden, hidden.shape[-1:], None, self.eps)

    def _take(self, module: nn.Linear | nn.Embedding, dtype: torch.dtype | None = None) -> Tensor:
        """Return a module's weight in the dtype of decoding or another, its LoRA adapters added in."""
        weight = module.weight.detach()
        if hasattr(module, "active_adapters"):
            lora = cast("LoraLayer", module)
            for name in lora.active_adapters:
                if name in lora.lora_A and not lora.disable_adapters:
                    weight = weight + lora.get_delta_weight(name).detach()
        return weight.to(dtype or self.dtype)

    def _bias(self, *modules: nn.Linear) -> Tensor | None:
        if modules[0].bias is None:
            return None
        return torch.cat([module.bias.detach() for module in modules]).to(self.dtype)

    def _rotations(self, length: int) -> tuple[Tensor, Tensor]:
        """Return cosine and sine of the rotation at each position, (T, D) each, in the dtype of the hidden state."""
        positions = torch.arange(length, device=self.device)[None]
        like = torch.zeros(1, dtype=torch.float32, device=self.device)  # asks for float32: angles need its precision
        cos, sin = self.rotary(like, position_ids=positions)
        return cos[0].to(self.stream), sin[0].to(self.stream)
