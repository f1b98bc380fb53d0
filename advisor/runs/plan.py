"""Plan: a recommendation becomes arms with equal budgets, and is priced before anything runs.

The arms are the best pipeline that can be tried here, its two best rivals, no training at all, and, where one of them
holds rejection sampling, its random control: as many rows, chosen without the verifier. What the control gains is not
the verifier's merit.
"""

import difflib
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from advisor.advice.pipelines import LADDER, PIPELINES, Pipeline
from advisor.advice.techniques import TECHNIQUES
from advisor.probe import ROWS
from advisor.runs.estimate import Measured, Memory, demand_enough, estimate_of, said_budget, scores_every
from advisor.runs.process import read_json, write_json
from advisor.task.traits import Traits
from posttrain.errors import ConfigurationError, NothingMatchedError, PosttrainError
from posttrain.statistics import smallest_difference
from reference_impls.configs import CONFIGS, Budget, make_config
from reference_impls.tasks.jsonl import read_file

SCHEMA_VERSION = 1
RIVALS = 2
EVAL_SIZE = 200
FEW = 30  # test prompts, whose scores say next to nothing
VERIFIER = re.compile(r"(exact|numeric|math|choice)(:.*)?|regex:.+|unit-tests|[\w.]+:\w+", re.DOTALL)
HUB_ID = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")
WHOLE_ROUND = 10_000  # prompts: one round takes all that half of the budget has room for
RECOMMENDED, RIVAL, NO_TRAINING, CONTROL = "recommended", "rival", "no training", "random control"

# What comes nearest to a pipeline that has no reference implementation here, chosen by hand.
NEAREST = {
    "iterative_sft": "expert_iteration", "distillation": "sft", "distillation_logits": "sft",
    "on_policy_distillation": "sft",
    "sft_dpo": "sft", "rlhf": "sft_grpo", "hybrid": "sft_grpo", "prefix_hybrid": "sft_grpo", "stepwise_rl": "sft_grpo",
    "continued_pretraining": "sft",
}  # fmt: skip


@dataclass(frozen=True)
class Arm:
    """One way of spending the budget: stages, each the settings of a run but for its model and seed."""

    id: str
    pipeline: str
    role: str
    title: str
    stages: tuple[dict[str, Any], ...]
    estimate: dict[str, float | None] = field(default_factory=dict)  # tokens, evaluated, seconds, memory_bytes


@dataclass(frozen=True)
class Plan:
    """What would run: every arm gets the same budget."""

    task: dict[str, Any]
    traits: dict[str, Any]
    budget: str
    seeds: tuple[int, ...]
    arms: tuple[Arm, ...]
    left_out: tuple[dict[str, str | None], ...]
    warnings: tuple[str, ...]
    schema_version: int = SCHEMA_VERSION

    @property
    def id(self) -> str:
        """What tells plans apart: a digest of all that decides what runs."""
        said = [self.task, self.budget, self.seeds, [[arm.id, arm.role, arm.stages] for arm in self.arms]]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:12]

    def as_dict(self) -> dict[str, Any]:
        """Return the plan as JSON has it."""
        return {**asdict(self), "id": self.id}


def make_plan(
    ranked: Sequence[str],
    task: Mapping[str, Any],
    budget: str,
    seeds: Sequence[int] = (0,),
    *,
    traits: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    memory: Memory | None = None,
    available: float | None = None,
) -> Plan:
    """Return the plan of the best pipelines in `ranked`, best first, for `task` (model, data, verifier).

    `settings` hold for every arm, as far as its techniques have them. `memory` gives the peak bytes of a technique with
    its settings, and `available` those of the device. A pipeline of several stages splits the budget in equal shares,
    or by the `budget_share` in its settings. Raises PosttrainError for a budget that does not reach one update, for
    settings and tasks that cannot be, and (nothing matched) where no pipeline in `ranked` can be tried here.
    """
    total = _budget(budget)
    task = {**task, "settings": {**dict(task.get("settings") or {}), **dict(settings or {})}}
    known = Traits(dict(traits or {}))
    _check(task, seeds)
    task = _with_test_rows(task)
    chosen, left_out = _choose(ranked, known)
    if not chosen:
        reasons = "; ".join(f"{one['pipeline']} {one['reason']}" for one in left_out)
        hint = "name pipelines that are bundled, such as sft,rejection_sampling,grpo"
        raise NothingMatchedError(f"no pipeline of the recommendation can be tried: {reasons}", hint)
    measured = _measured(task, known)
    arms = [_arm(one, task, total, measured, first=not place) for place, one in enumerate(chosen)]
    arms = [_untrained_arm(task), *arms, *_control(arms)]
    for arm in arms:
        demand_enough(arm.stages, total, measured)
    priced = tuple(replace(arm, estimate=estimate_of(arm.stages, total, measured, memory)) for arm in arms)
    warnings = _warnings(ranked, total, priced, known, available)
    return Plan(task, dict(traits or {}), budget, tuple(seeds), priced, tuple(left_out), tuple(warnings))


