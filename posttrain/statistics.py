"""Statistics that every room shares: shares with intervals, tests of differences, agreement of two readers.

Everything here is plain Python and loads nothing heavy, but for Student's t, which imports SciPy when it is called.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist, mean, stdev
from typing import NamedTuple, TypedDict

CONFIDENCE = 0.95  # of every interval of the project
Z = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)  # 1.96: that many standard errors to each side


@dataclass(frozen=True)
class Share:
    """`k` of `n` with its interval."""

    k: int
    n: int
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Estimate:
    """A share that is not simply k of n, with its interval; without one, `note` says why there is none."""

    share: float | None
    low: float | None
    high: float | None
    note: str = ""


@dataclass(frozen=True)
class Interval:
    """A mean share of runs with its interval and the basis of the wider interval: `prompts` or `seeds`."""

    share: float
    low: float
    high: float
    basis: str


@dataclass(frozen=True)
class Difference:
    """The first share minus the second, its interval, and the chance of a difference as large between equal shares."""

    share: float
    low: float
    high: float
    p: float


class Kappa(NamedTuple):
    """Cohen's kappa with its interval, and the agreement that the readers' margins alone would give."""

    expected: float
    value: float
    low: float
    high: float


class Counted(TypedDict):
    """k of n with share and interval as plain data, for JSON; share and interval are None where n is 0."""

    k: float
    n: int
    share: float | None
    low: float | None
    high: float | None


def wilson(k: float, n: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the Wilson score interval of the share k/n (E. B. Wilson, JASA 22, 1927).

    It stays inside [0, 1] and keeps its coverage for the small n of these tables. Raises ValueError for n < 1.
    """
    if n < 1 or not 0 <= k <= n:
        raise ValueError(f"no interval for {k} of {n}")
    z = Z if confidence == CONFIDENCE else NormalDist().inv_cdf((1 + confidence) / 2)
    share = k / n
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return (0.0 if k == 0 else middle - half), (1.0 if k == n else middle + half)


def share_of(k: int, n: int) -> Share | None:
    """Return k of n with its interval, or None where n is 0."""
    return Share(k, n, k / n, *wilson(k, n)) if n else None


def with_interval(k: float, n: int) -> Counted:
    """Return k, n, their share and its Wilson interval as a dictionary, as result.json holds them."""
    if not n:
        return Counted(k=0, n=0, share=None, low=None, high=None)
    low, high = wilson(k, n)
    return Counted(k=k, n=n, share=k / n, low=low, high=high)


def student_p(t: float, freedom: int) -> float:
    """Return the two-sided p of Student's t, such as 0.05 for t = 2.776 with four degrees of freedom."""
    from scipy.special import stdtr

    return float(2 * stdtr(freedom, -abs(t)))


def student_quantile(freedom: int) -> float:
    """Return the t that holds the middle 95 %, such as 2.776 for four degrees of freedom."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, (1 + CONFIDENCE) / 2))


def interval_of(shares: Sequence[float], n: int) -> Interval:
    """Return the mean share of runs that were scored on the same n prompts, with the wider of two intervals.

    Wilson's covers the choice of prompts, Student's the choice of seeds; a single run has only the first.
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
    """Return how far two arms differ, from the marks (`1` right, `0` wrong) of their runs on the same prompts in order.

    One run each: McNemar's exact test, with the interval of Agresti and Min (2005). With several seeds, the test
    with the larger p of two: over prompts, and over seeds, where run i of both arms has the same seed; an arm of one
    run (no training) stands for all seeds. Raises ValueError where the prompts differ in number.
    """
    if len(first) == len(second) == 1:
        return _mcnemar(first[0], second[0])
    pairs = [
        sum(int(marks[prompt]) for marks in first) / len(first)
        - sum(int(marks[prompt]) for marks in second) / len(second)
        for prompt in range(_length([*first, *second]))
    ]
    seeds = max(len(first), len(second))
    ours, theirs = (list(marks) * seeds if len(marks) == 1 else list(marks) for marks in (first, second))
    by_seed = [_right(our) - _right(their) for our, their in zip(ours, theirs, strict=True)]
    return max(_mean_differs(pairs, None), _mean_differs(by_seed, seeds - 1), key=lambda difference: difference.p)


