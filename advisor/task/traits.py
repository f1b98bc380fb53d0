"""Traits: what we know about the task, the model and the budget. Each question is written once, in traits.toml.

Unknown is a value. It is never read as "no": a rule that asks for an unknown trait does not hold, and the trait is
listed among those that would change the answer.
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from posttrain.errors import ConfigurationError
from posttrain.reference import reference_path
from posttrain.suggest import nearest

Kind = Literal["choice", "flag", "count", "share", "number"]
Value = str | bool | int | float
Schema = dict[str, object]

MOST = 1e12  # the largest count or number: a larger one is a typing error
# The verifiers of a run, by the kind that the rules distinguish: `exact:#` and `regex:[0-9]+` compare by rule.
_RULES = ("exact", "numeric", "math", "choice", "regex")
_FLAGS: dict[str | bool, bool] = {"yes": True, "true": True, True: True, "no": False, "false": False, False: False}
# 7B, 10k, 1,000, 1_000, 1.5e3, 24 GB, 35%; a comma separates thousands alone: `1,5` is refused, not read as 15
_NUMBER = re.compile(
    r"(?P<digits>[-+]?(?:\d{1,3}(?:[,_]\d{3})+(?:\.\d+)?|\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?) ?(?P<suffix>%|[a-z][a-z ]*)?"
)
_SUFFIXES: dict[str, dict[str, float]] = {
    "": {"k": 1e3, "thousand": 1e3, "m": 1e6, "million": 1e6, "b": 1e9, "billion": 1e9},
    "tokens": {"tokens": 1, "k": 1e3, "k tokens": 1e3, "m": 1e6},
    "billion weights": {"b": 1, "bn": 1, "billion": 1, "m": 1e-3, "million": 1e-3, "t": 1e3},
    "gigabytes": {"g": 1, "gb": 1, "gib": 1.073741824, "tb": 1e3, "mb": 1e-3},
    "megabytes": {"m": 1, "mb": 1, "mib": 1.048576, "g": 1e3, "gb": 1e3, "gib": 1073.741824, "kb": 1e-3, "tb": 1e6},
    "hours": {"h": 1, "hours": 1, "d": 24, "days": 24, "min": 1 / 60, "minutes": 1 / 60},
}


@dataclass(frozen=True)
class Trait:
    """One question about the task."""

    name: str
    group: str
    kind: Kind
    question: str
    why: str
    values: tuple[str, ...] = ()  # of a choice
    unit: str = ""  # of a number
    after: tuple[str, ...] = ()  # the premise: conditions, of which one must be known to hold before it is asked

    @property
    def example(self) -> str:
        """A value that the trait may have, for a hint."""
        return {"choice": self.values[-1] if self.values else "", "flag": "yes", "share": "0.5"}.get(self.kind, "100")

    @property
    def allowed(self) -> str:
        """The allowed values, in words."""
        match self.kind:
            case "choice":
                return ", ".join(self.values)
            case "flag":
                return "yes, no"
            case "count":
                return f"a whole number from 0 to {MOST:g}"
            case "share":
                return "a share from 0 to 1"
            case "number":
                return f"a number of {self.unit} from 0 to {MOST:g}"

    def read(self, given: object) -> Value | None:
        """Return the value of a text, number or flag; None for unknown. Raises ConfigurationError."""
        answer = given if isinstance(given, bool) else str(given).strip().lower()
        if given is None or answer in ("unknown", "?", ""):
            return None
        try:
            value = self._read(answer)
        except (ValueError, OverflowError):
            value = None
        if value is None:
            close = nearest(str(answer), self.values)
            raise ConfigurationError(
                f"{self.name} is '{given}'; expected {self.allowed}, or unknown"
                + (f" (did you mean {close}?)" if close else ""),
                f"advisor ask --set {self.name}={close or self.example}",
            )
        return value

    def _read(self, answer: str | bool) -> Value | None:
        if self.kind == "flag":
            return _FLAGS.get(answer)
        text = str(answer)
        if self.kind == "choice":
            if self.name == "verifier" and text.partition(":")[0] in _RULES:
                text = "rule"
            return text if text in self.values else None
        number = self._number(text)
        if number is None or not 0 <= number <= (1 if self.kind == "share" else MOST):
            return None
        if self.kind == "count":
            return int(number) if number == int(number) else None
        return number

    def _number(self, text: str) -> float | None:
        """Return the number in a text such as `7B`, `10k`, `1,000`, `24 GB` or `35%`, in the trait's unit."""
        parts = _NUMBER.fullmatch(text)
        if parts is None:
            return None
        suffixes = {"%": 1.0, "percent": 1.0} if self.kind == "share" else _SUFFIXES[self.unit]
        factor = suffixes.get(parts["suffix"].strip()) if parts["suffix"] else 1.0
        digits = float(parts["digits"].replace("_", "").replace(",", ""))
        # a division, for 0.35 is not 35 * 0.01
        return None if factor is None else digits / 100 if self.kind == "share" and parts["suffix"] else digits * factor


