"""Corrected shares: the shares we would see if the classifier made no errors beyond those of the reference readers.

A classifier that labels every tenth SFT paper as hybrid turns its errors into a trend. The validation sample, papers
labelled both by readers and by the classifier, measures these errors, and each period's shares are corrected for them.

There are two directions. P(true | predicted) can be carried over only where the mix of labels is the same, and periods
are compared because it is not. P(predicted | true) stays while the mix shifts, as long as the machine reads a paper of
a class alike in every period (prior shift). So the correction asks which mix π of true classes makes the predictions q
most probable when class t is predicted as c at the measured rate φ_tc: it maximises Σ_c q_c log Σ_t π_t φ_tc by EM
(A. P. Dempster, N. M. Laird, D. B. Rubin, JRSS B 39, 1977; with labels instead of densities this is the prior
adjustment of M. Saerens, P. Latinne, C. Decaestecker, Neural Computation 14, 2002). Unlike the inverse of φ, that
never gives a negative share.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from posttrain.statistics import CONFIDENCE, Share, share_of, wilson
from survey.labels.agreement import Confusion

Floats = NDArray[np.float64]

REPLICATES = 4000  # a tenth of a second for a period of five classes
_ROUNDS = 300  # of EM
_STILL = 1e-6  # a round that moves no share further ends EM
_TINY = 1e-12  # instead of a rate of 0, so that nothing is divided by 0


@dataclass(frozen=True)
class CorrectedShare:
    """The share of one class in one period, as predicted and as corrected; or the reason why it is not corrected.

    `raw` counts the machine's labels and its interval knows nothing of their errors. Low and high bound the share among
    all papers that the period's are a sample of, with 95 % confidence. `replicates` has one possible share each, of
    the same draws of φ in every period of one call, so that periods can be compared replicate by replicate.
    """

    label: str
    raw: Share | None
    share: float | None
    low: float | None
    high: float | None
    reason: str = ""
    replicates: Floats | None = field(default=None, repr=False, compare=False)


def correct_shares(
    periods: Mapping[str, Mapping[str, int]], validation: Confusion, seed: int = 0, replicates: int = REPLICATES
) -> dict[str, tuple[CorrectedShare, ...]]:
    """Return the corrected shares of every period, in the order of the validation's classes.

    `periods` counts each period's predicted labels; in `validation` the first reader is the truth and the second the
    machine. The validation papers may be drawn by true class or at random, from any period.

    The estimate takes φ from the validation with one paper added to each true class, spread evenly over the predicted
    ones, so that an error that has not occurred yet stays possible. The interval runs from the 2.5th to the 97.5th
    percentile of the estimates from drawn φ and q: each row of φ, and q, comes from a Dirichlet distribution over its
    counts and one paper more of a random class (for two classes the fiducial distribution of J. Hannig, Statistica
    Sinica 19, 2009). Resampling papers instead never gives an error that did not occur, and covers too rarely. The
    interval is widened to hold the estimate, and near 0 or 1 is never narrower than for n papers without an error.

    Measured, nominal 95 %: five classes read with 90 or 80 % accuracy, 200 validation papers, periods of 100 and 1,000
    papers with the same or a shifted mix, down to shares of 0 and classes of some six validation papers, each scenario
    1,000 times: 96.3 % of the intervals hold the true share, 95.3 to 98.0 % by scenario, 93.6 % for the worst class of
    one. Resampling (150 times) gives 90 to 95 % and 81 %, Jeffreys' half a paper per class 94 to 97 % and 88 %, and the
    raw share's Wilson interval, blind to the machine's errors, anything down to 0 %.

    A class without a validation paper is not corrected, for nothing is known about how the machine reads it. The
    others then treat the classifier's label for it as correct and assume that none of its papers has another label. A
    period without papers is not corrected at all. The same input and seed give the same numbers, whatever other
    periods are asked about.

    Raises ValueError for a negative count and for an unknown class.
    """
    classes = validation.classes
    counts = {period: _counts(period, predicted, classes) for period, predicted in periods.items()}
    observed = np.array(validation.counts, dtype=np.float64).reshape(len(classes), len(classes))
    draws = _rates(
        drawn_weights(np.random.default_rng(seed), np.broadcast_to(observed, (replicates, *observed.shape))), observed
    )
    return {
        period: _correct(np.random.default_rng([seed, 1, *period.encode()]), q, observed, draws, classes)
        for period, q in counts.items()
    }


def _counts(period: str, predicted: Mapping[str, int], classes: Sequence[str]) -> list[int]:
    for label, k in predicted.items():
        if label not in classes or k < 0:
            raise ValueError(f"{period} has {k} papers of {label}; expected 0 or more of each of {', '.join(classes)}")
    return [predicted.get(label, 0) for label in classes]


def drawn_weights(rng: np.random.Generator, counts: Floats) -> Floats:
    """Draw the weights of the last axis's classes from Dirichlet(counts + one paper of a random class)."""
    one_more = np.eye(counts.shape[-1])[rng.integers(counts.shape[-1], size=counts.shape[:-1])]
    return rng.standard_gamma(counts + one_more)


