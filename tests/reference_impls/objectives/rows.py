"""Every row of the table of objectives, called as a loop calls it, and its formula written plainly.

A plain formula goes sequence by sequence. It has no mask, no padding and no divisor of a part: it sees response
tokens alone.
Everything is in float64, so that the two agree to rounding.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch
from torch import Tensor

from reference_impls import objectives
from reference_impls.objectives import FORMS

V, K, LONGEST = 7, 16, 12  # tokens known, tokens sampled for each shown one, what dr_grpo divides by
PAD_ID = 0  # a letter too: sequences hold it where it is no padding


@dataclass(frozen=True)
class Sample:
    """A batch: every row has a prompt, a response of its own length, and padding behind it."""

    logits: Tensor  # (B, T, V)
    reference_logits: Tensor  # (B, T, V)
    targets: Tensor  # (B, T)
    mask: Tensor  # (B, T)
    noise: Tensor  # (B, T) log p when it was sampled is log p of `start_logits` at temperature 1, plus this
    start_logits: Tensor  # (B, T, V)
    advantages: Tensor  # (B,)
    token_advantages: Tensor  # (B, T)
    entropies: Tensor  # (B, T)
    scores: Tensor  # (B,) in [0, 1]
    uniform: Tensor  # (B, T, K)
    weights: Tensor = field(default_factory=lambda: torch.ones(()))  # (B, T), of what is selected over the whole batch
    temperature: float = 1.0  # of the policy's log-probs

    @property
    def log_probs(self) -> Tensor:
        return (self.logits / self.temperature).log_softmax(-1).gather(-1, self.targets[..., None])[..., 0]

    @property
    def reference(self) -> Tensor:
        return self.reference_logits.log_softmax(-1).gather(-1, self.targets[..., None])[..., 0]

    @property
    def old(self) -> Tensor:
        return self.start_logits.log_softmax(-1).gather(-1, self.targets[..., None])[..., 0] + self.noise

    def rows(self, indices: list[int]) -> "Sample":
        """The same of some rows, in this order."""
        return replace(self, **{name: value[indices] for name, value in vars(self).items() if _is_batch(value)})


def _is_batch(value: object) -> bool:
    return isinstance(value, Tensor) and value.dim() > 0


def draw(seed: int = 3, rows: int = 6, columns: int = 9) -> Sample:
    """Return a batch in float64; some tokens of responses have the id of padding."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(*shape: int) -> Tensor:
        return torch.rand(*shape, generator=generator, dtype=torch.float64)

    lengths = torch.randint(2, columns - 2, (rows, 1), generator=generator)
    starts = 1 + (uniform(rows, 1) * (columns - 1 - lengths)).long()
    places = torch.arange(columns)[None]
    mask = (places >= starts) & (places < starts + lengths)
    targets = torch.randint(0, V, (rows, columns), generator=generator)
    targets[torch.arange(rows), starts[:, 0]] = PAD_ID
    logits = uniform(rows, columns, V) * 4 - 2
    signs = torch.tensor([1.0, -1.0] * rows)[:rows]
    return Sample(
        logits=logits,
        reference_logits=logits + uniform(rows, columns, V) - 0.5,
        targets=targets,
        mask=mask,
        noise=uniform(rows, columns) - 0.5,
        start_logits=logits + 0.3 * (uniform(rows, columns, V) - 0.5),
        advantages=signs * (0.2 + uniform(rows)),
        token_advantages=uniform(rows, columns) * 2 - 1,
        entropies=uniform(rows, columns) * math.log(V),
        scores=uniform(rows),
        uniform=uniform(rows, columns, K),
    )


class Plain(NamedTuple):
    """One sequence's response alone: n tokens."""

    log_p: Tensor  # (n,)
    log_all: Tensor  # (n, V)
    reference: Tensor
    reference_all: Tensor
    old: Tensor
    targets: Tensor
    advantage: Tensor  # ()
    token_advantages: Tensor  # (n,)
    entropies: Tensor
    score: Tensor
    uniform: Tensor  # (n, K)

    def __len__(self) -> int:
        return len(self.log_p)

    @property
    def ratio(self) -> Tensor:
        return (self.log_p - self.old).exp()


