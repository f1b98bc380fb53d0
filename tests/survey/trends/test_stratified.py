"""Shares from strata: by hand, at the limits of the machine's worth, and how often the interval holds the truth."""

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from survey.labels.abstract import NAMES_METHOD, AbstractMethod
from survey.labels.abstract_readings import Stratum, labelled_abstracts
from survey.labels.abstract_validation import bundled_unseen
from survey.trends.stratified import StratumSample, stratified_shares

LABELS, CLASSES = ("a", "b"), ("a", "b", "none")


def stratum(predicted: dict[str, int], pairs: Sequence[tuple[str, str]]) -> StratumSample:
    """A stratum from (truth, guess) of its labelled papers."""
    return StratumSample(predicted, [(truth,) for truth, _ in pairs], [guess for _, guess in pairs])


SMALL = stratum({"a": 40, "b": 10, "none": 50}, [("a", "a"), ("b", "a"), ("none", "none"), ("a", "none")])
LARGE = stratum({"a": 0, "b": 30, "none": 970}, [("none", "none"), ("b", "b"), ("none", "none"), ("none", "b")])


def test_the_sample_alone_is_weighted_by_hand() -> None:
    """a: 100 · 2/4 = 50; b: 100 · 1/4 + 1,000 · 1/4 = 275."""
    found = stratified_shares([SMALL, LARGE], LABELS, CLASSES, power=0)
    assert found.total == pytest.approx(325)
    assert [share.share for share in found.shares] == pytest.approx([50 / 325, 275 / 325])


def test_the_machine_is_corrected_by_hand() -> None:
    """λ = 1. a: 40 + 100 · (2 - 2)/4 = 40; b: 10 + 100 · 1/4 + 30 + 1,000 · (1 - 2)/4 < 0 in all, so none is left."""
    found = stratified_shares([SMALL, LARGE], LABELS, CLASSES, power=1)
    assert [share.share for share in found.shares] == pytest.approx([1, 0])
    alone = stratified_shares([SMALL], LABELS, CLASSES, power=1)
    assert [share.share for share in alone.shares] == pytest.approx([40 / 75, 35 / 75])


def test_two_readings_of_one_paper_count_half_each() -> None:
    """Readers in dispute are no reason to leave a paper out."""
    disputed = StratumSample({"a": 6, "none": 4}, [("a", "b"), ("none", "none")], ["a", "none"])
    found = stratified_shares([disputed], LABELS, CLASSES, power=0)
    assert [share.share for share in found.shares] == [0.5, 0.5]
    assert found.total == pytest.approx(5)


def test_a_machine_that_never_errs_is_believed() -> None:
    """λ is 1, the shares are the machine's, and the interval is narrower than the sample's."""
    pairs = [(label, label) for label in "aab"] * 10 + [("none", "none")] * 30
    perfect = stratum({"a": 700, "b": 200, "none": 900}, pairs)
    with_machine, alone = (stratified_shares([perfect], LABELS, CLASSES, power) for power in (None, 0))
    assert with_machine.powers == (1.0,)
    assert with_machine.shares[0].share == pytest.approx(7 / 9)
    assert with_machine.shares[0].high - with_machine.shares[0].low < alone.shares[0].high - alone.shares[0].low


def test_a_machine_that_guesses_blindly_is_not_listened_to() -> None:
    """λ is 0 where guesses have nothing to do with the truth."""
    pairs = [(truth, guess) for truth in CLASSES for guess in CLASSES] * 5
    found = stratified_shares([stratum({"a": 500, "b": 300, "none": 200}, pairs)], LABELS, CLASSES)
    assert found.powers == (0.0,)
    assert found.shares[0].share == pytest.approx(0.5)


def test_shares_add_up_and_lie_in_their_intervals() -> None:
    """And the same seed gives the same interval."""
    found = stratified_shares([SMALL, LARGE], LABELS, CLASSES)
    assert sum(share.share for share in found.shares) == pytest.approx(1)
    assert all(0 <= share.low <= share.share <= share.high <= 1 for share in found.shares)
    assert found == stratified_shares([SMALL, LARGE], LABELS, CLASSES)
    assert np.allclose(sum(share.draws for share in found.shares), 1)


