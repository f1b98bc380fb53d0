"""Rules: the arguments for and against a pipeline, with their sources and the sources that disagree (rules.toml).

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
class Source:
    """A text that rules are taken from; `url` is empty where the text is a document of this project."""

    id: str
    title: str
    url: str

    @property
    def link(self) -> str:
        """The id as a Markdown link, or in brackets where there is no link."""
        return f"[{self.id}]({self.url})" if self.url else f"[{self.id}]"


@dataclass(frozen=True)
class Dissent:
    """A source that disagrees with a rule, and its own position."""

    source: Source
    says: str


@dataclass(frozen=True)
class Rule:
    """Points that pipelines gain or lose when the condition holds."""

    name: str
    condition: Condition
    points: Mapping[str, int]  # pipeline → points, negative where the rule argues against it
    because: str
    sources: tuple[Source, ...]
    number: str = ""  # the threshold or the measured figure in it
    dissent: tuple[Dissent, ...] = ()

    @property
    def text(self) -> str:
        """The reason, with its number in brackets where it has one."""
        return f"{self.because} ({self.number})" if self.number else self.because


@dataclass(frozen=True)
class Refused:
    """A rule of a source that is not followed, and the reason."""

    rule: str
    source: Source
    because: str


@dataclass(frozen=True)
class RuleBook:
    """All rules in their order, the refused rules, and the sources by id."""

    rules: tuple[Rule, ...]
    refused: tuple[Refused, ...]
    sources: Mapping[str, Source]

    def firing(self, traits: Traits) -> tuple[Rule, ...]:
        """Return the rules whose condition holds; a condition on an unknown trait does not hold."""
        return tuple(rule for rule in self.rules if rule.condition.holds(traits))


@cache
def load_rules() -> RuleBook:
    """Return the committed rules. Raises ValueError where a rule names an unknown trait, pipeline or source."""
    content = tomllib.loads(reference_path("rules.toml").read_text(encoding="utf-8"))
    sources = {name: Source(name, entry["title"], entry["url"]) for name, entry in content["sources"].items()}
    rules = tuple(_rule(entry, sources) for entry in content["rule"])
    if len({rule.name for rule in rules}) != len(rules):
        raise ValueError("two rules have the same name")
    refused = tuple(Refused(entry["rule"], sources[entry["source"]], entry["because"]) for entry in content["refused"])
    return RuleBook(rules, refused, sources)


def _rule(entry: Mapping[str, Any], sources: Mapping[str, Source]) -> Rule:
    points = {**entry.get("for", {}), **{name: -lost for name, lost in entry.get("against", {}).items()}}
    dissent = entry.get("dissent", [])
    unknown = set(points) - set(PIPELINES)
    unknown |= {*entry["source"], *(item["source"] for item in dissent)} - set(sources)
    if unknown:
        raise ValueError(f"rule {entry['name']} names {sorted(unknown)}, which are no pipelines or sources")
    return Rule(
        name=entry["name"],
        condition=parse(entry["when"]),
        points=points,
        because=entry["because"],
        sources=tuple(sources[name] for name in entry["source"]),
        number=entry.get("number", ""),
        dissent=tuple(Dissent(sources[item["source"]], item["says"]) for item in dissent),
    )


@cache
def telling_values(name: str) -> tuple[Value, ...]:
    """Return values of a trait that stand for all others: any value is treated by all rules and needs as one of these.

    Of a choice these are its values; of a number, the thresholds that it is compared with and their neighbours.
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
    near = {round(threshold + move, 4) for threshold in thresholds for move in (-step, 0.0, step)}
    values = sorted(value for value in near if 0 <= value <= highest)
    return tuple(int(value) for value in values) if trait.kind == "count" else tuple(values)
