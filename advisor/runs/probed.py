"""The measurements of a probe, and the traits they answer: from the result of `reference_impls.probe` to the advice."""

from collections.abc import Mapping, Sequence
from typing import Self

from pydantic import JsonValue

from advisor.runs.plan import Frozen, Settings, Task
from advisor.runs.result import Measured, Number, Rows, RunResult, Share
from advisor.task.traits import BY_NAME, Traits, Value, make_traits
from posttrain.errors import DamagedError
from posttrain.first_row import FirstRow
from reference_impls.configs import COMPARES

SCHEMA_VERSION = 1
SAMPLES = 16  # the k of the traits pass_at_k and equal_groups
LEAST_RIGHT = 20  # right responses, below which their form is left unknown
DOMAINS = {"addition": "math", "countdown": "math", "modular": "math", "program": "code"}


class Measurement(Frozen):
    """The measurements of a model as it is; `pass_at_k` is a share for each k, `examples` are its first samples."""

    verifier_on_gold: Share | None
    verifier_on_wrong: Share | None = None
    pass_at_1: Share
    prompts_ever_right: Share
    format_rate: Share
    equal_groups: Share
    finished: Measured
    unscorable: Measured
    greedy: Measured
    greedy_lenient: Measured
    samples: int  # rollouts of each prompt
    pass_at_k: dict[str, float]
    rows: Rows
    row_tokens: Number
    tokens_per_second: Number
    parameters: int
    notes: tuple[str, ...]
    device: str
    skipped_rows: dict[str, dict[str, int]]
    examples: tuple[Settings, ...] = ()
    first_row: FirstRow | None = None  # as the model sees it

    @classmethod
    def of(cls, result: RunResult, examples: Sequence[Mapping[str, JsonValue]] = ()) -> Self:
        """Return the measurements in a probe's result. Raises DamagedError for the result of another technique."""
        if result.probe is None:
            raise DamagedError(f"the result of {result.technique} holds no probe", "advisor probe --help")
        return cls(
            verifier_on_gold=result.probe.verifier_on_gold,
            verifier_on_wrong=result.probe.verifier_on_wrong,
            pass_at_1=result.probe.pass_at_1,
            prompts_ever_right=result.probe.prompts_ever_right,
            format_rate=result.probe.format_rate,
            equal_groups=result.probe.equal_groups,
            finished=result.probe.finished,
            unscorable=result.probe.unscorable,
            greedy=result.before.strict,
            greedy_lenient=result.before.lenient,
            samples=samples_of(result),
            pass_at_k=result.probe.pass_at_k,
            rows=result.probe.rows,
            row_tokens=result.probe.row_tokens,
            tokens_per_second=result.probe.tokens_per_second,
            parameters=result.parameters,
            notes=result.notes,
            device=result.device,
            skipped_rows=result.skipped_rows,
            examples=tuple(map(dict, examples)),
            first_row=result.first_row,
        )


class ProbeReport(Frozen):
    """A traits file as `advisor probe` writes it."""

    schema_version: int = SCHEMA_VERSION
    traits: dict[str, Value]
    task: Task
    measured: Measurement
    warnings: tuple[str, ...]

    def as_dict(self) -> dict[str, JsonValue]:
        """Return the report as JSON."""
        return self.model_dump(mode="json")


def samples_of(result: RunResult) -> int:
    """Return the rollouts of each prompt."""
    return int(str(result.config["group_size"]))


def verifier_of(result: RunResult) -> str | None:
    """Return the verifier that a probe ran with: a generated task has its own."""
    return result.probe.verifier if result.probe else None


def traits_of(result: RunResult) -> dict[str, Value]:
    """Return the traits that a probe's result answers; the others are left out, which means unknown.

    pass_at_k and equal_groups need 16 responses a prompt, and format_rate twenty right responses. Rows are counted
    where they may be trained on, which is 80 % of a file; a generated task makes as many as are asked for.
    """
    probed = result.probe
    if probed is None:
        return {}
    compares = probed.verifier.partition(":")[0] in COMPARES
    task, _, family = str(result.config["data"]).partition(":")
    traits: dict[str, Value | None] = {
        "domain": DOMAINS.get(family.split(":")[0]) if task == "task" else None,
        "demonstrations": probed.rows.demonstrations,
        "prompts": probed.rows.answers if compares else probed.rows.train,
        "verifier": "unit-tests" if probed.verifier in ("unit-tests", "stdin-tests") else "rule",
        "verifier_on_gold": _rounded(probed.verifier_on_gold),
        "verifier_on_wrong": _rounded(probed.verifier_on_wrong),
        "parameters": round(result.parameters / 1e9, 6),
        "row_tokens": round(probed.row_tokens, 1),
        "pass_at_1": _rounded(probed.pass_at_1),
    }
    if probed.format_rate.n >= LEAST_RIGHT:
        traits["format_rate"] = _rounded(probed.format_rate)
    if samples_of(result) >= SAMPLES:
        traits["pass_at_k"] = round(probed.pass_at_k[str(SAMPLES)], 4)
        traits["equal_groups"] = _rounded(probed.equal_groups)
    return dict(make_traits(traits).values)


def _rounded(share: Share | None) -> float | None:
    return None if share is None or share.share is None else round(share.share, 4)


def completed(stated: Mapping[str, Value], probe: RunResult | None) -> dict[str, Value]:
    """Return the stated traits, and those measured by a probe that do not contradict them."""
    known = Traits({}).replaced(**{name: value for name, value in stated.items() if name in BY_NAME})
    for name, value in (traits_of(probe) if probe else {}).items():
        both = known.replaced(**{name: value}) if known.get(name) is None and name in BY_NAME else known
        known = known if both.contradiction() else both
    return dict(known.values)
