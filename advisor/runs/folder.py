"""The folder of a pilot: this class alone knows its files, and reads and writes them.

    DATA/pilots/PLAN_ID/plan.json  status.json  outcome.json  table.md  curve.svg  .lock
                        process.json  pilot.log                     of a pilot started in the background
                        arms/ARM/seed-S/stage-N-TECHNIQUE/          run folders of reference_impls

Everything in it is whole at any moment: files are replaced, never rewritten in place.
"""

import json
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Self, TypeVar

from pydantic import BaseModel, JsonValue, ValidationError

from advisor.runs.outcome import Curves, Outcome, Point
from advisor.runs.plan import Arm, Frozen, Plan, first_fault, read_plan
from advisor.runs.progress import STATUS_VERSION, Background, Status
from advisor.runs.result import read_result
from posttrain.errors import BusyError, ConfigurationError, DamagedError
from posttrain.files import held, is_held, json_lines, read_json, write_json, write_whole
from reference_impls.configs import Budget

LOCK_SECONDS = 1.0  # a pilot waits so long for whoever only looks whether the folder is held
LOOK_SECONDS = 0.05  # whoever looks holds the lock for less than this
ROOM = "make room, or choose another folder with --out; a pilot resumes with --resume"
Model = TypeVar("Model", bound=BaseModel)


class Response(Frozen):
    """A response of the policy to a test prompt, with the verifier's judgement."""

    response: str
    outcome: str | None = None
    reason: str | None = None


class Sample(Frozen):
    """A test prompt, with the responses before the first stage and after the last one; None is not yet."""

    prompt: JsonValue  # text or messages
    answer: JsonValue
    before: Response | None = None
    after: Response | None = None


