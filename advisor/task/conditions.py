"""Conditions on traits, as rules and pipelines write them: `verifier in rule|unit-tests and pass_at_k > 0`.

A condition is true, false, or unknown where it asks for an unknown trait and no other clause is false.
"""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from advisor.task.traits import BY_NAME, Traits, Value

_CLAUSE = re.compile(r"(?P<trait>\w+) (?P<operator>==|!=|<=|>=|<|>|in) (?P<value>\S+)")  # `demonstrations >= 50`
_OPERATORS: dict[str, Callable[[Value, tuple[Value, ...]], bool]] = {
    "==": lambda value, expected: value == expected[0],
    "!=": lambda value, expected: value != expected[0],
    "in": lambda value, expected: value in expected,
    "<": lambda value, expected: operator.lt(value, expected[0]),
    "<=": lambda value, expected: operator.le(value, expected[0]),
    ">": lambda value, expected: operator.gt(value, expected[0]),
    ">=": lambda value, expected: operator.ge(value, expected[0]),
}


@dataclass(frozen=True)
class Clause:
    """A comparison of a trait with a value, or with several values of which it may be any."""

    trait: str
    operator: str
    values: tuple[Value, ...]

    def holds(self, traits: Traits) -> bool | None:
        """Return whether the comparison is true; None where the trait is unknown."""
        value = traits.get(self.trait)
        return None if value is None else _OPERATORS[self.operator](value, self.values)


@dataclass(frozen=True)
class Condition:
    """Clauses that must all hold; a condition without clauses always holds."""

    text: str
    clauses: tuple[Clause, ...]

    def holds(self, traits: Traits) -> bool | None:
        """Return whether all clauses hold: False if any is false, else None if any is unknown, else True."""
        answers = [clause.holds(traits) for clause in self.clauses]
        return False if False in answers else None if None in answers else True


@cache
def parse(text: str) -> Condition:
    """Return the condition that `text` states. Raises ValueError for a text that is no condition on a trait."""
    return Condition(text, tuple(_clause(part) for part in text.split(" and ")) if text else ())


def _clause(text: str) -> Clause:
    parts = _CLAUSE.fullmatch(text.strip())
    if not parts or parts["trait"] not in BY_NAME:
        raise ValueError(f"'{text}' is no condition on a trait; expected something like `demonstrations >= 50`")
    trait = BY_NAME[parts["trait"]]
    if trait.kind in ("choice", "flag") and parts["operator"] not in ("==", "!=", "in"):
        raise ValueError(f"'{text}' compares {trait.name}, which has no order")
    texts = parts["value"].split("|") if parts["operator"] == "in" else [parts["value"]]
    values = tuple(value for word in texts if (value := trait.read(word)) is not None)
    if len(values) != len(texts):
        raise ValueError(f"'{text}' compares with an unknown value")
    return Clause(trait.name, parts["operator"], values)
