"""Rows and settings that a target cannot train on as a run here does: they are refused by name."""

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from advisor.export.job import Job, Row, Stage
from posttrain.errors import ConfigurationError

# how rows become text; by these names in config.json
SETTINGS = ("system", "prompt_template", "chat_template_kwargs", "separator", "turns")
_KEYS = {"role", "content", "name"}  # of a message that is text alone


def template_settings(job: Job) -> dict[str, object]:
    """Return the settings by which rows become text. Raises ConfigurationError where stages have different ones."""
    each = [stage.config.model_dump(include=set(SETTINGS)) for stage in job.stages]
    for stage, settings in zip(job.stages, each, strict=True):
        if differs := [name for name in SETTINGS if settings[name] != each[0][name]]:
            raise ConfigurationError(
                f"{stage.name} has another {differs[0]} than {job.stages[0].name}; an export writes its data once",
                f"give the stages the same {differs[0]}, or export them one by one",
            )
    return each[0]


def demand_plain(job: Job, stage: Stage, target: str) -> None:
    """Raise ConfigurationError for a row that is more than messages of text, which the target's data would change."""
    for number, row in enumerate(job.rows, 1):
        if reason := next(_beyond_text(row), ""):
            raise _refused(row, number, reason, stage, target, "remove such rows")


def demand_trained(job: Job, stage: Stage, target: str) -> None:
    """Raise ConfigurationError for a row whose turns are not all trained on, where the target trains on all of them."""
    for number, row in enumerate(job.rows, 1):
        as_read, answers = row.get("as_read", {}), _answers(row["prompt"])
        if as_read.get("untrained") or any(message.get("weight") == 0 for message in answers):
            raise _refused(row, number, "a turn of weight 0, which is not trained on", stage, target, "remove it")
        if answers and stage.config.turns == "last":
            hint = "set turns to all, or remove the earlier turns"
            raise _refused(row, number, "earlier turns of the assistant, and turns is `last`", stage, target, hint)


def _refused(row: Row, number: int, reason: str, stage: Stage, target: str, hint: str) -> ConfigurationError:
    line = row.get("as_read", {}).get("line") or number
    return ConfigurationError(
        f"row {line} of {stage.config.data} has {reason}; the stage '{stage.technique}' of {target} would train on "
        "something else",
        f"{hint}, run the stage here, or export sft to trl, which gets the tokens of a run here",
    )


def _beyond_text(row: Row) -> Iterator[str]:
    """Yield what a row has beyond messages of text."""
    as_read = row.get("as_read", {})
    reply = cast("Mapping[str, object]", as_read.get("reply") or {})
    messages: Sequence[Mapping[str, object]] = [] if isinstance(row["prompt"], str) else row["prompt"]
    if row.get("tools"):
        yield "definitions of tools"
    if as_read.get("is_text"):
        yield "text alone, without a prompt"
    for message in (*messages, reply):
        if message.get("tool_calls"):
            yield "a tool call"
        if message.get("reasoning_content"):
            yield "a thought of its own (reasoning_content)"
        if further := sorted(name for name, value in message.items() if value and name not in {*_KEYS, "weight"}):
            yield f"a message with `{further[0]}`"


def _answers(prompt: str | list[dict[str, object]]) -> list[dict[str, object]]:
    return [] if isinstance(prompt, str) else [message for message in prompt if message["role"] == "assistant"]
