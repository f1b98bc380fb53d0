"""The `survey` command. stdout is data, stderr is narration; each command ends in something one can open."""

import json
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from survey import __version__
from survey.benchmarks import LexiconName
from survey.domain import DEFAULT_THRESHOLD, HIGHEST_THRESHOLD, Rule
from survey.errors import ExitCode, SurveyError
from survey.published import Axis
from survey.report import Format
from survey.settings import data_folder
from survey.trends import Period, Project, Scope

SCHEMA_VERSION = 1

app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=True,
    help="What the field trains language models with: papers in, trend tables with honest intervals out.",
)  # fmt: skip

Data = Annotated[Path | None, typer.Option("--data", help="Where own data live (POSTTRAIN_DATA; default: data).")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]


def main() -> None:
    """Run the command line; every failure becomes an error with a hint and its exit code."""
    arguments = sys.argv[1:]
    try:
        sys.exit(app(standalone_mode=False) or ExitCode.OK)
    except SurveyError as error:
        _fail(error.message, error.hint, error.exit_code, error)
    except typer.TyperException as error:
        command = " ".join(["survey", *arguments[:1]])
        _fail(error.format_message(), f"{command} --help", ExitCode.USAGE, error)
    except (KeyboardInterrupt, typer.Abort) as error:
        _fail(
            "interrupted; what was done so far is kept",
            "run the same command again to go on",
            ExitCode.INTERRUPTED,
            error,
        )
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader (head, less) has left
        sys.exit(ExitCode.OK)
    except Exception as error:
        _fail(
            f"unexpected {type(error).__name__}: {error}",
            "run it again with --debug and report what it shows",
            ExitCode.UNEXPECTED,
            error,
        )


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        print(__version__)
        raise typer.Exit