def sequences_of(sample: Sample) -> list[Plain]:
    """Return the responses of a batch, each without prompt and padding."""
    responses = []
    for index, kept in enumerate(sample.mask):
        log_all, reference_all = (
            torch.stack([row - row.logsumexp(0) for row in logits[index][kept]])
            for logits in (sample.logits, sample.reference_logits)
        )
        ids = sample.targets[index][kept]
        at = torch.arange(len(ids))
        responses.append(
            Plain(
                log_all[at, ids], log_all, reference_all[at, ids], reference_all, sample.old[index][kept], ids,
                sample.advantages[index], sample.token_advantages[index][kept], sample.entropies[index][kept],
                sample.scores[index], sample.uniform[index][kept],
            )
        )  # fmt: skip
    return responses


def by_token(term: Callable[[Plain], Tensor]) -> Callable[[list[Plain]], Tensor]:
    """Return the mean over all tokens of a term, (n,) of each sequence."""
    return lambda sequences: torch.cat([term(one) for one in sequences]).mean()


def by_sequence(term: Callable[[Plain], Tensor]) -> Callable[[list[Plain]], Tensor]:
    """Return the mean over sequences of a term, a number of each."""
    return lambda sequences: torch.stack([term(one) for one in sequences]).mean()


def hold(weight: Tensor) -> Tensor:
    """Return a weight without its gradient; `.data`, so that a mutant of `detach` leaves this side as it is."""
    return weight.data


def clipped(one: Plain, ratio: Tensor, advantage: Tensor, low: float = 0.2, high: float = 0.2) -> Tensor:
    """Return - min(ratio A, clipped ratio A), (n,)."""
    return -torch.minimum(ratio * advantage, ratio.clamp(1 - low, 1 + high) * advantage)


def plain_gem(one: Plain, linear: bool, beta: float = 0.7) -> Tensor:
    at, shown = torch.arange(len(one)), one.log_p[:, None]
    q = torch.softmax(hold(one.log_all) / beta, -1)
    w = torch.ones_like(q) if linear else 1 / (1 + (-0.01 * (hold(one.log_all) - hold(shown))).exp())
    terms = q * w * (one.log_all - shown)
    assert not terms[at, one.targets].any()
    return terms.sum(-1)


def plain_anchor(one: Plain, forward: bool) -> Tensor:
    p, q = one.log_all.exp(), one.reference_all.exp()
    kl = (q * (one.reference_all - one.log_all)) if forward else (p * (one.log_all - one.reference_all))
    return -hold(one.log_p.exp()) * one.log_p + 0.3 * kl.sum(-1)


def plain_rollout(one: Plain) -> Tensor:
    """Draw by hand: the first token whose cumulative probability exceeds the number."""
    losses = []
    for t in range(len(one)):
        p = (hold(one.log_all[t]) / 1.3).softmax(0).tolist()
        drawn = []
        for u in one.uniform[t].tolist():
            total, token = 0.0, -1
            while total <= u and token < V - 1:
                token += 1
                total += p[token]
            drawn.append(token)
        rewards = [1.0 if token == int(one.targets[t]) else -0.1 for token in drawn]
        losses.append(-sum(r * one.log_all[t, v] for r, v in zip(rewards, drawn, strict=True)) / K)  # type: ignore[misc]
    return torch.stack(losses)


def plain_iw(one: Plain, level: str) -> Tensor:
    apart = hold(one.log_p - one.reference)
    weight = apart.mean().exp().clamp(0, 16) if level == "sequence" else apart.exp().clamp(0.2, 1.8)
    return -weight * one.log_p


def plain_grpo(form: str) -> Callable[[list[Plain]], Tensor]:
    def term(one: Plain) -> Tensor:
        ratio = one.ratio
        if form == "gspo":
            ratio = (one.log_p - one.old).mean().exp().expand(len(one))
        if form == "cispo":
            return -hold(ratio.clamp(max=1.2)) * one.advantage * one.log_p
        return clipped(one, ratio, one.advantage)

    if form in ("grpo", "gspo"):
        return by_sequence(lambda one: term(one).mean())
    if form == "dr_grpo":
        return by_sequence(lambda one: term(one).sum() / LONGEST)
    return by_token(term)


