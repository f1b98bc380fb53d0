"""The projection of an unfinished year from its first half, under the survey's rule and two others, with an interval.

The survey says that it doubles the first half of 2025, but prints odd totals; dividing by the mean part that the first
halves of 2023 and 2024 had of their years (47.38 % and 49.81 %) reproduces all four of them.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from statistics import mean

from posttrain.statistics import Z
from survey.trends.published import PUBLISHED_FIRST_HALF

_ENOUGH_FIRST_HALF = 30  # domain assignments in the first half of a year that is projected
_ENOUGH_EARLIER = 100  # domain assignments in each year before; below, the survey's printed first halves serve
_PUBLISHED_TOTALS = (999, 2352)  # what the printed first halves are parts of
_LAST_WEEK_OF_JUNE = 24

Reached = Mapping[tuple[date, str], int]  # papers by month and domain


class Project(StrEnum):
    """How an unfinished year is projected from its first half."""

    MEAN_SHARE = "mean-share"  # divided by the mean first half of the two years before
    DOUBLE = "double"
    LAST_SHARE = "last-share"  # divided by the first half of the year before


@dataclass(frozen=True)
class Projection:
    """A year that can be projected: its first halves by domain, and the part of a year that a first half is."""

    year: int
    first_halves: Mapping[str, int]
    share: float
    variance: float  # of that part
    note: str

    def total(self, label: str, counted: int) -> tuple[int, int | None, int | None]:
        """Return the projected count of a domain and its 95 % bounds, never below what is `counted` already.

        The logarithm of first half / share is taken as normal, with the variance of both (delta method): (1 - s)/h for
        a first half of h papers out of h/s, and var(s)/s² for the part s. Without a paper there are no bounds.
        """
        half = self.first_halves.get(label, 0)
        projected = math.floor(half / self.share)
        if not half:
            return max(projected, counted), None, None
        spread = math.sqrt((1 - self.share) / half + self.variance / self.share**2)
        factor = math.exp(Z * spread)
        bounds = math.floor(half / self.share / factor), math.ceil(half / self.share * factor)
        return max(projected, counted), max(bounds[0], counted), max(bounds[1], counted)


def first_half(reached: Reached, year: int) -> tuple[int, int]:
    """Return how many domain assignments of a year came by the end of June, and how many in all."""
    half = sum(papers for (month, _), papers in reached.items() if month.year == year and month.month <= 6)
    return half, sum(papers for (month, _), papers in reached.items() if month.year == year)


def projection_of(reached: Reached, last: date | None, project: Project) -> Projection | str:
    """Return how to complete the year of `last`, the sample's newest paper; or why not ("" where the year is over)."""
    if last is None or last.month == 12:
        return ""
    if (last.month, last.day) < (6, _LAST_WEEK_OF_JUNE):
        return f"{last.year} is not projected: the sample ends before its June does"
    halves: Counter[str] = Counter()
    for (month, label), papers in reached.items():
        if month.year == last.year and month.month <= 6:
            halves[label] += papers
    if halves.total() < _ENOUGH_FIRST_HALF:
        return f"{last.year} is not projected: its first half has {halves.total()} domain assignments, too few"
    shares, totals, origin = _earlier_shares(reached, last.year)
    variances = [share * (1 - share) / total for share, total in zip(shares, totals, strict=True)]
    share, variance = {
        Project.DOUBLE: (0.5, 0.0),
        Project.LAST_SHARE: (shares[-1], variances[-1]),
        Project.MEAN_SHARE: (mean(shares), sum(variances) / len(shares) ** 2),
    }[project]
    how = "doubled" if project is Project.DOUBLE else f"divided by {share:.4f} ({project}, {origin})"
    return Projection(last.year, halves, share, variance, f"{last.year} projected: papers of January to June {how}")


def _earlier_shares(reached: Reached, year: int) -> tuple[list[float], list[int], str]:
    """Return which part of the two years before came in their first half, of how many, and where that is known from."""
    halves = [first_half(reached, earlier) for earlier in (year - 2, year - 1)]
    if any(whole < _ENOUGH_EARLIER or not half for half, whole in halves):
        return list(PUBLISHED_FIRST_HALF), list(_PUBLISHED_TOTALS), "the survey's first halves of 2023 and 2024"
    shares = [half / whole for half, whole in halves]
    return shares, [whole for _, whole in halves], f"this sample's first halves of {year - 2} and {year - 1}"
