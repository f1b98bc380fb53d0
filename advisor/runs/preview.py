"""The first row of a plan as its model sees it, before anything runs: from a process that loads a tokenizer alone."""

import json
import subprocess
import sys
from collections.abc import Mapping

from pydantic import TypeAdapter

from advisor.runs.plan import Plan
from advisor.runs.process import demand_torch
from posttrain.errors import ConfigurationError, PosttrainError, RunFailedError
from posttrain.first_row import FirstRow

SECONDS = 300.0  # for a tokenizer to come from the hub
_AS_FIRST_ROW = TypeAdapter(FirstRow)


def first_row_of(plan: Plan) -> FirstRow:
    """Return the first row that the first trained arm of a plan sees.

    Raises PosttrainError where torch is not installed, or the tokenizer or the rows cannot be read.
    """
    demand_torch()
    arm = next((arm for arm in plan.arms if arm.trains), plan.arms[0])
    return _asked({**arm.stages[0].settings(), "seed": plan.seeds[0]})


def first_row_lines(plan: Plan, *, colour: bool) -> list[str]:
    """Return the first row of a plan as lines; where it cannot be shown, why, in a line."""
    try:
        return first_row_of(plan).lines(colour=colour)
    except PosttrainError as error:
        return [f"warning: the first row cannot be shown: {error.message}"]


def _asked(settings: Mapping[str, object]) -> FirstRow:
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
