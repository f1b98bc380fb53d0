"""The cases of parity with TRL, our side of them, and how far two outcomes are apart.

Everything is decided by seeded integers and uniform numbers, which are the same on every machine, so that outcomes can
be compared with numbers written down elsewhere (`golden/parity_with_trl.json`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import Any, NamedTuple

import torch
from torch import Tensor

from reference_impls import objectives
from reference_impls.model import policy
from reference_impls.model.batches import Batch, Encoded, micro_batches, spread
from reference_impls.run import step as update
from reference_impls.run.processes import World
from tests.reference_impls.small_models import EOS, VOCABULARY, make_policy

LOSS_WITHIN, GRADIENT_WITHIN = 1e-6, 5e-6
GROUP, PROMPT_LENGTHS, MAX_RESPONSE = 4, (3, 9, 5, 7), 12
RESPONSE_LENGTHS = (5, 12, 1, 8, 3, 12, 7, 2, 6, 4, 11, 9, 12, 2, 10, 5)  # 12 is cut off, the others end with EOS
REWARDS = ((1.0, 0.0, 0.0, 1.0), (0.3, 1.0, 0.1, 0.0), (1.0, 1.0, 1.0, 1.0), (0.0, 0.0, 0.5, 0.0))
CLIP_LOW, CLIP_HIGH, KL_COEF, ENTROPY_COEF = 0.2, 0.28, 0.05, 0.02
MAX_LENGTH_DIVISOR = 20  # of dr_grpo; longer than any response, as in a real run
SKETCHED = 16
NOISE = 7  # a seed for which ratios leave the range on both sides, with both signs of the advantage


@dataclass(frozen=True)
class Case:
    """One objective under one set of circumstances."""

    objective: str  # sft, dft, or a form of grpo
    accumulation: int = 1
    temperature: float = 1.0
    stale: bool = False  # old log-probs are not those of now, so clipping acts
    kl: str = ""
    entropy: float = 0.0
    even: bool = False  # all responses have the same length
    clip_high: float = CLIP_HIGH
    shared: bool = False  # each prompt is read once for its sequences, and those of one prompt stand together

    @property
    def name(self) -> str:
        """What the case is called, in the golden file too."""
        told = [
            self.objective,
            "stale" * self.stale,
            f"T={self.temperature}" * (self.temperature != 1),
            self.kl,
            "entropy" * bool(self.entropy),
            "even" * self.even,
            f"clip_high={self.clip_high}" * (self.clip_high != CLIP_HIGH),
            "shared" * self.shared,
            f"accumulation={self.accumulation}",
        ]
        return " ".join(filter(None, told))


FORMS = objectives.FORMS
CASES = [
    *(Case(objective, accumulation) for objective, accumulation in product(("sft", "dft"), (1, 2, 4))),
    *(Case(form) for form in FORMS),
    *(Case(form, accumulation, 0.7, stale=True) for form, accumulation in product(FORMS, (1, 2, 4))),
    *(Case(form, 2, 0.7, stale=True, kl=kl) for form, kl in product(FORMS, ("k3", "k3_ratio"))),
    *(Case(form, 1, 0.7, stale=True, clip_high=0.2) for form in ("grpo", "dapo", "gspo")),
    *(Case(form, 1, 0.7, stale=True, entropy=ENTROPY_COEF) for form in FORMS),
    *(Case(form, 2, 0.7, stale=True, entropy=ENTROPY_COEF, even=True) for form in ("grpo", "dapo")),
    *(Case(form, 4, 0.7, stale=True, kl="k3_ratio", entropy=ENTROPY_COEF, even=True) for form in FORMS),
    *(Case(objective, 2, shared=True) for objective in ("sft", "dft")),
    *(Case(form, accumulation, 0.7, stale=True, shared=True) for form, accumulation in product(FORMS, (1, 2, 4))),
    *(Case(form, 2, 0.7, stale=True, kl="k3_ratio", shared=True) for form in FORMS),
    *(Case(form, 1, 0.7, stale=True, kl="k3", entropy=ENTROPY_COEF, shared=True) for form in FORMS),
]
BY_NAME = {case.name: case for case in CASES}


class Outcome(NamedTuple):
    """A loss and its gradient, or what a few fixed directions see of it."""

    loss: float
    gradient: Tensor


class Distance(NamedTuple):
    """How far an outcome is from another."""

    loss: float
    gradient: float  # relative, in the Euclidean norm

    @property
    def is_small(self) -> bool:
        """Whether the two agree as far as float32 can."""
        return self.loss <= LOSS_WITHIN and self.gradient <= GRADIENT_WITHIN


@cache
def held_policy() -> policy.Policy:
    """Return the policy of all cases; nobody changes its weights."""
    return make_policy("qwen2")


@dataclass(frozen=True)
class Data:
    """The sequences of a case and what is known of each."""

    sequences: list[Encoded]
    old: list[Tensor]
    reference: list[Tensor]


@cache
def data_of(temperature: float = 1.0, stale: bool = False, even: bool = False) -> Data:
    """Return 16 sequences in 4 ragged groups, with log-probs of an older and of a reference policy."""
    generator = torch.Generator().manual_seed(NOISE)
    prompts = [draw_ids(generator, length) for length in PROMPT_LENGTHS]
    lengths = [6] * 16 if even else RESPONSE_LENGTHS
    responses = [
        draw_ids(generator, length) if length == MAX_RESPONSE else (*draw_ids(generator, length - 1), EOS)
        for length in lengths
    ]
    sequences = [Encoded(prompts[place // GROUP], response) for place, response in enumerate(responses)]
    now = [plain_log_probs(one, temperature) for one in sequences]
    noise = [torch.rand(2, len(one) + 1, generator=generator) * 2 - 1 for one in now]
    old = [value + stale * (0.45 * extra[0, 0] + 0.25 * extra[0, 1:]) for value, extra in zip(now, noise, strict=True)]
    return Data(sequences, old, [value + 0.8 * extra[1, 1:] for value, extra in zip(now, noise, strict=True)])


def draw_ids(generator: torch.Generator, length: int) -> tuple[int, ...]:
    """Return ids of letters, none of them special."""
    return tuple(torch.randint(4, VOCABULARY, (length,), generator=generator).tolist())


@torch.no_grad()
def plain_log_probs(sequence: Encoded, temperature: float = 1.0, model: Any = None) -> Tensor:
    """Return log p of the response's tokens, one sequence at a time, without padding and without our code."""
    model = model or held_policy().model
    ids = torch.tensor([sequence.prompt + sequence.response])
    every = (model(input_ids=ids).logits[0, :-1].float() / temperature).log_softmax(-1)
    return every.gather(-1, ids[0, 1:, None])[-len(sequence.response) :, 0]


