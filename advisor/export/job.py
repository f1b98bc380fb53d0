"""What is exported: the stages with their settings checked, the rows to train on, and how long a stage runs."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil
from pathlib import Path
from typing import Any

from advisor.advice.pipelines import Pipeline
from advisor.advice.techniques import TECHNIQUES
from posttrain.errors import ConfigurationError, PosttrainError
from reference_impls.configs import Budget, RunConfig, default_learning_rate, make_config

CHARACTERS_PER_TOKEN = 4.0  # of English under the usual vocabularies; the starter's tokens are single characters
LARGE = 1_000_000_000  # weights of a model whose size is not known: beyond the border of default_learning_rate

# Reading a task is the work of reference_impls: it is asked in a process of its own, as for a run.
_READ = """
import json, sys
from posttrain.errors import PosttrainError
from reference_impls.tasks import load_task
asked = json.load(sys.stdin)
try:
    task = load_task(asked["data"], rows=asked["rows"], seed=asked["seed"], noise=asked["noise"])
    scored = load_task(asked["eval_data"], split="all", rows=asked["eval_size"]).rows if asked["eval_data"] else ()
except PosttrainError as error:
    print(json.dumps({"error": [error.message, error.hint]}))
else:
    held_out = {str(row.prompt) for row in scored}
    rows = [row.as_mapping() for row in task.rows if str(row.prompt) not in held_out]
    print(json.dumps({"verifier": task.verifier, "rows": rows}))
"""


@dataclass(frozen=True)
class Stage:
    """One stage: a technique of the table, and its settings."""

    number: int
    technique: str
    config: Any  # the technique's own config, or RunConfig where no implementation of ours is behind it

    @property
    def name(self) -> str:
        """What its files are called."""
        return f"stage_{self.number}_{self.technique}"


@dataclass(frozen=True)
class Job:
    """All that an export needs to know."""

    pipeline: Pipeline
    model: str
    verifier: str | None
    stages: tuple[Stage, ...]
    rows: tuple[dict[str, Any], ...]

    @property
    def is_starter(self) -> bool:
        """Whether it begins with the small policy that comes along."""
        return self.model == "starter"

    @cached_property
    def parameters(self) -> int:
        """How many weights the model has, as far as its name or folder tells."""
        files = [*Path(self.model).glob("*.safetensors")] if Path(self.model).is_dir() else []
        if self.is_starter:
            files = [*starter().glob("*.safetensors")]
        return sum(file.stat().st_size for file in files) // 4 or LARGE

    def learning_rate(self, stage: Stage) -> float:
        """Return the stage's learning rate, or the one that a run here would take."""
        lora = stage.config.lora_rank > 0
        return float(stage.config.learning_rate or default_learning_rate(stage.technique, self.parameters, lora))

    def lengths_of(self, stage: Stage) -> tuple[int, int]:
        """Return the mean tokens of a prompt and of a response, estimated from their characters.

        A response is taken to be half of what it may be where no row shows one.
        """
        ratio = 1.0 if self.is_starter else CHARACTERS_PER_TOKEN
        prompts = [len(text_of(row["prompt"])) / ratio for row in self.rows]
        responses = [len(row["response"]) / ratio for row in self.rows if row["response"]]
        longest = stage.config.max_response_tokens
        response = ceil(sum(responses) / len(responses)) if responses else longest // 2
        return ceil(sum(prompts) / len(prompts)), max(1, min(response, longest))

    def updates(self, stage: Stage) -> tuple[int | None, str]:
        """Return how many updates the stage's budget pays for, with the arithmetic; None where that is not known."""
        budget, config = Budget.parse(stage.config.budget), stage.config
        if budget.unit != "tokens":
            return None, f"the budget of {config.budget} is not in tokens: stop it when that is spent"
        prompt, response = self.lengths_of(stage)
        sequences = config.sequences_per_update
        if stage.technique != "grpo":
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


def make_job(task: Mapping[str, Any], pipeline: Pipeline, stages: Sequence[Mapping[str, Any]]) -> Job:
    """Return the job. Raises PosttrainError where the pipeline trains nothing, or settings or data do not hold."""
    if not pipeline.stages:
        raise ConfigurationError(f"the pipeline '{pipeline.id}' trains nothing", "export a pipeline that has stages")
    if len(stages) != len(pipeline.stages):
        raise ConfigurationError(
            f"the plan has settings of {len(stages)} stages; the pipeline '{pipeline.id}' has {len(pipeline.stages)}",
            "advisor plan writes one object of settings for each stage",
        )
    common = {name: task[name] for name in ("model", "data", "verifier") if task.get(name)}
    made = tuple(
        Stage(number, technique, _config(technique, {**settings, **common}))
        for number, (technique, settings) in enumerate(zip(pipeline.stages, stages, strict=True), 1)
    )
    first = made[0].config
    read = _read(first)
    model = first.model
    if model != "starter" and Path(model).is_dir():
        model = str(Path(model).resolve())  # the files are used from another folder
    return Job(pipeline, model, first.verifier or read["verifier"], made, tuple(read["rows"]))


def text_of(prompt: Any) -> str:
    """Return a prompt as text, the messages of a chat one after the other."""
    return prompt if isinstance(prompt, str) else "\n".join(str(message["content"]) for message in prompt)


def starter() -> Path:
    """Return the folder of the small policy that comes along."""
    return package() / "starter"


def package() -> Path:
    """Return the folder of reference_impls, whose files are copied and never imported."""
    return Path(sys.modules[RunConfig.__module__].__file__ or "").parent


def _config(technique: str, settings: dict[str, Any]) -> RunConfig:
    """Return the settings, checked. Raises PosttrainError."""
    bundled = TECHNIQUES[technique].bundled
    try:
        if bundled:
            return make_config({**settings, "technique": bundled})
        return RunConfig.model_validate({**settings, "technique": technique})
    except PosttrainError as error:
        raise ConfigurationError(error.message, error.hint) from error
    except ValueError as error:
        said = " ".join(str(error).split("\n")[1:3])
        raise ConfigurationError(
            f"the settings of the stage '{technique}' do not hold: {said}", "mend the plan"
        ) from error


def _read(config: RunConfig) -> dict[str, Any]:
    """Return the rows to train on and the task's own verifier. Raises PosttrainError where they cannot be read."""
    asked = config.model_dump(include={"data", "rows", "seed", "noise", "eval_data", "eval_size"})
    done = subprocess.run(
        [sys.executable, "-c", _READ], input=json.dumps(asked), capture_output=True, text=True, check=False
    )
    if done.returncode:
        said = done.stderr.strip().rsplit("\n", 1)[-1]
        raise ConfigurationError(
            f"the rows of {config.data} cannot be read: {said}", "advisor probe reads the same rows"
        )
    read: dict[str, Any] = json.loads(done.stdout)
    if "error" in read:
        raise ConfigurationError(*read["error"])
    if not read["rows"]:
        raise ConfigurationError(f"no row of {config.data} is left to train on", "keep data and eval_data apart")
    return read
