"""Commands that ask and answer: traits, rules, ask."""

import sys
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from advisor.advice.data import as_data
from advisor.advice.rules import Rule, load_rules
from advisor.advice.text import lines
from advisor.ask import FIRST, Asked, ask, interview, next_command, write_answer
from advisor.cli.app import app
from advisor.task.traits import GROUPS, TRAITS, schema
from posttrain.assignments import parse_assignments
from posttrain.commands import Call, command
from posttrain.console import note
from posttrain.errors import ExitCode


@command(app, "traits", own_data=False)
def traits_command(call: Call) -> int:
    """List the questions: name, allowed values, wording, and why each matters.

    Example: advisor traits --json
    """
    text = []
    for group in GROUPS:
        text.append(group)
        for trait in TRAITS:
            if trait.group == group:
                text += [f"  {trait.name:<24} {trait.allowed}", f"  {'':<24} {trait.question} {trait.why}"]
    call.emit({"traits": [asdict(trait) for trait in TRAITS], "schema": schema()}, text)
    return ExitCode.OK


@command(app, "rules", own_data=False)
def rules_command(call: Call) -> int:
    """List the rules: conditions, points, sources, dissent; and the refused rules of the sources.

    Example: advisor rules | less
    """
    book = load_rules()
    text = [line for rule in book.rules for line in _rule_lines(rule)]
    text += ["", "Not followed:"]
    text += [f"    {refused.rule} [{refused.source.id}]: {refused.because}" for refused in book.refused]
    text += ["", *(f"[{source.id}] {source.title} {source.url}".rstrip() for source in book.sources.values())]
    values = {
        "rules": [_rule_data(rule) for rule in book.rules],
        "refused": [{**asdict(refused), "source": refused.source.id} for refused in book.refused],
        "sources": {source.id: source.title for source in book.sources.values()},
        "links": {source.id: source.url for source in book.sources.values() if source.url},
    }
    call.emit(values, text)
    return ExitCode.OK


@command(app, "ask")
def ask_command(
    call: Call,
    traits: Annotated[
        Path | None, typer.Option(help="A file of traits, JSON or TOML; advisor probe writes one.")
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A trait; wins over the file.")
    ] = None,
    no_input: Annotated[bool, typer.Option("--no-input", help="Ask nothing; traits not given are unknown.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Also write it there: .json for plan and pilot, .md to read.")
    ] = None,
) -> int:
    """Recommend a pipeline: the reasons and who disagrees, the cost, and what would change the answer.

    Example: advisor ask --no-input --set verifier=unit-tests --set pass_at_k=0.6 --set prompting=tried
    """
    given = parse_assignments(settings or [], "advisor ask --set verifier=unit-tests")
    talk = not no_input and not call.as_json and sys.stdin.isatty() and sys.stderr.isatty()
    if talk:
        note(f"The {FIRST} questions that change the answer most. Enter leaves one open; ? says why; q ends.")
    complete = partial(interview, answer=_prompt, note=note) if talk else None
    recommendation = ask(given, traits, call.data, complete)
    if out is not None:
        write_answer(recommendation, out)
    next_ = next_command(recommendation, out)
    # the next question takes a fifth of a second to find: only a program reads it
    data = as_data(recommendation) if call.as_json else {}
    call.emit(data, [*lines(recommendation), *(["", next_] if next_ else [])])
    return ExitCode.OK


def _prompt(asked: Asked) -> str:
    trait = asked.trait
    question = f"({asked.counter}) {trait.question} [{trait.allowed}]"
    while True:
        given: str = typer.prompt(question, default="", show_default=False, err=True)
        if given.strip() != "?":
            return given.strip()
        note(f"  {trait.why}")


def _rule_lines(rule: Rule) -> list[str]:
    points = ", ".join(f"{name} {given:+}" for name, given in rule.points.items())
    sources = ", ".join(source.id for source in rule.sources)
    text = [f"{rule.name}: {rule.condition.text or 'always'}", f"    {points}", f"    {rule.because} [{sources}]"]
    return text + [f"    but [{dissent.source.id}] {dissent.says}" for dissent in rule.dissent]


def _rule_data(rule: Rule) -> dict[str, object]:
    return {
        "name": rule.name, "when": rule.condition.text, "points": rule.points, "because": rule.because,
        "number": rule.number, "source": [source.id for source in rule.sources],
        "dissent": [{"source": dissent.source.id, "says": dissent.says} for dissent in rule.dissent],
    }  # fmt: skip
