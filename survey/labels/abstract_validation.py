"""Validation: how the labelled abstracts were labelled by classifiers that had not seen them.

    data/reference/abstract_validation.csv

It loads no learner, so that tables which need the machine's errors start as fast as others.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, fields
from functools import cache
from pathlib import Path

from posttrain.files import whole
from posttrain.reference import reference_path
from survey.labels.abstract import AbstractMethod, AbstractSource


@dataclass(frozen=True)
class Unseen:
    """What a classifier that had not seen an abstract made of it: the method, that of each route, and the source."""

    arxiv_id: str
    method: AbstractMethod
    by_regression: AbstractMethod
    by_trees: AbstractMethod
    by_both: AbstractMethod
    source: AbstractSource


@cache
def bundled_unseen() -> Mapping[str, Unseen]:
    """Return how the bundled labelled abstracts were labelled unseen, by arXiv id."""
    with reference_path("abstract_validation.csv").open(encoding="utf-8", newline="") as file:
        return {row["arxiv_id"]: _unseen(row) for row in csv.DictReader(file)}


def write_unseen(labels: Sequence[Unseen], path: Path) -> None:
    """Write what `unseen_methods` returned, by arXiv id."""
    with whole(path) as unfinished, unfinished.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([column.name for column in fields(Unseen)])
        writer.writerows(astuple(paper) for paper in sorted(labels, key=lambda paper: paper.arxiv_id))


def _unseen(row: Mapping[str, str]) -> Unseen:
    method, regression, trees, both = (
        AbstractMethod(row[name]) for name in ("method", "by_regression", "by_trees", "by_both")
    )
    return Unseen(row["arxiv_id"], method, regression, trees, both, AbstractSource(row["source"]))
