"""Commands that measure and try: probe, plan, pilot, cases, evaluate, export, memory.

`--data` is the task's file here; own data lie where POSTTRAIN_DATA or posttrain.toml says.
"""

from pathlib import Path
from typing import Annotated, Any

import typer

from advisor.cli.app import app
from posttrain.commands import Debug, Json
from posttrain.console import emit, note
from posttrain.errors import ConfigurationError, ExitCode
from posttrain.settings import data_folder

Model = Annotated[str | None, typer.Option(help="A hub id, a folder, or starter, the small policy that comes along.")]
Task = Annotated[str | None, typer.Option("--data", help="A JSONL file, or a generated task such as task:addition.")]
Verifier = Annotated[
    str | None, typer.Option(help="exact, numeric, math, choice, regex:…, unit-tests, or package.module:function.")
]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A setting of the runs, as in configs.py.")
]
Seeds = Annotated[str, typer.Option(help="Seeds of every arm, such as 0,1,2.")]
BUDGET = "200k-tokens"


@app.command("probe")
def probe_command(
    model: Model = "starter",
    data: Task = None,
    verifier: Verifier = None,
    samples: Annotated[int, typer.Option(min=1, help="Responses of each prompt; 16 for pass@16.")] = 16,
    prompts: Annotated[int, typer.Option(min=1, help="Prompts that are asked.")] = 100,
    out: Annotated[Path, typer.Option(help="The traits file to write.")] = Path("traits.json"),
    settings: Settings = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Run the model as it is and write what was measured as traits: the verifier on gold, pass@1, pass@16, form.

    Example: advisor probe --model starter --data rows.jsonl --verifier numeric --out traits.json
    """
    from advisor.probe import probe, render

    if data is None:
        raise ConfigurationError(
            "--data is missing; expected a JSONL file or a task", "advisor probe --data task:addition"
        )
    found = probe(str(model), data, verifier, samples, prompts, out, _settings(settings))
    next_ = f"next: advisor ask --no-input --traits {out} --set prompting=tried --out advice.json"
    emit("probe", found, [*render(found), f"written to {out}", next_], as_json, found["warnings"])
    return ExitCode.OK


@app.command("plan")
def plan_command(
    recommendation: Annotated[str, typer.Argument(help="What advisor ask --out wrote, or pipelines: sft,grpo.")],
    model: Model = None,
    data: Task = None,
    verifier: Verifier = None,
    budget: Annotated[str, typer.Option(help="Of every arm: 200k-tokens, 5e14-flops or 60s.")] = BUDGET,
    seeds: Seeds = "0",
    settings: Settings = None,
    out: Annotated[Path, typer.Option(help="The plan to write.")] = Path("plan.json"),
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Say what a pilot would run, line by line, and what it would take; nothing runs.

    Example: advisor plan advice.json --budget 200k-tokens --out plan.json
    """
    from advisor.runs.plan import write_plan
    from advisor.runs.plan_text import render

    named = {"model": model, "data": data, "verifier": verifier}
    plan = _make_plan(recommendation, named, budget, seeds, _settings(settings))
    write_plan(plan, out)
    lines = [*render(plan), f"written to {out}", f"next: advisor pilot {out}"]
    emit("plan", plan.as_dict(), lines, as_json, list(plan.warnings) if as_json else [])
    return ExitCode.OK


@app.command("pilot")
def pilot_command(
    plan: Annotated[str, typer.Argument(help="A plan, or an answer of advisor ask --out, which is planned first.")],
    out: Annotated[Path | None, typer.Option(help="The pilot's folder; left out, data/pilots/PLAN.")] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a pilot that was begun.")] = False,
    budget: Annotated[str | None, typer.Option(help="Of every arm, where there is no plan yet: 60s.")] = None,
    seeds: Seeds = "0",
    at_once: Annotated[int, typer.Option(min=1, help="Arms that run at the same time.")] = 1,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Run every arm at the same budget, and end with a table with intervals, a curve and a verdict.

    Example: advisor pilot advice.json --budget 60s --out runs/pilot
    """
    from advisor.bank.cases import bank_path
    from advisor.pilot import default_folder, exit_code, run_pilot
    from advisor.runs.plan import read_plan
    from advisor.runs.plan_text import render as would
    from advisor.runs.report import render

    folder = data_folder()
    if _is_plan(Path(plan)):
        if budget or seeds != "0":
            raise ConfigurationError(f"{plan} has its budget and seeds already", "make another with advisor plan")
        made = read_plan(Path(plan))
    else:
        made = _make_plan(plan, {}, budget or BUDGET, seeds, {})
        for line in would(made):
            note(line)
    place = out or default_folder(made, folder)
    outcome = run_pilot(made, place, resume=resume, at_once=at_once, bank=bank_path(folder))
    lines = [*render(outcome), "", f"table.md, curve.svg and outcome.json are in {place}"]
    emit("pilot", outcome, lines, as_json, outcome["warnings"] if as_json else [])
    return exit_code(outcome)


@app.command("cases")
def cases_command(as_json: Json = False, debug: Debug = False) -> int:
    """List the bank: what pilots found so far.

    Example: advisor cases
    """
    from advisor.bank.cases import bank_path, read_bank, render

    bank = read_bank(bank_path(data_folder()))
    emit("cases", {"cases": list(bank.cases), "skipped": bank.skipped}, render(bank), as_json)
    return ExitCode.OK if bank.cases else ExitCode.NOTHING_MATCHED


@app.command("evaluate")
def evaluate_command(as_json: Json = False, debug: Debug = False) -> int:
    """Hold the advice against the bank: how much worse than the best arm, on families of tasks left out.

    Example: advisor evaluate
    """
    from advisor.advice.ranking import rank
    from advisor.bank.cases import bank_path, read_bank
    from advisor.evaluate import evaluate, render
    from advisor.task.traits import Traits

    bank = read_bank(bank_path(data_folder()))
    found = evaluate(bank.cases, lambda traits: [one.pipeline.id for one in rank(Traits(dict(traits)))[0]])
    emit("evaluate", found, render(found), as_json, found["warnings"] if as_json else [])
    return ExitCode.OK


@app.command("export")
def export_command(
    plan: Annotated[Path, typer.Argument(help="A plan of advisor plan.")],
    to: Annotated[str, typer.Option(help="trl or verl.")],
    out: Annotated[Path, typer.Option(help="The folder to write the files into.")],
    arm: Annotated[str | None, typer.Option(help="Which arm; left out, the recommended one.")] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Write plain files that run an arm of a plan in TRL or verl.

    Example: advisor export plan.json --to trl --out trl-run
    """
    from advisor.advice.pipelines import PIPELINES
    from advisor.export import export
    from advisor.runs.plan import NO_TRAINING, read_plan

    read = read_plan(plan)
    arms = {one.id: one for one in read.arms if one.role != NO_TRAINING}
    if arm is not None and arm not in arms:
        raise ConfigurationError(
            f"{plan} has no arm '{arm}'; expected one of {', '.join(arms)}", f"--arm {next(iter(arms))}"
        )
    chosen = arms[arm] if arm else next(iter(arms.values()))
    written = export(to, read.task, PIPELINES[chosen.pipeline], chosen.stages, out)
    emit("export", {"arm": chosen.id, "to": to, "files": list(map(str, written))}, list(map(str, written)), as_json)
    return ExitCode.OK


@app.command("memory")
def memory_command(
    model: Annotated[str, typer.Option(help="A well-known name, a hub id, a folder, a config.json, or a size: 7b.")],
    technique: Annotated[str, typer.Option(help="sft, dft, rejection_sampling, grpo, dpo, …")] = "sft",
    lora: Annotated[bool, typer.Option("--lora", help="Train adapters.")] = False,
    qlora: Annotated[bool, typer.Option("--qlora", help="Train adapters on 4-bit weights.")] = False,
    batch: Annotated[int | None, typer.Option(min=1, help="Sequences in one forward pass.")] = None,
    prompt_tokens: Annotated[int | None, typer.Option(min=1, help="The longest prompt.")] = None,
    response_tokens: Annotated[int | None, typer.Option(min=1, help="The longest response.")] = None,
    gpu: Annotated[float | None, typer.Option(help="Gigabytes of the GPU, to see whether it fits.")] = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Estimate peak memory by phase and part before any weight is loaded; what does not fit, and what would help.

    Example: advisor memory --model Qwen/Qwen2.5-0.5B --technique grpo --batch 8 --gpu 24
    """
    from advisor.memory import as_data, estimate_for
    from advisor.memory.report import render

    sizes = {"micro_batch": batch, "prompt_tokens": prompt_tokens, "response_tokens": response_tokens}
    found = estimate_for(model, technique, lora=lora, qlora=qlora, gpu_gigabytes=gpu, **sizes)
    emit("memory", as_data(found), render(found), as_json)
    return ExitCode.OK


def _make_plan(said: str, named: dict[str, str | None], budget: str, seeds: str, settings: dict[str, Any]) -> Any:
    from advisor.plan import priced_plan
    from advisor.runs.plan import read_recommendation

    return priced_plan(read_recommendation(said), named, budget, _seeds(seeds), settings)


def _is_plan(path: Path) -> bool:
    from advisor.runs.process import read_json

    return path.is_file() and "arms" in (read_json(path) or {})


def _seeds(text: str) -> list[int]:
    try:
        return [int(one) for one in text.split(",")]
    except ValueError:
        raise ConfigurationError(f"--seeds is '{text}'; expected whole numbers, such as 0,1,2", "--seeds 0") from None


def _settings(given: list[str] | None) -> dict[str, Any]:
    """Return `--set name=value` with values as JSON has them: numbers, true, false, or words."""
    from posttrain.assignments import json_or_text, parse_assignments

    texts = parse_assignments(given or [], "--set micro_batch=8")
    return {name: json_or_text(value) for name, value in texts.items()}
