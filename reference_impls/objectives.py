"""The objectives: SFT, DFT, rejection sampling and GRPO are one gradient with four token weights.

    gradient = - sum over response tokens of  w_t * grad log p_t  /  divisor

    technique            weight w_t of a response token          divisor                            arXiv
    SFT                  1                                       response tokens                    -
    DFT                  p_t, held constant                      response tokens                    2508.05629
    rejection sampling   1 where verified, else 0                response tokens verified           2304.06767
    GRPO                 advantage * ratio_t, 0 where clipped    by form, see `grpo_divisor`        2402.03300

The row of a technique is the function of its name, called by the module of its name: `sft` by sft.py, `dft` by dft.py,
`rejection_sampling` by rejection_sampling.py, `grpo` by grpo.py.

p_t is the policy's probability of the token, ratio_t is p_t divided by its value when the token was sampled. Every
function takes tensors and returns a scalar to minimise; nothing else of the project is needed.
Shapes: B sequences, T tokens, P prompts, G rollouts.

`mask` is True on response tokens (the end-of-sequence token is one of them). Values under a False are ignored, even
NaN, so padding on either side is fine. `divisor` is the divisor of the whole accumulated batch: passed with every
micro-batch, it makes their gradients add up to that of the undivided batch. Without it, the tensors are the whole
batch.
"""

from typing import Literal, get_args

import torch
from torch import Tensor

Form = Literal["grpo", "bnpo", "dr_grpo", "dapo", "cispo", "gspo"]
FORMS: tuple[Form, ...] = get_args(Form)
Scale = Literal["group", "batch", "none"]
KL = Literal["k3", "k3_ratio"]

STD_FLOOR = 1e-4  # added to the standard deviation, so that nearly equal rewards do not give huge advantages


def sft(log_probs: Tensor, mask: Tensor, divisor: float | None = None) -> Tensor:
    """Return the negative log-likelihood of the demonstrations' tokens, - log p_t, averaged over tokens.

    log_probs, mask: (B, T). Averaged over tokens, not over sequences: a long demonstration counts for more.
    """
    log_probs = _where_response(log_probs, mask)
    return -log_probs.sum() / _or_tokens(divisor, mask)


def dft(log_probs: Tensor, mask: Tensor, divisor: float | None = None) -> Tensor:
    """Return the loss of dynamic fine-tuning, - sg(p_t) log p_t, averaged over tokens (arXiv:2508.05629, eq. 9).

    log_probs, mask: (B, T). Without the stop-gradient sg the loss would have the same value and another gradient.
    Deviation 1: averaged over the tokens of the whole accumulated batch; the authors' code runs backward before it
    divides by the number of micro-batches.
    """
    log_probs = _where_response(log_probs, mask)
    # d/dw of sg(p) log p is p * (1 / p) dp/dw = dp/dw: the 1 / p that makes SFT chase improbable tokens cancels
    return -(log_probs.exp().detach() * log_probs).sum() / _or_tokens(divisor, mask)


