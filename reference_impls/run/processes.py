"""The processes of one run: one, or as many as `torchrun` started. Each does its share; all hold the same result.

The unit of work is the sequence. Every process knows the whole batch, so the divisor of the loss is the same
everywhere, and the sum of the processes' gradients is the gradient of one process, whatever the ragged lengths.
"""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import nn

Item = TypeVar("Item")


@dataclass(frozen=True)
class World:
    """Which process this is, and of how many."""

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes the run folder."""
        return self.rank == 0

    def share(self, items: Sequence[Item]) -> Sequence[Item]:
        """Return this process's part of a list: every size-th, from its rank on."""
        return items[self.rank :: self.size]

    def gather(self, items: Sequence[Item]) -> list[Item]:
        """Return the whole list from every process's part of it, in the order before `share`."""
        if self.size == 1:
            return list(items)
        parts: list[list[Item]] = [[] for _ in range(self.size)]
        dist.all_gather_object(parts, list(items))
        whole = [parts[0][0]] * sum(map(len, parts)) if parts[0] else []  # the first process has the most
        for rank, part in enumerate(parts):
            whole[rank :: self.size] = part
        return whole

    def same(self, value: Item) -> Item:
        """Return the first process's value: clocks differ, and all must decide alike."""
        if self.size == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values, src=0)
        return values[0]

    def add_gradients(self, weights: Iterable[nn.Parameter]) -> None:
        """Sum the gradients over all processes, in place; a process whose share was empty adds nothing."""
        if self.size == 1:
            return
        shared = list(weights)
        for weight in shared:
            if weight.grad is None:
                weight.grad = torch.zeros_like(weight)
        flat = torch.cat([weight.grad.flatten() for weight in shared if weight.grad is not None])
        dist.all_reduce(flat)
        for weight, summed in zip(shared, flat.split([weight.numel() for weight in shared]), strict=True):
            weight.grad = summed.view_as(weight)


def join_world(device: str) -> World:
    """Return the processes that torchrun started, connected, each with a GPU of its own if there are; or this one."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return World()
    on_gpu = torch.cuda.is_available() and device != "cpu"
    if on_gpu:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    dist.init_process_group("nccl" if on_gpu else "gloo")
    return World(dist.get_rank(), size)