def plain_highest(sequences: list[Plain], share: float) -> list[Tensor]:
    """Return which tokens have an entropy of at least the quantile, by sorting; linear between two."""
    known = sorted(float(h) for one in sequences for h in one.entropies)
    at = (1 - share) * (len(known) - 1)
    low = known[math.floor(at)] * (1 - at % 1) + known[math.ceil(at)] * (at % 1)
    return [one.entropies >= low - 1e-12 for one in sequences]


def plain_quantile(sequences: list[Plain]) -> Tensor:
    kept = plain_highest(sequences, 0.4)
    terms = [clipped(one, one.ratio, one.advantage) * keep for one, keep in zip(sequences, kept, strict=True)]
    return torch.cat(terms).mean()


def plain_covariances(sequences: list[Plain]) -> Tensor:
    """Return the covariance of each token with its advantage, in a row."""
    advantages = torch.cat([one.advantage.expand(len(one)) for one in sequences])
    log_p = hold(torch.cat([one.log_p for one in sequences]))
    return (advantages - advantages.mean()) * (log_p - log_p.mean())


def plain_clip_cov(sequences: list[Plain]) -> Tensor:
    """Among tokens with a covariance between the bounds, the three with the smallest random numbers teach nothing."""
    covariance = plain_covariances(sequences).tolist()
    numbers = torch.cat([one.uniform[:, 0] for one in sequences]).tolist()
    eligible = sorted((numbers[i], i) for i, value in enumerate(covariance) if 0.05 < value < 5)
    out = [i for _, i in eligible[: int(0.15 * len(covariance))]]
    losses = torch.cat([clipped(one, one.ratio, one.advantage, 0.9, 1.0) for one in sequences])
    return losses[[i for i in range(len(losses)) if i not in out]].sum() / len(losses)


def plain_kl_cov(sequences: list[Plain]) -> Tensor:
    covariance = plain_covariances(sequences)
    chosen = covariance.argsort(descending=True)[: int(0.2 * len(covariance))]
    apart = torch.cat([one.log_p - one.old for one in sequences])
    losses = -torch.cat([one.ratio * one.advantage for one in sequences])
    return (losses.sum() + apart[chosen].abs().sum()) / len(losses)


def plain_whitened(sequences: list[Plain]) -> Tensor:
    """REINFORCE++: each token has its sequence's reward to go, here whole at every token; whitened over tokens."""
    advantages = torch.cat([one.advantage.expand(len(one)) for one in sequences])
    advantages = (advantages - advantages.mean()) / (advantages.var() + 1e-8).sqrt()
    pieces = advantages.split([len(one) for one in sequences])
    return torch.cat([clipped(one, one.ratio, a) for one, a in zip(sequences, pieces, strict=True)]).mean()


def plain_cleaned(sequences: list[Plain]) -> Tensor:
    log_p = torch.cat([one.log_p for one in sequences])
    gain = torch.cat([one.reference - one.old for one in sequences])
    return -log_p[gain.argsort(descending=True)[: int(0.6 * len(gain))]].mean()


class Row(NamedTuple):
    """A row: the objective as a loop calls it, what it divides by, and the plain formula."""

    loss: Callable[[Sample, float | None], Tensor]
    divisor: Callable[[Sample], float]
    plain: Callable[[list[Plain]], Tensor]
    uses: str = ""  # the other log-probs in it: reference, old
    holds: bool = False  # weights that depend on the policy are held constant
    select: Callable[[Sample], Tensor] | None = None  # weights that are decided over the whole batch


def tokens(sample: Sample) -> float:
    return float(sample.mask.sum())


def sequences(sample: Sample) -> float:
    return float(len(sample.mask))


def kept_tokens(sample: Sample) -> float:
    return float(sample.weights.sum())


