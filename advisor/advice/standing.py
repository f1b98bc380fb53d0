"""Standing: which pipeline leads when a single trait takes another value, without ranking all pipelines each time.

The same answer as `rank`, some ten times faster: rules and needs that do not ask for the trait are evaluated once.
"""

from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from advisor.advice.pipelines import LADDER
from advisor.advice.ranking import OPEN_NEED
from advisor.advice.rules import load_rules
from advisor.task.conditions import Condition
from advisor.task.traits import Traits, Value

RULED_OUT = -1_000_000  # points of a need that is known not to hold: more than all rules give


class Standing:
    """The points of all pipelines for known traits, and the leader after a change of one of them."""

    def __init__(self, traits: Traits) -> None:
        self.traits = traits
        self.points = [0] * len(LADDER)
        self.effects = [_effect(condition, points, traits) for condition, points in _conditions()]
        for effect in self.effects:
            for index, points in effect.items():
                self.points[index] += points

    def leaders(self, name: str, values: Iterable[Value]) -> Iterator[str]:
        """Yield the id of the leading pipeline for each value of a trait that contradicts no other trait."""
        asking = _asking(name)
        others = list(self.points)
        for number in asking:
            for index, points in self.effects[number].items():
                others[index] -= points
        for value in values:
            changed = self.traits.replaced(**{name: value})
            if changed.contradiction():
                continue
            scores = list(others)
            for number in asking:
                for index, points in _effect(*_conditions()[number], changed).items():
                    scores[index] += points
            yield LADDER[scores.index(max(scores))].id  # the first of equals: the lower rung


@cache
def _conditions() -> tuple[tuple[Condition, Mapping[int, int] | int], ...]:
    """Return every condition: of a rule with its points by pipeline, of a need with the number of its pipeline."""
    numbers = {pipeline.id: number for number, pipeline in enumerate(LADDER)}
    rules = [
        (rule.condition, {numbers[name]: points for name, points in rule.points.items()}) for rule in load_rules().rules
    ]
    needs = [(condition, number) for number, pipeline in enumerate(LADDER) for condition in pipeline.conditions]
    return (*rules, *needs)


@cache
def _asking(name: str) -> tuple[int, ...]:
    """Return the numbers of the conditions that ask for a trait."""
    return tuple(
        number
        for number, (condition, _) in enumerate(_conditions())
        if any(clause.trait == name for clause in condition.clauses)
    )


def _effect(condition: Condition, points: Mapping[int, int] | int, traits: Traits) -> Mapping[int, int]:
    """Return the points that a condition gives or takes, by the number of the pipeline."""
    holds = condition.holds(traits)
    if isinstance(points, int):  # a need
        return {} if holds else {points: -OPEN_NEED if holds is None else RULED_OUT}
    return points if holds else {}
