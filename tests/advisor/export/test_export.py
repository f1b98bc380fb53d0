"""An export is a folder of plain files, whole or refused, whose settings and verifier are those of a run here."""

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from advisor.advice.pipelines import LADDER, PIPELINES
from advisor.advice.techniques import TECHNIQUES
from advisor.export import TARGETS, export
from advisor.export.folder import yaml_of
from posttrain.errors import ExitCode, PosttrainError
from tests.advisor.exporting import PAIRS, SETTINGS, TASK, make, write_rows


def test_every_file_is_named_and_none_else_is_written(tmp_path: Path) -> None:
    """The returned paths are the folder."""
    files = make(tmp_path / "out", "sft_grpo")
    assert set(files.values()) == {path for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert {"rows.jsonl", "prepare.py", "run.sh", "rewards.py", "stage_1_sft.yaml", "stage_2_grpo.yaml"} <= set(files)
    assert len((tmp_path / "out" / "rows.jsonl").read_text().splitlines()) == 48


@pytest.mark.parametrize("target", TARGETS)
def test_a_folder_with_files_is_left_alone(tmp_path: Path, target: str) -> None:
    """Nothing is written over, and the error names what was found."""
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(PosttrainError, match=r"holds notes\.txt") as refused:
        make(tmp_path, "sft", target)
    assert "--out" in refused.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]
    with pytest.raises(PosttrainError, match="is a file"):
        make(tmp_path / "notes.txt", "sft", target)


@pytest.mark.parametrize("target", TARGETS)
def test_a_pipeline_can_be_exported_or_says_what_there_is(tmp_path: Path, target: str) -> None:
    """Each of the ladder's pipelines is written, or refused with exit code 2, a reason and a way on."""
    file = tmp_path / "pairs.jsonl"
    write_rows(file, PAIRS)
    written, refused = [], {}
    for pipeline in LADDER:
        try:
            make(tmp_path / pipeline.id, pipeline, target, {"model": "m", "data": str(file), "verifier": "exact"})
            written.append(pipeline.id)
        except PosttrainError as error:
            refused[pipeline.id] = error
            assert error.exit_code is ExitCode.USAGE and error.hint
            assert not (tmp_path / pipeline.id).exists()
    exported = {
        "trl": "sft dft filter_traces rejection_sampling expert_iteration distillation dpo sft_dpo kto "
        "sft_rejection_sampling grpo sft_grpo r1_zero r1",
        "verl": "sft filter_traces distillation grpo sft_grpo r1_zero",
    }[target].split()
    assert sorted(written) == sorted(exported)
    assert len(written) + len(refused) == len(LADDER)
    assert "CHORD" in refused["hybrid"].message
    assert "trains nothing" in refused["no_training"].message


