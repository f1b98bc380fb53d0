"""The rows of a run in three parts: to train on, to choose checkpoints by, and to score. No prompt is in two."""

from dataclasses import replace

from posttrain.errors import ConfigurationError, PosttrainError
from reference_impls.configs import RunConfig
from reference_impls.model.demonstrations import Refusals
from reference_impls.model.policy import Policy
from reference_impls.model.templates import RowRefusedError, specials_in
from reference_impls.run.intake import closes_thought, imitates
from reference_impls.tasks import Row, Task, load_task


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
    _close_thought(policy, config, train)
    return _fitting(train, policy, config), _fitting(validation, policy, config), _fitting(test, policy, config)


def _close_thought(policy: Policy, config: RunConfig, train: Task) -> None:
    """Let prompts close a thought that the template opens, where no demonstration has one to put there."""
    if closes_thought(policy.template, config, train):
        policy.template = replace(policy.template, closes_thought=True)
        policy.notes.append(
            "the chat template opens a thought and no row has one: it is closed before each answer, in training and in "
            "scores"
        )


def _without(task: Task, test: Task) -> Task:
    """Return a task without the prompts that are scored in the end; they are counted."""
    scored = {str(row.prompt) for row in test.rows}
    left = tuple(row for row in task.rows if str(row.prompt) not in scored)
    if len(left) == len(task.rows):
        return task
    return replace(task, rows=left, skipped={**task.skipped, "prompt is in eval_data": len(task.rows) - len(left)})


def _fitting(task: Task, policy: Policy, config: RunConfig) -> Task:
    """Return the task without prompts that are too long to read and answer; they are counted and never cut.

    Prompts that the chat template refuses are left out and counted too. Raises ConfigurationError where that is more
    than 5 %, and where no prompt fits.
    """
    limit = min(config.max_prompt_tokens, policy.window - config.max_response_tokens)
    refusals, encoded = Refusals(len(task.rows)), dict[int, tuple[int, ...]]()
    for number, row in enumerate(task.rows):
        try:
            encoded[number] = policy.template.prompt_ids(row)
        except RowRefusedError as error:
            refusals.add(row, error)
    fits = {n: 0 < len(ids) <= limit or (task.rows[n].is_text and imitates(config)) for n, ids in encoded.items()}
    kept = tuple(task.rows[number] for number, fit in fits.items() if fit)
    if task.rows and not kept:
        raise ConfigurationError(
            f"no prompt of {task.name} has 1 to {limit} tokens; the shortest has {min(map(len, encoded.values()))}",
            f"raise max_prompt_tokens, or lower max_response_tokens: the model reads {policy.window} tokens in all",
        )
    skipped = {**task.skipped, **refusals.counts}
    if too_long := len(encoded) - len(kept):
        skipped["prompt too long"] = too_long
    warnings = (*task.warnings, *_warnings(task, kept, list(encoded.values()), policy))
    return replace(task, rows=kept, skipped=skipped, warnings=warnings)


def _warnings(task: Task, rows: tuple[Row, ...], encoded: list[tuple[int, ...]], policy: Policy) -> list[str]:
    """Return what the tokenizer does to these rows that their author may not know of."""
    tokenizer, template, total = policy.tokenizer, policy.template, len(task.rows)
    warnings = []
    if unknown := sum(tokenizer.unk_token_id in ids for ids in encoded) if tokenizer.unk_token_id else 0:
        warnings.append(f"{unknown} of {total} prompts of {task.name} hold characters that the tokenizer does not know")
    special = [token for row in rows if (token := specials_in(row, template))]
    if special:
        warnings.append(
            f"{len(special)} of {total} rows of {task.name} hold text that the tokenizer reads as a special token, "
            f"such as {special[0]}"
        )
    speakers = [row for row in rows if any(message.get("name") and message["role"] != "tool" for message in row.turns)]
    if speakers and template.chat and not template.writes_names(speakers[0]):
        warnings.append(
            f"{len(speakers)} of {total} rows of {task.name} have a speaker's `name`, which the template leaves out"
        )
    spaced = [] if template.chat else [row for row in rows if str(row.prompt)[-1:] == " "]
    if spaced:
        warnings.append(
            f"{len(spaced)} of {total} prompts of {task.name} end in a space, which most tokenizers join with the next "
            "word: the response is then read in other tokens than the model writes"
        )
    return warnings


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
