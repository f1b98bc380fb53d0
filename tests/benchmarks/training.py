"""The benchmarks of the training half, against TRL on identical work: the second table of `make bench`.

Same policy (the starter, float32), same prompts, same sampler (temperature 1), same loss, one core. Ours is the code
that the loops run: `Run.roll_out`, the objectives and `update`. TRL's side is its trainer's own step, timed between
its callbacks, so that loading, tokenising the data set and logging count for neither. Rivals take turns.
"""

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from statistics import median
from typing import Any

import torch
from datasets import Dataset
from transformers import GenerationConfig, TrainerCallback
from trl import GRPOConfig, GRPOTrainer, SFTConfig, SFTTrainer

from reference_impls import grpo, sft
from reference_impls.configs import make_config
from reference_impls.model.batches import left_padded
from reference_impls.model.policy import load_policy
from reference_impls.model.sampling import sample
from reference_impls.run.loop import Run, open_run
from reference_impls.tasks import load_task
from tests.benchmarks.run import alternate, figures, own_cpu, pin_to_one_core

TASK = "task:addition"
STEPS = 12  # of each round; the first is not counted
NEW_TOKENS = 24
GROUP = 8
MICRO = 64  # sequences in one backward pass, on both sides: small enough for the cache of a core


class Clock(TrainerCallback):
    """CPU seconds of each step of a transformers trainer."""

    def __init__(self) -> None:
        self.steps: list[float] = []

    def on_step_begin(self, *_: Any, **__: Any) -> None:
        """Start the clock."""
        self.begin = time.process_time()

    def on_step_end(self, *_: Any, **__: Any) -> None:
        """Stop it."""
        self.steps.append(time.process_time() - self.begin)


def main() -> None:
    """Run the training benchmarks and print their table."""
    pin_to_one_core()
    torch.set_num_threads(1)
    print("| what | ours (median CPU s) | rival (median CPU s) | ratio rival/ours | note |")
    print("|---|---:|---:|---:|---|")
    for row in _rows():
        print("| " + " | ".join(row) + " |", flush=True)


def _rows() -> Iterator[tuple[str, ...]]:
    for prompts, difficulties in ((32, [3]), (2, [3]), (32, list(range(1, 9)))):
        yield decoding(prompts, difficulties)
    for batch in (64, 8):
        yield imitating(batch)
    for prompts, skip in ((32, False), (8, False), (32, True)):
        yield reinforcing(prompts, skip)


