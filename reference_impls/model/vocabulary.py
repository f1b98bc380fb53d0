"""Losses over the whole vocabulary, in chunks of tokens: logits of a batch never exist at once.

A chunk's logits are recomputed in the backward pass, as those of `policy.log_probs` are. n tokens of a chunk.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from reference_impls.configs import CHUNK_LOGITS
from reference_impls.model.batches import Batch
from reference_impls.model.forward import forward
from reference_impls.model.policy import Policy, recomputing
from reference_impls.model.protocols import CausalModel

COPIES = 4  # tensors as large as the logits that a loss holds at once: log-probs, weights, those of a reference
Term = Callable[[Tensor, Tensor, Tensor, Tensor, Tensor], Tensor]
"""A chunk's share of the loss: of logits (n, V), reference logits (n, V), targets (n,), a mask (n,) of True, extra."""


def sum_over_vocabulary(
    policy: Policy, batch: Batch, term: Term, *, reference: bool = False, extra: Tensor | None = None
) -> Tensor:
    """Return the sum of a loss over the chunks of a batch's response tokens.

    reference: also pass the starting policy's logits; else they are the policy's own. extra: (N, …) numbers of each
    response token, in the order of the mask, which each chunk gets its part of.
    """
    targets = batch.targets[batch.mask]  # (N,)
    extra = targets[:, None] if extra is None else extra
    with policy.autocast(), recomputing(policy.base):
        hidden, head = forward(policy.body_of(policy.base), batch), _head(policy, policy.base)  # (N, d)
        other, other_head = hidden.detach(), head
        if reference:
            with torch.no_grad(), policy.as_reference() as model:
                other, other_head = forward(policy.body_of(model), batch), _head(policy, model)
        vocabulary = policy.base.config.get_text_config().vocab_size if policy.plain_head else hidden.shape[-1]
        size = max(CHUNK_LOGITS // (COPIES * vocabulary), 1)

        def share(rows: Tensor, reference_rows: Tensor, ids: Tensor, more: Tensor) -> Tensor:
            logits = head(rows).float()  # (n, V)
            with torch.no_grad():
                reference_logits = other_head(reference_rows).float() if reference else logits.detach()
            return term(logits, reference_logits, ids, torch.ones_like(ids, dtype=torch.bool), more)

        parts = zip(*(values.split(size) for values in (hidden, other, targets, extra)), strict=True)
        shares = [checkpoint(share, *part, use_reentrant=False, preserve_rng_state=False) for part in parts]
    return torch.stack(shares).sum()


def _head(policy: Policy, model: CausalModel) -> nn.Module:
    return model.get_output_embeddings() if policy.plain_head else nn.Identity()
