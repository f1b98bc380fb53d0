"""Commands that measure and try: probe, plan, pilot, cases, evaluate, export, memory.

`--data` is the task's file here; own data are in the folder that POSTTRAIN_DATA or posttrain.toml names.
"""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from advisor.cli.app import app
from posttrain.commands import Call, command
from posttrain.console import has_colour, note
from posttrain.errors import ConfigurationError, ExitCode, NothingMatchedError, PosttrainError

if TYPE_CHECKING:
    from advisor.runs.plan import Arm, Plan

Model = Annotated[str | None, typer.Option(help="A hub id, a folder, or starter, the small bundled policy.")]
Task = Annotated[str | None, typer.Option("--data", help="A JSONL file, or a generated task such as task:addition.")]
Verifier = Annotated[
    str | None, typer.Option(help="exact, numeric, math, choice, regex:…, unit-tests, or package.module:function.")
]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A setting of the runs, as of --settings.")
]
System = Annotated[str | None, typer.Option(help="A system message for rows that have none.")]
Wrapper = Annotated[str | None, typer.Option(metavar="TEXT", help="Around each prompt, as in 'Question: {prompt}'.")]
Arguments = Annotated[
    str | None, typer.Option(metavar="NAME=VALUE", help="Of the chat template, such as enable_thinking=false.")
]
Seeds = Annotated[str, typer.Option(help="Seeds of every arm, such as 0,1,2.")]
BUDGET = "200k-tokens"


@command(app, "probe", own_data=False)
def probe_command(
    call: Call,
    model: Model = "starter",
    data: Task = None,
    verifier: Verifier = None,
    samples: Annotated[int, typer.Option(min=1, help="Responses of each prompt; 16 for pass@16.")] = 16,
    prompts: Annotated[int, typer.Option(min=1, help="The number of prompts.")] = 100,
    out: Annotated[Path, typer.Option(help="The traits file to write.")] = Path("traits.json"),
    system: System = None,
    prompt_template: Wrapper = None,
    chat_template_kwargs: Arguments = None,
    settings: Settings = None,
) -> int:
    """Run the model as it is and write its measurements as traits: the verifier on gold, pass@1, pass@16, form.

    Example: advisor probe --model starter --data rows.jsonl --verifier numeric --out traits.json
    """
    from advisor.probe import probe, render

    if data is None:
        raise ConfigurationError(
            "--data is missing; expected a JSONL file or a task", "advisor probe --data task:addition"
        )
    template = _template(system, prompt_template, chat_template_kwargs)
    given = {**_settings(settings, "advisor probe --data task:addition --set threads=1"), **template}
    report = probe(str(model), data, verifier, samples, prompts, out, given)
    next_ = f"next: advisor ask --no-input --traits {out} --set prompting=tried --out advice.json"
    call.emit(
        report.as_dict(), [*render(report, colour=has_colour()), f"written to {out}", next_], list(report.warnings)
    )
    return ExitCode.OK


@command(app, "plan", own_data=False)
def plan_command(
    call: Call,
    recommendation: Annotated[str, typer.Argument(help="A file of advisor ask --out, or pipelines: sft,grpo.")],
    model: Model = None,
    data: Task = None,
    verifier: Verifier = None,
    budget: Annotated[str, typer.Option(help="Of every arm: 200k-tokens, 5e14-flops or 60s.")] = BUDGET,
    seeds: Seeds = "0",
    system: System = None,
    prompt_template: Wrapper = None,
    chat_template_kwargs: Arguments = None,
    settings: Settings = None,
    out: Annotated[Path, typer.Option(help="The plan to write.")] = Path("plan.json"),
) -> int:
    """Say line by line what a pilot would run, with its price; nothing runs.

    Example: advisor plan advice.json --budget 200k-tokens --out plan.json
    """
    from advisor.runs.plan import write_plan
    from advisor.runs.plan_text import render
    from advisor.runs.preview import first_row_of

    named = {"model": model, "data": data, "verifier": verifier}
    template = _template(system, prompt_template, chat_template_kwargs)
    plan = _plan(recommendation, named, budget, seeds, settings, template)
    write_plan(plan, out)
    try:
        view, reason = first_row_of(plan), []
    except PosttrainError as error:
        view, reason = None, [f"the first row cannot be shown: {error.message}"]
    seen = view.lines(colour=has_colour()) if view else [f"warning: {text}" for text in reason]
    lines = [*render(plan), "", *seen, "", f"written to {out}", f"next: advisor pilot {out}"]
    values = {**plan.as_dict(), "first_row": view.as_dict() if view else None}
    call.emit(values, lines, [*plan.warnings, *reason] if call.as_json else [])
    return ExitCode.OK


