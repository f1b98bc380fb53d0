"""Questions: the order in which they are asked, premises, and situations after questions that people really ask."""

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from advisor.advice.questions import is_open, questions
from advisor.advice.ranking import rank
from advisor.advice.recommend import recommend
from advisor.advice.rules import telling_values
from advisor.advice.standing import Standing
from advisor.task.conditions import parse
from advisor.task.traits import BY_NAME, TRAITS, Trait, Traits, make_traits
from tests.advisor.strategies import traits

ASKED: list[dict[str, Any]] = tomllib.loads((Path(__file__).parent / "asked.toml").read_text())["asked"]


@pytest.mark.parametrize("situation", ASKED, ids=lambda situation: situation["name"])
def test_questions_that_people_ask(situation: dict[str, Any]) -> None:
    """The recommended pipeline is the expected one, and the expected rule is among its reasons."""
    answer = recommend(make_traits(situation["traits"]))
    assert answer.top.pipeline.id == situation["top"], [(one.pipeline.id, one.score) for one in answer.ranked[:4]]
    assert situation["rule"] in {reason.rule.name for reason in answer.why}


def test_every_premise_is_a_condition_on_another_trait() -> None:
    """A misspelt premise would silence its question for ever."""
    for trait in TRAITS:
        for premise in trait.after:
            assert {clause.trait for clause in parse(premise).clauses} - {trait.name}


@settings(max_examples=15)
@given(traits())
def test_no_question_has_an_open_premise(known: Traits) -> None:
    """Every question is on an unknown trait, its premise holds, and a possible answer exists; none comes twice."""
    order = [question.trait.name for question in questions(known)]
    assert len(set(order)) == len(order)
    for name in order:
        trait = BY_NAME[name]
        assert known.get(name) is None and is_open(known, trait)
        assert not trait.after or any(parse(premise).holds(known) is True for premise in trait.after)


@settings(max_examples=40)
@given(traits(), st.sampled_from(TRAITS))
def test_the_leader_is_that_of_the_ranking(known: Traits, trait: Trait) -> None:
    """The short way and the long way agree on every value of a trait."""
    values = telling_values(trait.name)
    changed = [known.replaced(**{trait.name: value}) for value in values]
    ranked = [rank(traits)[0][0].pipeline.id for traits in changed if traits.contradiction() is None]
    assert list(Standing(known).leaders(trait.name, values)) == ranked


def test_the_first_questions_settle_the_matter_where_they_can() -> None:
    """An evaluation, a prompt, the kind of gap and the present score come first; details of what is there do not."""
    first = [question.trait.name for question in questions(Traits({}))][:5]
    assert first[0] == "evaluation" and {"prompting", "gap", "pass_at_1"} <= set(first)
    assert not {"verifier_on_gold", "teacher_permitted", "demonstration_quality", "gpu_memory"} & set(first)


def test_an_answer_opens_its_details() -> None:
    """Who has a verifier is asked how good it is; who has none is not."""
    for verifier, is_asked in (("rule", True), ("none", False)):
        known = make_traits({"evaluation": True, "prompting": "tried", "verifier": verifier})
        assert ("verifier_on_gold" in {question.trait.name for question in questions(known)}) is is_asked
