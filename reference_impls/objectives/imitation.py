"""Imitation: the rows that learn from given responses. Each weights the tokens of a demonstration in its own way.

Rows over the whole vocabulary take logits (…, V) instead of log-probabilities. They are functions of each token alone,
so that a loop may call them in chunks of tokens, where mask and divisor then are those of the chunk's tokens and of the
whole batch.
"""

from typing import Literal

import torch
from torch import Tensor

from reference_impls.objectives.weights import lengths_of, or_tokens, weighted, where_response

Level = Literal["sequence", "token"]
Kind = Literal["linear", "logsigmoid"]
Direction = Literal["reference", "policy"]


def sft(log_probs: Tensor, mask: Tensor, divisor: float | None = None) -> Tensor:
    """Return the negative log-likelihood of the demonstrations' tokens, - log p_t, averaged over tokens.

    log_probs, mask: (B, T). Averaged over tokens, not over sequences: a long demonstration counts for more.
    """
    return weighted(log_probs, 1.0, mask, divisor)


def dft(log_probs: Tensor, mask: Tensor, divisor: float | None = None) -> Tensor:
    """Return the loss of dynamic fine-tuning, - sg(p_t) log p_t, averaged over tokens (arXiv:2508.05629, eq. 9).

    log_probs, mask: (B, T). Without the stop-gradient sg the loss would have the same value and another gradient.
    Deviation 1: averaged over the tokens of the whole accumulated batch; the authors' code runs backward before it
    divides by the number of micro-batches.
    """
    # d/dw of sg(p) log p is p * (1 / p) dp/dw = dp/dw: the 1 / p that makes SFT chase improbable tokens cancels
    return weighted(log_probs, log_probs.exp(), mask, divisor)


def rejection_sampling(log_probs: Tensor, verified: Tensor, mask: Tensor, divisor: float | None = None) -> Tensor:
    """Return the SFT loss of the verified rollouts alone: weight 1 where the verifier says right, else 0.

    log_probs, mask: (B, T); verified: (B,) bool. With nothing verified the loss is 0 and so is its gradient
    (RAFT, arXiv:2304.06767; RFT, arXiv:2308.01825).
    """
    return sft(log_probs, mask & verified.bool()[:, None], divisor)


def chord_phi(log_probs: Tensor, mask: Tensor, divisor: float | None = None) -> Tensor:
    """Return the imitation loss of CHORD, - sg(p_t (1 - p_t)) log p_t, averaged over tokens (arXiv:2508.11408).

    log_probs, mask: (B, T). Tokens that the policy is sure of and tokens that it finds absurd both teach little.
    """
    p = log_probs.exp()
    return weighted(log_probs, p * (1 - p), mask, divisor)


def iw_sft(
    log_probs: Tensor,
    reference_log_probs: Tensor,
    mask: Tensor,
    divisor: float | None = None,
    *,
    level: Level = "sequence",
    power: float = 1.0,
    low: float | None = None,
    high: float | None = None,
) -> Tensor:
    """Return importance-weighted SFT, - sg(w) log p_t, averaged over tokens (arXiv:2507.12856).

    w is that of the sequence, exp(power * mean_t(log p_t - log reference p_t)) clipped to 0 to 16, or of each token,
    exp(power * (log p_t - log reference p_t)) clipped to 0.2 to 1.8; low and high set other bounds. At the reference it
    is 1, and the loss SFT's. log_probs, reference_log_probs, mask: (B, T).
    Deviation 1: the mean that makes a sequence's weight is over its response tokens; the authors' code counts padding.
    Deviation 2: the weight of a sequence multiplies its own tokens in a batch of any size; the authors' code broadcasts
    (B, 1) against (B, T, 1), which is right for one sequence at a time.
    """
    difference = where_response(log_probs - reference_log_probs, mask).detach()  # (B, T)
    bounds = (0.0, 16.0) if level == "sequence" else (0.2, 1.8)
    if level == "sequence":
        difference = difference.sum(-1, keepdim=True) / lengths_of(mask).clamp(min=1)[:, None]  # (B, 1)
    ratio = (power * difference).exp()
    ratio = ratio.clamp(bounds[0] if low is None else low, bounds[1] if high is None else high)
    return weighted(log_probs, ratio, mask, divisor)


def uft_una(
    log_probs: Tensor,
    reference_log_probs: Tensor,
    mask: Tensor,
    scores: Tensor | None = None,
    *,
    beta: float = 0.03,
    divisor: float | None = None,
) -> Tensor:
    """Return UNA's loss of imitation, (sigmoid(beta * (log p - log reference p of the sequence)) - r)^2 over sequences.

    log_probs, reference_log_probs, mask: (B, T); scores: (B,) r in [0, 1] of rated responses, 1 for a demonstration,
    as all are if left out. divisor: the number of sequences. At the reference it is beta / 4 times SFT summed over
    tokens (arXiv:2410.21438).
    Deviation 1: the paper is inferred from the survey's words, a DPO-inspired SFT; it has no normalising term Z.
    """
    difference = where_response(log_probs - reference_log_probs.detach(), mask).sum(-1)  # (B,)
    target = torch.ones_like(difference) if scores is None else scores
    return (torch.sigmoid(beta * difference) - target).square().sum() / (divisor or max(len(mask), 1))