@command(app, "pilot", own_data=False)
def pilot_command(
    call: Call,
    plan: Annotated[str, typer.Argument(help="A plan, or an answer of advisor ask --out, which is planned first.")],
    out: Annotated[Path | None, typer.Option(help="The pilot's folder; left out, data/pilots/PLAN.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Resume an interrupted pilot.")] = False,
    budget: Annotated[str | None, typer.Option(help="Of every arm, where there is no plan yet: 60s.")] = None,
    seeds: Seeds = "0",
    at_once: Annotated[int, typer.Option(min=1, help="Arms that run at the same time.")] = 1,
) -> int:
    """Run every arm at the same budget; the end is a table with intervals, a curve and a verdict.

    Example: advisor pilot advice.json --budget 60s --out runs/pilot
    """
    from advisor.bank.cases import bank_path
    from advisor.pilot import exit_code, next_command, run_pilot
    from advisor.runs.folder import PilotFolder
    from advisor.runs.plan import read_plan
    from advisor.runs.plan_text import render as plan_lines
    from advisor.runs.report import render

    if _is_plan(Path(plan)):
        if budget or seeds != "0":
            raise ConfigurationError(f"{plan} has its budget and seeds already", "make another with advisor plan")
        planned = read_plan(Path(plan))
    else:
        planned = _plan(plan, {}, budget or BUDGET, seeds, None)
        for line in plan_lines(planned):
            note(line)
    folder = out or PilotFolder.of(planned, call.data).path
    outcome = run_pilot(planned, folder, resume=resume, at_once=at_once, bank=bank_path(call.data))
    lines = [*render(outcome), "", f"table.md, curve.svg and outcome.json are in {folder}"]
    lines.append(f"next: {next_command(outcome, folder)}")
    call.emit(outcome.as_dict(), lines, list(outcome.warnings) if call.as_json else [])
    return exit_code(outcome)


@command(app, "cases", own_data=False)
def cases_command(call: Call) -> int:
    """List the bank: the cases that pilots measured.

    Example: advisor cases
    """
    from advisor.bank.cases import bank_path, read_bank, render

    bank = read_bank(bank_path(call.data))
    cases = [{**case.as_dict(), "says_nothing": case.says_nothing} for case in bank.cases]
    call.emit({"cases": cases, "says_nothing": bank.silent, "skipped": bank.skipped}, render(bank))
    return ExitCode.OK if bank.cases else ExitCode.NOTHING_MATCHED


@command(app, "evaluate", own_data=False)
def evaluate_command(call: Call) -> int:
    """Compare the advice with the bank: how much worse than the best arm, on families of tasks left out.

    Example: advisor evaluate
    """
    from advisor.advice.ranking import rank
    from advisor.bank.cases import bank_path, read_bank
    from advisor.evaluate import evaluate, render
    from advisor.task.traits import Traits

    bank = read_bank(bank_path(call.data))
    evaluation = evaluate(bank.cases, lambda traits: [ranked.pipeline.id for ranked in rank(Traits(dict(traits)))[0]])
    call.emit(evaluation.as_dict(), render(evaluation), list(evaluation.warnings) if call.as_json else [])
    return ExitCode.OK


@command(app, "export", own_data=False)
def export_command(
    call: Call,
    plan: Annotated[Path, typer.Argument(help="A plan of advisor plan.")],
    to: Annotated[str, typer.Option(help="trl or verl.")],
    out: Annotated[Path, typer.Option(help="The folder to write the files into.")],
    arm: Annotated[str | None, typer.Option(help="Which arm; left out, the recommended one.")] = None,
) -> int:
    """Write plain files that run an arm of a plan in TRL or verl.

    Example: advisor export plan.json --to trl --out trl-run
    """
    from advisor.advice.pipelines import PIPELINES
    from advisor.export import SCRIPTS, export
    from advisor.runs.plan import read_plan

    read = read_plan(plan)
    chosen = _arm(read, arm, plan)
    stages = [stage.settings() for stage in chosen.stages]
    files = list(map(str, export(to, read.task.model_dump(), PIPELINES[chosen.pipeline], stages, out)))
    needs = "pip install -r requirements.txt && " if str(out / "requirements.txt") in files else ""
    script = f"cd {shlex.quote(str(out))} && {needs}./{SCRIPTS[to]}"
    lines = [f"exported {chosen.id} ({chosen.role}): {chosen.title}", *files, f"next: {script}"]
    call.emit({"arm": chosen.id, "to": to, "files": files}, lines)
    return ExitCode.OK


