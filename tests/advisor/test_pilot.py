"""Pilots: interrupted, killed and resumed to the same outcome; alone in their folder; failing arms counted."""

import json
import os
import shutil
import signal
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from advisor.bank.cases import read_bank
from advisor.pilot import exit_code, run_pilot
from advisor.runs import folder
from advisor.runs.folder import PilotFolder
from advisor.runs.outcome import Outcome
from advisor.runs.progress import State, Status
from advisor.runs.report import render
from posttrain.errors import ExitCode, PosttrainError
from tests.advisor.pilots import begin, tiny_plan, without_time

ARMS = "sft_grpo"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a pilot that was left alone."""
    return tmp_path_factory.mktemp("pilot")


@pytest.fixture(scope="module")
def outcome(place: Path) -> Outcome:
    """Its outcome."""
    return run_pilot(tiny_plan(ARMS), place / "out", bank=place / "bank.jsonl")


@pytest.mark.slow
def test_a_pilot_ends_in_a_table_a_curve_a_verdict_and_a_case(outcome: Outcome, place: Path) -> None:
    """Every arm is scored with its interval, on the same prompts, at the same budget; no training is one of them."""
    untrained, trained = outcome.arms
    assert untrained.id == "no_training" and trained.id == "sft_grpo"
    assert untrained.runs[0].tokens == 0 and trained.runs[0].tokens >= 3000
    for arm in (untrained, trained):
        assert arm.strict and arm.lenient
        assert arm.strict.n == arm.lenient.n == 8 and arm.strict.low <= arm.strict.high
    assert len({run.before.k for arm in outcome.arms for run in arm.runs}) == 1
    assert json.loads((place / "out" / "outcome.json").read_text()) == outcome.as_dict()
    assert PilotFolder(place / "out").outcome() == outcome
    assert outcome.verdict.sentence in (place / "out" / "table.md").read_text()
    assert (place / "out" / "curve.svg").read_text().startswith("<svg")
    assert "rankings change with the size" in outcome.warnings[0] and "804,352 weights" in outcome.warnings[0]
    assert any("one seed" in warning for warning in outcome.warnings)
    assert exit_code(outcome) is ExitCode.OK and outcome.verdict.sentence in render(outcome)
    status = _status(place / "out")
    assert status and status.state is State.DONE and (status.runs.done, status.runs.of) == (2, 2) and not status.now
    case = read_bank(place / "bank.jsonl").cases[0]
    assert case.family == "addition" and case.traits["verifier"] == "rule" and float(case.traits["pass_at_1"]) >= 0
    assert str(place) not in json.dumps(case.as_dict())


def _status(out: Path) -> Status | None:
    return PilotFolder(out).status()


@pytest.mark.slow
def test_interrupted_killed_and_resumed_it_ends_in_the_same_outcome(outcome: Outcome, place: Path) -> None:
    """Ctrl-C, then kill -9 in the middle of an arm, then --resume; no process outlives its pilot."""
    out = place / "broken"
    first = begin(tiny_plan(ARMS), out)
    _wait((out / "arms").exists, first)
    first.send_signal(signal.SIGINT)
    said, _ = first.communicate(timeout=600)
    assert first.returncode == ExitCode.INTERRUPTED and "interrupted" in said
    status = _status(out)
    assert status and status.state is State.INTERRUPTED
    second = begin(tiny_plan(ARMS), out)
    metrics = out / "arms" / "sft_grpo" / "seed-0" / "stage-1-sft" / "metrics.jsonl"
    _wait(lambda: metrics.exists() and len(metrics.read_text().splitlines()) > 2, second)
    children = _children(second.pid)
    second.kill()
    second.wait()
    _wait(lambda: not any(map(_alive, children)), None)
    again = run_pilot(tiny_plan(ARMS), out, resume=True, bank=place / "bank.jsonl")
    assert without_time(again) == without_time(outcome)
    assert len(read_bank(place / "bank.jsonl").cases) == 1  # the same finding is one case


def _children(process: int) -> list[int]:
    found = subprocess.run(["ps", "-o", "pid=", "--ppid", str(process)], capture_output=True, text=True, check=False)
    return [int(one) for one in found.stdout.split()]


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{process}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


def _wait(until: Any, process: subprocess.Popen[str] | None) -> None:
    for _ in range(12_000):
        if until():
            return
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.05)
    raise AssertionError("it did not come")


def test_two_pilots_do_not_share_a_folder(tmp_path: Path) -> None:
    """While one is at work, another is refused and touches nothing."""
    tmp_path.joinpath("out").mkdir()
    with FileLock(tmp_path / "out" / ".lock"), pytest.raises(PosttrainError, match="still at work"):
        run_pilot(tiny_plan("sft"), tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == [".lock"]


@pytest.mark.slow
def test_a_folder_belongs_to_one_plan(outcome: Outcome, place: Path) -> None:
    """Begun again without --resume, or with another plan: refused by name."""
    with pytest.raises(PosttrainError, match="holds this pilot already") as caught:
        run_pilot(tiny_plan(ARMS), place / "out")
    assert "--resume" in caught.value.hint
    with pytest.raises(PosttrainError, match="another plan"):
        run_pilot(tiny_plan("sft"), place / "out", resume=True)
    assert PilotFolder.of(tiny_plan(ARMS), place) == PilotFolder.of(tiny_plan(ARMS), place)


@pytest.mark.slow
def test_who_looks_whether_a_folder_is_held_keeps_no_pilot_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pilot that starts in that moment waits for the moment to pass."""
    monkeypatch.setattr(folder, "LOCK_SECONDS", 60.0)  # the moment of a busy machine can be long
    tmp_path.joinpath("out").mkdir()
    tmp_path.joinpath("empty").mkdir()
    look = FileLock(tmp_path / "out" / ".lock", thread_local=False)
    look.acquire()
    threading.Timer(0.2, look.release).start()
    with pytest.raises(PosttrainError, match="cannot load the model"):
        run_pilot(tiny_plan("sft", task={"model": str(tmp_path / "empty")}), tmp_path / "out")


