"""What is exported to verl names only keys that verl's own schema holds; the rest cannot be run here."""

import json
import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from pyarrow import parquet

from advisor.export.verl import schema
from posttrain.errors import PosttrainError
from tests.advisor.exporting import make

ALL = {
    "kl_coef": 0.1, "lora_rank": 4, "form": "dr_grpo", "scale": "none", "entropy_coef": 0.01, "group_size": 4,
}  # fmt: skip


def overrides(script: str) -> dict[str, dict[str, str]]:
    """Return what each command of a script is told: entry point -> key -> value."""
    found = {}
    for command in re.findall(r"^(?:python|torchrun).*?\"\$@\"$", script, re.M | re.S):
        words = shlex.split(command.replace("\\\n", " "))
        entry = next(word.rsplit(".", 1)[1] for word in words if word.startswith("verl."))
        found[entry] = dict(word.split("=", 1) for word in words if re.match(r"[a-z_]+\.[a-z_.]+=", word))
    return found


@pytest.mark.parametrize(("pipeline", "entry"), [("sft", "sft_trainer"), ("grpo", "main_ppo")])
def test_every_key_is_one_of_verl(tmp_path: Path, pipeline: str, entry: str) -> None:
    """With each setting used that adds a key, nothing is written that the schema lacks, and nothing in it is idle."""
    settings = ALL if pipeline == "grpo" else {"lora_rank": 4}
    written = overrides(make(tmp_path / "out", pipeline, "verl", **settings)["run_verl.sh"].read_text())
    known = schema()["keys"][entry]
    assert set(written[entry]) == set(known)
    assert len(known) == len(set(known)) == {"sft_trainer": 30, "main_ppo": 55}[entry]
    assert re.fullmatch(r"[0-9a-f]{40}", schema()["commit"])


def test_names_of_ours_become_names_of_theirs(tmp_path: Path) -> None:
    """verl counts batches in prompts, ours in rollouts; each form is a ratio and a way to divide."""
    script = make(tmp_path / "out", "grpo", "verl", **{**ALL, "updates_per_rollout": 3})["run_verl.sh"].read_text()
    told = overrides(script)["main_ppo"]
    actor = "actor_rollout_ref.actor"
    wanted = {
        "data.train_batch_size": "12", f"{actor}.ppo_mini_batch_size": "4", "actor_rollout_ref.rollout.n": "4",
        f"{actor}.loss_agg_mode": "seq-mean-token-sum-norm", f"{actor}.loss_scale_factor": "40",
        f"{actor}.policy_loss.loss_mode": "vanilla", "algorithm.norm_adv_by_std_in_grpo": "false",
        f"{actor}.use_kl_loss": "true", f"{actor}.kl_loss_coef": "0.1", f"{actor}.optim.lr": "1e-05",
        "actor_rollout_ref.model.lora_rank": "4", "data.max_response_length": "40",
    }  # fmt: skip
    assert {name: told.get(name) for name in wanted} == wanted


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"form": "bnpo"}, "no form 'bnpo'"),
        ({"scale": "batch"}, "by the batch"),
        ({"micro_batch": 2, "group_size": 4, "updates_per_rollout": 2}, "no whole number of groups"),
    ],
)
def test_what_verl_cannot_be_told_is_refused(tmp_path: Path, settings: dict[str, object], said: str) -> None:
    """No setting is dropped in silence."""
    with pytest.raises(PosttrainError, match=said):
        make(tmp_path / "out", "grpo", "verl", **settings)
    assert not (tmp_path / "out").exists()


def test_adapters_between_stages_are_refused(tmp_path: Path) -> None:
    """The next stage would start from adapters without their model."""
    with pytest.raises(PosttrainError, match="another stage follows"):
        make(tmp_path / "out", "sft_grpo", "verl", lora_rank=4)


def test_the_script_is_a_shell_script_and_chains_its_stages(tmp_path: Path) -> None:
    """It parses, and the second stage starts from what the first one saved."""
    script = make(tmp_path / "out", "sft_grpo", "verl")["run_verl.sh"]
    subprocess.run(["sh", "-n", str(script)], check=True)
    assert script.stat().st_mode & 0o111
    text = script.read_text()
    assert 'model="$(ls -d stage_1_sft/global_step_*' in text and 'actor_rollout_ref.model.path="$model"' in text


def test_the_data_are_messages_with_their_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Parquet as verl reads it, and the reward function judges from it."""
    out = tmp_path / "out"
    make(out, "sft_grpo", "verl")
    monkeypatch.chdir(out)
    monkeypatch.setattr(sys, "argv", ["prepare_verl.py", "starter"])
    runpy.run_path("prepare_verl.py", run_name="__main__")
    assert capsys.readouterr().out == "48 demonstrations\n48 prompts\n"
    shown = parquet.read_table("data/demonstrations.parquet").to_pylist()[0]["messages"]
    assert [message["role"] for message in shown] == ["user", "assistant"]
    asked = parquet.read_table("data/prompts.parquet").to_pylist()[0]
    assert asked["prompt"] == shown[:1]
    score = runpy.run_path("rewards.py")["compute_score"]
    truth, extra = asked["reward_model"]["ground_truth"], asked["extra_info"]
    assert score("posttrain", shown[1]["content"], truth, extra_info=extra) == 1.0
    assert score("posttrain", "nothing", truth, extra) == 0.0
    assert json.loads(extra["row"])["answer"] == truth
