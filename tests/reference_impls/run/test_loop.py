"""Runs from config.json to result.json: every technique, resumed, killed, in two processes, with bad input."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from posttrain.errors import PosttrainError
from reference_impls.configs import CONFIGS, Budget, make_config
from reference_impls.model.policy import load_policy
from reference_impls.run.loop import Run
from tests.reference_impls import runs

HAS_DIGIT = "tests.reference_impls.lenient:has_digit"
TECHNIQUES = ("sft", "dft", "rejection_sampling", "grpo")
OWN = {
    "sft": {}, "dft": {"noise": 0.3},
    "rejection_sampling": {"prompts_per_round": 8, "group_size": 4, "verifier": HAS_DIGIT},
    "grpo": {"group_size": 4, "verifier": HAS_DIGIT},
}  # fmt: skip


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A policy that has learnt nothing yet."""
    return str(runs.make_untrained(tmp_path_factory.mktemp("policy") / "untrained"))


@pytest.mark.parametrize("technique", TECHNIQUES)
def test_a_run_spends_its_budget_and_says_what_it_did(technique: str, untrained: str, tmp_path: Path) -> None:
    """Every technique goes from config.json to result.json, and its tokens add up to no less than the budget."""
    folder = runs.write_config(
        tmp_path / "run", technique, model=untrained, budget="2000-tokens", **OWN[technique], checkpoint_every=3
    )
    assert runs.run(folder) == 0
    result, metrics = runs.read(folder, "result.json"), runs.read(folder, "metrics.jsonl")
    work = result["work"]
    assert work["tokens"] == work["generated"] + work["trained"] + work["scored"] >= 2000
    assert result["before"]["strict"]["n"] == result["after"]["strict"]["n"] == 8
    assert result["updates"] > 0
    assert sum(line["grad_norm"] > 0 for line in metrics if "grad_norm" in line) > 1
    assert {"before", "validation", "after"} == {line["moment"] for line in runs.read(folder, "samples.jsonl")}


