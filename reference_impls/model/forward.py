"""One forward pass over a batch: the model's output at every token that predicts a response token.

Where rollouts share their prompts, each prompt is read once: its keys and values are copied to its rollouts, and the
responses are read behind them. Gradients add up on their way back through the copies, so loss and gradient are those of
whole sequences but for rounding.
"""

import inspect
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from typing import cast

import torch
from torch import Tensor

from reference_impls.model.batches import Batch, Encoded, collate
from reference_impls.model.protocols import Body, Cache, Output

CAUSAL_WITHIN = 0.02  # relative; bfloat16 leaves some 0.005, and a later token that is seen changes more


def forward(body: Body, batch: Batch) -> Tensor:
    """Return the model's output at each token that predicts one of a response, (N, d), in the order of the mask."""
    if batch.shared is None:
        return read_whole(body, batch.inputs)[batch.mask]
    from transformers import DynamicCache

    shared, cache = batch.shared, cast("Cache", DynamicCache(config=body.config))  # type: ignore[arg-type]
    ends = _read(body, cache, shared.prompts, shared.padding, shared.ragged)[:, -1]  # (P, d)
    cache.reorder_cache(shared.owner)  # from one of each prompt to one of each sequence
    rest = _read(body, cache, shared.responses, shared.padding[shared.owner], shared.ragged)  # (B, R - 1, d)
    return torch.cat((ends.index_select(0, shared.owner)[:, None], rest), 1)[shared.mask]


def read_whole(body: Body, ids: Tensor) -> Tensor:
    """Return the model's output at every token, (B, T, d), from one pass without a cache; padding is on the right."""
    return run(body, input_ids=ids, use_cache=False)[0]


def run(body: Body, **inputs: object) -> Output:
    """Run a forward pass with those inputs that the model's own code takes: Mamba, for one, takes no positions."""
    accepted = _accepted(type(body).forward)  # type: ignore[attr-defined]
    return body(**{name: value for name, value in inputs.items() if name in accepted})


def takes(body: Body, name: str) -> bool:
    """Whether the model's forward pass has an input of this name."""
    return name in _accepted(type(body).forward)  # type: ignore[attr-defined]


@lru_cache(maxsize=64)
def _accepted(forward: Callable[..., object]) -> frozenset[str]:
    return frozenset(inspect.signature(forward).parameters)


@torch.no_grad()
def is_causal(body: Body) -> bool:
    """Whether no output depends on later tokens, so that padding on the right changes nothing; tried on a few tokens.

    Not so with encoders, which read both ways (BERT without `is_decoder`), and permutation models (XLNet).
    """
    ids = torch.tensor([[1, 2, 3, 2, 1, 3], [3, 1, 2, 3, 3, 2]], device=body.device)
    short, long = read_whole(body, ids), read_whole(body, torch.cat((ids, ids.flip(0)), -1))[:, : ids.shape[1]]
    apart = (short - long).float().norm(dim=-1) / short.float().norm(dim=-1).clamp(min=1e-12)  # (B, T)
    # a token that rounding sends to another expert is no proof, and NaN is none (guards.check_weights finds it)
    return not bool(apart.median() >= CAUSAL_WITHIN)


def _read(body: Body, cache: Cache, ids: Tensor, padding: Tensor, ragged: bool) -> Tensor:
    """Return the model's output at these ids after the tokens in the cache, which then holds them too."""
    begin = cache.get_seq_length()
    columns = torch.arange(begin + ids.shape[1], device=ids.device)[None]
    return body(
        input_ids=ids,
        attention_mask=(columns >= padding[:, None]).long() if ragged else None,
        position_ids=(columns[:, begin:] - padding[:, None]).clamp(min=0),
        past_key_values=cache,
        use_cache=True,
    )[0]


@torch.no_grad()
def can_share(body: Body) -> bool:
    """Whether the model gives the same where each prompt is read once; tried on a few tokens.

    Not where a layer keeps anything but the keys and values of all tokens (Mamba, sliding windows), or angles depend on
    the length (longrope, dynamic), or layers recompute their activations in the backward pass: then they keep nothing.
    """
    from transformers import DynamicCache
    from transformers.cache_utils import DynamicLayer

    scaled = str(getattr(body.config, "rope_parameters", None))
    recomputed = any(getattr(module, "gradient_checkpointing", False) for module in body.modules())
    if recomputed or "longrope" in scaled or "dynamic" in scaled:
        return False
    try:
        full = all(type(layer) is DynamicLayer for layer in DynamicCache(config=body.config).layers)  # type: ignore[arg-type]
        return full and all(_is_same(body, prompts) for prompts in (((1, 2, 3, 4), (2, 1)), ((1, 2, 3), (3, 2, 1))))
    except (AttributeError, TypeError, ValueError, LookupError, RuntimeError):
        return False  # a model that has a cache of its own, or takes no positions


def _is_same(body: Body, prompts: tuple[tuple[int, ...], ...]) -> bool:
    batch = collate([Encoded(prompt, (3, 2, 1)) for prompt in prompts for _ in range(3)], 0, body.device, share=True)
    once, whole = forward(body, batch), forward(body, replace(batch, shared=None))
    return bool((once - whole).norm() <= torch.finfo(whole.dtype).eps ** 0.5 * whole.norm())