def _load() -> tuple[Trait, ...]:
    entries = tomllib.loads(reference_path("traits.toml").read_text(encoding="utf-8"))
    return tuple(
        Trait(name, **{**entry, "values": tuple(entry.get("values", ())), "after": tuple(entry.get("after", ()))})
        for name, entry in entries.items()
    )


TRAITS = _load()
BY_NAME = {trait.name: trait for trait in TRAITS}
GROUPS = tuple(dict.fromkeys(trait.group for trait in TRAITS))

# Contradictions: where a trait has this value, the others must be unknown.
_EXCLUDES: dict[tuple[str, Value], tuple[str, ...]] = {
    ("demonstrations", 0): (
        "demonstration_quality", "demonstration_kind", "demonstration_author", "demonstration_coverage",
    ),
    ("verifier", "none"): ("verifier_on_gold", "verifier_on_wrong", "verifier_explains", "judge_agreement"),
    ("teacher", "none"): ("teacher_permitted",),
    ("gpus", 0): ("gpu_memory",),
}  # fmt: skip


@dataclass(frozen=True)
class Traits:
    """The known traits with their values. A trait that is not among them is unknown."""

    values: Mapping[str, Value]

    def get(self, name: str) -> Value | None:
        """Return the value of a trait, None where it is unknown."""
        return self.values.get(name)

    def number(self, name: str) -> float | None:
        """Return the value of a trait that is a count, a share or a number, None where it is unknown."""
        value = self.get(name)
        return None if value is None else float(value)

    def replaced(self, **changes: Value | None) -> "Traits":
        """Return a copy with other values; None makes a trait unknown. Nothing is checked."""
        merged = {**self.values, **changes}
        return Traits({name: value for name in BY_NAME if (value := merged.get(name)) is not None})

    def contradiction(self) -> str | None:
        """Return a sentence on two values that cannot both be true, or None."""
        for (name, value), others in _EXCLUDES.items():
            if self.get(name) == value:
                for other in others:
                    if self.get(other) is not None:
                        return f"{name} is {written(value)}, and {other} is {written(self.values[other])}"
        if self.get("gap") == "behaviour" and self.get("facts_megabytes") is not None and not self.get("new_language"):
            return f"gap is behaviour, and facts_megabytes is {written(self.values['facts_megabytes'])}"
        whole, response = self.number("row_tokens"), self.number("response_tokens")
        if whole is not None and response is not None and response > whole:
            return f"response_tokens is {written(response)}, above row_tokens, {written(whole)}"
        single, several = self.number("pass_at_1"), self.number("pass_at_k")
        if single is not None and several is not None and several < single:
            return f"pass_at_k is {several}, below pass_at_1, {single}"
        if self.get("judge_agreement") is not None and self.get("verifier") not in (None, "judge"):
            return f"judge_agreement is {self.get('judge_agreement')}, and verifier is {self.get('verifier')}"
        return None

    @property
    def command(self) -> str:
        """The command that asks for advice with these traits."""
        settings = (f"--set {name}={written(value)}" for name, value in self.values.items())
        return " ".join(["advisor ask --no-input", *settings])


def written(value: Value) -> str:
    """Return a value as a user writes it: `yes` for True, `7` for 7.0."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def make_traits(given: Mapping[str, object]) -> Traits:
    """Return checked traits. Raises ConfigurationError for unknown names, wrong values, and contradictions."""
    values: dict[str, Value | None] = {}
    for name, value in given.items():
        if name not in BY_NAME:
            close = nearest(name, BY_NAME)
            raise ConfigurationError(
                f"there is no trait '{name}'" + (f"; did you mean {close}?" if close else ""),
                f"the traits are {', '.join(BY_NAME)}; advisor traits explains each",
            )
        values[name] = BY_NAME[name].read(value)
    traits = Traits({}).replaced(**values)
    contradiction = traits.contradiction()
    if contradiction:
        raise ConfigurationError(
            f"these traits contradict each other: {contradiction}", "correct one of the two, or set it to unknown"
        )
    return traits


def schema() -> Schema:
    """Return the questions as a JSON schema (2020-12); null is unknown."""
    kinds: dict[Kind, Schema] = {
        "flag": {"type": ["boolean", "null"]},
        "count": {"type": ["integer", "null"], "minimum": 0},
        "share": {"type": ["number", "null"], "minimum": 0, "maximum": 1},
        "number": {"type": ["number", "null"], "minimum": 0},
    }
    assert set(kinds) | {"choice"} == set(get_args(Kind))
    properties: dict[str, Schema] = {}
    for trait in TRAITS:
        allowed = {"enum": [*trait.values, None]} if trait.kind == "choice" else kinds[trait.kind]
        properties[trait.name] = {"title": trait.question, "description": trait.why, **allowed}
    return {"type": "object", "additionalProperties": False, "properties": properties}
