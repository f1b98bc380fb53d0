"""SFT: imitate demonstrations.

    python -m reference_impls sft RUN_DIR --set data=task:addition --set budget=200k-tokens

Every update takes the next micro_batch x accumulation demonstrations in a random order that is new in each epoch, and
lowers the mean of - log p over their response tokens. DFT is this loop with another objective.

Deviations from the textbook:
1. The mean is over the tokens of the update, not over sequences: a long demonstration counts for more, as it does in
   TRL.
2. The learning rate warms up and then stays; there is no decay, so that any budget may end the run.
3. Dropout is off, here and in sampling.
"""

import sys
from collections.abc import Callable

from torch import Tensor

from reference_impls import objectives
from reference_impls.configs import RunConfig
from reference_impls.model.batches import Batch
from reference_impls.model.demonstrations import encode_demonstrations
from reference_impls.model.policy import log_probs
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

        def loss_of(batch: Batch, _: list[int], tokens: float = tokens) -> Tensor:
            log_p, _entropy = log_probs(run.policy, batch)  # (B, T)
            return objective(log_p, batch.mask, tokens)

        run.write(run.update(chosen, loss_of))


if __name__ == "__main__":
    sys.exit(main(["sft", *sys.argv[1:]]))
