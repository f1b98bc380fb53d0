"""A pilot's folder: files written by an earlier version open, and are written again with the same keys and values."""

import json
import shutil
from pathlib import Path

import pytest

from advisor.bank.cases import case_of, read_bank
from advisor.runs.folder import PilotFolder
from advisor.runs.plan import Role
from advisor.runs.progress import Background, State
from advisor.runs.report import grid_of, markdown, render
from advisor.runs.result import RunResult, read_result
from advisor.runs.status import status_of
from posttrain.errors import DamagedError

SAVED = Path(__file__).parent / "saved"  # a pilot of sft on addition, as commit 489b816 wrote it


def _json(name: str) -> object:
    return json.loads((SAVED / name).read_text())


@pytest.fixture
def folder(tmp_path: Path) -> PilotFolder:
    """A copy of the saved folder."""
    shutil.copytree(SAVED, tmp_path / "pilot")
    return PilotFolder(tmp_path / "pilot")


def test_a_saved_plan_keeps_its_id_and_its_keys(folder: PilotFolder) -> None:
    """The id names the folder and decides whether a pilot resumes."""
    plan = folder.plan()
    saved = _json("plan.json")
    assert isinstance(saved, dict) and plan.id == saved["id"] and plan.as_dict() == saved
    assert plan.untrained.role is Role.NO_TRAINING and plan.left_out[0].pipeline == "dpo"
    folder.begin(plan, resume=True)


@pytest.mark.parametrize("name", ["status.json", "status_running.json"])
def test_a_saved_status_keeps_its_keys(folder: PilotFolder, name: str) -> None:
    """At the end, and while a run is at work."""
    shutil.copy(SAVED / name, folder.path / "status.json")
    status = folder.status()
    assert status and status.as_dict() == _json(name)
    assert bool(status.now) == (name == "status_running.json")
    folder.write_status(status)
    assert folder.status() == status


def test_a_saved_outcome_keeps_its_keys_and_is_shown(folder: PilotFolder) -> None:
    """Its table and verdict are those of its arms."""
    outcome = folder.outcome()
    assert outcome.as_dict() == _json("outcome.json")
    assert outcome.verdict.sentence in render(outcome) and outcome.verdict.sentence in markdown(outcome)
    assert [row[0] for row in grid_of(outcome).rows] == ["sft", "no_training"]
    folder.write_outcome(outcome, {})
    assert folder.outcome() == outcome


def test_a_saved_pilot_stands_as_it_did(folder: PilotFolder) -> None:
    """Done, with its verdict; broken off where its last status says running and nobody holds the folder."""
    done = status_of(folder.path)
    assert done.state is State.DONE and done.outcome and done.message == done.outcome.verdict.sentence
    shutil.copy(SAVED / "status_running.json", folder.path / "status.json")
    assert status_of(folder.path).state is State.BROKEN_OFF
    assert folder.background() == Background(pid=27556, at_once=2, cwd=".")


def test_a_saved_case_keeps_its_keys_and_its_id(folder: PilotFolder) -> None:
    """The same outcome makes the same case today, so that resuming an old pilot adds no second line."""
    bank = read_bank(SAVED / "bank.jsonl")
    (case,) = bank.cases
    assert bank.skipped == 0 and case.as_dict() == json.loads((SAVED / "bank.jsonl").read_text())
    result = _result(folder)
    again = case_of(folder.outcome(), {("no_training", 0): [result]})
    assert again.id == case.id


def test_a_saved_result_is_read_whole(folder: PilotFolder) -> None:
    """Every part that a plan, a verdict or a trait is made of."""
    result, saved = _result(folder), json.loads((SAVED / "result.json").read_text())
    assert result.config == saved["config"] and result.within({"budget": "1-tokens"})
    read = result.probe.model_dump(mode="json") if result.probe else {}
    assert read.pop("verifier_on_wrong") is None  # the saved run is older than this measurement
    assert read == saved["probe"]
    assert result.after.model_dump(mode="json") == saved["after"]
    assert result.work.of("tokens") == saved["work"]["tokens"] and result.versions == saved["versions"]


def _result(folder: PilotFolder) -> RunResult:
    result = read_result(folder.path)
    assert result
    return result


@pytest.mark.parametrize("name", ["status.json", "outcome.json"])
def test_damage_is_named_with_its_file_and_its_part(folder: PilotFolder, name: str) -> None:
    """Half a file, and a whole one in which a part is of another kind."""
    read = folder.status if name == "status.json" else folder.outcome
    path = folder.path / name
    values = json.loads(path.read_text())
    path.write_text(json.dumps({**values, "task" if name == "outcome.json" else "runs": 7}))
    with pytest.raises(DamagedError, match=rf"{name} is damaged: (task|runs)"):
        read()
    path.write_text(json.dumps(values)[:40])
    with pytest.raises(DamagedError, match="expected a JSON object"):
        read()
