"""Tokens selected by their entropy or their covariance with the advantage, over all rollouts of an update."""

from collections.abc import Sequence

import torch
from torch import Tensor

from reference_impls import objectives
from reference_impls.configs import PolicyGradientConfig
from reference_impls.model.sampling import Rollout, seed_of


def side_by_side(values: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Return values of response tokens, one tensor a rollout, padded to (B, T), and where they are, (B, T)."""
    lengths = torch.tensor([len(row) for row in values])
    mask = torch.arange(int(lengths.max()))[None] < lengths[:, None]
    return torch.zeros(mask.shape).masked_scatter(mask, torch.cat(list(values))), mask


def selected_tokens(config: PolicyGradientConfig, rollouts: Sequence[Rollout], number: int) -> list[Tensor]:
    """Return the weight of each token of each rollout by what the config selects.

    number: that of the update, which with the config's seed decides what chance selects.
    """
    log_p, mask = side_by_side([rollout.log_probs for rollout in rollouts])  # (B, T)
    if config.entropy_share < 1:
        entropies, _ = side_by_side([rollout.entropies for rollout in rollouts])
        weights = objectives.highest_entropies(entropies, mask, config.entropy_share).float()
    else:
        advantages = torch.tensor([rollout.advantage for rollout in rollouts])
        covariances = objectives.covariances(log_p, advantages, mask)
        if config.clip_cov:
            seed = seed_of(config.seed, "clip_cov", number)
            uniform = torch.rand(mask.shape, generator=torch.Generator().manual_seed(seed))
            weights = objectives.clip_cov(covariances, mask, uniform, share=config.clip_cov)
        else:
            weights = objectives.highest_covariances(covariances, mask, config.kl_cov).float()
    return list(weights[mask].split(mask.sum(-1).tolist()))
