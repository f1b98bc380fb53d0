"""The plan of a pilot: a task, a budget, and arms that each spend that budget; read and written as plan.json."""

import hashlib
import json
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, JsonValue, SerializerFunctionWrapHandler, ValidationError, model_serializer

from advisor.task.traits import Value
from posttrain.errors import ConfigurationError
from posttrain.files import read_json, write_json
from posttrain.frames import Cell, Tabular
from reference_impls.configs import RunConfig, make_config

SCHEMA_VERSION = 1
ROWS = 100_000  # the most rows of a file that a run reads

Settings = dict[str, JsonValue]  # settings of a run by name, as config.json holds them


class Role(StrEnum):
    """Why an arm is part of a pilot."""

    RECOMMENDED = "recommended"
    RIVAL = "rival"
    NO_TRAINING = "no training"
    CONTROL = "random control"


class Frozen(BaseModel):
    """A value of a pilot's files that does not change; keys it does not know are left out."""

    model_config = ConfigDict(frozen=True)


class Task(BaseModel):
    """Which model is trained on which rows; `settings` apply to every arm. Unknown keys are kept."""

    model_config = ConfigDict(frozen=True, extra="allow")

    model: str
    data: str
    verifier: str | None = None
    settings: Settings = {}
    tokens_per_second: int | float | None = None  # measured by a probe
    family: str | None = None  # of tasks, where the user names one; the bank groups its cases by it

    @model_serializer(mode="wrap")
    def _as_given(self, written: SerializerFunctionWrapHandler) -> Settings:
        """Write the keys that were given: a default that came later must not change the id of a plan."""
        return {name: value for name, value in written(self).items() if name in self.model_fields_set}


class Stage(BaseModel):
    """One run of an arm: all settings except seed, threads and the weights it starts from."""

    model_config = ConfigDict(frozen=True, extra="allow")  # the settings that only some techniques have

    technique: str
    model: str
    data: str
    budget: str
    eval_size: int

    def settings(self) -> Settings:
        """Return the settings as config.json holds them."""
        return self.model_dump(mode="json", exclude_unset=True)

    def config(self) -> RunConfig:
        """Return the technique's own config. Raises ConfigurationError for a setting that it does not accept."""
        return make_config(self.settings())

    def changed(self, **changes: JsonValue) -> Self:
        """Return the stage with other settings."""
        return self.model_validate({**self.settings(), **changes})


class Estimate(Frozen):
    """The price of one run of an arm; None is unknown."""

    tokens: int | float | None = None  # of the budget
    evaluated: int | float | None = None  # tokens of scores, which no budget counts
    seconds: int | float | None = None
    memory_bytes: int | float | None = None  # at the peak


class Arm(Frozen):
    """One way to spend the budget: the stages of a pipeline."""

    id: str
    pipeline: str
    role: Role
    title: str
    stages: tuple[Stage, ...]
    estimate: Estimate = Estimate()

    @property
    def trains(self) -> bool:
        """Whether anything is trained."""
        return self.role is not Role.NO_TRAINING


class LeftOut(Frozen):
    """A recommended pipeline that the pilot does not try."""

    pipeline: str
    reason: str
    nearest: str | None = None  # pipeline that can be tried


class Plan(Tabular, Frozen):
    """A pilot before it runs: every arm gets the same budget."""

    task: Task
    traits: dict[str, Value]
    budget: str
    seeds: tuple[int, ...]
    arms: tuple[Arm, ...]
    left_out: tuple[LeftOut, ...]
    warnings: tuple[str, ...]
    schema_version: int = SCHEMA_VERSION

    @property
    def id(self) -> str:
        """A digest of everything that decides which runs there are."""
        written = self.model_dump(mode="json")
        arms = [[arm["id"], arm["role"], arm["stages"]] for arm in written["arms"]]
        decides = [written["task"], self.budget, self.seeds, arms]
        return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:12]

    @property
    def untrained(self) -> Arm:
        """The arm that scores the model as it is."""
        return next(arm for arm in self.arms if not arm.trains)

    def headline(self) -> str:
        """Return what is tried on what."""
        return f"Plan: {self.task.model} on {self.task.data}, {self.budget} an arm"

    def rows(self) -> list[dict[str, Cell]]:
        """Return an arm a row, with its stages and its price; what is unknown before a probe is None."""
        return [
            {"arm": arm.id, "role": arm.role.value, "pipeline": arm.pipeline, "title": arm.title,
             "stages": " → ".join(stage.technique for stage in arm.stages), **arm.estimate.model_dump()}
            for arm in self.arms
        ]  # fmt: skip

    def notes(self) -> list[str]:
        """Return the warnings, and what is left out."""
        return [*self.warnings, *(f"left out: {pipeline.pipeline} {pipeline.reason}" for pipeline in self.left_out)]

    def as_dict(self) -> dict[str, JsonValue]:
        """Return the plan as plan.json holds it."""
        return {**self.model_dump(mode="json"), "id": self.id}


def write_plan(plan: Plan, path: Path) -> None:
    """Write a plan as JSON, whole or not at all. Raises UnwritableError."""
    write_json(path, plan.as_dict())


def read_plan(path: Path) -> Plan:
    """Return the plan in a file. Raises ConfigurationError where there is none, or one of another version."""
    values = read_json(path)
    if values is None:
        raise ConfigurationError(f"{path} is no plan", f"advisor plan RECOMMENDATION --budget 200k-tokens --out {path}")
    if (version := values.get("schema_version")) != SCHEMA_VERSION:
        message = f"{path} has schema version {version}; expected {SCHEMA_VERSION}"
        raise ConfigurationError(message, "make the plan again")
    return _checked(values, path)


def _checked(values: Mapping[str, JsonValue], path: Path) -> Plan:
    try:
        plan = Plan.model_validate(values)
    except ValidationError as error:
        raise ConfigurationError(
            f"{path} lacks a part of a plan: {first_fault(error)}", "make the plan again"
        ) from error
    if sum(not arm.trains for arm in plan.arms) != 1:
        raise ConfigurationError(f"{path} lacks a part of a plan: the arm without training", "make the plan again")
    return plan


def first_fault(error: ValidationError) -> str:
    """Return the first thing that is wrong with a file's values, such as `arms.0.role: Field required`."""
    fault = error.errors()[0]
    return f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}"
