"""Growth: the factor from period to period of a label's share and of its papers, next to the printed factor.

A sample of listed papers gives shares. How many papers stand behind a share depends on the volume of the field, and no
list holds all of it. So the volume of a period is its listed papers divided by their capture, the part of other,
independent lists that is listed here too (two-list capture-recapture; Lincoln 1930, Chapman 1951).

    share factor   = (k2 / n2) / (k1 / n1)
    field factor   = volume2 / volume1
    papers factor  = share factor × field factor          which is what a survey that prints counts compares

All uncertainty is carried by draws: shares and captures from Jeffreys posteriors, and the independent lists drawn with
replacement, since they disagree by more than chance.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING

from posttrain.statistics import CONFIDENCE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Draws = NDArray[np.float64]

DRAWS = 20_000
LEAST_PAPERS = 30  # of either period; below, no growth is given
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
    ("share"). `field` is the factor of all papers, `field_part` the part of the printed growth (in logarithms) that it
    explains.
    """

    label: str
    since: str
    until: str
    of: str
    factor: float
    low: float
    high: float
    share: Factor
    field: Factor | None
    published: float | None
    verdict: Verdict | None
    field_part: Factor | None
    k: tuple[int, int]
    n: tuple[int, int]


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
    counts: Mapping[tuple[str, str], tuple[int, int]],
    volumes: Mapping[str, Sequence[Volume]],
    printed: Mapping[tuple[str, str], float],
    draws: int = DRAWS,
) -> list[Growth]:
    """Return the growth of every label between periods that follow each other and hold at least 30 papers each.

    counts: (k, n) by (period, label). volumes: the windows of each period whose volume is known; may be empty.
    printed: published counts by (period, label). The draws have a fixed seed: the same counts give the same intervals.
    """
    periods = sorted({period for period, _ in counts})
    labels = list(dict.fromkeys(label for _, label in counts))
    volume_of = {period: _volume(windows, draws, seed) for seed, (period, windows) in enumerate(volumes.items())}
    return [
        _growth(label, before, after, counts, volume_of, printed, draws)
        for before, after in pairwise(periods)
        for label in labels
        if _is_enough(counts.get((before, label)), counts.get((after, label)))
    ]


def _is_enough(before: tuple[int, int] | None, after: tuple[int, int] | None) -> bool:
    return bool(before and after and before[1] >= LEAST_PAPERS and after[1] >= LEAST_PAPERS and before[0])


def _growth(
    label: str, before: str, after: str, counts: Mapping[tuple[str, str], tuple[int, int]],
    volume_of: Mapping[str, "Draws"], printed: Mapping[tuple[str, str], float], draws: int,
) -> Growth:  # fmt: skip
    import numpy as np

    (k1, n1), (k2, n2) = counts[before, label], counts[after, label]
    random = np.random.default_rng([k1, n1, k2, n2])
    share = random.beta(k2 + 0.5, n2 - k2 + 0.5, draws) / random.beta(k1 + 0.5, n1 - k1 + 0.5, draws)
    of_share = _factor((k2 / n2) / (k1 / n1), share)
    field = of_papers = None
    if before in volume_of and after in volume_of:
        ratio = volume_of[after] / volume_of[before]
        field = _factor(float(np.median(ratio)), ratio)
        of_papers = _factor(of_share.value * field.value, share * ratio)
    best = of_papers or of_share
    earlier, later = printed.get((before, label)), printed.get((after, label))
    published = later / earlier if earlier and later else None
    verdict = part = None
    if published is not None:
        verdict = Verdict.INSIDE if best.low <= published <= best.high else Verdict.OUTSIDE
        verdict = Verdict.TOO_FEW if min(k1, k2) < LEAST_NAMED else verdict
        if field and published > 1:
            parts = np.log(volume_of[after] / volume_of[before]) / np.log(published)
            part = _factor(float(np.median(parts)), parts)
    return Growth(
        label, before, after, "papers" if of_papers else "share", best.value, best.low, best.high, of_share, field,
        published, verdict, part, (k1, k2), (n1, n2),
    )  # fmt: skip


def _volume(windows: Sequence[Volume], draws: int, seed: int) -> "Draws":
    """Draw the volume of a period (draws,): the sum over its months of listed papers divided by their capture.

    In each draw the lists of a window are drawn with replacement. A month without a paper on the drawn lists takes the
    capture of its whole window.
    """
    import numpy as np

    random = np.random.default_rng([seed, draws])
    total = np.zeros(draws)
    for window in windows:
        lists = sorted({capture.list for capture in window.captures})
        if not lists:
            total += sum(window.papers.values())
            continue
        weights = random.multinomial(len(lists), [1 / len(lists)] * len(lists), size=draws)  # (draws, lists)
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

    rest = (1 - CONFIDENCE) / 2
    low, high = np.quantile(draws, [rest, 1 - rest])
    return Factor(value, min(float(low), value), max(float(high), value))