@pytest.mark.parametrize("target", TARGETS)
def test_what_cannot_be_trained_there_is_known_by_name(target: str) -> None:
    """Trainers and refusals are about techniques of the table, and never about the same one."""
    trainers, elsewhere = set(TARGETS[target].TRAINERS), set(TARGETS[target].ELSEWHERE)
    assert trainers | elsewhere <= set(TECHNIQUES)
    assert not trainers & elsewhere


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"stages": []}, "settings of 0 stages"),
        ({"stages": [{"micro_batch": 0}]}, "micro_batch is 0"),
        ({"stages": [{"nonsense": 1}]}, "no setting 'nonsense'"),
        ({"task": {**TASK, "data": "task:nonsense"}}, "no task:nonsense"),
        ({"task": {**TASK, "data": "missing.jsonl"}}, "no file missing.jsonl"),
        ({"target": "axolotl"}, "expected one of trl, verl"),
        ({"pipeline": "kto", "stages": [{"nonsense": 1}]}, "settings of the stage 'kto' are invalid"),
    ],
)
def test_what_does_not_hold_is_said(tmp_path: Path, change: dict[str, Any], said: str) -> None:
    """Settings, data and target are checked before anything is written."""
    asked: dict[str, Any] = {"target": "trl", "task": TASK, "pipeline": "grpo", "stages": [SETTINGS], **change}
    with pytest.raises(PosttrainError, match=said):
        export(asked["target"], asked["task"], PIPELINES[asked["pipeline"]], asked["stages"], tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_file_without_a_verifier_is_refused_where_one_is_needed(tmp_path: Path) -> None:
    """GRPO on a file asks for one, SFT does not; a stage without its columns is refused too."""
    file = tmp_path / "rows.jsonl"
    write_rows(file, [{"prompt": f"{n}+1", "response": str(n + 1)} for n in range(30)])
    task = {"model": "m", "data": str(file), "verifier": None}
    assert "rewards.py" not in make(tmp_path / "sft", "sft", task=task)
    with pytest.raises(PosttrainError, match="no verifier is named"):
        make(tmp_path / "grpo", "grpo", task=task)
    with pytest.raises(PosttrainError, match="has chosen and rejected"):
        make(tmp_path / "dpo", "dpo", task=task)


def test_rows_that_are_scored_later_are_not_exported(tmp_path: Path) -> None:
    """Prompts of eval_data, and the held-out part of a file, stay out."""
    rows = [{"prompt": f"{n}+1", "response": str(n + 1)} for n in range(60)]
    train, scored = tmp_path / "train.jsonl", tmp_path / "scored.jsonl"
    write_rows(train, rows)
    write_rows(scored, rows[:30])
    task = {"model": "m", "data": str(train)}
    files = make(tmp_path / "out", "sft", task=task, eval_data=str(scored))
    kept = {json.loads(line)["prompt"] for line in files["rows.jsonl"].read_text().splitlines()}
    assert kept and not kept & {row["prompt"] for row in rows[:30]}


def test_names_of_ours_become_names_of_theirs(tmp_path: Path) -> None:
    """Every setting that TRL has too arrives under its name there."""
    files = make(
        tmp_path / "out", "grpo", form="gspo", group_size=4, kl_coef=0.02, kl="k3", clip_low=0.1, clip_high=0.3,
        entropy_coef=0.001, scale="none", accumulation=2, updates_per_rollout=3, lora_rank=8, temperature=0.9,
    )  # fmt: skip
    there = yaml.safe_load(files["stage_1_grpo.yaml"].read_text())
    wanted = {
        "num_generations": 4, "beta": 0.02, "use_bias_correction_kl": False, "epsilon": 0.1, "epsilon_high": 0.3,
        "entropy_coef": 0.001, "scale_rewards": "none", "gradient_accumulation_steps": 2, "steps_per_generation": 6,
        "lora_r": 8, "lora_alpha": 32, "lora_dropout": 0.0, "use_peft": True, "loss_type": "grpo",
        "importance_sampling_level": "sequence", "max_completion_length": 40, "per_device_train_batch_size": 16,
        "learning_rate": 1e-5, "seed": 3, "temperature": 0.9, "reward_funcs": ["rewards.reward"],
    }  # fmt: skip
    assert {name: there.get(name) for name in wanted} == wanted


def test_cispo_is_capped_at_one_plus_clip_high(tmp_path: Path) -> None:
    """TRL's number is the cap itself."""
    files = make(tmp_path / "out", "grpo", form="cispo", clip_high=4.0, group_size=4)
    assert "epsilon_high: 5.0  # of cispo: the cap itself" in files["stage_1_grpo.yaml"].read_text()


def test_the_budget_becomes_updates_and_the_arithmetic_is_said(tmp_path: Path) -> None:
    """Tokens over what an update costs, by the rows' own lengths; another unit is said to have no counterpart."""
    files = make(tmp_path / "out", "sft", budget="20k-tokens")
    line = next(line for line in files["stage_1_sft.yaml"].read_text().splitlines() if line.startswith("max_steps"))
    rows = [json.loads(line) for line in files["rows.jsonl"].read_text().splitlines()]
    each = 16 * sum(-(-sum(len(row[name]) for row in rows) // len(rows)) for name in ("prompt", "response"))
    assert int(line.split()[1]) == -(-20000 // each)
    assert f"= {each})" in line
    timed = make(tmp_path / "timed", "sft", budget="60s")["stage_1_sft.yaml"].read_text()
    assert "max_steps" not in timed and "num_train_epochs: 1.0  # the budget of 60s is not in tokens" in timed


def test_a_learning_rate_that_is_left_out_is_that_of_a_run_here(tmp_path: Path) -> None:
    """By the size of the model: the starter is small, a hub id is taken for large."""
    small = make(tmp_path / "small", "sft", learning_rate=None)
    large = make(tmp_path / "large", "sft", task={**TASK, "model": "some/model"}, learning_rate=None)
    adapted = make(tmp_path / "lora", "sft", task={**TASK, "model": "some/model"}, learning_rate=None, lora_rank=4)
    rates = [
        yaml.safe_load(files["stage_1_sft.yaml"].read_text())["learning_rate"] for files in (small, large, adapted)
    ]
    assert rates == [3e-4, 1e-5, 2e-4]


def test_yaml_lines_are_read_back_as_they_were_meant() -> None:
    """Numbers stay numbers, 1e-05 too, and text that looks like something else stays text."""
    values = {
        "a": 1e-05,
        "b": 1e6,
        "c": True,
        "d": "no",
        "e": "1e5",
        "f": [{"p": "é #"}],
        "g": 3,
        "h": "x: y",
        "i": 0.1,
    }
    text = yaml_of(values, {"a": "a note", "d": "and one"}, "head\nof two lines")
    assert yaml.safe_load(text) == values
    assert text.startswith("# head\n# of two lines\na: 1.0e-05  # a note\n")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("verifier", "row", "right", "wrong"),
    [
        ("exact", {"answer": "yes"}, "yes", "no"),
        ("exact:#", {"answer": "12"}, "3#12", "12"),
        ("numeric", {"answer": "1,234"}, "The answer is 1234.0", "The answer is 12"),
        ("choice", {"answer": "B"}, "Answer: B", "Answer: C"),
        (r"regex:<a>(\d+)</a>", {"answer": "7"}, "<a>7</a>", "<a>8</a>"),
        ("math", {"answer": "1/2"}, r"\boxed{0.5}", r"\boxed{0.6}"),
        ("unit-tests", {"tests": "assert f(2) == 4"}, "def f(x):\n    return x * x", "def f(x):\n    return 3"),
        ("reference_impls.tasks.countdown:is_right", {"numbers": [2, 3], "target": 6}, "#2*3", "#2+3"),
    ],
)
def test_the_exported_reward_judges_as_the_verifier_does(
    tmp_path: Path, verifier: str, row: dict[str, Any], right: str, wrong: str
) -> None:
    """The folder alone says right and wrong, without posttrain installed, for texts and for messages."""
    file = tmp_path / "rows.jsonl"
    write_rows(file, [{"prompt": f"{n}?", "response": right, **row} for n in range(30)])
    make(tmp_path / "out", "grpo", task={"model": "m", "data": str(file), "verifier": verifier})
    asked = {"responses": [right, wrong, [{"role": "assistant", "content": right}]], "row": json.dumps(row)}
    code = (
        "import json, sys; sys.path.insert(0, '.'); import rewards, reference_impls; asked = json.load(sys.stdin); "
        "print(json.dumps([rewards.reward(['?'] * 3, asked['responses'], [asked['row']] * 3, extra=1), "
        "reference_impls.__file__]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], input=json.dumps(asked), cwd=tmp_path / "out", capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    rewards, where = json.loads(done.stdout)
    assert rewards == [1.0, 0.0, 1.0]
    assert Path(where).is_relative_to(tmp_path)


@pytest.mark.parametrize("target", TARGETS)
def test_a_folder_holds_every_module_that_its_files_import(tmp_path: Path, target: str) -> None:
    """It runs where posttrain is not installed: each import of our packages is a file of the folder."""
    out = tmp_path / "out"
    make(out, "sft_grpo", target)
    imported = set()
    for file in out.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in (
                "posttrain",
                "reference_impls",
            ):
                names = [f"{node.module}.{name.name}" for name in node.names]
                imported |= {name if _is_module(out, name) else node.module for name in names}
    assert {"posttrain.errors", "reference_impls.model.templates", "reference_impls.configs"} <= imported
    assert [name for name in sorted(imported) if not _is_module(out, name)] == []


def _is_module(out: Path, name: str) -> bool:
    path = out / name.replace(".", "/")
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def test_a_function_of_the_users_own_is_said_to_be_missing(tmp_path: Path) -> None:
    """The file names what has to be put beside it; for the others nothing is left to fill in."""
    own = make(tmp_path / "own", "grpo", task={**TASK, "verifier": "judge:close"})["rewards.py"].read_text()
    given = make(tmp_path / "given", "grpo")["rewards.py"].read_text()
    assert "To do: put the module" in own and "VERIFIER = 'judge:close'" in own
    assert "To do" not in given
