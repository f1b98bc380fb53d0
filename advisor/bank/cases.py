"""The bank: what pilots measured, a line a case, so that advice can be compared with outcomes.

    DATA/bank.jsonl    append-only; a line holds traits, arms at equal work, scores with intervals, and provenance

A case holds no folder and no text of a task: only the names of model and data, numbers, and versions.
"""

import hashlib
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from advisor.runs.outcome import ArmOutcome, Interval, Outcome
from advisor.runs.plan import Frozen, Role, Task
from advisor.runs.probed import completed
from advisor.runs.result import Number, percent
from advisor.runs.scoring import RunsOfArms
from advisor.task.traits import Value
from posttrain.errors import BusyError, ConfigurationError, UnwritableError
from posttrain.files import exists, held, make_folder
from posttrain.frames import Cell, Tabular
from posttrain.tables import Grid, as_lines

SCHEMA_VERSION = 1
LOCK_SECONDS = 60.0
_ROOM = "make room, or set POSTTRAIN_DATA to another folder"


class CaseTask(Frozen):
    """The names of a task's model and data."""

    model: str
    data: str
    verifier: str | None


class CaseRun(Frozen):
    """One seed of an arm."""

    seed: int
    status: str
    tokens: Number
    flops: Number
    share: float  # of test prompts right in form


class CaseArm(Frozen):
    """An arm with its scores; None where no run has a result."""

    id: str
    role: Role
    pipeline: str
    method: str
    strict: Interval | None
    lenient: Interval | None
    tokens: Number | None
    runs: tuple[CaseRun, ...]


class CaseVerdict(Frozen):
    """The best arm, its ties, and the simplest of both."""

    best: str | None
    ties: tuple[str, ...]
    simplest: str | None


class Provenance(Frozen):
    """Where a case comes from."""

    posttrain: str
    plan: str
    date: str
    device: str
    versions: dict[str, str]


class Case(BaseModel):
    """A measured context: a task with its traits, a budget, and the score of each arm. Unknown keys are kept."""

    model_config = ConfigDict(frozen=True, extra="allow")

    schema_version: int = SCHEMA_VERSION
    id: str
    family: str
    task: CaseTask
    parameters: int | None
    traits: dict[str, Value]
    budget: str
    seeds: tuple[int, ...]
    arms: tuple[CaseArm, ...]
    verdict: CaseVerdict
    provenance: Provenance

    @property
    def says_nothing(self) -> bool:
        """Whether no arm has a single test prompt right: equal for another reason than that all are equally good."""
        scores = [arm.strict.share for arm in self.arms if arm.strict]
        return bool(scores) and not any(scores)

    def as_dict(self) -> dict[str, JsonValue]:
        """Return the case as a line of the bank holds it."""
        return self.model_dump(mode="json")


@dataclass(frozen=True)
class Bank(Tabular):
    """The cases of a file, and the number of its lines that hold no case."""

    cases: tuple[Case, ...]
    skipped: int

    def headline(self) -> str:
        """Return how many cases there are."""
        return f"{len(self.cases)} cases of {len({case.family for case in self.cases})} families"

    @property
    def silent(self) -> int:
        """How many cases say nothing: they are kept, and are no evidence."""
        return sum(case.says_nothing for case in self.cases)

    def rows(self) -> list[dict[str, Cell]]:
        """Return an arm of a case a row: the share of test prompts right with its interval."""
        return [
            {"case": case.id, "family": case.family, "model": case.task.model, "parameters": case.parameters,
             "budget": case.budget, "seeds": len(case.seeds), "arm": arm.id, "role": arm.role.value,
             "pipeline": arm.pipeline, "method": arm.method,
             **{name: getattr(arm.strict, name, None) for name in ("share", "low", "high", "n")},
             "is_best": arm.id == case.verdict.best and not case.says_nothing, "says_nothing": case.says_nothing}
            for case in self.cases for arm in case.arms
        ]  # fmt: skip

    def notes(self) -> list[str]:
        """Return how the bank grows, and how many lines were skipped."""
        empty = [] if self.cases else ["no cases yet: a pilot writes one at its end"]
        return [*empty, *self.losses()]

    def losses(self) -> list[str]:
        """Return a sentence for the cases that say nothing, and one for the lines that are no case."""
        silent = f"{self.silent} of {len(self.cases)} say nothing (no arm has a prompt right) and are no evidence"
        skipped = f"{self.skipped} broken lines were skipped"
        return [*([silent] if self.silent else []), *([skipped] if self.skipped else [])]


def bank_path(data: Path) -> Path:
    """Return the path of the bank in a data folder."""
    return data / "bank.jsonl"


