"""Intervals and tests of a handful of runs, against scipy and by hand."""

import subprocess
import sys

import pytest
from scipy import stats

from posttrain.statistics import (
    difference_of,
    holm,
    interval_of,
    student_p,
    student_quantile,
    wilson,
    with_interval,
)


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 7, 30])
def test_students_t_is_scipys(freedom: int) -> None:
    """Chances and quantiles, odd and even degrees of freedom."""
    for t in (0.0, 0.5, 2.0, 8.0):
        assert student_p(t, freedom) == pytest.approx(2 * stats.t.sf(t, freedom), abs=1e-10)
    assert student_quantile(freedom) == pytest.approx(stats.t.ppf(0.975, freedom))


def test_one_run_each_is_mcnemars_test() -> None:
    """Ten prompts are gained and none lost: 2 / 2^10; the difference is what it is."""
    difference = difference_of(["1" * 60 + "0" * 40], ["1" * 50 + "0" * 50])
    assert difference.p == pytest.approx(stats.binomtest(0, 10, 0.5).pvalue)
    assert difference.share == pytest.approx(0.1)
    assert difference.low < 0.1 < difference.high


def test_equal_marks_differ_by_luck_alone() -> None:
    """The same answers have p = 1, with one seed and with several."""
    assert difference_of(["1010"], ["1010"]).p == 1
    assert difference_of(["1010", "0110"], ["1010", "0110"]).p == 1


def test_several_seeds_have_to_agree() -> None:
    """Many prompts do not help where two seeds contradict each other."""
    steady = difference_of(["1" * 80 + "0" * 20, "1" * 82 + "0" * 18, "1" * 81 + "0" * 19], ["1" * 50 + "0" * 50])
    torn = difference_of(["1" * 100, "0" * 100], ["1" * 50 + "0" * 50])
    assert steady.p < 0.01 and steady.low > 0
    assert torn.p > 0.5


def test_arms_of_different_prompts_cannot_be_paired() -> None:
    """Numbers of prompts that differ are an error, not a guess."""
    with pytest.raises(ValueError, match="expected the same number"):
        difference_of(["101"], ["10"])


def test_holm_corrects_for_the_number() -> None:
    """Worked by hand: 3 x 0.01, 2 x 0.03, and never below the one before."""
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])


def test_the_wider_interval_is_shown() -> None:
    """Equal seeds do not hide that there are few prompts; seeds that differ show it."""
    assert interval_of([1.0, 1.0, 1.0], 50).basis == "prompts"
    assert interval_of([1.0, 1.0, 1.0], 50).low < 0.95
    assert interval_of([0.2, 0.9], 1000).basis == "seeds"


def test_the_module_starts_light() -> None:
    """The command line imports it: no SciPy and no NumPy before a Student's t is asked for."""
    code = "import sys, posttrain.statistics; print(*sorted({'scipy', 'numpy'} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []


@pytest.mark.parametrize(("k", "n"), [(0, 7), (7, 7), (3, 10), (2.5, 10)])
def test_the_interval_of_a_record_is_wilsons(k: float, n: int) -> None:
    """Also for a mean of several runs; without prompts there is neither share nor interval."""
    record = with_interval(k, n)
    assert (record["k"], record["n"], record["share"]) == (k, n, k / n)
    assert (record["low"], record["high"]) == wilson(k, n)
    assert with_interval(0, 0) == {"k": 0, "n": 0, "share": None, "low": None, "high": None}