def rejection_sampling(log_probs: Tensor, verified: Tensor, mask: Tensor, divisor: float | None = None) -> Tensor:
    """Return the SFT loss of the verified rollouts alone: weight 1 where the verifier says right, else 0.

    log_probs, mask: (B, T); verified: (B,) bool. With nothing verified the loss is 0 and so is its gradient
    (RAFT, arXiv:2304.06767; RFT, arXiv:2308.01825).
    """
    return sft(log_probs, mask & verified.bool()[:, None], divisor)


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
) -> Tensor:
    """Return the clipped policy-gradient loss of a batch of rollouts, in one of its named forms.

        - min(ratio_t A, clip(ratio_t, 1 - clip_low, 1 + clip_high) A) + kl_coef k3_t     ratio_t = exp(log p_t - log
          p_t old)
        cispo: - sg(min(ratio_t, 1 + clip_high)) A log p_t: a clipped token keeps its gradient, with a capped weight
        gspo:  ratio_t is that of the sequence, exp(mean_t(log p_t - log p_t old)), the same for all its tokens

    log_probs, old_log_probs, mask, reference_log_probs, entropies: (B, T); advantages: (B,).
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
    log_probs, old_log_probs = _where_response(log_probs, mask), _where_response(old_log_probs, mask)
    advantages = advantages[:, None]  # (B, 1)
    log_ratio = log_probs - old_log_probs  # (B, T)
    if form == "gspo":
        log_ratio = log_ratio.sum(-1, keepdim=True) / _lengths(mask).clamp(min=1)[:, None]  # (B, 1)
    ratio = log_ratio.exp()  # 1 in the first update after sampling; gradient of ratio = ratio * grad log p
    if form == "cispo":
        losses = -ratio.detach().clamp(max=1 + clip_high) * advantages * log_probs
    else:
        # A > 0: min(ratio, 1 + clip_high) A, no gradient above. A < 0: max(ratio, 1 - clip_low) A, no gradient below.
        # The other way there is no bound: a good token that became rare keeps its gradient.
        losses = -torch.min(ratio * advantages, ratio.clamp(1 - clip_low, 1 + clip_high) * advantages)
    if kl_coef:
        losses = losses + kl_coef * _k3(log_probs, _needed(reference_log_probs, "reference_log_probs"), mask, ratio, kl)
    losses = _where_response(losses.expand_as(log_probs), mask)  # (B, T)
    if form in ("grpo", "gspo"):  # each response counts alike, so a token of a long one counts for less
        losses = losses / _lengths(mask).clamp(min=1)[:, None]
    loss = losses.sum() / (divisor or grpo_divisor(form, _lengths(mask), max_response_tokens))
    if entropy_coef:
        entropy = _where_response(_needed(entropies, "entropies"), mask).sum() / _or_tokens(tokens, mask)
        loss = loss - entropy_coef * entropy
    return loss


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


def group_advantages(rewards: Tensor, scale: Scale = "group", scored: Tensor | None = None) -> Tensor:
    """Return each rollout's reward relative to its group, (P, G): reward minus the group's mean, scaled.

    rewards: (P, G); scored: (P, G) bool, False where the verifier could not decide: such a rollout gets advantage 0 and
    counts in no mean. scale: "group" divides by the group's sample standard deviation (n - 1) + 1e-4, "batch" by that
    of all rewards, "none" not at all (arXiv:2503.20783). A group whose rewards are all equal, or that has one
    rollout, gets exactly 0: there is nothing to prefer.
    """
    scored = torch.ones_like(rewards, dtype=torch.bool) if scored is None else scored
    known = rewards.masked_fill(~scored, 0.0)  # (P, G)
    count = scored.sum(-1, keepdim=True)  # (P, 1)
    centred = (known - known.sum(-1, keepdim=True) / count.clamp(min=1)).masked_fill(~scored, 0.0)
    lowest = rewards.masked_fill(~scored, torch.inf).amin(-1, keepdim=True)
    highest = rewards.masked_fill(~scored, -torch.inf).amax(-1, keepdim=True)
    centred = centred * (highest > lowest)  # rounding in the mean must not become an advantage
    if scale == "group":
        return centred / ((centred.square().sum(-1, keepdim=True) / (count - 1).clamp(min=1)).sqrt() + STD_FLOOR)
    if scale == "batch":
        chosen = rewards[scored]
        return centred / ((chosen.std() if len(chosen) > 1 else chosen.new_zeros(())) + STD_FLOOR)
    return centred


def _k3(log_probs: Tensor, reference: Tensor, mask: Tensor, ratio: Tensor, kl: KL) -> Tensor:
    """Return the k3 estimate of KL(policy | reference) of each token, (B, T)."""
    # -d alone is unbiased but noisy and often negative; exp(d) - 1 has mean 0 under the policy and takes the noise out
    difference = _where_response(reference, mask) - log_probs  # d, (B, T)
    estimate = difference.exp() - difference - 1
    return estimate * ratio if kl == "k3_ratio" else estimate


def _where_response(values: Tensor, mask: Tensor) -> Tensor:
    # not values * mask, which would keep a NaN or an infinity of the padding
    return values.masked_fill(~mask.bool(), 0.0)


def _lengths(mask: Tensor) -> Tensor:
    return mask.bool().sum(-1)  # (B,)


def _or_tokens(divisor: float | None, mask: Tensor) -> float:
    return divisor or max(float(mask.sum()), 1.0)


def _needed(tensor: Tensor | None, name: str) -> Tensor:
    if tensor is None:
        raise ValueError(f"the loss has a term in {name}, and {name} is missing; pass it or set its coefficient to 0")
    return tensor
