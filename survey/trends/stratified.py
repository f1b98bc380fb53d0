"""Shares from a stratified sample, with or without a machine's labels of the whole population.

Readers labelled a few papers of each stratum, a machine all of them. The sample alone gives an unbiased share with a
wide interval; the machine's labels alone a narrow interval around a wrong share. Prediction-powered inference joins
them (A. N. Angelopoulos et al., Science 382, 2023, arXiv:2301.09633): the machine's total, plus the readers' mean
correction of it in the sample. The machine's part is scaled by λ, chosen in each stratum for the smallest variance
(PPI++, arXiv:2311.01453); λ = 0 is the sample alone.

With N_h papers in stratum h, n_h of them labelled, y the readers' label (1 for the class, a half where only one of two
readers says so) and f the machine's, the total of a class is

    T = Σ_h N_h [ λ_h mean_all(f) + mean_labelled(y - λ_h f) ]

and a share is a ratio of two such totals: the class, over all classes that are asked about.

The interval comes from draws of the mean correction, each labelled paper weighing Exp(1) (the Bayesian bootstrap of
D. B. Rubin, Annals of Statistics 9, 1981). One stratum is large and rarely has a class: of 60 labelled abstracts that
name no training, each stands for 400, and often none of them has the class at all. A plain bootstrap then never draws
it and covers the truth in as few as 57 % of samples. So each draw has a part of a further paper, of a random class, as
`survey.trends.correction` has a whole one. What this covers is measured in docs/labels.md.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from posttrain.statistics import CONFIDENCE

Floats = NDArray[np.float64]

DRAWS = 4_000
# Of a paper. Simulated, half a paper covers preference of 2025 in 88 % of samples only, a whole one all in 98 % or so.
UNSEEN_PAPER = 0.7


@dataclass(frozen=True)
class StratumSample:
    """One stratum: how often the machine gave each label to all its papers, and the labelled ones.

    predicted: papers by machine label, the labelled ones among them; their sum is the stratum's size.
    truths, guesses: of each labelled paper the readers' labels (one or several of equal weight) and the machine's.
    """

    predicted: Mapping[str, int]
    truths: Sequence[Sequence[str]]
    guesses: Sequence[str]

    @property
    def size(self) -> int:
        """How many papers the stratum has."""
        return sum(self.predicted.values())


@dataclass(frozen=True)
class StratifiedShare:
    """The share of a label among the labels asked about, with its interval and its draws [DRAWS]."""

    label: str
    share: float
    low: float
    high: float
    draws: Floats = field(repr=False, compare=False)


@dataclass(frozen=True)
class StratifiedShares:
    """The shares of all labels, which add up to 1."""

    shares: tuple[StratifiedShare, ...]
    powers: tuple[float, ...]  # λ of each stratum
    total: float  # papers of the population that have one of the labels


def stratified_shares(
    strata: Sequence[StratumSample],
    labels: Sequence[str],
    classes: Sequence[str],
    power: float | None = None,
    seed: int = 0,
    draws: int = DRAWS,
) -> StratifiedShares:
    """Return the share of each of `labels` among papers that have one of them; `classes` are all that there are.

    `power` is λ: None for the one with the smallest variance, 0 for the readers' sample alone, 1 for plain
    prediction-powered inference. All labels of a stratum share it, so that the shares add up to 1.

    Raises ValueError for a stratum with fewer than two labelled papers, and where no labelled paper has any of the
    labels.
    """  # fmt: skip
    arrays = [_Arrays.of(stratum, labels) for stratum in strata]
    if not any(array.truth.any() for array in arrays):
        raise ValueError(f"no labelled paper is one of {', '.join(labels)}")
    alone = np.sum([array.total(0.0) for array in arrays], axis=0)
    powers = [_best_power(array, alone / alone.sum()) if power is None else power for array in arrays]
    totals = np.maximum(np.sum([array.total(own) for array, own in zip(arrays, powers, strict=True)], axis=0), 0)
    shares = totals / totals.sum()
    rng = np.random.default_rng(seed)
    parts = [array.drawn(own, len(classes), rng, draws) for array, own in zip(arrays, powers, strict=True)]
    drawn = np.maximum(np.sum(parts, axis=0), 1e-9)
    drawn = drawn / drawn.sum(axis=1, keepdims=True)
    lows, highs = np.quantile(drawn, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2], axis=0)
    results = tuple(
        StratifiedShare(
            label, float(shares[at]), min(float(lows[at]), float(shares[at])), max(float(highs[at]), float(shares[at])),
            drawn[:, at],
        )
        for at, label in enumerate(labels)
    )  # fmt: skip
    return StratifiedShares(results, tuple(powers), float(totals.sum()))


@dataclass(frozen=True)
class _Arrays:
    """A stratum as numbers, a column a label: 1 where a paper has it."""

    size: int
    machine: Floats  # share of each label among all papers of the stratum [labels]
    truth: Floats  # [labelled papers, labels]
    guess: Floats  # [labelled papers, labels]

    @classmethod
    def of(cls, stratum: StratumSample, labels: Sequence[str]) -> "_Arrays":
        if len(stratum.truths) < 2:
            raise ValueError(
                f"a stratum of {stratum.size} papers has {len(stratum.truths)} labelled; expected 2 or more"
            )
        truth = [[sum(mark == label for mark in marks) / len(marks) for label in labels] for marks in stratum.truths]
        guess = [[float(mark == label) for label in labels] for mark in stratum.guesses]
        machine = np.array([stratum.predicted.get(label, 0) for label in labels]) / stratum.size
        return cls(stratum.size, machine, np.array(truth), np.array(guess))

    def total(self, power: float) -> Floats:
        """The estimated number of papers of each label."""
        estimate: Floats = self.size * (power * self.machine + (self.truth - power * self.guess).mean(axis=0))
        return estimate

    def drawn(self, power: float, classes: int, rng: np.random.Generator, draws: int) -> Floats:
        """Possible numbers of papers of each label [draws, labels]; of `classes` kinds the unseen paper is one."""
        residual = self.truth - power * self.guess
        papers, labels = residual.shape
        weights = rng.standard_exponential((draws, papers))
        unseen = rng.standard_gamma(UNSEEN_PAPER, (draws, 1))
        kind = np.eye(max(classes, labels))[rng.integers(classes, size=draws)][:, :labels]
        sums = weights @ residual + unseen * (kind - power * self.machine)
        means = sums / (weights.sum(axis=1, keepdims=True) + unseen)
        estimate: Floats = self.size * (power * self.machine + means)
        return estimate


def _best_power(array: _Arrays, shares: Floats) -> float:
    """Return the λ in [0, 1] of a stratum that leaves the smallest sum of all labels' variances around their shares."""
    truth = array.truth - array.truth.sum(axis=1, keepdims=True) * shares
    guess = array.guess - array.guess.sum(axis=1, keepdims=True) * shares
    truth, guess = truth - truth.mean(axis=0), guess - guess.mean(axis=0)
    alone = float((guess * guess).sum())
    return min(1.0, max(0.0, float((truth * guess).sum()) / alone)) if alone else 0.0
