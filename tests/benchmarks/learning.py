"""What the techniques learn, from the starter, at equal work: `make learning` prints the table of docs/learning.md.

Every arm has the same budget in tokens (generated + trained + scored), five seeds, the settings' defaults, the weights
chosen on the validation split, and the score on test prompts that no arm has seen. Nothing was tuned on the test split.
The interval of a mean over seeds is Student's, 95 %. Run folders are kept, so a second call goes on where one stopped.
"""

import argparse
import json
import math
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import mean, stdev
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FAMILIES = ("addition", "modular", "sorting")
SEEDS = range(5)
STUDENT = 2.776  # t of 4 degrees of freedom, two-sided 95 %
COMMON = {
    "rows": 1000,
    "budget": "600k-tokens",
    "eval_size": 500,
    "eval_every": 50,
    "max_response_tokens": 64,
    "threads": 1,
    "checkpoint_every": 50,
}
ROLLOUTS = {"group_size": 8, "rows": 2000}
ARMS: dict[str, dict[str, Any]] = {
    "SFT, 1,000 right": {"technique": "sft"},
    "SFT, 30 % wrong": {"technique": "sft", "noise": 0.3},
    "DFT, 30 % wrong": {"technique": "dft", "noise": 0.3},
    "rejection sampling": {"technique": "rejection_sampling", **ROLLOUTS},
    "its random control": {"technique": "rejection_sampling", "select": "random", **ROLLOUTS},
    "GRPO": {"technique": "grpo", "micro_batch": 256, "eval_every": 10, "checkpoint_every": 10, **ROLLOUTS},
}


def main() -> None:
    """Run what has not been run, then print the table and the comparisons."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.learning", description=main.__doc__)
    parser.add_argument("--out", type=Path, default=ROOT / "data" / "learning", help="where the run folders are kept")
    parser.add_argument("--at-once", type=int, default=2, help="runs at the same time, a core each")
    arguments = parser.parse_args()
    wanted = [(family, arm, seed) for seed in SEEDS for family in FAMILIES for arm in ARMS]
    with ThreadPoolExecutor(arguments.at_once) as pool:
        list(pool.map(lambda one: _run(arguments.out, *one), wanted))
    results = {one: json.loads((_folder(arguments.out, *one) / "result.json").read_text()) for one in wanted}
    print(_starts(arguments.out, results))
    print()
    print(_table(results))
    print()
    print(_comparisons(results))


def _run(out: Path, family: str, arm: str, seed: int) -> None:
    """Run one arm in a folder of its own, or go on with it."""
    folder = _folder(out, family, arm, seed)
    if (folder / "result.json").exists():
        return
    folder.mkdir(parents=True, exist_ok=True)
    settings = {**COMMON, **ARMS[arm], "data": f"task:{family}", "seed": seed}
    (folder / "config.json").write_text(json.dumps(settings, indent=2) + "\n")
    command = [sys.executable, "-m", f"reference_impls.{settings['technique']}", str(folder), "--resume"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    print(f"{family}, {arm}, seed {seed}: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr, flush=True)


def _folder(out: Path, family: str, arm: str, seed: int) -> Path:
    return out / family / arm.replace(" ", "-").replace(",", "").replace("%", "percent") / str(seed)


def _starts(out: Path, results: dict[tuple[str, str, int], dict[str, Any]]) -> str:
    """Return how often the starter is right before any training: greedily, and sampled in GRPO's first steps."""
    lines = ["| task | greedy % | sampled % (rollouts of the first step of GRPO, five seeds) |", "|---|---:|---:|"]
    for family in FAMILIES:
        logs = [(_folder(out, family, "GRPO", seed) / "metrics.jsonl").read_text().splitlines() for seed in SEEDS]
        steps = [[json.loads(line) for line in log if '"reward"' in line] for log in logs]
        sampled = [100 * log[0]["reward"] for log in steps]
        greedy = 100 * results[family, "GRPO", 0]["before"]["strict"]["share"]
        lines.append(f"| {family} | {greedy:.1f} | {_interval(sampled)} |")
    return "\n".join(lines)


def _table(results: dict[tuple[str, str, int], dict[str, Any]]) -> str:
    lines = ["| task | arm | before % | after % (five seeds) | mean % [95 %] | sampled tokens | trained tokens |"]
    lines.append("|---|---|---:|---|---:|---:|---:|")
    for family in FAMILIES:
        for arm in ARMS:
            runs = [results[family, arm, seed] for seed in SEEDS]
            after = [100 * run["after"]["strict"]["share"] for run in runs]
            work = {name: mean(run["work"][name] for run in runs) / 1000 for name in ("generated", "trained")}
            lines.append(
                f"| {family} | {arm} | {100 * runs[0]['before']['strict']['share']:.1f} | "
                f"{' '.join(f'{one:.1f}' for one in after)} | {_interval(after)} | "
                f"{work['generated']:.0f}k | {work['trained']:.0f}k |"
            )
    return "\n".join(lines)


def _comparisons(results: dict[tuple[str, str, int], dict[str, Any]]) -> str:
    """Return the differences that matter, seed by seed: the same seed has the same rows and the same prompts."""
    pairs = (
        ("DFT, 30 % wrong", "SFT, 30 % wrong"),
        ("rejection sampling", "its random control"),
        ("GRPO", None),
    )
    lines = ["| task | difference | points [95 %] |", "|---|---|---:|"]
    for family in FAMILIES:
        for one, other in pairs:
            differences = [
                100 * (_after(results[family, one, seed]) - (_after(results[family, other, seed]) if other else
                       results[family, one, seed]["before"]["strict"]["share"]))
                for seed in SEEDS
            ]  # fmt: skip
            lines.append(f"| {family} | {one} over {other or 'its start'} | {_interval(differences)} |")
    return "\n".join(lines)


def _after(result: dict[str, Any]) -> float:
    return float(result["after"]["strict"]["share"])


def _interval(values: list[float]) -> str:
    spread = STUDENT * stdev(values) / math.sqrt(len(values))
    return f"{mean(values):.1f} [{mean(values) - spread:.1f}, {mean(values) + spread:.1f}]"


if __name__ == "__main__":
    main()
