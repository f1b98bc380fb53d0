"""The ranking: pipelines in order, with the reasons, the needs that are not known yet, and what is ruled out."""

from collections.abc import Iterator
from dataclasses import dataclass

from advisor.advice.pipelines import LADDER, Pipeline
from advisor.advice.rules import Rule, load_rules, telling_values
from advisor.task.traits import BY_NAME, Traits, Value, written

OPEN_NEED = 3  # points a pipeline loses for each need that asks for an unknown trait


@dataclass(frozen=True)
class Reason:
    """A rule that holds, and the points it gives this pipeline."""

    rule: Rule
    points: int


@dataclass(frozen=True)
class Ranked:
    """A possible pipeline with its score and all that gave it."""

    pipeline: Pipeline
    score: int
    reasons: tuple[Reason, ...]  # the most points first
    open_needs: tuple[str, ...]  # conditions that ask for unknown traits


@dataclass(frozen=True)
class RuledOut:
    """A pipeline with a need that is known not to hold."""

    pipeline: Pipeline
    needs: tuple[str, ...]


@dataclass(frozen=True)
class Change:
    """Another value of a single trait that would put another pipeline on top."""

    trait: str
    value: Value
    now: Value | None
    top: Pipeline

    @property
    def condition(self) -> str:
        """The other value, and the present one where it is known: `pass_at_k = 0 (now 0.6)`."""
        now = "" if self.now is None else f" (now {written(self.now)})"
        return f"{self.trait} = {written(self.value)}{now}"


def rank(traits: Traits) -> tuple[tuple[Ranked, ...], tuple[RuledOut, ...]]:
    """Return all pipelines that are possible, the best first, and those that a known trait rules out.

    The score is the sum of the points of the rules that hold, less 3 for each need that asks for an unknown trait.
    Where scores are equal, the lower rung of the ladder (cheaper, more stable) comes first.
    """
    firing = load_rules().firing(traits)
    ranked, ruled_out = [], []
    for pipeline in LADDER:
        answers = [(condition, condition.holds(traits)) for condition in pipeline.conditions]
        failed = tuple(condition.text for condition, holds in answers if holds is False)
        if failed:
            ruled_out.append(RuledOut(pipeline, failed))
            continue
        reasons = [Reason(rule, rule.points[pipeline.id]) for rule in firing if pipeline.id in rule.points]
        open_needs = tuple(condition.text for condition, holds in answers if holds is None)
        score = sum(reason.points for reason in reasons) - OPEN_NEED * len(open_needs)
        reasons.sort(key=lambda reason: -abs(reason.points))
        ranked.append(Ranked(pipeline, score, tuple(reasons), open_needs))
    ranked.sort(key=lambda candidate: -candidate.score)  # stable: the ladder decides between equals
    return tuple(ranked), tuple(ruled_out)


def changes(traits: Traits, top: Pipeline) -> Iterator[Change]:
    """Yield the single changes of traits after which another pipeline leads.

    Unknown traits come first: finding one out costs the least. Of a number, the nearest value each way is given.
    """
    names = sorted(BY_NAME, key=lambda name: traits.get(name) is not None)
    for name in names:
        leaders = {top.id}
        for value in _by_distance(name, traits.get(name)):
            changed = traits.replaced(**{name: value})
            if changed.contradiction():
                continue
            leader = rank(changed)[0][0].pipeline
            if leader.id not in leaders:
                leaders.add(leader.id)
                yield Change(name, value, traits.get(name), leader)


def _by_distance(name: str, now: Value | None) -> list[Value]:
    """Return the telling values of a trait without the present one, the nearest first where there is an order."""
    values = [value for value in telling_values(name) if value != now]
    if now is None or isinstance(now, (str, bool)):
        return values
    return sorted(values, key=lambda value: abs(float(value) - float(now)))
