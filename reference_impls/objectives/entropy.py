"""Entropy: the terms and the selections that keep a policy from becoming sure too soon.

Selections are over all response tokens that are passed in: pass those of the whole update, or micro-batches select
apart from each other.
"""

import torch
from torch import Tensor

from reference_impls.objectives.weights import or_tokens, per_token, where_response


def adapted_coef(coef: float, entropy: float, target: float, step: float = 0.005, highest: float = 1.0) -> float:
    """Return the coefficient of the entropy bonus after an update: up by a step where entropy is at most the target.

    Else down by a step, and never outside 0 to highest (Skywork-OR1, arXiv:2505.22312). entropy, target: in nats, means
    over response tokens. The bonus acts only in an update that follows an entropy of at most the target.
    """
    return min(coef + step, highest) if entropy <= target else max(coef - step, 0.0)


def highest_entropies(entropies: Tensor, mask: Tensor, share: float = 0.2) -> Tensor:
    """Return the response tokens whose entropy is in the highest share, (B, T) bool: the forks (arXiv:2506.01939).

    entropies, mask: (B, T). Tokens at the quantile 1 - share are in, so that ties may let in more. As weights of `grpo`
    they leave the divisor as it is: that of all response tokens. share 1 is all of them.
    """
    mask = mask.bool()
    known = entropies.detach()[mask]
    if not len(known):
        return mask
    return mask & (where_response(entropies.detach(), mask) >= torch.quantile(known, 1 - share))


def entropy_shaped(advantages: Tensor, entropies: Tensor, mask: Tensor, coef: float = 0.4, cap: float = 2.0) -> Tensor:
    """Return advantages of tokens, raised where the policy is unsure: A + min(coef * sg(H_t), |A| / cap), (B, T).

    advantages: (B,) or (B, T); entropies, mask: (B, T). cap above 1 keeps the sign of an advantage (arXiv:2506.14758).
    Raises ValueError for a cap of at most 1.
    """
    if cap <= 1:
        raise ValueError(f"cap is {cap}; expected more than 1, or a wrong response could be rewarded for its entropy")
    advantages = per_token(advantages)
    bonus = torch.minimum(coef * where_response(entropies.detach(), mask), advantages.abs() / cap)
    return where_response((advantages + bonus).expand(mask.shape), mask)


def covariances(log_probs: Tensor, advantages: Tensor, mask: Tensor) -> Tensor:
    """Return (A_t - mean A) (log p_t - mean log p) of each response token, (B, T): its share in the fall of entropy.

    log_probs, mask: (B, T); advantages: (B,) or (B, T). The means are over response tokens (arXiv:2505.22617).
    """
    count = max(int(mask.sum()), 1)
    advantages = where_response(per_token(advantages).expand(mask.shape), mask)
    log_probs = where_response(log_probs.detach(), mask)
    return where_response((advantages - advantages.sum() / count) * (log_probs - log_probs.sum() / count), mask)


def clip_cov(
    covariance: Tensor, mask: Tensor, uniform: Tensor, *, share: float = 2e-4, low: float = 1.0, high: float = 5.0
) -> Tensor:
    """Return weights of tokens for `grpo`, (B, T): 0 for a random few of those with a high covariance, else 1.

    covariance, mask: (B, T), of `covariances`; uniform: (B, T) random numbers, of which the smallest are chosen among
    the tokens with low < covariance < high: share times the response tokens in number, rounded down (Clip-Cov,
    arXiv:2505.22617). Leave tokens that the ratio's clip has stopped out of mask.
    Deviation 1: share 0 chooses none; verl and the authors' code always choose one token at least.
    """
    mask = mask.bool()
    eligible = mask & (covariance > low) & (covariance < high)
    count = min(int(share * int(mask.sum())), int(eligible.sum()))
    order = uniform.masked_fill(~eligible, torch.inf).flatten().argsort(stable=True)
    weights = torch.ones(mask.shape, device=mask.device).flatten()
    weights[order[:count]] = 0.0
    return weights.view(mask.shape)


def highest_covariances(covariance: Tensor, mask: Tensor, share: float = 2e-3) -> Tensor:
    """Return the response tokens with the highest covariances, (B, T) bool: share times their number, rounded down.

    Deviation 1: share 0 chooses none; verl and the authors' code always choose one token at least (arXiv:2505.22617).
    """
    mask = mask.bool()
    count = int(share * int(mask.sum()))
    order = covariance.masked_fill(~mask, -torch.inf).flatten().argsort(descending=True, stable=True)
    chosen = torch.zeros(mask.numel(), dtype=torch.bool, device=mask.device)
    chosen[order[:count]] = True
    return chosen.view(mask.shape)


def kl_cov(
    log_probs: Tensor,
    old_log_probs: Tensor,
    advantages: Tensor,
    mask: Tensor,
    chosen: Tensor,
    *,
    coef: float = 1.0,
    divisor: float | None = None,
) -> Tensor:
    """Return the loss of KL-Cov: - ratio_t A, and on the chosen tokens + coef |log p_t - log p_t old|; no clip.

    log_probs, old_log_probs, mask: (B, T); advantages: (B,) or (B, T); chosen: (B, T) bool, of `highest_covariances`.
    Averaged over response tokens. In the first update after sampling the added term has no gradient, so it needs
    several updates a rollout (arXiv:2505.22617).
    """
    log_ratio = where_response(log_probs - old_log_probs, mask)
    losses = -log_ratio.exp() * per_token(advantages) + coef * chosen * log_ratio.abs()
    return where_response(losses, mask).sum() / or_tokens(divisor, mask)