def grpo_row(form: objectives.Form) -> Row:
    return Row(
        lambda s, d: objectives.grpo(
            s.log_probs, s.old, s.advantages, s.mask, form=form, max_response_tokens=LONGEST, divisor=d
        ),
        lambda s: objectives.grpo_divisor(form, s.mask.sum(-1), LONGEST),
        plain_grpo(form),
        "old",
        form == "cispo",
    )


def weighted_grpo(sample: Sample, divisor: float | None, low: float = 0.2, high: float = 0.2) -> Tensor:
    return objectives.grpo(
        sample.log_probs, sample.old, sample.advantages, sample.mask, form="dapo", weights=sample.weights,
        clip_low=low, clip_high=high, divisor=divisor,
    )  # fmt: skip


def selected_cov(sample: Sample) -> Tensor:
    covariance = objectives.covariances(sample.log_probs, sample.advantages, sample.mask)
    return objectives.clip_cov(covariance, sample.mask, sample.uniform[..., 0], share=0.15, low=0.05, high=5)


def highest_cov(sample: Sample) -> Tensor:
    covariance = objectives.covariances(sample.log_probs, sample.advantages, sample.mask)
    return objectives.highest_covariances(covariance, sample.mask, share=0.2)


ROWS: dict[str, Row] = {
    "sft": Row(lambda s, d: objectives.sft(s.log_probs, s.mask, d), tokens, by_token(lambda one: -one.log_p)),
    "dft": Row(
        lambda s, d: objectives.dft(s.log_probs, s.mask, d), tokens,
        by_token(lambda one: -hold(one.log_p.exp()) * one.log_p), holds=True,
    ),
    "chord_phi": Row(
        lambda s, d: objectives.chord_phi(s.log_probs, s.mask, d), tokens,
        by_token(lambda one: -hold(one.log_p.exp() * (1 - one.log_p.exp())) * one.log_p), holds=True,
    ),
    "iw_sft sequence": Row(
        lambda s, d: objectives.iw_sft(s.log_probs, s.reference, s.mask, d), tokens,
        by_token(lambda one: plain_iw(one, "sequence")), "reference", holds=True,
    ),
    "iw_sft token": Row(
        lambda s, d: objectives.iw_sft(s.log_probs, s.reference, s.mask, d, level="token"), tokens,
        by_token(lambda one: plain_iw(one, "token")), "reference", holds=True,
    ),
    "uft_una": Row(
        lambda s, d: objectives.uft_una(s.log_probs, s.reference, s.mask, s.scores, beta=0.3, divisor=d), sequences,
        by_sequence(lambda one: (1 / (1 + (-0.3 * (one.log_p - one.reference).sum()).exp()) - one.score) ** 2),
        "reference",
    ),
    "gem linear": Row(
        lambda s, d: objectives.gem(s.logits / s.temperature, s.targets, s.mask, d, kind="linear"), tokens,
        by_token(lambda one: plain_gem(one, True)), holds=True,
    ),
    "gem logsigmoid": Row(
        lambda s, d: objectives.gem(s.logits / s.temperature, s.targets, s.mask, d), tokens,
        by_token(lambda one: plain_gem(one, False)), holds=True,
    ),
    "asft reference": Row(
        lambda s, d: objectives.asft(s.logits / s.temperature, s.reference_logits, s.targets, s.mask, d, coef=0.3),
        tokens, by_token(lambda one: plain_anchor(one, True)), "reference", holds=True,
    ),
    "asft policy": Row(
        lambda s, d: objectives.asft(
            s.logits / s.temperature, s.reference_logits, s.targets, s.mask, d, coef=0.3, direction="policy"
        ), tokens, by_token(lambda one: plain_anchor(one, False)), "reference", holds=True,
    ),
    "one_token_rollout": Row(
        lambda s, d: objectives.one_token_rollout(s.logits, s.targets, s.mask, s.uniform, d, miss=-0.1), tokens,
        by_token(plain_rollout),
    ),
    "token_cleaning": Row(
        lambda s, d: objectives.sft(s.log_probs, s.weights, d), kept_tokens, plain_cleaned,
        select=lambda s: objectives.token_cleaning(s.old, s.reference, s.mask, 0.6),
    ),
    "reinforce": Row(
        lambda s, d: objectives.weighted(s.log_probs, s.advantages[:, None], s.mask, d), tokens,
        by_token(lambda one: -one.advantage * one.log_p),
    ),
    **{form: grpo_row(form) for form in FORMS if form != "bnpo"},  # bnpo is by definition a mean of micro-batches
    "advantages of tokens": Row(
        lambda s, d: objectives.grpo(s.log_probs, s.old, s.token_advantages, s.mask, form="dapo", divisor=d), tokens,
        by_token(lambda one: clipped(one, one.ratio, one.token_advantages)), "old",
    ),
    "rloo": Row(
        lambda s, d: objectives.rloo(s.log_probs, s.old, s.advantages, s.mask, divisor=d), sequences,
        by_sequence(lambda one: clipped(one, (one.log_p - one.old).sum().exp(), one.advantage)), "old",
    ),
    "reinforce_plus_plus": Row(
        lambda s, d: objectives.grpo(s.log_probs, s.old, s.weights, s.mask, form="dapo", divisor=d), tokens,
        plain_whitened, "old", select=lambda s: objectives.whitened(s.advantages, s.mask),
    ),
    "raft_plus_plus": Row(
        lambda s, d: objectives.grpo(
            s.log_probs, s.old, objectives.raft_advantages((s.advantages > 0).double()), s.mask, form="dapo", divisor=d
        ), tokens, by_token(lambda one: clipped(one, one.ratio, (one.advantage > 0).double())), "old",
    ),
    "entropy_shaped": Row(
        lambda s, d: objectives.grpo(
            s.log_probs, s.old, objectives.entropy_shaped(s.advantages, s.entropies, s.mask, 0.4, 2.0), s.mask,
            form="dapo", divisor=d,
        ), tokens,
        by_token(lambda one: clipped(
            one, one.ratio, one.advantage + (0.4 * one.entropies).clamp(max=float(one.advantage.abs()) / 2)
        )), "old",
    ),
    "highest_entropies": Row(
        weighted_grpo, tokens, plain_quantile, "old",
        select=lambda s: objectives.highest_entropies(s.entropies, s.mask, 0.4),
    ),
    "clip_cov": Row(
        lambda s, d: weighted_grpo(s, d, 0.9, 1.0), tokens, plain_clip_cov, "old", select=selected_cov
    ),
    "kl_cov": Row(
        lambda s, d: objectives.kl_cov(s.log_probs, s.old, s.advantages, s.mask, s.weights, divisor=d), tokens,
        plain_kl_cov, "old", select=highest_cov,
    ),
}  # fmt: skip


