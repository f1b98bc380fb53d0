"""Questions: which unknown trait to ask for next, by how much its answer could change the recommendation.

The usefulness of a question is the chance that two different answers to it lead to two different pipelines. It is
measured: the other unknown traits are filled in at random a few times, and each time the trait takes each of its
telling values. A single change of a trait is not enough for that: `pass_at_k` matters only together with a verifier.
"""

import random
from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache

from advisor.advice.rules import telling_values
from advisor.advice.standing import Standing
from advisor.task.conditions import parse
from advisor.task.traits import BY_NAME, Trait, Traits, Value

FILLED_IN = 32  # random completions of the unknown traits
KNOWN = 0.5  # the chance that a completion knows a trait
VALUES = 4  # values of a trait that are tried, from its lowest to its highest


@dataclass(frozen=True)
class Question:
    """A question that is worth asking."""

    trait: Trait
    usefulness: float  # the chance that two of its answers lead to two pipelines, 0 to 1


def questions(known: Traits, asked: Collection[str] = ()) -> list[Question]:
    """Return the questions that could change the recommendation, the most useful first.

    A question is left out where its trait is known or was asked for already, where its premise does not hold yet, and
    where no answer would change anything. The same traits always give the same order.
    """
    completions = [Standing(traits) for traits in _completions(known)]
    worth_asking = [
        Question(trait, usefulness)
        for trait in BY_NAME.values()
        if trait.name not in asked and is_open(known, trait)
        if (usefulness := _usefulness(trait.name, completions)) > 0
    ]
    return sorted(worth_asking, key=lambda question: -question.usefulness)  # stable: then as traits.toml has them


def is_open(known: Traits, trait: Trait) -> bool:
    """Return whether a trait is unknown, its premise is known to hold, and it may still take a value."""
    if known.get(trait.name) is not None:
        return False
    if trait.after and not any(parse(condition).holds(known) for condition in trait.after):
        return False
    values = trait.values or ((True, False) if trait.kind == "flag" else (1,))
    return any(known.replaced(**{trait.name: value}).contradiction() is None for value in values)


def _usefulness(name: str, completions: list[Standing]) -> float:
    """Return the chance that two values of a trait, drawn at random, lead to two pipelines; a mean of completions."""
    chances = []
    for completion in completions:
        leaders = Counter(completion.leaders(name, _spread(name)))
        total = leaders.total()
        chances.append(1 - sum((count / total) ** 2 for count in leaders.values()) if total else 0.0)
    return sum(chances) / len(chances)


def _completions(known: Traits) -> list[Traits]:
    """Return copies of the traits in which about half of the unknown ones have a random value; the first adds none."""
    random_values = random.Random(0)
    completions = [known]
    for _ in range(FILLED_IN):
        completed = known
        for name in random_values.sample(list(BY_NAME), len(BY_NAME)):
            values = _spread(name)
            if known.get(name) is None and values and random_values.random() < KNOWN:
                changed = completed.replaced(**{name: random_values.choice(values)})
                completed = completed if changed.contradiction() else changed
        completions.append(completed)
    return completions


@cache
def _spread(name: str) -> tuple[Value, ...]:
    """Return up to four telling values of a trait, spread from the lowest to the highest."""
    values = telling_values(name)
    if len(values) <= VALUES:
        return values
    return tuple(values[round(index * (len(values) - 1) / (VALUES - 1))] for index in range(VALUES))