def case_of(outcome: Outcome, runs: RunsOfArms) -> Case:
    """Return the case that a whole outcome makes; the untrained arm's run measures traits that were not stated."""
    untrained, first, verdict = outcome.untrained, outcome.untrained.runs[0], outcome.verdict
    probes = runs.get((untrained.id, first.seed))
    probe = probes[0] if isinstance(probes, list) else None
    case = Case(
        id="",
        family=family_of(outcome.task),
        task=CaseTask(model=_name(outcome.task.model), data=_name(outcome.task.data), verifier=outcome.task.verifier),
        parameters=outcome.parameters,
        budget=outcome.budget,
        seeds=outcome.seeds,
        arms=tuple(map(_arm, outcome.arms)),
        verdict=CaseVerdict(best=verdict.best, ties=verdict.ties, simplest=verdict.simplest),
        provenance=Provenance(
            posttrain=version("posttrain"),
            plan=outcome.plan,
            date=datetime.now(UTC).date().isoformat(),
            device=first.device,
            versions=first.versions,
        ),
        traits=completed(outcome.traits, probe),
    )
    return case.model_copy(update={"id": _digest(case)})


def _digest(case: Case) -> str:
    """Return the id of a finding: everything but when and with which versions it was measured."""
    values = case.model_dump(mode="json", exclude={"id", "schema_version", "provenance"})
    return hashlib.sha256(json.dumps([case.provenance.plan, values], sort_keys=True).encode()).hexdigest()[:16]


def family_of(task: Task) -> str:
    """Return the family of a task: the one that was named, the generator's name, or the name of the file."""
    if task.family:
        return task.family
    if task.data.startswith("task:"):
        return task.data.split(":")[1]
    return Path(task.data).name.partition(".")[0]


def add_case(path: Path, case: Case) -> bool:
    """Append a case, whole; return False where the bank has it already. Raises UnwritableError and BusyError.

    Two processes may write at once. Half a line that a killed process left is ended first, and skipped by readers.
    """
    line = json.dumps(case.as_dict(), ensure_ascii=False) + "\n"
    busy = BusyError(f"another process has been writing {path} for a minute", "run the same command again")
    make_folder(path.parent, _ROOM)
    with held(path.parent, busy, LOCK_SECONDS, f".{path.name}.lock"):
        if any(known.id == case.id for known in read_bank(path).cases):
            return False
        try:
            _append(path, line.encode())
        except OSError as error:
            raise UnwritableError(f"cannot write the bank {path}: {error.strerror}", _ROOM) from error
    return True


def read_bank(path: Path) -> Bank:
    """Return the cases of a bank, none where there is no file; lines without a case are counted.

    Raises ConfigurationError where the file cannot be read, such as a folder of that name.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return Bank((), 0)
    except OSError as error:
        message = f"the bank {path} cannot be read: {error.strerror}; expected a file with a case a line"
        raise ConfigurationError(message, "move it away, or set POSTTRAIN_DATA to another folder") from error
    lines = [line for line in text.split("\n") if line.strip()]  # splitlines would cut a name at its U+2028
    cases = [case for case in map(_read, lines) if case]
    return Bank(tuple(cases), len(lines) - len(cases))


def render(bank: Bank) -> list[str]:
    """Return the cases as lines for a terminal."""
    if not bank.cases:
        return ["no cases yet: advisor pilot writes one at its end", *bank.losses()]
    return [*as_lines(grid_of(bank)), bank.headline(), *bank.losses()]


def grid_of(bank: Bank) -> Grid:
    """Return a row of text for each case."""
    rows = tuple(
        (case.family, _best(case), case.budget, f"{len(case.seeds)}", f"{case.parameters or 0:,}")
        for case in bank.cases
    )
    return Grid("Cases", (), ("family", "best", "budget", "seeds", "weights"), rows, numeric_from=3)


def _best(case: Case) -> str:
    if case.says_nothing:
        return "says nothing: no arm has a prompt right"
    best = next((arm for arm in case.arms if arm.id == case.verdict.best), None)
    if best is None or best.strict is None:
        return "none"
    ties = f", not told apart from {', '.join(case.verdict.ties)}" if case.verdict.ties else ""
    return f"{best.id} {percent(best.strict.share)}{ties}"


def _arm(arm: ArmOutcome) -> CaseArm:
    return CaseArm(
        id=arm.id,
        role=arm.role,
        pipeline=arm.pipeline,
        method=arm.method,
        strict=arm.strict,
        lenient=arm.lenient,
        tokens=arm.tokens,
        runs=tuple(
            CaseRun(seed=run.seed, status=run.status, tokens=run.tokens, flops=run.flops, share=run.strict.share)
            for run in arm.runs
        ),
    )


def _name(text: str) -> str:
    """Return the name of an existing file or folder; any other text as it is."""
    return Path(text).name if exists(text) else text


def _append(path: Path, line: bytes) -> None:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        size = os.fstat(handle).st_size
        if size and os.pread(handle, 1, size - 1) != b"\n":
            line = b"\n" + line
        written = os.write(handle, line)
        if written != len(line):  # a full disk: leave no half
            os.ftruncate(handle, size)
            raise OSError(28, "no space left on the device")
        os.fsync(handle)
    finally:
        os.close(handle)


def _read(line: str) -> Case | None:
    try:
        case = Case.model_validate_json(line)
    except ValidationError:
        return None
    return case if case.schema_version == SCHEMA_VERSION else None