def decoding(prompts: int, difficulties: list[int]) -> tuple[str, ...]:
    """Sampling a fixed number of tokens for every sequence, against `generate` of transformers."""
    policy = load_policy(make_config({"technique": "grpo", "device": "cpu"}))
    policy.stop_ids = frozenset({-1})  # nothing ends early: both sides do the same work
    tasks = [load_task(f"{TASK}:{one}", rows=max(prompts // len(difficulties), 1)) for one in difficulties]
    ids = [tuple(policy.tokenizer(row.prompt)["input_ids"]) for task in tasks for row in task.rows]
    repeated, padding = left_padded([one for one in ids for _ in range(GROUP)], 0, policy.device)
    mask = (torch.arange(repeated.shape[1])[None] >= padding[:, None]).long()
    wanted = GenerationConfig(
        max_new_tokens=NEW_TOKENS, min_new_tokens=NEW_TOKENS, do_sample=True, top_k=0, top_p=1.0, temperature=1.0,
        eos_token_id=None, pad_token_id=0,
    )  # fmt: skip
    seeds = list(range(len(ids) * GROUP))
    ours, theirs = alternate(
        lambda: own_cpu(lambda: sample(policy, ids, seeds=seeds, max_response_tokens=NEW_TOKENS, group_size=GROUP)),
        lambda: own_cpu(lambda: policy.model.generate(repeated, attention_mask=mask, generation_config=wanted)),
    )
    lengths = sorted(map(len, ids))
    note = f"{len(ids)} prompts of {lengths[0]} to {lengths[-1]} tokens, {GROUP} rollouts each, {NEW_TOKENS} tokens"
    return (f"decoding {len(seeds)} sequences, against `generate`", *figures(ours, theirs), note)


def imitating(batch: int) -> tuple[str, ...]:
    """One update of SFT."""
    rows = load_task(TASK, rows=batch * STEPS).rows
    settings = {"technique": "sft", "micro_batch": batch, "rows": batch * STEPS}
    ours, theirs = alternate(lambda: _own_steps(settings), lambda: _trl_imitates(rows, batch))
    return (f"SFT step of {batch} sequences, against TRL", *figures(ours, theirs), "loss on the responses alone")


def reinforcing(prompts: int, skip: bool) -> tuple[str, ...]:
    """One step of GRPO: rollouts, verdicts, update."""
    settings = {
        "technique": "grpo", "micro_batch": MICRO, "accumulation": prompts * GROUP // MICRO, "form": "dapo",
        "clip_high": 0.2, "warmup_steps": 0,
        "max_response_tokens": NEW_TOKENS, "skip_equal_groups": skip, "learning_rate": 1e-6,
    }  # fmt: skip
    ours, theirs = alternate(lambda: _own_steps(settings), lambda: _trl_reinforces(prompts))
    note = "equal groups left out before the forward pass: the same update from less work" if skip else "the same work"
    return (f"GRPO step of {prompts} prompts x {GROUP}, against TRL", *figures(ours, theirs), note)


def _own_steps(settings: dict[str, Any]) -> float:
    """Return the median CPU seconds of a step of our loop, the first left out."""
    with _opened(settings) as run:
        seconds: list[float] = []
        train = {"sft": sft.train, "grpo": grpo.train}[settings["technique"]]
        run.steps = lambda: _timed(seconds)  # type: ignore[method-assign]  # no checkpoints, as on the other side
        train(run)
    return median(seconds[1:])


def _timed(seconds: list[float]) -> Iterator[int]:
    for step in range(STEPS):
        begin = time.process_time()
        yield step
        seconds.append(time.process_time() - begin)


@contextmanager
def _opened(settings: dict[str, Any]) -> Iterator[Run]:
    with tempfile.TemporaryDirectory(prefix="posttrain-bench-") as folder:
        config = make_config({"data": TASK, "eval_size": 8, "eval_every": 0, "threads": 1, "device": "cpu", **settings})
        (Path(folder) / "config.json").write_text(json.dumps(settings))
        with open_run(config, Path(folder)) as run:
            yield run


def _trl_imitates(rows: Any, batch: int) -> float:
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        data = Dataset.from_list([{"prompt": row.prompt, "completion": row.response} for row in rows])
        arguments = SFTConfig(
            per_device_train_batch_size=batch,
            max_steps=STEPS,
            learning_rate=3e-4,
            completion_only_loss=True,
            **_quiet(folder),
        )
        policy = load_policy(make_config({"technique": "sft", "device": "cpu"}))
        policy.tokenizer.chat_template = None
        trainer = SFTTrainer(
            policy.model, arguments, train_dataset=data, processing_class=policy.tokenizer, callbacks=[clock]
        )
        with redirect_stdout(sys.stderr):  # the trainer prints there what is the table's
            trainer.train()
    return median(clock.steps[1:])


def _trl_reinforces(prompts: int) -> float:
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        rows = load_task(TASK, rows=prompts * STEPS).rows
        data = Dataset.from_list([{"prompt": row.prompt, "gold": row.answer} for row in rows])
        arguments = GRPOConfig(
            per_device_train_batch_size=MICRO, gradient_accumulation_steps=prompts * GROUP // MICRO,
            num_generations=GROUP, max_completion_length=NEW_TOKENS, temperature=1.0,
            loss_type="dapo", beta=0.0, max_steps=STEPS, learning_rate=1e-6, **_quiet(folder),
        )  # fmt: skip
        policy = load_policy(make_config({"technique": "grpo", "device": "cpu"}))
        policy.tokenizer.chat_template = None
        trainer = GRPOTrainer(
            policy.model,
            _judge,
            args=arguments,
            train_dataset=data,
            processing_class=policy.tokenizer,
            callbacks=[clock],
        )
        with redirect_stdout(sys.stderr):  # the trainer prints there what is the table's
            trainer.train()
    return median(clock.steps[1:])


def _judge(completions: list[str], gold: list[str], **_: Any) -> list[float]:
    return [float(text.rpartition("#")[2].strip() == answer) for text, answer in zip(completions, gold, strict=True)]


def _quiet(folder: str) -> dict[str, Any]:
    return {
        "output_dir": folder, "use_cpu": True, "report_to": "none", "logging_strategy": "no", "save_strategy": "no",
        "disable_tqdm": True, "bf16": False, "gradient_checkpointing": False, "lr_scheduler_type": "constant",
        "optim": "adamw_torch_fused", "seed": 0,
    }  # fmt: skip


if __name__ == "__main__":
    main()
