"""Plans: arms with equal budgets, what is left out and why, prices, and what cannot be planned."""

import json
from pathlib import Path
from typing import Any

import pytest

from advisor.advice.pipelines import LADDER, PIPELINES
from advisor.plan import make_plan
from advisor.runs.arms import NEAREST
from advisor.runs.plan import Plan, Role, read_plan
from advisor.runs.plan import write_plan as write
from advisor.runs.plan_text import duration, render
from advisor.runs.recommended import Recommended, read_recommendation
from advisor.task.traits import Traits
from posttrain.errors import ConfigurationError, ExitCode, PosttrainError
from reference_impls.configs import Budget

TASK = {"model": "starter", "data": "task:addition"}
RANKED = ["prompt_only", "sft_grpo", "dpo", "expert_iteration", "hybrid", "sft", "dft"]


def _plan(ranked: list[str] = RANKED, budget: str = "200k-tokens", **more: Any) -> Plan:
    task, traits = {**TASK, **more.pop("task", {})}, Traits(more.pop("traits", {}))
    return make_plan(ranked, task, budget, traits=traits, **more)


def test_every_arm_has_the_same_budget() -> None:
    """The best and two rivals, no training, and the control of the one that samples; stages share the budget."""
    plan = _plan()
    roles = {arm.id: arm.role for arm in plan.arms}
    assert roles == {
        "no_training": Role.NO_TRAINING, "sft_grpo": Role.RECOMMENDED, "expert_iteration": Role.RIVAL,
        "sft": Role.RIVAL, "expert_iteration-random": Role.CONTROL,
    }  # fmt: skip
    for arm in plan.arms[1:]:
        assert sum(Budget.parse(stage.budget).amount for stage in arm.stages) == 200_000
    control, its = plan.arms[-1].stages[0], plan.arms[2].stages[0]
    assert control == its.changed(select="random")


def test_what_cannot_be_tried_is_named_with_its_reason() -> None:
    """Nothing trained, no implementation (and what comes nearest), a need that is not met, the same run, the rest."""
    plan = _plan(["sft", "distillation", "prefix_hybrid", "collect", "r1_zero", "grpo", "dft", "expert_iteration"],
                 traits={"parameters": 0.5})  # fmt: skip
    found = {pipeline.pipeline: (pipeline.reason, pipeline.nearest) for pipeline in plan.left_out}
    assert found["distillation"] == (
        "needs the teacher's responses first: write them into `response`, then plan sft",
        "sft",
    )
    assert found["prefix_hybrid"] == ("has no reference implementation here (prefix_rft)", "sft_grpo")
    assert found["collect"][0].startswith("trains nothing")
    assert found["r1_zero"][0] == "needs parameters >= 3, which is not so"
    assert found["expert_iteration"][0] == "ranks behind the three that are tried"
    assert [arm.id for arm in plan.arms] == ["no_training", "sft", "grpo", "dft"]


def test_what_comes_nearest_can_be_tried() -> None:
    """Every suggestion is a bundled pipeline, for one that is not."""
    assert all(PIPELINES[nearest].is_bundled and nearest != name for name, nearest in NEAREST.items())
    assert {one.id for one in LADDER if one.stages and not one.is_bundled} - {"dpo", "kto"} <= set(NEAREST)


@pytest.mark.parametrize("ranked", [["dpo", "prompt_only"], ["no_training"]])
def test_a_recommendation_of_which_nothing_can_be_tried_matches_nothing(ranked: list[str]) -> None:
    """The error says so for each."""
    with pytest.raises(PosttrainError, match="can be tried") as caught:
        _plan(ranked)
    assert caught.value.exit_code is ExitCode.NOTHING_MATCHED


def test_too_small_a_budget_is_refused_with_the_least_that_works() -> None:
    """64 rows of 30 tokens are one update of SFT, which has half the budget; GRPO has the other half, and samples."""
    with pytest.raises(PosttrainError, match=r"expected at least 7680-tokens") as caught:
        _plan(["sft_grpo"], "7000-tokens", traits={"row_tokens": 30})
    assert "--budget 7680-tokens" in caught.value.hint
    assert _plan(["sft_grpo"], "7680-tokens", traits={"row_tokens": 30})
    with pytest.raises(PosttrainError, match="taking a row to be max_response_tokens long"):
        _plan(["sft"], "1k-tokens")


def test_seconds_are_allowed_and_warned_of() -> None:
    """And FLOPs, whose amounts stay numbers that a run can read."""
    assert any("seconds are not comparable" in one for one in _plan(budget="60s").warnings)
    stages = _plan(budget="5e14-flops").arms[1].stages
    assert [stage.budget for stage in stages] == ["2.5e14-flops", "2.5e14-flops"]


