"""The outcome of a pilot: every arm's runs and scores with intervals, comparisons, verdict and warnings.

Weights were chosen on the validation split and scored on test prompts that no arm had seen; nothing here chooses again.
"""

from pydantic import JsonValue

from advisor.runs.plan import Frozen, LeftOut, Role, Task
from advisor.runs.result import Measured, Number, with_interval
from advisor.task.traits import Value
from posttrain.frames import Cell, Tabular

SCHEMA_VERSION = 1


class Interval(Frozen):
    """The mean share of an arm's runs, with its 95 % interval."""

    share: float
    low: float
    high: float
    n: int  # prompts
    runs: int
    basis: str  # prompts or seeds, whichever interval is wider

    def __str__(self) -> str:
        """Return the share with its interval, as `43.2 % [36.4, 50.3]`."""
        return with_interval(self.share, self.low, self.high)


class StageOutcome(Frozen):
    """One stage of a run in short."""

    technique: str
    status: str
    steps: int
    updates: int
    chosen_step: int
    learning_rate: float
    tokens: int
    after: float  # share of test prompts right


class RunOutcome(Frozen):
    """One seed of an arm, all stages together."""

    seed: int
    status: str  # done, early or stopped
    stopped_because: str | None
    strict: Measured
    lenient: Measured
    unscorable: int
    finished: int
    marks: str
    before: Measured
    parameters: int
    tokens: Number
    flops: Number
    evaluated: Number
    seconds: Number
    peak_memory_bytes: Number
    device: str
    versions: dict[str, str]
    stages: tuple[StageOutcome, ...]


class FailedSeed(Frozen):
    """A run of an arm that has no result."""

    seed: int
    message: str
    hint: str


class FailedRun(Frozen):
    """The same, with its arm."""

    arm: str
    seed: int
    message: str
    hint: str


class ArmOutcome(Frozen):
    """An arm's scores over its seeds; None where no run has a result."""

    id: str
    role: Role
    pipeline: str
    method: str
    title: str
    strict: Interval | None
    lenient: Interval | None
    tokens: Number | None  # mean of a run
    seconds: Number | None
    runs: tuple[RunOutcome, ...]
    failed: tuple[FailedSeed, ...]

    @property
    def marks(self) -> list[str]:
        """The marks of each run, on the same prompts in the same order."""
        return [run.marks for run in self.runs]

    @property
    def is_whole(self) -> bool:
        """Whether every seed has a result."""
        return bool(self.runs) and not self.failed


class Comparison(Frozen):
    """How much more the best arm gets right than another."""

    arm: str
    against: str
    share: float
    low: float
    high: float
    p: float
    p_corrected: float  # Holm, 1979


class Verdict(Frozen):
    """The best arm, the arms that cannot be told apart from it, and a sentence."""

    best: str | None
    ties: tuple[str, ...]
    simplest: str | None
    comparisons: tuple[Comparison, ...]
    sentence: str


class Point(Frozen):
    """A validation score of a run, by the work before it."""

    arm: str
    seed: int
    work: float
    validation: float


class Curves(Frozen):
    """The learning curves of a pilot, of a running one too."""

    task: Task
    budget: str
    arms: tuple[str, ...]
    points: tuple[Point, ...]


class Outcome(Tabular, Frozen):
    """A pilot after it ran, as outcome.json holds it."""

    schema_version: int = SCHEMA_VERSION
    plan: str  # id
    task: Task
    budget: str
    seeds: tuple[int, ...]
    traits: dict[str, Value]
    parameters: int | None
    arms: tuple[ArmOutcome, ...]
    failed: tuple[FailedRun, ...]
    verdict: Verdict
    warnings: tuple[str, ...]
    left_out: tuple[LeftOut, ...]
    curve: tuple[Point, ...]

    @property
    def untrained(self) -> ArmOutcome:
        """The model as it is."""
        return next(arm for arm in self.arms if arm.role is Role.NO_TRAINING)

    @property
    def curves(self) -> Curves:
        """The learning curves of the arms that train."""
        trained = tuple(arm.id for arm in self.arms if arm.role is not Role.NO_TRAINING)
        return Curves(task=self.task, budget=self.budget, arms=trained, points=self.curve)

    def headline(self) -> str:
        """Return what was tried on what."""
        return f"Pilot: {self.task.model} on {self.task.data}, {self.budget} an arm"

    def rows(self) -> list[dict[str, Cell]]:
        """Return an arm a row: the share of test prompts right with its interval; None where every run failed."""
        return [
            {"arm": arm.id, "role": arm.role.value, "pipeline": arm.pipeline, "method": arm.method,
             **{name: getattr(arm.strict, name, None) for name in ("share", "low", "high", "n", "runs")},
             "share_anywhere": arm.lenient.share if arm.lenient else None, "tokens": arm.tokens,
             "seconds": arm.seconds, "failed": len(arm.failed)}
            for arm in self.arms
        ]  # fmt: skip

    def notes(self) -> list[str]:
        """Return the verdict and the warnings."""
        return [self.verdict.sentence, *self.warnings]

    def as_dict(self) -> dict[str, JsonValue]:
        """Return the outcome as outcome.json holds it."""
        return self.model_dump(mode="json")
