"""The numbers of a model that memory follows from, and three places they come from.

A well-known model's were counted once and are committed (data/reference/model_counts.json). Any other model is counted
from its config, before any weight is loaded, by `python -m reference_impls.model.memory` in a process of its own,
because that needs torch. And a size alone gives those of well-known models of about that size, the larger number of
each.
"""

import json
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from advisor.memory.setting import DType
from posttrain.errors import ConfigurationError
from posttrain.reference import reference_path

SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*[bB](?:illion)?")
ABOVE = 1.15  # a size alone takes its shape from well-known models up to this much larger: names round down
OLDER = "qwen-"  # keys and values for every head, as models of now do not have them: no shape for a size alone
ENDINGS = re.compile(r"(-(instruct|base|chat|sft|dpo|it|hf|\d{4}))+$")


@dataclass(frozen=True)
class Kept:
    """Bytes kept for the backward pass in one way of training (reference_impls.model.memory.Kept says each)."""

    weights: DType
    compute: DType
    adapters: bool
    per_token: float
    constant: float
    inputs_per_token: float
    rest_per_token: float
    layer_per_token: float
    layer_constant: float


@dataclass(frozen=True)
class Counts:
    """The numbers of one model (reference_impls.model.memory.Counts says each); `origin` says where they come from."""

    model: str
    parameters: int
    embedding: int
    head: int
    tied: bool
    largest: int
    layer_parameters: int
    layers: int
    hidden: int
    vocabulary: int
    adapter_parameters_per_rank: int
    kv_values_per_token: int
    kept: tuple[Kept, ...]
    origin: str = "counted"

    @property
    def ends(self) -> int:
        """Weights of embedding and output matrix together."""
        return self.embedding if self.tied else self.embedding + self.head

    def kept_in(self, weights: str, compute: str, *, adapters: bool) -> Kept:
        """Return what is kept in one way of training."""
        return next(
            one for one in self.kept if (one.weights, one.compute, one.adapters) == (weights, compute, adapters)
        )


def counts_of(model: str) -> Counts:
    """Return the counts of a well-known name or hub id, a folder, a config.json, `starter`, or a size such as `3b`.

    A path is always counted, a name is looked up first. Raises PosttrainError where the model cannot be counted.
    """
    if SIZE.fullmatch(model) and not Path(model).exists():
        return counts_of_size(float(SIZE.fullmatch(model)["number"]))  # type: ignore[index]
    if not Path(model).exists() and (name := known_name(model)):
        return known_counts()[name]
    return counted(model)


def counts_of_size(billions: float) -> Counts:
    """Return counts for a model of which only its size is known, in billions of parameters; nothing is loaded.

    Of well-known models between this size and 15 % above, the larger of each number; where there is none, the shape of
    the next larger one, narrowed to 15 % above; beyond the largest, that one widened. Embedding and output matrix count
    as two, which is the more. Raises PosttrainError for no size.
    """
    if not billions > 0:
        raise ConfigurationError(
            f"the size is {billions:g} billion parameters; expected a positive number", "give one, as 1.5"
        )
    size = round(billions * 1e9)
    every = sorted(
        (one for one in known_counts().values() if not one.model.startswith(OLDER)), key=lambda one: one.parameters
    )
    near = [one for one in every if size <= one.parameters <= ABOVE * size]
    above = [one for one in every if one.parameters >= size]
    base = near or above[:1] or every[-1:]
    widened = 1.0 if near else size * (ABOVE if above else 1.0) / base[0].parameters
    name = f"{billions:g} billion parameters"
    return replace(_largest(base, widened), model=name, origin="shape of " + ", ".join(one.model for one in base))


def counted(model: str) -> Counts:
    """Return the counts of a model by counting it in a process of its own. Raises PosttrainError."""
    command = [sys.executable, "-m", "reference_impls.model.memory", model]
    found = os.pathsep.join(filter(None, (str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH"))))
    here = {**os.environ, "PYTHONPATH": found}  # the code that stands beside this one
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=here)
    if done.returncode:
        said = dict(re.findall(r"^\s*(error|try): (.*)$", done.stderr, re.MULTILINE))
        last = (done.stderr.strip().splitlines() or ["no output"])[-1]
        missing = "No module named" in last
        hint = (
            "pip install 'posttrain[train]', or give the model's size, as 1.5b" if missing else "give its size, as 1.5b"
        )
        raise ConfigurationError(said.get("error") or f"cannot count '{model}': {last}", said.get("try") or hint)
    return parse_counts(json.loads(done.stdout.splitlines()[-1])["counts"])


def parse_counts(values: dict[str, Any]) -> Counts:
    """Return the counts that `python -m reference_impls.model.memory` printed."""
    return Counts(**{**values, "kept": tuple(Kept(**one) for one in values["kept"])})


@cache
def known_counts() -> dict[str, Counts]:
    """Return the committed counts of well-known models, by name."""
    values = json.loads(reference_path("model_counts.json").read_text(encoding="utf-8"))
    return {name: parse_counts(one) for name, one in values.items()}


@cache
def known_shapes() -> dict[str, dict[str, Any]]:
    """Return the configs that the committed counts were made from, by name: plain facts of each model's config.json."""
    shapes: dict[str, dict[str, Any]] = tomllib.loads(reference_path("model_shapes.toml").read_text(encoding="utf-8"))
    return shapes


def known_name(model: str) -> str | None:
    """Return the well-known name that a hub id or name means, or None: `Qwen/Qwen2.5-0.5B-Instruct` is qwen2.5-0.5b."""
    bare = ENDINGS.sub("", model.rsplit("/", 1)[-1].lower().removeprefix("meta-"))
    bare = bare.replace("olmo-2-0425", "olmo-2")
    return bare if bare in known_counts() else None


def _largest(several: list[Counts], widened: float) -> Counts:
    """Return the larger of each number, and all of them times a factor; widths go with its square root."""
    root = widened**0.5
    kept = tuple(
        Kept(
            first.weights, first.compute, first.adapters,
            *(
                max(
                    getattr(one.kept_in(first.weights, first.compute, adapters=first.adapters), name)
                    for one in several
                )
                * (widened if name.endswith("constant") else root)
                for name in (
                    "per_token", "constant", "inputs_per_token", "rest_per_token", "layer_per_token", "layer_constant"
                )
            ),
        )
        for first in several[0].kept
    )  # fmt: skip
    grown = {
        name: round(max(getattr(one, name) for one in several) * factor)
        for factor, names in (
            (widened, ("parameters", "layer_parameters")),
            (root, ("embedding", "head", "largest", "hidden", "adapter_parameters_per_rank", "kv_values_per_token")),
            (1.0, ("layers", "vocabulary")),
        )
        for name in names
    }
    return Counts(model="", **grown, tied=False, kept=kept)
