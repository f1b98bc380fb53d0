"""Intervals and tests for a handful of runs: Student over seeds, paired tests over prompts, Holm over comparisons."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, mean, stdev

from survey.trends.domain import wilson

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Interval:
    """A share with its interval, and what the interval rests on: `prompts` or `seeds`, whichever is wider."""

    share: float
    low: float
    high: float
    basis: str


@dataclass(frozen=True)
class Difference:
    """How much more one arm gets right than another, with the chance of at least as much by luck."""

    share: float
    low: float
    high: float
    p: float


def student_p(t: float, freedom: int) -> float:
    """Return the two-sided chance of a |t| as large, for whole degrees of freedom (Abramowitz and Stegun 26.7.3, 4)."""
    angle = math.atan(abs(t) / math.sqrt(freedom))
    term = total = math.cos(angle) if freedom % 2 else 1.0
    for step in range(3 if freedom % 2 else 2, freedom - 1, 2):
        term *= math.cos(angle) ** 2 * (step - 1) / step
        total += term
    within = math.sin(angle) * total
    if freedom % 2:
        within = 2 / math.pi * (angle + (within if freedom > 1 else 0.0))
    return max(0.0, 1 - within)


def student_quantile(freedom: int) -> float:
    """Return the t that holds the middle 95 %, such as 2.776 for four degrees of freedom."""
    low, high = 0.0, 1000.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        low, high = (middle, high) if student_p(middle, freedom) > 1 - CONFIDENCE else (low, middle)
    return (low + high) / 2


def interval_of(shares: Sequence[float], n: int) -> Interval:
    """Return the mean share of runs that were scored on the same n prompts, with the wider of two intervals.

    Wilson's says how far other prompts may lead, Student's how far other seeds; one run has the first alone.
    Raises ValueError for no run or no prompt.
    """
    middle = mean(shares)
    low, high = wilson(min(middle * n, n), n)
    if len(shares) > 1:
        spread = student_quantile(len(shares) - 1) * stdev(shares) / math.sqrt(len(shares))
        if 2 * spread > high - low:
            return Interval(middle, max(0.0, middle - spread), min(1.0, middle + spread), "seeds")
    return Interval(middle, low, high, "prompts")


def difference_of(first: Sequence[str], second: Sequence[str]) -> Difference:
    """Return how far two arms differ, from the marks (`1` right, `0` not) of their runs on the same prompts in order.

    One run each: McNemar's exact test, with the interval of Agresti and Min (2005). With several seeds, the test
    with the larger p of two: over prompts, and over seeds, where run i of both arms has the same seed; an arm of one
    run (no training) stands for all seeds. Raises ValueError where the prompts differ in number.
    """
    if len(first) == len(second) == 1:
        return _mcnemar(first[0], second[0])
    pairs = [
        sum(int(marks[place]) for marks in first) / len(first)
        - sum(int(marks[place]) for marks in second) / len(second)
        for place in range(_length([*first, *second]))
    ]
    seeds = max(len(first), len(second))
    ours, theirs = (list(marks) * seeds if len(marks) == 1 else list(marks) for marks in (first, second))
    by_seed = [_share(one) - _share(other) for one, other in zip(ours, theirs, strict=True)]
    over = (_mean_differs(pairs, NormalDist().inv_cdf(0.975), None), _mean_differs(by_seed, None, seeds - 1))
    return max(over, key=lambda found: found.p)


def holm(chances: Sequence[float]) -> list[float]:
    """Return the chances corrected for their number (Holm, 1979), in their order."""
    corrected, least = [0.0] * len(chances), 0.0
    for rank, place in enumerate(sorted(range(len(chances)), key=chances.__getitem__)):
        least = max(least, min(1.0, (len(chances) - rank) * chances[place]))
        corrected[place] = least
    return corrected


def told_apart(n: int) -> float:
    """Return the difference of two shares that n prompts tell apart at best: two standard errors at a half, unpaired.

    Pairs by prompt tell apart more where arms fail on the same prompts.
    """
    return 2 * math.sqrt(2 * 0.25 / n)


def _mcnemar(first: str, second: str) -> Difference:
    n = _length([first, second])
    gained = sum(one == "1" and other == "0" for one, other in zip(first, second, strict=True))
    lost = sum(one == "0" and other == "1" for one, other in zip(first, second, strict=True))
    differing = gained + lost
    tail: float = sum(math.comb(differing, k) for k in range(min(gained, lost) + 1)) / 2**differing
    centre = (gained - lost) / (n + 2)
    spread = 1.959964 * math.sqrt(differing + 1 - (gained - lost) ** 2 / (n + 2)) / (n + 2)
    return Difference((gained - lost) / n, max(-1.0, centre - spread), min(1.0, centre + spread), min(1.0, 2 * tail))


def _mean_differs(values: Sequence[float], quantile: float | None, freedom: int | None) -> Difference:
    middle = mean(values)
    error = stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    if not error:
        return Difference(middle, middle, middle, 0.0 if middle else 1.0)
    if freedom is None:
        p = 2 * (1 - NormalDist().cdf(abs(middle) / error))
    else:
        quantile, p = student_quantile(freedom), student_p(middle / error, freedom)
    spread = (quantile or 0.0) * error
    return Difference(middle, middle - spread, middle + spread, p)


def _length(marks: Sequence[str]) -> int:
    lengths = {len(one) for one in marks}
    if len(lengths) != 1 or not max(lengths):
        raise ValueError(f"arms were scored on {sorted(lengths)} prompts; expected the same number")
    return lengths.pop()


def _share(marks: str) -> float:
    return marks.count("1") / len(marks)
