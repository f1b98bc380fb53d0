"""Commands that ask and answer: traits, ask."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from advisor.advice.evidence import Field
from advisor.advice.recommend import Recommendation, recommend
from advisor.advice.rules import load_rules
from advisor.advice.text import as_data, lines
from advisor.cli.app import app
from advisor.task.traits import BY_NAME, GROUPS, TRAITS, Traits, make_traits, parse_settings, read_file, schema
from posttrain.commands import Data, Debug, Json
from posttrain.console import emit, note
from posttrain.errors import ExitCode, PosttrainError
from posttrain.settings import data_folder

# Asked of everybody; what is asked after them is what could still change the answer.
FIRST = (
    "domain", "evaluation", "prompting", "gap", "demonstrations", "verifier", "preference_pairs", "teacher", "start",
)  # fmt: skip


@app.command("traits")
def traits_command(as_json: Json = False, debug: Debug = False) -> int:
    """List the questions: name, allowed values, wording, and why it matters.

    Example: advisor traits --json
    """
    told = []
    for group in GROUPS:
        told.append(f"{group}")
        for trait in TRAITS:
            if trait.group == group:
                told += [f"  {trait.name:<24} {trait.allowed}", f"  {'':<24} {trait.question} {trait.why}"]
    emit("traits", {"traits": [asdict(trait) for trait in TRAITS], "schema": schema()}, told, as_json)
    return ExitCode.OK


@app.command("rules")
def rules_command(as_json: Json = False, debug: Debug = False) -> int:
    """List the rules: when each holds, what it speaks for and against, who says so, who disagrees; and those refused.

    Example: advisor rules | less
    """
    book = load_rules()
    told = []
    for rule in book.rules:
        points = ", ".join(f"{name} {given:+}" for name, given in rule.points.items())
        told += [f"{rule.name}: {rule.condition.text or 'always'}", f"    {points}",
                 f"    {rule.because} [{', '.join(rule.source)}]"]  # fmt: skip
        told += [f"    but [{one.source}] {one.says}" for one in rule.dissent]
    told += ["", "Not followed:"]
    told += [f"    {one.rule} [{one.source}]: {one.because}" for one in book.refused]
    told += ["", *(f"[{name}] {meaning}" for name, meaning in book.sources.items())]
    rules = [
        {"name": rule.name, "when": rule.condition.text, "points": rule.points, "because": rule.because,
         "number": rule.number, "source": rule.source, "dissent": [asdict(one) for one in rule.dissent]}
        for rule in book.rules
    ]  # fmt: skip
    values = {"rules": rules, "refused": [asdict(one) for one in book.refused], "sources": book.sources}
    emit("rules", values, told, as_json)
    return ExitCode.OK


@app.command("ask")
def ask_command(
    traits: Annotated[
        Path | None, typer.Option(help="A file of traits, JSON or TOML; advisor probe writes one.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A trait; wins over the file.")
    ] = None,
    no_input: Annotated[bool, typer.Option("--no-input", help="Ask nothing; what is not said is unknown.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Also write it there: .json for plan and pilot, .md to read.")
    ] = None,
    data: Data = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Recommend a pipeline: the reasons and who disagrees, the price, and what would change the answer.

    Example: advisor ask --no-input --set verifier=unit-tests --set pass_at_k=0.6 --set prompting=tried
    """
    read = read_file(traits) if traits else {"traits": {}, "task": {}}
    known = make_traits({**read["traits"], **parse_settings(settings or [])})
    if not no_input and not as_json and sys.stdin.isatty() and sys.stderr.isatty():
        known = _interview(known)
    field = Field(data_folder(data))
    found = recommend(known)
    told = as_data(found, field, read["task"])
    if out is not None:
        _write(told, out)
    emit("ask", told, [*lines(found, field), *_next(found, read["task"], out)], as_json)
    return ExitCode.OK


def _write(told: dict[str, Any], out: Path) -> None:
    """Write the answer as JSON, or as a page where the name ends in .md."""
    from advisor.advice.markdown import as_markdown
    from posttrain.files import write_json, write_whole

    if out.suffix == ".md":
        write_whole(out, as_markdown(told))
    else:
        write_json(out, told)


def _interview(known: Traits) -> Traits:
    """Ask on the terminal: first what everybody is asked, then only what could change the answer."""
    note("Enter leaves a question open; ? says why it is asked; q ends the questions.")
    asked: set[str] = set()
    while name := _next_question(known, asked):
        asked.add(name)
        given = _ask(name)
        if given == "q":
            break
        try:
            known = make_traits({**known.values, name: given})
        except PosttrainError as error:
            note(f"{error.message}")
            asked.discard(name)
    return known


def _next_question(known: Traits, asked: set[str]) -> str | None:
    """Return the next trait to ask for: unknown, not asked yet, and fit beside what is known."""
    candidates = [*FIRST, *(change.trait for change in recommend(known).would_change)]
    for name in candidates:
        if name not in asked and known.get(name) is None and _may_be_known(known, name):
            return name
    return None


def _may_be_known(known: Traits, name: str) -> bool:
    trait = BY_NAME[name]
    values = trait.values or ((True, False) if trait.kind == "flag" else (1,))
    return any(known.replaced(**{name: value}).contradiction() is None for value in values)


def _ask(name: str) -> str:
    trait = BY_NAME[name]
    while True:
        given: str = typer.prompt(f"{trait.question} [{trait.allowed}]", default="", show_default=False, err=True)
        if given.strip() != "?":
            return given.strip()
        note(f"  {trait.why}")


def _next(found: Recommendation, task: dict[str, Any], out: Path | None) -> list[str]:
    """Return the next command, where there is one."""
    if not any(one.pipeline.stages and one.pipeline.is_bundled for one in found.ranked if one.score > 0):
        return []
    if out and out.suffix == ".md":
        return []
    if out and task:
        return ["", f"next: advisor pilot {out}"]
    if out:
        return ["", f"next: advisor plan {out} --model MODEL --data ROWS.jsonl --verifier VERIFIER"]
    said = " ".join(f"--set {trait}={value}" for trait, value in found.traits.values.items())
    return ["", f"to keep and try it: advisor ask --no-input {said} --out advice.json"]
