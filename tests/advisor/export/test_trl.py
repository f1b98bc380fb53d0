"""What is exported to TRL is read by TRL's own parser and trains: its pinned version runs every kind of stage."""

import importlib
import re
import runpy
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from advisor.export.job import starter
from tests.advisor.exporting import PAIRS, make, write_rows

# names of transformers that TRL itself still uses; saving adapters asks the hub for their model, and is refused
pytestmark = [
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore:A test tried to use socket"),
]
ON_CPU = ("--use_cpu", "true", "--bf16", "false")


@pytest.fixture(autouse=True)
def _quiet_libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No hub, no telemetry, and caches in the test's own folder."""
    constants, config = importlib.import_module("huggingface_hub.constants"), importlib.import_module("datasets.config")
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_TELEMETRY", True)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(config, "HF_DATASETS_CACHE", str(tmp_path / "cache"))


def run(monkeypatch: pytest.MonkeyPatch, out: Path, name: str, *arguments: str) -> None:
    """Do what `python NAME ARGUMENTS` does in the folder of the export, in this process."""
    monkeypatch.chdir(out)
    monkeypatch.syspath_prepend(str(out))
    monkeypatch.setattr(sys, "argv", [name, *arguments])
    for module in ("rewards", "prepare"):
        sys.modules.pop(module, None)
    runpy.run_path(str(out / name), run_name="__main__")


def train(monkeypatch: pytest.MonkeyPatch, out: Path, kind: str, stage: str) -> None:
    """Do what `trl KIND --config STAGE.yaml` does there, on the CPU, for two updates."""
    run(monkeypatch, out, "prepare.py", "starter", "--max-prompt-tokens", "100", "--max-response-tokens", "60")
    sys.modules.pop("rewards", None)
    script = importlib.import_module(f"trl.scripts.{kind}")
    arguments = ["--config", f"{stage}.yaml", *ON_CPU, "--max_steps", "2"]
    script.main(*script.make_parser().parse_args_and_config(arguments, fail_with_unknown_args=True))


def logged(text: str, name: str) -> list[float]:
    """Return what TRL printed under a name, step by step."""
    return [float(found) for found in re.findall(rf"'{name}': '([^']*)'", text)]


def has_learnt(folder: Path) -> bool:
    """Whether the weights in a folder are whole and others than the starter's."""
    from safetensors.torch import load_file

    before, after = load_file(starter() / "model.safetensors"), load_file(folder / "model.safetensors")
    return set(before) == set(after) and any(not before[name].equal(after[name]) for name in before)


@pytest.mark.parametrize(
    ("pipeline", "kind"), [("sft", "sft"), ("dft", "sft"), ("grpo", "grpo"), ("dpo", "dpo"), ("kto", "kto")]
)
def test_trl_reads_every_line(tmp_path: Path, pipeline: str, kind: str) -> None:
    """Its own parser takes each setting for one of its own, and holds the value that was written."""
    write_rows(tmp_path / "pairs.jsonl", PAIRS)
    task = {"model": "m", "data": str(tmp_path / "pairs.jsonl"), "verifier": "exact"}
    written = make(tmp_path / "out", pipeline, task=task, lora_rank=4)[f"stage_1_{pipeline}.yaml"]
    parser = importlib.import_module(f"trl.scripts.{kind}").make_parser()
    parsed = parser.parse_args_and_config(["--config", str(written), "--use_cpu", "true"], fail_with_unknown_args=True)
    held: dict[str, Any] = {name: value for part in parsed for name, value in vars(part).items()}
    settings = yaml.safe_load(written.read_text())
    assert len(settings) > 20
    for name in settings.keys() - {"datasets"}:
        assert getattr(held[name], "value", held[name]) == settings[name], name
    assert held["datasets"][0].data_files.startswith("data/")


@pytest.mark.slow
@pytest.mark.parametrize("pipeline", ["sft", "dft"])
def test_imitation_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], pipeline: str
) -> None:
    """Two updates on the starter: its loss is that of a task it knows, end of sequence included, and weights move."""
    make(tmp_path / "out", pipeline)
    train(monkeypatch, tmp_path / "out", "sft", f"stage_1_{pipeline}")
    losses = logged(capsys.readouterr().out, "loss")
    assert len(losses) == 2 and 0.01 < losses[0] < {"sft": 0.2, "dft": 0.1}[pipeline]
    assert has_learnt(tmp_path / "out" / f"stage_1_{pipeline}")


@pytest.mark.slow
def test_a_chain_of_stages_trains(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """SFT by LoRA, its adapters merged, then GRPO from there, which is rewarded by the exported verifier."""
    out = tmp_path / "out"
    make(out, "sft_grpo", lora_rank=4, learning_rate=1e-3, group_size=4)
    train(monkeypatch, out, "sft", "stage_1_sft")
    run(monkeypatch, out, "merge.py", "stage_1_sft", "stage_1_sft_merged")
    assert has_learnt(out / "stage_1_sft_merged")
    capsys.readouterr()
    train(monkeypatch, out, "grpo", "stage_2_grpo")
    rewards = logged(capsys.readouterr().out, "reward")
    assert len(rewards) == 2 and 0.0 < max(rewards) <= 1.0
    assert (out / "stage_2_grpo" / "adapter_model.safetensors").exists()


@pytest.mark.slow
@pytest.mark.parametrize("pipeline", ["dpo", "kto"])
def test_preferences_train(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pipeline: str) -> None:
    """Pairs and thumbs of a file reach their trainers."""
    write_rows(tmp_path / "pairs.jsonl", PAIRS)
    make(tmp_path / "out", pipeline, task={"model": "starter", "data": str(tmp_path / "pairs.jsonl")})
    train(monkeypatch, tmp_path / "out", pipeline, f"stage_1_{pipeline}")
    assert has_learnt(tmp_path / "out" / f"stage_1_{pipeline}")


@pytest.mark.slow
@pytest.mark.parametrize("select", ["verified", "random"])
def test_rejection_sampling_runs_from_end_to_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], select: str
) -> None:
    """Two rounds: sampled, judged, kept, imitated, saved."""
    out = tmp_path / "out"
    make(out, "expert_iteration", rounds=2, prompts_per_round=12, group_size=4, keep_per_prompt=2, select=select)
    run(monkeypatch, out, "prepare.py", "starter")
    run(monkeypatch, out, "rejection_sampling.py", "--config", "stage_1_rejection_sampling.yaml", *ON_CPU)
    kept = [int(found) for found in re.findall(r"(\d+) of 48 rollouts kept", capsys.readouterr().out)]
    assert len(kept) == 2 and all(0 < number <= 24 for number in kept)
    assert has_learnt(out / "stage_1_rejection_sampling")


def test_prompts_too_long_are_left_out_and_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The data step counts, and stops where nothing is left; a response has an end, whatever the template writes."""
    make(tmp_path / "out", "sft")
    with pytest.raises(SystemExit, match="no prompt has 1 to 3 tokens"):
        run(monkeypatch, tmp_path / "out", "prepare.py", "starter", "--max-prompt-tokens", "3")
    assert "0 of 48 rows kept, 48 prompts too long" in capsys.readouterr().out
    run(monkeypatch, tmp_path / "out", "prepare.py", "starter")
    assert "48 of 48 rows kept" in capsys.readouterr().out
    assert (tmp_path / "out" / "data" / "demonstrations.jsonl").read_text().count("<end>") == 48
