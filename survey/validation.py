"""Validation: what the routes to a method and to a data source are worth, on papers of several readers.

    data/reference/validation.csv   of the bundled labels
    DATA/validation.csv             with the user's own, once they are learned from

Where the readers disagree, no answer counts as right.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from survey.errors import SurveyError
from survey.labels import TRAINS, DataSource, Method
from survey.reference import reference_path

METHODS = (*map(str, TRAINS), str(Method.NONE))  # the classes that are told apart
SOURCES = tuple(map(str, DataSource))
COLUMNS = (
    "arxiv_id", "method", "method_by_cues", "method_by_classifier", "method_together", "source", "source_by_cues",
    "source_together",
)  # fmt: skip


@dataclass(frozen=True)
class Checked:
    """A paper of several readers, and what was made of it unseen; empty where they disagree or none is named."""

    arxiv_id: str
    method: str
    method_by_cues: str
    method_by_classifier: str
    method_together: str
    source: str
    source_by_cues: str
    source_together: str


def write_validation(checked: Sequence[Checked], path: Path) -> None:
    """Write what `cross_validate` returned."""
    unfinished = path.with_name(f".{path.name}")
    with unfinished.open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([[getattr(one, column) for column in COLUMNS] for one in checked])
    unfinished.replace(path)


def read_validation(data: Path | None = None) -> list[Checked]:
    """Return the validation of the user's labels where there is one under `data`, else the bundled one."""
    own = data / "validation.csv" if data else None
    path = own if own and own.exists() else reference_path("validation.csv")
    try:
        with path.open(newline="") as stream:
            return [Checked(**row) for row in csv.DictReader(stream)]
    except (OSError, TypeError, UnicodeDecodeError) as error:
        raise SurveyError(f"{path} is no validation: {error}", "make it anew: survey annotate train") from error


def method_pairs(checked: Sequence[Checked], route: str = "together") -> tuple[list[str], list[str]]:
    """Return the readers' methods and those of a route, of the papers on which the readers agree."""
    settled = [one for one in checked if one.method]
    return [one.method for one in settled], [getattr(one, f"method_{route}") for one in settled]


def source_pairs(checked: Sequence[Checked], route: str = "together") -> tuple[list[str], list[str]]:
    """Return the readers' primary sources and those of a route, of the papers that train by every reader.

    Where the readers disagree on the source the first is empty, so that no answer is right.
    """
    training = [one for one in checked if one.source != "-"]
    return [one.source for one in training], [getattr(one, f"source_{route}") for one in training]
