"""Growth from one period to the next: of the count, and of the share with its interval, with the printed growth.

A count grows with the sample, so the growth of a share is the one that says something about the field. Between periods
of which one has fewer than 30 papers there is none.
"""

import math
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist

from posttrain.statistics import CONFIDENCE
from survey.trends.domain import TrendRow, TrendTable

ENOUGH = 30  # papers of each of the two periods


@dataclass(frozen=True)
class Growth:
    """How one label changed between two periods; a growth of 0.25 is +25 %, and None where there is none."""

    label: str
    before: str
    after: str
    k_before: int
    n_before: int
    k_after: int
    n_after: int
    of_k: float | None
    of_share: float | None
    low: float | None  # bounds of the growth of the share, at 95 %
    high: float | None
    published: float | None  # of the printed counts (domain) or shares (method, data source)


def growth_of(table: TrendTable) -> list[Growth]:
    """Return the growth of each label between neighbouring periods, where ours or the printed one is known.

    Periods are neighbours when no other period of the table lies between them.
    """
    rows = {(row.period, row.label): row for row in table.rows}
    periods, labels = (list(dict.fromkeys(names)) for names in zip(*rows, strict=True)) if rows else ([], [])
    pairs = [(rows[before, label], rows[after, label]) for before, after in pairwise(periods) for label in labels]
    changes = [_growth(before, after) for before, after in pairs]
    return [change for change in changes if change.of_k is not None or change.published is not None]


def _growth(before: TrendRow, after: TrendRow) -> Growth:
    of_k = of_share = low = high = printed = None
    if min(before.n, after.n) >= ENOUGH and before.k:
        of_k = after.k / before.k - 1
        ratio = (after.k / after.n) / (before.k / before.n)
        of_share = ratio - 1
        if after.k:
            factor = _factor(before, after)
            low, high = ratio / factor - 1, ratio * factor - 1
    if before.published and after.published and before.published.value:
        printed = after.published.value / before.published.value - 1
    counts = (before.k, before.n, after.k, after.n)
    return Growth(after.label, before.period, after.period, *counts, of_k, of_share, low, high, printed)


def _factor(before: TrendRow, after: TrendRow) -> float:
    """Return what the ratio of two shares is divided and multiplied by for its bounds.

    The logarithm of the ratio is taken as normal (D. Katz et al., Biometrics 34, 1978).
    """
    variance = sum(1 / row.k - 1 / row.n for row in (before, after))
    return math.exp(NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * math.sqrt(variance))
