"""What is trained and how, as far as memory goes: one way of running, ours or another library's."""

from dataclasses import dataclass, replace
from typing import Any, Literal

from posttrain.errors import ConfigurationError
from reference_impls.configs import CHUNK_LOGITS, CONFIGS, SEQUENCES_AT_ONCE, RunConfig, make_config

DType = Literal["float32", "bfloat16"]
Tuning = Literal["full", "lora", "qlora"]
SIZE = {"float32": 4, "bfloat16": 2}  # bytes of a number
RANK = 16  # of adapters, where none is named


@dataclass(frozen=True)
class Shape:
    """What a technique needs beside a policy in training."""

    samples: bool = False
    pairs: bool = False  # it learns from a chosen and a rejected response side by side
    reference: bool = False  # it always keeps the starting policy


TECHNIQUES = {
    "sft": Shape(),
    "dft": Shape(),
    "rejection_sampling": Shape(samples=True),
    "grpo": Shape(samples=True),
    "rloo": Shape(samples=True),
    "dpo": Shape(pairs=True, reference=True),
    "kto": Shape(reference=True),
    "simpo": Shape(pairs=True),
    "orpo": Shape(pairs=True),
}


@dataclass(frozen=True)
class Setting:
    """How a run is set up; the defaults are those of our own loops on one GPU (reference_impls.configs)."""

    technique: str = "sft"
    tuning: Tuning = "full"
    lora_rank: int = RANK
    weights: DType = "float32"  # the dtype that the policy's weights are kept in
    compute: DType = "bfloat16"  # the dtype of matrix products
    adapters: DType = "float32"  # the dtype of adapters: peft makes them float32 whatever the weights are
    unquantised: DType = "float32"  # QLoRA: embedding and head; peft's prepare_model_for_kbit_training makes float32
    master: bool = False  # a float32 copy of bfloat16 weights, as DeepSpeed and Megatron keep
    optimizer: Literal["adamw", "adamw8bit", "paged8bit"] = (
        "adamw"  # states in the weights' dtype · 8 bits · on the host
    )
    in_backward: bool = False  # each weight is updated as soon as its gradient is there
    micro_batch: int = 64
    accumulation: int = 1
    prompt_tokens: int = 512
    response_tokens: int = 128
    rollouts_at_once: int = 0  # sequences in decoding; 0 where nothing is decoded
    group_size: int = 1
    activation_checkpointing: bool = False
    offload: bool = False  # the inputs of layers wait on the host
    logits_at_once: int = CHUNK_LOGITS  # logits held at once; 0 makes them all
    float32_outputs: bool = False  # whole logits are copied to float32 once more, as under accelerate
    reference: bool = False  # the starting policy is kept beside
    own_loop: bool = (
        True  # ours: scores by decoding with fused copies of the weights, and keeps gradients while it does
    )
    gpus: int = 1  # that weights, gradients and optimizer are sharded over; our loops do not shard

    @property
    def trains_all(self) -> bool:
        """Whether the policy's own weights are trained."""
        return self.tuning == "full"

    @property
    def shape(self) -> Shape:
        """What the technique needs."""
        return TECHNIQUES[self.technique]

    @property
    def sequence_tokens(self) -> int:
        """Tokens of one sequence at its longest."""
        return self.prompt_tokens + self.response_tokens

    @property
    def tokens(self) -> int:
        """Tokens in one forward pass."""
        return self.micro_batch * self.sequence_tokens * (2 if self.shape.pairs else 1)

    @property
    def scored_tokens(self) -> int:
        """Tokens in one forward pass that logits are made of: the responses', where a library leaves out the rest."""
        leaves_out = self.own_loop or self.shape.samples
        return self.tokens * self.response_tokens // self.sequence_tokens if leaves_out else self.tokens


def default_setting(technique: str, **changes: Any) -> Setting:
    """Return the setting that a technique has in our loops, or, for those that have none, in a library like TRL.

    changes: fields of Setting. Raises PosttrainError for a technique that is not known.
    """
    if technique not in TECHNIQUES:
        raise ConfigurationError(
            f"technique is '{technique}'; expected one of {', '.join(TECHNIQUES)}", "name one of them"
        )
    if technique in CONFIGS:
        made = setting_of(make_config({"technique": technique}))
    else:
        shape = TECHNIQUES[technique]
        made = Setting(
            technique, micro_batch=8, logits_at_once=0, float32_outputs=True, own_loop=False,
            group_size=8 if shape.samples else 1, rollouts_at_once=64 if shape.samples else 0,
            reference=shape.reference,
        )  # fmt: skip
    made = replace(made, **changes)
    if made.trains_all or not made.reference:
        return made
    return replace(made, reference=False)  # the starting policy is the policy with its adapters off


def setting_of(config: RunConfig) -> Setting:
    """Return what a run of ours with this config holds in memory, on a GPU."""
    settings: Any = config
    group = getattr(config, "group_size", 1)
    decoded = max(config.eval_size, _rollouts(settings))
    return Setting(
        technique=config.technique,
        tuning="lora" if config.lora_rank else "full",
        lora_rank=config.lora_rank or RANK,
        weights=config.weights,
        compute="bfloat16" if config.compute == "auto" else config.compute,
        micro_batch=config.micro_batch,
        accumulation=config.accumulation,
        prompt_tokens=config.max_prompt_tokens,
        response_tokens=config.max_response_tokens,
        rollouts_at_once=min(decoded, max(SEQUENCES_AT_ONCE // group, 1) * group),
        group_size=group,
        activation_checkpointing=config.activation_checkpointing,
        reference=bool(getattr(config, "kl_coef", 0.0)) and not config.lora_rank,
    )


def _rollouts(config: Any) -> int:
    """Return how many rollouts one step asks for."""
    if config.technique == "rejection_sampling":
        return int(config.prompts_per_round * config.group_size)
    if config.technique == "grpo":
        return int(config.sequences_per_update * config.updates_per_rollout)
    return 0
