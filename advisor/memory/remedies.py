"""The cheapest change of a setting that makes a run fit into a GPU."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations

from advisor.memory.counts import Counts, known_counts
from advisor.memory.phases import Estimate, estimate
from advisor.memory.setting import Setting, changed
from reference_impls.configs import CHUNK_LOGITS

GIGABYTE = 1e9
GPUS = (2, 4, 8)


@dataclass(frozen=True)
class Change:
    """A change that makes a run fit: its steps in words, the setting and its estimate.

    `ours`: our own loops can run it; other changes need a library that quantises or shards (`advisor export`).
    """

    steps: tuple[str, ...]
    setting: Setting
    estimate: Estimate
    ours: bool = True
    model: str | None = None  # another, smaller one


def fits(needed: Estimate, gpu_gigabytes: float) -> bool:
    """Return whether a GPU of this size, in units of 10^9 bytes, holds the run with margin and context."""
    return needed.total <= gpu_gigabytes * GIGABYTE


def cheapest_change(setting: Setting, counts: Counts, gpu_bytes: float) -> Change | None:
    """Return the cheapest change that makes a run fit into a GPU of so many bytes; None where none does.

    In order of cost: changes that only take time (fewer sequences at once, activation checkpointing, logits in chunks),
    alone and then together; LoRA, which trains other weights; LoRA on bfloat16 weights; an 8-bit optimizer; QLoRA;
    more GPUs; a smaller model. Each kind is also tried with the changes that only take time, before the next kind.
    """
    for steps, base in _kinds(setting):
        for more, cheaper in _cheap(base):
            fitted = _fitted(cheaper, counts, gpu_bytes)
            if fitted is not None:
                halved, fitting = fitted
                ours = fitting.own_loop or not setting.own_loop
                return Change((*steps, *more, *halved), fitting, estimate(counts, fitting), ours=ours)
    return _smaller(setting, counts, gpu_bytes)


def _kinds(setting: Setting) -> Iterator[tuple[tuple[str, ...], Setting]]:
    """Yield the setting itself and then costlier kinds, each with its steps in words."""
    yield (), setting
    if setting.trains_all:
        lora = replace(setting, tuning="lora", reference=False)
        yield ("LoRA instead of all weights (lora_rank=16)",), lora
    else:
        lora = setting
    if setting.tuning != "qlora" and setting.weights == "float32":
        yield ("LoRA on bfloat16 weights (lora_rank=16, weights=bfloat16)",), replace(lora, weights="bfloat16")
    if setting.trains_all and setting.optimizer == "adamw":
        yield ("an 8-bit optimizer",), replace(setting, optimizer="adamw8bit", own_loop=False)
    if setting.tuning != "qlora":
        qlora = replace(lora, tuning="qlora", weights="bfloat16", compute="bfloat16", own_loop=False)
        yield ("QLoRA: LoRA on 4-bit weights",), qlora
    for gpus in GPUS:
        if gpus > setting.gpus:
            yield (f"{gpus} GPUs with sharded weights (FSDP or ZeRO-3)",), replace(setting, gpus=gpus, own_loop=False)


def _cheap(setting: Setting) -> Iterator[tuple[tuple[str, ...], Setting]]:
    """Yield the setting with none, one or both of the changes that only take time, each with its steps in words."""
    options: list[tuple[str, dict[str, object]]] = []
    if not setting.activation_checkpointing:
        options.append(("activation checkpointing", {"activation_checkpointing": True}))
    if not setting.logits_at_once:
        options.append(("logits in chunks", {"logits_at_once": CHUNK_LOGITS}))
    for number in range(len(options) + 1):
        for chosen in combinations(options, number):
            fields = {name: value for _, option in chosen for name, value in option.items()}
            yield tuple(step for step, _ in chosen), changed(setting, fields)


def _fitted(setting: Setting, counts: Counts, gpu_bytes: float) -> tuple[tuple[str, ...], Setting] | None:
    """Return the setting with sequences halved until it fits, and the steps in words; None where that is not enough."""
    fitting = setting
    while (now := estimate(counts, fitting)).total > gpu_bytes:
        if now.peak.name == "generate" and fitting.rollouts_at_once > fitting.group_size:
            fitting = replace(fitting, rollouts_at_once=max(fitting.rollouts_at_once // 2, fitting.group_size))
        elif now.peak.name in ("forward", "backward", "log-probs") and fitting.micro_batch > 1:
            half = fitting.micro_batch // 2
            accumulation = -(-fitting.accumulation * fitting.micro_batch // half)
            fitting = replace(fitting, micro_batch=half, accumulation=accumulation)
        else:
            return None
    steps = []
    if fitting.micro_batch != setting.micro_batch:
        steps.append(f"micro_batch={fitting.micro_batch} with accumulation={fitting.accumulation}")
    if fitting.rollouts_at_once != setting.rollouts_at_once:
        steps.append(
            f"at most {fitting.rollouts_at_once} sequences decoded at once (eval_size, and the rollouts of one step)"
        )
    return tuple(steps), fitting


def _smaller(setting: Setting, counts: Counts, gpu_bytes: float) -> Change | None:
    """Return the largest well-known model that fits with this setting and changes that only take time."""
    for model in sorted(known_counts().values(), key=lambda model: -model.parameters):
        if model.parameters >= counts.parameters:
            continue
        for more, cheaper in _cheap(setting):
            fitted = _fitted(cheaper, model, gpu_bytes)
            if fitted is not None:
                halved, fitting = fitted
                steps = (f"a smaller model: {model.model}", *more, *halved)
                return Change(steps, fitting, estimate(model, fitting), model=model.model)
    return None
