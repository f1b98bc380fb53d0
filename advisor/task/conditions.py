"""Conditions on traits, as rules and pipelines write them: `verifier in rule|unit-tests and pass_at_k > 0`.

A condition is true, false, or unknown where a trait it asks for is unknown and nothing else settles it.
"""

import operator
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from advisor.task.traits import BY_NAME, Traits, Value

_CLAUSE = re.compile(r"(?P<trait>\w+) (?P<operator>==|!=|<=|>=|<|>|in) (?P<value>\S+)")
_OPERATORS: dict[str, Callable[[Value, tuple[Value, ...]], bool]] = {
    "==": lambda one, of: one == of[0],
    "!=": lambda one, of: one != of[0],
    "in": lambda one, of: one in of,
    "<": lambda one, of: operator.lt(one, of[0]),
    "<=": lambda one, of: operator.le(one, of[0]),
    ">": lambda one, of: operator.gt(one, of[0]),
    ">=": lambda one, of: operator.ge(one, of[0]),
}


@dataclass(frozen=True)
class Clause:
    """One comparison of a trait with a value, or with several of which it may be any."""

    trait: str
    operator: str
    values: tuple[Value, ...]

    def holds(self, traits: Traits) -> bool | None:
        """Return whether it is so; None where the trait is unknown."""
        value = traits.get(self.trait)
        return None if value is None else _OPERATORS[self.operator](value, self.values)


@dataclass(frozen=True)
class Condition:
    """Clauses of which all must hold; one without clauses always holds."""

    text: str
    clauses: tuple[Clause, ...]

    def holds(self, traits: Traits) -> bool | None:
        """Return whether all hold: False as soon as one does not, None where it hangs on an unknown trait."""
        answers = [clause.holds(traits) for clause in self.clauses]
        return False if False in answers else None if None in answers else True

    def unknown(self, traits: Traits) -> tuple[str, ...]:
        """Return the unknown traits that it asks for."""
        return tuple(clause.trait for clause in self.clauses if clause.holds(traits) is None)


@cache
def parse(text: str) -> Condition:
    """Return the condition that `text` says. Raises ValueError for one that no trait can be held against."""
    return Condition(text, tuple(_clause(part) for part in text.split(" and ")) if text else ())


def _clause(text: str) -> Clause:
    found = _CLAUSE.fullmatch(text.strip())
    if not found or found["trait"] not in BY_NAME:
        raise ValueError(f"'{text}' is no condition on a trait; expected something like `demonstrations >= 50`")
    trait = BY_NAME[found["trait"]]
    if trait.kind in ("choice", "flag") and found["operator"] not in ("==", "!=", "in"):
        raise ValueError(f"'{text}' compares {trait.name}, which has no order")
    said = found["value"].split("|") if found["operator"] == "in" else [found["value"]]
    values = tuple(value for one in said if (value := trait.read(one)) is not None)
    if len(values) != len(said):
        raise ValueError(f"'{text}' compares with an unknown value")
    return Clause(trait.name, found["operator"], values)
