"""Commands for readers' labels: survey annotate next, import, export, agree, train."""

from collections import Counter
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from posttrain.console import emit, note, progress
from posttrain.errors import ConfigurationError, ExitCode, NothingMatchedError
from posttrain.settings import data_folder
from survey.cli.app import Data, Debug, Json, app, own_store

annotate = typer.Typer(help="Readers' labels of method and data source: see, add, compare and learn from them.")
app.add_typer(annotate, name="annotate")

Labeller = Annotated[str, typer.Option(help="Who reads.")]


@annotate.command("next")
def next_command(
    paper: Annotated[
        str | None, typer.Argument(metavar="[ID]", help="The paper that --method is the label of.")
    ] = None,
    labeller: Labeller = "me",
    method: Annotated[str | None, typer.Option(help="Store this label of the paper, and show what is next.")] = None,
    sources: Annotated[str, typer.Option(help="Its data sources, the primary one first: benchmark|api.")] = "",
    second: Annotated[bool, typer.Option("--second", help="Only papers that one other has read.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many papers to show.")] = 10,
    data: Data = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Show the papers most worth labelling: in dispute first, then those of which the labels are least sure.

    Example: survey annotate next 2402.03300 --labeller ana --method sft --sources "api|human"
    """
    from posttrain.settings import warehouse_path
    from survey.annotate import all_labels, worth_labelling
    from survey.labels.readings import add_labels, reading_of
    from survey.warehouse.database import Warehouse

    folder = data_folder(data)
    if (paper is None) != (method is None):
        raise ConfigurationError("a paper and its --method go together", "survey annotate next ID --method sft")
    if not warehouse_path(folder).exists():
        raise NothingMatchedError(f"{folder} holds no labels of the machine yet", "survey label")
    lines = []
    if paper is not None and method is not None:
        new = reading_of(paper, method, sources, labeller, date.today().isoformat())
        add_labels(folder, [new])
        lines.append(f"stored: {new.arxiv_id} {new.method} {'|'.join(new.sources)}".rstrip())
    with Warehouse.open(warehouse_path(folder)) as warehouse:
        found = worth_labelling(warehouse, all_labels(folder), labeller, second)
    lines += [
        f"{one.arxiv_id:<18} cues {one.by_cues:<10} classifier {one.by_classifier:<10} p {one.probability:.2f}  "
        f"{one.reason:<22} {one.title[:60]}"
        for one in found[:limit]
    ]
    if found:
        first = found[0].arxiv_id
        lines.append(
            f"read it (survey explain {first}), then: survey annotate next {first} --labeller {labeller} --method …"
        )
    else:
        lines.append(f"nothing is left for {labeller}; survey annotate agree")
    emit("annotate", {"next": [asdict(one) for one in found[:limit]]}, lines, as_json)
    return ExitCode.OK


@annotate.command("import")
def import_command(
    file: Annotated[Path, typer.Argument(help="A CSV file: arxiv_id,method,sources,labeller,date.")],
    data: Data = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Take in labels; those of the same reader and paper take the place of earlier ones.

    Example: survey annotate import labels.csv
    """
    from survey.labels.readings import add_labels, read_labels

    new = read_labels(file)
    kept = add_labels(data_folder(data), new)
    lines = [f"{len(new):,} labels read, {len(kept):,} of your own in all", "next: survey annotate agree"]
    emit("annotate", {"imported": len(new), "own": len(kept)}, lines, as_json)
    return ExitCode.OK


@annotate.command("export")
def export_command(
    file: Annotated[Path, typer.Argument(help="The CSV file to write.")],
    bundled: Annotated[bool, typer.Option("--bundled", help="Those that come with posttrain too.")] = False,
    data: Data = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Write your own labels, or all, as CSV.

    Example: survey annotate export labels.csv
    """
    from survey.annotate import all_labels
    from survey.labels.readings import own_labels, write_labels

    folder = data_folder(data)
    readings = all_labels(folder) if bundled else own_labels(folder)
    write_labels(readings, file)
    emit("annotate", {"exported": len(readings)}, [f"{len(readings):,} labels in {file}"], as_json)
    return ExitCode.OK


@annotate.command("agree")
def agree_command(data: Data = None, as_json: Json = False, debug: Debug = False) -> int:
    """Compare every two readers of the same papers: Cohen's kappa with its interval, and what they disagree on.

    Example: survey annotate agree
    """
    from survey.annotate import all_labels, compare_readers

    pairs = compare_readers(all_labels(data_folder(data)))
    lines = ["bundled readers (reader …, gold …) are language models, no person"]
    for one in pairs:
        kappa = "undefined" if one.kappa is None else f"{one.kappa:.2f} ({one.low:.2f} to {one.high:.2f})"
        lines.append(
            f"{one.first} and {one.second}, {one.axis}: kappa {kappa}, {one.alike} of {one.n} alike"
            + (f"; for a third look: {', '.join(one.differ[:12])}" if one.differ else "")
            + (f" and {len(one.differ) - 12} more" if len(one.differ) > 12 else "")
        )
    emit("annotate", {"pairs": [asdict(one) for one in pairs]}, lines, as_json)
    return ExitCode.OK


@annotate.command("train")
def train_command(
    out: Annotated[Path | None, typer.Option(hidden=True)] = None,
    data: Data = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Learn from all labels whose papers are extracted, and measure on those that several readers have read.

    The same labels give the same result. `survey label` uses it from then on.

    Example: survey annotate train
    """
    from survey.annotate import all_labels, train
    from survey.labels.validation import method_pairs

    folder = data_folder(data)
    note("about a minute: ten folds, each learned anew")
    with own_store(data) as store, progress("folds") as advance:
        checked = train(store, out or folder, all_labels(folder), advance)
    right = {}
    for route in ("by_cues", "by_classifier", "together"):
        truth, found = method_pairs(checked, route)
        right[route] = sum(t == f for t, f in zip(truth, found, strict=True))
    read = Counter(one.method for one in checked)
    lines = [f"{len(checked):,} papers of several readers: " + ", ".join(f"{n} {label}" for label, n in read.items())]
    lines += [f"method {route.replace('_', ' ')}: {n} right" for route, n in right.items()]
    lines.append("next: survey label, then survey report --axis method")
    emit("annotate", {"checked": len(checked), "right": right}, lines, as_json)
    return ExitCode.OK