@dataclass(frozen=True)
class PilotFolder:
    """The files of one pilot."""

    path: Path

    @classmethod
    def of(cls, plan: Plan, data: Path) -> Self:
        """Return the folder that a plan has unless --out names another: the same plan has the same folder."""
        return cls(pilots_folder(data) / plan.id)

    @property
    def log(self) -> Path:
        """The output of a pilot in the background."""
        return self.path / "pilot.log"

    def stage(self, arm: Arm, seed: int, index: int) -> Path:
        """Return the run folder of an arm's stage, counted from 0."""
        return self.path / "arms" / arm.id / f"seed-{seed}" / f"stage-{index + 1}-{arm.stages[index].technique}"

    def held(self) -> AbstractContextManager[None]:
        """Keep other pilots out of the folder. Raises BusyError and UnwritableError."""
        busy = BusyError(f"{self.path} belongs to a pilot that is still at work", "wait for it, or take another --out")
        return held(self.path, busy, LOCK_SECONDS)

    def is_held(self) -> bool:
        """Say whether a process is at work in the folder. Raises OSError where its lock cannot be opened."""
        return is_held(self.path, LOOK_SECONDS)

    def begin(self, plan: Plan, *, resume: bool) -> None:
        """Write the plan, or check that the folder holds this very plan and may be resumed. Raises PosttrainError."""
        if not self.has_plan():
            self.write_plan(plan)
            return
        if self.plan().id != plan.id:
            message = f"{self.path} holds the pilot of another plan"
            raise ConfigurationError(message, "take another --out, or pilot its own plan.json")
        if not resume:
            message = f"{self.path} holds this pilot already"
            raise ConfigurationError(message, "add --resume to resume it, or take another --out")

    def has_plan(self) -> bool:
        """Say whether the folder still is a pilot's: somebody may have removed it."""
        return (self.path / "plan.json").exists()

    def plan(self) -> Plan:
        """Return the plan. Raises ConfigurationError where there is none."""
        return read_plan(self.path / "plan.json")

    def write_plan(self, plan: Plan, hint: str = ROOM) -> None:
        """Write plan.json. Raises UnwritableError."""
        write_json(self.path / "plan.json", plan.as_dict(), hint)

    def status(self) -> Status | None:
        """Return the last status, or None where the pilot wrote none. Raises DamagedError."""
        path = self.path / "status.json"
        status = _read(path, Status) if path.exists() else None
        if status and status.schema_version != STATUS_VERSION:
            raise DamagedError(f"{path} is of another version", "start the pilot again")
        return status

    def write_status(self, status: Status) -> None:
        """Replace status.json. Raises UnwritableError."""
        write_json(self.path / "status.json", status.as_dict(), ROOM)

    def outcome(self) -> Outcome:
        """Return the outcome. Raises DamagedError where there is no whole one."""
        return _read(self.path / "outcome.json", Outcome)

    def write_outcome(self, outcome: Outcome, texts: Mapping[str, str]) -> None:
        """Write outcome.json, and texts by the names of their files. Raises UnwritableError."""
        write_json(self.path / "outcome.json", outcome.as_dict(), ROOM)
        for name, text in texts.items():
            write_whole(self.path / name, text, ROOM)

    def background(self) -> Background | None:
        """Return the process that was last started in the background, or None."""
        try:
            return _read(self.path / "process.json", Background)
        except DamagedError:
            return None

    def write_background(self, process: Background) -> None:
        """Replace process.json. Raises UnwritableError."""
        write_json(self.path / "process.json", process.model_dump(mode="json"), ROOM)

    def curves(self) -> Curves:
        """Return the validation scores of every trained arm so far, by the work done, one stage after another.

        Raises ConfigurationError without a plan, and DamagedError where a run's result cannot be read.
        """
        plan = self.plan()
        unit = Budget.parse(plan.budget).unit
        arms = [arm for arm in plan.arms if arm.trains]
        points = [point for arm in arms for seed in plan.seeds for point in self._curve(arm, seed, unit)]
        return Curves(task=plan.task, budget=plan.budget, arms=tuple(arm.id for arm in arms), points=tuple(points))

    def _curve(self, arm: Arm, seed: int, unit: str) -> list[Point]:
        points, before = [], 0.0
        for index in range(len(arm.stages)):
            run = self.stage(arm, seed, index)
            scores = scores_of(run, unit)
            points += [Point(arm=arm.id, seed=seed, work=before + work, validation=score) for work, score in scores]
            result = read_result(run)
            before += result.work.of(unit) if result else 0.0
        return points

    def samples(self, limit: int) -> dict[str, list[Sample]]:
        """Return up to `limit` test prompts of each arm's first seed, with the responses before and after training.

        Raises ConfigurationError without a plan.
        """
        plan = self.plan()
        return {arm.id: self._samples(arm, plan.seeds[0])[:limit] for arm in plan.arms}

    def _samples(self, arm: Arm, seed: int) -> list[Sample]:
        """Return the prompts with the responses before the first stage and after the last one."""
        samples: dict[str, Sample] = {}
        for moment, index in (("before", 0), ("after", len(arm.stages) - 1)):
            for line in json_lines(self.stage(arm, seed, index) / "samples.jsonl"):
                if line.get("moment") == moment and {"prompt", "response"} <= line.keys():
                    sample = Sample.model_validate({name: line.get(name) for name in ("prompt", "answer")})
                    key = json.dumps([sample.prompt, sample.answer])
                    response = Response.model_validate(line)
                    samples[key] = samples.get(key, sample).model_copy(update={moment: response})
        return list(samples.values())

    def changed(self) -> float:
        """Return when the pilot last wrote something, in seconds since 1970."""
        for name in ("status.json", "process.json", "plan.json", ""):
            try:
                return (self.path / name).stat().st_mtime
            except OSError:
                continue
        return 0.0


def pilots_folder(data: Path) -> Path:
    """Return the folder that holds the pilots of a data folder."""
    return data / "pilots"


def scores_of(run: Path, unit: str) -> list[tuple[float, float]]:
    """Return (work before it, validation score) of each score in a run's metrics, in the unit of a budget."""
    work, scores = 0.0, []
    for line in json_lines(run / "metrics.jsonl"):
        work = line.get(unit, work)
        if line.get("validation") is not None:
            scores.append((float(work or 0.0), float(line["validation"])))
    return scores


def _read(path: Path, model: type[Model]) -> Model:
    values = read_json(path) if path.is_file() else None
    if values is None:
        raise DamagedError(f"{path} is damaged; expected a JSON object", "start the pilot again")
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise DamagedError(f"{path} is damaged: {first_fault(error)}", "start the pilot again") from error
