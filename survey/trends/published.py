"""What a survey printed, each number with its readings and how far they agree: by default arXiv:2603.13985.

The tables of 2603.13985 are known through three machine readings of its PDF (a summary, and two runs of another model);
`agreement` says how far these agree. The method and data-source shares come without their n. It is rebuilt from the
rounding: the smallest number of studies whose counts give the printed shares.
"""

import csv
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

from posttrain.errors import ConfigurationError
from posttrain.reference import reference_path

if TYPE_CHECKING:  # loads pydantic, and the command line needs only the enumeration here
    from survey.studies.model import Study


class Axis(StrEnum):
    """What the rows of a trend table are: domains and benchmarks are counted in texts, the others are labelled."""

    DOMAIN = "domain"
    BENCHMARK = "benchmark"
    METHOD = "method"
    DATA_SOURCE = "data_source"

    @property
    def is_counted(self) -> bool:
        """Say whether the labels are names of a study that mentions are counted of."""
        return self in (Axis.DOMAIN, Axis.BENCHMARK)


PRINTED = (Axis.DOMAIN, Axis.METHOD, Axis.DATA_SOURCE)  # the tables that the survey printed

# The labels of the other axes are the names of a study: `labels_of`.
LABELS = {
    Axis.METHOD: ("sft", "hybrid", "rl"),
    Axis.DATA_SOURCE: ("benchmark", "open_weight", "api", "human"),
}

TITLES = {
    Axis.DOMAIN: "Papers by domain",
    Axis.BENCHMARK: "Papers by benchmark",
    Axis.METHOD: "Methods papers train with",
    Axis.DATA_SOURCE: "Where the training data come from",
}

# Of a year's papers, the part that had appeared by the end of June, as printed for 2023 and 2024.
PUBLISHED_FIRST_HALF = (0.4738, 0.4981)


@dataclass(frozen=True)
class Published:
    """One printed cell: a count (domain) or a share in per cent (method, data source) of about `n` studies."""

    value: float
    n: int | None
    sources: tuple[str, ...]
    agreement: str

    @property
    def is_unsure(self) -> bool:
        """Say whether the readings of this number conflict, or only one has it."""
        return self.agreement.startswith(("conflict", "one reading"))


def labels_of(axis: Axis, study: "Study") -> tuple[str, ...]:
    """Return the labels of an axis in their order: the domains or benchmarks of a study, or the classes of labels."""
    if axis is Axis.DOMAIN:
        return tuple(study.domains)
    return tuple(study.domain_of) if axis is Axis.BENCHMARK else LABELS[axis]


def published_cells(
    axis: Axis, threshold: int | None = None, study: "Study | None" = None
) -> dict[tuple[str, str], Published]:
    """Return the printed cells of one table by (period, label); none where nothing is printed for a study.

    `threshold` picks the column of the domain table: the survey prints counts at 5 or more mentions, and one reading
    gives two further cells. Raises ConfigurationError where a study's file is not such a table.
    """
    if study is None or study.is_survey:
        file = reference_path(f"published/{axis}.csv") if axis in PRINTED else None
    else:
        file = next((path for name, path in study.published.items() if name == axis.value), None)
    return _cells(file, threshold) if file else {}


def _cells(path: Path, threshold: int | None) -> dict[tuple[str, str], Published]:
    cells = {}
    try:
        with path.open(newline="", encoding="utf-8") as rows:
            for row in csv.DictReader(rows):
                if threshold is None or int(row.get("threshold") or threshold) == threshold:
                    n = int(row["n"]) if row.get("n") else None
                    sources = tuple(source.strip() for source in (row.get("sources") or "").split(";"))
                    cell = Published(float(row["value"]), n, sources, row.get("agreement") or "printed")
                    cells[row["period"], row["label"]] = cell
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(
            f"{path} is no table of printed numbers: {error}; expected the columns period, label, value, and "
            "optionally n, threshold, sources, agreement",
            "correct it, then: survey study check FILE",
        ) from error
    return cells
