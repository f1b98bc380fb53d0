"""The progress of a pilot, as status.json and process.json hold it."""

from enum import StrEnum

from pydantic import JsonValue

from advisor.runs.plan import Frozen
from advisor.runs.result import Failure, Measured

STATUS_VERSION = 1


class State(StrEnum):
    """How a pilot stands; the first, and the last two, are never written, only concluded from the whole folder."""

    STARTING = "starting"
    RUNNING = "running"
    DONE = "done"
    PARTIAL = "partial"  # a run failed; --resume tries it again
    FAILED = "failed"  # nothing could be tried
    INTERRUPTED = "interrupted"
    BROKEN_OFF = "broken off"  # killed: its last status says `running`, and no process holds the folder
    UNREADABLE = "unreadable"

    @property
    def has_ended(self) -> bool:
        """Whether there is an outcome."""
        return self in (State.DONE, State.PARTIAL)


class RunningRun(Frozen):
    """A run of an arm at work: its stage, and how far that stage is."""

    arm: str
    seed: int
    stage: int  # from 1
    stages: int
    technique: str
    step: int
    spent: float  # share of the stage's budget
    tokens: float
    validation: float | None


class EndedRun(Frozen):
    """A run of an arm that ended: its score, or the message of its error."""

    arm: str
    seed: int
    status: str  # done, early, stopped or failed
    strict: Measured | None
    message: str | None


class Counted(Frozen):
    """How many runs are done, and how many there will be."""

    done: int
    of: int


class Status(Frozen):
    """A pilot as it last wrote itself into status.json."""

    schema_version: int = STATUS_VERSION
    plan: str  # id
    state: State
    message: str | None
    pid: int
    started: float  # seconds since 1970
    updated: float
    runs: Counted
    spent: float  # share of the whole work
    now: tuple[RunningRun, ...]
    ended: tuple[EndedRun, ...]
    error: Failure | None = None

    def as_dict(self) -> dict[str, JsonValue]:
        """Return the status as status.json holds it; `error` is written where there is one."""
        return self.model_dump(mode="json", exclude=None if self.error else {"error"})


class Background(Frozen):
    """A process that was started in the background: stopping and resuming need these."""

    pid: int
    at_once: int = 1
    cwd: str = "."
