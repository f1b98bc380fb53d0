"""Prompts and responses as token ids, and as right-padded tensors for one forward pass.

Padding stands on the right. Attention is causal, so no real token sees it, and no attention mask is needed: that is
both exact and the fastest path of scaled dot-product attention.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from reference_impls.errors import RunError
from reference_impls.tasks.row import Row

TRUNCATED_AT_MOST = 0.05  # of the rows; beyond it a run would learn never to stop


@dataclass(frozen=True)
class Encoded:
    """One prompt with one response, as token ids; a whole response ends with the end-of-sequence token."""

    prompt: tuple[int, ...]
    response: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.response)


@dataclass(frozen=True)
class Batch:
    """Sequences side by side: ids (B, T + 1); mask (B, T), True where the *next* token belongs to a response."""

    ids: Tensor
    mask: Tensor

    @property
    def inputs(self) -> Tensor:
        """What the policy reads, (B, T)."""
        return self.ids[:, :-1]

    @property
    def targets(self) -> Tensor:
        """What it is asked to predict, (B, T)."""
        return self.ids[:, 1:]


@dataclass
class Intake:
    """What became of the rows on their way into training; nothing is left out silently."""

    kept: int = 0
    truncated: int = 0  # the end of the response was cut off, and its end-of-sequence token with it
    dropped: dict[str, int] = field(default_factory=dict)  # reason -> rows

    def drop(self, reason: str) -> None:
        """Count a row that is left out."""
        self.dropped[reason] = self.dropped.get(reason, 0) + 1

    def as_dict(self) -> dict[str, Any]:
        """Return the counts for result.json."""
        return {"kept": self.kept, "truncated": self.truncated, "no_eos": self.truncated, "dropped": self.dropped}


def collate(sequences: Sequence[Encoded], pad: int, device: torch.device) -> Batch:
    """Return the sequences as one batch, as wide as the longest of them."""
    width = max(map(len, sequences))
    ids = torch.full((len(sequences), width), pad, dtype=torch.long)  # (B, T + 1)
    starts = torch.tensor([len(one.prompt) - 1 for one in sequences])[:, None]
    ends = torch.tensor([len(one) - 1 for one in sequences])[:, None]
    for row, one in zip(ids, sequences, strict=True):
        row[: len(one)] = torch.tensor(one.prompt + one.response)
    columns = torch.arange(width - 1)[None]
    mask = (columns >= starts) & (columns < ends)  # (B, T)
    return Batch(ids.to(device), mask.to(device))


def spread(values: Sequence[Tensor], batch: Batch) -> Tensor:
    """Return values of single response tokens, one tensor a sequence, at their places in the batch, (B, T)."""
    flat = torch.cat(list(values)).to(batch.mask.device, torch.float32)
    return torch.zeros(batch.mask.shape, device=batch.mask.device).masked_scatter(batch.mask, flat)


def micro_batches(lengths: Sequence[int], size: int) -> Iterator[list[int]]:
    """Yield the places of at most `size` sequences of like length, so that little is spent on padding."""
    order = sorted(range(len(lengths)), key=lambda place: lengths[place])
    for start in range(0, len(order), size):
        yield order[start : start + size]


def encode_prompt(tokenizer: Any, prompt: Any, chat: bool) -> tuple[int, ...]:
    """Return the ids of a prompt up to where the response begins. Raises RunError for messages without a template."""
    if chat:
        messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else [dict(one) for one in prompt]
        encoded = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)
        return tuple(encoded["input_ids"])
    if not isinstance(prompt, str):
        raise RunError(
            "the prompts are chat messages and the tokenizer has no chat template",
            "take a model with a chat template, or write prompts as text",
        )
    ids = tuple(tokenizer(prompt)["input_ids"])
    return ids[:-1] if ids[-1:] == (tokenizer.eos_token_id,) else ids  # some tokenizers end every text


def encode_response(tokenizer: Any, response: str, end: int | None = None) -> tuple[int, ...]:
    """Return the ids of a whole response, what ends it last: the end-of-sequence token unless another is given."""
    ids = tokenizer(response, add_special_tokens=False)["input_ids"]
    return (*ids, tokenizer.eos_token_id if end is None else end)


def encode_demonstrations(
    tokenizer: Any,
    rows: Iterable[Row],
    *,
    chat: bool,
    max_prompt_tokens: int,
    max_response_tokens: int,
    end: int | None = None,
) -> tuple[list[Encoded], Intake]:
    """Return the rows that have a response, as ids, and what became of each row.

    Prompt and response are encoded apart, as they are when the policy answers. A prompt that is too long is dropped:
    cut, it would ask another question. Raises RunError where nothing is left, or more than 5 % of the responses are
    cut off.
    """
    encoded, intake = [], Intake()
    for row in rows:
        if not row.response:
            intake.drop("no response")
            continue
        prompt = encode_prompt(tokenizer, row.prompt, chat)
        if len(prompt) > max_prompt_tokens:
            intake.drop("prompt too long")
            continue
        response = encode_response(tokenizer, row.response, end)
        intake.truncated += len(response) > max_response_tokens
        intake.kept += 1
        encoded.append(Encoded(prompt, response[:max_response_tokens]))
    if not encoded:
        raise RunError(
            f"no row can be trained on: {intake.dropped or 'there are none'}",
            "give rows a `response`, or raise max_prompt_tokens",
        )
    if intake.truncated > TRUNCATED_AT_MOST * intake.kept:
        raise RunError(
            f"{intake.truncated} of {intake.kept} responses are longer than max_response_tokens, {max_response_tokens}",
            "raise max_response_tokens, or shorten the rows: a policy that never sees an end does not learn to stop",
        )
    return encoded, intake
