"""Commands for readers' labels: survey annotate next, import, export, agree, train."""

from collections import Counter
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from posttrain.commands import Call, command
from posttrain.console import note, progress
from posttrain.errors import ConfigurationError, ExitCode, NothingMatchedError
from survey.cli.app import app, own_store

if TYPE_CHECKING:
    from survey.annotate import Candidate, Pair

annotate = typer.Typer(help="Readers' labels of method and data source: see, add, compare and learn from them.")
app.add_typer(annotate, name="annotate")

_MOST_PAPERS = 12  # that two readers label differently and a line names
Labeller = Annotated[str, typer.Option(help="Who reads.")]


@command(annotate, "next", envelope="annotate")
def next_command(
    call: Call,
    paper: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="The paper that --method is the label of.")
    ] = None,
    labeller: Labeller = "me",
    method: Annotated[str | None, typer.Option(help="Store this label of the paper, and show the next papers.")] = None,
    sources: Annotated[str, typer.Option(help="Its data sources, the primary one first: benchmark|api.")] = "",
    second: Annotated[bool, typer.Option("--second", help="Only papers that one other has read.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many papers to show.")] = 10,
) -> int:
    """Show the papers to label next: in dispute first, then those with the least certain labels.

    Example: survey annotate next 2402.03300 --labeller ana --method sft --sources "api|human"
    """
    from posttrain.settings import warehouse_path
    from survey.annotate import all_labels, candidates
    from survey.labels.readings import add_labels, reading_of
    from survey.warehouse.database import Warehouse

    if (paper is None) != (method is None):
        raise ConfigurationError("a paper and its --method go together", "survey annotate next ID --method sft")
    if not warehouse_path(call.data).exists():
        raise NothingMatchedError(f"{call.data} holds no labels of the machine yet", "survey label")
    lines = []
    if paper is not None and method is not None:
        new = reading_of(paper, method, sources, labeller, date.today().isoformat())
        add_labels(call.data, [new])
        lines.append(f"stored: {new.arxiv_id} {new.method} {'|'.join(new.sources)}".rstrip())
    with Warehouse.open(warehouse_path(call.data)) as warehouse:
        papers = candidates(warehouse, all_labels(call.data), labeller, second)[:limit]
    call.emit({"next": [asdict(candidate) for candidate in papers]}, lines + _next_lines(papers, labeller))
    return ExitCode.OK


def _next_lines(papers: "list[Candidate]", labeller: str) -> list[str]:
    if not papers:
        return [f"nothing is left for {labeller}; survey annotate agree"]
    lines = [
        f"{paper.arxiv_id:<18} cues {paper.by_cues:<10} classifier {paper.by_classifier:<10} "
        f"p {paper.probability:.2f}  {paper.reason:<22} {paper.title[:60]}"
        for paper in papers
    ]
    first = papers[0].arxiv_id
    then = f"survey annotate next {first} --labeller {labeller} --method …"
    return [*lines, f"read it (survey explain {first}), then: {then}"]


@command(annotate, "import", envelope="annotate")
def import_command(
    call: Call, file: Annotated[Path, typer.Argument(help="A CSV file: arxiv_id,method,sources,labeller,date.")]
) -> int:
    """Take in labels; those of the same reader and paper take the place of earlier ones.

    Example: survey annotate import labels.csv
    """
    from survey.labels.readings import add_labels, read_labels

    new = read_labels(file)
    kept = add_labels(call.data, new)
    lines = [f"{len(new):,} labels read, {len(kept):,} of your own in all", "next: survey annotate agree"]
    call.emit({"imported": len(new), "own": len(kept)}, lines)
    return ExitCode.OK


@command(annotate, "export", envelope="annotate")
def export_command(
    call: Call,
    file: Annotated[Path, typer.Argument(help="The CSV file to write.")],
    bundled: Annotated[bool, typer.Option("--bundled", help="Those that come with posttrain too.")] = False,
) -> int:
    """Write your own labels, or all, as CSV.

    Example: survey annotate export labels.csv
    """
    from survey.annotate import all_labels
    from survey.labels.readings import own_labels, write_labels

    readings = all_labels(call.data) if bundled else own_labels(call.data)
    write_labels(readings, file)
    call.emit({"exported": len(readings)}, [f"{len(readings):,} labels in {file}"])
    return ExitCode.OK


@command(annotate, "agree", envelope="annotate")
def agree_command(call: Call) -> int:
    """Compare every two readers of the same papers: Cohen's kappa with its interval, and the papers they disagree on.

    Example: survey annotate agree
    """
    from survey.annotate import all_labels, compare_readers

    pairs = compare_readers(all_labels(call.data))
    lines = ["bundled readers (reader …, gold …) are language models, not people", *map(_pair_line, pairs)]
    call.emit({"pairs": [asdict(pair) for pair in pairs]}, lines)
    return ExitCode.OK


def _pair_line(pair: "Pair") -> str:
    kappa = "undefined" if pair.kappa is None else f"{pair.kappa:.2f} ({pair.low:.2f} to {pair.high:.2f})"
    line = f"{pair.first} and {pair.second}, {pair.axis}: kappa {kappa}, {pair.alike} of {pair.n} alike"
    if pair.differ:
        line += f"; for a third look: {', '.join(pair.differ[:_MOST_PAPERS])}"
    more = len(pair.differ) - _MOST_PAPERS
    return f"{line} and {more} more" if more > 0 else line


@command(annotate, "train", envelope="annotate")
def train_command(call: Call, out: Annotated[Path | None, typer.Option(hidden=True)] = None) -> int:
    """Learn from all labels whose papers are extracted, and measure on those that several readers have read.

    The same labels give the same result. `survey label` uses it from then on.

    Example: survey annotate train
    """
    from survey.annotate import all_labels, train
    from survey.labels.validation import ROUTES, method_pairs

    note("about a minute: ten folds, each with a classifier of its own")
    with own_store(call.data) as store, progress("folds") as advance:
        checked = train(store, out or call.data, all_labels(call.data), advance)
    right = {route: sum(map(str.__eq__, *method_pairs(checked, route))) for route in ROUTES}
    methods = Counter(paper.method for paper in checked)
    papers = ", ".join(f"{n} {method}" for method, n in methods.items())
    lines = [f"{len(checked):,} papers of several readers: {papers}"]
    lines += [f"method {route.replace('_', ' ')}: {n} right" for route, n in right.items()]
    call.emit(
        {"checked": len(checked), "right": right}, [*lines, "next: survey label, then survey report --axis method"]
    )
    return ExitCode.OK