def _rates(weights: Floats, observed: Floats) -> Floats:
    """Scale each true class's row to sum 1; a class without validation papers is read as itself."""
    rates = weights / weights.sum(axis=-1, keepdims=True)
    return np.where(observed.sum(axis=1, keepdims=True) > 0, rates, np.eye(len(observed)))


def _correct(
    rng: np.random.Generator, counts: Sequence[int], observed: Floats, draws: Floats, classes: Sequence[str]
) -> tuple[CorrectedShare, ...]:
    n = sum(counts)
    raws = [share_of(k, n) for k in counts]
    if not n:
        return tuple(CorrectedShare(label, None, None, None, None, "the period has no papers") for label in classes)
    q = np.array(counts, dtype=np.float64)
    rates = np.concatenate([_rates(observed + 1 / len(classes), observed)[None], draws])
    drawn = drawn_weights(rng, np.broadcast_to(q, (len(draws), len(q))))
    estimate, mixes = np.split(most_likely_mix(rates, np.concatenate([q[None], drawn])), [1])
    bounds = np.quantile(mixes, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
    lows = np.minimum(np.minimum(bounds[0], estimate[0]), wilson(n, n)[0])
    highs = np.maximum(np.maximum(bounds[1], estimate[0]), wilson(0, n)[1])
    unknown = f"none of the {observed.sum():.0f} validation papers is {{}}, so how it is read is unknown"
    return tuple(
        CorrectedShare(label, raw, share, low, high, replicates=mixes[:, at])
        if observed[at].any()
        else CorrectedShare(label, raw, None, None, None, unknown.format(label))
        for at, (label, raw, share, low, high) in enumerate(
            zip(classes, raws, estimate[0].tolist(), lows.tolist(), highs.tolist(), strict=True)
        )
    )


def most_likely_mix(rates: Floats, predicted: Floats) -> Floats:
    """Return the mix of true classes that makes the predictions most probable, for R replicates of C classes at once.

    `rates` [R, C, C] has φ with a row of sum 1 per true class, `predicted` [R, C] counts or shares. Each round of EM
    multiplies π_t by Σ_c q_c φ_tc / Σ_s π_s φ_sc, from equal shares. Returns [R, C], each row with sum 1. A prediction
    that no class explains (φ_tc = 0 for all t) says nothing about the mix.
    """
    r = np.ascontiguousarray(np.moveaxis(np.maximum(rates, _TINY), 0, -1))  # [true, predicted, R]: twice as fast
    q = np.ascontiguousarray((predicted / predicted.sum(axis=1, keepdims=True)).T)
    mix = np.full_like(q, 1 / len(q))
    for _ in range(_ROUNDS):
        before = mix
        mix = mix * np.einsum("tcr,cr->tr", r, q / np.einsum("tr,tcr->cr", mix, r))
        if np.abs(mix - before).max() < _STILL:
            break
    mix[mix < 10 * _STILL] = 0  # a share on its way to 0 has 0 as its limit, and two of them are equal
    return np.ascontiguousarray((mix / mix.sum(axis=0)).T)
