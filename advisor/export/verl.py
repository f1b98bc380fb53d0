"""The files that run a pipeline in verl: run_verl.sh with its hydra overrides, parquet data and the reward function.

Every key that is written stands in data/reference/verl_keys.toml, with the commit of verl whose schema holds it. None
of it was run: verl needs a GPU and is not a dependency.
"""

import json
import shlex
import tomllib

from advisor.export.folder import Folder
from advisor.export.job import Job, Stage
from advisor.export.plain import demand_plain, demand_trained, template_settings
from posttrain.errors import ConfigurationError
from posttrain.reference import reference_path
from reference_impls.configs import GRPOConfig, RunConfig

NAME = "verl"
TRAINERS = {"sft": "sft", "distillation": "sft", "grpo": "grpo"}
ELSEWHERE = {
    "dft": "its SFT trainer has the plain loss alone; `--to trl` has DFT",
    "rejection_sampling": "it has no trainer for it; `--to trl` writes a script that samples, filters and trains",
    "dpo": "it is for online learning; `--to trl` has DPO",
    "kto": "it is for online learning; `--to trl` has KTO",
    "ppo": "its PPO takes a reward model that is not trained there; see its own examples",
    "reward_model": "it uses reward models and trains none; `trl reward` does",
    "on_policy_distillation": "it has it (distillation.enabled) and needs a teacher, which a task does not hold",
    "prefix_rft": "UFT and LUFFY publish forks of verl that do the like",
    "chord": "Trinity-RFT, built on verl, has CHORD",
    "srl": "no code of it is public",
}
# how the loss of a batch is divided, and which ratio it takes; bnpo's mean over micro-batches has no counterpart
_FORMS = {
    "grpo": ("vanilla", "seq-mean-token-mean"), "dapo": ("vanilla", "token-mean"), "cispo": ("cispo", "token-mean"),
    "dr_grpo": ("vanilla", "seq-mean-token-sum-norm"), "gspo": ("gspo", "seq-mean-token-mean"),
}  # fmt: skip
_SCORE = '''

def compute_score(
    data_source: str, solution_str: str, ground_truth: str, extra_info: dict[str, Any] | None = None, **_: Any
) -> float:
    """Return what verl asks for; it knows no unscorable response, so one counts as wrong."""
    row = (extra_info or {})["row"]
    return judge([json.loads(row)["prompt"]], [solution_str], [row])[0] or 0.0
'''


def write(job: Job, folder: Folder) -> None:
    """Write the folder. Raises PosttrainError for settings without a counterpart in verl."""
    blocks = []
    for number, stage in enumerate(job.stages):
        if stage.config.lora_rank and number + 1 < len(job.stages):
            raise ConfigurationError(
                f"{stage.name} trains LoRA adapters and another stage follows; verl does not merge them",
                "set lora_rank to 0 in that stage, or export to trl, which merges",
            )
        _check_rows(job, stage)
        model = shlex.quote(job.model) if number == 0 else '"$model"'
        blocks.append(_command(stage, {**_overrides(job, stage), **_ending(job, stage)}, model))
    if any(TRAINERS[stage.technique] == "grpo" for stage in job.stages):
        folder.write_rewards(job, _SCORE)
    if job.is_starter:
        folder.copy_starter()
    folder.write_rows("rows.jsonl", job.rows)
    folder.write("template.json", json.dumps(template_settings(job), indent=1) + "\n")
    folder.copy_templates()
    folder.copy_script("prepare_verl.py")
    folder.write("run_verl.sh", _script(job, blocks), executable=True)


def _check_rows(job: Job, stage: Stage) -> None:
    """Raise ConfigurationError for what verl would train on in another way: it renders messages of text itself."""
    demand_plain(job, stage, NAME)
    if TRAINERS[stage.technique] == "sft":
        demand_trained(job, stage, NAME)
    named = [row.get("as_read", {}).get("arguments") for row in job.rows]
    if stage.config.chat_template_kwargs or any(named):
        raise ConfigurationError(
            f"{stage.name} has arguments of the chat template (chat_template_kwargs), for which the export to verl has "
            "no key",
            "leave them out, or export to trl",
        )


