"""Techniques: all that the advice may name, with paper, needs and benefit (data/reference/techniques.toml).

Entries have an id of our own and the arXiv id, since names clash: two techniques are called UFT.
"""

import tomllib
from dataclasses import dataclass
from enum import StrEnum

from posttrain.reference import reference_path


class Kind(StrEnum):
    """The data that a technique learns from; it decides the method of a pipeline."""

    IMITATION = "imitation"  # given or filtered responses
    PREFERENCE = "preference"  # which of two is better, offline
    ONLINE = "online"  # rewards of own rollouts
    HYBRID = "hybrid"  # demonstrations and rewards in one loss


@dataclass(frozen=True)
class Technique:
    """A trainable algorithm."""

    id: str
    name: str
    kind: Kind
    arxiv: str  # empty where no arXiv paper of it is known
    year: int
    needs: str
    gives: str
    named_in: tuple[str, ...]  # the source texts that name it
    bundled: str = ""  # the module of its reference implementation, where there is one
    note: str = ""


def _load() -> dict[str, Technique]:
    read = tomllib.loads(reference_path("techniques.toml").read_text(encoding="utf-8"))
    return {
        name: Technique(id=name, **{**entry, "kind": Kind(entry["kind"]), "named_in": tuple(entry["named_in"])})
        for name, entry in read.items()
    }


TECHNIQUES = _load()