@pytest.mark.slow
def test_where_the_model_cannot_be_scored_nothing_is_tried(tmp_path: Path) -> None:
    """A folder without a model ends the pilot at once, in the run's words; status.json says so too."""
    (tmp_path / "empty").mkdir()
    plan = tiny_plan("sft", task={"model": str(tmp_path / "empty")})
    with pytest.raises(PosttrainError, match="cannot load the model"):
        run_pilot(plan, tmp_path / "out")
    status = _status(tmp_path / "out")
    assert status and status.state is State.FAILED and "cannot load the model" in str(status.message)
    assert status.error and "cannot load the model" in status.error.message and status.error.hint
    assert not (tmp_path / "out" / "arms" / "sft").exists()


@pytest.mark.slow
def test_an_arm_that_fails_is_counted_and_the_others_go_on(tmp_path: Path) -> None:
    """Rows without demonstrations: SFT cannot, rejection sampling and its control can; partial, and no case is made."""
    (tmp_path / "judge.py").write_text("def odd(prompt, response, row):\n    return float(response[:1] in '13579')\n")
    rows = [{"prompt": f"add {a}+{b}=", "answer": str(a + b)} for a in range(100, 110) for b in range(300, 310)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    task = {"data": str(tmp_path / "rows.jsonl"), "verifier": "judge:odd"}
    plan = tiny_plan("sft,rejection_sampling", task=task)
    outcome = run_pilot(plan, tmp_path / "out", at_once=2, bank=tmp_path / "bank.jsonl")
    assert exit_code(outcome) is ExitCode.PARTIAL
    assert [run.arm for run in outcome.failed] == ["sft"] and outcome.failed[0].message.startswith("sft: ")
    ended = {arm.id: arm.strict for arm in outcome.arms}
    assert ended["rejection_sampling"] and ended["rejection_sampling-random"] and ended["sft"] is None
    assert not (tmp_path / "bank.jsonl").exists()
    assert any(line.startswith("failed: sft") for line in render(outcome))


@pytest.mark.slow
def test_a_second_stage_begins_where_the_first_ended(outcome: Outcome, place: Path) -> None:
    """The policy that SFT leaves is GRPO's model; the curve goes on where the first stage's ended."""
    stages = place / "out" / "arms" / "sft_grpo" / "seed-0"
    first, second = (
        json.loads((stages / name / "result.json").read_text()) for name in ("stage-1-sft", "stage-2-grpo")
    )
    assert second["config"]["model"] == str(stages / "stage-1-sft" / "policy")
    assert second["before"] == first["after"]
    assert PilotFolder(place / "out").curves() == outcome.curves
    work = [point.work for point in outcome.curve]
    assert work == sorted(work) and work[-1] == first["work"]["tokens"] + second["work"]["tokens"]


@pytest.mark.slow
def test_a_pilot_whose_folder_is_removed_ends(tmp_path: Path) -> None:
    """Nobody could see or stop it any more, and it must not make the folder again."""
    out = tmp_path / "data" / "pilot"
    process = begin(tiny_plan("sft,dft", budget="3M-tokens"), out)
    _wait(lambda: (status := _status(out)) and status.now, process)
    shutil.rmtree(tmp_path / "data")
    assert process.wait(600) == ExitCode.INTERRUPTED
    assert not (out / "plan.json").exists()
