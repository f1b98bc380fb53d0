"""One forward pass over a batch: the model's output at every token that predicts a response token.

Where rollouts share their prompts, each prompt is read once: its keys and values are copied to its rollouts, and the
responses are read behind them. Gradients add up on their way back through the copies, so loss and gradient are those of
whole sequences but for rounding.
"""

from dataclasses import replace
from typing import cast

import torch
from torch import Tensor

from reference_impls.model.batches import Batch, Encoded, collate
from reference_impls.model.protocols import Body, Cache


def forward(body: Body, batch: Batch) -> Tensor:
    """Return the model's output at each token that predicts one of a response, (N, d), in the order of the mask."""
    if batch.shared is None:
        whole = body(input_ids=batch.inputs, use_cache=False)[0]  # (B, T, d)
        return whole[batch.mask]
    from transformers import DynamicCache

    shared, cache = batch.shared, cast("Cache", DynamicCache(config=body.config))  # type: ignore[arg-type]
    ends = _read(body, cache, shared.prompts, shared.padding, shared.ragged)[:, -1]  # (P, d)
    cache.reorder_cache(shared.owner)  # from one of each prompt to one of each sequence
    rest = _read(body, cache, shared.responses, shared.padding[shared.owner], shared.ragged)  # (B, R - 1, d)
    return torch.cat((ends.index_select(0, shared.owner)[:, None], rest), 1)[shared.mask]


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
