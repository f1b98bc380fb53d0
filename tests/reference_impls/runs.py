"""Run folders for tests: techniques run as users run them, in a process of their own or in this one."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch

from reference_impls import dft, grpo, probe, rejection_sampling, sft
from reference_impls.configs import CONFIGS
from reference_impls.run import cli
from reference_impls.starter import make

ROOT = Path(__file__).resolve().parents[2]
TRAIN = {
    **{name: sft.train for name, config in CONFIGS.items() if config.family == "sft"},
    **{name: grpo.train for name, config in CONFIGS.items() if config.family == "grpo"},
    "sft": sft.train,
    "dft": dft.train,
    "rejection_sampling": rejection_sampling.train,
    "grpo": grpo.train,
    "probe": probe.train,
}
QUICK = {
    "data": "task:addition:1", "eval_size": 8, "micro_batch": 8, "max_response_tokens": 12, "eval_every": 2,
    "threads": 1,
}  # fmt: skip


def make_untrained(folder: Path) -> Path:
    """Write a policy with the starter's tokenizer and untrained weights of its shape, and return its folder."""
    torch.manual_seed(0)
    tokenizer = make.make_tokenizer()
    make.make_model(len(tokenizer)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def write_config(folder: Path, technique: str, **settings: Any) -> Path:
    """Write a quick config into a new run folder and return the folder."""
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"technique": technique, **QUICK, **settings}))
    return folder


def run(folder: Path, *, resume: bool = False) -> int:
    """Run the folder's technique in this process and return its exit code."""
    technique = json.loads((folder / "config.json").read_text())["technique"]
    return cli.run_technique(technique, TRAIN[technique], folder, resume=resume)


def command(folder: Path, *options: str) -> list[str]:
    """Return the command that runs a folder's technique."""
    technique = json.loads((folder / "config.json").read_text())["technique"]
    return [sys.executable, "-m", f"reference_impls.{technique}", str(folder), *options]


def run_apart(folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run the folder's technique in a process of its own."""
    place = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command(folder, *options), cwd=ROOT, env=place, capture_output=True, text=True, check=False)


def read(folder: Path, name: str) -> Any:
    """Return a JSON or JSON-lines file of the run."""
    text = (folder / name).read_text()
    return [json.loads(line) for line in text.splitlines()] if name.endswith("l") else json.loads(text)


def weights(folder: Path, name: str = "last") -> bytes:
    """Return the bytes of a checkpoint's weights."""
    return (folder / name / "weights.safetensors").read_bytes()


def without_time(metrics: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return metrics lines without what a clock says."""
    return [{name: value for name, value in line.items() if name != "seconds"} for line in metrics]