def read_recommendation(said: str) -> dict[str, Any]:
    """Return `ranked` pipeline ids, `traits` and `task` from what `advisor ask --out` wrote, or from `sft,grpo`."""
    path = Path(said)
    if not path.is_file():
        if path.suffix == ".json":
            raise ConfigurationError(
                f"there is no file {said}", "advisor ask --out writes one; or name pipelines: sft,grpo"
            )
        return {"ranked": [_known(name.strip()) for name in said.split(",")], "traits": {}, "task": {}}
    read = read_json(path) or {}
    try:
        return recommended(read["data"] if isinstance(read.get("data"), dict) else read)
    except (KeyError, TypeError, AttributeError) as error:
        raise ConfigurationError(f"{said} holds no ranked pipelines", "advisor ask --out writes such a file") from error


def recommended(read: Mapping[str, Any]) -> dict[str, Any]:
    """Return `ranked` pipeline ids, `traits` and `task` of an answer (advisor.advice.text.as_data).

    Raises KeyError, TypeError or AttributeError for what is no answer, and PosttrainError for an unknown pipeline.
    """
    spoken_for = [one for one in read["ranked"] if one.get("score", 1) > 0]
    ranked = [_known(str(one.get("id") or one["pipeline_id"])) for one in spoken_for]
    known = {name: value for name, value in (read.get("traits") or {}).items() if value is not None}
    return {"ranked": ranked, "traits": known, "task": dict(read.get("task") or {})}


def write_plan(plan: Plan, path: Path) -> None:
    """Write a plan as JSON, whole or not at all. Raises PosttrainError where it cannot be written."""
    write_json(path, plan.as_dict())


def read_plan(path: Path) -> Plan:
    """Read a plan. Raises PosttrainError where there is none, or one of another version."""
    read = read_json(path)
    if read is None:
        raise ConfigurationError(f"{path} is no plan", f"advisor plan RECOMMENDATION --budget 200k-tokens --out {path}")
    if read.get("schema_version") != SCHEMA_VERSION:
        version = read.get("schema_version")
        raise ConfigurationError(
            f"{path} has schema version {version}; expected {SCHEMA_VERSION}", "make the plan anew"
        )
    try:
        arms = tuple(Arm(**{**arm, "stages": tuple(arm["stages"])}) for arm in read["arms"])
        seeds, left_out, warnings = (tuple(read[name]) for name in ("seeds", "left_out", "warnings"))
        return Plan(read["task"], read["traits"], read["budget"], seeds, arms, left_out, warnings)
    except (KeyError, TypeError) as error:
        raise ConfigurationError(f"{path} lacks a part of a plan: {error}", "make the plan anew") from error


def _choose(ranked: Sequence[str], traits: Traits) -> tuple[list[Pipeline], list[dict[str, str | None]]]:
    """Return the best pipelines that can be tried, and the others with the reason."""
    chosen: list[Pipeline] = []
    left_out: list[dict[str, str | None]] = []
    for name in dict.fromkeys(ranked):
        pipeline = PIPELINES[_known(name)]
        reason = _reason_against(pipeline, chosen, traits)
        if not reason and len(chosen) <= RIVALS:
            chosen.append(pipeline)
        elif pipeline.id != "no_training":  # which is an arm anyway
            nearest = NEAREST.get(pipeline.id) if reason else None
            reason = reason or "ranks behind the three that are tried"
            left_out.append({"pipeline": pipeline.id, "reason": reason, "nearest": nearest})
    return chosen, left_out


