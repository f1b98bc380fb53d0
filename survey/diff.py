"""The difference: our domain table against the printed one, cell by cell, with a verdict and its likely cause.

Counts of two crawls of different size cannot be compared, and the survey prints no n. The mix can be compared: each
domain's part of a year's domain assignments. A paper of two domains is assigned twice; the interval
treats assignments as independent, and the few papers of two domains hardly change it.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posttrain.errors import NothingMatchedError
from posttrain.statistics import wilson
from posttrain.tables import Grid
from survey.surface import Surface
from survey.trends.cells import counting_rule, percent, range_of
from survey.trends.growth import Growth
from survey.trends.growth import Verdict as GrowthVerdict
from survey.trends.growths import growth_data, growth_grid
from survey.trends.published import Published
from survey.trends.question import Question
from survey.trends.tables import tables_of
from survey.trends.trend import ENOUGH, TrendTable

if TYPE_CHECKING:
    from survey.studies.model import Study


_NO_LEVEL = (
    "growth alone is compared: the survey counted mentions in full texts, and an abstract names a benchmark far less "
    "often; for the cells: survey diff --surface text"
)
_OUTSIDE = "the sample: other papers than those of the survey's crawl, or another lexicon"


class Verdict(StrEnum):
    """How one of our cells compares with the printed one."""

    AGREES = "agrees"  # the printed part lies inside our interval
    DIFFERS = "differs"  # the printed part lies outside our interval
    TOO_FEW = "too few to tell"  # inside, but with fewer than 30 assignments most numbers would be
    NO_DATA = "no data"  # we have no paper of that year


@dataclass(frozen=True)
class CellDifference:
    """One printed cell and ours. Parts are of all domain assignments of the year; low and high bound ours."""

    period: str
    label: str
    published: float
    published_part: float
    k: int
    n: int
    part: float | None
    low: float | None
    high: float | None
    verdict: Verdict
    cause: str


@dataclass(frozen=True)
class DiffReport:
    """Every printed cell of the domain table with ours."""

    cells: list[CellDifference]  # none of abstracts, which show no level
    growth: list[Growth]  # of each label from year to year, where it is printed too
    grids: list[Grid]
    sample: str
    cautions: list[str]
    provenance: Mapping[str, Any]

    @property
    def differs(self) -> bool:
        """Whether any cell differs, or any printed growth lies outside our interval."""
        cells = any(cell.verdict is Verdict.DIFFERS for cell in self.cells)
        return cells or any(growth.verdict is GrowthVerdict.OUTSIDE for growth in self.growth)

    def rows(self) -> list[dict[str, Any]]:
        """Return each cell as plain data; of abstracts each growth."""
        data = self.as_data()
        return list(data["cells"] or data["growth"])

    def as_data(self) -> dict[str, Any]:
        """Return cells and growth as plain data, in the shape of the public interface."""
        return {
            "cells": [asdict(cell) for cell in self.cells], "growth": [growth_data(growth) for growth in self.growth]
        }  # fmt: skip

    def causes(self) -> list[str]:
        """Return the verdicts with their likely causes, each once."""
        causes = {f"{cell.verdict}: {cell.cause}" for cell in self.cells if cell.cause}
        outside = [growth for growth in self.growth if growth.verdict is GrowthVerdict.OUTSIDE]
        return sorted(causes | ({f"{GrowthVerdict.OUTSIDE}: {_OUTSIDE}"} if outside else set()))


def diff(
    data: Path, counts: Path | None = None, study: "Study | None" = None, surface: Surface | None = None
) -> DiffReport:
    """Return the domain table of a sample against the printed one: cell by cell, and growth by growth.

    Of abstracts it is growth alone. Without a surface it is that of `open_surface`.
    Raises NothingMatchedError where nothing is printed for the study, and what `trend_tables` raises.
    """
    from survey.warehouse.abstracts import open_surface

    sample = open_surface(surface, data, counts, study)
    with sample.warehouse:
        counted = sample.warehouse.study
        if not counted.is_survey and "domain" not in counted.published:
            raise NothingMatchedError(
                f"the study '{counted.name}' has no printed numbers to compare with",
                'name a table of them in the study: [published] domain = "FILE.csv"',
            )
        table = tables_of(sample, Question(), data)[0]
        is_text = sample.surface is Surface.TEXT
        cells = compare(table, sample.is_bundled) if is_text else []
        grids = [_grid(cells, table, sample.footer)] if is_text else []
        if grown := growth_grid(table):
            more = () if is_text else (_NO_LEVEL, f"{counting_rule(table)}; {sample.footer}")
            grids.append(replace(grown, notes=(*grown.notes, *more)))
        if not grids:
            raise NothingMatchedError(
                "no year and the year before it have enough abstracts for a growth to compare, and a level needs texts",
                "survey diff --surface text",
            )
        growth = [growth for growth in table.growth if growth.published is not None]
        cautions = sample.cautions if is_text else [*sample.cautions, _NO_LEVEL]
        return DiffReport(cells, growth, grids, sample.story, cautions, sample.provenance())


def compare(table: TrendTable, is_bundled: bool) -> list[CellDifference]:
    """Return the printed cells of a domain table by year, each with ours and a verdict."""
    printed: Counter[str] = Counter()
    ours: Counter[str] = Counter()
    for row in table.rows:
        if row.published:
            printed[row.period] += int(row.published.value)
            ours[row.period] += row.k
    cells = []
    for row in table.rows:
        if row.published is None:
            continue
        published_part, n = row.published.value / printed[row.period], ours[row.period]
        low, high = wilson(row.k, n) if n else (None, None)
        verdict = _verdict(published_part, low, high, n)
        cells.append(
            CellDifference(
                row.period, row.label, row.published.value, published_part, row.k, n, row.k / n if n else None,
                low, high, verdict, _cause(verdict, row.published, is_bundled),
            )
        )  # fmt: skip
    return cells


def _verdict(published_part: float, low: float | None, high: float | None, n: int) -> Verdict:
    if low is None or high is None:
        return Verdict.NO_DATA
    if not low <= published_part <= high:
        return Verdict.DIFFERS
    return Verdict.TOO_FEW if n < ENOUGH else Verdict.AGREES


def _grid(cells: list[CellDifference], table: TrendTable, footer: str) -> Grid:
    """Return the printed cells and ours as text: counts, parts of the year's assignments, interval and verdict."""
    rows = tuple(
        (
            cell.period, cell.label, f"{cell.published:,.0f}", f"{cell.published_part:.1%}", f"{cell.k:,}",
            f"{cell.n:,}", percent(cell.part), range_of(cell.low, cell.high), cell.verdict.value,
        )
        for cell in cells
    )  # fmt: skip
    head = ("year", "domain", "printed", "part", "our k", "of n", "part", "95% interval", "verdict")
    notes = (
        "a part is of all domain assignments of the year (n is ours; the survey printed none): counts of two crawls"
        " cannot be compared, their mix can. A sample is no reproduction",
        f"{counting_rule(table)}; {footer}",
    )
    return Grid("Printed and ours", notes, head, rows, grouped=True)


def _cause(verdict: Verdict, published: Published, is_bundled: bool) -> str:
    if verdict is Verdict.NO_DATA:
        return "the sample has no paper of this year that reaches the threshold"
    if verdict in (Verdict.AGREES, Verdict.TOO_FEW):
        return ""
    if published.is_unsure:
        return f"the printed number is unsure ({published.agreement})"
    if is_bundled:
        return "the sample: found text of 2025, mostly on question answering, not a crawl"
    return "the sample: another crawl, another lexicon or another text surface"
