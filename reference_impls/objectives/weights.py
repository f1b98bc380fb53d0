"""The one gradient: weights on the log-probabilities of response tokens, and the sums that divide it."""

from torch import Tensor


def weighted(log_probs: Tensor, weights: Tensor | float, mask: Tensor, divisor: float | None = None) -> Tensor:
    """Return - sum of sg(w_t) log p_t over response tokens, divided: every row that is linear in log p is this one.

    log_probs, mask: (B, T); weights: a number, or (B, 1) or (B, T), which get no gradient. divisor: the response tokens
    if left out.
    """
    if isinstance(weights, Tensor):
        weights = where_response(weights.detach().expand_as(log_probs), mask)
    return -(weights * where_response(log_probs, mask)).sum() / or_tokens(divisor, mask)


def where_response(values: Tensor, mask: Tensor) -> Tensor:
    """Return the values at response tokens and 0 elsewhere, (B, T)."""
    # not values * mask, which would keep a NaN or an infinity of the padding
    return values.masked_fill(~mask.bool(), 0.0)


def lengths_of(mask: Tensor) -> Tensor:
    """Return the number of response tokens of each sequence, (B,)."""
    return mask.bool().sum(-1)


def or_tokens(divisor: float | None, mask: Tensor) -> float:
    """Return the divisor, or the number of response tokens where there is none."""
    return divisor or max(float(mask.sum()), 1.0)


def per_token(values: Tensor) -> Tensor:
    """Return values of sequences, (B,), as a column that spreads over their tokens, (B, 1); those of tokens as is."""
    return values if values.dim() > 1 else values[:, None]
