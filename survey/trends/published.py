"""What arXiv:2603.13985 printed, each number with its readings and how far they agree.

The paper's tables are known through three machine readings of its PDF (a summary, and two runs of another model);
`agreement` says how far these agree. The method and data-source shares come without their n. It is rebuilt from the
rounding: the smallest number of studies whose counts give the printed shares.
"""

import csv
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from posttrain.reference import reference_path


class Axis(StrEnum):
    """The three trend tables."""

    DOMAIN = "domain"
    METHOD = "method"
    DATA_SOURCE = "data_source"


LABELS = {
    Axis.DOMAIN: ("qa", "math", "agentic", "code"),
    Axis.METHOD: ("sft", "hybrid", "rl"),
    Axis.DATA_SOURCE: ("benchmark", "open_weight", "api", "human"),
}

TITLES = {
    Axis.DOMAIN: "Papers by domain",
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


@cache
def published_cells(axis: Axis, threshold: int | None = None) -> dict[tuple[str, str], Published]:
    """Return the printed cells of one table by (period, label).

    `threshold` picks the column of the domain table: the survey prints counts at 5 or more mentions, and one reading
    gives two further cells.
    """
    cells = {}
    with reference_path(f"published/{axis}.csv").open(newline="") as rows:
        for row in csv.DictReader(rows):
            if threshold is None or int(row.get("threshold") or threshold) == threshold:
                n = int(row["n"]) if row.get("n") else None
                sources = tuple(source.strip() for source in row["sources"].split(";"))
                cells[row["period"], row["label"]] = Published(float(row["value"]), n, sources, row["agreement"])
    return cells
