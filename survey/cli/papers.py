"""Commands that bring papers in: harvest, ingest, extract, label."""

from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posttrain.commands import Call, command
from posttrain.console import note, progress
from posttrain.errors import ConfigurationError, ExitCode, NothingMatchedError
from survey.cli.app import DryRun, StudyName, app, first_lines, own_store, reasons, study_of
from survey.mentions.lexicon import LexiconName
from survey.surface import Surface

if TYPE_CHECKING:  # these load DuckDB and PyArrow, which `survey --help` does without
    from survey.arxiv.ledger import Ledger
    from survey.harvest import Harvested
    from survey.mentions.lexicon import Lexicon


@command(app, "harvest")
def harvest_command(
    call: Call,
    source: Annotated[str, typer.Option(help="api, oai, or snapshot:FILE.")],
    since: Annotated[str, typer.Option("--from", metavar="DAY", help="First day of version 1, such as 2023-01-01.")],
    until: Annotated[str, typer.Option(metavar="DAY", help="Last day of version 1, inclusive.")],
    category: Annotated[
        list[str] | None, typer.Option(help="cs.CL, cs.LG, …; may be repeated. All by default.")
    ] = None,
    dry_run: DryRun = False,
) -> int:
    """List which papers exist, slice by slice, with a ledger that proves that none is missing.

    Only slices that are not complete are asked for; an interrupted harvest is resumed.

    Example: survey harvest --source api --from 2023-01-01 --until 2025-06-30 --category cs.CL --category cs.LG
    """
    from posttrain.settings import arxiv_settings, user_state
    from survey import harvest as harvests
    from survey.arxiv.ledger import Ledger

    window = harvests.Window(_parse_day("--from", since), _parse_day("--until", until), tuple(category or ()))
    origin = harvests.origin_of(source)
    with Ledger(call.data, is_trial=dry_run) as ledger:
        if isinstance(origin, Path) and dry_run:
            call.emit({"requests": 0, "slices": []}, [f"would read {origin}, and ask arXiv for nothing"])
            return ExitCode.OK
        if isinstance(origin, Path):
            return _emit_harvest(call, ledger, harvests.harvest_snapshot(ledger, origin, window))
        settings, slices = arxiv_settings(), harvests.plan(ledger, origin, window)
        requests, pace = harvests.estimate(slices, origin), settings.delay_seconds
        note(
            f"{len(slices):,} slices to ask for: about {requests:,} requests, {requests * pace / 60:,.0f} min at one "
            f"per {pace:g} s; {ledger.count():,} papers are listed already"
        )
        if dry_run:
            lines = [f"would ask {origin} for {span.since} to {span.until} {span.query}".rstrip() for span in slices]
            values = {"requests": requests, "slices": harvests.as_data(slices)}
            call.emit(values, lines or ["nothing to ask for: every slice is complete"])
            return ExitCode.OK
        with progress("asking") as advance:
            result = harvests.harvest(ledger, origin, window, settings, user_state(), advance)
        return _emit_harvest(call, ledger, result)


