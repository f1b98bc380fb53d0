"""Agreement of two readers: kappa by hand, its error by the delta method, its coverage, and every empty case."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey.labels.agreement import Agreement, Confusion, agreement_of, confusion_of

CLASSES = ("sft", "rl", "hybrid")
TWO_READERS = ((106, 10, 4), (22, 28, 10), (2, 12, 6))


def _labels(counts: tuple[tuple[int, ...], ...]) -> tuple[list[str], list[str]]:
    pairs = [
        (CLASSES[i], CLASSES[j]) for i, row in enumerate(counts) for j, count in enumerate(row) for _ in range(count)
    ]
    return [first for first, _ in pairs], [second for _, second in pairs]


def _agreement(counts: tuple[tuple[int, ...], ...]) -> Agreement:
    agreement = agreement_of(*_labels(counts), CLASSES)
    assert agreement
    return agreement


def test_kappa_is_as_worked_by_hand() -> None:
    """Of 200 papers p_o = .70 and p_e = .60 × .65 + .30 × .25 + .10 × .10 = .475, so κ = .225/.525."""
    agreement = _agreement(TWO_READERS)
    assert (agreement.observed.k, agreement.observed.n, agreement.observed.share) == (140, 200, 0.7)
    assert agreement.expected == pytest.approx(0.475)
    assert agreement.kappa == pytest.approx(0.225 / 0.525)
    assert agreement.confusion.counts == TWO_READERS


def _numerical_error(counts: tuple[tuple[int, ...], ...]) -> float:
    """The delta method by numerical derivatives of kappa by every p_ij: no formula to copy wrongly."""
    n = sum(map(sum, counts))
    shares = {(i, j): counts[i][j] / n for i in range(3) for j in range(3)}

    def kappa(p: dict[tuple[int, int], float]) -> float:
        rows, columns = ([sum(p[x] for x in p if x[side] == i) for i in range(3)] for side in (0, 1))
        chance = sum(r * c for r, c in zip(rows, columns, strict=True))
        return (sum(p[i, i] for i in range(3)) - chance) / (1 - chance)

    step = 1e-6
    slope = {
        x: (kappa({**shares, x: shares[x] + step}) - kappa({**shares, x: shares[x] - step})) / 2 / step for x in shares
    }
    middle = sum(shares[x] * slope[x] for x in shares)
    return math.sqrt(sum(shares[x] * (slope[x] - middle) ** 2 for x in shares) / n)


@pytest.mark.parametrize(
    "counts", [TWO_READERS, ((40, 1, 0), (0, 3, 9), (5, 0, 7)), ((2, 30, 1), (1, 2, 9), (20, 0, 3))]
)
def test_the_error_is_the_delta_methods(counts: tuple[tuple[int, ...], ...]) -> None:
    """Also for a lopsided table and for readers who agree less than by chance."""
    agreement = _agreement(counts)
    assert agreement.kappa is not None and agreement.low is not None
    assert agreement.kappa - agreement.low == pytest.approx(1.959964 * _numerical_error(counts), rel=1e-4)


def test_the_interval_of_kappa_covers_the_truth() -> None:
    """Of 400 drawn samples of 150 papers some 95 % of the intervals hold the kappa they were drawn with."""
    rng, truth, covered = random.Random(2), _agreement(TWO_READERS).kappa, 0
    pairs = list(zip(*_labels(TWO_READERS), strict=True))
    for _ in range(400):
        first, second = zip(*rng.choices(pairs, k=150), strict=True)
        drawn = agreement_of(first, second, CLASSES)
        assert drawn and drawn.low is not None and drawn.high is not None and truth
        covered += drawn.low <= truth <= drawn.high
    assert 0.92 <= covered / 400 <= 0.98


def test_without_papers_there_is_no_agreement() -> None:
    """Empty input is None, and its scores are too."""
    assert agreement_of([], [], CLASSES) is None
    confusion = confusion_of([], [], CLASSES)
    assert confusion.n == 0
    assert {score.f1 for score in confusion.scores()} == {None}
    assert confusion.macro_f1() is None


def test_kappa_is_undefined_where_all_labels_are_the_same() -> None:
    """Neither nan nor 1: chance alone explains everything. The observed agreement keeps its interval."""
    agreement = _agreement(((7, 0, 0), (0, 0, 0), (0, 0, 0)))
    assert (agreement.kappa, agreement.low, agreement.high) == (None, None, None)
    assert agreement.observed.share == 1 and agreement.observed.low < 0.7


def test_one_reader_with_one_class_agrees_as_by_chance() -> None:
    """Kappa is 0 whatever the other reader says, and 1 where both agree on several classes."""
    assert _agreement(((4, 0, 0), (3, 0, 0), (2, 0, 0))).kappa == 0
    perfect = _agreement(((4, 0, 0), (0, 3, 0), (0, 0, 2)))
    assert (perfect.kappa, perfect.low, perfect.high) == pytest.approx((1, 1, 1))


@pytest.mark.parametrize(
    ("first", "second", "classes", "said"),
    [
        (["sft"], [], CLASSES, "labelled 1 and 0 papers; expected the same"),
        (["sft"], ["dpo"], CLASSES, "unknown class dpo; expected one of sft, rl, hybrid"),
        (["sft"], ["sft"], ("sft", "sft"), "name one twice"),
    ],
)
def test_labels_that_do_not_fit_are_refused(
    first: list[str], second: list[str], classes: tuple[str, ...], said: str
) -> None:
    """What was found and what was expected."""
    with pytest.raises(ValueError, match=said):
        agreement_of(first, second, classes)


def test_every_class_has_its_scores() -> None:
    """By hand: of 4 SFT papers 3 are found among 5; nobody finds the one RL paper; no paper is hybrid."""
    confusion = Confusion(CLASSES, ((3, 1, 0), (2, 0, 0), (0, 0, 0)))
    sft, rl, hybrid = confusion.scores()
    assert (sft.truths, sft.precision, sft.recall, sft.f1) == (4, 3 / 5, 3 / 4, pytest.approx(2 / 3))
    assert (rl.precision, rl.recall, rl.f1) == (0, 0, 0)
    assert (hybrid.precision, hybrid.recall, hybrid.f1) == (None, None, None)
    assert confusion.macro_f1() == pytest.approx(1 / 3)  # of the two classes in use
    assert confusion.macro_f1(["sft"]) == pytest.approx(2 / 3)
    assert confusion.macro_f1(["hybrid"]) is None
    with pytest.raises(ValueError, match="unknown class dpo"):
        confusion.macro_f1(["dpo"])


@given(st.lists(st.tuples(st.sampled_from(CLASSES), st.sampled_from(CLASSES)), min_size=1, max_size=30))
def test_kappa_lies_within_its_interval_and_has_no_first_reader(pairs: list[tuple[str, str]]) -> None:
    """It is the same with the readers exchanged, and so are its bounds, always within [-1, 1]."""
    first, second = [one for one, _ in pairs], [other for _, other in pairs]
    one, other = agreement_of(first, second, CLASSES), agreement_of(second, first, CLASSES)
    assert one and other
    if one.kappa is None or one.low is None or one.high is None:
        assert other.kappa is None and len({*first, *second}) == 1
    else:
        assert -1 <= one.low <= one.kappa + 1e-12 and one.kappa - 1e-12 <= one.high <= 1
        assert (other.kappa, other.low, other.high) == pytest.approx((one.kappa, one.low, one.high))
