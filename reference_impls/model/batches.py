"""Prompts and responses as token ids, and as right-padded tensors for one forward pass.

Padding stands on the right. Attention is causal, so no real token sees it, and no attention mask is needed: that is
both exact and the fastest path of scaled dot-product attention. Where sequences share prompts, a batch may hold each
prompt once beside that, which leaves less to read.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from posttrain.errors import ConfigurationError
from reference_impls.tasks.row import Row

WORTH_SHARING = 0.9  # at most this share of the tokens is left to read; attention behind a cache needs a mask
TRUNCATED_AT_MOST = 0.05  # of the rows; beyond it a run would learn never to stop


@dataclass(frozen=True)
class Encoded:
    """One prompt with one response, as token ids; a whole response ends with the end-of-sequence token."""

    prompt: tuple[int, ...]
    response: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.prompt) + len(self.response)


@dataclass(frozen=True)
class Shared:
    """The sequences of a batch with each prompt once: P prompts, the longest of S tokens, and responses of up to R."""

    prompts: Tensor  # (P, S), padded on the left: all end in the same column
    padding: Tensor  # (P,) columns of padding before each
    ragged: bool  # there is such padding
    owner: Tensor  # (B,) the place of each sequence's prompt
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


def collate(sequences: Sequence[Encoded], pad: int, device: torch.device, *, share: bool = False) -> Batch:
    """Return the sequences as one batch, as wide as the longest of them.

    share: with each prompt once too, if that is worth it.
    """
    width = max(map(len, sequences))
    ids = torch.full((len(sequences), width), pad, dtype=torch.long)  # (B, T + 1)
    starts = torch.tensor([len(one.prompt) - 1 for one in sequences])[:, None]
    ends = torch.tensor([len(one) - 1 for one in sequences])[:, None]
    for row, one in zip(ids, sequences, strict=True):
        row[: len(one)] = torch.tensor(one.prompt + one.response)
    columns = torch.arange(width - 1)[None]
    mask = (columns >= starts) & (columns < ends)  # (B, T)
    shared = _share(sequences, pad, device) if share and _tokens_read(sequences)[1] else None
    return Batch(ids.to(device), mask.to(device), shared)


def _share(sequences: Sequence[Encoded], pad: int, device: torch.device) -> Shared:
    prompts = list(dict.fromkeys(one.prompt for one in sequences))
    places = {prompt: place for place, prompt in enumerate(prompts)}
    ids, padding = left_padded(prompts, pad, device)
    lengths = torch.tensor([len(one.response) for one in sequences])
    longest = int(lengths.max())
    responses = torch.tensor([(one.response[:-1] + (pad,) * longest)[: longest - 1] for one in sequences])
    return Shared(
        ids,
        padding,
        len(set(map(len, prompts))) > 1,
        torch.tensor([places[one.prompt] for one in sequences], device=device),
        responses.to(device),
        (torch.arange(longest)[None] < lengths[:, None]).to(device),
    )


def _tokens_read(sequences: Sequence[Encoded]) -> tuple[int, bool]:
    """Return how many tokens of a batch are read, padding included, and whether that is with each prompt once."""
    whole = len(sequences) * (max(map(len, sequences)) - 1)
    prompts = {one.prompt for one in sequences}
    longest = max(len(one.response) for one in sequences)
    once = len(prompts) * max(map(len, prompts)) + len(sequences) * (longest - 1)
    return (once, True) if longest > 1 and once <= WORTH_SHARING * whole else (whole, False)


def left_padded(prompts: list[tuple[int, ...]], pad: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return ids (P, T) that end in the same column, and how many columns of padding stand before each, (P,)."""
    width = max(map(len, prompts))
    ids = torch.tensor([(pad,) * (width - len(one)) + one for one in prompts], device=device)
    return ids, torch.tensor([width - len(one) for one in prompts], device=device)


def spread(values: Sequence[Tensor], batch: Batch) -> Tensor:
    """Return values of single response tokens, one tensor a sequence, at their places in the batch, (B, T)."""
    flat = torch.cat(list(values)).to(batch.mask.device, torch.float32)
    return torch.zeros(batch.mask.shape, device=batch.mask.device).masked_scatter(batch.mask, flat)


def micro_batches(sequences: Sequence[Encoded], size: int, *, share: bool = False) -> list[list[int]]:
    """Return the places of at most `size` sequences at a time, of like length, so that little is spent on padding.

    share: or of the same prompts, if that leaves less to read.
    """
    by_length = _parts(sequences, size, len)
    if not share:
        return by_length
    longest: dict[tuple[int, ...], int] = {}
    for one in sequences:
        longest[one.prompt] = max(len(one), longest.get(one.prompt, 0))
    by_prompt = _parts(sequences, size, lambda one: (longest[one.prompt], one.prompt, len(one)))
    return min(
        by_length, by_prompt, key=lambda split: sum(_tokens_read([sequences[one] for one in part])[0] for part in split)
    )


def _parts(sequences: Sequence[Encoded], size: int, key: Callable[[Encoded], Any]) -> list[list[int]]:
    order = sorted(range(len(sequences)), key=lambda place: key(sequences[place]))
    return [order[start : start + size] for start in range(0, len(order), size)]


def encode_prompt(tokenizer: Any, prompt: Any, chat: bool) -> tuple[int, ...]:
    """Return the ids of a prompt up to where the response begins. Raises PosttrainError for messages without a
    template.
    """
    if chat:
        messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else [dict(one) for one in prompt]
        encoded = tokenizer.apply_chat_template(messages, add_generation_prompt=True, return_dict=True)
        return tuple(encoded["input_ids"])
    if not isinstance(prompt, str):
        raise ConfigurationError(
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
    cut, it would ask another question. Raises PosttrainError where nothing is left, or more than 5 % of the responses
    are
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
        raise ConfigurationError(
            f"no row can be trained on: {intake.dropped or 'there are none'}",
            "give rows a `response`, or raise max_prompt_tokens",
        )
    if intake.truncated > TRUNCATED_AT_MOST * intake.kept:
        raise ConfigurationError(
            f"{intake.truncated} of {intake.kept} responses are longer than max_response_tokens, {max_response_tokens}",
            "raise max_response_tokens, or shorten the rows: a policy that never sees an end does not learn to stop",
        )
    return encoded, intake
