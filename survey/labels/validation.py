"""Validation: how often each route to a method and to a data source is right, on papers of several readers.

    data/reference/validation.csv   of the bundled labels
    DATA/validation.csv             with the user's own, once they are learned from

Where the readers disagree, no answer counts as right.
"""

import csv
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from posttrain.errors import ConfigurationError
from posttrain.files import whole
from posttrain.reference import reference_path
from survey.labels.readings import TRAINS, DataSource, Method

METHODS = (*map(str, TRAINS), str(Method.NONE))  # the classes of the tables
SOURCES = tuple(map(str, DataSource))
ROUTES = ("by_cues", "by_classifier", "together")  # to a method
IN_DISPUTE = "in dispute"  # by its readers, so that no answer is right
NOT_TRAINING = "-"  # by one reader at least, so that the paper has no source to compare


@dataclass(frozen=True)
class Checked:
    """A paper of several readers, with the labels of every route by a classifier that has not seen it."""

    arxiv_id: str
    drawn: str
    method: str
    method_by_cues: str
    method_by_classifier: str
    method_together: str
    source: str
    source_by_cues: str
    source_together: str


def write_validation(checked: Sequence[Checked], path: Path) -> None:
    """Write the papers that `cross_validate` returned. Raises UnwritableError."""
    with whole(path) as unfinished, unfinished.open("w", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([column.name for column in fields(Checked)])
        writer.writerows(map(astuple, checked))


def read_validation(data: Path | None = None) -> list[Checked]:
    """Return the validation of the user's labels where there is one under `data`, else the bundled one."""
    own = data / "validation.csv" if data else None
    path = own if own and own.exists() else reference_path("validation.csv")
    try:
        with path.open(newline="") as stream:
            checked = [Checked(**row) for row in csv.DictReader(stream)]
    except (OSError, TypeError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{path} is not a validation: {error}", "make a new one: survey annotate train"
        ) from error
    known = {*METHODS, *SOURCES, str(Method.UNCLEAR), IN_DISPUTE, NOT_TRAINING, ""}
    for paper in checked:
        strange = [cell for cell in astuple(paper)[2:] if cell not in known]
        if strange:
            message = f"{path} is not a complete validation: {paper.arxiv_id} has '{strange[0]}'"
            raise ConfigurationError(message, "make a new one: survey annotate train")
    return checked


def method_pairs(checked: Sequence[Checked], route: str = "together") -> tuple[list[str], list[str]]:
    """Return the readers' methods and those of a route; IN_DISPUTE where the readers disagree."""
    return [paper.method for paper in checked], [getattr(paper, f"method_{route}") for paper in checked]


def source_pairs(checked: Sequence[Checked], route: str = "together") -> tuple[list[str], list[str]]:
    """Return the readers' primary sources and those of a route, of the papers that train by every reader."""
    training = [paper for paper in checked if paper.source != NOT_TRAINING]
    return [paper.source for paper in training], [getattr(paper, f"source_{route}") for paper in training]
