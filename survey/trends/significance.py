"""Significance: whether shares differ, tested for all questions together.

Of twenty comparisons between equal shares one looks different at 5 % by chance. So the p-values of all questions that
are asked together are adjusted by Holm's procedure: the chance of even one false "different" among them is at most 5 %.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from posttrain.statistics import CONFIDENCE, Difference, Share, fisher, holm, newcombe, pooled_z, share_of
from survey.trends.correction import CorrectedShare

FAMILY_WISE = 0.05
_SMALL = 5  # an expected count below it makes the normal approximation doubtful (W. G. Cochran, Biometrics 10, 1954)


class Basis(StrEnum):
    """The test behind a p-value."""

    FISHER = "Fisher's exact test"
    Z = "two-proportion z test"
    REPLICATES = "replicates of the corrected shares"


class Significance(StrEnum):
    """The verdict at a family-wise error of 5 %."""

    DIFFERENT = "different"
    NOT_DISTINGUISHABLE = "not distinguishable"


@dataclass(frozen=True)
class Comparison:
    """Two shares with their difference (first minus second), and the verdict among all questions asked together.

    The interval and the p of the difference belong to this question alone: the interval may exclude 0 where the
    verdict, which answers for all questions, is "not distinguishable".
    """

    first: Share | CorrectedShare
    second: Share | CorrectedShare
    difference: Difference
    basis: Basis
    adjusted: float

    @property
    def verdict(self) -> Significance:
        """Whether the adjusted p is at most 5 %."""
        return Significance.DIFFERENT if self.adjusted <= FAMILY_WISE else Significance.NOT_DISTINGUISHABLE


def compare_shares(questions: Sequence[tuple[tuple[int, int], tuple[int, int]]]) -> list[Comparison | None]:
    """Return the answer to each question ((k1, n1), (k2, n2)), in their order; None where an n is 0.

    Fisher's exact test where a count expected under equal shares is below 5, else the z test; Newcombe's interval;
    Holm's adjustment over all that have an answer. Raises ValueError for a k outside 0 to n.
    """
    pairs = [(share_of(*first), share_of(*second)) for first, second in questions]
    return _judged([_compared(first, second) if first and second else None for first, second in pairs])


def compare_corrected(questions: Sequence[tuple[CorrectedShare, CorrectedShare]]) -> list[Comparison | None]:
    """Return the answer to each question of two corrected shares, in their order; None where one was not corrected.

    Both must come from one call of `correct_shares`: their replicates then share the errors of the one validation
    sample, which partly cancel. The interval is from the 2.5th to the 97.5th percentile of the replicates' differences,
    and p = 2 (1 + m) / (1 + R), with m the fewer of the R differences that are at most 0 or at least 0; so 4,000
    replicates have an answer to up to 100 questions at once. Of two equal mixes 2.7 to 5.1 % of the p-values are at
    most 5 % in the simulations of `survey.trends.correction`. Raises ValueError where the numbers of replicates differ.
    """
    return _judged([_compared_replicates(first, second) for first, second in questions])


def _judged(compared: Sequence[Comparison | None]) -> list[Comparison | None]:
    """Adjust the p-values of all questions that have an answer."""
    adjusted = iter(holm([comparison.difference.p for comparison in compared if comparison]))
    return [comparison and replace(comparison, adjusted=next(adjusted)) for comparison in compared]


def _compared(first: Share, second: Share) -> Comparison:
    total, among = first.k + second.k, first.n + second.n
    few = min(total, among - total) * min(first.n, second.n) < _SMALL * among  # in the rarest of the four cells
    basis, p = (Basis.FISHER, fisher(first, second)) if few else (Basis.Z, pooled_z(first, second))
    difference = Difference(first.share - second.share, *newcombe(first, second), p)
    return Comparison(first, second, difference, basis, p)


def _compared_replicates(first: CorrectedShare, second: CorrectedShare) -> Comparison | None:
    if first.share is None or second.share is None or first.replicates is None or second.replicates is None:
        return None
    if (ours := len(first.replicates)) != (theirs := len(second.replicates)):
        raise ValueError(f"{ours} and {theirs} replicates; expected two shares of one correction")
    differences, estimate = first.replicates - second.replicates, first.share - second.share
    low, high = np.quantile(differences, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]).tolist()
    fewer = min(int((differences <= 0).sum()), int((differences >= 0).sum()))
    p = min(1.0, 2 * (1 + fewer) / (1 + len(differences)))
    difference = Difference(estimate, min(low, estimate), max(high, estimate), p)
    return Comparison(first, second, difference, Basis.REPLICATES, p)
