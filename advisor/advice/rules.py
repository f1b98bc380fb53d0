"""Rules: what speaks for and against a pipeline, who says so, and who disagrees. They are data: rules.toml.

Pure and total: the same traits always give the same points, and there is always an answer.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from advisor.advice.pipelines import PIPELINES
from advisor.task.conditions import Condition, parse
from advisor.task.traits import BY_NAME, Traits, Value
from posttrain.reference import reference_path


@dataclass(frozen=True)
class Dissent:
    """A source that would say otherwise, and what."""

    source: str
    says: str


@dataclass(frozen=True)
class Rule:
    """When the condition holds, pipelines gain or lose points."""

    name: str
    condition: Condition
    points: Mapping[str, int]  # pipeline → points, negative where the rule speaks against it
    because: str
    source: tuple[str, ...]
    number: str = ""  # the threshold or the measured figure in it
    dissent: tuple[Dissent, ...] = ()


@dataclass(frozen=True)
class Refused:
    """A rule of a source that is not followed, and why."""

    rule: str
    source: str
    because: str


@dataclass(frozen=True)
class RuleBook:
    """All rules in their order, those refused, and what the names of sources mean."""

    rules: tuple[Rule, ...]
    refused: tuple[Refused, ...]
    sources: Mapping[str, str]

    def firing(self, traits: Traits) -> tuple[Rule, ...]:
        """Return the rules whose condition holds; one that hangs on an unknown trait is silent."""
        return tuple(rule for rule in self.rules if rule.condition.holds(traits))


@cache
def load_rules() -> RuleBook:
    """Return the committed rules. Raises ValueError where one names a trait, pipeline or source that there is not."""
    read = tomllib.loads(reference_path("rules.toml").read_text(encoding="utf-8"))
    sources: dict[str, str] = read["sources"]
    rules = tuple(_rule(entry, sources) for entry in read["rule"])
    if len({rule.name for rule in rules}) != len(rules):
        raise ValueError("two rules have one name")
    return RuleBook(rules, tuple(Refused(**entry) for entry in read["refused"]), sources)


def _rule(entry: dict[str, Any], sources: Mapping[str, str]) -> Rule:
    points = {**entry.get("for", {}), **{name: -lost for name, lost in entry.get("against", {}).items()}}
    dissent = tuple(Dissent(**one) for one in entry.get("dissent", []))
    unknown = (set(points) - set(PIPELINES)) | (({*entry["source"]} | {one.source for one in dissent}) - set(sources))
    if unknown:
        raise ValueError(f"rule {entry['name']} names {sorted(unknown)}, which are no pipelines or sources")
    return Rule(
        name=entry["name"],
        condition=parse(entry["when"]),
        points=points,
        because=entry["because"],
        source=tuple(entry["source"]),
        number=entry.get("number", ""),
        dissent=dissent,
    )


@cache
def telling_values(name: str) -> tuple[Value, ...]:
    """Return values of a trait that stand for all others: every rule and need answers them as it answers any value.

    Of a choice these are its values; of a number, the thresholds that are compared with it and their neighbours.
    """
    trait = BY_NAME[name]
    if trait.kind == "choice":
        return trait.values
    if trait.kind == "flag":
        return (False, True)
    conditions = [rule.condition for rule in load_rules().rules]
    conditions += [condition for pipeline in PIPELINES.values() for condition in pipeline.conditions]
    thresholds = {
        float(value)
        for condition in conditions
        for clause in condition.clauses
        if clause.trait == name
        for value in clause.values
    }
    step = {"count": 1.0, "share": 0.01}.get(trait.kind, 0.1)
    highest = 1.0 if trait.kind == "share" else float("inf")
    near = {round(one + move, 4) for one in thresholds for move in (-step, 0.0, step)}
    values = sorted(one for one in near if 0 <= one <= highest)
    return tuple(int(one) for one in values) if trait.kind == "count" else tuple(values)
