"""Plan: a recommendation becomes arms with equal budgets, and each is priced before anything runs."""

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial

from advisor.advice.pipelines import PIPELINES
from advisor.memory.counts import Counts, counts_of, known_name
from advisor.memory.phases import estimate
from advisor.memory.setting import setting_of
from advisor.runs.arms import choose, make_arms
from advisor.runs.estimate import Measured, Memory, demand_enough, estimate_of
from advisor.runs.plan import Arm, Plan, Stage, Task
from advisor.runs.recommended import Recommended
from advisor.runs.runnable import check_seeds, runnable_task, wanted_prompts
from advisor.task.traits import Traits
from posttrain.console import note
from posttrain.errors import ConfigurationError, NothingMatchedError, PosttrainError
from posttrain.statistics import smallest_difference
from reference_impls.configs import Budget

FEW = 30  # test prompts, whose scores have intervals too wide to read
SOUND = 0.95  # the least share of gold responses that a verifier has to accept


def priced_plan(
    recommendation: Recommended,
    named: Mapping[str, str | None],
    budget: str,
    seeds: Sequence[int] = (0,),
    settings: Mapping[str, object] | None = None,
) -> Plan:
    """Return the plan of a recommendation, memory included.

    `named` overrules the task's model, data and verifier, as far as it names them. Where the traits name a GPU's
    memory, that is the room of an arm, else this machine's. Raises PosttrainError as `make_plan` does; a model whose
    memory cannot be counted is no error: a warning of the plan says so.
    """
    gigabytes = recommendation.traits.get("gpu_memory")
    unknown: list[str] = []
    counts = cache(partial(_counts, unknown))  # once a plan, not once a process: a folder may change its model
    plan = make_plan(
        recommendation.ranked,
        {**recommendation.task, **{name: value for name, value in named.items() if value is not None}},
        budget,
        seeds,
        traits=Traits(recommendation.traits),
        settings=settings,
        memory=partial(_peak, counts, on_gpu=bool(gigabytes)),
        available=float(gigabytes) * 1e9 if gigabytes else _of_this_machine(),
    )
    return plan.model_copy(update={"warnings": (*plan.warnings, *unknown)})


def make_plan(
    ranked: Sequence[str],
    task: Mapping[str, object],
    budget: str,
    seeds: Sequence[int] = (0,),
    *,
    traits: Traits | None = None,
    settings: Mapping[str, object] | None = None,
    memory: Memory | None = None,
    available: float | None = None,
) -> Plan:
    """Return the plan of the best pipelines in `ranked`, best first, for `task` (model, data, verifier).

    `settings` apply to every arm, as far as its techniques have them. `memory` gives the peak bytes of a stage, and
    `available` those of the device. Raises ConfigurationError for a budget that does not reach one update and for
    settings and tasks that cannot run, and NothingMatchedError where no pipeline in `ranked` can be tried here.
    """
    total, known = _budget(budget), traits or Traits({})
    check_seeds(seeds)
    checked = runnable_task(task, settings or {})
    chosen, left_out = choose(ranked, known)
    if not chosen:
        reasons = "; ".join(f"{pipeline.pipeline} {pipeline.reason}" for pipeline in left_out)
        hint = f"advisor plan sft,rejection_sampling --model {checked.model} --data {checked.data} --budget {budget}"
        raise NothingMatchedError(f"no pipeline of the recommendation can be tried: {reasons}", hint)
    measured = _measured(checked, known)
    arms = make_arms(chosen, checked, total, measured, known)
    for arm in arms:
        demand_enough(arm.stages, total, measured)
    priced = [arm.model_copy(update={"estimate": estimate_of(arm.stages, total, measured, memory)}) for arm in arms]
    return Plan(
        task=checked,
        traits=dict(known.values),
        budget=budget,
        seeds=tuple(seeds),
        arms=tuple(priced),
        left_out=tuple(left_out),
        warnings=(
            *_warnings(ranked[0], total, priced, known, available),
            *_of_test_prompts(checked, wanted_prompts({**_settings_of(task), **(settings or {})})),
        ),
    )


def _budget(text: str) -> Budget:
    try:
        return Budget.parse(text)
    except ValueError as error:
        raise ConfigurationError(str(error), "--budget 200k-tokens") from error


def _measured(task: Task, traits: Traits) -> Measured:
    weights, length = traits.get("parameters"), traits.get("row_tokens")
    return Measured(
        float(length) if length else None, task.tokens_per_second, float(weights) * 1e9 if weights else None
    )


def _warnings(first: str, total: Budget, arms: Sequence[Arm], traits: Traits, available: float | None) -> list[str]:
    """Return what the reader should know before starting."""
    warnings, gold = [], traits.get("verifier_on_gold")
    if total.unit == "seconds":
        warnings.append("seconds are not comparable between runs or machines: a budget in tokens is")
    if not PIPELINES[first].stages and first != "no_training":
        warnings.append(f"the first advice is '{PIPELINES[first].title}', which this pilot does not replace")
    if gold is not None and float(gold) < SOUND:
        warnings.append(
            f"the verifier accepts {float(gold):.0%} of gold responses: correct it first, every arm learns from it"
        )
    if any(PIPELINES[arm.pipeline].done(traits) for arm in arms):
        warnings.append("sft has reached its plateau: arms go on from --model, which must be that SFT checkpoint")
    for arm in arms:
        peak = arm.estimate.memory_bytes
        if peak and available and peak > available:
            warnings.append(
                f"{arm.id} does not fit: about {peak / 1e9:.1f} GB, there are {available / 1e9:.1f}; "
                "lower micro_batch, set lora_rank, or activation_checkpointing"
            )
    return warnings


def _of_test_prompts(task: Task, wanted: int) -> list[str]:
    """Return how fine the test is, and the setting that makes it finer: eval_size only where there are more prompts."""
    prompts = wanted_prompts(task.settings)
    points = f"tell apart differences of about {100 * smallest_difference(prompts):.0f} points"
    if task.settings.get("eval_data"):
        return [f"{prompts} test prompts {points}; eval_size sets their number, as far as eval_data has rows"]
    if prompts == wanted:
        return [f"{prompts} test prompts {points}; eval_size sets their number"]
    few = "only " if prompts < FEW else ""
    more = "take a higher difficulty" if task.data.startswith("task:") else "add rows"
    return [f"{few}{prompts} test prompts, a tenth of the data, {points}; for more of them {more}, or set eval_data"]


def _settings_of(task: Mapping[str, object]) -> Mapping[str, object]:
    own = task.get("settings")
    return own if isinstance(own, dict) else {}


def _peak(counts: Callable[[str], Counts | None], stage: Stage, *, on_gpu: bool) -> float | None:
    """Return the peak bytes of a stage, on a GPU with its margin and cache; None where it cannot be counted here."""
    counted = counts(stage.model)
    if stage.technique == "probe" or counted is None:
        return None
    try:
        peak = estimate(counted, setting_of(stage.config()))
    except PosttrainError:  # a way of training that was not counted
        return None
    return peak.total if on_gpu else peak.allocated


def _counts(unknown: list[str], model: str) -> Counts | None:
    try:
        if known_name(model) is None:
            note(f"counting the memory of {model} from its config")
        return counts_of(model)
    except PosttrainError as error:
        unknown.append(f"memory is not estimated: {error.message}")
        return None


def _of_this_machine() -> float:
    return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