@app.command("ingest")
def ingest_command(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Files or folders of papers.")],
    data: Data = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Bring local papers into the store: .md .txt .pdf .tex .gz .tar.gz .json .xml .jsonl .parquet, or folders.

    A folder that holds .tex files is one paper. Running it again changes nothing.

    Example: survey ingest papers/ more.parquet
    """
    from survey.ingest import ingest
    from survey.store import Store

    with Store(data_folder(data)) as store, _progress("identifying") as advance:
        result = ingest(paths, store, advance)
    warnings = [f"{result.by_name:,} papers are known by their file's name alone"] if result.by_name else []
    skipped = [{"path": path, "reason": reason} for path, reason in result.skipped]
    lines = [f"{result.ingested:,} ingested, {result.unchanged:,} unchanged, {len(skipped):,} skipped"]
    lines += [f"skipped {skip['path']}: {skip['reason']}" for skip in skipped]
    lines.append("next: survey extract")
    values = {"ingested": result.ingested, "unchanged": result.unchanged, "skipped": skipped}
    _answer("ingest", values, lines, as_json, warnings)
    return ExitCode.PARTIAL if skipped and not (result.ingested or result.unchanged) else ExitCode.OK


@app.command("extract")
def extract_command(
    workers: Annotated[int | None, typer.Option(min=1, help="Worker processes (default: one per core).")] = None,
    data: Data = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Read the text of every paper in the store that has none yet.

    Example: survey extract --workers 2
    """
    from survey.extract import extract
    from survey.isolation import default_workers

    with _own_store(data) as store, _progress("reading") as advance:
        result = extract(store, workers or default_workers(), advance)
    failed = [{"arxiv_id": paper, "reason": reason} for paper, reason in result.failed]
    lines = [f"{result.extracted:,} extracted, {result.unchanged:,} unchanged, {len(failed):,} without text"]
    lines += [f"no text for {failure['arxiv_id']}: {failure['reason']}" for failure in failed[:20]]
    lines += [f"… and {len(failed) - 20:,} more: survey status"] if len(failed) > 20 else []
    lines.append("next: survey label")
    values = {"extracted": result.extracted, "unchanged": result.unchanged, "failed": failed}
    _answer("extract", values, lines, as_json)
    return ExitCode.PARTIAL if failed and not (result.extracted or result.unchanged) else ExitCode.OK


@app.command("label")
def label_command(
    lexicon: Annotated[
        LexiconName, typer.Option(help="Every alias with its rules, or the 26 keys as printed.")
    ] = LexiconName.ALIASES,
    export: Annotated[Path | None, typer.Option(help="Also write the counts (no text) as Parquet, to share.")] = None,
    data: Data = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Count the mentions in every extracted paper, with places and aliases, into the warehouse.

    Example: survey label --lexicon printed
    """
    from survey.benchmarks import load_lexicon
    from survey.label import label, warehouse_path
    from survey.warehouse import Warehouse

    with _own_store(data) as store, _progress("counting") as advance:
        result = label(store, load_lexicon(lexicon), advance)
    if not result.papers:
        raise SurveyError("no paper has a text yet", "survey extract", ExitCode.NOTHING_MATCHED)
    lines = [f"{result.papers:,} papers labelled: {result.mentions:,} mentions counted, {result.refused:,} refused"]
    if export:
        with Warehouse.open(warehouse_path(data_folder(data))) as warehouse:
            lines.append(f"{warehouse.export(export):,} rows of counts in {export}")
    lines.append("next: survey report")
    _answer("label", asdict(result) | {"lexicon": lexicon}, lines, as_json)
    return ExitCode.OK


@app.command("report")
def report_command(
    axis: Annotated[str, typer.Option(help="domain, method, data_source or all.")] = "domain",
    threshold: Annotated[int, typer.Option(help="Least mentions, inclusive: 1 to 20.")] = DEFAULT_THRESHOLD,
    sweep: Annotated[str | None, typer.Option(metavar="A..B", help="A table for each threshold from A to B.")] = None,
    by: Annotated[Period, typer.Option(help="The period of a row.")] = Period.YEAR,
    scope: Annotated[Scope, typer.Option(help="The whole text, or without references and appendix.")] = Scope.ALL,
    rule: Annotated[Rule, typer.Option(help="Mentions of one benchmark, or of its domain together.")] = Rule.ANY_NAME,
    project: Annotated[Project, typer.Option(help="How an unfinished year is projected.")] = Project.MEAN_SHARE,
    form: Annotated[Format, typer.Option("--format", help="How the tables are written.")] = Format.TERMINAL,
    out: Annotated[Path | None, typer.Option(help="Write to this file instead of stdout.")] = None,
    data: Data = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Print the trend tables: k of n papers per period, with intervals, beside what the survey printed.

    Example: survey report --sweep 1..6 --by half --format csv --out trends.csv
    """
    from survey.report import as_data, draw, grid, render
    from survey.sample import open_sample
    from survey.trends import domain_trends, published_trends

    axes = list(Axis) if axis == "all" else [_choice("--axis", axis, Axis)]
    thresholds = _sweep(sweep) if sweep else [_within(threshold)]
    form = Format.JSON if as_json else form
    if form is Format.PARQUET and out is None:
        raise SurveyError("--format parquet writes a binary file", "add --out FILE.parquet")
    sample = open_sample(data_folder(data))
    with sample.warehouse:
        tables = domain_trends(sample.warehouse, thresholds, by, scope, rule, project) if Axis.DOMAIN in axes else []
        tables += [published_trends(one) for one in axes if one is not Axis.DOMAIN]
        provenance = sample.provenance()
    content: str | bytes
    if form is Format.JSON:
        warnings = ([sample.sentence] if sample.is_default else []) + sample.warnings
        content = _envelope("report", {"tables": [as_data(table) for table in tables]}, warnings, provenance) + "\n"
    elif form is Format.TERMINAL:
        colour = out is None and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        content = draw([grid(table) for table in tables], _story(sample), None if colour else 100, colour)
    else:
        content = render(tables, _story(sample), form)
        if form in (Format.CSV, Format.PARQUET):
            _say(_story(sample))
    _write(content, out)
    return ExitCode.OK


@app.command("diff")
def diff_command(
    check: Annotated[bool, typer.Option("--check", help="End with exit code 6 where a cell differs.")] = False,
    data: Data = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Compare the domain table with the printed one, cell by cell: verdict and likely cause.

    Example: survey diff --check
    """
    from survey.compare import Verdict, compare
    from survey.report import Grid, draw
    from survey.sample import open_sample
    from survey.trends import domain_trends

    sample = open_sample(data_folder(data))
    with sample.warehouse:
        cells = compare(domain_trends(sample.warehouse)[0], sample.is_default)
        provenance = sample.provenance()
    if as_json:
        print(
            _envelope(
                "diff",
                {"cells": [asdict(cell) for cell in cells]},
                [sample.sentence, *sample.warnings],
                provenance,
            )
        )
    else:
        rows = tuple(
            (c.period, c.label, f"{c.published:,.0f}", f"{c.published_part:.1%}", f"{c.k:,}",
             "–" if c.part is None else f"{c.part:.1%}",
             "" if c.low is None or c.high is None else f"{c.low:.1%} to {c.high:.1%}", c.verdict.value)
            for c in cells
        )  # fmt: skip
        head = ("year", "domain", "printed", "part", "ours", "part", "95% interval", "verdict")
        note = "part: of all domain assignments of the year; counts of two crawls cannot be compared, their mix can."
        causes = sorted({f"{c.verdict}: {c.cause}" for c in cells if c.cause})
        print(draw([Grid("Printed and ours", note, head, rows)], _story(sample), 100, False), end="")
        print("\nLikely causes\n" + "\n".join(f"  {cause}" for cause in causes))
    return ExitCode.DIFFERS if check and any(c.verdict is Verdict.DIFFERS for c in cells) else ExitCode.OK


@app.command("explain")
def explain_command(
    arxiv_id: Annotated[str, typer.Argument(help="An arXiv id, its URL, or a local key.")],
    data: Data = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Show every mention of a paper: benchmark, alias, section, place, and why it counts or not.

    Example: survey explain 2503.05592
    """
    from survey.explain import explain
    from survey.sample import open_sample

    sample = open_sample(data_folder(data))
    with sample.warehouse:
        found = explain(sample, arxiv_id)
        provenance = sample.provenance()
    lines = [
        f"{found['arxiv_id']}  {found['title']}",
        f"version 1: {found['published'] or 'unknown'}; surface: {found['surface']}; id from: {found['id_source']}",
        f"domains at {DEFAULT_THRESHOLD} mentions: {', '.join(found['domains']) or 'none'}",
        "counts: " + (", ".join(f"{name} {n}" for name, n in found["counts"].items()) or "none"),
    ]
    for mention in found["mentions"]:
        verdict = "counts " if mention["counted"] else "refused"
        place = (
            f"{mention['section']} @{mention['offset']}"
            if mention["offset"] is not None
            else f"{mention['section']} ×{mention['n']}"
        )
        lines.append(f"  {verdict} {mention['benchmark']:<16} {place:<20} {mention['alias']}: {mention['reason']}")
    _answer("explain", found, lines, as_json, [sample.sentence] if sample.is_default else [], provenance)
    return ExitCode.OK


@app.command("status")
def status_command(data: Data = None, as_json: Json = False, debug: Debug = False) -> int:
    """Show how many papers are at each step: identified, duplicates, without text and why, extracted, labelled.

    Example: survey status --json
    """
    from survey.sample import flow

    with _own_store(data):
        pass
    values = flow(data_folder(data))
    steps = values["flow"]
    lines = [
        f"identified  {steps['identified']:>8,}   papers; {steps['duplicates']:,} further copies of them",
        f"extracted   {steps['extracted']:>8,}",
        f"labelled    {steps['labelled']:>8,}   " + ", ".join(f"{name} {n:,}" for name, n in steps["domains"].items()),
    ]
    lines += [f"no text     {n:>8,}   {reason}" for reason, n in steps["without_text"].items()]
    lines += [f"skipped     {n:>8,}   {reason}" for reason, n in steps["skipped_files"].items()]
    lines.append("known by    " + ", ".join(f"{source} {n:,}" for source, n in steps["id_sources"].items()))
    _answer("status", values, lines, as_json)
    return ExitCode.OK


@contextmanager
def _own_store(data: Path | None) -> Iterator[Any]:
    from survey.store import Store

    folder = data_folder(data)
    if not Store.exists(folder):
        raise SurveyError(f"no papers in {folder}", "survey ingest PATH…", ExitCode.NOTHING_MATCHED)
    with Store(folder) as store:
        yield store


def _choice(flag: str, value: str, kind: type[Axis]) -> Axis:
    try:
        return kind(value)
    except ValueError:
        raise SurveyError(
            f"{flag} '{value}' is unknown; expected {', '.join(kind)} or all", "survey report --help"
        ) from None


def _within(threshold: int) -> int:
    if not 1 <= threshold <= HIGHEST_THRESHOLD:
        raise SurveyError(f"--threshold {threshold}; expected 1 to {HIGHEST_THRESHOLD}", "survey report --threshold 5")
    return threshold


def _sweep(text: str) -> list[int]:
    first, dots, last = text.partition("..")
    if not (dots and first.isdigit() and last.isdigit() and 1 <= int(first) <= int(last) <= HIGHEST_THRESHOLD):
        raise SurveyError(
            f"--sweep '{text}'; expected A..B with 1 ≤ A ≤ B ≤ {HIGHEST_THRESHOLD}",
            "survey report --sweep 1..6",
        )
    return list(range(int(first), int(last) + 1))


def _story(sample: Any) -> str:
    return " ".join([sample.sentence, *(f"{warning}." for warning in sample.warnings)])


def _answer(
    command: str,
    values: dict[str, Any],
    lines: list[str],
    as_json: bool,
    warnings: list[str] | None = None,
    provenance: dict[str, Any] | None = None,
) -> None:
    """Print the one JSON object, or the lines for a person."""
    if as_json:
        print(_envelope(command, values, warnings or [], provenance or {"posttrain": __version__}))
        return
    for warning in warnings or []:
        _say(warning)
    print("\n".join(lines))


def _envelope(command: str, values: dict[str, Any], warnings: list[str], provenance: dict[str, Any]) -> str:
    head = {"schema_version": SCHEMA_VERSION, "command": command}
    envelope = {**head, "data": values, "warnings": warnings, "provenance": provenance}
    return json.dumps(envelope, ensure_ascii=False, default=_as_json)


def _as_json(value: object) -> object:
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _write(content: str | bytes, out: Path | None) -> None:
    if out is None:
        print(content, end="")
        return
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise SurveyError(f"cannot write {out}: {error.strerror}", "choose another file with --out") from error
    _say(f"wrote {out}")


def _say(text: str) -> None:
    print(text, file=sys.stderr)


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar with rate and time left on stderr, where that is a terminal."""
    if not sys.stderr.isatty():
        yield lambda done, of: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        bar = progress.add_task(what, total=None)
        yield lambda done, of: progress.update(bar, completed=done, total=of)


def _fail(message: str, hint: str, code: ExitCode, error: BaseException) -> None:
    if "--debug" in sys.argv:
        raise error
    if "--json" in sys.argv:
        print(json.dumps({"error": {"code": code.name.lower(), "message": message, "hint": hint}}, ensure_ascii=False))
    _say(f"error: {message}\n  try: {hint}")
    sys.exit(code)


if __name__ == "__main__":
    main()
