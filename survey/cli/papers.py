"""Commands that bring papers in: harvest, download, ingest, extract, label, and the status of the flow."""

from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated, Any

import typer

from posttrain.console import emit, note, progress
from posttrain.errors import ConfigurationError, ExitCode, NothingMatchedError
from posttrain.settings import data_folder
from survey.cli.app import Data, Debug, Json, app, choice, own_store
from survey.mentions.lexicon import LexiconName


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
    from posttrain.settings import arxiv_settings, user_state
    from survey import harvest as harvests
    from survey.arxiv.ledger import Ledger

    window = harvests.Window(_parse_day("--from", since), _parse_day("--until", until), tuple(category or ()))
    if window.since > window.until:
        raise ConfigurationError(f"--from {since} is behind --until {until}", "give the earlier day first")
    kind, _, file = source.partition(":")
    with Ledger(data_folder(data)) as ledger:
        if kind == "snapshot" and file:
            result = harvests.harvest_snapshot(ledger, Path(file), window)
            return _tell_harvest(ledger, result, as_json)
        if kind not in tuple(harvests.Source) or file:
            raise ConfigurationError(
                f"--source '{source}' is unknown; expected api, oai or snapshot:FILE", "survey harvest --help"
            )
        settings = arxiv_settings()
        origin = harvests.Source(kind)
        waiting = harvests.plan(ledger, origin, window)
        requests = harvests.estimate(waiting, origin)
        minutes = requests * settings.delay_seconds / 60
        note(
            f"{len(waiting):,} slices to ask for: about {requests:,} requests, {minutes:,.0f} min at one per "
            f"{settings.delay_seconds:g} s; {ledger.count():,} papers are listed already"
        )
        if dry_run:
            values = {"requests": requests, "slices": harvests.as_data(waiting)}
            lines = [f"would ask {origin} for {one.since} to {one.until} {one.query}".rstrip() for one in waiting]
            emit("harvest", values, lines or ["nothing to ask for: every slice is complete"], as_json)
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
    category: Annotated[list[str] | None, typer.Option(help="Pre-filter: only of these categories.")] = None,
    word: Annotated[
        list[str] | None, typer.Option(help="Pre-filter: only where title or abstract has a word that begins so.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many papers, a random sample.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be asked for, and stop.")] = False,
    data: Data = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Fetch the content of listed papers that the store has no text of.

    One request every three seconds, so a thousand papers take the better part of an hour. An interrupted download goes
    on where it was. A pre-filter narrows it; how many papers that loses is measured on those counted without one.

    Example: survey download --category cs.CL --word "language model" --word LLM --dry-run
    """
    from posttrain.settings import arxiv_settings, user_state
    from survey.arxiv.ledger import Ledger
    from survey.arxiv.prefilter import Prefilter
    from survey.download import Surface, download, wanted
    from survey.store.papers import Store
    from survey.trends.recall import recall_sentence

    folder, settings = data_folder(data), arxiv_settings()
    surfaces = [choice("--surface", name, Surface, "separated by commas") for name in surface.split(",")]
    if not Ledger.exists(folder):
        raise NothingMatchedError(f"no paper is listed in {folder}", "survey harvest")
    prefilter = Prefilter(tuple(category or ()), tuple(filter(None, map(str.strip, word or ()))))
    with Ledger(folder) as ledger, Store(folder) as store:
        waiting = wanted(ledger, store)
        kept = [paper for paper in waiting if prefilter.keeps(paper)]
        papers = kept[:limit]
        recall = None
        if prefilter != Prefilter():
            recall = _recall(prefilter, ledger, folder)
            note(recall_sentence(len(kept), len(waiting), recall))
        pace = settings.delay_seconds
        note(
            f"{len(papers):,} papers to ask for: at least {len(papers):,} requests, {len(papers) * pace / 3600:,.1f} h "
            f"at one per {pace:g} s; of {ledger.count():,} listed papers {len(waiting):,} have no text yet"
        )
        values: dict[str, Any] = {"prefilter": {"recall": asdict(recall) if recall else None}, "papers": len(papers)}
        if dry_run:
            lines = [f"would ask for {paper.arxiv_id}: {paper.title}" for paper in papers[:20]]
            lines += [f"… and {len(papers) - 20:,} more"] if len(papers) > 20 else []
            emit("download", values, lines or ["nothing to ask for"], as_json)
            return ExitCode.OK
        if prefilter != Prefilter():
            ledger.add_prefiltered(paper.arxiv_id for paper in papers)
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
    values |= {"downloaded": result.downloaded, "requests": result.requests, "absent": absent, "failed": failed}
    emit("download", values, lines, as_json)
    return ExitCode.PARTIAL if failed else ExitCode.OK


def _recall(prefilter: Any, ledger: Any, folder: Path) -> Any:
    from posttrain.settings import warehouse_path
    from survey.trends.recall import measure_recall
    from survey.warehouse.database import Warehouse

    if not warehouse_path(folder).exists():
        return None
    with Warehouse.open(warehouse_path(folder)) as warehouse:
        return measure_recall(prefilter, ledger, warehouse)


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
    from survey.store.papers import Store

    existing(paths)
    with Store(data_folder(data)) as store, progress("identifying") as draw:
        told = False

        def advance(done: int, of: int) -> None:
            nonlocal told
            if not told:
                told = True
                note(f"{of // 2:,} files to look at, about {of / 200 + 1:,.0f} s")
            draw(done, of)

        result = ingest(paths, store, advance)
    skipped = [{"path": path, "reason": reason} for path, reason in result.skipped]
    lines = [f"{result.ingested:,} ingested, {result.unchanged:,} unchanged, {len(skipped):,} skipped"]
    lines += [f"skipped {skip['path']}: {skip['reason']}" for skip in skipped]
    lines += [f"known by its file's name alone, which dates inside agree with: {paper}" for paper in result.by_name]
    lines.append("next: survey extract")
    values = {"ingested": result.ingested, "unchanged": result.unchanged, "skipped": skipped, "by_name": result.by_name}
    emit("ingest", values, lines, as_json)
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
    from survey.extract import estimate, extract
    from survey.store.chosen import unread
    from survey.store.isolation import default_workers

    with own_store(data) as store:
        at_once = workers or default_workers()
        waiting = unread(store)
        note(f"{len(waiting):,} papers to read, about {estimate(waiting, at_once):,.0f} s with {at_once} workers")
        with progress("reading") as advance:
            result = extract(store, at_once, advance)
    failed = [{"arxiv_id": paper, "reason": reason} for paper, reason in result.failed]
    lines = [f"{result.extracted:,} extracted, {result.unchanged:,} unchanged, {len(failed):,} without text"]
    lines += [f"no text for {failure['arxiv_id']}: {failure['reason']}" for failure in failed[:20]]
    lines += [f"… and {len(failed) - 20:,} more: survey status"] if len(failed) > 20 else []
    lines.append("next: survey label")
    values = {"extracted": result.extracted, "unchanged": result.unchanged, "failed": failed}
    emit("extract", values, lines, as_json)
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
    """Label every extracted paper: mentions with places and aliases, method, data sources, citations.

    Example: survey label --lexicon printed
    """
    from posttrain.settings import warehouse_path
    from survey.label import label
    from survey.mentions.lexicon import load_lexicon
    from survey.store.chosen import papers_with_text
    from survey.warehouse.database import Warehouse

    with own_store(data) as store, progress("counting") as advance:
        papers = len(papers_with_text(store))
        note(f"{papers:,} papers to read, about {papers / 40 + 10:,.0f} s")
        result = label(store, load_lexicon(lexicon), advance)
    lines = [f"{result.papers:,} papers labelled: {result.mentions:,} mentions counted, {result.refused:,} refused"]
    if export:
        with Warehouse.open(warehouse_path(data_folder(data))) as warehouse:
            lines.append(
                f"{warehouse.export(export):,} rows of counts in {export}; papers without an arXiv id are not there"
            )
    lines.append("next: survey report")
    emit("label", asdict(result) | {"lexicon": lexicon}, lines, as_json)
    return ExitCode.OK


@app.command("status")
def status_command(data: Data = None, as_json: Json = False, debug: Debug = False) -> int:
    """Show how many papers are at each step, and what was passed over and why.

    Example: survey status --json
    """
    from survey.status import status

    with own_store(data) as store:
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
    emit("status", values, [line.rstrip() for line in lines], as_json)
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
    emit("harvest", values, lines, as_json)
    return ExitCode.PARTIAL if result.waiting else ExitCode.OK


def _parse_day(flag: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigurationError(f"{flag} '{text}' is no day; expected YYYY-MM-DD", f"{flag} 2023-01-01") from None
