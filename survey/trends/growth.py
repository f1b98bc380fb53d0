"""Growth from one period to the next: of the count, and of the share with its interval, with the printed growth.

A count grows with the sample; the growth of a share shows a change of the field. There is no growth where either of
the two periods has fewer than 30 papers, and none over a gap between periods.
"""

import math
from dataclasses import dataclass
from itertools import pairwise

from posttrain.statistics import Z
from survey.trends.trend import TrendRow, TrendTable


@dataclass(frozen=True)
class Growth:
    """The change of a label between two periods; a growth of 0.25 is +25 %, and None where there is none."""

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
    """Return the growth of each label from each period to the next of the table, where ours or the printed is known."""
    rows = {(row.period, row.label): row for row in table.rows}
    periods, labels = (list(dict.fromkeys(names)) for names in zip(*rows, strict=True)) if rows else ([], [])
    pairs = [(rows[before, label], rows[after, label]) for before, after in pairwise(periods) for label in labels]
    changes = [_growth(before, after) for before, after in pairs]
    return [change for change in changes if change.of_k is not None or change.published is not None]


def _growth(before: TrendRow, after: TrendRow) -> Growth:
    of_share = low = high = printed = None
    if after.growth is not None:
        ratio = (after.k / after.n) / (before.k / before.n)
        of_share = ratio - 1
        if after.k:
            factor = _factor(before, after)
            low, high = ratio / factor - 1, ratio * factor - 1
    if before.published and after.published and before.published.value:
        printed = after.published.value / before.published.value - 1
    counts = (before.k, before.n, after.k, after.n)
    return Growth(after.label, before.period, after.period, *counts, after.growth, of_share, low, high, printed)


def _factor(before: TrendRow, after: TrendRow) -> float:
    """Return the factor by which the ratio of two shares is divided and multiplied for its bounds.

    The logarithm of the ratio is taken as normal (D. Katz et al., Biometrics 34, 1978).
    """
    variance = sum(1 / row.k - 1 / row.n for row in (before, after))
    return math.exp(Z * math.sqrt(variance))
