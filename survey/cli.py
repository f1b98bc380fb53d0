"""The `survey` command: each of its commands ends in something one can open."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, TypeVar

import typer

from survey import __version__
from survey.benchmarks import Domain, LexiconName
from survey.domain import DEFAULT_THRESHOLD, HIGHEST_THRESHOLD, Rule
from survey.errors import ExitCode, SurveyError
from survey.published import Axis
from survey.report import Format
from survey.settings import data_folder
from survey.speech import answer, envelope, fail, progress, put, say
from survey.trends import Period, Project, Scope

Choice = TypeVar("Choice", bound=StrEnum)

app = typer.Typer(
    rich_markup_mode=None, pretty_exceptions_enable=False, add_completion=True,
    help="What the field trains language models with: papers in, trend tables with honest intervals out.",
)  # fmt: skip

Data = Annotated[Path | None, typer.Option("--data", help="Where own data live (POSTTRAIN_DATA; default: data).")]
Counts = Annotated[Path | None, typer.Option("--counts", help="Counts that somebody exported, in place of own data.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Threshold = Annotated[int | None, typer.Option(help="Least mentions, inclusive: 1 to 20 (default: 5).")]
InScope = Annotated[Scope, typer.Option(help="The whole text, or without references and appendix.")]
ByRule = Annotated[Rule, typer.Option(help="Mentions of one benchmark, or of its domain together.")]


def main() -> None:
    """Run the command line; every failure becomes an error with a hint and its exit code."""
    arguments = sys.argv[1:] or ["--help"]
    try:
        code = app(arguments, prog_name="survey", standalone_mode=False) or ExitCode.OK
        if code == ExitCode.INTERRUPTED:  # typer turns Ctrl-C into this
            raise KeyboardInterrupt
        sys.exit(code)
    except SurveyError as error:
        fail(error.message, error.hint, error.exit_code, error)
    except typer.TyperException as error:
        known = [command.name for command in app.registered_commands]
        command = f"survey {arguments[0]}" if arguments[0] in known else "survey"
        fail(error.format_message().replace("Value error, ", ""), f"{command} --help", ExitCode.USAGE, error)
    except (KeyboardInterrupt, typer.Abort) as error:
        hint = "run the same command again to go on"
        fail("interrupted; what was done so far is kept", hint, ExitCode.INTERRUPTED, error)
    except Exception as error:
        message = f"unexpected {type(error).__name__}: {error}"
        fail(message, "run it again with --debug and report what it shows", ExitCode.UNEXPECTED, error)


@app.callback(invoke_without_command=True)
def _root(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        put(__version__)
        raise typer.Exit


@app.command("ingest")
def ingest_command(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Files or folders of papers.")],
    data: Data = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Bring local papers into the store.

    .md .txt .pdf .tex .gz .tar.gz .json .xml .jsonl .parquet, or folders of them. A folder that holds .tex files is
    one paper. Running it again changes nothing.

    Example: survey ingest papers/ more.parquet
    """
    from survey.ingest import existing, ingest
    from survey.store import Store

    existing(paths)
    with Store(data_folder(data)) as store, progress("identifying") as advance:
        result = ingest(paths, store, advance)
    skipped = [{"path": path, "reason": reason} for path, reason in result.skipped]
    lines = [f"{result.ingested:,} ingested, {result.unchanged:,} unchanged, {len(skipped):,} skipped"]
    lines += [f"skipped {skip['path']}: {skip['reason']}" for skip in skipped]
    lines += [f"known by its file's name alone, which dates inside agree with: {paper}" for paper in result.by_name]
    lines.append("next: survey extract")
    values = {"ingested": result.ingested, "unchanged": result.unchanged, "skipped": skipped, "by_name": result.by_name}
    answer("ingest", values, lines, as_json)
    return ExitCode.PARTIAL if skipped and not (result.ingested or result.unchanged) else ExitCode.OK