def _reason_against(pipeline: Pipeline, chosen: Sequence[Pipeline], traits: Traits) -> str:
    if not pipeline.stages:
        return "trains nothing: it is done by hand"
    if "distillation" in pipeline.stages:
        return "needs the teacher's responses first: write them into `response`, then plan sft"
    if not pipeline.is_bundled:
        without = [stage for stage in pipeline.stages if not TECHNIQUES[stage].bundled]
        return f"has no reference implementation here ({', '.join(without)})"
    if broken := [one.text for one in pipeline.conditions if one.holds(traits) is False]:
        return f"needs {' and '.join(broken)}, which is not so"
    same = next((one.id for one in chosen if _signature(one) == _signature(pipeline)), None)
    return f"is the same run as {same}" if same else ""


def _signature(pipeline: Pipeline) -> tuple[Any, ...]:
    return [TECHNIQUES[stage].bundled for stage in pipeline.stages], [*pipeline.settings] or [
        {} for _ in pipeline.stages
    ]


def _untrained_arm(task: Mapping[str, Any]) -> Arm:
    stage = _stage("probe", task, {"group_size": 1, "budget": "1-tokens"})
    return Arm("no_training", "no_training", NO_TRAINING, PIPELINES["no_training"].title, (stage,))


def _arm(pipeline: Pipeline, task: Mapping[str, Any], total: Budget, measured: Measured, *, first: bool) -> Arm:
    own = [dict(settings) for settings in pipeline.settings] or [{} for _ in pipeline.stages]
    stages = []
    for name, settings in zip(pipeline.stages, own, strict=True):
        share = float(str(settings.pop("budget_share", 1 / len(own))))
        budget = said_budget(total.amount * share, total.unit)
        if settings.get("rounds") == 1 and total.unit != "seconds":  # whose end a single round could run past
            settings["prompts_per_round"] = WHOLE_ROUND
        stage = _stage(TECHNIQUES[name].bundled, task, {**settings, "budget": budget})
        if "eval_every" not in task["settings"]:
            stage["eval_every"] = scores_every(stage, measured)
        stages.append(stage)
    return Arm(pipeline.id, pipeline.id, RECOMMENDED if first else RIVAL, pipeline.title, tuple(stages))


