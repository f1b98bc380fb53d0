"""Commands that answer: report, papers, diff, explain."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from posttrain.commands import Call, command
from posttrain.console import envelope, has_colour, note, print_data, progress
from posttrain.errors import ConfigurationError, ExitCode, NothingMatchedError
from posttrain.files import make_folder, write_whole
from survey.cli.app import ByRule, Counts, InScope, StudyName, Threshold, app, own_store, study_of
from survey.mentions.domain import Rule
from survey.period import Period
from survey.report import BINARY, FOR_PROGRAMS, Format, Question, Report, axes_of, thresholds_of, trend_tables
from survey.surface import Surface
from survey.trends.projection import Project
from survey.trends.trend import Scope


@command(app, "report")
def report_command(
    call: Call,
    axis: Annotated[
        str, typer.Option(help="domain, benchmark, method, data_source, or all (without benchmark).")
    ] = "domain",
    threshold: Threshold = None,
    sweep: Annotated[str | None, typer.Option(metavar="A..B", help="A table for each threshold from A to B.")] = None,
    by: Annotated[Period, typer.Option(help="The period of a row.")] = Period.YEAR,
    surface: Annotated[Surface | None, typer.Option(help="Full texts or abstracts; never both in one table.")] = None,
    scope: InScope = Scope.ALL,
    rule: ByRule = Rule.ANY_NAME,
    project: Annotated[Project, typer.Option(help="How an unfinished year is projected.")] = Project.MEAN_SHARE,
    form: Annotated[Format, typer.Option("--format", help="The format of the tables.")] = Format.TERMINAL,
    out: Annotated[Path | None, typer.Option(help="Write to this file instead of stdout.")] = None,
    cited: Annotated[bool, typer.Option("--cited", help="Also weighted by citations inside the sample.")] = False,
    discover: Annotated[
        bool, typer.Option("--discover", help="Instead: benchmarks missing from the keys, growth by quarter.")
    ] = False,
    study: StudyName = None,
    counts: Counts = None,
) -> int:
    """Print the trend tables, next to the survey's printed numbers.

    k of n papers per period, with intervals; methods and data sources also corrected for errors of the labels.

    Example: survey report --sweep 1..6 --by half --format csv --out trends.csv
    """
    if discover:
        if out or counts or form is not Format.TERMINAL:
            raise ConfigurationError("--discover reads own texts and prints a list", "survey report --discover --json")
        return _print_candidates(call, Period.QUARTER if by is Period.YEAR else by)
    form = Format.JSON if call.as_json else form
    if form in BINARY and out is None:
        raise ConfigurationError(f"--format {form} writes a binary file", f"add --out FILE.{form}")
    weighted = cited or form in FOR_PROGRAMS
    question = Question(axes_of(axis), thresholds_of(threshold, sweep), by, scope, rule, project, weighted, surface)
    report = trend_tables(call.data, question, counts, study_of(study))
    _write(_rendered(report, form, has_colour() and out is None), out)
    return ExitCode.OK


@command(app, "papers")
def papers_command(
    call: Call,
    domain: Annotated[str | None, typer.Option(help="Only papers of this domain.")] = None,
    period: Annotated[str | None, typer.Option(help="Only papers of 2025, 2025-H1, 2025-Q2 or 2025-06.")] = None,
    threshold: Threshold = None,
    scope: InScope = Scope.ALL,
    rule: ByRule = Rule.ANY_NAME,
    study: StudyName = None,
    counts: Counts = None,
) -> int:
    """List the papers of the sample, or of one cell of its table.

    Example: survey papers --domain code --period 2024
    """
    from survey.explain import day_of, papers
    from survey.warehouse.sample import open_sample

    sample = open_sample(call.data, counts, study_of(study))
    with sample.warehouse:
        listed = papers(sample, domain, period, next(iter(thresholds_of(threshold)), None), scope, rule)
        provenance = sample.provenance()
    if not listed:
        cell = " ".join(filter(None, [domain, f"in {period}" if period else ""]))
        raise NothingMatchedError(f"no paper {cell}", "survey report, for a table of all cells")
    lines = [
        f"{paper['arxiv_id']:<18} {day_of(paper):<10}  {','.join(paper['domains']) or '–':<12}  {paper['title'][:90]}"
        for paper in listed
    ]
    call.emit({"papers": listed}, lines, sample.cautions, provenance)
    return ExitCode.OK


@command(app, "diff")
def diff_command(
    call: Call,
    check: Annotated[bool, typer.Option("--check", help="End with exit code 6 where a cell differs.")] = False,
    study: StudyName = None,
    counts: Counts = None,
) -> int:
    """Compare the domain table with the printed one: verdicts and likely causes.

    Example: survey diff --check
    """
    from posttrain.tables import as_terminal
    from survey.diff import diff

    report = diff(call.data, counts, study_of(study))
    if call.as_json:
        print_data(envelope("diff", {"cells": report.rows()}, report.cautions, dict(report.provenance)))
    else:
        causes = [f"  {cause}" for cause in report.causes()]
        print_data(as_terminal([report.grid], report.sample, 100, False) + "\n".join(["\nLikely causes", *causes]))
    return ExitCode.DIFFERS if check and report.differs else ExitCode.OK


@command(app, "explain")
def explain_command(
    call: Call,
    paper: Annotated[str, typer.Argument(help="An arXiv id, its URL, a local key, or words of a title.")],
    study: StudyName = None,
    counts: Counts = None,
) -> int:
    """Show every mention of a paper, and why it counts or not.

    Example: survey explain 2503.05592
    """
    from survey.explain import as_lines, explain
    from survey.warehouse.sample import open_sample

    sample = open_sample(call.data, counts, study_of(study))
    with sample.warehouse:
        explained = explain(sample, paper, call.data)
        threshold = sample.warehouse.study.threshold.default
        provenance = sample.provenance()
    call.emit(explained, as_lines(explained, sample.has_places, threshold), sample.cautions, provenance)
    return ExitCode.OK


def _print_candidates(call: Call, by: Period) -> int:
    """Print names that the texts call benchmarks and the lexicon lacks, ranked by papers."""
    from survey.discover import discover, stanza

    with own_store(call.data) as store, progress("reading") as advance:
        candidates = discover(store, by, advance)
    if not candidates:
        raise NothingMatchedError("no name is called a benchmark often enough", "survey ingest more papers")
    lines = [f"{'name':<28} {'papers':>6} {'called so':>9} {'in tables':>9} {'growth':>7}  first      place"]
    for candidate in candidates[:100]:
        growth = "" if candidate.growth is None else f"{candidate.growth:+.1%}"
        first = f"{candidate.first_month:%Y-%m}" if candidate.first_month else "–"
        remark = f"  {candidate.note}" if candidate.note else ""
        lines.append(
            f"{candidate.name:<28} {candidate.papers:>6,} {candidate.called:>9,} {candidate.scored:>9,} {growth:>7}  "
            f"{first:<9}  {candidate.paper}@{candidate.offset}{remark}"
        )
    example = stanza(candidates[0].name)
    lines += [
        "",
        "to count a name, add its stanza to a study (survey study new), and its key to a domain there:",
        example,
    ]
    values = [
        asdict(candidate) | {"growth": candidate.growth, "stanza": stanza(candidate.name)} for candidate in candidates
    ]
    call.emit({"candidates": values}, lines)
    return ExitCode.OK


def _rendered(report: Report, form: Format, on_screen: bool) -> str | bytes:
    if form is Format.JSON:
        return envelope(
            "report",
            report.as_data(),
            report.every_caution(),
            dict(report.provenance),
        )
    return report.render(form, None if on_screen else 100, on_screen)


def _write(content: str | bytes, out: Path | None) -> None:
    if out is None:
        print_data(str(content).removesuffix("\n"))
        return
    hint = "choose another file with --out"
    make_folder(out.parent, hint)
    write_whole(out, content if isinstance(content, bytes) else content.removesuffix("\n") + "\n", hint)
    note(f"wrote {out}")