def test_an_arm_that_does_not_fit_is_warned_of() -> None:
    """Where memory is estimated and the device is known."""
    plan = _plan(memory=lambda stage: 3e9 if stage.technique == "grpo" else 1e9, available=2e9)
    said = [one for one in plan.warnings if "does not fit" in one]
    assert len(said) == 1 and said[0].startswith("sft_grpo does not fit: about 3.0 GB")


def test_the_plan_says_what_it_would_do() -> None:
    """Line by line, with tokens, time from the measured speed, memory where it is known."""
    plan = _plan(task={"tokens_per_second": 1000.0}, traits={"row_tokens": 30})
    lines = render(plan)
    assert lines[0] == (
        "would try 5 arms with starter on task:addition, verifier its own: 200k-tokens each, 1 seed"
    )  # fmt: skip
    assert lines[1] == "would score starter as it is, on 200 test prompts (no training)"
    assert lines[2] == (
        "would train sft_grpo (recommended): sft for 100000-tokens then grpo for 100000-tokens; about 200,000 tokens, "
        "about 108,000 more tokens for scores, about 5 minutes, memory not estimated"
    )
    assert "would leave out dpo: has no reference implementation here (dpo)" in lines
    assert any(line.startswith("would be 5 runs one after another, about ") for line in lines)
    assert [duration(seconds) for seconds in (50, 600, 7200)] == [
        "about 50 seconds",
        "about 10 minutes",
        "about 2.0 hours",
    ]


def test_a_verifier_that_errs_leaves_out_what_learns_from_it() -> None:
    """Below 95 % on gold only imitation is tried, and the plan says what to do first."""
    plan = _plan(traits={"verifier_on_gold": 0.9})
    assert [arm.id for arm in plan.arms] == ["no_training", "sft", "dft"]
    assert any("accepts 90% of gold responses: correct it first" in one for one in plan.warnings)


def test_a_plan_is_read_as_it_was_written(tmp_path: Path) -> None:
    """The same object, and the same id; another budget is another plan."""
    plan = _plan(seeds=(0, 3))
    write(plan, tmp_path / "plan.json")
    assert read_plan(tmp_path / "plan.json") == plan
    assert read_plan(tmp_path / "plan.json").id == plan.id != _plan(budget="100k-tokens").id


@pytest.mark.parametrize("text, said", [
    ("", "is no plan"), ("[]", "is no plan"), ('{"schema_version": 9}', "schema version 9"),
    ('{"schema_version": 1}', "lacks a part"),
])  # fmt: skip
def test_what_is_no_plan_is_said(text: str, said: str, tmp_path: Path) -> None:
    """Missing, broken, of another version, incomplete."""
    (tmp_path / "plan.json").write_text(text)
    with pytest.raises(PosttrainError, match=said):
        read_plan(tmp_path / "plan.json")


@pytest.mark.parametrize("task, settings, said", [
    ({"model": None}, {}, "names no model"), ({"data": "rows.jsonl"}, {}, "there is no file rows.jsonl"),
    ({}, {"eval_sise": 3}, "did you mean eval_size"), ({}, {"micro_batch": 3}, "expected a multiple of group_size"),
    ({}, {"budget": "1s"}, "cannot be set for a whole plan"), ({}, {"eval_size": "many"}, "eval_size is 'many'"),
])  # fmt: skip
def test_a_task_that_cannot_run_is_refused(task: dict[str, Any], settings: dict[str, Any], said: str) -> None:
    """Before anything is started."""
    with pytest.raises(PosttrainError, match=said):
        _plan(["grpo"], task=task, settings=settings)


def test_a_file_needs_a_verifier(tmp_path: Path) -> None:
    """A generated task has its own."""
    (tmp_path / "rows.jsonl").write_text('{"prompt": "a"}\n')
    with pytest.raises(PosttrainError, match="no verifier is named"):
        _plan(task={"data": str(tmp_path / "rows.jsonl")})


@pytest.mark.parametrize("budget, seeds", [("much", (0,)), ("0s", (0,)), ("60s", ()), ("60s", (1, 1)), ("60s", (-1,))])
def test_budgets_and_seeds_are_checked(budget: str, seeds: tuple[int, ...]) -> None:
    """With what was expected."""
    with pytest.raises(PosttrainError, match="expected"):
        _plan(budget=budget, seeds=seeds)


