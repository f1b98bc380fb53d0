"""Rules: data that holds together, and conditions with three answers."""

import pytest

from advisor.advice.pipelines import LADDER, PIPELINES
from advisor.advice.rules import load_rules, telling_values
from advisor.task.conditions import parse
from advisor.task.traits import BY_NAME, Traits, make_traits
from posttrain.errors import PosttrainError


@pytest.mark.parametrize(
    ("condition", "known", "holds"),
    [
        ("", {}, True),
        ("gpus > 0", {}, None),
        ("gpus > 0", {"gpus": 1}, True),
        ("gpus > 0 and hours < 4", {"gpus": 0}, False),
        ("gpus > 0 and hours < 4", {"gpus": 1}, None),
        ("verifier in rule|judge", {"verifier": "judge"}, True),
        ("verifier in rule|judge", {"verifier": "none"}, False),
        ("evaluation == no", {"evaluation": False}, True),
        ("pass_at_1 >= 0.1 and pass_at_1 <= 0.7", {"pass_at_1": 0.7}, True),
    ],
)
def test_a_condition_has_three_answers(condition: str, known: dict[str, object], holds: bool | None) -> None:
    """False as soon as one clause is false; unknown where it hangs on an unknown trait."""
    assert parse(condition).holds(make_traits(known)) is holds


@pytest.mark.parametrize("text", ["gpu > 0", "gpus", "gpus >> 1", "verifier > rule", "verifier == hammer", "gpus > ?"])
def test_a_condition_that_cannot_hold_is_refused(text: str) -> None:
    """A slip in rules.toml is found when it is read."""
    with pytest.raises((ValueError, PosttrainError)):
        parse(text)


def test_the_rule_book_holds_together() -> None:
    """Names are unique, every rule gives points and reasons, and every source named has its meaning."""
    book = load_rules()
    assert len(book.rules) == 78
    assert len({rule.name for rule in book.rules}) == len(book.rules)
    used = {source for rule in book.rules for source in rule.sources}
    used |= {one.source for rule in book.rules for one in rule.dissent} | {one.source for one in book.refused}
    assert used == set(book.sources.values())
    for rule in book.rules:
        assert rule.points, rule.name
        assert rule.sources, rule.name
        assert rule.because.endswith("."), rule.name
        assert all(rule.points.values()), rule.name


def test_every_pipeline_can_be_recommended_for_something() -> None:
    """Some rule speaks for each pipeline; a pipeline that nothing speaks for would be dead weight."""
    spoken_for = {name for rule in load_rules().rules for name, points in rule.points.items() if points > 0}
    assert spoken_for == set(PIPELINES)
    assert len(LADDER) == len(PIPELINES) == 31


def test_refused_rules_say_why() -> None:
    """What a source holds and is not followed is kept with its reason."""
    refused = load_rules().refused
    assert len(refused) == 13
    assert all(one.because.endswith(".") for one in refused)


@pytest.mark.parametrize("name", BY_NAME)
def test_telling_values_are_values_of_the_trait(name: str) -> None:
    """Each can be said, and numbers have one on each side of every threshold."""
    trait = BY_NAME[name]
    for value in telling_values(name):
        assert trait.read(value) == value
    for rule in load_rules().rules:
        for clause in rule.condition.clauses:
            if clause.trait == name and trait.kind in ("count", "share", "number"):
                answers = {clause.holds(Traits({name: value})) for value in telling_values(name)}
                assert answers == {True, False}, rule.name


@pytest.mark.parametrize(
    ("pipeline", "method"),
    [
        ("prompt_only", "none"),
        ("sft", "sft"),
        ("expert_iteration", "sft"),
        ("sft_rejection_sampling", "sft"),
        ("grpo", "rl"),
        ("r1_zero", "rl"),
        ("sft_grpo", "hybrid"),
        ("hybrid", "hybrid"),
        ("r1", "hybrid"),
        ("rlhf", "hybrid"),
        ("dpo", "preference"),
        ("sft_dpo", "preference"),
    ],
)
def test_the_method_of_a_pipeline_is_computed_from_its_stages(pipeline: str, method: str) -> None:
    """It is the label that the survey half would give a paper that did this."""
    assert PIPELINES[pipeline].method == method
