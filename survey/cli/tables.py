"""Commands that answer: report, papers, diff, explain."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from posttrain.commands import Call, command
from posttrain.console import envelope, for_screen, has_colour, note, print_data, progress, screen_width
from posttrain.errors import ConfigurationError, ExitCode, NothingMatchedError
from survey.cli.app import (
    ByRule,
    Category,
    Counts,
    InScope,
    OutFile,
    Since,
    StudyName,
    Threshold,
    Until,
    Words,
    app,
    own_store,
    study_of,
    write_answer,
)  # fmt: skip
from survey.cli.manifests import answer, make_again, write_manifest
from survey.mentions.domain import Rule
from survey.period import Period
from survey.report import BINARY, Format, thresholds_of
from survey.surface import Surface
from survey.trends.projection import Project
from survey.trends.trend import Scope
from survey.warehouse.filters import filters_of
from survey.writing.bibliography import Bibliography
from survey.writing.options import Options


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
    out: OutFile = None,
    cited: Annotated[bool, typer.Option("--cited", help="Also weighted by citations inside the sample.")] = False,
    discover: Annotated[
        bool, typer.Option("--discover", help="Instead: benchmarks missing from the keys, growth by quarter.")
    ] = False,
    category: Category = None,
    since: Since = None,
    until: Until = None,
    words: Words = None,
    manifest: Annotated[
        Path | None,
        typer.Option("--manifest", metavar="FILE", help="Also write from what it can be made again."),
    ] = None,
    from_manifest: Annotated[
        Path | None,
        typer.Option("--from-manifest", metavar="FILE", help="Make that report again; exit code 6 where it differs."),
    ] = None,
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
    options = Options(
        axis, threshold, sweep, by, surface, scope, rule, project, Format.JSON if call.as_json else form, cited,
        tuple(category or ()), since, until, tuple(words or ()), study, str(counts) if counts else None,
    )  # fmt: skip
    if from_manifest:
        return make_again(call.data, from_manifest, out)
    if form in BINARY and out is None:
        raise ConfigurationError(f"--format {form} writes a binary file", f"add --out FILE.{form}")
    on_screen = out is None and manifest is None
    content = answer(call.data, options, None if on_screen and screen_width() else 100, on_screen and has_colour())
    write_answer(content, out)
    if manifest:
        write_manifest(call.data, options, content, manifest)
    return ExitCode.OK


@command(app, "papers")
def papers_command(
    call: Call,
    domain: Annotated[str | None, typer.Option(help="Only papers of this domain.")] = None,
    period: Annotated[str | None, typer.Option(help="Only papers of 2025, 2025-H1, 2025-Q2 or 2025-06.")] = None,
    threshold: Threshold = None,
    scope: InScope = Scope.ALL,
    rule: ByRule = Rule.ANY_NAME,
    category: Category = None,
    since: Since = None,
    until: Until = None,
    words: Words = None,
    form: Annotated[Bibliography, typer.Option("--format", help="For a person, or a bibliography.")] = (
        Bibliography.TABLE
    ),
    out: OutFile = None,
    study: StudyName = None,
    counts: Counts = None,
) -> int:
    """List the papers of the sample, or of one cell of its table; also as BibTeX, RIS or CSV.

    Example: survey papers --domain code --period 2024 --format bibtex --out code.bib
    """
    from survey.explain import day_of, papers
    from survey.warehouse.narrowing import narrow
    from survey.warehouse.sample import open_sample
    from survey.writing.bibliography import written
    from survey.writing.entries import entries_of

    sample = open_sample(call.data, counts, study_of(study))
    narrow(sample, filters_of(category, since, until, words), None if counts else call.data)
    with sample.warehouse:
        listed = papers(sample, domain, period, next(iter(thresholds_of(threshold)), None), scope, rule)
        provenance = sample.provenance()
    if not listed:
        cell = " ".join(filter(None, [domain, f"in {period}" if period else ""]))
        raise NothingMatchedError(f"no paper {cell}", "survey report, for a table of all cells")
    entries = entries_of(listed, None if sample.is_bundled else call.data)
    if call.as_json or form is Bibliography.JSON:
        values = [paper | entry.as_data() for paper, entry in zip(listed, entries, strict=True)]
        write_answer(envelope("papers", {"papers": values}, sample.cautions, provenance), out)
    elif form is Bibliography.TABLE:
        lines = [
            f"{paper['arxiv_id']:<18} {day_of(paper):<10}  {','.join(paper['domains']) or '–':<12}  "
            f"{paper['title'][:90]}"
            for paper in listed
        ]
        for caution in sample.cautions:
            note(f"warning: {caution}")
        write_answer("\n".join(for_screen(lines) if out is None else lines), out)
    else:
        note(f"{len(entries):,} papers; {sample.sentence}")
        write_answer(written(entries, form), out)
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
        table = as_terminal([report.grid], report.sample, None if screen_width() else 100, has_colour())
        print_data("\n".join([table, *for_screen(["Likely causes", *causes])]))
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
