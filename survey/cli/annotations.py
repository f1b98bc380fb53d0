"""Commands for readers' labels: survey annotate next, import, export, agree, train."""

from collections import Counter
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from survey.cli.app import Data, Debug, Json, app, own_store
from survey.errors import ExitCode, SurveyError
from survey.settings import data_folder
from survey.speech import answer, progress, say

annotate = typer.Typer(help="Readers' labels of method and data source: see, add, compare and learn from them.")
app.add_typer(annotate, name="annotate")

Labeller = Annotated[str, typer.Option(help="Who reads.")]


@annotate.command("next")
def next_command(
    labeller: Labeller = "me",
    method: Annotated[str | None, typer.Option(help="Store this label of the first paper, and show the next.")] = None,
    sources: Annotated[str, typer.Option(help="Its data sources, the primary one first: benchmark|api.")] = "",
    limit: Annotated[int, typer.Option(min=1, help="How many papers to show.")] = 10,
    data: Data = None,
    as_json: Json = False,
    debug: Debug = False,
) -> int:
    """Show the papers most worth labelling: in dispute first, then those of which the labels are least sure.

    Example: survey annotate next --labeller ana --method sft --sources api
    """
    from survey.annotate import all_labels, worth_labelling
    from survey.label import warehouse_path
    from survey.warehouse import Warehouse

    folder = data_folder(data)
    if not warehouse_path(folder).exists():
        raise SurveyError(f"{folder} holds no labels of the machine yet", "survey label", ExitCode.NOTHING_MATCHED)
    with Warehouse.open(warehouse_path(folder)) as warehouse:
        found = worth_labelling(warehouse, all_labels(folder), labeller)
        if method is not None and found:
            _store(folder, f"{found[0].arxiv_id},{method},{sources},{labeller},{date.today().isoformat()}")
            found = found[1:]
    if not found:
        raise SurveyError(f"{labeller} has read every paper", "survey annotate agree", ExitCode.NOTHING_MATCHED)
    lines = [
        f"{one.arxiv_id:<18} cues {one.by_cues:<10} classifier {one.by_classifier:<10} p {one.probability:.2f}  "
        f"{one.reason:<22} {one.title[:60]}"
        for one in found[:limit]
    ]
    lines.append(
        f"read it (survey explain {found[0].arxiv_id}), then: survey annotate next --labeller {labeller} --method …"
    )
    answer("annotate", {"next": [asdict(one) for one in found[:limit]]}, lines, as_json)
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
    from survey.labels import labels_path, merge, own_labels, read_labels, write_labels

    folder = data_folder(data)
    new = read_labels(file)
    kept = merge(own_labels(folder), new)
    write_labels(kept, labels_path(folder))
    lines = [f"{len(new):,} labels read, {len(kept):,} of your own in all", "next: survey annotate agree"]
    answer("annotate", {"imported": len(new), "own": len(kept)}, lines, as_json)
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
    from survey.labels import own_labels, write_labels

    folder = data_folder(data)
    readings = all_labels(folder) if bundled else own_labels(folder)
    write_labels(readings, file)
    answer("annotate", {"exported": len(readings)}, [f"{len(readings):,} labels in {file}"], as_json)
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
    answer("annotate", {"pairs": [asdict(one) for one in pairs]}, lines, as_json)
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
    from survey.validation import method_pairs

    folder = data_folder(data)
    say("about a minute: ten folds, each learned anew")
    with own_store(data) as store, progress("folds") as advance:
        checked = train(store, out or folder, all_labels(folder), advance)
    right = {}
    for route in ("by_cues", "by_classifier", "together"):
        truth, found = method_pairs(checked, route)
        right[route] = sum(t == f for t, f in zip(truth, found, strict=True))
    read = Counter(one.method or "in dispute" for one in checked)
    lines = [f"{len(checked):,} papers of several readers: " + ", ".join(f"{n} {label}" for label, n in read.items())]
    lines += [f"method {route.replace('_', ' ')}: {n} right" for route, n in right.items()]
    lines.append("next: survey label, then survey report --axis method")
    answer("annotate", {"checked": len(checked), "right": right}, lines, as_json)
    return ExitCode.OK


def _store(folder: Path, line: str) -> None:
    from survey.labels import COLUMNS, labels_path, merge, own_labels, parse_labels, write_labels

    new = parse_labels([",".join(COLUMNS), line], "the label given")
    write_labels(merge(own_labels(folder), new), labels_path(folder))
