"""Techniques: every way of training that the advice may name, with its paper, what it needs and what it gives.

Entries are keyed by an id of our own and carry the arXiv id, since names clash: two methods are called UFT.
"""

import tomllib
from dataclasses import dataclass
from enum import StrEnum

from posttrain.reference import reference_path


class Kind(StrEnum):
    """What a technique learns from, which decides the method of a pipeline it stands in."""

    IMITATION = "imitation"  # given or filtered responses
    PREFERENCE = "preference"  # which of two is better, offline
    ONLINE = "online"  # rewards of its own rollouts
    HYBRID = "hybrid"  # demonstrations and rewards in one loss


@dataclass(frozen=True)
class Technique:
    """One way of training."""

    id: str
    name: str
    kind: Kind
    arxiv: str  # empty where it has no paper there
    year: int
    needs: str
    gives: str
    named_in: tuple[str, ...]  # which of the texts name it
    bundled: str = ""  # the reference implementation's module, where there is one
    note: str = ""


def _load() -> dict[str, Technique]:
    read = tomllib.loads(reference_path("techniques.toml").read_text(encoding="utf-8"))
    return {
        name: Technique(id=name, **{**entry, "kind": Kind(entry["kind"]), "named_in": tuple(entry["named_in"])})
        for name, entry in read.items()
    }


TECHNIQUES = _load()
