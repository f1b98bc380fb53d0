"""Methods by domain: how common each method is among the papers of a domain that train, with k, n and interval.

The advisor shows these shares next to its advice. The counts of the bundled sample are a small committed table, so that
advice needs no database: `python -m survey.trends.methods_by_domain` prints it, and `make reference-counts` writes it.
"""

import csv
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from posttrain.reference import reference_path
from posttrain.settings import warehouse_path
from posttrain.statistics import Share, share_of
from survey.mentions.domain import DEFAULT_THRESHOLD
from survey.trends.trend import Scope, sections_of

if TYPE_CHECKING:  # duckdb takes its time to load
    from survey.warehouse.database import Warehouse

TRAINS = ("sft", "hybrid", "rl", "preference")  # methods that n counts
ANY = "any"  # all papers of the sample

Counts = Mapping[str, Counter[str]]  # domain → method → papers


def prevalence(counts: Counts, domain: str, method: str) -> Share | None:
    """Return which share of the domain's papers that train do so by this method; None where none trains."""
    methods = counts.get(domain, Counter())
    return share_of(methods[method], sum(methods[name] for name in TRAINS))


@cache
def bundled_counts() -> Counts:
    """Return the counts of the bundled sample, from the committed table."""
    with reference_path("prevalence.csv").open(encoding="utf-8", newline="") as file:
        return _grouped((row["domain"], row["method"], int(row["papers"])) for row in csv.DictReader(file))


def own_counts(data: Path) -> Counts | None:
    """Return the counts of the user's own papers; None where there are none."""
    if not warehouse_path(data).exists():
        return None
    from survey.warehouse.database import Warehouse

    with Warehouse.open(warehouse_path(data)) as warehouse:
        return _grouped(rows_of(warehouse))


def rows_of(warehouse: "Warehouse") -> Iterable[tuple[str, str, int]]:
    """Return how many papers of each domain have each method, as the warehouse counts them."""
    rows = warehouse.query("prevalence", sections=sections_of(Scope.ALL), threshold=DEFAULT_THRESHOLD)
    return ((domain, method, papers) for domain, method, papers in rows)


def _grouped(rows: Iterable[tuple[str, str, int]]) -> Counts:
    counts: dict[str, Counter[str]] = {}
    for domain, method, papers in rows:
        counts.setdefault(domain, Counter())[method] = papers
    return counts


def main() -> None:
    """Print the table of the bundled sample."""
    from survey.warehouse.database import Warehouse

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("domain", "method", "papers"))
    with Warehouse.from_counts(reference_path("mentions.parquet")) as warehouse:
        writer.writerows(rows_of(warehouse))


if __name__ == "__main__":
    main()