@pytest.mark.parametrize("technique, more", [
    ("sft", {}), ("grpo", {"kl_coef": 0.5, "entropy_coef": 0.01}),
    *(
        pytest.param(technique, more, marks=pytest.mark.slow)
        for technique, more in [
            *((technique, {}) for technique in TECHNIQUES if technique != "sft"),
            ("sft", {"lora_rank": 4}), ("grpo", {"lora_rank": 4, "kl_coef": 0.5}),
        ]
    ),
])  # fmt: skip
def test_a_resumed_run_is_the_uninterrupted_one_bit_for_bit(
    technique: str, more: dict[str, Any], untrained: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped after a few steps and gone on with, it ends with the same weights, metrics, samples and scores."""
    settings = {"model": untrained, **OWN[technique], "learning_rate": 1e-3, **more}
    whole = runs.write_config(tmp_path / "whole", technique, **settings, budget="2500-tokens")
    assert runs.run(whole) == 0
    parts = runs.write_config(tmp_path / "parts", technique, **settings, budget="2500-tokens")
    with monkeypatch.context() as patched:
        patched.setattr(Run, "write", _interrupted_at(3))
        with pytest.raises(KeyboardInterrupt):
            runs.run(parts)
    assert runs.run(parts, resume=True) == 0
    assert runs.weights(parts) == runs.weights(whole)
    assert runs.without_time(runs.read(parts, "metrics.jsonl")) == runs.without_time(runs.read(whole, "metrics.jsonl"))
    first, second = (runs.read(folder, "result.json") for folder in (parts, whole))
    assert [first[name] for name in ("before", "after", "steps")] == [
        second[name] for name in ("before", "after", "steps")
    ]


def _interrupted_at(step: int) -> Callable[..., None]:
    """Return a Run.write that is interrupted in the middle of a step, after its update and before its checkpoint."""
    write = Run.write

    def interrupted(run: Run, metrics: dict[str, float]) -> None:
        write(run, metrics)
        if run.step == step:
            raise KeyboardInterrupt

    return interrupted


@pytest.mark.slow
@pytest.mark.parametrize("technique", ["sft", "grpo"])
def test_a_killed_run_goes_on_as_if_nothing_had_happened(technique: str, untrained: str, tmp_path: Path) -> None:
    """kill -9 at random moments; resumed each time, it ends bit for bit as a run that was left alone."""
    settings = {"model": untrained, **OWN[technique], "learning_rate": 1e-3, "budget": "6000-tokens"}
    whole = runs.write_config(tmp_path / "whole", technique, **settings)
    assert runs.run(whole) == 0
    killed = runs.write_config(tmp_path / "killed", technique, **settings)
    rng, kills = random.Random(3), 0
    for _ in range(3):
        lines = _lines(killed / "metrics.jsonl") + rng.randint(1, 3)
        process = subprocess.Popen(runs.command(killed, "--resume"), cwd=runs.ROOT, stderr=subprocess.DEVNULL)
        while process.poll() is None and _lines(killed / "metrics.jsonl") < lines:
            time.sleep(0.01)
        time.sleep(rng.uniform(0.0, 0.1))
        kills += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert kills, "every run ended before it was killed"
    assert runs.run_apart(killed, "--resume").returncode == 0
    assert runs.weights(killed) == runs.weights(whole)
    assert runs.without_time(runs.read(killed, "metrics.jsonl")) == runs.without_time(runs.read(whole, "metrics.jsonl"))


def _lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


@pytest.mark.slow
@pytest.mark.parametrize("technique, more", [("sft", {"lora_rank": 4}), ("grpo", {"kl_coef": 0.1})])
def test_two_processes_learn_what_one_does(
    technique: str, more: dict[str, Any], untrained: str, tmp_path: Path
) -> None:
    """Under torchrun with gloo the losses, the rollouts and the gradients' norms are those of a single process."""
    settings = {
        "model": untrained,
        **OWN[technique],
        **more,
        "budget": "3000-tokens",
        "micro_batch": 4,
        "accumulation": 3,
    }
    one, two = (runs.write_config(tmp_path / name, technique, **settings) for name in ("one", "two"))
    assert runs.run(one) == 0
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    done = subprocess.run(
        [*torchrun, *runs.command(two)[1:]], cwd=runs.ROOT, env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    alone, together = (runs.read(folder, "metrics.jsonl") for folder in (one, two))
    assert len(alone) == len(together) > 3
    for mine, ours in zip(runs.without_time(alone), runs.without_time(together), strict=True):
        assert ours == pytest.approx(mine, rel=1e-4, abs=1e-6)
    assert runs.read(one, "result.json")["after"] == runs.read(two, "result.json")["after"]


def test_equal_rewards_teach_nothing_and_cost_no_update(untrained: str, tmp_path: Path) -> None:
    """Where every group's rewards are equal the weights stay, and the log says that all groups were."""
    folder = runs.write_config(
        tmp_path / "run", "grpo", model=untrained, budget="500-tokens", group_size=4,
        verifier="tests.reference_impls.lenient:always",
    )  # fmt: skip
    assert runs.run(folder) == 0
    lines = [line for line in runs.read(folder, "metrics.jsonl") if "equal_groups" in line]
    assert lines and all(line["equal_groups"] == 1.0 and line["reward"] == 1.0 for line in lines)
    assert runs.read(folder, "result.json")["updates"] == 0
    assert runs.weights(folder, "best") == runs.weights(folder, "last")


def test_nothing_verified_ends_the_run_with_a_reason(untrained: str, tmp_path: Path) -> None:
    """Rejection sampling with a verifier that is never satisfied stops, changes no weight, and says what to do."""
    folder = runs.write_config(
        tmp_path / "run", "rejection_sampling", model=untrained, budget="90k-tokens", prompts_per_round=4, group_size=2,
        verifier="tests.reference_impls.lenient:never",
    )  # fmt: skip
    assert runs.run(folder) == 4
    result = runs.read(folder, "result.json")
    assert result["status"] == "stopped" and "nothing to imitate" in result["stopped_because"]
    assert result["updates"] == 0


@pytest.mark.slow
def test_the_control_keeps_as_many_rows_as_the_verifier(untrained: str, tmp_path: Path) -> None:
    """`select: random` trains on the same number of rows of each round, chosen without the verifier."""
    kept = {}
    for select in ("verified", "random"):
        folder = runs.write_config(
            tmp_path / select, "rejection_sampling", model=untrained, budget="3000-tokens", select=select,
            **OWN["rejection_sampling"],
        )  # fmt: skip
        assert runs.run(folder) == 0
        kept[select] = next(line for line in runs.read(folder, "metrics.jsonl") if "kept" in line)
    assert kept["verified"]["kept"] == kept["random"]["kept"] > 0
    assert kept["verified"]["reward"] == kept["random"]["reward"]


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_best(untrained: str, tmp_path: Path) -> None:
    """A learning rate beyond reason ends in a reason, an exit code of 4, and weights that are still numbers."""
    folder = runs.write_config(
        tmp_path / "run", "sft", model=untrained, budget="90k-tokens", learning_rate=1e30, warmup_steps=0
    )
    assert runs.run(folder) == 4
    result = runs.read(folder, "result.json")
    assert "lower the learning rate" in result["stopped_because"]
    assert result["chosen_step"] == 0
    left = load_file(folder / "policy" / "model.safetensors")
    assert left and all(torch.isfinite(weight).all() for weight in left.values())


def test_a_run_without_gain_stops_early(untrained: str, tmp_path: Path) -> None:
    """With patience, a policy that learns nothing ends before its budget."""
    folder = runs.write_config(
        tmp_path / "run", "sft", model=untrained, budget="90k-tokens", patience=2, learning_rate=1e-9
    )
    assert runs.run(folder) == 0
    result = runs.read(folder, "result.json")
    assert result["status"] == "early" and result["work"]["tokens"] < 90_000


@pytest.mark.slow
@pytest.mark.parametrize("lora_rank", [0, 4])
def test_a_trained_policy_is_a_model_for_the_next_stage(lora_rank: int, untrained: str, tmp_path: Path) -> None:
    """RUN_DIR/policy loads like any model, has the weights that were chosen, and differs from the start."""
    first = runs.write_config(
        tmp_path / "first", "sft", model=untrained, budget="1500-tokens", lora_rank=lora_rank, learning_rate=1e-2
    )
    assert runs.run(first) == 0
    second = runs.write_config(
        tmp_path / "second", "grpo", model=str(first / "policy"), budget="600-tokens", group_size=4, verifier=HAS_DIGIT
    )
    assert runs.run(second) == 0
    start, trained = (
        load_policy(make_config({"technique": "sft", "model": str(model), "device": "cpu"})).model.model.layers[0]
        for model in (untrained, first / "policy")
    )
    assert not torch.equal(start.mlp.up_proj.weight, trained.mlp.up_proj.weight)
    assert runs.read(second, "result.json")["before"] == runs.read(first, "result.json")["after"]


def test_probe_measures_and_changes_nothing(untrained: str, tmp_path: Path) -> None:
    """pass@1, pass@k, format rate, equal groups and the verifier on gold answers, each with k and n."""
    folder = runs.write_config(
        tmp_path / "run", "probe", model=untrained, group_size=4, verifier="tests.reference_impls.lenient:has_digit"
    )
    assert runs.run(folder) == 0
    found = runs.read(folder, "result.json")["probe"]
    assert 0 < found["verifier_on_gold"]["k"] < found["verifier_on_gold"]["n"]  # this verifier is no judge of addition
    assert found["pass_at_1"]["n"] == 32 and found["pass_at_k"]["4"] >= found["pass_at_k"]["1"]
    assert found["pass_at_k"]["1"] == pytest.approx(found["pass_at_1"]["k"] / 32)
    assert runs.read(folder, "result.json")["updates"] == 0


@pytest.mark.parametrize("settings, said", [
    ({"learning_rat": 1}, "there is no setting 'learning_rat' for sft; did you mean learning_rate?"),
    ({"budget": "much"}, "budget is 'much'; expected something like 200k-tokens"),
    ({"budget": "0s"}, "expected something like"),
    ({"noise": 2}, "noise is 2: input should be less than or equal to 1"),
    ({"weights": "bfloat16", "learning_rate": 1e-6}, "bfloat16 weights hardly move"),
    ({"model": "/nowhere/at/all"}, "cannot load the model '/nowhere/at/all'"),
    ({"data": "task:adition"}, "did you mean task:addition"),
    ({"data": "nowhere.jsonl"}, "nowhere.jsonl"),
    ({"verifier": "exat"}, "exat"),
    ({"device": "cuda"}, "torch sees no GPU"),
    ({"max_response_tokens": 3}, "are longer than max_response_tokens"),
    ({"max_prompt_tokens": 2}, "no prompt of task:addition:1 has 1 to 2 tokens; the shortest has 8"),
    ({"max_response_tokens": 600}, "no prompt of task:addition:1 has 1 to -88 tokens"),
])  # fmt: skip
def test_bad_settings_are_one_clear_sentence(
    settings: dict[str, Any], said: str, untrained: str, tmp_path: Path
) -> None:
    """What was found, what was expected, and a next command; nothing but the config is left in the folder."""
    if settings.get("device") == "cuda" and __import__("torch").cuda.is_available():
        pytest.skip("there is a GPU here")
    folder = runs.write_config(tmp_path / "run", "sft", **{"model": untrained, **settings})
    with pytest.raises(PosttrainError) as caught:
        runs.cli.run_technique("sft", runs.TRAIN["sft"], folder)
    assert said in caught.value.message
    assert caught.value.hint


def test_the_command_line_says_what_is_wrong_without_a_traceback(tmp_path: Path) -> None:
    """A folder without config, with another technique's, or with a finished run: a sentence, a hint and exit code 2."""
    empty = subprocess.run(
        [sys.executable, "-m", "reference_impls.sft", str(tmp_path)],
        cwd=runs.ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert empty.returncode == 2 and "there is no" in empty.stderr and "try:" in empty.stderr
    assert "Traceback" not in empty.stderr
    folder = runs.write_config(tmp_path / "run", "grpo")
    with pytest.raises(PosttrainError, match="is for grpo"):
        runs.cli.run_technique("sft", runs.TRAIN["sft"], folder)
    (folder / "metrics.jsonl").touch()
    with pytest.raises(PosttrainError, match="holds a run already"):
        runs.run(folder)


@pytest.mark.slow
def test_two_runs_do_not_share_a_folder(untrained: str, tmp_path: Path) -> None:
    """A second run in a folder is refused while a process is at work there."""
    folder = runs.write_config(tmp_path / "run", "sft", model=untrained, budget="900M-tokens")
    first = subprocess.Popen(runs.command(folder), cwd=runs.ROOT, stderr=subprocess.DEVNULL)
    try:
        while first.poll() is None and not _lines(folder / "metrics.jsonl"):
            time.sleep(0.01)
        with pytest.raises(PosttrainError, match="still at work"):
            runs.run(folder, resume=True)
    finally:
        first.kill()
        first.wait()


def test_a_short_run_keeps_what_it_learnt(tmp_path: Path) -> None:
    """A run that ends between two scores is scored once more: its last weights may be the best."""
    folder = runs.write_config(
        tmp_path / "run",
        "sft",
        data="task:addition",
        budget="15k-tokens",
        micro_batch=64,
        eval_every=1000,
        eval_size=40,
        max_response_tokens=40,
    )
    assert runs.run(folder) == 0
    result, metrics = runs.read(folder, "result.json"), runs.read(folder, "metrics.jsonl")
    assert [line["step"] for line in metrics if "validation" in line] == [0, result["steps"]]
    best = max((line["validation"], line["step"]) for line in metrics if "validation" in line)
    assert result["chosen_step"] == best[1]


@pytest.mark.parametrize("name, said", [("raises", "cannot be scored"), ("seven", "cannot be scored")])
def test_a_verifier_that_fails_is_no_zero(name: str, said: str, untrained: str, tmp_path: Path) -> None:
    """Where most answers cannot be scored there is nothing to learn, and the run says why before it begins."""
    folder = runs.write_config(
        tmp_path / "run", "grpo", model=untrained, group_size=4, verifier=f"tests.reference_impls.lenient:{name}"
    )
    with pytest.raises(PosttrainError, match=said) as caught:
        runs.run(folder)
    assert {"raises": "boom", "seven": "7"}[name] in caught.value.message


def test_a_resumed_run_is_the_one_that_began(untrained: str, tmp_path: Path) -> None:
    """A config that was changed in between is refused by the name of the setting; a larger budget is not."""
    folder = runs.write_config(tmp_path / "run", "sft", model=untrained, budget="600-tokens")
    assert runs.run(folder) == 0
    config = runs.read(folder, "config.json")
    (folder / "config.json").write_text(json.dumps({**config, "budget": "1200-tokens", "seed": 3}))
    with pytest.raises(PosttrainError, match="seed was 0 and is 3"):
        runs.run(folder, resume=True)
    (folder / "config.json").write_text(json.dumps({**config, "budget": "1200-tokens"}))
    assert runs.run(folder, resume=True) == 0
    assert runs.read(folder, "result.json")["work"]["tokens"] >= 1200


def test_every_setting_has_a_sentence_and_every_budget_a_unit() -> None:
    """`--settings` explains all of them, and budgets are read as they are written."""
    for config in CONFIGS.values():
        assert all(field.description for name, field in config.model_fields.items() if name != "technique")
    assert Budget.parse("200k-tokens") == Budget(amount=200_000, unit="tokens")
    assert Budget.parse("5e14-flops") == Budget(amount=5e14, unit="flops")
    assert Budget.parse("60s") == Budget(amount=60, unit="seconds")
