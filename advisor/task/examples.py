"""Examples: four tasks to start from, so that no visitor faces an empty page."""

import tomllib
from dataclasses import dataclass
from functools import cache

from advisor.task.traits import Traits, make_traits
from posttrain.reference import reference_path
from reference_impls.tasks.families import FAMILIES


@dataclass(frozen=True)
class Example:
    """A task in words and as traits."""

    title: str
    about: str
    traits: Traits


@cache
def examples() -> tuple[Example, ...]:
    """Return the examples in the order of examples.toml."""
    entries = tomllib.loads(reference_path("examples.toml").read_text(encoding="utf-8")).values()
    return tuple(Example(entry["title"], entry["about"], make_traits(entry["traits"])) for entry in entries)


def generated_tasks() -> dict[str, str]:
    """Return the generated tasks, which need no file: `task:NAME` and a sentence about each."""
    return {f"task:{name}": family.about for name, family in FAMILIES.items()}
