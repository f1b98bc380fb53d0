"""What verl 0.9.1's core_algos.py computes of our rows, and the command that writes it down.

    pip download --no-deps verl==0.9.1 -d FOLDER, unpack the wheel there, then
    python -m tests.reference_impls.objectives.verl_core FOLDER

verl itself needs Ray, so the one file is loaded alone, with empty modules in place of its neighbours.
"""

import importlib.util
import json
import sys
import types
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

from reference_impls import objectives

VERSION = "0.9.1"
GOLDEN = Path(__file__).parents[1] / "golden" / "verl_core.json"
LENGTHS, REWARDS = (5, 3, 4, 2, 5, 1), (1.0, 0.0, 0.0, 1.0, 1.0, 0.0)
GREEDY = (1.0, 0.0)  # of the two prompts, three rollouts each
KL_SHARE, CLIP_SHARE, LOW, HIGH = 0.2, 0.15, 0.05, 5.0


class Data:
    """Six rollouts of two prompts, decided by seeded uniform numbers."""

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(6)
        shape = (len(LENGTHS), max(LENGTHS))
        self.mask = torch.arange(shape[1])[None] < torch.tensor(LENGTHS)[:, None]
        self.rewards = torch.tensor(REWARDS)
        self.old = -2 * torch.rand(shape, generator=generator)
        self.now = self.old + torch.rand(shape, generator=generator) - 0.5
        self.advantages = torch.rand(shape[0], generator=generator) * 2 - 1


def ours() -> dict[str, Tensor]:
    """Return our advantages, and our losses with their gradients, by the names of the golden file."""
    data = Data()
    grouped = data.rewards.view(2, 3)
    rows = {
        "leave_one_out": objectives.leave_one_out(grouped).flatten()[:, None] * data.mask,
        "greedy_advantages": objectives.greedy_advantages(grouped, torch.tensor(GREEDY)).flatten()[:, None] * data.mask,
        "reinforce_plus_plus": objectives.whitened(
            objectives.return_to_go(objectives.at_last_token(data.rewards, data.mask), data.mask), data.mask
        ),
        "reinforce_plus_plus_baseline": objectives.whitened(
            objectives.group_advantages(grouped, "none").flatten(), data.mask
        ),
    }
    return rows | losses(data)


def losses(data: Data, **change: Callable[..., Any]) -> dict[str, Tensor]:
    """Return the gradients of the losses, each behind its loss. change: another function in place of an objective."""
    covariances = change.get("covariances", objectives.covariances)
    highest = change.get("highest_covariances", objectives.highest_covariances)

    def kl_cov(now: Tensor, share: float = KL_SHARE) -> Tensor:
        chosen = highest(covariances(now, data.advantages, data.mask), data.mask, share)
        return change.get("kl_cov", objectives.kl_cov)(now, data.old, data.advantages, data.mask, chosen)

    def clipped(now: Tensor, weights: Tensor | None = None) -> Tensor:
        return objectives.grpo(now, data.old, data.advantages, data.mask, form="dapo", weights=weights)

    def clip_cov_all(now: Tensor) -> Tensor:
        # share 1: every token between the bounds is chosen, so that chance has no part in it
        covariance = covariances(now, data.advantages, data.mask)
        ratio, advantage = (now - data.old).exp().detach(), data.advantages[:, None]
        stopped = ((ratio > 1.2) & (advantage > 0)) | ((ratio < 0.8) & (advantage < 0))
        uniform = torch.zeros(data.mask.shape)
        return clipped(
            now, objectives.clip_cov(covariance, data.mask & ~stopped, uniform, share=1.0, low=LOW, high=HIGH)
        )

    found = {}
    for name, loss in (("kl_cov", kl_cov), ("clip_cov none", clipped), ("clip_cov all", clip_cov_all)):
        leaf = data.now.clone().requires_grad_()
        value = loss(leaf)
        (gradient,) = torch.autograd.grad(value, leaf)
        found[name] = torch.cat((value.detach()[None], gradient.flatten()))
    return found


