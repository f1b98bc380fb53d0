"""The memory that a model needs for training, counted before any weight is loaded.

    python -m reference_impls.model.memory MODEL

The model is built from its config on the meta device, where tensors have a shape and no data; for the forward pass
they become fake tensors, meta tensors that pass for CPU tensors, so that autocast acts on them. The model's own code
runs at two lengths, and the tensors that autograd keeps for the backward pass are added up, each storage once. Two
lengths give a straight line: bytes for each token, and constant bytes (autocast's copies of the weights).

Two traps. A mask of T x T would be computed and kept, so attention here has neither mask nor scores: it keeps query,
key, value, output and the logarithm of the sum of exponentials, as flash attention does (arXiv:2307.08691). And
weights are kept for the backward pass too, so their storages are left out: they are counted as weights.

Layers that are alike keep alike: of each kind of layer one is built and run, and counted as often as the model has it.
Two layers are alike where their modules, the shapes of their weights and their entry in the config's `layer_types` are.

Logits are not counted here: reference_impls.model.policy computes them in chunks.
"""

import argparse
import json
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn, cast

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.autograd.function import FunctionCtx

from posttrain.errors import ConfigurationError, PosttrainError
from reference_impls.configs import make_config
from reference_impls.model.alike import layers_of, reduced, times_of
from reference_impls.model.kept import kept_bytes
from reference_impls.model.policy import DTYPES, with_adapters
from reference_impls.model.protocols import CausalModel, ModelConfig
from reference_impls.model.templates import STARTER

ATTENTION = "counted"
LENGTHS = (64, 128)  # tokens of the two passes
RANK = 16  # adapters' weights grow in proportion to it; their activations hardly do
ADAPTERS = {"technique": "sft", "lora_rank": RANK}
WAYS = {"float32": ("bfloat16", "float32"), "bfloat16": ("bfloat16",)}  # weights, and what may compute with them


@dataclass(frozen=True)
class Kept:
    """Bytes kept for the backward pass in one way of training; a layer is recomputed as a whole."""

    weights: str
    compute: str
    adapters: bool
    per_token: float  # all of it
    constant: float  # all that does not grow with tokens: autocast's copies of the weights
    inputs_per_token: float  # the inputs of all layers: they stay when the rest is recomputed
    rest_per_token: float  # kept outside the layers
    layer_per_token: float  # kept by the layer that keeps the most
    layer_constant: float


@dataclass(frozen=True)
class Counts:
    """The numbers of one model that memory follows from."""

    model: str
    parameters: int
    embedding: int  # weights of the input embedding
    head: int  # weights of the output matrix, the same ones where `tied`
    tied: bool
    largest: int  # weights of the largest tensor
    layer_parameters: int  # weights of the largest layer
    layers: int
    hidden: int
    vocabulary: int
    adapter_parameters_per_rank: int  # of LoRA adapters on all linear layers
    kv_values_per_token: int  # keys and values of one token in all layers
    kept: tuple[Kept, ...]


def count(config: ModelConfig, name: str = "") -> Counts:
    """Return the counts of the model that a transformers config describes; nothing is loaded.

    Raises PosttrainError for a model whose code cannot run on shapes alone (it looks at the values of its tensors).
    """
    # a model's own code may raise any of these where it looks for values in tensors that have none
    failures = (ValueError, RuntimeError, TypeError, AttributeError, KeyError, IndexError)
    try:
        return _count(config, name, alike=True)
    except failures:  # its layers may look at each other, as where they share keys and values: build all of them
        pass
    try:
        return _count(config, name, alike=False)
    except failures as error:
        first = (str(error) or type(error).__name__).splitlines()[0]
        raise ConfigurationError(
            f"cannot count {name or config.model_type}: {first}", "give its size instead"
        ) from error


