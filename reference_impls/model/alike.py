"""Layers that are alike: a few of them stand for all, so that a model of 80 layers is counted as fast as one of two."""

from collections.abc import Mapping

from torch import nn

from reference_impls.model.protocols import CausalModel


def times_of(model: CausalModel) -> dict[int, int]:
    """Return the layers that stand for all, by their number in the model, and how many layers each stands for.

    Of layers that are alike the first stands for itself, for it also keeps what all share (the cosines and sines of the
    positions), and the second for the others.
    """
    layers = layers_of(model)
    if _holder(model, layers) is None:
        return dict.fromkeys(range(len(layers)), 1)
    kinds = getattr(model.config.get_text_config(), "layer_types", None) or [""] * len(layers)
    alike: dict[object, list[int]] = {}
    for number, layer in enumerate(layers):
        alike.setdefault((kinds[number], _form(layer)), []).append(number)
    times = {}
    for numbers in alike.values():
        times[numbers[0]] = 1
        if len(numbers) > 1:
            times[numbers[1]] = len(numbers) - 1
    return dict(sorted(times.items()))


def _form(layer: nn.Module) -> tuple[object, ...]:
    """Return all that can make one layer keep other bytes than another: modules, their plain settings, and shapes."""
    return tuple(
        (
            name,
            type(module).__name__,
            tuple(
                (setting, value)
                for setting, value in sorted(vars(module).items())
                if isinstance(value, bool | int | float | str) and not setting.endswith("idx")  # its own number
            ),
            tuple((weight, tuple(tensor.shape)) for weight, tensor in module.named_parameters(recurse=False)),
        )
        for name, module in layer.named_modules()
    )


def _holder(model: CausalModel, layers: list[nn.Module]) -> tuple[nn.Module, str] | None:
    """Return the module that holds all layers in one list, and the name of that list; None where there is none."""
    for module in model.modules():
        for name, child in module.named_children():
            if isinstance(child, nn.ModuleList) and layers and list(child) == layers:
                return module, name
    return None


def reduced(model: CausalModel, times: Mapping[int, int]) -> CausalModel:
    """Return the model with only those layers that stand for all."""
    layers = layers_of(model)
    holder = _holder(model, layers)
    if holder is not None and len(times) < len(layers):
        module, name = holder
        setattr(module, name, nn.ModuleList(layers[number] for number in times))
    return model


def layers_of(model: CausalModel) -> list[nn.Module]:
    """Return the layers that activation checkpointing recomputes."""
    from transformers.modeling_layers import GradientCheckpointingLayer

    return [module for module in model.modules() if isinstance(module, GradientCheckpointingLayer)]