def parts_of(case: Case) -> list[list[int]]:
    """Return the places of each micro-batch, as accumulation divides them: ragged, like lengths or prompts together."""
    sequences = data_of(case.temperature, case.stale, case.even).sequences
    return micro_batches(sequences, len(sequences) // case.accumulation, share=case.shared)


def ours(case: Case) -> Outcome:
    """Return the outcome by the path that the loops take: collate, log_probs, objective, accumulate."""
    held = replace(held_policy(), shares_prompts=case.shared)
    held.model.zero_grad()
    data = data_of(case.temperature, case.stale, case.even)
    advantages = objectives.group_advantages(torch.tensor(REWARDS)).flatten()
    lengths = torch.tensor([len(one.response) for one in data.sequences])

    def loss_of(batch: Batch, places: list[int]) -> Tensor:
        log_p, entropies = policy.log_probs(held, batch, case.temperature, entropy=case.entropy > 0)
        if case.objective in ("sft", "dft"):
            return getattr(objectives, case.objective)(log_p, batch.mask, float(lengths.sum()))
        return objectives.grpo(
            log_p, spread([data.old[place] for place in places], batch), advantages[places], batch.mask,
            form=case.objective, clip_low=CLIP_LOW, clip_high=case.clip_high,
            reference_log_probs=spread([data.reference[place] for place in places], batch) if case.kl else None,
            kl_coef=KL_COEF if case.kl else 0.0, kl=case.kl or "k3", entropies=entropies, entropy_coef=case.entropy,
            divisor=objectives.grpo_divisor(
                case.objective, lengths, MAX_LENGTH_DIVISOR,
                micro_lengths=batch.mask.sum(-1), micro_batches=case.accumulation,
            ),
            tokens=float(lengths.sum()),
        )  # fmt: skip

    loss = update.accumulate(held, data.sequences, len(data.sequences) // case.accumulation, World(), loss_of)
    return Outcome(loss, gradient_of(held.model.parameters()))


def gradient_of(weights: Any) -> Tensor:
    """Return the whole gradient as one vector of float64."""
    return torch.cat([weight.grad.flatten().double() for weight in weights])


def distance(one: Outcome, other: Outcome) -> Distance:
    """Return how far the first outcome is from the second."""
    apart = (one.gradient - other.gradient).norm() / other.gradient.norm()
    return Distance(abs(one.loss - other.loss), float(apart))


def sketch(outcome: Outcome) -> Outcome:
    """Return the outcome with its gradient seen from 16 fixed directions of signs; errors keep their expected size."""
    count = len(outcome.gradient)
    signs = torch.randint(0, 2, (SKETCHED, count), generator=torch.Generator().manual_seed(3)).double() * 2 - 1
    return Outcome(outcome.loss, signs @ outcome.gradient / SKETCHED**0.5)


def as_left_padded(sequences: Sequence[Encoded], pad: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return prompts padded on the left and responses padded on the right, each with its mask, as TRL lays them out."""
    widest = max(len(one.prompt) for one in sequences)
    longest = max(len(one.response) for one in sequences)
    prompts = torch.tensor([(pad,) * (widest - len(one.prompt)) + one.prompt for one in sequences])
    responses = torch.tensor([one.response + (pad,) * (longest - len(one.response)) for one in sequences])
    real = torch.tensor([[len(one.prompt), len(one.response)] for one in sequences])
    prompt_mask = torch.arange(widest)[None] >= widest - real[:, :1]
    return prompts, prompt_mask, responses, torch.arange(longest)[None] < real[:, 1:]