def _stage(technique: str, task: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of one run; of the task's settings, those that the technique has. Raises PosttrainError."""
    base = {name: task[name] for name in ("model", "data", "verifier") if task.get(name)}
    if not str(task["data"]).startswith("task:"):
        base["rows"] = ROWS  # all of a file; a generated task has no end
    given = {name: value for name, value in task["settings"].items() if name in CONFIGS[technique].model_fields}
    stage = {"technique": technique, **base, "eval_size": EVAL_SIZE, **given, **own}
    try:
        make_config(stage)
    except PosttrainError as error:
        raise ConfigurationError(f"{technique}: {error.message}", error.hint) from error
    return stage


def _control(arms: Sequence[Arm]) -> list[Arm]:
    """Return the random control of the best arm that holds rejection sampling: chance in place of the verifier."""
    for arm in arms:
        if any(stage["technique"] == "rejection_sampling" for stage in arm.stages):
            stages = tuple(
                {**stage, "select": "random"} if stage["technique"] == "rejection_sampling" else stage
                for stage in arm.stages
            )
            return [Arm(f"{arm.id}-random", arm.pipeline, CONTROL, "As many rows, chosen without the verifier", stages)]
    return []


def _budget(text: str) -> Budget:
    try:
        return Budget.parse(text)
    except ValueError as error:
        raise ConfigurationError(str(error), "--budget 200k-tokens") from error


def _known(name: str) -> str:
    if name not in PIPELINES:
        near = difflib.get_close_matches(name, PIPELINES, n=1)
        raise ConfigurationError(
            f"there is no pipeline '{name}'" + (f"; did you mean {near[0]}?" if near else ""),
            f"the pipelines are {', '.join(one.id for one in LADDER if one.stages)}",
        )
    return name


def _check(task: Mapping[str, Any], seeds: Sequence[int]) -> None:
    """Raise PosttrainError for a task that cannot run: no model, no data, no verifier, a setting that nothing has."""
    data = str(task.get("data") or "")
    for name in ("model", "data"):
        if not task.get(name):
            raise ConfigurationError(
                f"the plan names no {name}",
                f"advisor plan … --{name}; or an answer to a traits file of advisor probe, which has it",
            )
    if not data.startswith("task:") and not Path(data).expanduser().exists():
        raise ConfigurationError(
            f"there is no file {data}", "give a JSONL file, or a generated task such as task:addition"
        )
    if not data.startswith("task:") and not task.get("verifier"):
        raise ConfigurationError(
            f"{data} is a file and no verifier is named", "add --verifier, such as numeric or unit-tests"
        )
    model = str(task["model"])
    if not HUB_ID.fullmatch(model) and not Path(model).expanduser().exists():
        raise ConfigurationError(
            f"there is no folder {model}, and no hub id looks like that",
            "give starter, a folder, or an id such as Qwen/Qwen2.5-0.5B",
        )
    if task.get("verifier") and not VERIFIER.fullmatch(str(task["verifier"])):
        raise ConfigurationError(
            f"there is no verifier '{task['verifier']}'; expected exact, numeric, math, choice, regex:…, unit-tests or "
            "package.module:function", "add --verifier, such as numeric or unit-tests",
        )  # fmt: skip
    if not seeds or len(set(seeds)) != len(seeds) or min(seeds) < 0:
        raise ConfigurationError(f"seeds are {list(seeds)}; expected different whole numbers from 0", "--seeds 0,1,2")
    fixed = {"technique", "model", "data", "verifier", "budget", "seed"}
    allowed = {name for config in CONFIGS.values() for name in config.model_fields} - fixed
    for name in task["settings"]:
        if name not in allowed:
            near = difflib.get_close_matches(name, allowed, n=1)
            raise ConfigurationError(
                f"'{name}' cannot be set for a whole plan" + (f"; did you mean {near[0]}?" if near else ""),
                "python -m reference_impls.sft --settings lists what can",
            )


def _with_test_rows(task: dict[str, Any]) -> dict[str, Any]:
    """Return the task with no more test prompts than its file holds back. Raises PosttrainError where that is none."""
    if str(task["data"]).startswith("task:") or task["settings"].get("eval_data"):
        return task
    try:
        held_back = read_file(Path(task["data"]).expanduser(), split="test", rows=None, seed=0).rows
    except PosttrainError as error:
        raise ConfigurationError(error.message, error.hint) from error
    fewest = min(int(task["settings"].get("eval_size", EVAL_SIZE)), len(held_back))
    return {**task, "settings": {**task["settings"], "eval_size": fewest}}


def _measured(task: Mapping[str, Any], traits: Traits) -> Measured:
    weights, length = traits.get("parameters"), traits.get("row_tokens")
    return Measured(
        float(length) if length else None, task.get("tokens_per_second"), float(weights) * 1e9 if weights else None
    )


def _warnings(
    ranked: Sequence[str], total: Budget, arms: Sequence[Arm], traits: Traits, available: float | None
) -> list[str]:
    """Return what the reader should weigh before starting."""
    said, gold, prompts = [], traits.get("verifier_on_gold"), int(arms[0].stages[0]["eval_size"])
    if total.unit == "seconds":
        said.append("seconds are not comparable between runs or machines: a budget in tokens is")
    if not PIPELINES[ranked[0]].stages and ranked[0] != "no_training":
        said.append(f"the first advice is '{PIPELINES[ranked[0]].title}', which this pilot does not replace")
    if gold is not None and float(gold) < 0.95:
        said.append(
            f"the verifier accepts {float(gold):.0%} of gold responses: mend it first, every arm learns from it"
        )
    for arm in arms:
        peak = arm.estimate["memory_bytes"]
        if peak and available and peak > available:
            said.append(
                f"{arm.id} does not fit: about {peak / 1e9:.1f} GB, there are {available / 1e9:.1f}; "
                "lower micro_batch, set lora_rank, or activation_checkpointing"
            )
    if prompts < FEW:
        said.append(f"only {prompts} test prompts: a tenth of the rows is held back; more rows, or eval_data, say more")
    points = 100 * smallest_difference(prompts)
    said.append(
        f"{prompts} test prompts tell apart differences of about {points:.0f} points; eval_size sets their number"
    )
    return said
