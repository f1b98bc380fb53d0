"""Our domain table against the printed one, cell by cell, with a verdict and its likely cause.

Counts of two crawls of different size cannot be compared, and the survey prints no n. What can be compared is the mix:
which part of a year's domain assignments goes to each domain. A paper of two domains is assigned twice; the interval
takes assignments as independent, which the few such papers hardly change.
"""

from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from posttrain.statistics import wilson
from survey.trends.domain import TrendTable
from survey.trends.published import Published

_ENOUGH = 30


class Verdict(StrEnum):
    """How one of our cells stands to the printed one."""

    AGREES = "agrees"  # the printed part lies inside our interval
    DIFFERS = "differs"  # it does not
    TOO_FEW = "too few to tell"  # it does, but so would most numbers: ours rests on fewer than 30 assignments
    NO_DATA = "no data"  # we have no paper of that year


@dataclass(frozen=True)
class Difference:
    """One printed cell beside ours. Parts are of all domain assignments of the year; low and high bound ours."""

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


def compare(table: TrendTable, is_bundled: bool) -> list[Difference]:
    """Return the printed cells of a domain table by year, each with ours and a verdict."""
    printed: Counter[str] = Counter()
    ours: Counter[str] = Counter()
    for row in table.rows:
        if row.published:
            printed[row.period] += int(row.published.value)
            ours[row.period] += row.k
    differences = []
    for row in table.rows:
        if row.published is None:
            continue
        published_part = row.published.value / printed[row.period]
        n = ours[row.period]
        low, high = wilson(row.k, n) if n else (None, None)
        if low is None or high is None:
            verdict = Verdict.NO_DATA
        else:
            inside = low <= published_part <= high
            verdict = Verdict.DIFFERS if not inside else Verdict.TOO_FEW if n < _ENOUGH else Verdict.AGREES
        differences.append(
            Difference(
                row.period, row.label, row.published.value, published_part, row.k, n, row.k / n if n else None,
                low, high, verdict, _cause(verdict, row.published, is_bundled),
            )
        )  # fmt: skip
    return differences


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
