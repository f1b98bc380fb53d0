"""Results of runs: a stage's result.json, or the error it ended with, as typed values."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict, JsonValue, ValidationError

from advisor.runs.plan import Frozen, first_fault
from posttrain.errors import DamagedError
from posttrain.files import read_json
from posttrain.first_row import FirstRow

Number = int | float  # JSON tells 0 from 0.0, and so does the digest of a case


class Share(Frozen):
    """k of n prompts with the 95 % interval; all three are None where n is 0."""

    k: Number
    n: int
    share: float | None
    low: float | None
    high: float | None


class Measured(Share):
    """A share of at least one prompt."""

    share: float
    low: float
    high: float

    def __str__(self) -> str:
        """Return the share with its interval, as `43.2 % [36.4, 50.3]`."""
        return with_interval(self.share, self.low, self.high)


def percent(share: float) -> str:
    """Return a share as `43.2 %`."""
    return f"{100 * share:.1f} %"


def with_interval(share: float, low: float, high: float) -> str:
    """Return a share with its interval, as `43.2 % [36.4, 50.3]`."""
    return f"{percent(share)} [{100 * low:.1f}, {100 * high:.1f}]"


class Scores(Frozen):
    """Greedy answers to the test prompts."""

    strict: Measured  # right in the form asked for
    lenient: Measured  # right anywhere in the response
    unscorable: int
    finished: int
    marks: str  # a 1 for each prompt right in form and a 0 for each other, in order


class Spent(Frozen):
    """Work of a run: tokens, FLOPs and seconds of its budget, and tokens of scores, which no budget counts."""

    tokens: int
    flops: Number
    seconds: Number
    evaluated: int

    def of(self, unit: str) -> float:
        """Return the work in the unit of a budget: tokens, flops or seconds."""
        return float({"tokens": self.tokens, "flops": self.flops, "seconds": self.seconds}[unit])


class Rows(Frozen):
    """Rows to train on."""

    train: int
    demonstrations: int  # rows with a response
    answers: int  # rows with an answer


class Probed(Frozen):
    """Measurements of a probe: rollouts of the model as it is."""

    verifier: str
    rows: Rows
    row_tokens: Number
    verifier_on_gold: Share | None
    verifier_on_wrong: Share | None = None  # of a probe before wrong answers were tried
    pass_at_1: Share
    pass_at_k: dict[str, float]  # by k
    prompts_ever_right: Share
    format_rate: Share
    finished: Measured
    equal_groups: Share
    unscorable: Measured
    tokens_per_second: Number


class Failure(Frozen):
    """An error as a process writes it: what happened, and the next command."""

    message: str
    hint: str = ""


class RunResult(BaseModel):
    """A finished stage, as result.json holds it; keys of single techniques are kept."""

    model_config = ConfigDict(frozen=True, extra="allow")

    technique: str
    config: dict[str, JsonValue]
    status: str  # done, early or stopped
    stopped_because: str | None
    before: Scores
    after: Scores
    chosen_step: int
    steps: int
    updates: int
    learning_rate: float
    parameters: int
    work: Spent
    skipped_rows: dict[str, dict[str, int]] = {}
    probe: Probed | None = None
    first_row: FirstRow | None = None
    peak_memory_bytes: Number
    device: str
    notes: tuple[str, ...] = ()
    versions: dict[str, str]

    def within(self, settings: Mapping[str, object]) -> bool:
        """Say whether these settings ask for the budget that this run had."""
        return "budget" not in settings or self.config.get("budget") == settings["budget"]


def read_result(folder: Path) -> RunResult | None:
    """Return the result of a run folder; None where the run is unfinished, failed, or another program's.

    Raises DamagedError where result.json lacks a part of a result.
    """
    path = folder / "result.json"
    values = read_json(path)
    if values is None or "error" in values:
        return None
    try:
        return RunResult.model_validate(values)
    except ValidationError as error:
        message = f"{path} lacks a part of a result: {first_fault(error)}"
        raise DamagedError(message, f"remove {folder}, then run the same command with --resume") from error


def read_failure(folder: Path) -> Failure | None:
    """Return the error that a run wrote into its folder, or None where it wrote none."""
    values = read_json(folder / "result.json")
    try:
        return Failure.model_validate(values["error"]) if values and "error" in values else None
    except ValidationError:
        return None
