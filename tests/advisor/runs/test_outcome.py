"""The verdict: what is told apart, what is not, that no training can win, and what the control says."""

from typing import Any

import pytest

from advisor.runs.charts import curves_chart
from advisor.runs.outcome import FailedRun, Outcome, Point
from advisor.runs.report import markdown, render, texts
from advisor.runs.scoring import RunsOfArms, outcome_of
from posttrain.errors import ConfigurationError
from tests.advisor.pilots import result, tiny_plan

HALF, MOST, ALL = "10" * 50, "1" * 90 + "0" * 10, "1" * 100


def _outcome(ranked: str, marks: dict[str, str], failed: RunsOfArms | None = None) -> Outcome:
    plan = tiny_plan(ranked)
    runs: RunsOfArms = {
        (arm.id, 0): [result(marks[arm.id], arm.stages[0].technique)] for arm in plan.arms if arm.id in marks
    }
    return outcome_of(plan, {**runs, **(failed or {})})


def test_the_best_is_named_with_its_distance() -> None:
    """Against no training and against the next, each with an interval."""
    verdict = _outcome("sft,grpo", {"no_training": HALF, "sft": ALL, "grpo": MOST}).verdict
    assert verdict.best == "sft" and verdict.ties == ()
    assert verdict.sentence.startswith("sft is best: 100.0 % [96.3, 100.0] of 100 test prompts, against 50.0 %")
    assert "next is grpo, 10.0 points [" in verdict.sentence


def test_ties_are_said_to_be_ties_and_the_simplest_is_named() -> None:
    """One prompt of a hundred is luck; of equal ones the lower rung of the ladder is taken."""
    verdict = _outcome("grpo,sft", {"no_training": HALF, "grpo": ALL, "sft": "0" + "1" * 99}).verdict
    assert verdict.best == "grpo" and verdict.ties == ("sft",) and verdict.simplest == "sft"
    assert "cannot be told apart at n = 100" in verdict.sentence


@pytest.mark.parametrize("marks, said", [
    ({"no_training": MOST, "sft": HALF}, "No training is not beaten"),
    ({"no_training": HALF, "sft": "11" + HALF[2:]}, "sft and no training cannot be told apart at n = 100"),
])  # fmt: skip
def test_no_training_can_win(marks: dict[str, str], said: str) -> None:
    """When nothing is better beyond luck, the verdict says so."""
    verdict = _outcome("sft", marks).verdict
    assert said in verdict.sentence and "no_training" in {verdict.best, *verdict.ties}
    assert verdict.simplest == "no_training"


@pytest.mark.parametrize(
    "control, said", [(HALF, "the verifier's merit."), (MOST, "random control cannot be told apart")]
)
def test_the_control_says_whose_merit_it_is(control: str, said: str) -> None:
    """Rejection sampling against as many rows chosen without the verifier."""
    marks = {"no_training": HALF, "rejection_sampling": MOST, "rejection_sampling-random": control}
    outcome = _outcome("rejection_sampling", marks)
    assert outcome.verdict.sentence.endswith(said) or said in outcome.verdict.sentence
    assert outcome.verdict.simplest == "rejection_sampling"


def test_without_a_gain_nobody_has_the_merit() -> None:
    """Neither the arm nor its control is better than no training, so the verdict does not name the control."""
    marks = {"no_training": HALF, "rejection_sampling": HALF, "rejection_sampling-random": HALF}
    assert "control" not in _outcome("rejection_sampling", marks).verdict.sentence


def test_what_failed_is_in_no_comparison() -> None:
    """And is listed with its reason; without another arm there is nothing to compare."""
    outcome = _outcome("sft", {"no_training": HALF}, {("sft", 0): ConfigurationError("boom", "mend it")})
    assert outcome.failed == (FailedRun(arm="sft", seed=0, message="boom", hint="mend it"),)
    assert outcome.verdict.best is None
    assert "failed: sft, seed 0: boom" in markdown(outcome)


def test_several_seeds_say_so() -> None:
    """No training needs one run; the interval's basis and the warning name the seeds."""
    plan = tiny_plan("sft", seeds=(0, 1, 2))
    trained = {("sft", seed): [result(marks)] for seed, marks in enumerate((ALL, MOST, HALF))}
    outcome = outcome_of(plan, {("no_training", 0): [result(HALF, "probe")], **trained})
    score = outcome.arms[1].strict
    assert score and score.basis == "seeds" and score.runs == 3
    assert any("3 seeds" in warning for warning in outcome.warnings) and "done" in "\n".join(render(outcome))


def test_what_deserves_a_warning_has_one() -> None:
    """A stopped run, a form that costs much, a start that was not scored the same."""
    plan = tiny_plan("sft")
    half, most, every = (result(marks).after for marks in (HALF, MOST, ALL))
    scores = {"before": most, "after": half.model_copy(update={"lenient": every.lenient})}
    stopped = result(HALF, status="stopped", stopped_because="loss is nan").model_copy(update=scores)
    outcome = outcome_of(plan, {("no_training", 0): [result(HALF, "probe")], ("sft", 0): [stopped]})
    text = " ".join(outcome.warnings)
    assert "was stopped: loss is nan" in text and "the form costs" in text and "not scored the same" in text


def test_the_curve_is_drawn_with_the_start_as_a_line() -> None:
    """Work on one axis, validation on the other, a colour an arm."""
    outcome = _outcome("sft,grpo", {"no_training": HALF, "sft": ALL, "grpo": MOST})
    points = tuple(
        Point(arm=arm, seed=0, work=work, validation=work / 10) for arm in ("sft", "grpo") for work in (0, 5)
    )
    drawn: dict[str, Any] = curves_chart(outcome.model_copy(update={"curve": points}).curves)
    assert drawn["layer"][0]["data"]["values"] == [{"validation": 0.0}]
    assert drawn["layer"][1]["encoding"]["x"]["axis"]["title"] == "tokens spent"
    assert texts(outcome.model_copy(update={"curve": points}))["curve.svg"].count("<path") > 4
    assert texts(outcome)["curve.svg"].startswith("<svg")


def test_a_pilot_in_which_nothing_is_right_says_nothing() -> None:
    """Not that no training is not beaten, and not that the arms are ties; one right prompt changes that."""
    none = "0" * 100
    verdict = _outcome("sft,grpo", {"no_training": none, "sft": none, "grpo": none}).verdict
    assert (verdict.best, verdict.ties, verdict.simplest) == (None, (), None)
    assert "No arm has one of 100 test prompts right" in verdict.sentence and "says nothing" in verdict.sentence
    assert _outcome("sft,grpo", {"no_training": none, "sft": "1" + none[1:], "grpo": none}).verdict.best == "sft"


@pytest.mark.parametrize(("budget", "spent", "said"), [
    ("900-tokens", 1000, "spent 1,000 of 900 tokens, 11% too many"), ("910-tokens", 1000, ""),
    ("5e8-flops", 1000, "spent 1e+09 of 5e+08 flops, 100% too many"), ("2s", 1000, ""),
])  # fmt: skip
def test_work_beyond_the_budget_is_warned_of(budget: str, spent: int, said: str) -> None:
    """An arm ends the step that it has begun; a tenth more is no longer equal work."""
    plan = tiny_plan("grpo").model_copy(update={"budget": budget})
    runs: RunsOfArms = {("no_training", 0): [result(HALF, "probe")], ("grpo", 0): [result(MOST, "grpo")]}
    warnings = [text for text in outcome_of(plan, runs).warnings if text.startswith("grpo, seed 0, spent")]
    assert len(warnings) == bool(said) and said in "".join(warnings)
