"""The functions of `import posttrain as pt` that choose and try; each gives a typed object with `.to_frame()`."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from posttrain.errors import ConfigurationError
from posttrain.face.arguments import checked, wrong_argument
from posttrain.files import exists
from posttrain.settings import data_folder

if TYPE_CHECKING:
    from pydantic import JsonValue

    from advisor.advice.recommend import Recommendation
    from advisor.bank.cases import Bank
    from advisor.memory import Answer
    from advisor.runs.outcome import Outcome
    from advisor.runs.plan import Plan


@checked
def recommend(**traits: object) -> "Recommendation":
    """Return the advice for a task: pipelines in order, `.why`, `.rivals`, `.would_change`, cost and evidence.

    traits: as `advisor traits` lists them, such as verifier="unit-tests", pass_at_k=0.6, parameters="7B"; a trait that
    is left out is unknown. Raises ConfigurationError for an unknown name, a wrong value or a contradiction.
    """
    from advisor.ask import ask

    return ask(traits, data=data_folder())


@checked
def plan(
    recommendation: "Recommendation | str | Path | Sequence[str]",
    *,
    model: str | None = None,
    data: str | None = None,
    verifier: str | None = None,
    budget: str = "200k-tokens",
    seeds: Iterable[int] = (0,),
    settings: Mapping[str, object] | None = None,
) -> "Plan":
    """Return the plan of a pilot, priced; nothing runs. Every arm gets the same budget, no training is one of them.

    recommendation: what `recommend` returned, the file of `advisor ask --out`, or pipelines: "sft,grpo" or a list.
    model: a hub id, a folder, or "starter". data: a JSONL file or a generated task such as "task:addition". verifier:
    as `advisor plan --verifier`. settings: of every run, such as {"eval_size": 100}. Raises ConfigurationError for a
    task or budget that cannot be, NothingMatchedError where no pipeline can be tried here.
    """
    from advisor.advice.data import as_data
    from advisor.advice.recommend import Recommendation
    from advisor.plan import priced_plan
    from advisor.runs.recommended import read_recommendation, recommended

    if isinstance(recommendation, Recommendation):
        start = recommended(cast("Mapping[str, JsonValue]", as_data(recommendation)))
    elif isinstance(recommendation, str | os.PathLike):
        start = read_recommendation(os.fspath(recommendation))
    elif isinstance(recommendation, Sequence) and all(isinstance(name, str) for name in recommendation):
        start = read_recommendation(",".join(recommendation))
    else:
        expected = "what pt.recommend returned, the file of an answer, or names of pipelines"
        raise wrong_argument("plan", "recommendation", recommendation, expected)
    return priced_plan(start, {"model": model, "data": data, "verifier": verifier}, budget, tuple(seeds), settings)


@checked
def pilot(plan: "Plan", out: str | Path | None = None, *, resume: bool = False, at_once: int = 1) -> "Outcome":
    """Run every arm of a plan and return the outcome: scores with intervals, the curve and the verdict.

    out: the pilot's folder; left out, the one that `advisor pilot` takes for this plan. A whole outcome becomes a case
    of the bank. Training runs in processes of its own; an interrupted pilot is resumed with `resume`. Raises
    ConfigurationError where the folder holds another pilot, BusyError where one is at work, InterruptedRunError after
    Ctrl-C.
    """
    from advisor.bank.cases import bank_path
    from advisor.pilot import run_pilot
    from advisor.runs.folder import PilotFolder
    from advisor.runs.plan import Plan

    if not isinstance(plan, Plan):
        raise wrong_argument("pilot", "plan", plan, "a Plan, which pt.plan returns")
    if at_once < 1:
        raise ConfigurationError(f"at_once is {at_once}; expected at least 1", "pt.pilot(plan, at_once=1)")
    own = data_folder()
    folder = Path(out) if out is not None else PilotFolder.of(plan, own).path
    return run_pilot(plan, folder, resume=resume, at_once=at_once, bank=bank_path(own))


@checked
def memory(
    model: str,
    technique: str = "sft",
    *,
    lora: bool = False,
    qlora: bool = False,
    library: bool = False,
    batch: int | None = None,
    prompt_tokens: int | None = None,
    response_tokens: int | None = None,
    gpu: float | None = None,
) -> "Answer":
    """Return the peak memory of a technique on a model, in bytes by phase and part, before any weight is loaded.

    model: a well-known name, a hub id, a folder, a config.json, or a size such as "7b". library: in a library like TRL,
    as `recommend` prices it, in place of our loops. batch: sequences in one forward pass. gpu: gigabytes of the GPU;
    `.fits` and `.change` then say whether it fits and which change would make it fit.
    Raises ConfigurationError for an unknown model or technique.
    """
    from advisor.memory import estimate_for

    sizes = {"micro_batch": batch, "prompt_tokens": prompt_tokens, "response_tokens": response_tokens}
    return estimate_for(model, technique, lora=lora, qlora=qlora, library=library, gpu_gigabytes=gpu, **sizes)


@checked
def bank(data: str | Path | None = None) -> "Bank":
    """Return the cases that pilots measured, in the folder of own data; there are none before the first pilot."""
    from advisor.bank.cases import bank_path, read_bank

    if data is not None and not exists(data):
        raise ConfigurationError(
            f"there is no {data}; expected a folder of own data", "advisor pilot PLAN fills a bank"
        )
    return read_bank(bank_path(data_folder(Path(data) if data is not None else None)))
