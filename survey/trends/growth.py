"""Growth: the factor from period to period of a label's share and of its papers, next to the printed factor.

A sample of listed papers gives shares. How many papers stand behind a share depends on the volume of the field, and no
list holds all of it. So the volume of a period is its listed papers divided by their capture, the part of other,
independent lists that is listed here too (two-list capture-recapture; Lincoln 1930, Chapman 1951).

    share factor   = (k2 / n2) / (k1 / n1)
    field factor   = volume2 / volume1
    papers factor  = share factor × field factor          which is what a survey that prints counts compares

All uncertainty is carried by draws: shares and captures from Jeffreys posteriors, and the independent lists drawn with
replacement, since they disagree by more than chance. Of m lists m - 1 are drawn, for drawing m of a few lists makes
intervals too narrow (J. Rao, C. Wu, Journal of the American Statistical Association 83, 1988).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING

from posttrain.statistics import CONFIDENCE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Draws = NDArray[np.float64]

Counts = Mapping[tuple[str, str], tuple[int, int]]  # (k, n) by (period, label)

DRAWS = 20_000
LEAST_PAPERS = 30  # of either period; below, no growth is given
_TAIL = (1 - CONFIDENCE) / 2
LEAST_NAMED = 5  # papers of a label in either period; below, a verdict would say nothing


class Verdict(StrEnum):
    """How a printed factor stands to our interval."""

    INSIDE = "inside"
    OUTSIDE = "outside"
    TOO_FEW = "too few to tell"


@dataclass(frozen=True)
class Factor:
    """A factor of growth with its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Growth:
    """The growth of one label between two periods that follow each other.

    `factor`, `low` and `high` are of the number of papers where volumes are known (`of` is "papers"), else of the share
    ("share"); None where a period has fewer than 30 papers, or the earlier one none of the label. `field` is the factor
    of all papers of the field, `field_part` the part of the printed growth (in logarithms) that it explains.
    `published` is the printed factor; its verdict is given where it is of the same thing as ours.
    """

    label: str
    since: str
    until: str
    of: str
    factor: float | None
    low: float | None
    high: float | None
    share: Factor | None
    field: Factor | None
    published: float | None
    verdict: Verdict | None
    field_part: Factor | None
    k: tuple[int, int]
    n: tuple[int, int]

    @property
    def is_known(self) -> bool:
        """Say whether our factor is known."""
        return self.factor is not None


@dataclass(frozen=True)
class Capture:
    """How many of the papers of an independent list in one month are in the sample too."""

    month: str
    list: str
    listed: int
    captured: int


@dataclass(frozen=True)
class Volume:
    """The papers of a sample by month, and captures of independent lists in a window of months."""

    papers: Mapping[str, int]
    captures: Sequence[Capture]


def growth_of(
    counts: Counts,
    periods: Sequence[str],
    volumes: Mapping[str, Sequence[Volume]] = {},
    printed: Mapping[tuple[str, str], float] = {},
    prints_shares: bool = False,
    is_comparable: bool = True,
    draws: int = DRAWS,
) -> list[Growth]:
    """Return the growth of every label from period to period, where ours or the printed factor is known.

    counts: (k, n) by (period, label). periods: all periods in their order, so that no growth spans a gap. volumes: the
    windows of each period whose volume is known. printed: published numbers by (period, label), counts of papers, or
    where `prints_shares` shares. Without `is_comparable` the periods come from different lists: a change between them
    is one of the lists, so there is no factor of ours and no verdict. The draws have a fixed seed: the same counts give
    the same intervals.
    """
    volume_of = {period: _volume(windows, draws, seed) for seed, (period, windows) in enumerate(volumes.items())}
    labels = list(dict.fromkeys(label for _, label in counts))
    growths = []
    for pair in pairwise(periods):
        field = _field(*(volume_of.get(period) for period in pair))
        for label in labels:
            k, n = zip(*(counts.get((period, label), (0, 0)) for period in pair), strict=True)
            published = _ratio(printed, *pair, label)
            is_enough = min(n) >= LEAST_PAPERS and k[0] > 0
            if not is_enough and published is None:
                continue
            growth = _without_factor(label, pair, k, n, published, field, prints_shares)
            if not is_comparable:
                growth = replace(growth, verdict=None)
            elif is_enough:
                growth = _with_factor(growth, field, prints_shares, draws)
            growths.append(growth)
    return growths


