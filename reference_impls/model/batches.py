"""Prompts and responses as token ids, and as right-padded tensors for one forward pass.

Padding stands on the right. Attention is causal, so no real token sees it, and no attention mask is needed: that is
both exact and the fastest path of scaled dot-product attention. Where sequences share prompts, a batch may also hold
each prompt once, so that the model reads fewer tokens.

Two sequences, prompt p and response r, e the end of sequence, - padding (B = 2, T = 5):

    ids      p p r r e -      inputs   p p r r e      targets  p r r e -      mask  . x x x .
             p r e - - -               p r e - -               r e - - -            x x . . .
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

WORTH_SHARING = 0.9  # at most this share of the tokens is left to read; attention behind a cache needs a mask


@dataclass(frozen=True)
class Encoded:
    """One prompt with one response, as token ids; a whole response ends with the end-of-sequence token."""

    prompt: tuple[int, ...]
    response: tuple[int, ...]
    trained: tuple[bool, ...] = field(default=(), kw_only=True)
    """Of each token of the response, whether it is trained on; empty means that all are. False: a user's turn."""

    def __len__(self) -> int:
        return len(self.prompt) + len(self.response)

    @property
    def tokens_trained(self) -> int:
        """How many tokens are trained on."""
        return sum(self.trained) if self.trained else len(self.response)


@dataclass(frozen=True)
class Shared:
    """The sequences of a batch with each prompt once: P prompts, the longest of S tokens, and responses of up to R."""

    prompts: Tensor  # (P, S), padded on the left: all end in the same column
    padding: Tensor  # (P,) columns of padding before each
    ragged: bool  # there is such padding
    owner: Tensor  # (B,) the index of each sequence's prompt
    responses: Tensor  # (B, R - 1), padded on the right, without the last token: it predicts nothing
    mask: Tensor  # (B, R), True where the prompt's end or a token of the response predicts one of the response


@dataclass(frozen=True)
class Batch:
    """Sequences side by side: ids (B, T + 1); mask (B, T), True where the *next* token belongs to a response."""

    ids: Tensor
    mask: Tensor
    shared: Shared | None = None  # the same sequences, where that is less to read

    @property
    def inputs(self) -> Tensor:
        """The tokens that the policy reads, (B, T)."""
        return self.ids[:, :-1]

    @property
    def targets(self) -> Tensor:
        """The tokens that it must predict, one column later, (B, T)."""
        return self.ids[:, 1:]


def collate(sequences: Sequence[Encoded], pad: int, device: torch.device, *, share: bool = False) -> Batch:
    """Return the sequences as one batch, as wide as the longest of them.

    share: also with each prompt once, if that leaves at least a tenth less to read.
    """
    width = max(map(len, sequences))
    ids = torch.full((len(sequences), width), pad, dtype=torch.long)  # (B, T + 1)
    # the last prompt token predicts the first response token, so the mask begins one column before the response
    starts = torch.tensor([len(sequence.prompt) - 1 for sequence in sequences])[:, None]  # (B, 1)
    ends = torch.tensor([len(sequence) - 1 for sequence in sequences])[:, None]  # (B, 1)
    for row, sequence in zip(ids, sequences, strict=True):
        row[: len(sequence)] = torch.tensor(sequence.prompt + sequence.response)
    columns = torch.arange(width - 1)[None]  # (1, T)
    mask = (columns >= starts) & (columns < ends)  # (B, T)
    for row, sequence in zip(mask, sequences, strict=True):
        if sequence.trained:
            row[row.clone()] = torch.tensor(sequence.trained)
    shared = _share(sequences, pad, device) if share and _tokens_read(sequences)[1] else None
    return Batch(ids.to(device), mask.to(device), shared)


def _share(sequences: Sequence[Encoded], pad: int, device: torch.device) -> Shared:
    prompts = list(dict.fromkeys(sequence.prompt for sequence in sequences))  # P different ones, in order
    indices = {prompt: index for index, prompt in enumerate(prompts)}
    ids, padding = left_padded(prompts, pad, device)  # (P, S), (P,)
    lengths = torch.tensor([len(sequence.response) for sequence in sequences])
    longest = int(lengths.max())  # R
    responses = torch.tensor([(row.response[:-1] + (pad,) * longest)[: longest - 1] for row in sequences])
    mask = torch.arange(longest)[None] < lengths[:, None]  # (B, R)
    for row, sequence in zip(mask, sequences, strict=True):
        if sequence.trained:
            row[row.clone()] = torch.tensor(sequence.trained)
    return Shared(
        ids,
        padding,
        len(set(map(len, prompts))) > 1,
        torch.tensor([indices[sequence.prompt] for sequence in sequences], device=device),
        responses.to(device),
        mask.to(device),
    )


def _tokens_read(sequences: Sequence[Encoded]) -> tuple[int, bool]:
    """Return how many tokens of a batch are read, padding included, and whether that is with each prompt once."""
    whole = len(sequences) * (max(map(len, sequences)) - 1)
    prompts = {sequence.prompt for sequence in sequences}
    longest = max(len(sequence.response) for sequence in sequences)
    # 8 rollouts of 40 tokens on a prompt of 100: 8 x 139 = 1112 tokens whole, 100 + 8 x 39 = 412 with the prompt once
    once = len(prompts) * max(map(len, prompts)) + len(sequences) * (longest - 1)
    return (once, True) if longest > 1 and once <= WORTH_SHARING * whole else (whole, False)


def left_padded(prompts: list[tuple[int, ...]], pad: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return ids (P, T) that end in the same column, and how many columns of padding stand before each, (P,)."""
    width = max(map(len, prompts))
    ids = torch.tensor([(pad,) * (width - len(prompt)) + prompt for prompt in prompts], device=device)
    return ids, torch.tensor([width - len(prompt) for prompt in prompts], device=device)


def spread(values: Sequence[Tensor], batch: Batch) -> Tensor:
    """Return values of response tokens, one tensor a sequence, at the tokens' columns of the batch, (B, T)."""
    flat = torch.cat(list(values)).to(batch.mask.device, torch.float32)
    return torch.zeros(batch.mask.shape, device=batch.mask.device).masked_scatter(batch.mask, flat)


def micro_batches(sequences: Sequence[Encoded], size: int, *, share: bool = False) -> list[list[int]]:
    """Return the indices of at most `size` sequences at a time, of like length, so that little is spent on padding.

    share: or of the same prompts, if that leaves less to read.
    """
    by_length = _parts(sequences, size, len)
    if not share:
        return by_length
    longest: dict[tuple[int, ...], int] = {}
    for sequence in sequences:
        longest[sequence.prompt] = max(len(sequence), longest.get(sequence.prompt, 0))
    by_prompt = _parts(sequences, size, lambda row: (longest[row.prompt], row.prompt, len(row)))
    return min(
        by_length,
        by_prompt,
        key=lambda split: sum(_tokens_read([sequences[index] for index in part])[0] for part in split),
    )


def _parts(sequences: Sequence[Encoded], size: int, key: Callable[[Encoded], Any]) -> list[list[int]]:
    order = sorted(range(len(sequences)), key=lambda index: key(sequences[index]))
    return [order[start : start + size] for start in range(0, len(order), size)]
