"""Tiny pilots for tests: the starter on addition, a few updates an arm, one thread."""

import copy
import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from advisor.runs.plan import Plan, make_plan, write_plan

TASK = {"model": "starter", "data": "task:addition"}
TINY = {
    "eval_size": 8, "micro_batch": 8, "max_response_tokens": 40, "eval_every": 3, "threads": 1, "rows": 60,
    "group_size": 4, "prompts_per_round": 8,
}  # fmt: skip
LIVE = (
    "import sys; from pathlib import Path; from advisor.pilot import run_pilot\n"
    "from advisor.runs.plan import read_plan\n"
    "from posttrain.errors import PosttrainError\n"
    "try: run_pilot(read_plan(Path(sys.argv[1])), Path(sys.argv[2]), resume=True)\n"
    "except PosttrainError as error: print(error.message); sys.exit(error.exit_code)\n"
)


def tiny_plan(ranked: str, budget: str = "3000-tokens", **more: Any) -> Plan:
    """Return the plan of these pipelines on the tiny task."""
    return make_plan(ranked.split(","), {**TASK, **more.pop("task", {})}, budget, settings=TINY, **more)


def begin(plan: Plan, out: Path) -> subprocess.Popen[str]:
    """Start or go on with a pilot in a process of its own."""
    out.parent.mkdir(parents=True, exist_ok=True)
    write_plan(plan, out.with_suffix(".json"))
    command = [sys.executable, "-c", LIVE, str(out.with_suffix(".json")), str(out)]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        preexec_fn=hear_interrupts,  # noqa: PLW1509 - no threads here
    )


def hear_interrupts() -> None:
    """What a shell starts in the background ignores SIGINT, and so would the pilot under test."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def without_time(outcome: dict[str, Any]) -> dict[str, Any]:
    """Return an outcome without what clocks and memory say."""
    left = copy.deepcopy(outcome)
    for arm in left["arms"]:
        arm.pop("seconds")
        for run in arm["runs"]:
            run.pop("seconds")
            run.pop("peak_memory_bytes")
    return json.loads(json.dumps(left))  # type: ignore[no-any-return]


def result(right: str, technique: str = "sft", **more: Any) -> dict[str, Any]:
    """Return a run's result with these marks, as result.json has it, made up."""
    share = right.count("1") / len(right)
    score = {"k": right.count("1"), "n": len(right), "share": share, "low": 0.0, "high": 1.0}
    after = {"strict": score, "lenient": score, "unscorable": 0, "finished": len(right), "marks": right}
    work = {"tokens": 1000, "flops": 1e9, "evaluated": 10, "seconds": 1.0, "generated": 0, "trained": 1000, "scored": 0}
    made = {
        "technique": technique, "status": "done", "stopped_because": None, "before": after, "after": after, "steps": 3,
        "updates": 3, "chosen_step": 3, "learning_rate": 3e-4, "parameters": 800_000, "work": work, "device": "cpu",
        "peak_memory_bytes": 1, "versions": {}, "config": {"budget": "2000-tokens"},
    }  # fmt: skip
    return {**made, **more}
