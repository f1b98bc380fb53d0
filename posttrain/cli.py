"""The `posttrain` command: the front door, with the two other commands behind it."""

import sys
from typing import Annotated

import typer

from posttrain.commands import Call, command, make_app, run
from posttrain.console import print_data

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


@command(app, "demo", has_json=False)
def demo_command(
    call: Call,
    budget: Annotated[str, typer.Option(help="Of every arm of the pilot: 30k-tokens, 5e14-flops or 60s.")] = "",
) -> int:
    """Show trends, a measured starter policy, advice for it and a pilot of about a minute.

    Example: posttrain demo
    """
    from posttrain.demo import BUDGET, demo

    return demo(call.data, budget or BUDGET)


@command(app, "app", own_data=False, has_json=False)
def app_command(
    _call: Call,
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port on this machine; 0 takes a free one.")] = 8501,
    headless: Annotated[bool, typer.Option("--headless", help="Open no browser.")] = False,
    allow_verifiers: Annotated[
        bool, typer.Option("--allow-verifiers", help="Let a pilot name a verifier of your own, which is run.")
    ] = False,
) -> int:
    """Serve the app for this machine alone: trends, advice and pilots in the browser.

    Example: posttrain app --port 8502
    """
    from posttrain.app import serve

    return serve(port, headless=headless, arguments=["--allow-verifiers"] if allow_verifiers else [])


@app.command("train", context_settings=PASSED_ON, add_help_option=False)
def train_command(context: typer.Context) -> None:
    """Run a technique in a run folder; --list names the techniques.

    Example: posttrain train grpo runs/grpo --set data=task:addition --set budget=60s
    """
    from reference_impls.run.cli import main as train

    sys.exit(train(context.args, "posttrain train"))


@app.command("survey", context_settings=PASSED_ON, add_help_option=False)
def survey_command(context: typer.Context) -> None:
    """Count what papers train with: `posttrain survey report` is `survey report`."""
    from survey.cli.app import app as survey

    run(survey, "survey", context.args)


@app.command("advisor", context_settings=PASSED_ON, add_help_option=False)
def advisor_command(context: typer.Context) -> None:
    """Choose and try: `posttrain advisor ask` is `advisor ask`."""
    from advisor.cli.app import app as advisor

    run(advisor, "advisor", context.args)
