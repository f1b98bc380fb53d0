"""The probe's traits: measured, mapped, warned of, and written as the advice reads them."""

import json
from pathlib import Path
from typing import Any

import pytest

from advisor.probe import probe, render, warnings_of
from advisor.runs.probed import Measurement, traits_of
from advisor.runs.result import RunResult
from advisor.task.file import read_traits
from advisor.task.traits import make_traits
from posttrain.errors import PosttrainError
from tests.advisor.pilots import result

QUICK = {"max_response_tokens": 12, "threads": 1}
JUDGE = "def first(prompt, response, row):\n    return float(response[:1] in '0123')\n"


@pytest.mark.slow
def test_a_probe_writes_traits_that_the_advice_reads(tmp_path: Path) -> None:
    """A verifier of one's own that refuses gold responses: measured, said, with what to do, and kept in the file."""
    (tmp_path / "judge.py").write_text(JUDGE)
    out = tmp_path / "new" / "traits.json"
    found = probe("starter", "task:addition:1", "judge:first", samples=4, prompts=8, out=out, settings=QUICK)
    read = read_traits(out)
    assert make_traits(read.traits).values == found.traits
    assert read.task["model"] == "starter" and read.task["verifier"] == "judge:first"
    assert read.task["tokens_per_second"] > 0
    assert found.traits["domain"] == "math" and found.traits["verifier"] == "rule"
    gold = found.measured.verifier_on_gold
    assert gold and 0 < gold.k < gold.n and (gold.low or 0) < (gold.share or 0) < (gold.high or 0)
    assert any("mend the verifier" in one for one in found.warnings)
    assert found.measured.examples[0]["prompt"] and "pass@4" in "\n".join(render(found))


@pytest.mark.slow
def test_a_file_of_answers_has_its_answers_verified(tmp_path: Path) -> None:
    """Without responses the gold answers stand for them; the rows of the train split are counted."""
    rows = [{"prompt": f"add {a}+{b}=", "answer": str(a + b)} for a in range(10) for b in range(10)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = probe("starter", "rows.jsonl", "numeric", samples=2, prompts=6, settings=QUICK)
    assert found.traits["verifier_on_gold"] == 1.0
    assert found.traits["demonstrations"] == 0
    assert found.traits["prompts"] == found.measured.rows.train > 60
    assert "domain" not in found.traits and found.traits["parameters"] < 0.001
    assert "pass_at_k" not in found.traits  # two samples say nothing of sixteen


@pytest.mark.slow
def test_a_verifier_that_breaks_is_no_zero(tmp_path: Path) -> None:
    """Where no answer can be scored the probe fails with the reason, and writes nothing."""
    (tmp_path / "judge.py").write_text("def first(prompt, response, row):\n    raise ValueError('boom')\n")
    with pytest.raises(PosttrainError, match="cannot be scored"):
        probe("starter", "task:addition:1", "judge:first", 2, 6, tmp_path / "traits.json", QUICK)
    assert not (tmp_path / "traits.json").exists()


def test_a_place_that_cannot_be_written_is_said_before_anything_runs(tmp_path: Path) -> None:
    """A file in place of the folder, a folder in place of the file."""
    (tmp_path / "file").touch()
    for out, said in ((tmp_path / "file" / "traits.json", "cannot make"), (tmp_path, "is a folder")):
        with pytest.raises(PosttrainError, match=said):
            probe("/nowhere", "task:addition", out=out)


def _result(**probe: Any) -> RunResult:
    """Return a probe's result, made up: 100 prompts with 16 rollouts."""
    half = {"k": 50, "n": 100, "share": 0.5, "low": 0.4, "high": 0.6}
    every = {**half, "k": 100, "share": 1.0}
    values = {
        "verifier": "unit-tests", "rows": {"train": 80, "demonstrations": 30, "answers": 0}, "row_tokens": 40.0,
        "verifier_on_gold": every, "pass_at_1": half, "pass_at_k": {"1": 0.5, "16": 0.9}, "prompts_ever_right": half,
        "format_rate": {"k": 0, "n": 0, "share": None, "low": None, "high": None}, "finished": every,
        "equal_groups": half, "unscorable": {**half, "k": 0, "share": 0.0}, "tokens_per_second": 100.0,
    }  # fmt: skip
    config = {"budget": "1-tokens", "group_size": 16, "data": "task:program"}
    return result("10" * 50, "probe", probe={**values, **probe}, parameters=500_000_000, config=config)


def test_what_a_probe_does_not_tell_stays_unknown() -> None:
    """No right answer, no format rate; no demonstration, no verdict on gold; prompts need no answer for unit tests."""
    traits = traits_of(_result(verifier_on_gold=None))
    assert traits == {
        "domain": "code", "demonstrations": 30, "prompts": 80, "verifier": "unit-tests", "parameters": 0.5,
        "row_tokens": 40.0, "pass_at_1": 0.5, "pass_at_k": 0.9, "equal_groups": 0.5,
    }  # fmt: skip


@pytest.mark.parametrize("probed, said", [
    ({"verifier_on_gold": None}, "was not tried on gold"),
    ({"verifier_on_gold": {"k": 90, "n": 100, "share": 0.9, "low": 0.8, "high": 0.95}}, "accepts 90 of 100 gold"),
    ({"unscorable": {"k": 20, "n": 100, "share": 0.2, "low": 0.1, "high": 0.3}}, "could not be scored"),
    ({"finished": {"k": 50, "n": 100, "share": 0.5, "low": 0.4, "high": 0.6}}, "raise max_response_tokens"),
])  # fmt: skip
def test_what_should_be_mended_is_said(probed: dict[str, Any], said: str) -> None:
    """Each finding that makes training pointless has a sentence; a sound one has none."""
    assert warnings_of(Measurement.of(_result())) == []
    assert said in " ".join(warnings_of(Measurement.of(_result(**probed))))


@pytest.mark.parametrize(("n", "asked", "said"), [
    (20, 20, "--prompts 100"), (20, 100, "a tenth of the rows is held back: add rows"), (60, 100, None),
])  # fmt: skip
def test_few_prompts_are_said_with_the_way_to_more(n: int, asked: int, said: str | None) -> None:
    """Whoever asked for few asks for more; whoever has few rows adds some."""
    measured = Measurement.of(_result())
    warnings = warnings_of(measured.model_copy(update={"greedy": measured.greedy.model_copy(update={"n": n})}), asked)
    assert len(warnings) == bool(said) and (said or "") in "".join(warnings)


@pytest.mark.slow
def test_the_starter_on_rows_of_ones_own_is_warned_of(tmp_path: Path) -> None:
    """It has only seen the generated tasks: a score of 0 says nothing about the rows."""
    rows = [{"prompt": f"What is the capital of country number {n}?", "answer": f"City {n}"} for n in range(60)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    found = probe("starter", "rows.jsonl", "exact", samples=1, prompts=4, settings=QUICK)
    assert found.measured.pass_at_1.k == 0
    assert "the starter knows only the generated tasks" in found.warnings[0] and "--model" in found.warnings[0]
    assert not any(
        "starter" in text for text in probe("starter", "task:maze", samples=1, prompts=4, settings=QUICK).warnings
    )