def gem(
    logits: Tensor,
    targets: Tensor,
    mask: Tensor,
    divisor: float | None = None,
    *,
    beta: float = 0.7,
    kind: Kind = "logsigmoid",
) -> Tensor:
    """Return the loss of entropic distribution matching, sum_v q_v h(z_v - z_y), averaged over tokens.

    q = sg softmax(z / beta) over the vocabulary, y the shown token; each other token v is pushed below y as far as q
    still believes it: - q_v w_v (log p_y - log p_v), w = 1 (linear) or sg sigmoid(0.01 (z_v - z_y)) (logsigmoid).
    Linear has the gradient of beta * cross-entropy at temperature beta; beta 1 is SFT. logits: (…, V); targets, mask:
    (…) (arXiv:2408.16673).
    Deviation 1: averaged over the tokens of the whole accumulated batch; the authors' code takes the mean of each
    micro-batch.
    """
    log_p = torch.log_softmax(logits, -1)  # (…, V)
    shown = log_p.gather(-1, targets[..., None])  # (…, 1)
    with torch.no_grad():
        q = torch.softmax(logits / beta, -1)
        if kind == "logsigmoid":
            q = q * torch.sigmoid(0.01 * (log_p - shown))  # z_v - z_y is log p_v - log p_y
    return where_response(-(q * (shown - log_p)).sum(-1), mask).sum() / or_tokens(divisor, mask)


def asft(
    logits: Tensor,
    reference_logits: Tensor,
    targets: Tensor,
    mask: Tensor,
    divisor: float | None = None,
    *,
    coef: float = 0.1,
    direction: Direction = "reference",
) -> Tensor:
    """Return anchored SFT: DFT, and coef times the KL divergence between the reference and the policy at each token.

    direction "reference" is KL(reference | policy), the mean under the reference, as LLaMA-Factory computes it;
    "policy" is KL(policy | reference). Averaged over tokens. logits, reference_logits: (…, V); targets, mask: (…)
    (arXiv:2509.23753).
    Deviation 1: which direction the paper means was not read there, so both are offered.
    """
    log_p, reference = torch.log_softmax(logits, -1), torch.log_softmax(reference_logits.detach(), -1)  # (…, V)
    apart = reference.exp() * (reference - log_p) if direction == "reference" else log_p.exp() * (log_p - reference)
    loss = dft(log_p.gather(-1, targets[..., None])[..., 0], mask, divisor)
    return loss + coef * where_response(apart.sum(-1), mask).sum() / or_tokens(divisor, mask)


def one_token_rollout(
    logits: Tensor,
    targets: Tensor,
    mask: Tensor,
    uniform: Tensor,
    divisor: float | None = None,
    *,
    temperature: float = 1.3,
    miss: float = -0.01,
) -> Tensor:
    """Return a policy gradient at each token of a demonstration: K tokens are sampled, a hit is rewarded with 1.

    uniform: (…, K) numbers in [0, 1), each of which draws a token from softmax(logits / temperature); a token that is
    not the shown one is rewarded with `miss`. The loss is - 1/K sum_k R_k log p of the token, averaged over tokens. At
    temperature 1 its expected gradient is (1 - miss) times DFT's. logits: (…, V); targets, mask: (…).
    Deviation 1: the authors published no code; K 256, temperature 1.3 and a small negative reward of a miss are from
    summaries (arXiv:2509.26313).
    """
    with torch.no_grad():
        cumulative = torch.softmax(logits / temperature, -1).cumsum(-1)
        wanted = uniform * cumulative[..., -1:]  # rounding leaves the last sum a little off 1
        drawn = torch.searchsorted(cumulative, wanted, right=True).clamp(max=logits.shape[-1] - 1)  # (…, K)
        reward = torch.full_like(wanted, miss).masked_fill(drawn == targets[..., None], 1.0)
    sampled = torch.log_softmax(logits, -1).gather(-1, drawn)  # (…, K)
    return where_response(-(reward * sampled).mean(-1), mask).sum() / or_tokens(divisor, mask)


def token_cleaning(base_log_probs: Tensor, reference_log_probs: Tensor, mask: Tensor, keep: float = 0.6) -> Tensor:
    """Return the mask of the tokens to train on, (B, T): those that the reference learned most about.

    A token's score is log p of the reference, a model warmed up on other rows, less log p of the base: the share `keep`
    of all response tokens with the highest scores stays, rounded down; of equal scores the earlier tokens.
    base_log_probs, reference_log_probs, mask: (B, T) (arXiv:2502.01968). Raises ValueError where keep is not in (0, 1].
    """
    if not 0 < keep <= 1:
        raise ValueError(f"keep is {keep}; expected a share above 0 and at most 1")
    mask = mask.bool()
    scores = (reference_log_probs - base_log_probs)[mask]  # (N,), a row after the other
    chosen = torch.zeros_like(scores, dtype=torch.bool)
    chosen[scores.argsort(descending=True, stable=True)[: int(keep * len(scores))]] = True
    return mask.masked_scatter(mask, chosen)
