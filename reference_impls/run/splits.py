"""The rows of a run in three parts: to train on, to choose checkpoints by, and to score. No prompt is in two."""

from dataclasses import replace

from posttrain.errors import ConfigurationError, PosttrainError
from reference_impls.configs import RunConfig
from reference_impls.model.batches import encode_prompt
from reference_impls.model.policy import Policy
from reference_impls.tasks import Task, load_task


def load_rows(config: RunConfig, policy: Policy) -> tuple[Task, Task, Task]:
    """Return the rows to train on, to choose checkpoints by and to score; no prompt is in two of them."""
    train = load_task(config.data, split="train", rows=config.rows, seed=config.seed, noise=config.noise)
    try:
        validation = load_task(config.data, split="validation", rows=config.eval_size)
    except PosttrainError:  # a file of a few rows has none there; then the last weights are taken
        validation = Task(train.name, (), train.verifier, {})
    if config.eval_data:
        test = load_task(config.eval_data, split="all", rows=config.eval_size)
        train, validation = _without(train, test), _without(validation, test)
    else:
        test = load_task(config.data, split="test", rows=config.eval_size)
    if not train.rows:
        raise ConfigurationError(f"every row of {config.data} is in {config.eval_data} too", "keep the two files apart")
    return _fitting(train, policy, config), _fitting(validation, policy, config), _fitting(test, policy, config)


def _without(task: Task, test: Task) -> Task:
    """Return a task without the prompts that are scored in the end; they are counted."""
    scored = {str(row.prompt) for row in test.rows}
    left = tuple(row for row in task.rows if str(row.prompt) not in scored)
    if len(left) == len(task.rows):
        return task
    return replace(task, rows=left, skipped={**task.skipped, "prompt is in eval_data": len(task.rows) - len(left)})


def _fitting(task: Task, policy: Policy, config: RunConfig) -> Task:
    """Return the task without prompts that are too long to read and answer; they are counted and never cut."""
    limit = min(config.max_prompt_tokens, policy.window - config.max_response_tokens)
    encoded = [encode_prompt(policy.tokenizer, row.prompt, policy.chat) for row in task.rows]
    lengths = [len(ids) for ids in encoded]
    kept = tuple(row for row, length in zip(task.rows, lengths, strict=True) if 0 < length <= limit)
    if task.rows and not kept:
        raise ConfigurationError(
            f"no prompt of {task.name} has 1 to {limit} tokens; the shortest has {min(lengths)}",
            f"raise max_prompt_tokens, or lower max_response_tokens: the model reads {policy.window} tokens in all",
        )
    unknown = sum(policy.tokenizer.unk_token_id in ids for ids in encoded) if policy.tokenizer.unk_token_id else 0
    if unknown:
        warning = (
            f"{unknown} of {len(task.rows)} prompts of {task.name} hold characters that the tokenizer does not know"
        )
        task = replace(task, warnings=(*task.warnings, warning))
    if len(kept) == len(task.rows):
        return task
    return replace(task, rows=kept, skipped={**task.skipped, "prompt too long": len(task.rows) - len(kept)})


def verifier_name(config: RunConfig, train: Task) -> str:
    """Return the verifier that the config names, or the generated task's own. Raises PosttrainError where there is
    none.
    """
    name = config.verifier or train.verifier
    if not name:
        raise ConfigurationError(
            f"{config.data} is a file and no verifier is named",
            "set verifier: exact, numeric, math, choice, regex:…, unit-tests or package.module:function",
        )
    return name
