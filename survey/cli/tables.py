"""Commands that answer: report, papers, diff, explain."""

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from posttrain.commands import Call, command
from posttrain.console import envelope, note, print_data
from posttrain.errors import ConfigurationError, ExitCode, NothingMatchedError
from survey.cli.app import ByRule, Counts, InScope, Threshold, app, choice, own_store
from survey.mentions.domain import DEFAULT_THRESHOLD, HIGHEST_THRESHOLD, Rule
from survey.mentions.lexicon import Domain
from survey.period import Period
from survey.report import BINARY, Format
from survey.trends.domain import Scope
from survey.trends.projection import Project
from survey.trends.published import Axis


@command(app, "report")
def report_command(
    call: Call,
    axis: Annotated[str, typer.Option(help="domain, method, data_source or all.")] = "domain",
    threshold: Threshold = None,
    sweep: Annotated[str | None, typer.Option(metavar="A..B", help="A table for each threshold from A to B.")] = None,
    by: Annotated[Period, typer.Option(help="The period of a row.")] = Period.YEAR,
    scope: InScope = Scope.ALL,
    rule: ByRule = Rule.ANY_NAME,
    project: Annotated[Project, typer.Option(help="How an unfinished year is projected.")] = Project.MEAN_SHARE,
    form: Annotated[Format, typer.Option("--format", help="How the tables are written.")] = Format.TERMINAL,
    out: Annotated[Path | None, typer.Option(help="Write to this file instead of stdout.")] = None,
    cited: Annotated[bool, typer.Option("--cited", help="Also weighted by citations inside the sample.")] = False,
    discover: Annotated[
        bool, typer.Option("--discover", help="Instead: benchmarks that the keys miss, growth by quarter.")
    ] = False,
    counts: Counts = None,
) -> int:
    """Print the trend tables, beside what the survey printed.

    k of n papers per period, with intervals; methods and data sources also corrected for errors of the labels.

    Example: survey report --sweep 1..6 --by half --format csv --out trends.csv
    """
    from posttrain.tables import as_terminal
    from survey.report import render
    from survey.trends.cited import with_citations
    from survey.trends.domain import domain_trends
    from survey.trends.tables import as_data, as_grids
    from survey.warehouse.sample import open_sample

    if discover:
        if out or counts or form is not Format.TERMINAL:
            raise ConfigurationError("--discover reads own texts and prints a list", "survey report --discover --json")
        return _discover(call, Period.QUARTER if by is Period.YEAR else by)
    if sweep and threshold is not None:
        raise ConfigurationError("--threshold and --sweep cannot be used together", f"survey report --sweep {sweep}")
    axes = list(Axis) if axis == "all" else [choice("--axis", axis, Axis, "or all")]
    thresholds = _sweep(sweep) if sweep else [_within(threshold)]
    form = Format.JSON if call.as_json else form
    if form in BINARY and out is None:
        raise ConfigurationError(f"--format {form} writes a binary file", f"add --out FILE.{form}")
    sample = open_sample(call.data, counts)
    with sample.warehouse:
        tables = domain_trends(sample.warehouse, thresholds, by, scope, rule, project) if Axis.DOMAIN in axes else []
        own = None if sample.is_bundled or counts else call.data  # whose labels were validated
        tables += _labelled(sample.warehouse, axes, by, own)
        if cited or form in (Format.JSON, Format.CSV, Format.PARQUET):
            tables = [with_citations(table, sample.warehouse) for table in tables]
        provenance, footer = sample.provenance(), sample.footer
    if not any(table.rows for table in tables):
        raise NothingMatchedError(
            "no paper of the sample has a date, so there is no period to show",
            "survey ingest papers with an arXiv id",
        )  # fmt: skip
    content: str | bytes
    if form is Format.JSON:
        content = envelope("report", {"tables": [as_data(table) for table in tables]}, sample.cautions, provenance)
    elif form is Format.TERMINAL:
        colour = out is None and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        content = as_terminal(as_grids(tables, footer, cited), sample.story, None if colour else 100, colour)
    else:
        content = render(tables, sample.story, footer, form, cited)
    _write(content, out)
    return ExitCode.OK


