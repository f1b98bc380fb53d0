"""The question that a report answers: which tables, counted how, on which papers; and the words that ask it."""

from collections.abc import Iterable
from dataclasses import dataclass

from posttrain.errors import ConfigurationError
from survey.mentions.domain import HIGHEST_THRESHOLD, Rule
from survey.period import Period
from survey.studies import MOST_MENTIONS
from survey.surface import Surface
from survey.trends.projection import Project
from survey.trends.published import PRINTED, Axis
from survey.trends.trend import Scope
from survey.warehouse.filters import EVERY_PAPER, Filters


@dataclass(frozen=True)
class Question:
    """Everything that decides which tables a report has and how they are counted."""

    axes: tuple[Axis, ...] = (Axis.DOMAIN,)
    thresholds: tuple[int, ...] = ()  # none: the study's own on the surface
    by: Period = Period.YEAR
    scope: Scope = Scope.ALL
    rule: Rule = Rule.ANY_NAME
    project: Project = Project.MEAN_SHARE
    cited: bool = False  # also weighted by the citations that papers receive inside the sample
    surface: Surface | None = None  # none: that of own data, else both bundled samples, each in tables of its own
    filters: Filters = EVERY_PAPER


def axes_of(name: str) -> tuple[Axis, ...]:
    """Return the axes that a name stands for: one axis, or `all` three that the survey printed.

    Raises ConfigurationError.
    """
    if name == "all":
        return PRINTED
    if name not in tuple(Axis):
        expected = f"{', '.join(Axis)} or all"
        raise ConfigurationError(f"--axis '{name}' is unknown; expected {expected}", "survey report --help")
    return (Axis(name),)


def thresholds_of(threshold: int | Iterable[int] | None = None, sweep: str | None = None) -> tuple[int, ...]:
    """Return the thresholds of a number, of several, or of a sweep such as "1..6"; none by default: the study's own.

    Raises ConfigurationError for a threshold outside 1 to 1,000, for a sweep that is not A..B within 1 to 20,
    and for both at once.
    """
    if sweep:
        if threshold is not None:
            hint = f"survey report --sweep {sweep}"
            raise ConfigurationError("--threshold and --sweep cannot be used together", hint)
        first, dots, last = sweep.partition("..")
        if not (dots and first.isdigit() and last.isdigit() and 1 <= int(first) <= int(last) <= HIGHEST_THRESHOLD):
            expected = f"expected A..B with 1 ≤ A ≤ B ≤ {HIGHEST_THRESHOLD}"
            raise ConfigurationError(f"--sweep '{sweep}'; {expected}", "survey report --sweep 1..6")
        return tuple(range(int(first), int(last) + 1))
    if threshold is None:
        return ()
    thresholds = (threshold,) if isinstance(threshold, int) else tuple(threshold)
    for number in thresholds:
        if not 1 <= number <= MOST_MENTIONS:
            expected = f"expected 1 to {MOST_MENTIONS:,}"
            raise ConfigurationError(f"--threshold {number}; {expected}", "survey report --threshold 5")
    return thresholds


DEFAULT = Question()
