"""Regret of policies, worked by hand on small banks; honest where the bank is thin."""

from typing import Any

import pytest

from advisor.bank.cases import Case
from advisor.evaluate import Evaluation, Regret, evaluate, render
from posttrain.errors import ExitCode, PosttrainError


def _case(family: str, shares: dict[str, float], traits: dict[str, Any] | None = None) -> Case:
    def arm(name: str, share: float) -> dict[str, Any]:
        role = "no training" if name == "no_training" else "random control" if name.endswith("-random") else "rival"
        score = {"share": share, "low": share - 0.02, "high": share + 0.02, "n": 100, "runs": 1, "basis": "prompts"}
        return {
            "id": name, "pipeline": name.removesuffix("-random"), "role": role, "method": "", "strict": score,
            "lenient": score, "tokens": 0, "runs": [],
        }  # fmt: skip

    return Case.model_validate({
        "id": family, "family": family, "traits": traits or {}, "parameters": 800_000, "budget": "1k-tokens",
        "arms": [arm(name, share) for name, share in shares.items()], "seeds": [0],
        "task": {"model": "starter", "data": "rows.jsonl", "verifier": None},
        "verdict": {"best": None, "ties": [], "simplest": None},
        "provenance": {"posttrain": "0", "plan": "p", "date": "2026-01-01", "device": "cpu", "versions": {}},
    })  # fmt: skip


BANK = [
    _case("a", {"no_training": 0.4, "sft": 0.9, "grpo": 0.6, "expert_iteration": 0.5, "expert_iteration-random": 1.0}),
    _case("b", {"no_training": 0.5, "sft": 0.4, "grpo": 0.8}),
    _case("b", {"no_training": 0.5, "sft": 0.45, "grpo": 0.8}),
]


def _row(evaluation: Evaluation, policy: str) -> Regret:
    return next(row for row in evaluation.policies if row.policy == policy)


def test_regret_is_the_distance_to_the_best_arm() -> None:
    """In points, mean and largest; a control is no advice, and an arm that was not tried means no training."""
    evaluation = evaluate(BANK)
    sft = _row(evaluation, "always sft")
    assert sft.mean == pytest.approx((0 + 40 + 35) / 3) and sft.max == pytest.approx(40)
    assert sft.top1 == pytest.approx(1 / 3)
    assert _row(evaluation, "no training").mean == pytest.approx((50 + 30 + 30) / 3)
    assert _row(evaluation, "always rejection sampling").mean == pytest.approx((40 + 30 + 30) / 3)
    assert _row(evaluation, "random").mean == pytest.approx(((50 + 0 + 30 + 40) / 4 + 70 / 3 + 65 / 3) / 3)


def test_the_single_best_is_learnt_from_the_other_families() -> None:
    """On family a it is what was best on b, and the other way round: the case itself is not looked at."""
    assert _row(evaluate(BANK), "single best of the other families").mean == pytest.approx((30 + 40 + 35) / 3)


def test_rules_are_asked_by_traits() -> None:
    """Of what they rank, the first that the case tried counts."""
    cases = [_case("a", {"no_training": 0.1, "sft": 0.9}, {"demonstrations": 1000}),
             _case("b", {"no_training": 0.1, "grpo": 0.9}, {"demonstrations": 0})]  # fmt: skip
    evaluation = evaluate(cases, lambda traits: ["dpo", "sft"] if traits["demonstrations"] else ["grpo"])
    assert _row(evaluation, "rules") == Regret("rules", mean=0.0, low=0.0, high=0.0, max=0.0, top1=1.0)


def test_a_tie_is_as_good_as_the_best() -> None:
    """Two standard errors: one point apart with intervals of four is no miss, though the regret is counted."""
    evaluation = _row(evaluate([_case("a", {"no_training": 0.2, "sft": 0.89, "grpo": 0.9})]), "always sft")
    assert evaluation.mean == pytest.approx(1.0) and evaluation.top1 == 1.0
    assert evaluation.low is None  # one family has no interval


@pytest.mark.slow
def test_a_thin_bank_says_so_and_nothing_learnt_speaks() -> None:
    """Few cases are no finding; the learned ranker abstains and says why."""
    evaluation = evaluate(BANK)
    assert not evaluation.enough and "too few: 3 cases of 2 families" in evaluation.warnings[0]
    assert evaluation.abstained and "no learned ranker" in evaluation.why
    assert "learned ranker abstained" in "\n".join(render(evaluation))
    many = [_case(f"family {number % 10}", {"no_training": 0.1, "sft": 0.2}) for number in range(60)]
    assert evaluate(many).enough and evaluate(many).warnings == []


def test_an_empty_bank_matches_nothing() -> None:
    """And a case of one arm compares nothing."""
    for cases in ([], [_case("a", {"no_training": 0.1})]):
        with pytest.raises(PosttrainError, match="no case to evaluate") as caught:
            evaluate(cases)
        assert caught.value.exit_code is ExitCode.NOTHING_MATCHED


def test_a_case_in_which_nothing_is_right_is_left_out() -> None:
    """Every policy would be right on it; the evaluation says how many there were."""
    silent = _case("c", {"no_training": 0.0, "sft": 0.0})
    evaluation = evaluate([*BANK, silent])
    assert evaluation.policies == evaluate(BANK).policies and (evaluation.cases, evaluation.left_out) == (3, 1)
    assert any(text.startswith("1 of 4 cases are left out") for text in evaluation.warnings)
    with pytest.raises(PosttrainError, match="1 of its 1 cases say nothing"):
        evaluate([silent])