@command(app, "papers")
def papers_command(
    call: Call,
    domain: Annotated[Domain | None, typer.Option(help="Only papers of this domain.")] = None,
    period: Annotated[str | None, typer.Option(help="Only papers of 2025, 2025-H1, 2025-Q2 or 2025-06.")] = None,
    threshold: Threshold = None,
    scope: InScope = Scope.ALL,
    rule: ByRule = Rule.ANY_NAME,
    counts: Counts = None,
) -> int:
    """List the papers of the sample, or of one cell of its table.

    Example: survey papers --domain code --period 2024
    """
    from survey.explain import day_of, papers
    from survey.warehouse.sample import open_sample

    sample = open_sample(call.data, counts)
    with sample.warehouse:
        found = papers(sample, domain, period, _within(threshold), scope, rule)
        provenance = sample.provenance()
    if not found:
        what = " ".join(filter(None, [domain, f"in {period}" if period else ""]))
        raise NothingMatchedError(f"no paper {what}", "survey report, for what there is")
    lines = [
        f"{paper['arxiv_id']:<18} {day_of(paper):<10}  {','.join(paper['domains']) or '–':<12}  {paper['title'][:90]}"
        for paper in found
    ]
    call.emit({"papers": found}, lines, sample.cautions, provenance)
    return ExitCode.OK


@command(app, "diff")
def diff_command(
    call: Call,
    check: Annotated[bool, typer.Option("--check", help="End with exit code 6 where a cell differs.")] = False,
    counts: Counts = None,
) -> int:
    """Compare the domain table with the printed one: verdicts and likely causes.

    Example: survey diff --check
    """
    from posttrain.tables import as_terminal
    from survey.diff import Verdict, compare
    from survey.trends.domain import domain_trends
    from survey.trends.tables import diff_grid
    from survey.warehouse.sample import open_sample

    sample = open_sample(call.data, counts)
    with sample.warehouse:
        table = domain_trends(sample.warehouse)[0]
        provenance, footer = sample.provenance(), sample.footer
    cells = compare(table, sample.is_bundled)
    if call.as_json:
        print_data(envelope("diff", {"cells": [asdict(cell) for cell in cells]}, sample.cautions, provenance))
    else:
        causes = sorted({f"  {c.verdict}: {c.cause}" for c in cells if c.cause})
        print_data(
            as_terminal([diff_grid(cells, table, footer)], sample.story, 100, False)
            + "\n".join(["\nLikely causes", *causes])
        )
    return ExitCode.DIFFERS if check and any(c.verdict is Verdict.DIFFERS for c in cells) else ExitCode.OK


@command(app, "explain")
def explain_command(
    call: Call,
    paper: Annotated[str, typer.Argument(help="An arXiv id, its URL, a local key, or words of a title.")],
    counts: Counts = None,
) -> int:
    """Show every mention of a paper, and why it counts or not.

    Example: survey explain 2503.05592
    """
    from survey.explain import day_of, explain
    from survey.warehouse.sample import open_sample

    sample = open_sample(call.data, counts)
    with sample.warehouse:
        found = explain(sample, paper, call.data)
        provenance = sample.provenance()
    lines = [
        f"{found['arxiv_id']}  {found['title']}",
        f"version 1: {day_of(found)}; surface: {found['surface']}; id from: {found['id_source']}",
        *([f"the text lacks what is {found['lacks']}"] if found["lacks"] else []),
        f"domains at {DEFAULT_THRESHOLD} mentions: {', '.join(found['domains']) or 'none'}",
        "counts: " + (", ".join(f"{name} {n}" for name, n in found["counts"].items()) or "none"),
    ]
    for mention in found["mentions"]:
        where = f"@{mention['offset']}" if sample.has_places else f"×{mention['n']}"
        told = f"…{mention['context']}…" if mention["context"] and mention["counted"] else mention["reason"]
        verdict = "counts " if mention["counted"] else "refused"
        lines.append(f"  {verdict} {mention['benchmark']:<16} {mention['section'] + ' ' + where:<19} {told}")
    lines += _told_labels(found)
    call.emit(found, lines, sample.cautions, provenance)
    return ExitCode.OK


