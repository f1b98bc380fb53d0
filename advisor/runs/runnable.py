"""Tasks that can run: model, data, verifier and settings are checked before any arm of a plan is made."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from advisor.runs.arms import EVAL_SIZE
from advisor.runs.plan import Task, first_fault
from posttrain.errors import ConfigurationError, PosttrainError
from posttrain.suggest import nearest
from reference_impls.configs import CONFIGS
from reference_impls.tasks.jsonl import read_file

# such as numeric, exact:#, regex:\d+, unit-tests, or judges.tone:score
VERIFIER = re.compile(r"(exact|numeric|math|choice)(:.*)?|regex:.+|unit-tests|stdin-tests|[\w.]+:\w+", re.DOTALL)
HUB_ID = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")  # such as gpt2 or Qwen/Qwen2.5-0.5B
FIXED = {"technique", "model", "data", "verifier", "budget", "seed"}  # settings that the plan itself decides


def runnable_task(given: Mapping[str, object], settings: Mapping[str, object]) -> Task:
    """Return the task of a plan, `settings` on top of its own.

    A file's test prompts are counted, and `eval_size` is no more than that. Raises ConfigurationError for a task that
    cannot run: no model, no data, no verifier, a file without test prompts, a setting that no technique has.
    """
    own = given.get("settings")
    merged = {**(own if isinstance(own, dict) else {}), **settings}
    for name in ("model", "data"):
        if not given.get(name):
            raise ConfigurationError(
                f"the plan names no {name}",
                f"advisor plan … --{name}; or an answer to a traits file of advisor probe, which has it",
            )
    try:
        task = Task.model_validate({**given, "settings": merged})
    except ValidationError as error:
        raise ConfigurationError(f"the task is wrong: {first_fault(error)}", "advisor plan --help") from error
    _check_data(task)
    _check_model(task.model)
    _check_settings(task.settings)
    return _with_test_rows(task)


def check_seeds(seeds: Sequence[int]) -> None:
    """Raise ConfigurationError for seeds that repeat, are negative, or are none."""
    if not seeds or len(set(seeds)) != len(seeds) or min(seeds) < 0:
        raise ConfigurationError(f"seeds are {list(seeds)}; expected different whole numbers from 0", "--seeds 0,1,2")


def _check_data(task: Task) -> None:
    generated = task.data.startswith("task:")
    if not generated and not Path(task.data).expanduser().exists():
        raise ConfigurationError(
            f"there is no file {task.data}", "give a JSONL file, or a generated task such as task:addition"
        )
    if not generated and not task.verifier:
        raise ConfigurationError(
            f"{task.data} is a file and no verifier is named", "add --verifier, such as numeric or unit-tests"
        )
    for name in (task.verifier, task.settings.get("eval_verifier")):
        if name and not VERIFIER.fullmatch(str(name)):
            raise ConfigurationError(
                f"there is no verifier '{name}'; expected exact, numeric, math, choice, regex:…, unit-tests, "
                "stdin-tests or package.module:function", "add --verifier, such as numeric or unit-tests",
            )  # fmt: skip


def _check_model(model: str) -> None:
    if not HUB_ID.fullmatch(model) and not Path(model).expanduser().exists():
        raise ConfigurationError(
            f"there is no folder {model}, and no hub id looks like that",
            "give starter, a folder, or an id such as Qwen/Qwen2.5-0.5B",
        )


def _check_settings(settings: Mapping[str, object]) -> None:
    allowed = {name for config in CONFIGS.values() for name in config.model_fields} - FIXED
    for name in settings:
        if name not in allowed:
            near = nearest(name, allowed)
            raise ConfigurationError(
                f"'{name}' cannot be set for a whole plan" + (f"; did you mean {near}?" if near else ""),
                "python -m reference_impls.sft --settings lists the settings",
            )


def _with_test_rows(task: Task) -> Task:
    """Return the task with no more test prompts than its file holds back. Raises ConfigurationError without any."""
    if task.data.startswith("task:") or task.settings.get("eval_data"):
        return task
    try:
        held_back = read_file(Path(task.data).expanduser(), split="test", rows=None, seed=0).rows
    except PosttrainError as error:
        raise ConfigurationError(error.message, error.hint) from error
    fewest = min(int(str(task.settings.get("eval_size", EVAL_SIZE))), len(held_back))
    return task.model_copy(update={"settings": {**task.settings, "eval_size": fewest}})
