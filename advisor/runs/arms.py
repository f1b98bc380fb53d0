"""The arms of a plan: which recommended pipelines are tried, as stages that share the budget, and which are left out.

The arms are the best pipeline that can be tried here, its two best rivals, no training at all, and, where one of them
holds rejection sampling, its random control: as many rows, chosen without the verifier. The gain of the control is not
the verifier's merit.
"""

from collections.abc import Mapping, Sequence

from advisor.advice.pipelines import PIPELINES, Pipeline
from advisor.advice.techniques import TECHNIQUES
from advisor.runs.estimate import Measured, budget_text, scores_every
from advisor.runs.plan import ROWS, Arm, LeftOut, Role, Stage, Task
from advisor.runs.recommended import demand_pipeline
from advisor.task.traits import Traits
from posttrain.errors import ConfigurationError, PosttrainError
from reference_impls.configs import CONFIGS, Budget, make_config

RIVALS = 2
EVAL_SIZE = 200
WHOLE_ROUND = 10_000  # prompts: one round takes as many as half of the budget has room for

# The closest pipeline with a reference implementation here, for those without one; chosen by hand.
NEAREST = {
    "iterative_sft": "expert_iteration", "distillation": "sft", "distillation_logits": "sft",
    "on_policy_distillation": "sft",
    "sft_dpo": "sft", "rlhf": "sft_grpo", "hybrid": "sft_grpo", "prefix_hybrid": "sft_grpo", "stepwise_rl": "sft_grpo",
    "continued_pretraining": "sft", "adapt_language": "sft", "adapt_language_sft": "sft", "filter_traces": "sft",
}  # fmt: skip


def choose(ranked: Sequence[str], traits: Traits) -> tuple[list[Pipeline], list[LeftOut]]:
    """Return the best pipelines that can be tried, and the others with the reason."""
    chosen: list[Pipeline] = []
    left_out: list[LeftOut] = []
    for name in dict.fromkeys(ranked):
        pipeline = PIPELINES[demand_pipeline(name)]
        reason = _reason_against(pipeline, chosen, traits)
        if not reason and len(chosen) <= RIVALS:
            chosen.append(pipeline)
        elif pipeline.id != "no_training":  # which is an arm anyway
            nearest = NEAREST.get(pipeline.id) if reason else None
            reason = reason or "ranks behind the three that are tried"
            left_out.append(LeftOut(pipeline=pipeline.id, reason=reason, nearest=nearest))
    return chosen, left_out


def make_arms(
    chosen: Sequence[Pipeline], task: Task, total: Budget, measured: Measured, traits: Traits | None = None
) -> list[Arm]:
    """Return the arms of these pipelines, the recommended one first, with no training before and a control after them.

    A pipeline of several stages splits the budget in equal shares, or by the `budget_share` in its settings. Stages
    that the traits say were run before are left out: the task's model is their checkpoint. Raises ConfigurationError
    for a setting that a technique does not accept.
    """
    roles = [Role.RECOMMENDED, *(Role.RIVAL for _ in chosen[1:])]
    known = traits or Traits({})
    arms = [
        _arm(pipeline, pipeline.done(known), role, task, total, measured)
        for pipeline, role in zip(chosen, roles, strict=True)
    ]
    return [_untrained(task), *arms, *_control(arms)]


def _reason_against(pipeline: Pipeline, chosen: Sequence[Pipeline], traits: Traits) -> str:
    if not pipeline.stages:
        return "trains nothing: it is done by hand"
    if "distillation" in pipeline.stages:
        return "needs the teacher's responses first: write them into `response`, then plan sft"
    if pipeline.id == "filter_traces":
        return "needs the accepted logs as rows: write them into `response`, then plan sft"
    if not pipeline.is_bundled:
        without = [stage for stage in pipeline.stages if not TECHNIQUES[stage].bundled]
        return f"has no reference implementation here ({', '.join(without)})"
    if broken := [condition.text for condition in pipeline.conditions if condition.holds(traits) is False]:
        return f"needs {' and '.join(broken)}, which is not so"
    same = next((other.id for other in chosen if _signature(other, traits) == _signature(pipeline, traits)), None)
    return f"is the same run as {same}" if same else ""


def _signature(pipeline: Pipeline, traits: Traits) -> tuple[list[str], list[dict[str, object]]]:
    """Return what tells the runs of two pipelines apart: techniques and settings of the stages still to run."""
    done = pipeline.done(traits)
    settings = [dict(stage) for stage in pipeline.settings] or [{} for _ in pipeline.stages]
    return [TECHNIQUES[stage].bundled for stage in pipeline.stages[done:]], settings[done:]


def _untrained(task: Task) -> Arm:
    stage = _stage("probe", task, {"group_size": 1, "budget": "1-tokens"})
    title = PIPELINES["no_training"].title
    return Arm(id="no_training", pipeline="no_training", role=Role.NO_TRAINING, title=title, stages=(stage,))


def _arm(pipeline: Pipeline, done: int, role: Role, task: Task, total: Budget, measured: Measured) -> Arm:
    own = ([dict(settings) for settings in pipeline.settings] or [{} for _ in pipeline.stages])[done:]
    stages = []
    for name, settings in zip(pipeline.stages[done:], own, strict=True):
        share = float(str(settings.pop("budget_share", 1 / len(own))))
        budget = budget_text(total.amount * share, total.unit)
        if settings.get("rounds") == 1 and total.unit != "seconds":  # whose end a single round could run past
            settings["prompts_per_round"] = WHOLE_ROUND
        stage = _stage(TECHNIQUES[name].bundled, task, {**settings, "budget": budget})
        if "eval_every" not in task.settings:
            stage = stage.changed(eval_every=scores_every(stage, measured))
        stages.append(stage)
    return Arm(id=pipeline.id, pipeline=pipeline.id, role=role, title=pipeline.title, stages=tuple(stages))


def _stage(technique: str, task: Task, own: Mapping[str, object]) -> Stage:
    """Return a stage with those of the task's settings that its technique has. Raises ConfigurationError."""
    base: dict[str, object] = {"technique": technique, "model": task.model, "data": task.data}
    if task.verifier:
        base["verifier"] = task.verifier
    if not task.data.startswith("task:"):
        base["rows"] = ROWS  # all of a file; a generated task has no end
    given = {name: value for name, value in task.settings.items() if name in CONFIGS[technique].model_fields}
    settings = {**base, "eval_size": EVAL_SIZE, **given, **own}
    try:
        make_config(settings)
    except PosttrainError as error:
        raise ConfigurationError(f"{technique}: {error.message}", error.hint) from error
    return Stage.model_validate(settings)


def _control(arms: Sequence[Arm]) -> list[Arm]:
    """Return the random control of the best arm that holds rejection sampling: chance in place of the verifier."""
    for arm in arms:
        if any(stage.technique == "rejection_sampling" for stage in arm.stages):
            stages = tuple(
                stage.changed(select="random") if stage.technique == "rejection_sampling" else stage
                for stage in arm.stages
            )
            title = "As many rows, chosen without the verifier"
            name = f"{arm.id}-random"
            return [Arm(id=name, pipeline=arm.pipeline, role=Role.CONTROL, title=title, stages=stages)]
    return []