@app.command("harvest")
def harvest_command(
    source: Annotated[str, typer.Option(help="api, oai, or snapshot:FILE.")],
    since: Annotated[str, typer.Option("--from", metavar="DAY", help="First day of version 1, such as 2023-01-01.")],
    until: Annotated[str, typer.Option(metavar="DAY", help="Last day of version 1, inclusive.")],
    category: Annotated[
        list[str] | None, typer.Option(help="cs.CL, cs.LG, …; may be repeated. All by default.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be asked for, and stop.")] = False,
    data: Data = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """List which papers exist, slice by slice, with a ledger that proves that none is missing.

    Only what is not covered yet is asked for; an interrupted harvest goes on where it was.

    Example: survey harvest --source api --from 2023-01-01 --until 2025-06-30 --category cs.CL --category cs.LG
    """
    from survey import harvest as harvests
    from survey.ledger import Ledger
    from survey.settings import arxiv_settings, user_state

    window = harvests.Window(_parse_day("--from", since), _parse_day("--until", until), tuple(category or ()))
    if window.since > window.until:
        raise SurveyError(f"--from {since} is behind --until {until}", "give the earlier day first")
    kind, _, file = source.partition(":")
    with Ledger(data_folder(data)) as ledger:
        if kind == "snapshot" and file:
            result = harvests.harvest_snapshot(ledger, Path(file), window)
            return _tell_harvest(ledger, result, as_json)
        if kind not in tuple(harvests.Source) or file:
            raise SurveyError(
                f"--source '{source}' is unknown; expected api, oai or snapshot:FILE", "survey harvest --help"
            )
        settings = arxiv_settings()
        origin = harvests.Source(kind)
        waiting = harvests.plan(ledger, origin, window)
        requests = harvests.estimate(waiting, origin)
        minutes = requests * settings.delay_seconds / 60
        say(
            f"{len(waiting):,} slices to ask for: about {requests:,} requests, {minutes:,.0f} min at one per "
            f"{settings.delay_seconds:g} s; {ledger.count():,} papers are listed already"
        )
        if dry_run:
            values = {"requests": requests, "slices": harvests.as_data(waiting)}
            lines = [f"would ask {origin} for {one.since} to {one.until} {one.query}".rstrip() for one in waiting]
            answer("harvest", values, lines or ["nothing to ask for: every slice is complete"], as_json)
            return ExitCode.OK
        done = 0
        with progress("asking") as advance:

            def step() -> None:
                nonlocal done
                done += 1
                advance(done, max(done, requests))

            result = harvests.harvest(ledger, origin, window, settings, user_state(), step)
        return _tell_harvest(ledger, result, as_json)


@app.command("download")
def download_command(
    surface: Annotated[str, typer.Option(help="What to ask for, in this order.")] = "source,html,pdf",
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many papers.")] = None,
    data: Data = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Fetch the content of listed papers that the store has no text of.

    One request every three seconds, so a thousand papers take the better part of an hour. An interrupted download goes
    on where it was.

    Example: survey download --surface source,pdf --limit 100
    """
    from survey.download import Surface, download, wanted
    from survey.ledger import Ledger
    from survey.settings import arxiv_settings, user_state
    from survey.store import Store

    folder, settings = data_folder(data), arxiv_settings()
    surfaces = [_choice("--surface", name, Surface, "separated by commas") for name in surface.split(",")]
    if not Ledger.exists(folder):
        raise SurveyError(f"no paper is listed in {folder}", "survey harvest", ExitCode.NOTHING_MATCHED)
    with Ledger(folder) as ledger, Store(folder) as store:
        papers = wanted(ledger, store, limit)
        pace = settings.delay_seconds
        say(f"{len(papers):,} papers, at least {len(papers) * pace / 3600:,.1f} h at one request per {pace:g} s")
        with progress("asking") as advance:
            result = download(papers, surfaces, ledger, store, settings, user_state(), advance)
    absent = [{"arxiv_id": paper, "reason": reason} for paper, reason in result.absent]
    failed = [{"arxiv_id": paper, "reason": reason} for paper, reason in result.failed]
    lines = [
        f"{result.downloaded:,} downloaded with {result.requests:,} requests, {len(absent):,} not on arXiv, "
        f"{len(failed):,} failed"
    ]
    lines += [f"failed {one['arxiv_id']}: {one['reason']}" for one in failed[:20]]
    lines.append("run the same command again for what failed" if failed else "next: survey extract")
    values = {"downloaded": result.downloaded, "requests": result.requests, "absent": absent, "failed": failed}
    answer("download", values, lines, as_json)
    return ExitCode.PARTIAL if failed else ExitCode.OK


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
    from survey.extract import estimate, extract, unread
    from survey.isolation import default_workers

    with _own_store(data) as store:
        at_once = workers or default_workers()
        waiting = unread(store)
        say(f"{len(waiting):,} papers to read, about {estimate(waiting, at_once):,.0f} s with {at_once} workers")
        with progress("reading") as advance:
            result = extract(store, at_once, advance)
    failed = [{"arxiv_id": paper, "reason": reason} for paper, reason in result.failed]
    lines = [f"{result.extracted:,} extracted, {result.unchanged:,} unchanged, {len(failed):,} without text"]
    lines += [f"no text for {failure['arxiv_id']}: {failure['reason']}" for failure in failed[:20]]
    lines += [f"… and {len(failed) - 20:,} more: survey status"] if len(failed) > 20 else []
    lines.append("next: survey label")
    values = {"extracted": result.extracted, "unchanged": result.unchanged, "failed": failed}
    answer("extract", values, lines, as_json)
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
    """Count the mentions in every extracted paper, with places and aliases.

    Example: survey label --lexicon printed
    """
    from survey.benchmarks import load_lexicon
    from survey.label import label, warehouse_path
    from survey.warehouse import Warehouse

    with _own_store(data) as store, progress("counting") as advance:
        result = label(store, load_lexicon(lexicon), advance)
    lines = [f"{result.papers:,} papers labelled: {result.mentions:,} mentions counted, {result.refused:,} refused"]
    if export:
        with Warehouse.open(warehouse_path(data_folder(data))) as warehouse:
            lines.append(
                f"{warehouse.export(export):,} rows of counts in {export}; papers without an arXiv id are not there"
            )
    lines.append("next: survey report")
    answer("label", asdict(result) | {"lexicon": lexicon}, lines, as_json)
    return ExitCode.OK


@app.command("report")
def report_command(
    axis: Annotated[str, typer.Option(help="domain, method, data_source or all.")] = "domain",
    threshold: Threshold = None,
    sweep: Annotated[str | None, typer.Option(metavar="A..B", help="A table for each threshold from A to B.")] = None,
    by: Annotated[Period, typer.Option(help="The period of a row.")] = Period.YEAR,
    scope: InScope = Scope.ALL,
    rule: ByRule = Rule.ANY_NAME,
    project: Annotated[Project, typer.Option(help="How an unfinished year is projected.")] = Project.MEAN_SHARE,
    form: Annotated[Format, typer.Option("--format", help="How the tables are written.")] = Format.TERMINAL,
    out: Annotated[Path | None, typer.Option(help="Write to this file instead of stdout.")] = None,
    counts: Counts = None,
    data: Data = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Print the trend tables, beside what the survey printed.

    k of n papers per period, with intervals.

    Example: survey report --sweep 1..6 --by half --format csv --out trends.csv
    """
    from survey.grids import as_data, as_grids
    from survey.report import draw, render
    from survey.sample import open_sample
    from survey.trends import domain_trends, published_trends

    if sweep and threshold is not None:
        raise SurveyError("--threshold and --sweep cannot be used together", f"survey report --sweep {sweep}")
    axes = list(Axis) if axis == "all" else [_choice("--axis", axis, Axis, "or all")]
    thresholds = _sweep(sweep) if sweep else [_within(threshold)]
    form = Format.JSON if as_json else form
    if form is Format.PARQUET and out is None:
        raise SurveyError("--format parquet writes a binary file", "add --out FILE.parquet")
    sample = open_sample(data_folder(data), counts)
    with sample.warehouse:
        tables = domain_trends(sample.warehouse, thresholds, by, scope, rule, project) if Axis.DOMAIN in axes else []
        tables += [published_trends(one) for one in axes if one is not Axis.DOMAIN]
        provenance = sample.provenance()
    if not any(table.rows for table in tables):
        raise SurveyError(
            "no paper of the sample has a date, so there is no period to show",
            "survey ingest papers with an arXiv id", ExitCode.NOTHING_MATCHED,
        )  # fmt: skip
    content: str | bytes
    if form is Format.JSON:
        content = envelope("report", {"tables": [as_data(table) for table in tables]}, sample.cautions, provenance)
    elif form is Format.TERMINAL:
        colour = out is None and sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        content = draw(as_grids(tables), sample.story, None if colour else 100, colour)
    else:
        content = render(tables, sample.story, form)
    _write(content, out)
    return ExitCode.OK


@app.command("papers")
def papers_command(
    domain: Annotated[Domain | None, typer.Option(help="Only papers of this domain.")] = None,
    period: Annotated[str | None, typer.Option(help="Only papers of 2025, 2025-H1, 2025-Q2 or 2025-06.")] = None,
    threshold: Threshold = None,
    scope: InScope = Scope.ALL,
    rule: ByRule = Rule.ANY_NAME,
    counts: Counts = None,
    data: Data = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """List the papers of the sample, or of one cell of its table.

    Example: survey papers --domain code --period 2024
    """
    from survey.explain import papers
    from survey.sample import open_sample

    sample = open_sample(data_folder(data), counts)
    with sample.warehouse:
        found = papers(sample, domain, period, _within(threshold), scope, rule)
        provenance = sample.provenance()
    if not found:
        what = " ".join(filter(None, [domain, f"in {period}" if period else ""]))
        raise SurveyError(f"no paper {what}", "survey report, for what there is", ExitCode.NOTHING_MATCHED)
    lines = [
        f"{paper['arxiv_id']:<18} {_day(paper):<10}  {','.join(paper['domains']) or '–':<12}  {paper['title'][:90]}"
        for paper in found
    ]
    answer("papers", {"papers": found}, lines, as_json, sample.cautions, provenance)
    return ExitCode.OK


@app.command("diff")
def diff_command(
    check: Annotated[bool, typer.Option("--check", help="End with exit code 6 where a cell differs.")] = False,
    counts: Counts = None,
    data: Data = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Compare the domain table with the printed one: verdicts and likely causes.

    Example: survey diff --check
    """
    from survey.compare import Verdict, compare
    from survey.grids import diff_grid
    from survey.report import draw
    from survey.sample import open_sample
    from survey.trends import domain_trends

    sample = open_sample(data_folder(data), counts)
    with sample.warehouse:
        table = domain_trends(sample.warehouse)[0]
        provenance = sample.provenance()
    cells = compare(table, sample.is_bundled)
    if as_json:
        put(envelope("diff", {"cells": [asdict(cell) for cell in cells]}, sample.cautions, provenance))
    else:
        causes = sorted({f"  {c.verdict}: {c.cause}" for c in cells if c.cause})
        put(draw([diff_grid(cells, table)], sample.story, 100, False) + "\n".join(["\nLikely causes", *causes]))
    return ExitCode.DIFFERS if check and any(c.verdict is Verdict.DIFFERS for c in cells) else ExitCode.OK


@app.command("explain")
def explain_command(
    paper: Annotated[str, typer.Argument(help="An arXiv id, its URL, a local key, or words of a title.")],
    counts: Counts = None,
    data: Data = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Show every mention of a paper, and why it counts or not.

    Example: survey explain 2503.05592
    """
    from survey.explain import explain
    from survey.sample import open_sample

    sample = open_sample(data_folder(data), counts)
    with sample.warehouse:
        found = explain(sample, paper, data_folder(data))
        provenance = sample.provenance()
    lines = [
        f"{found['arxiv_id']}  {found['title']}",
        f"version 1: {_day(found)}; surface: {found['surface']}; id from: {found['id_source']}",
        *([f"the text lacks what is {found['lacks']}"] if found["lacks"] else []),
        f"domains at {DEFAULT_THRESHOLD} mentions: {', '.join(found['domains']) or 'none'}",
        "counts: " + (", ".join(f"{name} {n}" for name, n in found["counts"].items()) or "none"),
    ]
    for mention in found["mentions"]:
        where = f"@{mention['offset']}" if sample.has_places else f"×{mention['n']}"
        told = f"…{mention['context']}…" if mention["context"] and mention["counted"] else mention["reason"]
        verdict = "counts " if mention["counted"] else "refused"
        lines.append(f"  {verdict} {mention['benchmark']:<16} {mention['section'] + ' ' + where:<19} {told}")
    answer("explain", found, lines, as_json, sample.cautions, provenance)
    return ExitCode.OK


@app.command("status")
def status_command(data: Data = None, as_json: Json = False, debug: Debug = False) -> int:
    """Show how many papers are at each step, and what was passed over and why.

    Example: survey status --json
    """
    from survey.sample import status

    with _own_store(data) as store:
        values = status(store)
    steps = values["flow"]
    skipped = steps["skipped"]
    lines = [
        f"identified  {steps['identified']:>8,}   papers; {steps['duplicates']:,} further copies of them",
        f"extracted   {steps['extracted']:>8,}",
        f"labelled    {steps['labelled']:>8,}   " + ", ".join(f"{name} {n:,}" for name, n in steps["domains"].items()),
        "known by    " + (", ".join(f"{source} {n:,}" for source, n in steps["known_by"].items()) or "–"),
    ]
    open_slices = [one for one in values["harvest"]["slices"] if not one["complete"]]
    lines += [f"harvest     {len(values['harvest']['slices']):>8,}   slices, {len(open_slices):,} of them not complete"]
    lines += [f"no text     {n:>8,}   {reason}" for reason, n in steps["without_text"].items()]
    lines += [f"skipped     {skip['path']}: {skip['reason']}" for skip in skipped[:20]]
    lines += [f"… and {len(skipped) - 20:,} more: survey status --json"] if len(skipped) > 20 else []
    answer("status", values, [line.rstrip() for line in lines], as_json)
    return ExitCode.OK


def _tell_harvest(ledger: Any, result: Any, as_json: bool) -> int:
    from survey.harvest import as_data

    values = {
        "listed": result.listed, "requests": result.requests, "refused": result.refused,
        "complete": not result.waiting, "slices": as_data(ledger.slices()),
    }  # fmt: skip
    lines = [f"{result.listed:,} papers listed after {result.requests:,} requests"]
    lines += [f"{result.refused:,} lines are no record of a paper"] if result.refused else []
    lines += [
        f"open: {one.since} to {one.until} {one.query}: {one.got:,} of {one.expected or '?'}; {one.note or 'waits'}"
        for one in result.waiting
    ]
    lines.append("run the same command again to go on" if result.waiting else "complete; next: survey status")
    answer("harvest", values, lines, as_json)
    return ExitCode.PARTIAL if result.waiting else ExitCode.OK


def _parse_day(flag: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise SurveyError(f"{flag} '{text}' is no day; expected YYYY-MM-DD", f"{flag} 2023-01-01") from None


@contextmanager
def _own_store(data: Path | None) -> Iterator[Any]:
    from survey.ledger import Ledger
    from survey.store import Store

    folder = data_folder(data)
    listed = Ledger.exists(folder)
    if not Store.exists(folder) and not listed:
        raise SurveyError(f"no papers in {folder}", "survey ingest PATH…", ExitCode.NOTHING_MATCHED)
    with Store(folder) as store:
        if next(store.sources(), None) is None and not store.skipped() and not listed:
            raise SurveyError(f"no papers in {folder}", "survey ingest PATH…", ExitCode.NOTHING_MATCHED)
        yield store


def _choice(flag: str, value: str, kind: type[Choice], more: str) -> Choice:
    try:
        return kind(value)
    except ValueError:
        raise SurveyError(f"{flag} '{value}' is unknown; expected {', '.join(kind)} {more}", "survey --help") from None


def _within(threshold: int | None) -> int:
    if threshold is None:
        return DEFAULT_THRESHOLD
    if not 1 <= threshold <= HIGHEST_THRESHOLD:
        raise SurveyError(f"--threshold {threshold}; expected 1 to {HIGHEST_THRESHOLD}", "survey report --threshold 5")
    return threshold


def _sweep(text: str) -> list[int]:
    first, dots, last = text.partition("..")
    if not (dots and first.isdigit() and last.isdigit() and 1 <= int(first) <= int(last) <= HIGHEST_THRESHOLD):
        raise SurveyError(
            f"--sweep '{text}'; expected A..B with 1 ≤ A ≤ B ≤ {HIGHEST_THRESHOLD}", "survey report --sweep 1..6"
        )
    return list(range(int(first), int(last) + 1))


def _day(paper: dict[str, Any]) -> str:
    """The date of version 1 as far as it is known: a day, or the month that the id names."""
    published = paper["published"] or "unknown"
    return published[:7] if paper["published_is"] == "month" else published


def _write(content: str | bytes, out: Path | None) -> None:
    if out is None:
        put(str(content).removesuffix("\n"))
        return
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_bytes(content if isinstance(content, bytes) else content.removesuffix("\n").encode() + b"\n")
    except OSError as error:
        raise SurveyError(f"cannot write {out}: {error.strerror}", "choose another file with --out") from error
    say(f"wrote {out}")


if __name__ == "__main__":
    main()
