"""Scores and their intervals, with numbers worked by hand."""

import pytest

from posttrain.statistics import with_interval
from reference_impls.run.evaluate import clustered, pass_at_k


def test_rollouts_of_one_prompt_count_as_alike() -> None:
    """Two prompts of which one is always right: half, and an interval over two prompts, not over eight rollouts."""
    found = clustered([4, 0], 4)
    assert (found["k"], found["n"], found["share"]) == (4, 8, 0.5)
    # between prompts: variance 1/2 around 1/2; its standard error (1/2 / 2)^(1/2) = 1/2; 1.96 of it covers all
    assert (found["low"], found["high"]) == (0.0, 1.0)


@pytest.mark.parametrize("right", [0, 2, 4])
def test_prompts_that_do_not_differ_are_no_proof(right: int) -> None:
    """None right in ten prompts leaves room above 0: as much as ten prompts leave."""
    found = clustered([right] * 10, 4)
    expected = with_interval(10 * right / 4, 10)
    assert (found["k"], found["n"]) == (10 * right, 40)
    assert (found["low"], found["high"]) == (expected["low"], expected["high"])
    assert found["high"] is not None
    assert found["low"] is not None
    assert found["high"] - found["low"] > 0.2


def test_pass_at_k_by_hand() -> None:
    """One of four right: of two drawn, half the pairs hold it."""
    assert pass_at_k([1], 4, 2) == pytest.approx(0.5)
    assert pass_at_k([0, 4], 4, 2) == pytest.approx(0.5)
