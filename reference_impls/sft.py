"""SFT: imitate demonstrations.

    python -m reference_impls sft RUN_DIR --set data=task:addition --set budget=200k-tokens

Every update takes the next micro_batch x accumulation demonstrations in a random order that is new in each epoch, and
lowers the mean of - log p over their response tokens. DFT is this loop with another objective, and so are the other
rows of imitation (docs/techniques/imitation.md): iw_sft, gem, asft, one_token_rollout, uft_una.

Deviations from the textbook:
1. The mean is over the tokens of the update, not over sequences: a long demonstration counts for more, as it does in
   TRL.
2. The learning rate warms up and then stays; there is no decay, so that any budget may end the run.
3. Dropout is off, here and in sampling.
"""

import sys
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from reference_impls import objectives
from reference_impls.configs import (
    ASFTConfig,
    GEMConfig,
    IwSFTConfig,
    OneTokenRolloutConfig,
    RunConfig,
    UFTUNAConfig,
)
from reference_impls.model.batches import Batch, Encoded
from reference_impls.model.demonstrations import encode_demonstrations
from reference_impls.model.policy import flops_per_token, log_probs
from reference_impls.model.sampling import seed_of
from reference_impls.model.vocabulary import sum_over_vocabulary
from reference_impls.run.cli import main
from reference_impls.run.loop import Run


def train(run: Run[RunConfig], objective: Callable[[Tensor, Tensor, float], Tensor] = objectives.sft) -> None:
    """Imitate the demonstrations of the task until the budget is spent."""
    config = run.config
    demonstrations, intake = encode_demonstrations(
        run.policy.template, run.train.rows, turns=config.turns,
        max_prompt_tokens=config.max_prompt_tokens, max_response_tokens=config.max_response_tokens,
    )  # fmt: skip
    run.take_in(intake)
    first = run.draw(demonstrations, config.sequences_per_update, 0)
    run.demand_budget(trained=sum(map(len, first)))
    for step in run.steps():
        chosen = run.draw(demonstrations, config.sequences_per_update, step * config.sequences_per_update)  # B of them
        tokens = float(sum(sequence.tokens_trained for sequence in chosen))  # of all micro-batches, so that they add up

        def loss_of(
            batch: Batch, indices: list[int], chosen: Sequence[Encoded] = chosen, tokens: float = tokens
        ) -> Tensor:
            match config:
                case IwSFTConfig() | UFTUNAConfig():
                    return _beside_reference(run, config, batch, len(chosen), tokens)
                case GEMConfig() | ASFTConfig() | OneTokenRolloutConfig():
                    return _over_vocabulary(run, config, batch, [(index, chosen[index]) for index in indices], tokens)
            log_p, _entropy = log_probs(run.policy, batch)  # (B, T)
            return objective(log_p, batch.mask, tokens)

        measures = run.update(chosen, loss_of)
        if config.keeps_reference:
            _count_reference(run, chosen)
        run.write(measures)


def _beside_reference(
    run: Run[RunConfig], config: IwSFTConfig | UFTUNAConfig, batch: Batch, sequences: int, tokens: float
) -> Tensor:
    """Return the loss of a micro-batch in a row that compares log p with that of the starting policy."""
    with torch.no_grad(), run.policy.as_reference() as model:
        reference, _ = log_probs(run.policy, batch, model=model)  # (B, T)
    log_p, _ = log_probs(run.policy, batch)  # (B, T)
    if isinstance(config, UFTUNAConfig):
        return objectives.uft_una(log_p, reference, batch.mask, beta=config.una_beta, divisor=float(sequences))
    return objectives.iw_sft(log_p, reference, batch.mask, tokens, level=config.level, power=config.power)


def _over_vocabulary(
    run: Run[RunConfig],
    config: GEMConfig | ASFTConfig | OneTokenRolloutConfig,
    batch: Batch,
    numbered: Sequence[tuple[int, Encoded]],
    tokens: float,
) -> Tensor:
    """Return the loss of a micro-batch in a row that weights the whole vocabulary at each token.

    numbered: its sequences with their numbers in the update.
    """
    uniform = _candidates(run, config, numbered, batch) if isinstance(config, OneTokenRolloutConfig) else None

    def term(logits: Tensor, reference: Tensor, targets: Tensor, mask: Tensor, uniform: Tensor) -> Tensor:
        match config:
            case GEMConfig():
                return objectives.gem(logits, targets, mask, tokens, beta=config.gem_beta, kind=config.gem_kind)
            case ASFTConfig():
                return objectives.asft(
                    logits, reference, targets, mask, tokens, coef=config.anchor_coef, direction=config.anchor
                )
            case OneTokenRolloutConfig():
                return objectives.one_token_rollout(
                    logits, targets, mask, uniform, tokens, temperature=config.candidate_temperature, miss=config.miss
                )

    return sum_over_vocabulary(run.policy, batch, term, reference=config.keeps_reference, extra=uniform)


def _candidates(
    run: Run[RunConfig], config: OneTokenRolloutConfig, numbered: Sequence[tuple[int, Encoded]], batch: Batch
) -> Tensor:
    """Return the random numbers that draw tokens in place of each shown one, (N, K), in the order of the mask."""
    generators = [  # a seed for each sequence: the same draws however the update is split, and after a resume
        torch.Generator().manual_seed(seed_of(config.seed, "candidates", run.step, number)) for number, _ in numbered
    ]
    return torch.cat([
        torch.rand(sequence.tokens_trained, config.candidates, generator=generator)
        for generator, (_, sequence) in zip(generators, numbered, strict=True)
    ]).to(batch.mask.device)  # fmt: skip


def _count_reference(run: Run[RunConfig], chosen: Sequence[Encoded]) -> None:
    """Count the forward pass of the starting policy over these sequences."""
    tokens = sum(map(len, chosen))
    run.work.scored += tokens
    run.work.flops += tokens * flops_per_token(run.policy, tokens / len(chosen))


if __name__ == "__main__":
    sys.exit(main(["sft", *sys.argv[1:]]))
