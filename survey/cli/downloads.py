"""The command that fetches what papers say: survey download, of what is listed or of a list of one's own."""

from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from posttrain.commands import Call, command
from posttrain.console import note, progress
from posttrain.errors import ExitCode, NothingMatchedError
from survey.cli.app import DryRun, app, choice, first_lines, reasons

if TYPE_CHECKING:  # these load PyArrow, which `survey --help` does without
    from survey.arxiv.ledger import Ledger
    from survey.download import Downloaded, Selection
    from survey.writing.lists import PaperList


@command(app, "download")
def download_command(
    call: Call,
    surface: Annotated[str, typer.Option(help="What to ask for, in this order.")] = "source,html,pdf",
    category: Annotated[list[str] | None, typer.Option(help="Pre-filter: only of these categories.")] = None,
    word: Annotated[
        list[str] | None, typer.Option(help="Pre-filter: only where title or abstract has a word that begins so.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many papers, a random sample.")] = None,
    ids: Annotated[
        Path | None, typer.Option("--ids", metavar="FILE", help="Only the papers of a .txt, .bib, .ris or .csv file.")
    ] = None,
    dry_run: DryRun = False,
) -> int:
    """Fetch the content of listed papers that the store has no text of, or of the papers in a list of one's own.

    One request every three seconds, so a thousand papers take most of an hour. An interrupted download is resumed. A
    pre-filter narrows the download; its loss of papers is measured on those counted without one.

    Papers of a list are listed first, by the query API, where no harvest has done so.

    Example: survey download --ids references.bib

    Example: survey download --category cs.CL --word "language model" --word LLM --dry-run
    """
    from posttrain.settings import arxiv_settings, user_state
    from survey.arxiv.ledger import Ledger
    from survey.arxiv.prefilter import Prefilter
    from survey.download import Surface, download, select
    from survey.store.papers import Store
    from survey.writing.lists import read_list

    settings = arxiv_settings()
    surfaces = [choice("--surface", name, Surface, "separated by commas") for name in surface.split(",")]
    prefilter = Prefilter(tuple(category or ()), tuple(filter(None, map(str.strip, word or ()))))
    asked = _Asked(ids, read_list(ids)) if ids else None
    if not asked and not Ledger.exists(call.data):
        raise NothingMatchedError(f"no paper is listed in {call.data}", "survey harvest, or survey download --ids FILE")
    with Ledger(call.data) as ledger, Store(call.data) as store:
        if asked:
            asked.find(ledger, dry_run)
        selection = select(ledger, store, prefilter, limit, asked.papers if asked else None)
        if not (asked and dry_run):
            _announce(selection, prefilter.keeps_all or bool(asked), ledger.count(), settings.delay_seconds)
        if dry_run:
            return _emit_selection(call, selection, asked)
        if asked or not prefilter.keeps_all:
            ledger.add_prefiltered(paper.arxiv_id for paper in selection.papers)
        with progress("asking") as advance:
            result = download(selection.papers, surfaces, ledger, store, settings, user_state(), advance)
    return _emit_download(call, selection, result, asked)


@dataclass
class _Asked:
    """A list of papers to download: what the file holds, and which of its papers are listed or known to be absent."""

    path: Path
    content: "PaperList"
    unlisted: list[str] = field(default_factory=list)  # in a dry run: that would be listed first
    absent: list[str] = field(default_factory=list)  # of which arXiv has no paper

    @property
    def papers(self) -> list[str]:
        """The arXiv ids of the list."""
        return self.content.papers

    def find(self, ledger: "Ledger", dry_run: bool) -> None:
        """List the papers that no harvest has listed; in a dry run only say how many."""
        from posttrain.settings import arxiv_settings, user_state
        from survey.download import list_missing

        if dry_run:
            known = ledger.known(self.papers)
            self.unlisted = [paper for paper in self.papers if paper not in known]
            return
        with progress("listing") as advance:
            self.absent = list_missing(self.papers, ledger, arxiv_settings(), user_state(), advance)

    def as_data(self) -> dict[str, Any]:
        """Return the list as plain data."""
        content = self.content
        return {
            "file": str(self.path), "papers": len(content.papers), "repeated": content.repeated,
            "unknown": reasons("place", content.unknown), "not_on_arxiv": self.absent,
        }  # fmt: skip

    def lines(self) -> list[str]:
        """Return the list as lines for a person: how many papers, and every line that is none."""
        content = self.content
        more = f", {content.repeated:,} of them twice" if content.repeated else ""
        more += f"; {content.versions:,} name a version, and the newest is fetched" if content.versions else ""
        lines = [f"{self.path}: {len(content.papers):,} papers{more}; {content.without}"]
        lines += first_lines([f"no arXiv id in {where}: {what[:120]}" for where, what in content.unknown])
        lines += [f"would list {len(self.unlisted):,} papers by their ids first"] if self.unlisted else []
        return lines + [f"arXiv has no paper {paper}" for paper in self.absent]


def _announce(selection: "Selection", keeps_all: bool, listed: int, pace: float) -> None:
    """Say before a download how long it takes, and how many papers a filter loses."""
    from survey.trends.recall import recall_sentence

    if not keeps_all:
        note(recall_sentence(selection.kept, selection.waiting, selection.recall))
    papers = len(selection.papers)
    note(
        f"{papers:,} papers to ask for: at least {papers:,} requests, {papers * pace / 3600:,.1f} h "
        f"at one per {pace:g} s; of {listed:,} listed papers {selection.waiting:,} have no text yet"
    )


def _selected(selection: "Selection", asked: _Asked | None) -> dict[str, Any]:
    recall = asdict(selection.recall) if selection.recall else None
    listed = {"ids": asked.as_data()} if asked else {}
    return {"prefilter": {"recall": recall}, "papers": len(selection.papers)} | listed


def _emit_selection(call: Call, selection: "Selection", asked: _Asked | None) -> int:
    lines = [f"would ask for {paper.arxiv_id}: {paper.title}" for paper in selection.papers]
    lines += [f"would ask for {paper}" for paper in asked.unlisted] if asked else []
    values = _selected(selection, asked)
    if asked:
        values["papers"] += len(asked.unlisted)
    call.emit(values, (asked.lines() if asked else []) + (first_lines(lines) or ["nothing to ask for"]))
    return ExitCode.OK


def _emit_download(call: Call, selection: "Selection", result: "Downloaded", asked: _Asked | None) -> int:
    absent, failed = reasons("arxiv_id", result.absent), reasons("arxiv_id", result.failed)
    lines = asked.lines() if asked else []
    lines += [
        f"{result.downloaded:,} downloaded with {result.requests:,} requests, {len(absent):,} not on arXiv, "
        f"{len(failed):,} failed"
    ]
    lines += first_lines([f"failed {paper}: {reason}" for paper, reason in result.failed])
    lines.append("run the same command again for the failed papers" if failed else "next: survey extract")
    outcome = {"downloaded": result.downloaded, "requests": result.requests, "absent": absent, "failed": failed}
    call.emit(_selected(selection, asked) | outcome, lines)
    return ExitCode.PARTIAL if failed else ExitCode.OK