def with_selection(row: Row, sample: Sample) -> Sample:
    """Return the sample with the weights that the row decides over the whole batch."""
    return replace(sample, weights=row.select(sample).detach()) if row.select else sample


def outcome(loss: Callable[[Sample], Tensor], sample: Sample) -> tuple[float, Tensor]:
    """Return a loss and its gradient by the logits, (B, T, V)."""
    logits = sample.logits.clone().requires_grad_()
    value = loss(replace(sample, logits=logits))
    (gradient,) = torch.autograd.grad(value, logits)
    return float(value.detach()), gradient


def ours(row: Row, sample: Sample) -> tuple[float, Tensor]:
    """Return loss and gradient as a loop has them: the selection over the whole batch, its divisor given."""
    chosen = with_selection(row, sample)
    return outcome(lambda s: row.loss(s, row.divisor(chosen)), chosen)


def plain(row: Row, sample: Sample) -> tuple[float, Tensor]:
    """Return loss and gradient of the plain formula."""
    return outcome(lambda s: row.plain(sequences_of(s)), sample)


def apart(one: tuple[float, Tensor], other: tuple[float, Tensor]) -> float:
    """Return how far a gradient is from another, relative, in the Euclidean norm."""
    return float((one[1] - other[1]).norm() / other[1].norm())
