"""The command that shows the flow: survey status, also as the diagram of PRISMA 2020."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posttrain.commands import Call, command
from posttrain.errors import ConfigurationError, ExitCode
from survey.cli.app import StudyName, app, first_lines, own_store, study_of, write_answer
from survey.surface import Surface

if TYPE_CHECKING:  # it loads PyArrow, which `survey --help` does without
    from survey.store.papers import Store

_PROOFS = {  # of a paper's arXiv id, as a person reads them
    "record": "a field of its record", "header": "the header of its file", "stamp": "arXiv's stamp on page 1",
    "name": "its file's name alone", "none": "nothing, so it has no arXiv id",
}  # fmt: skip
_SEVERAL = "A paper may be in several domains, or in none."

MOST_IN_PART = 20  # lines; --json has all


@command(app, "status")
def status_command(
    call: Call,
    prisma: Annotated[
        Path | None, typer.Option("--prisma", metavar="FILE.svg", help="Also draw the flow diagram of PRISMA 2020.")
    ] = None,
    surface: Annotated[Surface, typer.Option(help="Full texts, or abstracts.")] = Surface.TEXT,
    study: StudyName = None,
) -> int:
    """Show how many papers are at each step, and which files were skipped and why.

    Example: survey status --prisma flow.svg
    """
    from survey.status import status

    if surface is Surface.ABSTRACT:
        return _abstracts(call, study, prisma)
    counted = study_of(study)
    if prisma and prisma.suffix.lower() != ".svg":
        raise ConfigurationError(f"--prisma {prisma} is no .svg file", f"--prisma {prisma.with_suffix('.svg')}")
    with own_store(call.data) as store:
        values = status(store, counted)
        if prisma:
            values["prisma"] = _draw(store, values["flow"]["domains"], prisma, counted.warehouse if counted else "")
    call.emit(values, _lines(values))
    return ExitCode.OK


def _abstracts(call: Call, study: str | None, prisma: Path | None) -> int:
    """Show how many listed papers are counted by their abstracts, own ones or else those that come along."""
    from survey.status import status_of_abstracts
    from survey.warehouse.abstracts import open_surface

    if prisma:
        raise ConfigurationError("--prisma draws the flow of full texts, not of abstracts", f"--prisma {prisma} alone")
    sample = open_surface(Surface.ABSTRACT, call.data, study=study_of(study))
    with sample.warehouse:
        values, provenance = status_of_abstracts(sample, call.data), sample.provenance()
    flow = values["flow"]
    lines = [
        sample.sentence,
        f"identified  {flow['identified']:>8,}   papers",
        *(f"not counted {n:>8,}   {reason}" for reason, n in flow["not_counted"].items()),
        f"labelled    {flow['labelled']:>8,}   " + ", ".join(f"{name} {n:,}" for name, n in flow["domains"].items()),
    ]
    call.emit(values, [line.rstrip() for line in lines], sample.cautions, provenance)
    return ExitCode.OK


def _draw(store: "Store", domains: dict[str, int], out: Path, study: str) -> dict[str, Any]:
    from survey.writing.flow import flow_of
    from survey.writing.prisma import drawing

    flow = flow_of(store, domains, study)
    write_answer(drawing(flow, _SEVERAL if flow.domains else ""), out, "--prisma")
    return flow.as_data()


def _lines(values: dict[str, Any]) -> list[str]:
    steps, slices = values["flow"], values["harvest"]["slices"]
    unfinished = sum(not span["complete"] for span in slices)
    lines = [
        f"identified  {steps['identified']:>8,}   papers; {steps['duplicates']:,} further copies of them",
        f"extracted   {steps['extracted']:>8,}",
        f"labelled    {steps['labelled']:>8,}   " + ", ".join(f"{name} {n:,}" for name, n in steps["domains"].items()),
        f"harvest     {len(slices):>8,}   slices, {unfinished:,} of them not complete",
    ]
    lines += [f"id from     {n:>8,}   {_PROOFS[proof]}" for proof, n in steps["known_by"].items()]
    lines += [f"no text     {n:>8,}   {reason}" for reason, n in steps["without_text"].items()]
    lines += [f"in part     {text['arxiv_id']}: {text['missing']}" for text in steps["in_part"][:MOST_IN_PART]]
    skips = [f"skipped     {skip['path']}: {skip['reason']}" for skip in steps["skipped"]]
    return [line.rstrip() for line in lines + first_lines(skips, "survey status --json")]