def smallest_difference(n: int) -> float:
    """Return the smallest difference of two shares that n prompts can show: two standard errors at a half, unpaired.

    Pairs by prompt show smaller differences where both arms fail on the same prompts.
    """
    return 2 * math.sqrt(2 * 0.25 / n)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return the p-values adjusted for having been asked together, in their order (S. Holm, Scand. J. Stat. 6, 1979).

    The i-th smallest of m is multiplied by m - i + 1, is never below the one before it, and never above 1.
    """
    adjusted, highest = [0.0] * len(p_values), 0.0
    for rank, index in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[index]))
        adjusted[index] = highest
    return adjusted


def fisher(first: Share, second: Share) -> float:
    """Return the two-sided p of Fisher's exact test (R. A. Fisher, JRSS 98, 1935).

    The part of all tables with these margins that are at most as probable as the observed one, each weighing
    C(n1, k) C(n2, K - k): whole numbers, so that ties are exact.
    """
    total = first.k + second.k
    lowest, highest = max(0, total - second.n), min(total, first.n)
    weights = [math.comb(first.n, k) * math.comb(second.n, total - k) for k in range(lowest, highest + 1)]
    observed = weights[first.k - lowest]
    return sum(weight for weight in weights if weight <= observed) / sum(weights)


def pooled_z(first: Share, second: Share) -> float:
    """Return the two-sided p of z = (s1 - s2) / √(s (1 - s)(1/n1 + 1/n2)) with s = (k1 + k2)/(n1 + n2).

    z² is Pearson's chi-square without a continuity correction. Where s is 0 or 1 nothing differs, and p is 1.
    """
    pooled = (first.k + second.k) / (first.n + second.n)
    spread = math.sqrt(pooled * (1 - pooled) * (1 / first.n + 1 / second.n))
    return math.erfc(abs(first.share - second.share) / spread / math.sqrt(2)) if spread else 1.0


def newcombe(first: Share, second: Share) -> tuple[float, float]:
    """Return the 95 % interval of s1 - s2 from both Wilson intervals (R. G. Newcombe, Stat. Med. 17, 1998, method 10).

    low = d - √((s1 - low1)² + (high2 - s2)²) and high = d + √((high1 - s1)² + (s2 - low2)²), for d = s1 - s2.
    """
    difference = first.share - second.share
    low = difference - math.hypot(first.share - first.low, second.high - second.share)
    return low, difference + math.hypot(first.high - first.share, second.share - second.low)


def kappa_of(counts: Sequence[Sequence[int]]) -> Kappa | None:
    """Return Cohen's kappa with its 95 % interval from a square confusion matrix of papers.

    With p_ij the shares of the confusion matrix, r_i and c_j its margins, p_o = Σ p_ii and p_e = Σ r_i c_i, kappa is
    κ = (p_o - p_e) / (1 - p_e) (J. Cohen, Educational and Psychological Measurement 20, 1960). The result is None where
    p_e = 1: both readers gave every paper one and the same label, and there is nothing beyond chance to measure.

    The interval is κ ± 1.96 SE within [-1, 1], with the large-sample error of Fleiss, Cohen and Everitt (Psychological
    Bulletin 72, 1969): SE² = (A + B - C) / (n (1 - p_e)²), where A = Σ p_ii (1 - (r_i + c_i)(1 - κ))²,
    B = (1 - κ)² Σ_{i≠j} p_ij (c_i + r_j)² and C = (κ - p_e (1 - κ))². The simple error, √(p_o (1 - p_o) / n) over
    1 - p_e, would take p_e as known, though the margins come from the same papers.
    The interval shrinks to a point at κ = 1, where the readers agree on every paper, and at κ = 0, where one of them
    used a single class: then read the interval of the observed agreement, which is Wilson's and never shrinks so.

    Raises ZeroDivisionError for a matrix without papers.
    """
    n, rows, columns = sum(map(sum, counts)), list(map(sum, counts)), list(map(sum, zip(*counts, strict=True)))
    by_chance = sum(r * c for r, c in zip(rows, columns, strict=True))
    if n and by_chance == n**2:  # in integers, for 1 - p_e must not be a rounding error
        return None
    expected = by_chance / n**2
    kappa = (sum(row[i] for i, row in enumerate(counts)) / n - expected) / (1 - expected)
    a = b = 0.0
    for i, row in enumerate(counts):
        for j, count in enumerate(row):
            if i == j:
                a += count / n * (1 - (rows[i] + columns[i]) / n * (1 - kappa)) ** 2
            else:
                b += count / n * ((columns[i] + rows[j]) / n * (1 - kappa)) ** 2
    c = (kappa - expected * (1 - kappa)) ** 2
    half = Z * math.sqrt(max(0.0, a + b - c) / n) / (1 - expected)
    return Kappa(expected, kappa, max(-1.0, kappa - half), min(1.0, kappa + half))


def _mcnemar(first: str, second: str) -> Difference:
    n = _length([first, second])
    gained = sum(pair == ("1", "0") for pair in zip(first, second, strict=True))
    lost = sum(pair == ("0", "1") for pair in zip(first, second, strict=True))
    differing = gained + lost
    tail: float = sum(math.comb(differing, k) for k in range(min(gained, lost) + 1)) / 2**differing
    centre = (gained - lost) / (n + 2)
    spread = Z * math.sqrt(differing + 1 - (gained - lost) ** 2 / (n + 2)) / (n + 2)
    return Difference((gained - lost) / n, max(-1.0, centre - spread), min(1.0, centre + spread), min(1.0, 2 * tail))


def _mean_differs(values: Sequence[float], freedom: int | None) -> Difference:
    """Whether a mean differs from 0: by the normal distribution, or by Student's with so many degrees of freedom."""
    middle = mean(values)
    error = stdev(values) / math.sqrt(len(values)) if len(values) > 1 else 0.0
    if not error:
        return Difference(middle, middle, middle, 0.0 if middle else 1.0)
    if freedom is None:
        quantile, p = Z, 2 * (1 - NormalDist().cdf(abs(middle) / error))
    else:
        quantile, p = student_quantile(freedom), student_p(middle / error, freedom)
    return Difference(middle, middle - quantile * error, middle + quantile * error, p)


def _length(runs: Sequence[str]) -> int:
    lengths = {len(marks) for marks in runs}
    if len(lengths) != 1 or not max(lengths):
        raise ValueError(f"arms were scored on {sorted(lengths)} prompts; expected the same number")
    return lengths.pop()


def _right(marks: str) -> float:
    return marks.count("1") / len(marks)
