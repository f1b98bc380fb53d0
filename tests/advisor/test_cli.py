"""The commands that measure and try, as a person runs them: from a file of rows to a verdict, and every wrong turn."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def advisor(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder of its own."""
    return subprocess.run(
        [sys.executable, "-m", "advisor.cli", *arguments],
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, cwd=folder,
        env={**os.environ, "POSTTRAIN_DATA": str(folder / "data"), "PYTHONPATH": str(Path(__file__).parents[2])},
    )  # fmt: skip


def write_rows(path: Path, answers: int) -> None:
    """Write rows of the starter's addition task; the gold answer is off by `answers`."""
    from reference_impls.tasks import load_task

    rows = load_task("task:addition", split="all", rows=400).rows
    lines = [
        {"prompt": row.prompt, "response": row.response, "answer": str(int(row.answer or 0) + answers)} for row in rows
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


@pytest.mark.slow
def test_from_rows_to_a_verdict_in_three_commands(tmp_path: Path) -> None:
    """probe, ask, pilot: the traits are measured, the advice is planned, every arm ends, a case is kept."""
    write_rows(tmp_path / "rows.jsonl", 0)
    probed = advisor(
        "probe", "--data", "rows.jsonl", "--verifier", "exact:#", "--prompts", "20", "--set", "threads=1",
        "--set", "eval_size=20", folder=tmp_path,
    )  # fmt: skip
    assert probed.returncode == 0, probed.stderr
    asked = advisor("ask", "--no-input", "--traits", "traits.json", "--set", "prompting=tried",
                    "--set", "demonstration_quality=clean", "--set", "demonstration_coverage=full",
                    "--out", "advice.json", folder=tmp_path)  # fmt: skip
    assert asked.stdout.startswith("Recommended: Supervised fine-tuning")
    assert "next: advisor pilot advice.json" in asked.stdout
    piloted = advisor("pilot", "advice.json", "--budget", "9k-tokens", "--at-once", "2", "--json", folder=tmp_path)
    assert piloted.returncode == 0, piloted.stderr
    assert "would train sft (recommended)" in piloted.stderr
    outcome = json.loads(piloted.stdout)["data"]
    assert {arm["role"] for arm in outcome["arms"]} >= {"recommended", "rival", "no training"}
    assert all(arm["strict"] for arm in outcome["arms"])
    assert outcome["verdict"]["sentence"]
    cases = json.loads(advisor("cases", "--json", folder=tmp_path).stdout)["data"]["cases"]
    assert [case["family"] for case in cases] == ["rows"]
    assert "too few: 1 cases" in advisor("evaluate", folder=tmp_path).stdout


@pytest.mark.slow
def test_a_verifier_that_fails_gold_is_said_and_advised_on(tmp_path: Path) -> None:
    """Every answer of the file is wrong by one: the probe warns, and the advice is to mend it."""
    write_rows(tmp_path / "rows.jsonl", 1)
    probed = advisor("probe", "--data", "rows.jsonl", "--verifier", "exact:#", "--prompts", "5", "--samples", "1",
                     "--set", "threads=1", folder=tmp_path)  # fmt: skip
    assert probed.returncode == 0, probed.stderr
    assert "mend the verifier or the rows before training" in probed.stderr
    asked = advisor("ask", "--no-input", "--traits", "traits.json", folder=tmp_path)
    assert asked.stdout.startswith("Recommended: First fix the verifier")


@pytest.mark.slow
def test_a_plan_says_what_would_run_and_can_be_exported(tmp_path: Path) -> None:
    """Line by line, with the least that is left out; the plan's best arm becomes files for TRL."""
    done = advisor("plan", "sft,grpo", "--model", "starter", "--data", "task:addition", "--out", "p.json",
                   folder=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "would score starter as it is" in done.stdout
    assert "would train sft (recommended): sft for 200k-tokens" in done.stdout
    assert " GB" in done.stdout
    assert "the first row as the model sees it, between ⟦ and ⟧ is trained on:\nadd " in done.stdout
    assert "22 tokens trained on, 12 read; a response ends with <end>" in done.stdout
    exported = advisor("export", "p.json", "--to", "trl", "--out", "run", "--json", folder=tmp_path)
    assert exported.returncode == 0, exported.stderr
    assert json.loads(exported.stdout)["data"]["arm"] == "sft"
    assert (tmp_path / "run" / "stage_1_sft.yaml").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["probe"], 2, "--data is missing"),
        pytest.param(
            ["probe", "--data", "none.jsonl", "--verifier", "exact"],
            2,
            "there is no file none.jsonl",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            ["probe", "--data", "task:addition", "--out", "none/x/t.json", "--set", "rows=0"],
            2,
            "rows",
            marks=pytest.mark.slow,
        ),
        (["plan", "nope"], 2, "there is no pipeline 'nope'"),
        (["plan", "gone.json"], 2, "there is no file gone.json"),
        (["plan", "sft"], 2, "the plan names no model"),
        (["plan", "sft", "--model", "starter", "--data", "task:addition", "--budget", "10-tokens"], 2, "one update"),
        (["plan", "sft", "--model", "starter", "--data", "task:addition", "--budget", "much"], 2, "budget is 'much'"),
        (["plan", "sft", "--model", "starter", "--data", "task:addition", "--seeds", "a"], 2, "whole numbers"),
        (["plan", "dpo", "--model", "starter", "--data", "task:addition"], 3, "no pipeline of the recommendation"),
        (["pilot", "gone.json"], 2, "there is no file gone.json"),
        (["export", "gone.json", "--to", "trl", "--out", "x"], 2, "gone.json"),
        (["memory", "--model", "7b", "--technique", "telepathy"], 2, "technique is 'telepathy'"),
        (["memory", "--model", "7b", "--lora", "--qlora"], 2, "two ways"),
        (["evaluate"], 3, "the bank has no case"),
    ],
)
def test_every_wrong_turn_is_a_sentence(arguments: list[str], code: int, message: str, tmp_path: Path) -> None:
    """What was found, what was expected, what to do next; never a traceback, never `unexpected`."""
    done = advisor(*arguments, folder=tmp_path)
    assert done.returncode == code, done.stderr
    assert message in done.stderr
    assert "  try: " in done.stderr
    assert "Traceback" not in done.stderr and "unexpected" not in done.stderr


def test_memory_is_told_by_phase_and_checked_points(tmp_path: Path) -> None:
    """A well-known model needs no torch and no network; what does not fit names a change."""
    data = json.loads(
        advisor("memory", "--model", "Qwen/Qwen2.5-7B", "--technique", "grpo", "--gpu", "24", "--json", folder=tmp_path)
        .stdout
    )["data"]  # fmt: skip
    assert data["fits"] is False
    assert data["change"]["steps"]
    assert {phase["phase"] for phase in data["phases"]} >= {"generate", "forward", "backward"}
    assert len(data["checked_on"]) == 54
