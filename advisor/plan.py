"""Priced: the plan that a recommendation makes, with what each arm would take of this machine or of the named GPU."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Any

from advisor.memory.counts import Counts, counts_of, known_name
from advisor.memory.phases import estimate
from advisor.memory.setting import setting_of
from advisor.runs.plan import Plan, make_plan
from posttrain.console import note
from posttrain.errors import PosttrainError
from reference_impls.configs import make_config


def priced_plan(
    recommendation: Mapping[str, Any],
    named: Mapping[str, str | None],
    budget: str,
    seeds: Sequence[int] = (0,),
    settings: Mapping[str, Any] | None = None,
) -> Plan:
    """Return the plan of what `advisor.runs.plan.read_recommendation` returned (ranked, traits, task), memory included.

    `named` overrules the task's model, data and verifier, as far as it names them. Where the traits name a GPU's
    memory, that is what an arm may take, else this machine's. Raises PosttrainError as `advisor.runs.plan.make_plan`
    does; a model whose memory cannot be counted is no error: a warning of the plan says so.
    """
    traits = recommendation["traits"]
    gigabytes = traits.get("gpu_memory")
    unknown: list[str] = []
    counts = cache(
        partial(_counts, unknown)
    )  # once a plan, not once a process: a folder may come to hold another model
    plan = make_plan(
        recommendation["ranked"],
        {**recommendation["task"], **{name: value for name, value in named.items() if value is not None}},
        budget,
        seeds,
        traits=traits,
        settings=settings,
        memory=partial(_peak, counts, on_gpu=bool(gigabytes)),
        available=gigabytes * 1e9 if gigabytes else _of_this_machine(),
    )
    return replace(plan, warnings=(*plan.warnings, *unknown))


def _peak(
    counts: Callable[[str], Counts | None], technique: str, settings: Mapping[str, Any], *, on_gpu: bool
) -> float | None:
    """Return the peak bytes of a run, what a GPU needs beside included; None where it cannot be counted here."""
    counted = counts(str(settings["model"]))
    if technique == "probe" or counted is None:
        return None
    try:
        made = estimate(counted, setting_of(make_config(dict(settings))))
    except PosttrainError:  # a way of training that was not counted
        return None
    return made.total if on_gpu else made.allocated


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
