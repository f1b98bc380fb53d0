"""Agreement: how far two readers gave the same papers the same labels, and which labels they exchanged.

Observed agreement alone flatters a reader of a lopsided sample, so it comes with Cohen's kappa, which takes away what
chance would give, and with the confusion matrix, from which every class has its precision, recall and F1.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import mean

from posttrain.statistics import Share, kappa_of, share_of


@dataclass(frozen=True)
class ClassScore:
    """One class of a confusion matrix; None where the denominator is 0."""

    label: str
    truths: int  # papers that the first reader put here
    precision: float | None  # of the second reader's papers here, those that the first put here too
    recall: float | None  # of the first reader's papers here, those that the second put here too
    f1: float | None  # 2 · both / (first + second): 0 where one reader alone used the class, None where neither did


@dataclass(frozen=True)
class Confusion:
    """How often the first reader's class (row) met the second reader's (column), both in the order of `classes`."""

    classes: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]

    @property
    def n(self) -> int:
        """How many papers both read."""
        return sum(map(sum, self.counts))

    @property
    def rows(self) -> tuple[int, ...]:
        """Papers of each class by the first reader."""
        return tuple(map(sum, self.counts))

    @property
    def columns(self) -> tuple[int, ...]:
        """Papers of each class by the second reader."""
        return tuple(map(sum, zip(*self.counts, strict=True)))

    def scores(self) -> tuple[ClassScore, ...]:
        """Return precision, recall and F1 of every class, the first reader taken as the truth."""
        scores = []
        for at, (label, first, second) in enumerate(zip(self.classes, self.rows, self.columns, strict=True)):
            both = self.counts[at][at]
            f1 = _part(2 * both, first + second)
            scores.append(ClassScore(label, first, _part(both, second), _part(both, first), f1))
        return tuple(scores)

    def macro_f1(self, over: Sequence[str] | None = None) -> float | None:
        """Return the plain mean of the F1 of the classes in `over` (all by default).

        A class that neither reader used has no F1 and is left out of the mean; None where that leaves nothing. Raises
        ValueError where `over` names an unknown class.
        """
        _known(self.classes if over is None else over, self.classes)
        f1s = [s.f1 for s in self.scores() if s.f1 is not None and (over is None or s.label in over)]
        return mean(f1s) if f1s else None


@dataclass(frozen=True)
class Agreement:
    """Two readers of the same papers. Kappa is None where chance alone would make them agree on everything."""

    observed: Share
    expected: float  # the agreement that their margins alone would give
    kappa: float | None
    low: float | None
    high: float | None
    confusion: Confusion


def confusion_of(first: Sequence[str], second: Sequence[str], classes: Sequence[str]) -> Confusion:
    """Return how often each label of `first` (the truth, where there is one) met each label of `second`.

    The labels stand in the same order of papers. Raises ValueError where the lengths differ, where a label is not in
    `classes`, and where a class is named twice.
    """
    if len(first) != len(second):
        raise ValueError(f"the readers labelled {len(first)} and {len(second)} papers; expected the same papers")
    if len(set(classes)) != len(classes):
        raise ValueError(f"classes {', '.join(classes)} name one twice; expected each once")
    _known([*first, *second], classes)
    counts = [[0] * len(classes) for _ in classes]
    index = {label: number for number, label in enumerate(classes)}
    for our, their in zip(first, second, strict=True):
        counts[index[our]][index[their]] += 1
    return Confusion(tuple(classes), tuple(map(tuple, counts)))


def agreement_of(first: Sequence[str], second: Sequence[str], classes: Sequence[str]) -> Agreement | None:
    """Return the agreement of two readers of n papers with Cohen's kappa and its 95 % interval; None without papers.

    Formulas and sources: `posttrain.statistics.kappa_of`. Kappa is None where both readers gave every paper one and the
    same label.

    Raises ValueError as `confusion_of` does.
    """
    confusion = confusion_of(first, second, classes)
    n = confusion.n
    observed = share_of(sum(row[at] for at, row in enumerate(confusion.counts)), n)
    if observed is None:
        return None
    kappa = kappa_of(confusion.counts)
    if kappa is None:
        return Agreement(observed, 1.0, None, None, None, confusion)
    return Agreement(observed, kappa.expected, kappa.value, kappa.low, kappa.high, confusion)


def _known(labels: Sequence[str], classes: Sequence[str]) -> None:
    if unknown := sorted(set(labels) - set(classes)):
        raise ValueError(f"unknown class {', '.join(unknown)}; expected one of {', '.join(classes)}")


def _part(k: int, n: int) -> float | None:
    return k / n if n else None
