"""The numbers of a model that determine its memory, from one of three places.

Those of a well-known model were counted once and are committed (data/reference/model_counts.json). Any other model is
counted from its config, before any weight is loaded, by `python -m reference_impls.model.memory` in a separate process,
because counting needs torch. For a size alone they are those of well-known models of about that size, the largest of
each number.
"""

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from advisor.memory.setting import DType
from posttrain.errors import ConfigurationError
from posttrain.files import exists
from posttrain.install import install_hint
from posttrain.reference import reference_path

SIZE = re.compile(r"(?P<number>\d+(?:\.\d+)?)\s*[bB](?:illion)?")  # 7b, 1.5B, 3 billion
ABOVE = 1.15  # a size alone takes its shape from well-known models up to this much larger: names round down
OLDER = "qwen-"  # these models have keys and values for every head, which newer models do not: no shape for a size
_BY_SIZE = "give the model's size, as 1.5b"
ENDINGS = re.compile(r"(-(instruct|base|chat|sft|dpo|it|hf|\d{4}))+$")  # Qwen2.5-0.5B-Instruct, OLMo-2-1B-SFT


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
        """Return the bytes kept in one way of training."""
        return next(
            kept for kept in self.kept if (kept.weights, kept.compute, kept.adapters) == (weights, compute, adapters)
        )


def counts_of(model: str) -> Counts:
    """Return the counts of a well-known name or hub id, a folder, a config.json, `starter`, or a size such as `3b`.

    A path is always counted, a name is looked up first. Raises PosttrainError where the model cannot be counted.
    """
    if not exists(model):
        if size := SIZE.fullmatch(model):
            return counts_of_size(float(size["number"]))
        if name := known_name(model):
            return known_counts()[name]
    return counted(model)


def counts_of_size(billions: float) -> Counts:
    """Return counts for a model of which only the size is known, in billions of parameters; nothing is loaded.

    Of well-known models between this size and 15 % above, the largest of each number. Where there is none, the shape of
    the next larger model, narrowed to 15 % above; beyond the largest model, its shape, widened. Embedding and output
    matrix count as two, which needs more. Raises ConfigurationError for a size that is not positive.
    """
    if not billions > 0:
        raise ConfigurationError(
            f"the size is {billions:g} billion parameters; expected a positive number", "give one, as 1.5"
        )
    size = round(billions * 1e9)
    models = sorted(
        (counts for counts in known_counts().values() if not counts.model.startswith(OLDER)),
        key=lambda counts: counts.parameters,
    )
    near = [counts for counts in models if size <= counts.parameters <= ABOVE * size]
    above = [counts for counts in models if counts.parameters >= size]
    base = near or above[:1] or models[-1:]
    widened = 1.0 if near else size * (ABOVE if above else 1.0) / base[0].parameters
    name = f"{billions:g} billion parameters"
    return replace(_largest(base, widened), model=name, origin="shape of " + ", ".join(counts.model for counts in base))


def counted(model: str) -> Counts:
    """Return the counts of a model, counted in a separate process, which reports its error as JSON.

    Raises ConfigurationError where the model cannot be counted, and where torch is not installed.
    """
    if any(find_spec(name) is None for name in ("torch", "transformers", "peft")):
        raise ConfigurationError(
            f"counting '{model}' needs torch, transformers and peft, which are not all installed",
            f"{_BY_SIZE}; or {install_hint('train')}",
        )
    command = [sys.executable, "-m", "reference_impls.model.memory", model]
    folders = os.pathsep.join(filter(None, (str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "PYTHONPATH": folders}  # the packages of this checkout or wheel come first
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    answer = _answer(done.stdout)
    if "counts" in answer:
        return parse_counts(answer["counts"])
    error = answer.get("error") or {}
    message = error.get("message") or f"cannot count '{model}': the process that counts ended with {done.returncode}"
    raise ConfigurationError(message, error.get("hint") or f"{_BY_SIZE}; or see why: {shlex.join(command)}")


def _answer(printed: str) -> dict[str, Any]:
    """Return the JSON object on the last line that a process printed; an empty one where there is none."""
    try:
        answer = json.loads(printed.strip().rpartition("\n")[2])
    except ValueError:
        return {}
    return answer if isinstance(answer, dict) else {}


def parse_counts(values: Mapping[str, Any]) -> Counts:
    """Return the counts that `python -m reference_impls.model.memory` prints as JSON."""
    return Counts(**{**values, "kept": tuple(Kept(**kept) for kept in values["kept"])})


@cache
def known_counts() -> dict[str, Counts]:
    """Return the committed counts of well-known models, by name."""
    values = json.loads(reference_path("model_counts.json").read_text(encoding="utf-8"))
    return {name: parse_counts(counts) for name, counts in values.items()}


def known_name(model: str) -> str | None:
    """Return the well-known name that a hub id or name means, or None: `Qwen/Qwen2.5-0.5B-Instruct` is qwen2.5-0.5b."""
    bare = ENDINGS.sub("", model.rsplit("/", 1)[-1].lower().removeprefix("meta-"))
    bare = bare.replace("olmo-2-0425", "olmo-2")
    return bare if bare in known_counts() else None


def _largest(several: list[Counts], widened: float) -> Counts:
    """Return the largest of each number, all multiplied by a factor; widths grow with its square root."""
    root = widened**0.5
    kept = tuple(
        Kept(
            first.weights, first.compute, first.adapters,
            *(
                max(
                    getattr(counts.kept_in(first.weights, first.compute, adapters=first.adapters), name)
                    for counts in several
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
        name: round(max(getattr(counts, name) for counts in several) * factor)
        for factor, names in (
            (widened, ("parameters", "layer_parameters")),
            (root, ("embedding", "head", "largest", "hidden", "adapter_parameters_per_rank", "kv_values_per_token")),
            (1.0, ("layers", "vocabulary")),
        )
        for name in names
    }
    return Counts(model="", **grown, tied=False, kept=kept)
