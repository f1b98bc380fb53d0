"""Commands for studies: survey study new, check."""

from pathlib import Path
from typing import Annotated

import typer

from posttrain.commands import Call, command
from posttrain.errors import ExitCode
from survey.cli.app import app

study = typer.Typer(help="Studies of one's own: which benchmarks are counted, in which domains.")
app.add_typer(study, name="study")


@command(study, "new", envelope="study")
def new_command(
    call: Call, file: Annotated[Path, typer.Argument(metavar="FILE", help="The TOML file to write.")]
) -> int:
    """Write a commented study to change.

    Example: survey study new my-study.toml
    """
    from survey.study import described, new_study

    written = new_study(file)
    call.emit(
        described(written), [f"wrote {file}, the study '{written.name}'; change it, then: survey study check {file}"]
    )
    return ExitCode.OK


@command(study, "check", envelope="study")
def check_command(
    call: Call, file: Annotated[str, typer.Argument(metavar="FILE|NAME", help="A TOML file, or a bundled study.")]
) -> int:
    """Show what a study counts, or what is wrong with it and in which line.

    Bundled: 2603.13985, agents, long-context, reasoning, safety.

    Example: survey study check my-study.toml
    """
    from survey.studies.load import load_study
    from survey.study import as_lines, described

    checked = load_study(file)
    call.emit(
        described(checked),
        [
            *as_lines(checked),
            f"next: survey report --study {file}; for own texts first: survey label --study {file}",
        ],
    )
    return ExitCode.OK