def _count(config: ModelConfig, name: str, *, alike: bool) -> Counts:
    """Return the counts; where `alike`, of layers that are alike two are built for all of them."""
    with _quiet():
        whole = _build(config, DTYPES["float32"])
        facts, tied = _facts(whole), _is_tied(whole)
        times = times_of(whole) if alike else dict.fromkeys(range(len(layers_of(whole))), 1)
        plain = {
            weights: reduced(whole if weights == "float32" else _build(config, DTYPES[weights]), times)
            for weights in WAYS
        }
        adapted = {weights: with_adapters(deepcopy(model), make_config(ADAPTERS)) for weights, model in plain.items()}
        trained = _adapter_weights(adapted["float32"].get_base_model(), times)
        with FakeTensorMode():
            fakes = {weights: _as_fake(model) for weights, model in plain.items()}
            facts["kv_values_per_token"] = _kv_values(fakes["float32"], times)
            kept = tuple(
                Kept(weights, compute, adapters, **_lines(_as_fake(model), DTYPES[compute], times))
                for adapters, models in (
                    (False, fakes),
                    (True, {weights: model.get_base_model() for weights, model in adapted.items()}),
                )
                for weights, model in models.items()
                for compute in WAYS[weights]
            )
    return Counts(name, **facts, tied=tied, adapter_parameters_per_rank=trained // RANK, kept=kept)


def read_config(model: str) -> ModelConfig:
    """Return the transformers config of a folder, a config.json, a hub id or `starter`. Raises PosttrainError."""
    from transformers import AutoConfig

    source = str(STARTER) if model == "starter" else model
    try:
        return cast("ModelConfig", AutoConfig.from_pretrained(source, trust_remote_code=False))
    except (OSError, ValueError, KeyError) as error:
        raise ConfigurationError(
            f"cannot read the config of '{model}': {str(error).splitlines()[0]}",
            "give a hub id, a folder, a config.json, `starter`, or the model's size",
        ) from error


def _build(config: ModelConfig, dtype: torch.dtype) -> CausalModel:
    """Return the model without data: its tensors have shapes and a dtype, on the meta device."""
    from transformers import AttentionInterface, AutoModelForCausalLM
    from transformers.masking_utils import AttentionMaskInterface

    AttentionInterface.register(ATTENTION, _attend)
    AttentionMaskInterface.register(ATTENTION, lambda *_, **__: None)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(
            config, dtype=dtype, attn_implementation=ATTENTION, trust_remote_code=False
        )
    return cast("CausalModel", model)


def _as_fake(model: CausalModel) -> CausalModel:
    """Replace a model's meta tensors by fake tensors, shared ones by shared ones; to be called in the fake mode."""
    replaced: dict[int, Tensor] = {}  # by the id of the meta tensor, so that tied weights stay tied

    def fake(tensor: Tensor | None) -> Tensor | None:
        if tensor is None or tensor.device.type != "meta":
            return tensor
        if id(tensor) not in replaced:
            empty = torch.empty(tensor.shape, dtype=tensor.dtype)
            is_weight = isinstance(tensor, nn.Parameter)
            replaced[id(tensor)] = nn.Parameter(empty, tensor.requires_grad) if is_weight else empty
        return replaced[id(tensor)]

    for module in model.modules():
        for tensors in (module._parameters, module._buffers):
            tensors.update({name: fake(tensor) for name, tensor in tensors.items()})  # type: ignore[misc]
    return model


def _is_tied(model: CausalModel) -> bool:
    return model.get_input_embeddings().weight is model.get_output_embeddings().weight


def _facts(model: CausalModel) -> dict[str, int]:
    """Return the numbers of `Counts` that can be read from the model, by their names there."""
    config = model.config.get_text_config()
    embedding, head = model.get_input_embeddings().weight, model.get_output_embeddings().weight
    weights = list(model.parameters())
    return {
        "parameters": sum(weight.numel() for weight in weights),
        "embedding": embedding.numel(),
        "head": head.numel(),
        "largest": max(weight.numel() for weight in weights),
        "layer_parameters": max(
            (sum(weight.numel() for weight in layer.parameters()) for layer in layers_of(model)), default=0
        ),
        "layers": config.num_hidden_layers,
        "hidden": config.hidden_size,
        "vocabulary": config.vocab_size,
    }


def _kv_values(model: CausalModel, times: Mapping[int, int]) -> int:
    """Return how many keys and values one token has in all layers, as attention is given them."""
    before: list[int] = []
    by_layer: list[int] = []
    hooks = [
        hook
        for module in layers_of(model)
        for hook in (
            module.register_forward_pre_hook(lambda *_: before.append(_Attention.values)),
            module.register_forward_hook(lambda *_: by_layer.append(_Attention.values - before[-1])),
        )
    ]
    _Attention.values = 0
    with torch.no_grad():
        model.get_decoder()(input_ids=torch.zeros(1, LENGTHS[0], dtype=torch.long), use_cache=False)
    for hook in hooks:
        hook.remove()
    further = sum(values * (count - 1) for values, count in zip(by_layer, times.values(), strict=True))
    return (_Attention.values + further) // LENGTHS[0]


def _lines(model: CausalModel, compute: torch.dtype, times: Mapping[int, int]) -> dict[str, float]:
    """Return the bytes kept for each token and the constant bytes, from two lengths: slope and intercept of a line."""
    short, long = (kept_bytes(model, tokens, compute, tuple(times.values())) for tokens in LENGTHS)
    slopes = {name: (long[name] - short[name]) / (LENGTHS[1] - LENGTHS[0]) for name in short}
    constants = {name: short[name] - slopes[name] * LENGTHS[0] for name in short}
    return {
        "per_token": slopes["total"],
        "constant": constants["total"],
        "inputs_per_token": slopes["inputs"],
        "rest_per_token": slopes["rest"],
        "layer_per_token": slopes["layer"],
        "layer_constant": constants["layer"],
    }


def _adapter_weights(model: CausalModel, times: Mapping[int, int]) -> int:
    """Return how many weights the adapters of the whole model have."""
    trained = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    for layer, count in zip(layers_of(model), times.values(), strict=True):
        trained += (count - 1) * sum(weight.numel() for weight in layer.parameters() if weight.requires_grad)
    return trained


class _Attention(torch.autograd.Function):
    """Attention that computes nothing and keeps what flash attention keeps."""

    values = 0  # keys and values that came in so far

    @staticmethod
    def forward(ctx: FunctionCtx, query: Tensor, key: Tensor, value: Tensor) -> Tensor:
        _Attention.values += key.numel() + value.numel()
        batch, heads, tokens, _ = query.shape
        out = query.new_empty(batch, tokens, heads, value.shape[-1]).transpose(1, 2)  # (B, H, T, D) as kernels lay it
        sums = query.new_empty(query.shape[:-1], dtype=torch.float32)  # (B, H, T)
        ctx.save_for_backward(query, key, value, out, sums)
        return out

    @staticmethod
    def backward(ctx: FunctionCtx, *_: Tensor) -> NoReturn:
        raise NotImplementedError("only kept tensors are counted")  # an empty gradient would be wrong


def _attend(
    module: object, query: Tensor, key: Tensor, value: Tensor, mask: object, **_: object
) -> tuple[Tensor, None]:
    if torch.is_autocast_enabled("cpu"):
        dtype = torch.get_autocast_dtype("cpu")
        query, key, value = query.to(dtype), key.to(dtype), value.to(dtype)
    out: Tensor = _Attention.apply(query, key, value)  # type: ignore[no-untyped-call]
    return out.transpose(1, 2).contiguous(), None


@contextmanager
def _quiet() -> Iterator[None]:
    import transformers

    transformers.utils.logging.set_verbosity_error()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def main() -> None:
    """Print one JSON object: `counts`, or `error` with message and hint, which stands on stderr too; then exit 2."""
    parser = argparse.ArgumentParser(
        prog="python -m reference_impls.model.memory", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("model", help="a folder, a config.json, a hub id, or `starter`")
    name = parser.parse_args().model
    try:
        print(json.dumps({"counts": asdict(count(read_config(name), Path(name).name or name))}))
    except PosttrainError as error:
        print(json.dumps({"error": {"message": error.message, "hint": error.hint}}))
        print(f"error: {error.message}", f"  try: {error.hint}", sep="\n", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
