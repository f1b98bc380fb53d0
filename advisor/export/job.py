"""The contents of an export: the stages with checked settings, the rows to train on, and the updates of a stage."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from pathlib import Path
from typing import TypedDict, TypeVar, cast

import posttrain
from advisor.advice.pipelines import Pipeline
from advisor.advice.techniques import TECHNIQUES
from posttrain.errors import ConfigurationError, PosttrainError
from reference_impls.configs import Budget, PolicyGradientConfig, RunConfig, default_learning_rate, make_config

CHARACTERS_PER_TOKEN = 4.0  # of English under the usual vocabularies; the starter's tokens are single characters
LARGE = 1_000_000_000  # weights assumed for a model of unknown size: above the limit of default_learning_rate

# reference_impls reads tasks; like a run it does so in a separate process, which may load heavy libraries.
_READ = """
import json, sys
from posttrain.errors import PosttrainError
from reference_impls.tasks import load_task
request = json.load(sys.stdin)
try:
    task = load_task(request["data"], rows=request["rows"], seed=request["seed"], noise=request["noise"])
    eval_data = request["eval_data"]
    scored = load_task(eval_data, split="all", rows=request["eval_size"]).rows if eval_data else ()
except PosttrainError as error:
    print(json.dumps({"error": [error.message, error.hint]}))
else:
    held_out = {str(row.prompt) for row in scored}
    rows = [row.as_json() for row in task.rows if str(row.prompt) not in held_out]
    print(json.dumps({"verifier": task.verifier, "rows": rows}))
"""


Config = TypeVar("Config", bound=RunConfig)


class Row(TypedDict, total=False):
    """A row to train on, as JSON has it; other columns of the file are kept too."""

    prompt: str | list[dict[str, object]]
    response: str | None
    system: str
    tools: list[dict[str, object]]
    as_read: dict[str, object]  # what a chat template needs beyond that: reply, arguments, is_text, untrained, line


@dataclass(frozen=True)
class Stage:
    """A technique with its settings."""

    number: int
    technique: str
    config: RunConfig  # the technique's own config, or the fields that all have where there is no loop of ours

    @property
    def name(self) -> str:
        """The name of its files."""
        return f"stage_{self.number}_{self.technique}"

    def typed(self, kind: type[Config]) -> Config:
        """Return the config as one of a technique's own kind, such as GRPOConfig."""
        assert isinstance(self.config, kind), f"{self.technique} has no {kind.__name__}"
        return self.config


@dataclass(frozen=True)
class Job:
    """A pipeline with a model, a verifier, settings and rows."""

    pipeline: Pipeline
    model: str
    verifier: str | None
    stages: tuple[Stage, ...]
    rows: tuple[Row, ...]

    @property
    def is_starter(self) -> bool:
        """Whether it starts from the bundled policy."""
        return self.model == "starter"

    @cached_property
    def parameters(self) -> int:
        """The number of weights of the model, as far as its name or folder shows."""
        files = [*Path(self.model).glob("*.safetensors")] if Path(self.model).is_dir() else []
        if self.is_starter:
            files = [*starter().glob("*.safetensors")]
        return sum(file.stat().st_size for file in files) // 4 or LARGE

    def learning_rate(self, stage: Stage) -> float:
        """Return the stage's learning rate, or the default of a run here."""
        lora = stage.config.lora_rank > 0
        return float(stage.config.learning_rate or default_learning_rate(stage.technique, self.parameters, lora))

    def lengths_of(self, stage: Stage) -> tuple[int, int]:
        """Return the mean tokens of a prompt and of a response, estimated from their characters.

        Where no row has a response, half of the maximum is assumed.
        """
        ratio = 1.0 if self.is_starter else CHARACTERS_PER_TOKEN
        prompts = [len(text_of(row["prompt"])) / ratio for row in self.rows]
        responses = [len(text) / ratio for row in self.rows if (text := row["response"])]
        longest = stage.config.max_response_tokens
        response = ceil(sum(responses) / len(responses)) if responses else longest // 2
        return ceil(sum(prompts) / len(prompts)), max(1, min(response, longest))

    def updates(self, stage: Stage) -> tuple[int | None, str]:
        """Return the number of updates within the stage's budget, with the arithmetic; None where it is unknown."""
        budget, config = Budget.parse(stage.config.budget), stage.config
        if budget.unit != "tokens":
            return None, f"the budget of {config.budget} is not in tokens: stop the run when it is spent"
        prompt, response = self.lengths_of(stage)
        sequences = config.sequences_per_update
        if not isinstance(config, PolicyGradientConfig):
            each = sequences * (prompt + response)
            sum_of = f"{sequences} sequences x about {prompt} + {response} tokens"
        else:  # generated, read once a group, trained on, and read by the reference
            passes = 2 if config.kl_coef else 1
            each = sequences * response + sequences * prompt // config.group_size
            each += passes * sequences * (prompt + response)
            sum_of = (
                f"{sequences} rollouts x {response} tokens generated, {sequences // config.group_size or 1} prompts "
                f"x {prompt} read, {passes} x {sequences} x ({prompt} + {response}) trained on or scored"
            )
        return max(1, ceil(budget.amount / each)), f"{config.budget} / ({sum_of} = {each})"