def _parse_day(flag: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(f"{flag} '{text}' is not a day; expected YYYY-MM-DD", f"{flag} 2023-01-01") from None


def _emit_harvest(call: Call, ledger: "Ledger", result: "Harvested") -> int:
    from survey.harvest import as_data

    values = {
        "listed": result.listed, "requests": result.requests, "refused": result.refused,
        "complete": not result.waiting, "slices": as_data(ledger.slices()),
    }  # fmt: skip
    lines = [f"{result.listed:,} papers listed after {result.requests:,} requests"]
    lines += [f"{result.refused:,} lines are not the record of a paper"] if result.refused else []
    lines += [
        f"open: {span.since} to {span.until} {span.query}: {span.got:,} of {span.expected or '?'}; "
        f"{span.note or 'waits'}"
        for span in result.waiting
    ]
    lines.append("run the same command again to resume" if result.waiting else "complete; next: survey status")
    call.emit(values, lines)
    return ExitCode.PARTIAL if result.waiting else ExitCode.OK


@command(app, "ingest")
def ingest_command(
    call: Call, paths: Annotated[list[Path], typer.Argument(metavar="PATH…", help="Files or folders of papers.")]
) -> int:
    """Bring local papers into the store.

    .md .mmd .txt .pdf .html .tex .zip .gz .tar.gz .json .xml .jsonl(.gz) .parquet, or folders of them. A folder that
    holds .tex files is one paper. Running it again changes nothing. A list of papers (ids, .bib, .ris, .csv) is for
    survey download --ids.

    Example: survey ingest papers/ more.parquet
    """
    from survey.ingest import existing, ingest
    from survey.store.papers import Store

    existing(paths)
    announced = False
    with Store(call.data) as store, progress("identifying") as draw:

        def advance(done: int, of: int) -> None:
            nonlocal announced
            if not announced:
                announced = True
                note(f"{of // 2:,} files to look at, about {of / 200 + 1:,.0f} s")
            draw(done, of)

        result = ingest(paths, store, advance)
    skipped = reasons("path", result.skipped)
    lines = [f"{result.ingested:,} ingested, {result.unchanged:,} unchanged, {len(skipped):,} skipped"]
    lines += [f"{result.listed:,} papers listed with their abstracts"] if result.listed else []
    lines += [f"skipped {path}: {reason}" for path, reason in result.skipped]
    lines += [f"known by its file's name alone, which dates inside agree with: {paper}" for paper in result.by_name]
    only_abstracts = result.listed and not (result.ingested or result.unchanged)
    lines.append("next: " + ("survey label --surface abstract" if only_abstracts else "survey extract"))
    call.emit(asdict(result) | {"skipped": skipped}, lines)
    came = result.ingested or result.unchanged or result.listed
    return ExitCode.PARTIAL if skipped and not came else ExitCode.OK


@command(app, "extract")
def extract_command(
    call: Call,
    workers: Annotated[int | None, typer.Option(min=1, help="Worker processes (default: one per core).")] = None,
) -> int:
    """Read the text of every paper in the store that has none yet.

    Example: survey extract --workers 2
    """
    from survey.extract import estimate, extract
    from survey.store.chosen import unread
    from survey.store.isolation import default_workers

    with own_store(call.data) as store:
        at_once = workers or default_workers()
        waiting = unread(store)
        note(f"{len(waiting):,} papers to read, about {estimate(waiting, at_once):,.0f} s with {at_once} workers")
        with progress("reading") as advance:
            result = extract(store, at_once, advance)
    failed = reasons("arxiv_id", result.failed)
    lines = [f"{result.extracted:,} extracted, {result.unchanged:,} unchanged, {len(failed):,} without text"]
    lines += first_lines([f"no text for {paper}: {reason}" for paper, reason in result.failed], "survey status")
    call.emit(asdict(result) | {"failed": failed}, [*lines, "next: survey label"])
    return ExitCode.PARTIAL if failed and not (result.extracted or result.unchanged) else ExitCode.OK


@command(app, "label")
def label_command(
    call: Call,
    lexicon: Annotated[
        LexiconName, typer.Option(help="Every alias with its rules, or the 26 keys as printed.")
    ] = LexiconName.ALIASES,
    study: StudyName = None,
    export: Annotated[Path | None, typer.Option(help="Also write the counts (no text) as Parquet, to share.")] = None,
    surface: Annotated[
        Surface, typer.Option(help="Extracted texts, or the abstracts of listed papers.")
    ] = Surface.TEXT,
    first_characters: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Of each abstract, where some are cut."),
    ] = None,
) -> int:
    """Label every extracted paper: mentions with places and aliases, method, data sources, citations.

    With --surface abstract, count the mentions in title and abstract of every listed paper; texts stay apart.

    Example: survey label --surface abstract --first-characters 1000
    """
    from posttrain.settings import warehouse_path
    from survey.label import label
    from survey.mentions.lexicon import load_lexicon
    from survey.store.chosen import papers_with_text
    from survey.studies.load import load_study
    from survey.warehouse.database import Warehouse

    counted = study_of(study) or load_study()
    if surface is Surface.ABSTRACT:
        return _label_abstracts(call, load_lexicon(lexicon, counted), first_characters, export)
    if first_characters:
        hint = f"survey label --surface abstract --first-characters {first_characters}"
        raise ConfigurationError("--first-characters is of abstracts; texts are read whole", hint)
    with own_store(call.data) as store, progress("counting") as advance:
        papers = len(papers_with_text(store))
        note(f"{papers:,} papers to read, about {papers / 40 + 10:,.0f} s")
        result = label(store, load_lexicon(lexicon, counted), advance)
    lines = [f"{result.papers:,} papers labelled: {result.mentions:,} mentions counted, {result.refused:,} refused"]
    flag = f" --study {study}" if study else ""
    if export:
        with Warehouse.open(warehouse_path(call.data, counted.warehouse)) as warehouse:
            rows = warehouse.export(export)
        lines.append(f"{rows:,} rows of counts in {export}; papers without an arXiv id are left out")
    call.emit(asdict(result) | {"lexicon": lexicon, "study": counted.name}, [*lines, f"next: survey report{flag}"])
    return ExitCode.OK


def _label_abstracts(call: Call, lexicon: "Lexicon", first_characters: int | None, export: Path | None) -> int:
    from posttrain.settings import warehouse_path
    from survey.arxiv.ledger import Ledger
    from survey.label import label_abstracts
    from survey.warehouse.database import Warehouse
    from survey.warehouse.population import every_listed

    if not Ledger.exists(call.data):
        hint = "survey ingest ABSTRACTS.parquet, or survey harvest"
        raise NothingMatchedError(f"no paper is listed in {call.data}", hint)
    study = lexicon.study
    path = warehouse_path(call.data, study.warehouse, Surface.ABSTRACT)
    with Ledger(call.data) as ledger, progress("counting") as advance:
        listed = ledger.count()
        note(f"{listed:,} abstracts to read, about {listed / 20_000 + 2:,.0f} s")
        result = label_abstracts(ledger, lexicon, path, every_listed(first_characters), advance)
    lines = [f"{result.papers:,} abstracts counted: {result.mentions:,} mentions counted, {result.refused:,} refused"]
    if export:
        with Warehouse.open(path) as warehouse:
            rows = warehouse.export(export)
        lines.append(f"{rows:,} rows of counts in {export}; papers without an arXiv id are left out")
    values = asdict(result) | {"lexicon": lexicon.name, "study": study.name, "surface": Surface.ABSTRACT}
    flag = "" if study.is_survey else f" --study {study.source}"
    call.emit(values, [*lines, f"next: survey report --surface abstract{flag}"])
    return ExitCode.OK