def test_too_few_papers_are_refused() -> None:
    """A single paper has no spread; a sample without the labels has no share."""
    with pytest.raises(ValueError, match="has 1 labelled; expected 2 or more"):
        stratified_shares([stratum({"a": 9}, [("a", "a")])], LABELS, CLASSES)
    with pytest.raises(ValueError, match="no labelled paper is one of a, b"):
        stratified_shares([stratum({"none": 9}, [("none", "a"), ("none", "none")])], LABELS, CLASSES)


# ---- coverage: a population with a known truth and a known machine, drawn as the bundled sample was ------------------

METHODS = tuple(map(str, AbstractMethod))
NAMED = tuple(map(str, NAMES_METHOD))
Population = list[tuple[NDArray[np.int64], int]]  # per stratum: papers by truth and guess, and how many are drawn


def population(year: str, rare: int) -> Population:
    """A population that errs as the machine did on the sample; classes of the other stratum are `rare` times rarer.

    The other stratum takes the labelled abstracts of all years, for in one year most classes are not seen there.
    """
    strata: Population = []
    for name in Stratum:
        papers = [p for p in labelled_abstracts() if p.stratum is name and (p.year == year or name is Stratum.OTHER)]
        cells = np.full((len(METHODS), len(METHODS)), 0.02)
        for paper in papers:
            weight = 1.0 if paper.year == year else 0.5
            for method in paper.methods:
                cells[METHODS.index(method), METHODS.index(bundled_unseen()[paper.arxiv_id].method)] += weight / 2
        size = next(paper for paper in papers if paper.year == year)
        counts = np.round(cells / cells.sum() * size.population).astype(np.int64)
        if name is Stratum.OTHER:
            counts[: METHODS.index("train_unclear")] //= rare
        strata.append((counts, size.drawn))
    return strata


def samples(strata: Population, times: int) -> Iterator[list[StratumSample]]:
    """Draw a stratified sample, again and again."""
    rng = np.random.default_rng(0)
    for _ in range(times):
        drawn = []
        for counts, n in strata:
            cells = rng.multivariate_hypergeometric(counts.ravel(), n, method="marginals").reshape(counts.shape)
            pairs = [(METHODS[t], METHODS[g]) for (t, g), k in np.ndenumerate(cells) for _ in range(k)]
            drawn.append(stratum(Counter(dict(zip(METHODS, counts.sum(axis=0).tolist(), strict=True))), pairs))
        yield drawn


def coverage(year: str, rare: int, power: float | None, times: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """In which part of samples the interval of each method holds the truth, and the mean error of its share."""
    strata = population(year, rare)
    truth = sum(counts.sum(axis=1)[: len(NAMED)] for counts, _ in strata)
    truth = truth / truth.sum()
    held, errors = np.zeros(len(NAMED)), np.zeros(len(NAMED))
    for seed, sample in enumerate(samples(strata, times)):
        shares = stratified_shares(sample, NAMED, METHODS, power, seed, draws=500).shares
        held += [share.low <= true <= share.high for share, true in zip(shares, truth, strict=True)]
        errors += [share.share - true for share, true in zip(shares, truth, strict=True)]
    return held / times, errors / times


def test_intervals_hold_the_truth() -> None:
    """A smaller run of the measurement below."""
    held, errors = coverage("2025", 1, None, 80)
    assert held.min() > 0.88
    assert held.mean() > 0.93
    assert np.abs(errors).max() < 0.04


@pytest.mark.slow
@pytest.mark.parametrize("year", ["2023", "2024", "2025"])
@pytest.mark.parametrize("rare", [1, 2, 5])
@pytest.mark.parametrize("power", [0.0, None], ids=["sample", "machine"])
def test_intervals_hold_the_truth_in_95_of_100_samples(year: str, rare: int, power: float | None) -> None:
    """500 samples of each: 93 % or more of the intervals of a year, 91 % of any class; no share is off by 0.03.

    `UNSEEN_PAPER` was chosen on populations 1 and 5 times rarer; those 2 times rarer it had not met.
    """
    held, errors = coverage(year, rare, power, 500)
    print(f"{year} rare {rare} power {power}: {held.round(3)} mean {held.mean():.3f} off {errors.round(3)}")
    assert held.mean() >= 0.93
    assert held.min() >= 0.91
    assert np.abs(errors).max() < 0.03
