"""The settings of every technique, and the budget of a run."""

import math
import re
from typing import ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator, model_validator

from posttrain.assignments import json_or_text

BUDGET = re.compile(r"(?P<amount>\d+(?:\.\d+)?(?:e\d+)?)(?P<scale>[kMG]?)(?:-(?P<unit>tokens|flops)|(?P<seconds>s))")
# The most that a run holds at once, however large its settings; advisor.memory estimates with these numbers.
CHUNK_LOGITS = 1 << 25  # logits: 128 MB of float32
SEQUENCES_AT_ONCE = 512  # sequences in decoding
LEAVE_AT = 0.75  # finished sequences leave decoding when at most this share is still going
COMPARES = ("exact", "numeric", "math", "choice")  # verifiers that hold a response against the row's answer
SCALE = {"": 1.0, "k": 1e3, "M": 1e6, "G": 1e9}


class Budget(BaseModel):
    """How much work a run may do: an amount of tokens, FLOPs or seconds."""

    model_config = ConfigDict(frozen=True)
    amount: float
    unit: Literal["tokens", "flops", "seconds"]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the budget that `200k-tokens`, `5e14-flops` or `60s` says. Raises ValueError."""
        match = BUDGET.fullmatch(
            text.strip()
        )  # 200k-tokens: amount 200, scale k, unit tokens; 60s: amount 60, seconds s
        if not match or not 0 < float(match["amount"]) * SCALE[match["scale"]] < math.inf:
            raise ValueError(f"budget is '{text}'; expected something like 200k-tokens, 5e14-flops or 60s")
        return cls(amount=float(match["amount"]) * SCALE[match["scale"]], unit=match["unit"] or "seconds")  # type: ignore[arg-type]


class RunConfig(BaseModel):
    """The settings of every technique."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    family: ClassVar[str] = ""  # the techniques that share a loop, by the name of its file
    page: ClassVar[str] = ""  # of docs/techniques, where several share one; empty for a page of its own name

    technique: str = Field(description="which technique runs: the name of its module")
    model: str = Field("starter", description="a hub id, a folder, or `starter`, the tiny bundled model")
    data: str = Field("task:addition", description="a JSONL file, or a generated task such as task:addition:3")
    eval_data: str | None = Field(
        None,
        description="rows to score before and after; left out, the test split of data (its own rows are held out)",
    )
    verifier: str | None = Field(None, description="the verifier of responses; left out, the generated task's own")
    eval_verifier: str | None = Field(
        None, description="the verifier of scores, where training should not decide them; left out, `verifier`"
    )
    verify_seconds: float = Field(5.0, gt=0, description="processor time that verifying one response may take")
    system: str | None = Field(None, description="a system message for rows that have none")
    prompt_template: str | None = Field(None, description="text around each prompt: 'Question: {prompt}', or {COLUMN}")
    chat_template_kwargs: dict[str, JsonValue] = Field(
        {}, description="arguments of the chat template, such as enable_thinking=false"
    )
    separator: str = Field("\n", description="between prompt and response where a model has no chat template")
    turns: Literal["all", "last"] = Field("all", description="turns of the assistant that sft and dft train on")
    rows: int = Field(1000, ge=1, description="rows of data to train on; a file may have fewer")
    noise: float = Field(0.0, ge=0, le=1, description="share of a generated task's demonstrations that are corrupted")
    budget: str = Field("200k-tokens", description="tokens, FLOPs or seconds, rollouts and verifying included")
    seed: int = Field(0, ge=0, description="seed of new weights, of the order of data and of every rollout")
    learning_rate: float | None = Field(
        None,
        gt=0,
        description="peak learning rate of AdamW; left out, by the size of the model (default_learning_rate)",
    )
    warmup_steps: int = Field(10, ge=0, description="updates over which the learning rate rises from 0 to its peak")
    weight_decay: float = Field(0.0, ge=0, description="decoupled weight decay of AdamW")
    max_grad_norm: float = Field(1.0, gt=0, description="the gradient is scaled down to this norm")
    micro_batch: int = Field(64, ge=1, description="sequences in one forward and backward pass; memory grows with it")
    accumulation: int = Field(
        1, ge=1, description="micro-batches in one update; an update sees micro_batch times as many sequences"
    )
    max_prompt_tokens: int = Field(512, ge=1, description="a longer prompt is dropped and counted")
    max_response_tokens: int = Field(128, ge=1, description="a rollout stops here; a longer demonstration is truncated")
    eval_size: int = Field(200, ge=1, description="prompts scored before and after")
    eval_every: int = Field(25, ge=0, description="steps between scores on the validation split; 0 for none")
    patience: int = Field(0, ge=0, description="scores without gain before the run stops early; 0 never stops")
    checkpoint_every: int = Field(1, ge=1, description="steps between checkpoints, the most work that a kill can lose")
    save_policy: bool = Field(True, description="write the trained policy to RUN_DIR/policy, to be used as a model")
    lora_rank: int = Field(0, ge=0, description="rank of LoRA adapters on all linear layers; 0 trains all weights")
    lora_alpha: int = Field(32, ge=1, description="scale of LoRA adapters: alpha / rank multiplies their product")
    weights: Literal["float32", "bfloat16"] = Field(
        "float32", description="dtype of the trained weights; bfloat16 halves memory and loses small updates"
    )
    compute: Literal["auto", "float32", "bfloat16"] = Field(
        "auto", description="dtype of matrix products; auto is bfloat16 on a GPU and float32 on a CPU"
    )
    activation_checkpointing: bool = Field(False, description="recompute activations in the backward pass: less memory")
    device: str = Field("auto", description="auto, cpu, cuda, or cuda:1")
    threads: int | None = Field(None, ge=1, description="CPU threads; left out, as many as torch takes")
    compile: bool = Field(False, description="compile decoding with torch.compile; repays in runs of many minutes")

    @property
    def sequences_per_update(self) -> int:
        """How many sequences one update learns from."""
        return self.micro_batch * self.accumulation

    @property
    def keeps_reference(self) -> bool:
        """Whether the starting policy is kept beside the trained one."""
        return False

    @field_validator("chat_template_kwargs", mode="before")
    @classmethod
    def _as_arguments(cls, value: object) -> object:
        """Read `enable_thinking=false,add_date=true` as the object that its JSON would be."""
        if not isinstance(value, str):
            return value
        pairs = [pair.partition("=") for pair in value.split(",")]
        if not all(name.strip() and equals for name, equals, _ in pairs):
            raise ValueError(f"found '{value}', expected name=value or a JSON object, such as enable_thinking=false")
        return {name.strip(): json_or_text(item.strip()) for name, _, item in pairs}

    @model_validator(mode="after")
    def _check(self) -> Self:
        Budget.parse(self.budget)
        if self.weights == "bfloat16" and not self.lora_rank and (self.learning_rate or 0.0) < BF16_LEAST_LEARNING_RATE:
            raise ValueError(
                f"bfloat16 weights hardly move at a learning rate of {self.learning_rate} (at 1e-6, 2 % change); "
                f"expected float32 weights, LoRA, or a learning rate of at least {BF16_LEAST_LEARNING_RATE}"
            )
        return self


BF16_LEAST_LEARNING_RATE = 1e-4  # ten AdamW steps moved 30 % of bf16 weights at 2e-5 and 99 % at 2e-4
