"""Tasks that can run: model, data, verifier and settings are checked before any arm of a plan is made."""

import re
from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from advisor.runs.arms import EVAL_SIZE
from advisor.runs.plan import Task, first_fault
from posttrain.errors import ConfigurationError, PosttrainError
from posttrain.files import exists
from posttrain.suggest import nearest
from reference_impls.configs import CONFIGS
from reference_impls.tasks.load import generated_family, load_task

# such as numeric, exact:#, regex:\d+, unit-tests, or judges.tone:score
VERIFIER = re.compile(r"(exact|numeric|math|choice)(:.*)?|regex:.+|unit-tests|stdin-tests|[\w.]+:\w+", re.DOTALL)
HUB_ID = re.compile(r"(?=.{1,96}$)[\w-][\w.-]*(/[\w-][\w.-]*)?")  # gpt2 or Qwen/Qwen2.5-0.5B; the hub allows 96 letters
FIXED = {"technique", "model", "data", "verifier", "budget", "seed"}  # settings that the plan itself decides


def runnable_task(given: Mapping[str, object], settings: Mapping[str, object]) -> Task:
    """Return the task of a plan, `settings` on top of its own.

    The test prompts are counted, and `eval_size` is no more than that. Raises ConfigurationError for a task that
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
    """Raise ConfigurationError for seeds that repeat, are negative, are no whole numbers, or are none."""
    whole = all(isinstance(seed, int) and not isinstance(seed, bool) for seed in seeds)
    if not whole or not seeds or len(set(seeds)) != len(seeds) or min(seeds) < 0:
        raise ConfigurationError(f"seeds are {list(seeds)}; expected different whole numbers from 0", "--seeds 0,1,2")


def _check_data(task: Task) -> None:
    generated = task.data.startswith("task:")
    if generated:
        generated_family(task.data)
    if not generated and not exists(task.data):
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
    if not HUB_ID.fullmatch(model) and not exists(model):
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
    """Return the task with no more test prompts than there are. Raises ConfigurationError without any."""
    wanted, apart = wanted_prompts(task.settings), task.settings.get("eval_data")
    source = str(apart or task.data)
    try:
        there = len(load_task(source, split="all" if apart else "test", rows=wanted).rows)
    except PosttrainError as error:
        raise ConfigurationError(error.message, error.hint) from error
    if there == wanted and source.startswith("task:"):
        return task
    return task.model_copy(update={"settings": {**task.settings, "eval_size": there}})


def wanted_prompts(settings: Mapping[str, object]) -> int:
    """Return how many test prompts the settings ask for. Raises ConfigurationError for what is no number of them."""
    wanted = settings.get("eval_size", EVAL_SIZE)
    if not isinstance(wanted, int) or isinstance(wanted, bool) or wanted < 1:
        raise ConfigurationError(
            f"eval_size is {wanted!r}; expected a whole number of test prompts from 1", f"--set eval_size={EVAL_SIZE}"
        )
    return wanted