def make_job(task: Mapping[str, object], pipeline: Pipeline, stages: Sequence[Mapping[str, object]]) -> Job:
    """Return the job. Raises ConfigurationError where the pipeline trains nothing, and for invalid settings or data."""
    if not pipeline.stages:
        raise ConfigurationError(f"the pipeline '{pipeline.id}' trains nothing", "export a pipeline that has stages")
    if len(stages) != len(pipeline.stages):
        raise ConfigurationError(
            f"the plan has settings of {len(stages)} stages; the pipeline '{pipeline.id}' has {len(pipeline.stages)}",
            "advisor plan writes one object of settings for each stage",
        )
    common = {name: task[name] for name in ("model", "data", "verifier") if task.get(name)}
    checked = tuple(
        Stage(number, technique, _config(technique, {**settings, **common}))
        for number, (technique, settings) in enumerate(zip(pipeline.stages, stages, strict=True), 1)
    )
    first = checked[0].config
    task_verifier, rows = _read(first)
    model = first.model
    if model != "starter" and Path(model).is_dir():
        model = str(Path(model).resolve())  # the files are used from another folder
    return Job(pipeline, model, first.verifier or task_verifier, checked, rows)


def text_of(prompt: str | list[dict[str, object]]) -> str:
    """Return a prompt as text, the messages of a chat one after the other."""
    return prompt if isinstance(prompt, str) else "\n".join(str(message["content"]) for message in prompt)


def starter() -> Path:
    """Return the folder of the bundled policy."""
    return package() / "starter"


def ground() -> Path:
    """Return the folder of posttrain, of which a verifier needs some files."""
    return Path(posttrain.__file__).parent


def package() -> Path:
    """Return the folder of reference_impls, whose files are copied and never imported."""
    return Path(sys.modules[RunConfig.__module__].__file__ or "").parents[1]  # above its folder of configs


def _config(technique: str, settings: dict[str, object]) -> RunConfig:
    """Return the settings, checked. Raises PosttrainError."""
    bundled = TECHNIQUES[technique].bundled
    try:
        if bundled:
            return make_config({**settings, "technique": bundled})
        return RunConfig.model_validate({**settings, "technique": technique})
    except PosttrainError as error:
        raise ConfigurationError(error.message, error.hint) from error
    except ValueError as error:
        reason = " ".join(str(error).split("\n")[1:3])
        raise ConfigurationError(
            f"the settings of the stage '{technique}' are invalid: {reason}", "correct the plan"
        ) from error


def _read(config: RunConfig) -> tuple[str | None, tuple[Row, ...]]:
    """Return the task's own verifier and the rows to train on. Raises ConfigurationError where they cannot be read."""
    request = config.model_dump(include={"data", "rows", "seed", "noise", "eval_data", "eval_size"})
    done = subprocess.run(
        [sys.executable, "-c", _READ], input=json.dumps(request), capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = done.stderr.strip().rsplit("\n", 1)[-1]
        raise ConfigurationError(
            f"the rows of {config.data} cannot be read: {last}", "advisor probe reads the same rows"
        )
    reply = json.loads(done.stdout)
    if "error" in reply:
        raise ConfigurationError(*reply["error"])
    if not reply["rows"]:
        raise ConfigurationError(f"no row of {config.data} is left to train on", "keep data and eval_data apart")
    return reply["verifier"], cast("tuple[Row, ...]", tuple(reply["rows"]))
