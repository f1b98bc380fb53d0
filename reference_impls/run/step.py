"""One update: the gradients of all micro-batches added up over all processes, clipped, and one optimizer step."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from reference_impls.model.batches import Batch, Encoded, collate, micro_batches
from reference_impls.model.policy import Policy
from reference_impls.run.guards import check_finite
from reference_impls.run.processes import World

LossOf = Callable[[Batch, list[int]], Tensor]


def accumulate(policy: Policy, sequences: Sequence[Encoded], micro_batch: int, world: World, loss_of: LossOf) -> float:
    """Add the gradient of these sequences to the weights' and return the loss, both summed over all processes.

    loss_of gets a batch and the indices of its sequences, and returns its share of the whole loss: objectives are given
    the divisor of the whole batch, so nothing is averaged here.
    """
    mine = world.share(range(len(sequences)))  # indices of this process's sequences
    total = torch.zeros((), device=policy.device)
    for chosen in micro_batches([sequences[index] for index in mine], micro_batch, share=policy.shares_prompts):
        indices = [mine[index] for index in chosen]
        part = [sequences[index] for index in indices]
        loss = loss_of(collate(part, policy.pad_id, policy.device, share=policy.shares_prompts), indices)
        loss.backward()
        total += loss.detach()
    world.add_gradients(policy.trainable())
    return sum(world.gather([float(total)]))


def count_micro_batches(sequences: int, micro_batch: int, world: World) -> int:
    """Return how many micro-batches this many sequences are worked through in, over all processes."""
    return sum(-(-len(range(rank, sequences, world.size)) // micro_batch) for rank in range(world.size))


def optimizer_step(
    policy: Policy,
    optimizer: torch.optim.Optimizer,
    sequences: Sequence[Encoded],
    micro_batch: int,
    world: World,
    loss_of: LossOf,
    max_grad_norm: float = 1.0,
    step: int = 0,
) -> dict[str, float]:
    """Make one update; return its loss and the gradient's norm before clipping.

    Raises StoppedError where either is not finite: then no weight has changed.
    """
    optimizer.zero_grad(set_to_none=True)
    loss = accumulate(policy, sequences, micro_batch, world, loss_of)
    norm = float(torch.nn.utils.clip_grad_norm_(policy.trainable(), max_grad_norm))
    check_finite(step, loss=loss, grad_norm=norm)
    optimizer.step()
    return {"loss": loss, "grad_norm": norm}


def warm_up(optimizer: torch.optim.Optimizer, learning_rate: float, step: int, warmup_steps: int) -> float:
    """Set and return the learning rate of this step: it rises from 0 over the first steps, then stays."""
    rate = learning_rate * min(1.0, (step + 1) / warmup_steps) if warmup_steps else learning_rate
    for group in optimizer.param_groups:
        group["lr"] = rate
    return rate
