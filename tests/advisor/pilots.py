"""Tiny pilots for tests: the starter on addition, a few updates an arm, one thread."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from advisor.plan import make_plan
from advisor.runs.outcome import Outcome
from advisor.runs.plan import Plan, write_plan
from advisor.runs.result import RunResult
from advisor.task.traits import Traits

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
    task, traits = {**TASK, **more.pop("task", {})}, Traits(more.pop("traits", {}))
    return make_plan(ranked.split(","), task, budget, settings=TINY, traits=traits, **more)


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


def without_time(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome without the figures of clocks and memory."""
    left: dict[str, Any] = outcome.as_dict()
    for arm in left["arms"]:
        arm.pop("seconds")
        for run in arm["runs"]:
            run.pop("seconds")
            run.pop("peak_memory_bytes")
    return left


def result(right: str, technique: str = "sft", **more: Any) -> RunResult:
    """Return an invented result of a run with these marks."""
    share = right.count("1") / len(right)
    score = {"k": right.count("1"), "n": len(right), "share": share, "low": 0.0, "high": 1.0}
    after = {"strict": score, "lenient": score, "unscorable": 0, "finished": len(right), "marks": right}
    work = {"tokens": 1000, "flops": 1e9, "evaluated": 10, "seconds": 1.0, "generated": 0, "trained": 1000, "scored": 0}
    values = {
        "technique": technique, "status": "done", "stopped_because": None, "before": after, "after": after, "steps": 3,
        "updates": 3, "chosen_step": 3, "learning_rate": 3e-4, "parameters": 800_000, "work": work, "device": "cpu",
        "peak_memory_bytes": 1, "versions": {}, "config": {"budget": "2000-tokens"},
    }  # fmt: skip
    return RunResult.model_validate({**values, **more})


def probed(right: str, **more: Any) -> RunResult:
    """Return an invented result of a probe: half of 16 rollouts are right, 40 rows hold a response."""
    half = {"k": 8, "n": 16, "share": 0.5, "low": 0.3, "high": 0.7}
    shares = ("verifier_on_gold", "pass_at_1", "prompts_ever_right", "format_rate", "finished", "equal_groups")
    probe = {
        **dict.fromkeys((*shares, "unscorable"), half), "verifier": "numeric", "pass_at_k": {"1": 0.5},
        "rows": {"train": 40, "demonstrations": 40, "answers": 40}, "row_tokens": 30.0, "tokens_per_second": 1000.0,
    }  # fmt: skip
    config = {"budget": "1-tokens", "data": "rows.jsonl", "group_size": 1}
    return result(right, "probe", **{"probe": probe, "config": config, **more})
