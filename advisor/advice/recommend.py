"""Recommend: pipelines in order, with the reasons, what they wait for, and what would change the answer."""

from collections.abc import Iterator
from dataclasses import dataclass

from advisor.advice.pipelines import LADDER, Pipeline
from advisor.advice.rules import Rule, load_rules, telling_values
from advisor.task.traits import BY_NAME, Traits, Value

OPEN_NEED = 3  # points a pipeline loses for each need that hangs on an unknown trait


@dataclass(frozen=True)
class Reason:
    """A rule that holds, and the points it gives this pipeline."""

    rule: Rule
    points: int


@dataclass(frozen=True)
class Ranked:
    """A pipeline in its place, with all that put it there."""

    pipeline: Pipeline
    score: int
    reasons: tuple[Reason, ...]  # the weightiest first
    open_needs: tuple[str, ...]  # conditions that hang on unknown traits


@dataclass(frozen=True)
class RuledOut:
    """A pipeline whose need is known not to hold."""

    pipeline: Pipeline
    needs: tuple[str, ...]


@dataclass(frozen=True)
class Change:
    """One trait whose other value would put another pipeline on top."""

    trait: str
    value: Value
    now: Value | None
    top: Pipeline


@dataclass(frozen=True)
class Recommendation:
    """The answer: pipelines in order, those ruled out, and what would change it."""

    traits: Traits
    ranked: tuple[Ranked, ...]
    ruled_out: tuple[RuledOut, ...]
    would_change: tuple[Change, ...]

    @property
    def top(self) -> Ranked:
        """The pipeline that is recommended."""
        return self.ranked[0]

    @property
    def rivals(self) -> tuple[Ranked, ...]:
        """Pipelines after the first that some rule speaks for."""
        return tuple(one for one in self.ranked[1:] if one.score > 0)


def recommend(traits: Traits) -> Recommendation:
    """Return the answer to these traits; the same traits always get the same one."""
    ranked, ruled_out = rank(traits)
    return Recommendation(traits, ranked, ruled_out, tuple(_changes(traits, ranked[0].pipeline)))


def rank(traits: Traits) -> tuple[tuple[Ranked, ...], tuple[RuledOut, ...]]:
    """Return all pipelines that are possible, the best first, and those that a known trait rules out.

    The score is the sum of the points of the rules that hold, less 3 for each need that hangs on an unknown trait.
    Where scores are equal, what stands lower on the ladder (cheaper, calmer) comes first.
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
    ranked.sort(key=lambda one: -one.score)  # stable: the ladder decides between equals
    return tuple(ranked), tuple(ruled_out)


def _changes(traits: Traits, top: Pipeline) -> Iterator[Change]:
    """Yield the single changes of traits after which another pipeline leads.

    Unknown traits come first, since to find them out is the cheapest change; of a number, the nearest value each way.
    """
    names = sorted(BY_NAME, key=lambda name: traits.get(name) is not None)
    for name in names:
        seen: set[str] = {top.id}
        for value in _by_distance(name, traits.get(name)):
            changed = traits.replaced(**{name: value})
            if changed.contradiction():
                continue
            leader = rank(changed)[0][0].pipeline
            if leader.id not in seen:
                seen.add(leader.id)
                yield Change(name, value, traits.get(name), leader)


def _by_distance(name: str, now: Value | None) -> list[Value]:
    """Return the telling values of a trait but the present one, the nearest first where there is an order."""
    values = [value for value in telling_values(name) if value != now]
    if now is None or isinstance(now, (str, bool)):
        return values
    return sorted(values, key=lambda value: abs(float(value) - float(now)))
