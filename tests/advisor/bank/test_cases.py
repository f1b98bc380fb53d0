"""The bank: whole lines, two writers at once, broken lines skipped and counted, one case a finding."""

import json
import multiprocessing
from pathlib import Path

import pytest

from advisor.bank.cases import Bank, Case, add_case, case_of, family_of, read_bank, render
from advisor.pilot import run_pilot
from advisor.runs.plan import Task
from advisor.runs.scoring import RunsOfArms, outcome_of
from posttrain.errors import ConfigurationError, PosttrainError
from tests.advisor.pilots import probed, result, tiny_plan


def _case(name: str) -> Case:
    """Return a case without arms, longer than one write of a pipe."""
    return Case.model_validate({
        "id": name, "family": "addition", "task": {"model": "starter", "data": "task:addition", "verifier": None},
        "parameters": None, "traits": {}, "budget": "1k-tokens", "seeds": [0], "arms": [], "notes": "x" * 5000,
        "verdict": {"best": None, "ties": [], "simplest": None},
        "provenance": {"posttrain": "0", "plan": "p", "date": "2026-01-01", "device": "cpu", "versions": {}},
    })  # fmt: skip


def test_a_pilot_becomes_a_case_without_its_folders(tmp_path: Path) -> None:
    """Names, numbers and versions; what was stated overrules what was measured; the same finding has the same id."""
    rows = (json.dumps({"prompt": f"{n}+1=", "answer": str(n + 1)}) for n in range(60))
    (tmp_path / "rows.jsonl").write_text("\n".join(rows))
    task = {"data": str(tmp_path / "rows.jsonl"), "verifier": "numeric"}
    plan = tiny_plan("sft", task=task, traits={"start": "base", "demonstrations": 7})
    runs: RunsOfArms = {("no_training", 0): [probed("10")], ("sft", 0): [result("11")]}
    case = case_of(outcome_of(plan, runs), runs)
    assert case.family == "rows" and case.task.data == "rows.jsonl" and str(tmp_path) not in json.dumps(case.as_dict())
    assert case.traits["start"] == "base" and case.traits["demonstrations"] == 7 and case.traits["pass_at_1"] == 0.5
    assert case.arms[1].strict and case.arms[1].strict.share == 1.0 and case.arms[1].runs[0].tokens == 1000
    assert add_case(tmp_path / "bank.jsonl", case) and not add_case(tmp_path / "bank.jsonl", case)
    bank = read_bank(tmp_path / "bank.jsonl")
    assert bank.cases == (case,) and "1 cases of 1 families" in "\n".join(render(bank))


def test_a_family_is_the_generator_or_the_file() -> None:
    """Unless it was named."""
    assert family_of(Task(model="starter", **{"data": "task:maze:4"})) == "maze"
    assert family_of(Task(model="starter", **{"data": "a/gsm8k.train.jsonl"})) == "gsm8k"
    assert family_of(Task(model="starter", **{"data": "a/b.jsonl", "family": "own"})) == "own"


def test_a_case_in_which_nothing_is_right_is_kept_and_counted_and_no_evidence(tmp_path: Path) -> None:
    """Also one that an older version wrote, which called its arms ties."""
    path = tmp_path / "bank.jsonl"
    for marks in ("00", "01"):
        runs: RunsOfArms = {("no_training", 0): [probed("00")], ("sft", 0): [result(marks)]}
        add_case(path, case_of(outcome_of(tiny_plan("sft"), runs), runs))
    older = read_bank(path).cases[0].as_dict()
    older |= {"id": "older", "verdict": {"best": "no_training", "ties": ["sft"], "simplest": "no_training"}}
    with path.open("a") as file:
        file.write(json.dumps(older) + "\n")
    bank = read_bank(path)
    assert [case.says_nothing for case in bank.cases] == [True, False, True] and bank.silent == 2
    shown = "\n".join(render(bank))
    assert shown.count("says nothing: no arm has a prompt right") == 2 and "2 of 3 say nothing" in shown
    assert [row["says_nothing"] for row in bank.rows()] == [True, True, False, False, True, True]
    assert not any(row["is_best"] for row in bank.rows() if row["says_nothing"])
    assert "2 of 3 say nothing (no arm has a prompt right) and are no evidence" in bank.notes()


def test_a_folder_in_the_place_of_the_bank_is_a_sentence(tmp_path: Path) -> None:
    """For whoever reads it, and for a pilot before it trains."""
    (tmp_path / "bank.jsonl").mkdir()
    for call in (
        lambda: read_bank(tmp_path / "bank.jsonl"),
        lambda: add_case(tmp_path / "bank.jsonl", _case("one")),
        lambda: run_pilot(tiny_plan("sft"), tmp_path / "pilot", bank=tmp_path / "bank.jsonl"),
    ):
        with pytest.raises(ConfigurationError, match="cannot be read: Is a directory"):
            call()
    assert not (tmp_path / "pilot").exists()


def _write(path: Path, names: list[str]) -> None:
    for name in names:
        add_case(path, _case(name))


def test_two_writers_at_once_lose_nothing(tmp_path: Path) -> None:
    """Every line is whole and every case is there once."""
    path, spawn = tmp_path / "bank.jsonl", multiprocessing.get_context("fork")
    writers = [
        spawn.Process(target=_write, args=(path, [f"{part}-{one}" for one in range(15)] + ["both"])) for part in "ab"
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    bank = read_bank(path)
    assert bank.skipped == 0 and len(bank.cases) == 31 == len({case.id for case in bank.cases})


def test_broken_lines_are_skipped_and_counted(tmp_path: Path) -> None:
    """Half a line of a killed process, what is no case, another version; the next case begins a line of its own."""
    path = tmp_path / "bank.jsonl"
    add_case(path, _case("first"))
    with path.open("a") as file:
        file.write('[]\n{"schema_version": 9, "id": "x", "family": "f", "traits": {}, "arms": []}\n\n{"id": "ha')
    add_case(path, _case("second"))
    bank = read_bank(path)
    assert [case.id for case in bank.cases] == ["first", "second"] and bank.skipped == 3
    assert render(Bank((), 3))[-1] == "3 broken lines were skipped"


def test_a_bank_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    """And no file is an empty bank."""
    (tmp_path / "file").touch()
    with pytest.raises(PosttrainError, match="cannot make"):
        add_case(tmp_path / "file" / "bank.jsonl", _case("one"))
    assert read_bank(tmp_path / "none.jsonl") == Bank((), 0)
    assert "advisor pilot" in render(read_bank(tmp_path / "none.jsonl"))[0]
