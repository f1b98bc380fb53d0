"""Differences between shares: tests and intervals against SciPy, Holm's promise kept, verdicts on the printed rows."""

import random
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, fisher_exact

from posttrain.statistics import Share, fisher, holm, newcombe, pooled_z, share_of
from survey.labels.agreement import Confusion
from survey.trends.correction import correct_shares
from survey.trends.significance import Basis, Significance, compare_corrected, compare_shares

counted = st.integers(1, 60).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


def _share(k: int, n: int) -> Share:
    share = share_of(k, n)
    assert share
    return share


def _table(first: Share, second: Share) -> list[list[int]]:
    return [[first.k, first.n - first.k], [second.k, second.n - second.k]]


@given(counted, counted)
def test_fishers_p_is_scipys(first: tuple[int, int], second: tuple[int, int]) -> None:
    """At every table of up to 60 papers a year."""
    one, other = _share(*first), _share(*second)
    assert fisher(one, other) == pytest.approx(fisher_exact(_table(one, other)).pvalue, rel=1e-9)


@given(counted, counted)
def test_the_z_test_is_the_uncorrected_chi_square(first: tuple[int, int], second: tuple[int, int]) -> None:
    """The same p, and 1 where every paper of both years, or none, has the label."""
    one, other = _share(*first), _share(*second)
    if one.k + other.k in (0, one.n + other.n):
        assert pooled_z(one, other) == 1
    else:
        oracle = chi2_contingency(_table(one, other), correction=False).pvalue
        assert pooled_z(one, other) == pytest.approx(oracle, rel=1e-9)


@given(counted, counted)
def test_fisher_speaks_where_an_expected_count_is_below_five(first: tuple[int, int], second: tuple[int, int]) -> None:
    """By the expected counts of the table itself, not by the seen ones."""
    one, other = _share(*first), _share(*second)
    (answer,) = compare_shares([(first, second)])
    together = (one.k + other.k) / (one.n + other.n)
    expected = [n * part for n, part in product((one.n, other.n), (together, 1 - together))]
    if abs(min(expected) - 5) > 1e-9:
        assert answer and (answer.basis is Basis.FISHER) == (min(expected) < 5)


def test_newcombes_interval_by_hand() -> None:
    """56 of 70 against 48 of 80: .2 from .0524 to .3339, the first example of Newcombe's paper."""
    assert newcombe(_share(56, 70), _share(48, 80)) == pytest.approx((0.0524, 0.3339), abs=5e-5)
    low, high = newcombe(_share(0, 10), _share(0, 20))  # .. and none of 10 against none of 20
    assert (low, high) == pytest.approx((-_share(0, 20).high, _share(0, 10).high))


def test_holm_steps_down() -> None:
    """0.01 × 4, 0.02 × 3, then never below the one before; in the order asked; never above 1."""
    assert holm([0.04, 0.01, 0.02, 0.03]) == pytest.approx([0.06, 0.04, 0.06, 0.06])
    assert holm([0.7, 0.6]) == [1, 1]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), min_size=1, max_size=8))
def test_holm_lies_between_no_adjustment_and_bonferronis(p_values: list[float]) -> None:
    """And keeps the order of the p-values."""
    adjusted = holm(p_values)
    assert all(p <= a <= min(1, p * len(p_values)) + 1e-12 for p, a in zip(p_values, adjusted, strict=True))
    assert [a for _, a in sorted(zip(p_values, adjusted, strict=True))] == sorted(adjusted)


def test_the_printed_rows_tell_what_they_can() -> None:
    """SFT, hybrid and RL of 2023, 2024 and 2025, year by year, from the smallest counts that give the printed shares.

    Only the turn from 2023 to 2024 is told apart; from 2024 to 2025 nothing is, and RL never.
    """
    rows = {2023: (11, 3, 1, 15), 2024: (8, 31, 3, 42), 2025: (3, 12, 2, 17)}
    steps = [(2023, 2024), (2024, 2025)]
    answers = compare_shares(
        [((rows[a][at], rows[a][3]), (rows[b][at], rows[b][3])) for a, b in steps for at in range(3)]
    )
    different, same = Significance.DIFFERENT, Significance.NOT_DISTINGUISHABLE
    assert [answer and answer.verdict for answer in answers] == [different, different, same, same, same, same]
    sft, hybrid, rl = answers[:3]
    assert sft and hybrid and rl
    assert (sft.basis, hybrid.basis, rl.basis) == (Basis.Z, Basis.Z, Basis.FISHER)
    assert sft.difference.p < 0.001 < hybrid.adjusted < 0.01 and rl.adjusted == 1
    assert sft.difference.low > 0 and hybrid.difference.high < 0 and rl.difference.low < 0 < rl.difference.high


