"""What TRL 1.16 computes where its trainers have a row of ours as an option, and the command that writes it down.

    python -m tests.reference_impls.objectives.trl_options

Model, sequences and older log-probs are those of the parity cases; the loss functions of TRL's trainers are private.
"""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from reference_impls import objectives
from reference_impls.model import policy
from reference_impls.model.batches import Batch, spread
from reference_impls.run import step as update
from reference_impls.run.processes import World
from tests.reference_impls import parity
from tests.reference_impls.parity import Outcome
from tests.reference_impls.small_models import PAD, make_model, make_tokenizer
from tests.reference_impls.trl_oracle import VERSION

GOLDEN = Path(__file__).parents[1] / "golden" / "trl_options.json"
SHARE, LOW, HIGH = 0.4, 0.2, 0.28
TEMPERATURE = 0.7
REWARDS = (1.0, 0.0, 0.0, 1.0, 0.3, 1.0, 0.1, 0.0, 0.5, 0.5, 0.5, 0.5, 1.0, 0.0, 0.0, 0.0)
TOKEN_ROWS: tuple[objectives.Form, ...] = ("dapo", "bnpo", "grpo", "dr_grpo")
CASES = (*(f"advantages of tokens {form}" for form in TOKEN_ROWS), "highest_entropies", "rloo")


def older(case: str) -> list[Tensor]:
    """Return log-probs of an older policy; nearer for whole sequences, whose ratios would be in the thousands."""
    share = 0.15 if case == "rloo" else 1.0
    now, then = parity.data_of(TEMPERATURE).old, parity.data_of(TEMPERATURE, True).old
    return [value + share * (old - value) for value, old in zip(now, then, strict=True)]


def token_advantages() -> list[Tensor]:
    """Return an advantage for each token of each of the parity cases' responses."""
    generator = torch.Generator().manual_seed(2)
    lengths = [len(one.response) for one in parity.data_of(TEMPERATURE, True).sequences]
    return [torch.rand(length, generator=generator) * 2 - 1 for length in lengths]


def advantages() -> Tensor:
    """Return the leave-one-out advantages of the rewards, (B,)."""
    return objectives.leave_one_out(torch.tensor(REWARDS).view(4, 4)).flatten()


def ours(case: str, micro_batch: int = 16, change: Callable[..., Any] | None = None) -> Outcome:
    """Return the outcome by the path that the loops take. change: another function in place of the objective's own."""
    held, data = parity.held_policy(), parity.data_of(TEMPERATURE, True)
    held.model.zero_grad()
    lengths = torch.tensor([len(one.response) for one in data.sequences])
    each, worth, then = token_advantages(), advantages(), older(case)

    def loss_of(batch: Batch, indices: list[int]) -> Tensor:
        log_p, entropies = policy.log_probs(held, batch, TEMPERATURE, entropy=True)
        old = spread([then[index] for index in indices], batch)
        if case == "rloo":
            loss = change or objectives.rloo
            given = worth[indices]
            return loss(log_p, old, given, batch.mask, clip_low=LOW, clip_high=HIGH, divisor=float(len(lengths)))
        if case == "highest_entropies":
            assert entropies is not None
            kept = (change or objectives.highest_entropies)(entropies, batch.mask, SHARE)
            return objectives.grpo(
                log_p, old, worth[indices], batch.mask, form="dapo", clip_low=LOW, clip_high=HIGH, weights=kept.float(),
                divisor=float(lengths.sum()),
            )  # fmt: skip
        form: Any = case.rsplit(maxsplit=1)[-1]
        return (change or objectives.grpo)(
            log_p, old, spread([each[index] for index in indices], batch), batch.mask, form=form, clip_low=LOW,
            clip_high=HIGH, divisor=objectives.grpo_divisor(
                form, lengths, parity.MAX_LENGTH_DIVISOR, micro_lengths=batch.mask.sum(-1),
                micro_batches=16 // micro_batch,
            ),
        )  # fmt: skip

    loss = update.accumulate(held, data.sequences, micro_batch, World(), loss_of)
    return Outcome(loss, parity.gradient_of(held.model.parameters()))


