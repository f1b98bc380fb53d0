"""The files that run a pipeline in TRL: a YAML file for each stage, as `trl sft --config` reads it, data, run.sh."""

import json
import shlex

from advisor.export.folder import Folder, yaml_of
from advisor.export.job import Job, Stage
from advisor.export.plain import demand_plain, template_settings
from posttrain.errors import ConfigurationError
from reference_impls.configs import Budget, GRPOConfig, RejectionSamplingConfig

NAME = "TRL 1.16"
VERSION = "1.16.0"
TRAINERS = {
    "sft": "sft", "dft": "sft", "distillation": "sft", "rejection_sampling": "", "dpo": "dpo", "kto": "kto",
    "grpo": "grpo",
}  # fmt: skip
ELSEWHERE = {
    "iterative_sft": "it is SFT on corrected responses; write those to a file and export `sft` on it",
    "distillation_logits": "`trl distillation` does it and needs the name of a teacher, which a task does not hold",
    "on_policy_distillation": "`trl distillation` does it and needs the name of a teacher, which a task does not hold",
    "reward_model": "`trl reward` trains one, and there is no PPO behind it; `dpo` learns from pairs without it",
    "ppo": "TRL has no PPO; `grpo` rewards rollouts without a critic, `dpo` learns from pairs without a reward model",
    "continued_pretraining": "`trl sft` does it on a column `text`, and a task has prompts and responses",
    "chord": "ms-swift and Trinity-RFT have CHORD; here `sft` and then `grpo` is the nearest pipeline",
    "prefix_rft": "UFT and LUFFY publish forks of verl; here `sft` and then `grpo` is the nearest pipeline",
    "srl": "no code of it is public; here `sft` and then `grpo` is the nearest pipeline",
}
_DATA = {"sft": "demonstrations", "dpo": "pairs", "kto": "thumbs", "grpo": "prompts", "": "prompts"}
_REWARD = '''

def reward(prompts: list[Any], completions: list[Any], row: list[str], **_: Any) -> list[float | None]:
    """Return what TRL's GRPO asks for; an unscorable completion (None) gets no advantage there."""
    return judge(prompts, [text if isinstance(text, str) else text[-1]["content"] for text in completions], row)
'''


def write(job: Job, folder: Folder) -> None:
    """Write the folder. Raises PosttrainError where the rows lack what a stage learns from."""
    for stage in job.stages:
        _check_rows(job, stage)
        if TRAINERS[stage.technique] in ("dpo", "kto"):
            demand_plain(job, stage, NAME)
    if any(_DATA[TRAINERS[stage.technique]] == "prompts" for stage in job.stages):
        folder.write_rewards(job, _REWARD)
    if job.is_starter:
        folder.copy_starter()
    folder.write_rows("rows.jsonl", job.rows)
    needed = [
        kind for kind in dict.fromkeys(_DATA.values()) if kind in {_DATA[TRAINERS[s.technique]] for s in job.stages}
    ]
    folder.write("template.json", json.dumps({"data": needed, **template_settings(job)}, indent=1) + "\n")
    folder.copy_templates()
    folder.copy_script("prepare.py")
    for number, stage in enumerate(job.stages):
        settings, notes = _settings(job, stage)
        settings = {"model_name_or_path": _model(job, number), "output_dir": stage.name, **settings}
        head = f"Stage {stage.number}: {stage.technique}. Settings of TRL {VERSION}; all others have their defaults."
        folder.write(f"{stage.name}.yaml", yaml_of(settings, notes, head))
    if any(stage.technique == "rejection_sampling" for stage in job.stages):
        folder.copy_script("rejection_sampling.py")
    if any(stage.config.lora_rank and stage.technique != "rejection_sampling" for stage in job.stages):
        folder.copy_script("merge.py")
    folder.write("requirements.txt", f"trl=={VERSION}\npeft\nmath-verify\npydantic\n")
    folder.write("run.sh", _run(job), executable=True)


def _check_rows(job: Job, stage: Stage) -> None:
    """Raise PosttrainError where no row has the columns that the stage learns from."""
    needed = {"demonstrations": ("response",), "pairs": ("chosen", "rejected"), "thumbs": ("response", "label"),
              "prompts": ("prompt",)}[_DATA[TRAINERS[stage.technique]]]  # fmt: skip
    if not any(all(row.get(name) not in (None, "") for name in needed) for row in job.rows):
        raise ConfigurationError(
            f"no row of {stage.config.data} has {' and '.join(needed)}, which {stage.technique} learns from",
            "add them to the file",
        )


def _model(job: Job, number: int) -> str:
    """Return the model from which stage `number`, counted from 0, starts: that of the stage before, adapters merged."""
    if number == 0:
        return job.model
    before = job.stages[number - 1]
    merged = before.config.lora_rank and before.technique != "rejection_sampling"
    return f"{before.name}_merged" if merged else before.name


