"""Recommend: an answer for every task, that changes when and only when the traits say so."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from advisor.advice.pipelines import PIPELINES
from advisor.advice.ranking import rank
from advisor.advice.recommend import recommend
from advisor.advice.rules import load_rules
from advisor.task.traits import Traits, make_traits
from tests.advisor.advice.test_questions import ASKED
from tests.advisor.strategies import traits

SITUATIONS: list[dict[str, Any]] = tomllib.loads((Path(__file__).parent / "situations.toml").read_text())["situation"]
TEXTS = {"baseten", "braindrip", "survey", "elicitation", "agentic-wiki"}
# Where our answer is not the one that the reader of the text expected. The answer must show that the text disagrees.
CONFLICTS = {
    "failing tests with stack traces": "baseten corrects responses by the failure's message; agentic-wiki filters them",
    "SFT plateau and a checker that explains": "the same",
}


def test_there_are_enough_situations_from_every_text() -> None:
    """At least sixty rest on the five texts, and each text and each pipeline has some."""
    from_texts = [one for one in SITUATIONS if one["source"] in TEXTS]
    assert len(SITUATIONS) == 132
    assert len(from_texts) == 90
    assert {one["source"] for one in from_texts} == TEXTS
    assert {top for one in SITUATIONS for top in one["top"]} | {one["top"] for one in ASKED} == set(PIPELINES)
    assert set(CONFLICTS) <= {one["name"] for one in SITUATIONS}


@pytest.mark.parametrize("situation", SITUATIONS, ids=lambda one: one["name"])
def test_worked_situations(situation: dict[str, Any]) -> None:
    """The top answer is one that the text gives, or the answer itself says that the text disagrees."""
    found = recommend(make_traits(situation["traits"]))
    if situation["name"] in CONFLICTS:
        dissenters = {one.source.id for reason in found.top.reasons for one in reason.rule.dissent}
        assert found.top.pipeline.id not in situation["top"]
        assert situation["source"] in dissenters
        return
    assert found.top.pipeline.id in situation["top"], [(one.pipeline.id, one.score) for one in found.ranked[:4]]
    recommended = {found.top.pipeline.id, *(one.pipeline.id for one in found.rivals)}
    assert not recommended & set(situation.get("never", []))


@given(traits())
def test_every_set_of_traits_gets_an_answer(known: Traits) -> None:
    """Nothing is left out: each pipeline is ranked or ruled out, and the order follows the points."""
    ranked, ruled_out = rank(known)
    assert len(ranked) + len(ruled_out) == len(PIPELINES)
    assert [one.score for one in ranked] == sorted((one.score for one in ranked), reverse=True)
    assert rank(known) == (ranked, ruled_out)
    for one in ranked:
        assert one.score == sum(reason.points for reason in one.reasons) - 3 * len(one.open_needs)


@given(traits())
def test_without_a_verifier_nothing_that_needs_one_is_left(known: Traits) -> None:
    """Taking the verifier away rules out every technique that samples and checks."""
    gone = known.replaced(verifier="none", verifier_on_gold=None, verifier_explains=None, judge_agreement=None)
    ranked, _ = rank(gone)
    for one in ranked:
        assert not any(condition.text.startswith("verifier") for condition in one.pipeline.conditions)


@given(traits())
def test_a_permitted_teacher_never_speaks_against_copying_it(known: Traits) -> None:
    """Monotone: who gets a teacher and leave to learn from it is not led away from it by that."""
    scores = []
    for teacher, permitted in ((None, None), ("black-box", None), ("black-box", True)):
        ranked, _ = rank(known.replaced(teacher=teacher, teacher_permitted=permitted))
        scores.append(next(one.score for one in ranked if one.pipeline.id == "distillation"))
    assert scores == sorted(scores)


@given(traits())
def test_more_pairs_never_speak_against_preferences(known: Traits) -> None:
    """Monotone: from one pair to five thousand the points of DPO do not fall."""
    scores = [
        next(one.score for one in rank(known.replaced(preference_pairs=n))[0] if one.pipeline.id == "dpo")
        for n in (1, 100, 500, 5000)
    ]
    assert scores == sorted(scores)


@given(traits())
def test_a_verifier_that_fails_gold_is_mended_before_anything_is_trained(known: Traits) -> None:
    """Only the lack of an evaluation comes before it, and nothing that samples by such a verifier is ranked."""
    ranked, ruled_out = rank(known.replaced(verifier="rule", verifier_on_gold=0.9, judge_agreement=None))
    assert ranked[0].pipeline.id in ("fix_verifier", "make_evaluation")
    assert "rejection_sampling" in {one.pipeline.id for one in ruled_out}


@given(traits())
def test_a_verifier_that_accepts_wrong_answers_is_mended_before_anything_is_trained(known: Traits) -> None:
    """A policy would learn them: the rule speaks against every pipeline that goes by it, however well it takes gold."""
    lenient = known.replaced(verifier="rule", verifier_on_gold=1.0, verifier_on_wrong=0.1, judge_agreement=None)
    ranked, _ = rank(lenient)
    assert ranked[0].pipeline.id in ("fix_verifier", "make_evaluation")
    by_verifier = {"verifier in rule|unit-tests|environment|judge", "verifier_on_gold >= 0.95"}
    for option in ranked:
        points = {reason.rule.name: reason.points for reason in option.reasons}
        goes_by_it = by_verifier <= set(option.pipeline.needs)
        assert (points.get("fix-lenient-verifier", 0) < 0) is goes_by_it, option.pipeline.id
    strict, _ = rank(lenient.replaced(verifier_on_wrong=0.0))
    assert "fix-lenient-verifier" not in {reason.rule.name for option in strict for reason in option.reasons}


@given(traits())
def test_more_clean_demonstrations_never_speak_against_imitation(known: Traits) -> None:
    """Monotone: from ten to ten thousand demonstrations the points of SFT do not fall."""
    scores = [
        next(one.score for one in rank(known.replaced(demonstrations=n))[0] if one.pipeline.id == "sft")
        for n in (10, 50, 200, 1000, 10_000)
        if known.replaced(demonstrations=n, steps=1).contradiction() is None
    ]
    calm = known.get("start") != "instruct" and known.get("sft_result") is None and known.get("steps") in (None, 0, 1)
    assert not calm or scores == sorted(scores)


@settings(max_examples=25)
@given(traits())
def test_would_change_really_changes(known: Traits) -> None:
    """Each change named leads to the pipeline named, and no single change is named that leads nowhere."""
    found = recommend(known)
    assert found.would_change
    for change in found.would_change:
        changed = known.replaced(**{change.trait: change.value})
        assert changed.contradiction() is None
        assert rank(changed)[0][0].pipeline is change.top
        assert change.top is not found.top.pipeline
        assert change.now == known.get(change.trait)


def test_a_change_of_a_number_is_the_smallest() -> None:
    """Forty demonstrations become SFT at fifty, not at a thousand."""
    known = make_traits({"demonstrations": 40, "prompting": "tried", "evaluation": True, "verifier": "none"})
    change = next(one for one in recommend(known).would_change if one.trait == "demonstrations")
    assert (change.value, change.top.id) == (50, "sft")


def test_nothing_known_still_has_an_answer() -> None:
    """Prompting costs least; what to find out is named."""
    found = recommend(Traits({}))
    assert found.top.pipeline.id == "prompt_only"
    assert {"evaluation", "demonstrations", "pass_at_1"} <= {one.trait for one in found.would_change}


def test_order_does_not_depend_on_how_traits_are_given() -> None:
    """The same traits in another order are the same traits."""
    given = {"verifier": "rule", "pass_at_k": 0.5, "domain": "math"}
    assert recommend(make_traits(given)) == recommend(make_traits(dict(reversed(given.items()))))


@pytest.mark.slow
def test_each_rule_decides_something() -> None:
    """Every rule holds in at least one worked situation or telling change of one; a rule that never holds is dead."""
    firing = set()
    for one in [*SITUATIONS, *ASKED]:
        known = make_traits(one["traits"])
        firing |= {rule.name for rule in load_rules().firing(known)}
        for change in recommend(known).would_change:
            changed = known.replaced(**{change.trait: change.value})
            firing |= {rule.name for rule in load_rules().firing(changed)}
    assert {rule.name for rule in load_rules().rules} - firing == set()


def test_a_recommendation_prints_as_a_few_lines() -> None:
    """In a terminal an answer is its pipeline, its reasons and its rivals, and no dump of its fields."""
    answer = recommend(make_traits({"verifier": "unit-tests", "pass_at_k": 0.6}))
    assert str(answer) == repr(answer)
    lines = str(answer).splitlines()
    assert answer.top.pipeline.title in lines[0] and len(lines) == 2 + len(answer.why) + len(answer.rivals)