def test_a_recommendation_is_a_file_or_a_list(tmp_path: Path) -> None:
    """What `advisor ask` wrote, also as it prints it; or ids in a row; an unknown one is answered with the nearest."""
    said = {"traits": {"verifier": "rule"}, "task": TASK, "ranked": [{"id": "sft"}, {"pipeline_id": "grpo"}]}
    for number, written in enumerate((said, {"data": said})):
        path = tmp_path / f"{number}.json"
        path.write_text(json.dumps(written))
        read = Recommended(ranked=("sft", "grpo"), traits={"verifier": "rule"}, task=TASK)
        assert read_recommendation(str(path)) == read
    assert read_recommendation("sft, grpo").ranked == ("sft", "grpo")
    with pytest.raises(PosttrainError, match="did you mean grpo"):
        read_recommendation("sft,grop")
    with pytest.raises(PosttrainError, match="there is no file"):
        read_recommendation("gone.json")


def _file(folder: Path, rows: int) -> str:
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps({"prompt": f"{n}+1=", "answer": str(n + 1)}) + "\n" for n in range(rows)))
    return str(path)


def test_a_file_is_scored_on_the_prompts_that_it_holds_back(tmp_path: Path) -> None:
    """A tenth of sixty rows is few, and the plan says so before anything runs."""
    task = {"model": "starter", "data": _file(tmp_path, 60), "verifier": "numeric"}
    plan = make_plan(["sft"], task, "1M-tokens", settings={"eval_size": 100})
    sizes = {stage.eval_size for arm in plan.arms for stage in arm.stages}
    assert len(sizes) == 1 and 0 < (held_back := sizes.pop()) < 20
    assert any(one.startswith(f"only {held_back} test prompts") for one in plan.warnings)
    many = make_plan(["sft"], {**task, "data": _file(tmp_path, 3000)}, "1M-tokens", settings={"eval_size": 100})
    assert {stage.eval_size for arm in many.arms for stage in arm.stages} == {100}
    assert not any(one.startswith("only ") for one in many.warnings)


def test_a_file_that_holds_nothing_back_is_refused_before_it_runs(tmp_path: Path) -> None:
    """Unless the evaluation has a file of its own."""
    task = {"model": "starter", "data": _file(tmp_path, 1), "verifier": "numeric"}
    with pytest.raises(PosttrainError, match="none of them in split 'test'"):
        make_plan(["sft"], task, "1M-tokens")
    make_plan(["sft"], task, "1M-tokens", settings={"eval_data": "task:addition"})


@pytest.mark.parametrize("model", ["a" * 300, "../../etc/nothing", "<script>", "a/b/c", "$x$ :red[a]"])
def test_what_is_no_folder_and_no_hub_id_is_refused_at_once(model: str) -> None:
    """Nobody waits for the hub's answer to it."""
    with pytest.raises(PosttrainError, match="no hub id looks like that"):
        make_plan(["sft"], {"model": model, "data": "task:addition"}, "1M-tokens")


@pytest.mark.parametrize(("data", "said"), [
    ("task:nope", "there is no task:nope"), ("task:additoin", "did you mean task:addition"),
    ("task:addition:99", "expected a whole number from 1 to 8"), ("a" * 300, "a{300}"),
])  # fmt: skip
def test_data_that_are_not_there_are_refused_before_anything_runs(data: str, said: str) -> None:
    task = {"model": "starter", "data": data, "verifier": "numeric"}
    with pytest.raises(ConfigurationError, match=said):
        make_plan(["sft"], task, "1M-tokens")
    with pytest.raises(ConfigurationError, match=said):
        make_plan(["sft"], {**task, "data": "task:addition"}, "1M-tokens", settings={"eval_data": data})


def test_eval_size_is_named_only_where_it_binds(tmp_path: Path) -> None:
    """Sixty rows hold back fewer than a hundred prompts, and one-digit sums are a hundred in all."""

    def last_warning(data: str, **settings: object) -> str:
        task = {"model": "starter", "data": data, "verifier": "numeric"}
        return make_plan(["sft"], task, "1M-tokens", settings=settings).warnings[-1]

    assert "eval_size sets their number" in last_warning("task:addition", eval_size=100)
    assert "eval_size sets their number" in last_warning(_file(tmp_path, 3000), eval_size=100)
    few = last_warning(_file(tmp_path, 60), eval_size=100)
    assert "eval_size" not in few and "add rows" in few
    small = last_warning("task:addition:1", eval_size=100)
    assert "eval_size" not in small and small.startswith("only 1") and "higher difficulty" in small
    assert "as far as eval_data has rows" in last_warning(_file(tmp_path, 60), eval_data="task:addition", eval_size=50)


@pytest.mark.parametrize("wrong", ["many", 0, True, 2.5])
def test_a_number_of_test_prompts_that_is_none_is_refused_for_a_file_too(wrong: object, tmp_path: Path) -> None:
    task = {"model": "starter", "data": _file(tmp_path, 60), "verifier": "numeric"}
    with pytest.raises(ConfigurationError, match=f"eval_size is {wrong!r}"):
        make_plan(["sft"], task, "1M-tokens", settings={"eval_size": wrong})
