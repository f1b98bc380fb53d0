"""Differences: whether one share differs from another, asked of all questions together.

Of twenty comparisons between equal shares one looks different at 5 % by chance. So the p-values of everything asked
together are adjusted by Holm's procedure, and the chance of even one false "different" among them is at most 5 %.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from posttrain.statistics import CONFIDENCE, Share, fisher, holm, newcombe, pooled_z, share_of
from survey.trends.correction import CorrectedShare

FAMILY_WISE = 0.05
_SMALL = 5  # an expected count below it makes the normal approximation doubtful (W. G. Cochran, Biometrics 10, 1954)


class Basis(StrEnum):
    """How a p-value came about."""

    FISHER = "Fisher's exact test"
    Z = "two-proportion z test"
    REPLICATES = "replicates of the corrected shares"


class Verdict(StrEnum):
    """What 5 % family-wise allows to be said."""

    DIFFERENT = "different"
    NOT_DISTINGUISHABLE = "not distinguishable"


@dataclass(frozen=True)
class Difference:
    """The first share minus the second with its own 95 % interval, and the verdict among all questions asked together.

    The interval is of this question alone: it may leave out 0 where the verdict, which answers for all, does not.
    """

    first: Share | CorrectedShare
    second: Share | CorrectedShare
    difference: float
    low: float
    high: float
    basis: Basis
    p: float
    adjusted: float
    verdict: Verdict


def compare_shares(questions: Sequence[tuple[tuple[int, int], tuple[int, int]]]) -> list[Difference | None]:
    """Return the answer to each question ((k1, n1), (k2, n2)), in their order; None where an n is 0.

    Fisher's exact test where a count expected under equal shares is below 5, else the z test; Newcombe's interval;
    Holm's adjustment over all that have an answer. Raises ValueError for a k outside 0 to n.
    """
    pairs = [(share_of(*first), share_of(*second)) for first, second in questions]
    return _judged([_compared(first, second) if first and second else None for first, second in pairs])


def compare_corrected(questions: Sequence[tuple[CorrectedShare, CorrectedShare]]) -> list[Difference | None]:
    """Return the answer to each question of two corrected shares, in their order; None where one was not corrected.

    Both must come from one call of `correct_shares`: their replicates then share the errors of the one validation
    sample, which partly cancel. The interval is from the 2.5th to the 97.5th percentile of the replicates' differences,
    and p = 2 (1 + m) / (1 + R), with m the fewer of the R differences that are at most 0 or at least 0; so 4,000
    replicates have an answer to up to 100 questions at once. Of two equal mixes 2.7 to 5.1 % of the p-values are at
    most 5 % in the simulations of `survey.trends.correction`. Raises ValueError where the numbers of replicates differ.
    """
    return _judged([_compared_replicates(first, second) for first, second in questions])


def _judged(compared: Sequence[Difference | None]) -> list[Difference | None]:
    """Adjust the p-values of those that have one for all that were asked together."""
    adjusted = iter(holm([one.p for one in compared if one]))
    return [one and replace(one, adjusted=(p := next(adjusted)), verdict=_verdict(p)) for one in compared]


def _compared(first: Share, second: Share) -> Difference:
    total, among = first.k + second.k, first.n + second.n
    few = min(total, among - total) * min(first.n, second.n) < _SMALL * among  # in the rarest of the four cells
    basis, p = (Basis.FISHER, fisher(first, second)) if few else (Basis.Z, pooled_z(first, second))
    low, high = newcombe(first, second)
    return Difference(first, second, first.share - second.share, low, high, basis, p, p, _verdict(p))


def _compared_replicates(first: CorrectedShare, second: CorrectedShare) -> Difference | None:
    if first.share is None or second.share is None or first.replicates is None or second.replicates is None:
        return None
    if (found := len(first.replicates)) != (other := len(second.replicates)):
        raise ValueError(f"{found} and {other} replicates; expected two shares of one correction")
    differences, seen = first.replicates - second.replicates, first.share - second.share
    low, high = np.quantile(differences, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]).tolist()
    fewer = min(int((differences <= 0).sum()), int((differences >= 0).sum()))
    p = min(1.0, 2 * (1 + fewer) / (1 + len(differences)))
    return Difference(first, second, seen, min(low, seen), max(high, seen), Basis.REPLICATES, p, p, _verdict(p))


def _verdict(adjusted: float) -> Verdict:
    return Verdict.DIFFERENT if adjusted <= FAMILY_WISE else Verdict.NOT_DISTINGUISHABLE
