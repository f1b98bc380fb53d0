"""Memory as torch's allocator tells it: the real peak of a piece of work on the CPU, weights and all."""

from collections.abc import Callable

import torch
from torch.profiler import ProfilerActivity, profile

from reference_impls import objectives
from reference_impls.configs import make_config
from reference_impls.model.batches import Batch, Encoded
from reference_impls.model.policy import Policy, log_probs, make_optimizer, with_adapters
from reference_impls.run.processes import World
from reference_impls.run.step import optimizer_step

CONFIG = {
    "vocab_size": 512, "hidden_size": 128, "intermediate_size": 384, "num_hidden_layers": 4, "num_attention_heads": 4,
    "num_key_value_heads": 2, "tie_word_embeddings": False, "max_position_embeddings": 2048, "pad_token_id": 0,
    "eos_token_id": 1, "bos_token_id": 1,
}  # fmt: skip


class _Tokens:
    """As much of a tokenizer as an update needs."""

    pad_token_id, eos_token_id = 0, 1


def peak_of_update(
    *, lora_rank: int, checkpointing: bool, compute: str, micro_batch: int, accumulation: int, length: int
) -> float:
    """Return the bytes of all tensors at the peak of a real update of ours, with a model of CONFIG on the CPU.

    Half of `length` is the prompt. The optimizer has its states already, as in every step but the first.
    """
    from transformers import AutoConfig, AutoModelForCausalLM

    torch.manual_seed(0)
    model = AutoModelForCausalLM.from_config(AutoConfig.for_model("llama", **CONFIG), dtype=torch.float32)
    if checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    if lora_rank:
        settings = {"technique": "sft", "lora_rank": lora_rank, "activation_checkpointing": checkpointing}
        model = with_adapters(model, make_config(settings))
    policy = Policy(model, _Tokens(), torch.device("cpu"), getattr(torch, compute), frozenset({1}))
    optimizer = make_optimizer(policy, 1e-4, 0.0)
    row = Encoded(tuple(range(2, 2 + length // 2)), tuple(range(2, 2 + length // 2)))
    rows = [row] * (micro_batch * accumulation)

    def loss_of(batch: Batch, _: list[int]) -> torch.Tensor:
        log_p, _ = log_probs(policy, batch)
        return objectives.sft(log_p, batch.mask, batch.mask.sum())

    def step() -> None:
        optimizer_step(policy, optimizer, rows, micro_batch, World(), loss_of)

    step()  # makes the states
    held = sum(one.nbytes for one in model.parameters())
    held += sum(one.nbytes for state in optimizer.state.values() for one in state.values())
    optimizer.zero_grad()  # the profiler does not see blocks go that it has not seen come
    return held + _above(step)


def _above(work: Callable[[], None]) -> float:
    """Return the most bytes that were held during a piece of work, beyond those held before it."""
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as seen:
        work()
    events = [one for one in seen.profiler.kineto_results.events() if one.name() == "[memory]"]
    held = most = 0
    for one in sorted(events, key=lambda event: event.start_ns()):
        held += one.nbytes()
        most = max(most, held)
    return most
