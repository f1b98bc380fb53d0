"""TRL's side of the parity cases, and the command that writes its numbers down.

    python -m tests.reference_impls.trl_oracle

The loss functions of TRL's trainers are private, so the version is pinned; nothing outside tests imports TRL.
"""

import json
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from tests.reference_impls import parity
from tests.reference_impls.parity import Case, Outcome
from tests.reference_impls.small_models import PAD, make_model, make_tokenizer

VERSION = "1.16.0"
GOLDEN = Path(__file__).parent / "golden" / "parity_with_trl.json"
TEMPERATURES = (1.0, 0.7)


class Oracle:
    """TRL's trainers around the tiny model; only their losses are asked for."""

    def __init__(self, folder: Path) -> None:
        import huggingface_hub.constants
        from datasets import Dataset, disable_progress_bars
        from trl import GRPOConfig, GRPOTrainer, SFTConfig, SFTTrainer

        huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY = True  # a trainer reports itself when it is made
        disable_progress_bars()
        self.rewards: list[float | None] = []
        common: dict[str, Any] = {
            "output_dir": str(folder), "report_to": "none", "use_cpu": True, "bf16": False, "disable_tqdm": True,
            "gradient_checkpointing": False, "per_device_train_batch_size": 16,
        }  # fmt: skip
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            self.grpo = {
                temperature: GRPOTrainer(
                    make_model("qwen2"),
                    reward_funcs=self._reward,
                    args=GRPOConfig(
                        temperature=temperature, num_generations=parity.GROUP, max_completion_length=4, **common
                    ),
                    train_dataset=Dataset.from_list([{"prompt": "1+1="}] * 16),
                    processing_class=make_tokenizer(),
                )
                for temperature in TEMPERATURES
            }
            self.sft = SFTTrainer(
                make_model("qwen2"),
                args=SFTConfig(**common),
                train_dataset=Dataset.from_list([{"prompt": "1+1=", "completion": "2"}] * 16),
                processing_class=make_tokenizer(),
            )

    def _reward(self, completions: Sequence[Any], **_: Any) -> list[float | None]:
        assert len(completions) == len(self.rewards)
        return self.rewards

    def outcome(self, case: Case) -> Outcome:
        """Return TRL's loss and gradient: the sum over micro-batches, as its training loop adds them up."""
        if case.objective in ("sft", "dft"):
            return self._sum(self.sft, case, self._imitation_loss)
        return self._sum(self.grpo[case.temperature], case, self._grpo_loss)

    def advantages(self, rewards: Sequence[float | None], scale: str) -> Tensor:
        """Return the advantages that TRL gives rollouts with these rewards, None being a response it cannot score."""
        trainer = self.grpo[1.0]
        self.rewards, trainer.scale_rewards = list(rewards), scale
        trainer.model.train()
        return trainer._generate_and_score_completions([{"prompt": "1+1="}] * len(rewards))["advantages"]

    def _sum(self, trainer: Any, case: Case, loss_of: Callable[[Case, list[int]], Tensor]) -> Outcome:
        trainer.model.train()
        trainer.model.zero_grad()
        trainer.current_gradient_accumulation_steps = case.accumulation
        total = 0.0
        for places in parity.parts_of(case):
            loss = loss_of(case, places)
            loss.backward()
            total += float(loss.detach())
        return Outcome(total, parity.gradient_of(trainer.model.parameters()))

    def _imitation_loss(self, case: Case, places: list[int]) -> Tensor:
        self.sft.args.loss_type = {"sft": "nll", "dft": "dft"}[case.objective]
        sequences = parity.data_of().sequences
        prompts, prompt_mask, responses, mask = parity.as_left_padded([sequences[place] for place in places], PAD)
        labels = torch.cat((torch.full_like(prompts, -100), responses.masked_fill(~mask, -100)), 1)
        inputs = {
            "input_ids": torch.cat((prompts, responses), 1),
            "attention_mask": torch.cat((prompt_mask, mask), 1).long(),
            "labels": labels,
        }
        tokens = torch.tensor(sum(len(one.response) for one in sequences))
        return self.sft.compute_loss(self.sft.model, inputs, num_items_in_batch=tokens)

    def _grpo_loss(self, case: Case, places: list[int]) -> Tensor:
        trainer = self.grpo[case.temperature]
        trainer.loss_type = "grpo" if case.objective == "gspo" else case.objective
        trainer.importance_sampling_level = "sequence" if case.objective == "gspo" else "token"
        trainer.epsilon_low = parity.CLIP_LOW
        # cispo's cap is a number of its own in TRL, and 1 + clip_high here
        trainer.epsilon_high = case.clip_high + (case.objective == "cispo")
        trainer.beta, trainer.args.use_bias_correction_kl = parity.KL_COEF if case.kl else 0.0, case.kl == "k3_ratio"
        trainer.entropy_coef, trainer._entropy_bonus_enabled = case.entropy, case.entropy > 0
        trainer.args.steps_per_generation = case.accumulation
        trainer.max_completion_length = parity.MAX_LENGTH_DIVISOR
        data = parity.data_of(case.temperature, case.stale, case.even)
        prompts, prompt_mask, responses, mask = parity.as_left_padded([data.sequences[place] for place in places], PAD)
        rewards = torch.tensor(parity.REWARDS)
        scaled = (rewards - rewards.mean(-1, keepdim=True)) / (rewards.std(-1, keepdim=True) + 1e-4)
        inputs = {
            "prompt_ids": prompts,
            "prompt_mask": prompt_mask.long(),
            "completion_ids": responses,
            "completion_mask": mask.long(),
            "advantages": scaled.flatten()[places],
            "num_items_in_batch": torch.tensor(sum(len(one.response) for one in data.sequences)),
            "old_per_token_logps": _rows(data.old, places, mask),
            "ref_per_token_logps": _rows(data.reference, places, mask),
        }
        return trainer._compute_loss(trainer.model, inputs)


def _rows(values: Sequence[Tensor], places: list[int], mask: Tensor) -> Tensor:
    return torch.zeros(mask.shape).masked_scatter(mask, torch.cat([values[place] for place in places]))


def read_golden() -> tuple[dict[str, Outcome], dict[str, float]]:
    """Return TRL's outcomes as they were written down, gradients as their sketches, and the gradients' norms."""
    held = json.loads(GOLDEN.read_text(encoding="utf-8"))["cases"]
    sketches = {name: torch.tensor(one["sketch"], dtype=torch.float64) for name, one in held.items()}
    outcomes = {name: Outcome(one["loss"], sketches[name]) for name, one in held.items()}
    return outcomes, {name: one["norm"] for name, one in held.items()}


def write_golden() -> None:
    """Write TRL's outcomes of all cases down. Raises RuntimeError where another version is installed."""
    import trl

    if trl.__version__ != VERSION:
        raise RuntimeError(f"TRL is {trl.__version__}; expected {VERSION}")
    with TemporaryDirectory() as folder:
        oracle = Oracle(Path(folder))
        found = {case.name: oracle.outcome(case) for case in parity.CASES}
    told = {
        name: {"loss": one.loss, "norm": float(one.gradient.norm()), "sketch": parity.sketch(one).gradient.tolist()}
        for name, one in found.items()
    }
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text(json.dumps({"trl": trl.__version__, "torch": torch.__version__, "cases": told}, indent=1) + "\n")


if __name__ == "__main__":
    torch.set_num_threads(1)
    write_golden()
    print(f"{len(parity.CASES)} cases in {GOLDEN}")
