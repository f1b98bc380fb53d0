"""The bytes that one forward pass of a model keeps for its backward pass, each storage once."""

from collections.abc import Sequence

import torch
from torch import Tensor

from reference_impls.model.alike import layers_of
from reference_impls.model.protocols import CausalModel


def kept_bytes(
    model: CausalModel, tokens: int, compute: torch.dtype, times: Sequence[int] | None = None
) -> dict[str, float]:
    """Return the bytes that one forward pass of a sequence keeps for its backward pass, logits left out.

    total, inputs (of all layers), rest (outside them) and layer (the most of one). Real tensors and fake ones alike.
    times: how many layers of the whole model each layer stands for; once each if left out.
    """
    own = {weight.untyped_storage()._cdata for weight in model.parameters()}
    held: dict[int, tuple[Tensor, int | None]] = {}  # the tensors stay, so that no storage is given out again
    inputs: dict[int, tuple[Tensor, int]] = {}
    layer: list[int | None] = [None]
    layers = layers_of(model)
    stands_for = times or [1] * len(layers)

    def pack(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()._cdata  # its address: views of one tensor share it
        if storage not in own:
            held.setdefault(storage, (tensor, layer[0]))
        return tensor

    def enter(number: int, hidden: Tensor) -> None:
        layer[0] = number
        inputs[hidden.untyped_storage()._cdata] = hidden, number

    hooks = [
        hook
        for number, module in enumerate(layers)
        for hook in (
            module.register_forward_pre_hook(lambda _, given, number=number: enter(number, given[0])),
            module.register_forward_hook(lambda *_: layer.__setitem__(0, None)),
        )
    ]
    ids = torch.zeros(1, tokens, dtype=torch.long)
    autocast = torch.autocast("cpu", dtype=torch.bfloat16, enabled=compute == torch.bfloat16)
    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor), autocast:
        hidden = model.get_decoder()(input_ids=ids, use_cache=False).last_hidden_state
    for hook in hooks:
        hook.remove()
    del hidden
    by_layer = [0] * max(len(layers), 1)
    rest = 0
    for tensor, holder in held.values():
        size = tensor.untyped_storage().nbytes()
        if holder is None:
            rest += size
        else:
            by_layer[holder] += size
    total = rest + sum(size * count for size, count in zip(by_layer, stands_for, strict=False))
    return {
        "total": total,
        "inputs": sum(tensor.untyped_storage().nbytes() * stands_for[number] for tensor, number in inputs.values())
        if layers
        else total,
        "rest": rest,
        "layer": max(by_layer),
    }