_DECIDING = ("sft.", "rl.", "hybrid.", "preference.", "other.", "none.training-free", "none.survey")


def _told_labels(found: dict[str, Any]) -> list[str]:
    """The method and the data source of a paper, with the places of the cues that speak most plainly."""
    method, source = found["method"], found["data_source"]
    if method is None:
        return ["method: not labelled; survey label"]
    lines = [
        f"method: {method['label']} (p {method['probability']:.2f}); by cues {method['by_cues']}, by the classifier "
        f"{method['by_classifier']}",
        "data source: " + (f"{', '.join(source['all'])} (p {source['probability']:.2f})" if source["all"] else "none"),
    ]
    cues = [c for c in method["cues"] if c["own"] and c["cue"].startswith(_DECIDING)][:12] + source["cues"][:6]
    return lines + [f"  {cue['cue']:<22} {cue['part']} @{cue['offset']:<8} …{cue['context'][:110]}…" for cue in cues]


def _labelled(warehouse: Any, axes: list[Axis], by: Period, data: Path | None) -> list[Any]:
    """The method table in both readings of RL, and the data-source table, as far as they are asked for."""
    if axes == [Axis.DOMAIN]:
        return []
    from survey.labels.validation import read_validation
    from survey.trends.labelled import data_source_trends, method_trends

    checked = read_validation(data)
    tables = list(method_trends(warehouse, checked, by)) if Axis.METHOD in axes else []
    return tables + ([data_source_trends(warehouse, checked, by)] if Axis.DATA_SOURCE in axes else [])


def _discover(call: Call, by: Period) -> int:
    """Names that the texts call benchmarks and the lexicon lacks, ranked by papers."""
    from posttrain.console import progress
    from survey.discover import discover, stanza

    with own_store(call.data) as store, progress("reading") as advance:
        found = discover(store, by, advance)
    if not found:
        raise NothingMatchedError("no name is called a benchmark often enough", "survey ingest more papers")
    lines = [f"{'name':<28} {'papers':>6} {'called so':>9} {'in tables':>9} {'growth':>7}  first      place"]
    for one in found[:100]:
        growth = "" if one.growth is None else f"{one.growth:+.1%}"
        first = f"{one.first_month:%Y-%m}" if one.first_month else "–"
        remark = f"  {one.note}" if one.note else ""
        lines.append(
            f"{one.name:<28} {one.papers:>6,} {one.called:>9,} {one.scored:>9,} {growth:>7}  {first:<9}  "
            f"{one.paper}@{one.offset}{remark}"
        )
    lines += ["", "to count one, put its stanza into data/reference/benchmarks.toml, such as:", stanza(found[0].name)]
    values = [asdict(one) | {"growth": one.growth, "stanza": stanza(one.name)} for one in found]
    call.emit({"candidates": values}, lines)
    return ExitCode.OK


def _within(threshold: int | None) -> int:
    if threshold is None:
        return DEFAULT_THRESHOLD
    if not 1 <= threshold <= HIGHEST_THRESHOLD:
        raise ConfigurationError(
            f"--threshold {threshold}; expected 1 to {HIGHEST_THRESHOLD}", "survey report --threshold 5"
        )
    return threshold


def _sweep(text: str) -> list[int]:
    first, dots, last = text.partition("..")
    if not (dots and first.isdigit() and last.isdigit() and 1 <= int(first) <= int(last) <= HIGHEST_THRESHOLD):
        raise ConfigurationError(
            f"--sweep '{text}'; expected A..B with 1 ≤ A ≤ B ≤ {HIGHEST_THRESHOLD}", "survey report --sweep 1..6"
        )
    return list(range(int(first), int(last) + 1))


def _write(content: str | bytes, out: Path | None) -> None:
    if out is None:
        print_data(str(content).removesuffix("\n"))
        return
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(content if isinstance(content, bytes) else content.removesuffix("\n").encode() + b"\n")
    except OSError as error:
        raise ConfigurationError(f"cannot write {out}: {error.strerror}", "choose another file with --out") from error
    note(f"wrote {out}")
