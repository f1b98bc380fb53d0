"""What to change where a run does not fit: the change that costs its user the least."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from advisor.memory.counts import Counts, known_counts
from advisor.memory.phases import Estimate, estimate
from advisor.memory.setting import Setting
from reference_impls.configs import CHUNK_LOGITS

GIGABYTE = 1e9
GPUS = (2, 4, 8)


@dataclass(frozen=True)
class Change:
    """What makes a run fit: what to set, in words, the setting and its estimate.

    `ours`: our own loops can do it; the rest needs a library that quantises or shards (`advisor export`).
    """

    steps: tuple[str, ...]
    setting: Setting
    estimate: Estimate
    ours: bool = True
    model: str | None = None  # another, smaller one


def fits(needed: Estimate, gpu_gigabytes: float) -> bool:
    """Whether a GPU with this much memory, in units of 10^9 bytes, holds the run, margin and context included."""
    return needed.total <= gpu_gigabytes * GIGABYTE


def cheapest_change(setting: Setting, counts: Counts, gpu_bytes: float) -> Change | None:
    """Return the least costly change that makes a run fit into a GPU of so many bytes; None where none does.

    Costs, from the least: what only takes time (fewer sequences at once, activation checkpointing, logits in chunks),
    alone and then together; LoRA, which trains other weights; LoRA on bfloat16 weights; an 8-bit optimizer; QLoRA;
    more GPUs; a smaller model. A costlier kind is tried with the cheap changes before the next kind is.
    """
    for steps, base in _kinds(setting):
        for more, changed in _cheap(base):
            tried = _fitted(changed, counts, gpu_bytes)
            if tried is not None:
                again, fitting = tried
                found = estimate(counts, fitting)
                return Change((*steps, *more, *again), fitting, found, ours=_is_ours(fitting, setting))
    return _smaller(setting, counts, gpu_bytes)


def _kinds(setting: Setting) -> Iterator[tuple[tuple[str, ...], Setting]]:
    """Yield the setting as it is and in ever costlier kinds, each with what it takes, in words."""
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
    """Yield the setting with no, one, two or three of the changes that cost time alone."""
    changes: list[tuple[str, dict[str, Any]]] = []
    if not setting.activation_checkpointing:
        changes.append(("activation checkpointing", {"activation_checkpointing": True}))
    if not setting.logits_at_once:
        changes.append(("logits in chunks", {"logits_at_once": CHUNK_LOGITS}))
    for number in range(len(changes) + 1):
        for chosen in combinations(changes, number):
            merged = {name: value for _, one in chosen for name, value in one.items()}
            yield tuple(said for said, _ in chosen), replace(setting, **merged)


def _fitted(setting: Setting, counts: Counts, gpu_bytes: float) -> tuple[tuple[str, ...], Setting] | None:
    """Return the setting with as many sequences at once as fit, halved until they do, and what that takes, in words."""
    steps = []
    made = setting
    while (now := estimate(counts, made)).total > gpu_bytes:
        if now.peak.name == "generate" and made.rollouts_at_once > made.group_size:
            made = replace(made, rollouts_at_once=max(made.rollouts_at_once // 2, made.group_size))
        elif now.peak.name in ("forward", "backward", "log-probs") and made.micro_batch > 1:
            half = made.micro_batch // 2
            made = replace(made, micro_batch=half, accumulation=-(-made.accumulation * made.micro_batch // half))
        else:
            return None
    if made.micro_batch != setting.micro_batch:
        steps.append(f"micro_batch={made.micro_batch} with accumulation={made.accumulation}")
    if made.rollouts_at_once != setting.rollouts_at_once:
        steps.append(
            f"at most {made.rollouts_at_once} sequences decoded at once (eval_size, and the rollouts of one step)"
        )
    return tuple(steps), made


def _is_ours(changed: Setting, asked: Setting) -> bool:
    return changed.own_loop or not asked.own_loop


def _smaller(setting: Setting, counts: Counts, gpu_bytes: float) -> Change | None:
    """Return the largest well-known model that fits as it is asked for, with what only takes time."""
    for model in sorted(known_counts().values(), key=lambda one: -one.parameters):
        if model.parameters >= counts.parameters:
            continue
        for more, changed in _cheap(setting):
            tried = _fitted(changed, model, gpu_bytes)
            if tried is not None:
                again, fitting = tried
                steps = (f"a smaller model: {model.model}", *more, *again)
                return Change(steps, fitting, estimate(model, fitting), model=model.model)
    return None
