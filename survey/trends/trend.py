"""The shape of a trend: a row for each period and label, a table with everything that decides its numbers.

A share always comes with its k, n and interval. Growth appears only where both periods have at least 30 papers.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from posttrain.statistics import Estimate, Share, share_of
from survey.mentions.domain import Rule
from survey.period import Period
from survey.section import Section
from survey.surface import Surface
from survey.trends.growth import Growth
from survey.trends.projection import Project
from survey.trends.published import LABELS, Axis, Published

READINGS = ("online", "online or preference")  # which papers count as rl on the method axis
ENOUGH = 30  # papers of a period; growth and the comparison of shares need as many in both periods


class Scope(StrEnum):
    """Which sections count."""

    ALL = "all"
    BODY = "body"  # without references and appendix


@dataclass(frozen=True)
class TrendRow:
    """One cell: `k` of `n` papers of `period` belong to `label`. Without papers (n = 0) there is no share."""

    period: str
    label: str
    k: int
    n: int
    share: float | None
    low: float | None
    high: float | None
    growth: float | None  # of k against the period before, such as 1.23 for +123 %
    projected: int | None
    projected_low: int | None
    projected_high: int | None
    published: Published | None
    corrected: Estimate | None = None  # for errors of the labels
    cited: Estimate | None = None  # weighted by the citations that papers receive inside the sample


@dataclass(frozen=True)
class TrendTable:
    """One table with everything that decides its numbers."""

    axis: Axis
    threshold: int
    rule: Rule
    scope: Scope
    lexicon: str
    by: Period
    project: Project
    rows: tuple[TrendRow, ...]
    note: str = ""
    inclusive: bool = True
    several: Share | None = None  # of the papers counted in any domain, those counted in more than one
    first_halves: Mapping[str, Share] = field(default_factory=dict)  # of each year's assignments, those by June
    survives: tuple[str, ...] = ()  # conclusions that hold at every threshold from 1 to 20
    reading: str = ""  # of the method axis: which papers count as rl
    quality: str = ""  # of the labels: agreement with readers, and on how many papers
    differences: tuple[str, ...] = ()  # whether shares differ from period to period, by test
    surface: Surface = Surface.TEXT
    growth: tuple[Growth, ...] = ()  # of each label from period to period
    thresholds: Mapping[str, int] = field(default_factory=dict)  # by label, where its own is not `threshold`

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels of the axis in their order; of domains and benchmarks, those that have a row."""
        known = LABELS.get(self.axis)
        return known or tuple(dict.fromkeys(row.label for row in self.rows))


def sections_of(scope: Scope) -> list[str]:
    """Return the names of the sections in a scope."""
    read = [section for section in Section if section is not Section.HIDDEN]
    return [s.value for s in read if scope is Scope.ALL or s not in (Section.REFERENCES, Section.APPENDIX)]


def counted_row(
    cell: tuple[str, str],
    now: tuple[int, int],
    before: tuple[int, int],
    published: Published | None,
    projected: tuple[int | None, int | None, int | None] = (None, None, None),
    corrected: Estimate | None = None,
) -> TrendRow:
    """Return the row of a cell (period, label) from (k, n) now and in the period before, with share and growth."""
    share = share_of(*now)
    part, low, high = (share.share, share.low, share.high) if share else (None, None, None)
    return TrendRow(*cell, *now, part, low, high, growth_of_count(now, before), *projected, published, corrected)


def growth_of_count(now: tuple[int, int], before: tuple[int, int]) -> float | None:
    """Return the growth of k from (k, n) before to (k, n) now, such as 1.23 for +123 %.

    It is None where the earlier k is 0, and where either n is below 30: from so few papers growth says nothing.
    """
    return now[0] / before[0] - 1 if before[0] and min(now[1], before[1]) >= ENOUGH else None
