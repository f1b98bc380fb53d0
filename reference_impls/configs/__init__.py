"""Every setting of every technique, with its default and a sentence; no torch is imported here.

A run folder's `config.json` holds one of these objects. Field names differ between libraries for the same thing:

    here                  elsewhere
    group_size            num_generations (TRL), group_size (tinker), grpo_samples (torchtune), num_samples (nanochat)
    kl_coef               beta (TRL, open-instruct), kl_coeff (torchtune)
    clip_low, clip_high   epsilon, epsilon_high (TRL), clip_lower, clip_higher (open-instruct)
    max_response_tokens   max_completion_length (TRL), max_new_tokens (nanochat), max_generated_tokens (torchtune)
    micro_batch           per_device_train_batch_size (TRL), ppo_micro_batch_size (verl)
    accumulation          gradient_accumulation_steps (TRL)
"""

import json
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from posttrain.errors import ConfigurationError
from posttrain.suggest import nearest
from reference_impls.configs.imitation import (
    ASFTConfig,
    DFTConfig,
    GEMConfig,
    IwSFTConfig,
    OneTokenRolloutConfig,
    SFTConfig,
    UFTUNAConfig,
)
from reference_impls.configs.rewards import (
    ClipCovConfig,
    GRPOConfig,
    KLCovConfig,
    PolicyGradientConfig,
    ProbeConfig,
    RAFTPlusPlusConfig,
    ReinforceConfig,
    ReinforcePlusPlusConfig,
    RejectionSamplingConfig,
    ReMaxConfig,
    RLOOConfig,
    RolloutConfig,
)
from reference_impls.configs.run import (
    BUDGET,
    CHUNK_LOGITS,
    COMPARES,
    LEAVE_AT,
    SEQUENCES_AT_ONCE,
    Budget,
    RunConfig,
)

__all__ = [
    "BUDGET",
    "CHUNK_LOGITS",
    "COMPARES",
    "CONFIGS",
    "LEAVE_AT",
    "SEQUENCES_AT_ONCE",
    "ASFTConfig",
    "Budget",
    "DFTConfig",
    "GEMConfig",
    "GRPOConfig",
    "IwSFTConfig",
    "OneTokenRolloutConfig",
    "PolicyGradientConfig",
    "ProbeConfig",
    "RejectionSamplingConfig",
    "RolloutConfig",
    "RunConfig",
    "SFTConfig",
    "UFTUNAConfig",
    "default_learning_rate",
    "load_config",
    "make_config",
]

CONFIGS: dict[str, type[RunConfig]] = {
    "sft": SFTConfig,
    "dft": DFTConfig,
    "iw_sft": IwSFTConfig,
    "gem": GEMConfig,
    "asft": ASFTConfig,
    "one_token_rollout": OneTokenRolloutConfig,
    "uft_una": UFTUNAConfig,
    "rejection_sampling": RejectionSamplingConfig,
    "grpo": GRPOConfig,
    "reinforce": ReinforceConfig,
    "rloo": RLOOConfig,
    "remax": ReMaxConfig,
    "reinforce_plus_plus": ReinforcePlusPlusConfig,
    "raft_plus_plus": RAFTPlusPlusConfig,
    "clip_cov": ClipCovConfig,
    "kl_cov": KLCovConfig,
    "probe": ProbeConfig,
}


def default_learning_rate(technique: str, parameters: int, lora: bool) -> float:
    """Return the learning rate that a run takes when it names none.

    Small policies learn at rates like those of pre-training; from fifty million weights on, the rates are the usual
    ones of post-training: 1e-5 for imitation and 1e-6 for GRPO, with LoRA 2e-4 and 1e-5.
    """
    imitates = technique not in CONFIGS or CONFIGS[technique].family != "grpo"
    if parameters < 50_000_000:
        return 3e-4 if imitates else 1e-4
    if lora:
        return 2e-4 if imitates else 1e-5
    return 1e-5 if imitates else 1e-6


def make_config(settings: Mapping[str, object]) -> RunConfig:
    """Return the config of these settings. Raises ConfigurationError that names the setting and what was expected."""
    technique = str(settings.get("technique"))
    if technique not in CONFIGS:
        raise ConfigurationError(
            f"technique is {settings.get('technique')!r}; expected one of {', '.join(CONFIGS)}", "set `technique`"
        )
    try:
        return CONFIGS[technique].model_validate(settings)
    except ValidationError as error:
        raise ConfigurationError(
            _first_fault(error, CONFIGS[technique]), f"python -m reference_impls {technique} --settings"
        ) from error


def load_config(path: Path) -> RunConfig:
    """Read a `config.json`. Raises ConfigurationError where there is none or a setting is not as expected."""
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(
            f"cannot read {path}: {error.strerror}", 'write one, for example {"technique": "sft"}'
        ) from error
    except ValueError as error:
        raise ConfigurationError(f"{path} is not JSON: {error}", "mend it, or write it with a tool") from error
    if not isinstance(settings, dict):
        raise ConfigurationError(
            f"{path} holds a {type(settings).__name__}; expected one JSON object of settings", "mend it"
        )
    return make_config(settings)


def _first_fault(error: ValidationError, config: type[RunConfig]) -> str:
    """Return the first fault of the settings, in a sentence."""
    first = error.errors()[0]
    name = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        near = nearest(name, config.model_fields)
        meant = f"; did you mean {near}?" if near else f"; expected one of {', '.join(config.model_fields)}"
        return f"there is no setting '{name}' for {config.model_fields['technique'].default}{meant}"
    if not name:
        return first["msg"].removeprefix("Value error, ")
    message = first["msg"][0].lower() + first["msg"][1:]
    return f"{name} is {first['input']!r}: {message} ({config.model_fields[name].description})"