class Oracle:
    """TRL's trainers around the tiny model; only their losses are asked for."""

    def __init__(self, folder: Path) -> None:
        import huggingface_hub.constants
        from datasets import Dataset, disable_progress_bars
        from trl import GRPOConfig, GRPOTrainer, RLOOConfig, RLOOTrainer

        huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY = True  # a trainer reports itself when it is made
        disable_progress_bars()
        common: dict[str, Any] = {
            "output_dir": str(folder), "report_to": "none", "use_cpu": True, "bf16": False, "disable_tqdm": True,
            "gradient_checkpointing": False, "per_device_train_batch_size": 16, "num_generations": 4,
            "max_completion_length": 4, "temperature": TEMPERATURE, "epsilon": LOW, "beta": 0.0,
        }  # fmt: skip
        rows = Dataset.from_list([{"prompt": "1+1="}] * 16)

        def reward(completions: list[Any], **_: Any) -> list[float]:
            return list(REWARDS[: len(completions)])

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.grpo, self.rloo = (
                trainer(
                    make_model("qwen2"), reward_funcs=reward, args=config(**common), train_dataset=rows,
                    processing_class=make_tokenizer(),
                ) for trainer, config in ((GRPOTrainer, GRPOConfig), (RLOOTrainer, RLOOConfig))
            )  # fmt: skip

    def outcome(self, case: str) -> Outcome:
        """Return TRL's loss and gradient of a case."""
        trainer = self.rloo if case == "rloo" else self.grpo
        data = parity.data_of(TEMPERATURE, True)
        prompts, prompt_mask, responses, mask = parity.as_left_padded(data.sequences, PAD)
        lengths = mask.sum()
        old, each = (
            torch.zeros(mask.shape).masked_scatter(mask, torch.cat(v)) for v in (older(case), token_advantages())
        )
        trainer.current_gradient_accumulation_steps = trainer.args.steps_per_generation = 1
        trainer.epsilon_low, trainer.epsilon_high = LOW, HIGH
        trainer.max_completion_length = parity.MAX_LENGTH_DIVISOR
        trainer.top_entropy_quantile = SHARE if case == "highest_entropies" else 1.0
        trainer.loss_type = case.rsplit(maxsplit=1)[-1] if case.startswith("advantages") else "dapo"
        inputs = {
            "prompt_ids": prompts, "prompt_mask": prompt_mask.long(), "completion_ids": responses,
            "completion_mask": mask.long(), "num_items_in_batch": lengths, "old_per_token_logps": old,
            "old_logps": old.sum(-1), "advantages": each if case.startswith("advantages") else advantages(),
        }  # fmt: skip
        trainer.model.train()
        trainer.model.zero_grad()
        loss = trainer._compute_loss(trainer.model, inputs)
        loss.backward()
        return Outcome(float(loss.detach()), parity.gradient_of(trainer.model.parameters()))

    def leave_one_out(self) -> Tensor:
        """Return the advantages that TRL's RLOOTrainer gives to the rewards, (B,)."""
        self.rloo.model.train()
        return self.rloo._generate_and_score_completions([{"prompt": "1+1="}] * 16)["advantages"]

    def coefficients(self, target: float, updates: int) -> list[float]:
        """Return the coefficient of the entropy bonus after each of some updates with the adaptive controller."""
        trainer = self.grpo
        trainer.use_adaptive_entropy, trainer._entropy_bonus_enabled = True, True
        trainer.entropy_coef, trainer.args.entropy_target, trainer.args.entropy_coef_delta = 0.02, target, 0.005
        coefficients = []
        for _ in range(updates):
            self.outcome("dapo")
            coefficients.append(trainer.entropy_coef)
        trainer.use_adaptive_entropy = trainer._entropy_bonus_enabled = False
        return coefficients


def read_golden() -> dict[str, Outcome]:
    """Return TRL's outcomes as they were written down, gradients as their sketches."""
    held = json.loads(GOLDEN.read_text(encoding="utf-8"))["cases"]
    return {name: Outcome(one["loss"], torch.tensor(one["sketch"], dtype=torch.float64)) for name, one in held.items()}


def write_golden() -> None:
    """Write TRL's outcomes of all cases down. Raises RuntimeError where another version is installed."""
    import trl

    if trl.__version__ != VERSION:
        raise RuntimeError(f"TRL is {trl.__version__}; expected {VERSION}")
    with TemporaryDirectory() as folder:
        oracle = Oracle(Path(folder))
        sketches = {case: parity.sketch(oracle.outcome(case)) for case in CASES}
    cases = {name: {"loss": one.loss, "sketch": one.gradient.tolist()} for name, one in sketches.items()}
    GOLDEN.write_text(json.dumps({"trl": VERSION, "torch": torch.__version__, "cases": cases}, indent=1) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    write_golden()
    print(f"{len(CASES)} cases in {GOLDEN}")