@command(app, "memory", own_data=False)
def memory_command(
    call: Call,
    model: Annotated[str, typer.Option(help="A well-known name, a hub id, a folder, a config.json, or a size: 7b.")],
    technique: Annotated[str, typer.Option(help="sft, dft, rejection_sampling, grpo, dpo, …")] = "sft",
    lora: Annotated[bool, typer.Option("--lora", help="Train adapters.")] = False,
    qlora: Annotated[bool, typer.Option("--qlora", help="Train adapters on 4-bit weights.")] = False,
    library: Annotated[
        bool, typer.Option("--library", help="In a library like TRL, with checkpointing, not in our loops.")
    ] = False,
    batch: Annotated[int | None, typer.Option(min=1, help="Sequences in one forward pass.")] = None,
    prompt_tokens: Annotated[int | None, typer.Option(min=1, help="The longest prompt.")] = None,
    response_tokens: Annotated[int | None, typer.Option(min=1, help="The longest response.")] = None,
    gpu: Annotated[float | None, typer.Option(help="Gigabytes of the GPU, to see whether it fits.")] = None,
) -> int:
    """Estimate peak memory by phase and part before any weight is loaded, and changes that would make it fit.

    Example: advisor memory --model Qwen/Qwen2.5-0.5B --technique grpo --batch 8 --gpu 24
    """
    from advisor.memory.answer import as_data, estimate_for

    sizes = {"micro_batch": batch, "prompt_tokens": prompt_tokens, "response_tokens": response_tokens}
    estimate = estimate_for(model, technique, lora=lora, qlora=qlora, library=library, gpu_gigabytes=gpu, **sizes)
    call.emit(as_data(estimate), estimate.lines())
    return ExitCode.OK


def _plan(
    recommendation: str,
    named: dict[str, str | None],
    budget: str,
    seeds: str,
    settings: list[str] | None,
    template: dict[str, object] | None = None,
) -> "Plan":
    from advisor.plan import priced_plan
    from advisor.runs.recommended import read_recommendation

    given = {**_settings(settings, "advisor plan sft --set micro_batch=8"), **(template or {})}
    return priced_plan(read_recommendation(recommendation), named, budget, _seeds(seeds), given)


def _template(system: str | None, prompt_template: str | None, arguments: str | None) -> dict[str, object]:
    """Return the settings of the template that were given, by their names."""
    from posttrain.assignments import json_or_text

    given = {"system": system, "prompt_template": prompt_template,
             "chat_template_kwargs": None if arguments is None else json_or_text(arguments)}  # fmt: skip
    return {name: value for name, value in given.items() if value is not None}


def _arm(plan: "Plan", name: str | None, path: Path) -> "Arm":
    arms = {arm.id: arm for arm in plan.arms if arm.trains}
    if not arms:
        raise NothingMatchedError(f"{path} has no arm that trains", "advisor plan sft,grpo")
    if name is not None and name not in arms:
        raise ConfigurationError(
            f"{path} has no arm '{name}'; expected one of {', '.join(arms)}", f"--arm {next(iter(arms))}"
        )
    return arms[name] if name else next(iter(arms.values()))


def _is_plan(path: Path) -> bool:
    from posttrain.files import exists, read_json

    return exists(path) and path.is_file() and "arms" in (read_json(path) or {})


def _seeds(text: str) -> list[int]:
    try:
        return [int(seed) for seed in text.split(",")]
    except ValueError:
        raise ConfigurationError(f"--seeds is '{text}'; expected whole numbers, such as 0,1,2", "--seeds 0") from None


def _settings(given: list[str] | None, example: str) -> dict[str, object]:
    """Return `--set name=value` with values as JSON has them: numbers, true, false, or words."""
    from posttrain.assignments import json_or_text, parse_assignments

    return {name: json_or_text(value) for name, value in parse_assignments(given or [], example).items()}