def theirs(folder: Path) -> dict[str, Tensor]:
    """Return what verl's file computes, by the same names."""
    core, data = _load(folder), Data()
    mask = data.mask.float()
    index = __import__("numpy").array(["a"] * 3 + ["b"] * 3)
    at_end = torch.zeros_like(mask)
    at_end[torch.arange(6), torch.tensor(LENGTHS) - 1] = data.rewards
    spread = data.advantages[:, None].expand_as(mask).contiguous()
    greedy = torch.tensor(GREEDY).repeat_interleave(3)
    found = {
        "leave_one_out": core.compute_rloo_outcome_advantage(at_end.clone(), mask, index)[0],
        "greedy_advantages": core.compute_remax_outcome_advantage(at_end, greedy, mask)[0],
        "reinforce_plus_plus": core.compute_reinforce_plus_plus_outcome_advantage(
            at_end, mask, SimpleNamespace(gamma=1.0)
        )[0],
        "reinforce_plus_plus_baseline": core.compute_reinforce_plus_plus_baseline_outcome_advantage(
            at_end.clone(), mask, index
        )[0],
    }
    config = {
        "kl_cov": (core.compute_policy_loss_kl_cov, {"kl_cov_ratio": KL_SHARE, "ppo_kl_coef": 1.0}),
        "clip_cov none": (
            core.compute_policy_loss_clip_cov, {"clip_cov_ratio": 1e-4, "clip_cov_lb": 1e3, "clip_cov_ub": 1e4}
        ),
        "clip_cov all": (
            core.compute_policy_loss_clip_cov, {"clip_cov_ratio": 1.0, "clip_cov_lb": LOW, "clip_cov_ub": HIGH}
        ),
    }  # fmt: skip
    for name, (loss, own) in config.items():
        settings = SimpleNamespace(
            clip_ratio=0.2, clip_ratio_low=None, clip_ratio_high=None, global_batch_info={}, get=lambda _, other: other,
            policy_loss=SimpleNamespace(**own),
        )  # fmt: skip
        leaf = data.now.clone().requires_grad_()
        value = loss(data.old, leaf, spread, mask, config=settings)[0]
        (gradient,) = torch.autograd.grad(value, leaf)
        found[name] = torch.cat((value.detach()[None], gradient.flatten()))
    return {name: value * (mask if value.dim() > 1 else 1) for name, value in found.items()}


def _load(folder: Path) -> Any:
    """Return core_algos, loaded alone."""

    def module(name: str, **held: object) -> None:
        made = types.ModuleType(name)
        made.__dict__.update(held, __path__=[])
        sys.modules[name] = made

    def load(name: str, path: str) -> Any:
        spec = importlib.util.spec_from_file_location(name, folder / "verl" / path)
        assert spec and spec.loader
        sys.modules[name] = loaded = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(loaded)
        return loaded

    empty = type("Empty", (), {})
    module("tensordict", TensorDict=empty)
    module("omegaconf", DictConfig=dict)
    for name in ("verl", "verl.trainer", "verl.workers", "verl.utils"):
        module(name)
    module("verl.trainer.config", AlgoConfig=type("AlgoConfig", (), {}))
    module("verl.workers.config", ActorConfig=empty)
    module("verl.utils.device", get_device_name=lambda: "cpu", get_torch_device=lambda: torch.cpu)
    groupwise = load("verl.utils.groupwise", "utils/groupwise.py")
    module("verl.utils.import_utils", deprecated=lambda *_: lambda function: function)
    functional = load("verl.utils.torch_functional", "utils/torch_functional.py")
    sys.modules["verl.utils"].__dict__.update(
        as_torch_index=groupwise.as_torch_index, group_mean_std=groupwise.group_mean_std, torch_functional=functional
    )
    return load("core_algos", "trainer/ppo/core_algos.py")


def read_golden() -> dict[str, Tensor]:
    """Return verl's numbers as they were written down."""
    held = json.loads(GOLDEN.read_text(encoding="utf-8"))
    return {name: torch.tensor(values) for name, values in held["cases"].items()}


if __name__ == "__main__":
    cases = {name: value.tolist() for name, value in theirs(Path(sys.argv[1])).items()}
    GOLDEN.write_text(json.dumps({"verl": VERSION, "torch": torch.__version__, "cases": cases}) + "\n")
    print(f"{len(cases)} cases in {GOLDEN}")
