"""The `posttrain` command: the front door, with the two other commands behind it."""

import sys
from typing import Annotated

import typer

from posttrain.commands import Data, Debug, make_app, run
from posttrain.console import print_data
from posttrain.errors import ConfigurationError, ExitCode
from posttrain.settings import data_folder

QUESTIONS = """\
What does the field train with?       posttrain survey report
                                      trend tables of papers: counts, shares and intervals
What should I train with?             posttrain advisor ask
                                      ranked pipelines, each reason with its source, and the price
Does it work on my task?              posttrain advisor pilot advice.json
                                      the same small budget for several pipelines, scored with intervals
How does this technique really work?  posttrain train --list
                                      one readable training loop for each family of techniques

See it first:   posttrain demo        trends, advice and a pilot of a minute
In a browser:   posttrain app         the same on pages
From Python:    import posttrain as pt
More:           posttrain --help"""

app = make_app("Which post-training to use: by the literature, by rules with sources, and by small pilots.")
# Everything behind `posttrain survey`, --help too, belongs to that command.
PASSED_ON = {"allow_extra_args": True, "ignore_unknown_options": True}


def main() -> None:
    """Run the command line; without an argument it prints the four questions and their commands."""
    if len(sys.argv) == 1:
        print_data(QUESTIONS)
        return
    run(app, "posttrain")


@app.command("demo")
def demo_command(
    budget: Annotated[str, typer.Option(help="Of every arm of the pilot: 30k-tokens, 40-updates or 60s.")] = "",
    data: Data = None,
    debug: Debug = False,
) -> int:
    """Show trends, a measured starter policy, advice for it and a pilot of about a minute.

    Example: posttrain demo
    """
    from posttrain.demo import BUDGET, demo

    return demo(data_folder(data), budget or BUDGET)


@app.command("app")
def app_command(
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port on this machine; 0 takes a free one.")] = 8501,
    headless: Annotated[bool, typer.Option("--headless", help="Open no browser.")] = False,
    allow_verifiers: Annotated[
        bool, typer.Option("--allow-verifiers", help="Let a pilot name a verifier of your own, which is run.")
    ] = False,
    debug: Debug = False,
) -> int:
    """Serve the app for this machine alone: trends, advice and pilots in the browser.

    Example: posttrain app --port 8502
    """
    from posttrain.app import serve

    return serve(port, headless=headless, arguments=["--allow-verifiers"] if allow_verifiers else [])


@app.command("train", context_settings=PASSED_ON, add_help_option=False)
def train_command(context: typer.Context) -> int:
    """Run a technique in a run folder; --list names the techniques.

    Example: posttrain train grpo runs/grpo --set data=task:addition --set budget=60s
    """
    if context.args == ["--list"]:
        print_data("\n".join(_techniques()))
        return ExitCode.OK
    _demand("torch", "train")
    import runpy

    sys.argv = ["posttrain train", *context.args]
    runpy.run_module("reference_impls", run_name="__main__", alter_sys=False)
    return ExitCode.OK


@app.command("survey", context_settings=PASSED_ON, add_help_option=False)
def survey_command(context: typer.Context) -> None:
    """Count what papers train with: `posttrain survey report` is `survey report`."""
    from survey.cli import main as survey

    sys.argv = ["survey", *context.args]
    survey()


@app.command("advisor", context_settings=PASSED_ON, add_help_option=False)
def advisor_command(context: typer.Context) -> None:
    """Choose and try: `posttrain advisor ask` is `advisor ask`."""
    from advisor.cli import main as advisor

    sys.argv = ["advisor", *context.args]
    advisor()


def _techniques() -> list[str]:
    """Return a line for each technique that can be run: id, family, page and name."""
    from advisor.advice.techniques import TECHNIQUES
    from reference_impls.configs import CONFIGS

    lines = [f"{'technique':20}{'family':14}{'page':38}name"]
    for technique in CONFIGS:
        entry = TECHNIQUES.get(technique)
        family, name = (entry.kind.value, entry.name) if entry else ("measurement", "The model as it is (probe)")
        lines.append(f"{technique:20}{family:14}{f'docs/techniques/{technique}.md':38}{name}")
    return lines


def _demand(library: str, extra: str) -> None:
    """Raise ConfigurationError where a library of an extra is not installed."""
    from importlib.util import find_spec

    if find_spec(library) is None:
        hint = f"pip install 'posttrain[{extra}]'"
        raise ConfigurationError(f"this needs {library}, which is not installed", hint)
