"""Rewards: the rows that learn from the policy's own rollouts, each weighted by its advantage and its ratio."""

from typing import Literal, get_args

import torch
from torch import Tensor

from reference_impls.objectives.weights import lengths_of, or_tokens, per_token, where_response

Form = Literal["grpo", "bnpo", "dr_grpo", "dapo", "cispo", "gspo"]
FORMS: tuple[Form, ...] = get_args(Form)
KL = Literal["k3", "k3_ratio"]


def grpo(  # noqa: PLR0913 - the terms of the formula, each named
    log_probs: Tensor,
    old_log_probs: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    form: Form = "grpo",
    clip_low: float = 0.2,
    clip_high: float = 0.2,
    reference_log_probs: Tensor | None = None,
    kl_coef: float = 0.0,
    kl: KL = "k3",
    entropies: Tensor | None = None,
    entropy_coef: float = 0.0,
    max_response_tokens: int | None = None,
    divisor: float | None = None,
    tokens: float | None = None,
    weights: Tensor | None = None,
) -> Tensor:
    """Return the clipped policy-gradient loss of a batch of rollouts, in one of its named forms.

        - min(ratio_t A, clip(ratio_t, 1 - clip_low, 1 + clip_high) A) + kl_coef k3_t     ratio_t = exp(log p_t - log
          p_t old)
        cispo: - sg(min(ratio_t, 1 + clip_high)) A log p_t: a clipped token keeps its gradient, with a capped weight
        gspo:  ratio_t is that of the sequence, exp(mean_t(log p_t - log p_t old)), the same for all its tokens

    log_probs, old_log_probs, mask, reference_log_probs, entropies: (B, T); advantages: (B,), or (B, T) where each token
    has its own. weights: (B, T), held constant, multiply the policy loss of a token before the KL term is added: 0
    takes a token out (highest_entropies, clip_cov), which the divisor still counts.
    The divisor of each form: `grpo_divisor`. kl "k3" is exp(d) - d - 1 with d = log p_ref - log p
    (arXiv:2402.03300, eq. 4); "k3_ratio" is that times ratio_t, unbiased where the rollouts are stale. The entropy
    bonus subtracts entropy_coef times the mean entropy over response tokens; `tokens` is their number in the whole
    batch. grpo arXiv:2402.03300, dr_grpo 2503.20783, dapo (clip-higher: clip_high > clip_low) 2503.14476,
    cispo 2506.13585, gspo 2507.18071.
    Deviation 1: no term for the length of a response (overlong shaping) and no resampling of groups here; the loop
    decides which rollouts come in. Deviation 2: cispo has no lower bound on the ratio, as in its authors' runs.
    Raises ValueError for an unknown form, or a term whose tensor is missing.
    """
    if form not in FORMS:
        raise ValueError(f"form is '{form}'; expected one of {', '.join(FORMS)}")
    log_probs, old_log_probs = where_response(log_probs, mask), where_response(old_log_probs, mask)
    advantages = per_token(advantages)  # (B, 1), or (B, T)
    if advantages.shape == log_probs.shape:
        advantages = where_response(advantages, mask)
    log_ratio = log_probs - old_log_probs  # (B, T)
    if form == "gspo":
        log_ratio = log_ratio.sum(-1, keepdim=True) / lengths_of(mask).clamp(min=1)[:, None]  # (B, 1)
    ratio = log_ratio.exp()  # 1 in the first update after sampling; gradient of ratio = ratio * grad log p
    if form == "cispo":
        losses = -ratio.detach().clamp(max=1 + clip_high) * advantages * log_probs
    else:
        # A > 0: min(ratio, 1 + clip_high) A, no gradient above. A < 0: max(ratio, 1 - clip_low) A, no gradient below.
        # The other way there is no bound: a good token that became rare keeps its gradient.
        losses = -torch.min(ratio * advantages, ratio.clamp(1 - clip_low, 1 + clip_high) * advantages)
    if weights is not None:
        losses = losses * where_response(weights.detach(), mask)
    if kl_coef:
        losses = losses + kl_coef * _k3(log_probs, _needed(reference_log_probs, "reference_log_probs"), mask, ratio, kl)
    losses = where_response(losses.expand_as(log_probs), mask)  # (B, T)
    if form in ("grpo", "gspo"):  # each response counts alike, so a token of a long one counts for less
        losses = losses / lengths_of(mask).clamp(min=1)[:, None]
    loss = losses.sum() / (divisor or grpo_divisor(form, lengths_of(mask), max_response_tokens))
    if entropy_coef:
        entropy = where_response(_needed(entropies, "entropies"), mask).sum() / or_tokens(tokens, mask)
        loss = loss - entropy_coef * entropy
    return loss