def test_a_question_without_papers_has_no_answer_and_costs_the_others_nothing() -> None:
    """None in its place; Holm counts only the questions that have an answer."""
    asked = ((30, 100), (45, 100))
    alone = compare_shares([asked])
    assert compare_shares([((0, 0), (3, 9)), asked, ((1, 5), (0, 0))]) == [None, *alone, None]
    assert compare_shares([]) == []
    with pytest.raises(ValueError, match="no interval for 5 of 3"):
        compare_shares([((5, 3), (1, 3))])


def test_the_family_wise_error_is_at_most_five_percent() -> None:
    """Of 1,000 drawn families of eight equal shares at most 5 % hold a false "different"; unadjusted over 20 %."""
    rng = np.random.default_rng(8)
    wrong = unadjusted = 0
    for _ in range(1000):
        drawn = rng.binomial(80, [[0.1], [0.2], [0.3], [0.4], [0.5], [0.6], [0.7], [0.25]], size=(8, 2)).tolist()
        answers = compare_shares([((k1, 80), (k2, 80)) for k1, k2 in drawn])
        wrong += any(answer is not None and answer.verdict is Significance.DIFFERENT for answer in answers)
        unadjusted += any(answer is not None and answer.difference.p <= 0.05 for answer in answers)
    assert wrong <= 63  # 5 % and two standard errors
    assert unadjusted > 200


_VALIDATION = Confusion(("sft", "rl"), ((90, 10), (5, 95)))


def test_corrected_shares_are_told_apart_by_their_replicates() -> None:
    """200 of 400 against 280 of 400 differ, 200 against 205 do not; a period without papers has no answer."""
    periods = {"2023": {"sft": 200, "rl": 200}, "2024": {"sft": 120, "rl": 280}, "2025": {"sft": 195, "rl": 205}}
    found = correct_shares({**periods, "2026": {}}, _VALIDATION)
    rl = {period: shares[1] for period, shares in found.items()}
    asked = [(rl["2023"], rl["2024"]), (rl["2023"], rl["2025"]), (rl["2023"], rl["2026"])]
    different, same, none = compare_corrected(asked)
    assert different and same and none is None
    assert different.verdict is Significance.DIFFERENT and different.basis is Basis.REPLICATES
    assert different.difference.high < 0
    assert different.difference.p == pytest.approx(2 / 4001) and different.adjusted == pytest.approx(4 / 4001)
    assert same.verdict is Significance.NOT_DISTINGUISHABLE
    assert same.difference.low < same.difference.share < same.difference.high


def test_the_errors_of_one_validation_cancel() -> None:
    """The interval of a difference is narrower than if each period had had a validation of its own."""
    periods = {"2023": {"sft": 2000, "rl": 2000}, "2024": {"sft": 1900, "rl": 2100}}
    found = correct_shares(periods, _VALIDATION)
    other = correct_shares(periods, _VALIDATION, seed=1)
    (paired,) = compare_corrected([(found["2023"][1], found["2024"][1])])
    (unpaired,) = compare_corrected([(found["2023"][1], other["2024"][1])])
    assert paired and unpaired
    assert paired.difference.high - paired.difference.low < 0.6 * (unpaired.difference.high - unpaired.difference.low)


@pytest.mark.slow
def test_equal_corrected_shares_are_seldom_told_apart() -> None:
    """Of 300 drawn pairs of periods with one mix some 5 % have p at or below 5 %."""
    rng, told = random.Random(9), 0
    for seed in range(300):
        checked = [sum(rng.random() < right for _ in range(100)) for right in (0.9, 0.95)]
        validation = Confusion(("sft", "rl"), ((checked[0], 100 - checked[0]), (100 - checked[1], checked[1])))
        called = [sum(rng.random() < 0.4 * 0.95 + 0.6 * 0.1 for _ in range(300)) for _ in range(2)]
        periods = {str(at): {"sft": 300 - k, "rl": k} for at, k in enumerate(called)}
        found = correct_shares(periods, validation, seed, replicates=400)
        (answer,) = compare_corrected([(found["0"][1], found["1"][1])])
        told += answer is not None and answer.verdict is Significance.DIFFERENT
    assert 3 <= told <= 25


def test_shares_of_different_corrections_are_refused() -> None:
    """Their replicates do not belong together."""
    few = correct_shares({"2024": {"rl": 5}}, _VALIDATION, replicates=10)["2024"]
    many = correct_shares({"2024": {"rl": 5}}, _VALIDATION, replicates=20)["2024"]
    with pytest.raises(ValueError, match="10 and 20 replicates; expected two shares of one correction"):
        compare_corrected([(few[0], many[0])])