def _ratio(printed: Mapping[tuple[str, str], float], before: str, after: str, label: str) -> float | None:
    earlier, later = printed.get((before, label)), printed.get((after, label))
    return later / earlier if earlier and later else None


@dataclass(frozen=True)
class _Field:
    """The growth of all papers of the field between two periods."""

    draws: "Draws"
    factor: Factor


def _field(before: "Draws | None", after: "Draws | None") -> _Field | None:
    if before is None or after is None:
        return None
    return _Field(after / before, _middle(after / before))


def _without_factor(
    label: str, pair: tuple[str, str], k: tuple[int, int], n: tuple[int, int], published: float | None,
    field: _Field | None, prints_shares: bool,
) -> Growth:  # fmt: skip
    """Return a growth of which the printed factor and the field's are known, and no factor of ours."""
    import numpy as np

    part = None
    if field and published is not None and published > 1 and not prints_shares:
        part = _middle(np.log(field.draws) / np.log(published))
    return Growth(
        label, *pair, "papers" if field else "share", None, None, None, None, field.factor if field else None,
        published, None if published is None else Verdict.TOO_FEW, part, k, n,
    )  # fmt: skip


def _with_factor(growth: Growth, field: _Field | None, prints_shares: bool, draws: int) -> Growth:
    """Return a growth with our factor, drawn from the Jeffreys posteriors of both shares."""
    import numpy as np

    (k1, k2), (n1, n2) = growth.k, growth.n
    random = np.random.default_rng([k1, n1, k2, n2])
    shares = random.beta(k2 + 0.5, n2 - k2 + 0.5, draws) / random.beta(k1 + 0.5, n1 - k1 + 0.5, draws)
    share = _factor((k2 / n2) / (k1 / n1), shares)
    best = share if field is None else _factor(share.value * field.factor.value, shares * field.draws)
    verdict = None
    if growth.published is not None and prints_shares == (growth.of == "share"):
        verdict = _verdict(growth.published, best, min(k1, k2))
    return replace(growth, factor=best.value, low=best.low, high=best.high, share=share, verdict=verdict)


def _verdict(published: float, ours: Factor, fewest: int) -> Verdict:
    if fewest < LEAST_NAMED:
        return Verdict.TOO_FEW
    return Verdict.INSIDE if ours.low <= published <= ours.high else Verdict.OUTSIDE


def _volume(windows: Sequence[Volume], draws: int, seed: int) -> "Draws":
    """Draw the volume of a period (draws,): the sum over its months of listed papers divided by their capture.

    In each draw the lists of a window are drawn with replacement, fewer by one than there are. A month without a paper
    on the drawn lists takes the capture of its whole window.
    """
    import numpy as np

    random = np.random.default_rng([seed, draws])
    total = np.zeros(draws)
    for window in windows:
        lists = sorted({capture.list for capture in window.captures})
        if not lists:
            total += sum(window.papers.values())
            continue
        weights = random.multinomial(
            max(1, len(lists) - 1), [1 / len(lists)] * len(lists), size=draws
        )  # (draws, lists)
        months = sorted(window.papers)
        listed, captured = (np.zeros((len(lists), len(months))) for _ in range(2))
        for capture in window.captures:
            if capture.month in window.papers:
                at = lists.index(capture.list), months.index(capture.month)
                listed[at], captured[at] = capture.listed, capture.captured
        of_listed, of_captured = weights @ listed, weights @ captured  # (draws, months)
        whole_listed, whole_captured = of_listed.sum(1, keepdims=True), of_captured.sum(1, keepdims=True)
        empty = of_listed == 0
        of_listed, of_captured = np.where(empty, whole_listed, of_listed), np.where(empty, whole_captured, of_captured)
        capture_rate = random.beta(of_captured + 0.5, of_listed - of_captured + 0.5)
        total += (np.array([window.papers[month] for month in months]) / capture_rate).sum(1)
    return total


def _factor(value: float, draws: "Draws") -> Factor:
    import numpy as np

    low, high = np.quantile(draws, [_TAIL, 1 - _TAIL])
    return Factor(value, min(float(low), value), max(float(high), value))


def _middle(draws: "Draws") -> Factor:
    """Return the middle of the draws with its interval."""
    import numpy as np

    low, middle, high = np.quantile(draws, [_TAIL, 0.5, 1 - _TAIL])
    return Factor(float(middle), float(low), float(high))