def rloo(
    log_probs: Tensor,
    old_log_probs: Tensor,
    advantages: Tensor,
    mask: Tensor,
    *,
    clip_low: float = 0.2,
    clip_high: float = 0.2,
    divisor: float | None = None,
) -> Tensor:
    """Return the clipped policy-gradient loss with one ratio a sequence, that of its whole probability.

    - min(ratio A, clip(ratio, 1 - clip_low, 1 + clip_high) A) with ratio = exp(sum_t(log p_t - log p_t old)), averaged
    over sequences and not divided by their lengths (arXiv:2402.14740; TRL's RLOOTrainer). log_probs, old_log_probs,
    mask: (B, T); advantages: (B,), of `leave_one_out`. divisor: the number of sequences. On policy it is REINFORCE: the
    gradient is A times that of the sequence's log-probability.
    """
    ratio = where_response(log_probs - old_log_probs, mask).sum(-1).exp()  # (B,)
    losses = -torch.min(ratio * advantages, ratio.clamp(1 - clip_low, 1 + clip_high) * advantages)
    return losses.sum() / (divisor or max(len(mask), 1))


def grpo_divisor(
    form: Form,
    lengths: Tensor,
    max_response_tokens: int | None = None,
    *,
    micro_lengths: Tensor | None = None,
    micro_batches: int = 1,
) -> float:
    """Return the divisor of the summed loss of a micro-batch, so that micro-batches add up to the whole batch.

    lengths: (B,) response tokens of every sequence of the whole batch.
        grpo, gspo     sequences, after each sequence is divided by its own length
        dapo, cispo    response tokens of the whole batch
        dr_grpo        sequences x max_response_tokens, a constant: long wrong answers are not made cheap
        bnpo           response tokens of the micro-batch x number of micro-batches: a mean of means, by definition
    Raises ValueError for dr_grpo without max_response_tokens.
    """
    if form in ("grpo", "gspo"):
        return float(max(len(lengths), 1))
    if form == "dr_grpo":
        if not max_response_tokens:
            raise ValueError("dr_grpo divides by max_response_tokens; pass it")
        return float(max(len(lengths), 1) * max_response_tokens)
    if form == "bnpo":
        own = lengths if micro_lengths is None else micro_lengths
        return max(float(own.sum()), 1.0) * micro_batches
    return max(float(lengths.sum()), 1.0)


def _k3(log_probs: Tensor, reference: Tensor, mask: Tensor, ratio: Tensor, kl: KL) -> Tensor:
    """Return the k3 estimate of KL(policy | reference) of each token, (B, T)."""
    # -d alone is unbiased but noisy and often negative; exp(d) - 1 has mean 0 under the policy and takes the noise out
    difference = where_response(reference, mask) - log_probs  # d, (B, T)
    estimate = difference.exp() - difference - 1
    return estimate * ratio if kl == "k3_ratio" else estimate


def _needed(tensor: Tensor | None, name: str) -> Tensor:
    if tensor is None:
        raise ValueError(f"the loss has a term in {name}, and {name} is missing; pass it or set its coefficient to 0")
    return tensor
