"""Priced plans: what was named overrules the recommendation, and memory is that of the named GPU or this machine."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from advisor.memory.counts import known_counts
from advisor.plan import priced_plan
from advisor.runs.recommended import Recommended, read_recommendation
from posttrain.errors import PosttrainError

QWEN = {"model": "Qwen/Qwen2.5-0.5B", "data": "task:addition"}


def _advice(**traits: Any) -> Recommended:
    return Recommended(ranked=("sft",), traits=traits, task={**QWEN, "settings": {"micro_batch": 4}})


def test_what_is_named_overrules_the_recommendation() -> None:
    """Model, data and verifier; what is not named stays, and settings hold for every arm."""
    plan = priced_plan(_advice(), {"model": None, "data": "task:sorting"}, "200k-tokens", (0, 1), {"eval_size": 7})
    assert plan.task.model == QWEN["model"] and plan.task.data == "task:sorting" and plan.seeds == (0, 1)
    assert {(stage.eval_size, stage.data) for arm in plan.arms for stage in arm.stages} == {(7, "task:sorting")}
    assert plan.arms[1].stages[0].settings()["micro_batch"] == 4


def test_memory_is_counted_against_the_named_gpu_or_this_machine() -> None:
    """A GPU of 2 GB cannot train half a billion weights whole; the larger share of a GPU's needs is in the price."""
    here = priced_plan(_advice(), {}, "200k-tokens")
    on_gpu = priced_plan(_advice(gpu_memory=2), {}, "200k-tokens")
    spent, spent_on_gpu = (plan.arms[1].estimate.memory_bytes or 0 for plan in (here, on_gpu))
    assert 4 * known_counts()["qwen2.5-0.5b"].parameters < spent < spent_on_gpu
    assert any(warning.startswith("sft does not fit") and "there are 2.0" in warning for warning in on_gpu.warnings)
    room = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert any("does not fit" in warning for warning in here.warnings) == (spent > room)


@pytest.mark.slow
def test_a_model_that_cannot_be_counted_is_planned_without_memory(
    tmp_path: Path,
) -> None:
    """A warning says so, and the model is looked at again for the next plan: by then the folder may hold one."""
    for _ in range(2):
        plan = priced_plan(_advice(), {"model": str(tmp_path)}, "200k-tokens")
        assert plan.arms[1].estimate.memory_bytes is None
        assert len([warning for warning in plan.warnings if warning.startswith("memory is not estimated: ")]) == 1


@pytest.mark.slow
def test_the_command_line_makes_the_same_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`advisor plan` and the function agree to the byte."""
    from advisor.cli.trials import plan_command
    from posttrain.commands import Call

    plan_command(Call("plan"), "sft,grpo", **QWEN, budget="100k-tokens", seeds="0,1", out=tmp_path / "plan.json")
    capsys.readouterr()
    made = priced_plan(read_recommendation("sft,grpo"), QWEN, "100k-tokens", (0, 1))
    assert json.loads((tmp_path / "plan.json").read_text()) == json.loads(json.dumps(made.as_dict()))


def test_what_cannot_be_planned_is_refused() -> None:
    """In the words of the plan."""
    with pytest.raises(PosttrainError, match="there is no verifier 'nonsense'"):
        priced_plan(_advice(), {"verifier": "nonsense"}, "200k-tokens")
