"""What a plan starts from: ranked pipelines, traits and a task, read from an answer of `advisor ask` or named."""

from collections.abc import Mapping
from pathlib import Path

from pydantic import Field, ValidationError

from advisor.advice.pipelines import LADDER, PIPELINES
from advisor.runs.plan import Frozen, Settings
from advisor.task.traits import Value
from posttrain.errors import ConfigurationError
from posttrain.files import exists, read_json
from posttrain.suggest import nearest


class Recommended(Frozen):
    """Pipeline ids, the best first, with the traits they were ranked by and the task that a probe measured."""

    ranked: tuple[str, ...]
    traits: dict[str, Value] = Field(default_factory=dict)
    task: Settings = Field(default_factory=dict)


class _Entry(Frozen):
    """A ranked pipeline of an answer; a score of 0 or less advises against it."""

    id: str | None = None
    pipeline_id: str | None = None
    score: float = 1.0


class _Answer(Frozen):
    """The parts of an answer (advisor.advice.text.as_data) that a plan needs."""

    ranked: tuple[_Entry, ...]
    traits: dict[str, Value | None] | None = None
    task: Settings | None = None


def read_recommendation(text: str) -> Recommended:
    """Return the recommendation in a file that `advisor ask --out` wrote, or that of pipelines named as `sft,grpo`.

    Raises ConfigurationError where the file holds none, and for an unknown pipeline.
    """
    path = Path(text)
    if exists(path) and path.is_file():
        return recommended(read_json(path) or {}, str(path))
    if path.suffix == ".json":
        raise ConfigurationError(
            f"there is no file {text}", "advisor ask --out writes one; or name pipelines: sft,grpo"
        )
    return Recommended(ranked=tuple(demand_pipeline(name.strip()) for name in text.split(",")))


def recommended(answer: Mapping[str, object], name: str = "the answer") -> Recommended:
    """Return the recommendation of an answer (advisor.advice.text.as_data), also as `--json` prints it.

    Raises ConfigurationError where it ranks no pipelines, and for an unknown pipeline.
    """
    data = answer.get("data")
    try:
        read = _Answer.model_validate(data if isinstance(data, dict) else answer)
    except ValidationError as error:
        raise ConfigurationError(f"{name} holds no ranked pipelines", "advisor ask --out writes such a file") from error
    ranked = tuple(demand_pipeline(str(entry.id or entry.pipeline_id)) for entry in read.ranked if entry.score > 0)
    known = {trait: value for trait, value in (read.traits or {}).items() if value is not None}
    return Recommended(ranked=ranked, traits=known, task=read.task or {})


def demand_pipeline(name: str) -> str:
    """Return the id of a pipeline. Raises ConfigurationError, with the nearest id, for any other text."""
    if name not in PIPELINES:
        near = nearest(name, PIPELINES)
        raise ConfigurationError(
            f"there is no pipeline '{name}'" + (f"; did you mean {near}?" if near else ""),
            f"the pipelines are {', '.join(pipeline.id for pipeline in LADDER if pipeline.stages)}",
        )
    return name
