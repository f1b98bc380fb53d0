"""A run on disk: weights, optimizer, random number generators and the state of the loop, whole or not at all."""

import json
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from posttrain.errors import ConfigurationError
from reference_impls.model.policy import Policy

WEIGHTS, OPTIMIZER, STATE = "weights.safetensors", "optimizer.pt", "state.json"


def save_weights(folder: Path, policy: Policy) -> None:
    """Write the weights that training changes."""
    save_file(
        {name: weight.detach().cpu().contiguous() for name, weight in _trainable(policy).items()}, folder / WEIGHTS
    )


def save_checkpoint(
    folder: Path, policy: Policy, optimizer: torch.optim.Optimizer, state: Mapping[str, object]
) -> None:
    """Write everything that a later process needs to continue exactly as this process would."""
    save_weights(folder, policy)
    generators: dict[str, object] = {"torch": torch.get_rng_state()}
    if torch.cuda.is_available():
        generators["cuda"] = torch.cuda.get_rng_state_all()
    torch.save({"optimizer": optimizer.state_dict(), "generators": generators}, folder / OPTIMIZER)
    (folder / STATE).write_text(json.dumps({**state, "python": random.getstate()}), encoding="utf-8")


def load_weights(folder: Path, policy: Policy) -> None:
    """Put saved weights into the policy. Raises PosttrainError where they are another model's."""
    saved, own = load_file(folder / WEIGHTS), _trainable(policy)
    if _shapes(saved) != _shapes(own):
        raise ConfigurationError(
            f"{folder} holds weights of another model ({len(saved)} tensors, this model trains {len(own)})",
            "resume with the config that the run began with, or begin a new run folder",
        )
    with torch.no_grad():
        for name, weight in own.items():
            weight.copy_(saved[name])


def load_checkpoint(folder: Path, policy: Policy, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Put a checkpoint into policy and optimizer and return the state of the loop."""
    load_weights(folder, policy)
    saved = torch.load(folder / OPTIMIZER, map_location=policy.device, weights_only=True)
    optimizer.load_state_dict(saved["optimizer"])
    torch.set_rng_state(saved["generators"]["torch"].cpu())
    if "cuda" in saved["generators"] and torch.cuda.is_available():
        torch.cuda.set_rng_state_all([state.cpu() for state in saved["generators"]["cuda"]])
    state: dict[str, Any] = json.loads((folder / STATE).read_text(encoding="utf-8"))
    version, numbers, gauss = state.pop("python")
    random.setstate((version, tuple(numbers), gauss))
    return state


def _shapes(weights: Mapping[str, torch.Tensor]) -> dict[str, torch.Size]:
    return {name: weight.shape for name, weight in weights.items()}


def _trainable(policy: Policy) -> dict[str, torch.nn.Parameter]:
    return {name: weight for name, weight in policy.model.named_parameters() if weight.requires_grad}
