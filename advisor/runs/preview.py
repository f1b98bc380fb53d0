"""The first row of a plan as its model sees it, before anything runs: from a process that loads a tokenizer alone."""

import json
import subprocess
import sys

from pydantic import TypeAdapter

from advisor.runs.plan import Plan, Settings
from advisor.runs.process import demand_torch
from posttrain.errors import ConfigurationError, RunFailedError
from posttrain.first_row import FirstRow

SECONDS = 300.0  # for a tokenizer to come from the hub
_AS_FIRST_ROW = TypeAdapter(FirstRow)
_DECIDE = (
    "technique", "model", "data", "rows", "seed", "noise", "system", "prompt_template", "chat_template_kwargs",
    "separator", "turns",
)  # fmt: skip


def first_row_of(plan: Plan) -> FirstRow:
    """Return the first row that the first trained arm of a plan sees.

    Raises PosttrainError where torch is not installed, or the tokenizer or the rows cannot be read.
    """
    return first_row_under(seen_settings(plan))


def seen_settings(plan: Plan) -> Settings:
    """Return the settings that decide which row is the first and how it is written; a budget is none of them."""
    arm = next((arm for arm in plan.arms if arm.trains), plan.arms[0])
    settings = {**arm.stages[0].settings(), "seed": plan.seeds[0]}
    return {name: settings[name] for name in _DECIDE if name in settings}


def first_row_under(settings: Settings) -> FirstRow:
    """Return the first row under settings of a run. Raises PosttrainError as `first_row_of` does."""
    demand_torch()
    return _asked(settings)


def _asked(settings: Settings) -> FirstRow:
    command = [sys.executable, "-m", "reference_impls.preview"]
    try:
        done = subprocess.run(
            command, input=json.dumps(settings), capture_output=True, text=True, check=False, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        raise RunFailedError(f"the tokenizer was not loaded within {SECONDS:.0f} seconds", "try again") from None
    lines = done.stdout.strip().splitlines()
    if not lines:
        last = done.stderr.strip().rsplit("\n", 1)[-1]
        raise RunFailedError(f"the first row cannot be read: {last}", "advisor probe reads the same rows")
    reply = json.loads(lines[-1])
    if "error" in reply:
        raise ConfigurationError(*reply["error"])
    return _AS_FIRST_ROW.validate_python(reply)