def schema() -> dict[str, object]:
    """Return the keys that verl's schema is known to hold, for each entry point, and where they were read."""
    return tomllib.loads(reference_path("verl_keys.toml").read_text(encoding="utf-8"))


def _overrides(job: Job, stage: Stage) -> dict[str, object]:
    return _of_sft(job, stage) if TRAINERS[stage.technique] == "sft" else _of_grpo(job, stage)


def _of_sft(job: Job, stage: Stage) -> dict[str, object]:
    config = stage.config
    return {
        "data.train_files": "data/demonstrations.parquet",
        "data.messages_key": "messages",
        "data.train_batch_size": config.sequences_per_update,
        "data.micro_batch_size_per_gpu": config.micro_batch,
        "data.use_dynamic_bsz": False,
        "data.max_length": config.max_prompt_tokens + config.max_response_tokens,
        "data.truncation": "right",
        **_model("model", config),
        **_optimizer("optim", job, stage),
        "engine.model_dtype": "fp32" if config.weights == "float32" else "bf16",
        "checkpoint.save_contents": ["model", "optimizer", "extra", "hf_model"],
        "trainer.seed": config.seed,
    }


def _of_grpo(job: Job, stage: Stage) -> dict[str, object]:
    config, actor, rollout = stage.typed(GRPOConfig), "actor_rollout_ref.actor", "actor_rollout_ref.rollout"
    _check_counterpart(stage)
    mode, aggregate = _FORMS[config.form]
    constant = {f"{actor}.loss_scale_factor": config.max_response_tokens} if config.form == "dr_grpo" else {}
    return {
        "algorithm.adv_estimator": "grpo",
        "algorithm.norm_adv_by_std_in_grpo": config.scale == "group",
        "algorithm.use_kl_in_reward": False,
        "data.train_files": "data/prompts.parquet",
        "data.val_files": "data/prompts.parquet",
        "data.train_batch_size": config.sequences_per_update * config.updates_per_rollout // config.group_size,
        "data.max_prompt_length": config.max_prompt_tokens,
        "data.max_response_length": config.max_response_tokens,
        "data.filter_overlong_prompts": True,
        "data.seed": config.seed,
        **_model("actor_rollout_ref.model", config),
        **_optimizer(f"{actor}.optim", job, stage),
        f"{actor}.grad_clip": config.max_grad_norm,
        f"{actor}.fsdp_config.model_dtype": "fp32" if config.weights == "float32" else "bf16",
        f"{actor}.ppo_mini_batch_size": config.sequences_per_update // config.group_size,
        f"{actor}.ppo_micro_batch_size_per_gpu": config.micro_batch,
        f"{actor}.policy_loss.loss_mode": mode,
        f"{actor}.loss_agg_mode": aggregate,
        **constant,
        f"{actor}.clip_ratio_low": 1.0 if config.form == "cispo" else config.clip_low,
        f"{actor}.clip_ratio_high": config.clip_high,
        f"{actor}.clip_ratio_c": 1e6,
        f"{actor}.use_kl_loss": config.kl_coef > 0,
        f"{actor}.kl_loss_coef": config.kl_coef,
        f"{actor}.kl_loss_type": "low_var_kl",
        f"{actor}.entropy_coeff": config.entropy_coef,
        f"{actor}.checkpoint.save_contents": ["model", "optimizer", "extra", "hf_model"],
        f"{rollout}.name": "vllm",
        f"{rollout}.n": config.group_size,
        f"{rollout}.temperature": config.temperature,
        f"{rollout}.tensor_model_parallel_size": 1,
        f"{rollout}.log_prob_micro_batch_size_per_gpu": config.micro_batch,
        **({f"{rollout}.load_format": "safetensors"} if config.lora_rank else {}),
        "actor_rollout_ref.ref.log_prob_micro_batch_size_per_gpu": config.micro_batch,
        "reward.custom_reward_function.path": "rewards.py",
        "reward.custom_reward_function.name": "compute_score",
        "trainer.val_before_train": False,
    }


