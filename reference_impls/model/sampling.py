"""Rollouts: responses sampled from the policy, a whole batch of groups at once.

Every sequence has a seed of its own, so a rollout does not depend on the rest of its batch. One uniform number per
token picks from the cumulative distribution; only the temperature shapes it (no top-p, no top-k), so that the
log-probabilities recorded here are those of the policy that is trained.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from reference_impls.configs import LEAVE_AT, SEQUENCES_AT_ONCE
from reference_impls.model.batches import Encoded
from reference_impls.model.decoder import Decoder, make_decoder
from reference_impls.model.policy import Policy


@dataclass(frozen=True)
class Rollout(Encoded):
    """One response sampled from the policy, with its log-probabilities, and later its advantage."""

    log_probs: Tensor  # (tokens of the response,) log p of each when it was sampled
    entropy: float  # mean over its tokens, in nats
    finished: bool  # it ended with an end-of-sequence token, not at the limit
    advantage: float = 0.0  # its reward relative to its group
    reference: Tensor | None = None  # (tokens of the response,) log p under the starting policy
    entropies: Tensor = field(default_factory=lambda: torch.zeros(0), kw_only=True)
    """Of each token of the response, the entropy of the distribution it was drawn from, in nats."""


def seed_of(*parts: object) -> int:
    """Return a seed that these parts alone decide, on every machine and in every process."""
    return int.from_bytes(hashlib.blake2b(repr(parts).encode(), digest_size=8).digest()) >> 1


def sample(
    policy: Policy,
    prompts: Sequence[tuple[int, ...]],
    *,
    seeds: Sequence[int],
    max_response_tokens: int,
    group_size: int = 1,
    temperature: float = 1.0,
    compiled: bool = False,
) -> list[Rollout]:
    """Return `group_size` rollouts of each prompt, in the order of the prompts; temperature 0 takes the likeliest
    token.

    seeds: P * G numbers, one for each rollout. Prompts of like length are decoded together.
    """
    decoder = make_decoder(policy, compiled=compiled)
    order = sorted(range(len(prompts)), key=lambda index: len(prompts[index]))
    at_once = max(SEQUENCES_AT_ONCE // group_size, 1)
    rollouts: dict[int, list[Rollout]] = {}
    for start in range(0, len(order), at_once):
        indices = order[start : start + at_once]
        own = [seeds[index * group_size + number] for index in indices for number in range(group_size)]
        drawn = _roll_out(
            policy, decoder, [prompts[index] for index in indices], own, max_response_tokens, group_size, temperature
        )
        rollouts |= {index: drawn[number * group_size :][:group_size] for number, index in enumerate(indices)}
    return [rollout for index in range(len(prompts)) for rollout in rollouts[index]]


def _roll_out(
    policy: Policy,
    decoder: Decoder,
    prompts: list[tuple[int, ...]],
    seeds: list[int],
    limit: int,
    group_size: int,
    temperature: float,
) -> list[Rollout]:
    count, device = len(seeds), policy.device
    uniform = _uniforms(seeds, limit if temperature else 0).to(device)  # (B, T)
    stop = torch.tensor(sorted(policy.stop_ids), device=device)
    tokens = torch.zeros(count, limit, dtype=torch.long, device=device)
    log_probs, entropies = (torch.zeros(count, limit, device=device) for _ in range(2))
    lengths = torch.full((count,), limit, device=device)
    rows = torch.arange(count, device=device)  # the sequences that the decoder still holds
    going = torch.ones(count, dtype=torch.bool, device=device)  # of those, the ones that have not ended
    logits = decoder.start(prompts, group_size, limit)
    for step in range(limit):
        drawn, log_prob, entropy = draw(logits, temperature, uniform[rows, step] if temperature else None)
        tokens[rows, step], log_probs[rows, step], entropies[rows, step] = drawn, log_prob, entropy
        ended = torch.isin(drawn, stop) & going
        lengths[rows[ended]] = step + 1
        going = going & ~ended
        alive = int(going.sum())
        if not alive or step + 1 == limit:
            break
        if alive <= LEAVE_AT * len(rows) and not decoder.fixed:
            decoder.keep(going.nonzero()[:, 0])
            rows, drawn, going = rows[going], drawn[going], going[going]
        logits = decoder.step(drawn)
    ids, ends = tokens.tolist(), lengths.tolist()
    log_probs, entropies = log_probs.cpu(), entropies.cpu()
    return [
        Rollout(
            prompts[row // group_size],
            tuple(ids[row][:end]),
            log_probs[row, :end].clone(),
            float(entropies[row, :end].mean()),
            ids[row][end - 1] in policy.stop_ids,
            entropies=entropies[row, :end].clone(),
        )
        for row, end in enumerate(ends)
    ]


def draw(logits: Tensor, temperature: float, uniform: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
    """Return a token for each row of logits (B, V), its log-probability and the entropy of its distribution, (B,) each.

    uniform: (B,) in [0, 1); the token is the first whose cumulative probability exceeds it. None takes the likeliest.
    """
    log_p = (logits if temperature in (0, 1) else logits / temperature).log_softmax(-1)  # (B, V)
    probabilities = log_p.exp()
    entropy = torch.special.entr(probabilities).sum(-1)
    if uniform is None:
        token = log_p.argmax(-1)
    else:
        cumulative = probabilities.cumsum(-1)  # p = 0.2 0.5 0.3 gives 0.2 0.7 1.0, and u = 0.6 picks the second
        wanted = (uniform * cumulative[:, -1])[:, None]  # rounding leaves the last sum a little off 1
        token = torch.searchsorted(cumulative, wanted, right=True)[:, 0].clamp(max=logits.shape[-1] - 1)
    return token, log_p.gather(-1, token[:, None])[:, 0], entropy


def _uniforms(seeds: list[int], count: int) -> Tensor:
    """Return `count` uniform numbers in [0, 1) for each seed, (B, count)."""
    generator = torch.Generator()
    return torch.stack([torch.rand(count, generator=generator.manual_seed(seed)) for seed in seeds])