def _settings(job: Job, stage: Stage) -> tuple[dict[str, object], dict[str, str]]:
    """Return TRL's settings of a stage, and the notes to them."""
    config, kind = stage.config, TRAINERS[stage.technique]
    updates, arithmetic = job.updates(stage)
    lora = {
        "use_peft": True, "lora_r": config.lora_rank, "lora_alpha": config.lora_alpha, "lora_dropout": 0.0,
        "lora_target_modules": "all-linear",
    } if config.lora_rank else {}  # fmt: skip
    rounds = {"num_train_epochs": float(getattr(config, "epochs", 1))} if not kind or updates is None else {}
    settings: dict[str, object] = {
        "learning_rate": job.learning_rate(stage), "lr_scheduler_type": "constant_with_warmup",
        "warmup_steps": config.warmup_steps, "weight_decay": config.weight_decay,
        "max_grad_norm": config.max_grad_norm, "per_device_train_batch_size": config.micro_batch,
        "gradient_accumulation_steps": config.accumulation,
        **(rounds or {"max_steps": updates}),
        **_of_kind(stage), **lora,
        "dtype": config.weights, "bf16": config.compute != "float32",
        "gradient_checkpointing": config.activation_checkpointing,
        "seed": config.seed, "logging_steps": 1, "save_strategy": "no",
    }  # fmt: skip
    if kind:
        settings["datasets"] = [{"path": "json", "data_files": f"data/{_DATA[kind]}.jsonl"}]
    notes = {
        "learning_rate": "as given" if config.learning_rate else "by the model's size, the default of a run here",
        "per_device_train_batch_size": "of each process: divide it by the number of GPUs to keep the update as it is",
        "max_steps": f"updates: {arithmetic}",
        "bf16": "false on a machine whose processor or GPU lacks bfloat16",
        "num_train_epochs": "of each round" if not kind else arithmetic,
        "epsilon_high": "of cispo: the cap itself, 1 + clip_high",
    }
    if stage.technique == "rejection_sampling":
        settings["rounds"], notes["rounds"] = _rounds(job, stage)
        settings["prompts_per_round"] = _prompts(job, stage)
    used = {name: note for name, note in notes.items() if name in settings}
    if getattr(config, "form", "") != "cispo":
        used.pop("epsilon_high", None)
    return settings, used


def _of_kind(stage: Stage) -> dict[str, object]:
    """Return the settings that only one trainer has."""
    config, kind = stage.config, TRAINERS[stage.technique]
    longest = config.max_prompt_tokens + config.max_response_tokens
    if kind == "grpo":
        kwargs = config.chat_template_kwargs
        return {**_of_grpo(stage.typed(GRPOConfig)), **({"chat_template_kwargs": kwargs} if kwargs else {})}
    if kind in ("dpo", "kto"):
        return {"max_length": longest}
    sft: dict[str, object] = {
        "loss_type": "dft" if stage.technique == "dft" else "nll",
        "max_length": longest,
        "packing": False,
    }
    if kind:
        return sft
    own = stage.typed(RejectionSamplingConfig)
    return {
        **sft, "group_size": own.group_size, "prompts_per_round": own.prompts_per_round,
        "keep_per_prompt": own.keep_per_prompt, "select": own.select,
        "sampling_temperature": own.temperature, "max_response_tokens": own.max_response_tokens,
    }  # fmt: skip


def _of_grpo(config: GRPOConfig) -> dict[str, object]:
    sequence = config.form == "gspo"
    return {
        "reward_funcs": ["rewards.reward"],
        "num_generations": config.group_size,
        "max_completion_length": config.max_response_tokens,
        "temperature": config.temperature,
        "loss_type": "grpo" if sequence else config.form,
        "importance_sampling_level": "sequence" if sequence else "token",
        "scale_rewards": config.scale,
        "epsilon": config.clip_low,
        "epsilon_high": config.clip_high + (config.form == "cispo"),
        "beta": config.kl_coef,
        "use_bias_correction_kl": config.kl == "k3_ratio",
        "entropy_coef": config.entropy_coef,
        "num_iterations": 1,
        "steps_per_generation": config.accumulation * config.updates_per_rollout,
    }


def _rounds(job: Job, stage: Stage) -> tuple[int, str]:
    """Return the rounds of rejection sampling, with the arithmetic where the setting has no limit."""
    config = stage.typed(RejectionSamplingConfig)
    if config.rounds:
        return config.rounds, "as given"
    budget = Budget.parse(config.budget)
    if budget.unit != "tokens":
        return 1, f"the budget of {config.budget} is not in tokens: one round"
    prompt, response = job.lengths_of(stage)
    prompts = min(config.prompts_per_round, len(job.rows))
    sampled = prompts * (prompt + config.group_size * response)
    trained = prompts * config.keep_per_prompt * config.epochs * (prompt + response) // 2
    rounds = max(1, int(budget.amount / (sampled + trained)))
    return rounds, f"{config.budget} / (about {sampled} tokens sampled + {trained} trained on, were half of it kept)"


def _prompts(job: Job, stage: Stage) -> int:
    """Return the prompts of a round: as in the setting, at most all rows; a single round takes half of its budget."""
    config = stage.typed(RejectionSamplingConfig)
    budget = Budget.parse(config.budget)
    asked: int = min(config.prompts_per_round, len(job.rows))
    if config.rounds != 1 or budget.unit != "tokens":
        return asked
    prompt, response = job.lengths_of(stage)
    return max(1, min(asked, int(budget.amount / 2 / (prompt + config.group_size * response))))


def _run(job: Job) -> str:
    """Return run.sh: the data first, then a command for each stage, to which its arguments are passed."""
    lines = [
        "#!/bin/sh",
        f"# {job.pipeline.title}, in TRL {VERSION}: pip install -r requirements.txt, then ./run.sh",
        "# Arguments go to every stage and win: ./run.sh --max_steps 2",
        "set -eu",
        'cd "$(dirname "$0")"',
        f"python prepare.py {shlex.quote(job.model)} {_limits(job)}",
    ]
    for stage in job.stages:
        kind = TRAINERS[stage.technique]
        command = f"trl {kind}" if kind else "python rejection_sampling.py"
        lines.append(f'{command} --config {stage.name}.yaml "$@"')
        if stage.config.lora_rank and kind:
            lines.append(f"python merge.py {stage.name} {stage.name}_merged")
    return "\n".join(lines) + "\n"


def _limits(job: Job) -> str:
    first = job.stages[0].config
    return f"--max-prompt-tokens {first.max_prompt_tokens} --max-response-tokens {first.max_response_tokens}"
