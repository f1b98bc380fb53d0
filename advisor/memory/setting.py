"""The setting of a run, as far as memory depends on it: in our own loops or in another library."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, cast

from posttrain.errors import ConfigurationError
from reference_impls.configs import (
    CHUNK_LOGITS,
    CONFIGS,
    SEQUENCES_AT_ONCE,
    PolicyGradientConfig,
    RejectionSamplingConfig,
    RolloutConfig,
    RunConfig,
    make_config,
)

DType = Literal["float32", "bfloat16"]
Tuning = Literal["full", "lora", "qlora"]
SIZE = {"float32": 4, "bfloat16": 2}  # bytes of a number
RANK = 16  # of adapters, where none is named


@dataclass(frozen=True)
class Shape:
    """The needs of a technique besides a policy in training."""

    samples: bool = False
    pairs: bool = False  # a chosen and a rejected response are read together
    reference: bool = False  # the starting policy is always kept


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
    """The setting of a run; the defaults are those of our own loops on one GPU (reference_impls.configs)."""

    technique: str = "sft"
    tuning: Tuning = "full"
    lora_rank: int = RANK
    weights: DType = "float32"  # the dtype that the policy's weights are kept in
    compute: DType = "bfloat16"  # the dtype of matrix products
    adapters: DType = "float32"  # the dtype of adapters: peft makes them float32 whatever the weights are
    unquantised: DType = "float32"  # QLoRA: embedding and head; peft's prepare_model_for_kbit_training makes float32
    master: bool = False  # a float32 copy of bfloat16 weights, as DeepSpeed and Megatron keep
    # optimizer states in the weights' dtype, in 8 bits, or on the host
    optimizer: Literal["adamw", "adamw8bit", "paged8bit"] = "adamw"
    in_backward: bool = False  # each weight is updated as soon as its gradient is computed
    micro_batch: int = 64
    accumulation: int = 1
    prompt_tokens: int = 512
    response_tokens: int = 128
    rollouts_at_once: int = 0  # sequences in decoding; 0 where nothing is decoded
    group_size: int = 1
    activation_checkpointing: bool = False
    offload: bool = False  # the inputs of layers wait on the host
    logits_at_once: int = CHUNK_LOGITS  # logits in memory at once; 0 for all
    float32_outputs: bool = False  # whole logits are copied to float32 once more, as under accelerate
    reference: bool = False  # the starting policy is kept too
    own_loop: bool = True  # our loop: it scores by decoding with fused copies of the weights, and keeps gradients then
    gpus: int = 1  # weights, gradients and optimizer are sharded over them; our loops do not shard

    @property
    def trains_all(self) -> bool:
        """Whether the policy's own weights are trained."""
        return self.tuning == "full"

    @property
    def shape(self) -> Shape:
        """The needs of the technique."""
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
        """Tokens in one forward pass with logits: only the responses' where the library skips the prompts' logits."""
        leaves_out = self.own_loop or self.shape.samples
        return self.tokens * self.response_tokens // self.sequence_tokens if leaves_out else self.tokens


def changed(setting: Setting, changes: Mapping[str, object]) -> Setting:
    """Return a setting with other values of the named fields. Raises TypeError for a name that is no field."""
    return replace(setting, **cast("dict[str, Any]", changes))


def default_setting(technique: str, **changes: object) -> Setting:
    """Return the setting of a technique in our loops, or in a library like TRL where we have no loop for it.

    changes: fields of Setting. Raises ConfigurationError for an unknown technique.
    """
    if technique not in TECHNIQUES:
        raise ConfigurationError(
            f"technique is '{technique}'; expected one of {', '.join(TECHNIQUES)}", "name one of them"
        )
    if technique in CONFIGS:
        setting = setting_of(make_config({"technique": technique}))
    else:
        shape = TECHNIQUES[technique]
        setting = Setting(
            technique, micro_batch=8, logits_at_once=0, float32_outputs=True, own_loop=False,
            group_size=8 if shape.samples else 1, rollouts_at_once=64 if shape.samples else 0,
            reference=shape.reference,
        )  # fmt: skip
    setting = changed(setting, changes)
    if setting.trains_all or not setting.reference:
        return setting
    return replace(setting, reference=False)  # the starting policy is the policy without its adapters


def library_setting(technique: str, *, lora: bool, rows: int, prompt_tokens: int, response_tokens: int) -> Setting:
    """Return the setting of a technique in a library like TRL, with activation checkpointing.

    All weights are trained in float32, or LoRA adapters on bfloat16 weights. rows: sequences in one forward pass; where
    the technique samples, eight times as many are decoded at once. Raises ConfigurationError for an unknown technique.
    """
    setting = replace(
        default_setting(technique), micro_batch=rows, prompt_tokens=prompt_tokens, response_tokens=response_tokens,
        activation_checkpointing=True, own_loop=False,
    )  # fmt: skip
    setting = replace(setting, rollouts_at_once=8 * rows if setting.shape.samples else 0)
    return replace(setting, tuning="lora", weights="bfloat16", reference=False) if lora else setting


def library_command(model: str, setting: Setting) -> str:
    """Return the command that prints the figure of a setting of `library_setting`, by phase and part."""
    return (
        f"advisor memory --model {model} --technique {setting.technique} --library"
        f"{'' if setting.trains_all else ' --lora'} --batch {setting.micro_batch} "
        f"--prompt-tokens {setting.prompt_tokens} --response-tokens {setting.response_tokens}"
    )


def setting_of(config: RunConfig) -> Setting:
    """Return the setting of a run of ours with this config, on a GPU."""
    group = config.group_size if isinstance(config, RolloutConfig) else 1
    decoded = max(config.eval_size, _rollouts(config))
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
        reference=config.keeps_reference and not config.lora_rank,
    )


def _rollouts(config: RunConfig) -> int:
    """Return how many rollouts one step asks for."""
    if isinstance(config, RejectionSamplingConfig):
        return config.prompts_per_round * config.group_size
    if isinstance(config, PolicyGradientConfig):
        return config.sequences_per_update * config.updates_per_rollout
    return 0