def _check_counterpart(stage: Stage) -> None:
    """Raise ConfigurationError for settings of GRPO that verl does not have."""
    config = stage.typed(GRPOConfig)
    if config.form not in _FORMS:
        raise ConfigurationError(f"verl has no form '{config.form}'", f"set form to one of {', '.join(_FORMS)}")
    if config.scale == "batch":
        raise ConfigurationError("verl does not scale advantages by the batch", "set scale to group or none")
    if config.sequences_per_update % config.group_size:
        raise ConfigurationError(
            f"an update of {config.sequences_per_update} rollouts is no whole number of groups of {config.group_size}",
            "verl counts an update in prompts: set micro_batch to a multiple of group_size",
        )


def _model(at: str, config: RunConfig) -> dict[str, object]:
    lora = {"lora_rank": config.lora_rank, "lora_alpha": config.lora_alpha, "target_modules": "all-linear"}
    settings = {"enable_gradient_checkpointing": config.activation_checkpointing, **(lora if config.lora_rank else {})}
    return {f"{at}.{name}": value for name, value in settings.items()}


def _optimizer(at: str, job: Job, stage: Stage) -> dict[str, object]:
    config = stage.config
    return {
        f"{at}.lr": job.learning_rate(stage),
        f"{at}.lr_warmup_steps": config.warmup_steps,
        f"{at}.lr_scheduler_type": "constant",
        f"{at}.weight_decay": config.weight_decay,
        f"{at}.clip_grad": config.max_grad_norm,
    }


def _ending(job: Job, stage: Stage) -> dict[str, object]:
    """Return when it stops and what it leaves. verl's steps are batches of rollouts; an epoch is one pass at least."""
    updates, _ = job.updates(stage)
    steps = None if updates is None else max(1, updates // getattr(stage.config, "updates_per_rollout", 1))
    rows = stage.config.sequences_per_update // getattr(stage.config, "group_size", 1)
    epochs = 1 if steps is None else steps * rows // len(job.rows) + 1
    return {
        "trainer.total_epochs": epochs,
        **({} if steps is None else {"trainer.total_training_steps": steps, "trainer.save_freq": steps}),
        "trainer.test_freq": -1,
        "trainer.nnodes": 1,
        "trainer.project_name": "posttrain",
        "trainer.experiment_name": stage.name,
        "trainer.default_local_dir": stage.name,
        "trainer.logger": ["console"],
    }


def _command(stage: Stage, overrides: dict[str, object], model: str) -> str:
    """Return the command of one stage, an override a line."""
    if TRAINERS[stage.technique] == "sft":
        start, path = 'torchrun --standalone --nnodes=1 --nproc_per_node="$GPUS" -m verl.trainer.sft_trainer', "model"
    else:
        start, path = "python -m verl.trainer.main_ppo", "actor_rollout_ref.model"
    lines = [start, f"{path}.path={model}", 'trainer.n_gpus_per_node="$GPUS"']
    lines += [shlex.quote(f"{key}={_value(value)}") for key, value in overrides.items()]
    return " \\\n    ".join([*lines, '"$@"'])


def _value(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f"[{','.join(value)}]" if isinstance(value, list) else str(value)


def _script(job: Job, blocks: list[str]) -> str:
    source = schema()
    commit = str(source["commit"])[:12]
    lines = [
        "#!/bin/sh",
        f"# {job.pipeline.title}, in verl. Keys as at commit {commit} of {source['repository']}; other",
        "# versions may have other names. Arguments of this script go to every stage and win.",
        "set -eu",
        'cd "$(dirname "$0")"',
        'GPUS="${GPUS:-1}"',
        f"python prepare_verl.py {shlex.quote(job.model)}",
    ]
    for stage, block in zip(job.stages, blocks, strict=True):
        _, arithmetic = job.updates(stage)
        actor = "/actor" if TRAINERS[stage.technique] == "grpo" else ""
        lines += ["", f"# Stage {stage.number}: {stage.technique}. Updates: {arithmetic}", block]
        if stage.number < len(job.stages):
            lines.append(f'model="$(ls -d {stage.name}/global_step_* | sort -V | tail -n 1){actor}/huggingface"')
    return "\n".join(lines) + "\n"
