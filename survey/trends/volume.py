"""The volume of a field by period, from the papers and captures of a sample of abstracts."""

from collections.abc import Mapping, Sequence
from datetime import date

from survey.period import Period, period_of
from survey.trends.growth import Capture, Volume
from survey.warehouse.population import Coverage, Population, Window


def volumes_of(coverage: Coverage, population: Population, by: Period) -> dict[str, list[Volume]]:
    """Return the windows of each period with their papers by month and the captures of independent lists.

    A period that the window of a study cuts has no volume: half a year has half the papers, which is no growth.
    """
    volumes: dict[str, list[Volume]] = {}
    cut = cut_periods(coverage, by)
    for window in population.windows:
        months = [month for month in sorted(coverage.papers) if window.holds(month)]
        for period, inside in _by_period(months, by).items():
            if period not in cut:
                volumes.setdefault(period, []).append(_volume(coverage, window, inside))
    return dict(sorted(volumes.items()))


def cut_periods(coverage: Coverage, by: Period) -> dict[str, list[str]]:
    """Return the months that the window of a study leaves of each period that it cuts."""
    cut = _by_period(sorted(coverage.left_out), by)
    return {period: months for period, months in _by_period(sorted(coverage.papers), by).items() if period in cut}


def missing_months(coverage: Coverage, by: Period) -> dict[str, list[str]]:
    """Return the months of each period that no list carries."""
    have = _by_period(sorted(coverage.papers), by)
    years = {int(month[:4]) for month in coverage.papers}
    every = _by_period([f"{year}-{month:02}" for year in sorted(years) for month in range(1, 13)], by)
    return {
        period: missing
        for period, months in every.items()
        if period in have
        and (missing := [month for month in months if month not in {*have[period], *coverage.left_out}])
    }


def _volume(coverage: Coverage, window: Window, months: Sequence[str]) -> Volume:
    captures = [
        Capture(month, name, listed, coverage.captured[month, name])
        for (month, name), listed in sorted(coverage.listed.items())
        if month in months and name in window.independent
    ]
    return Volume({month: coverage.papers[month] for month in months}, captures)


def _by_period(months: Sequence[str], by: Period) -> Mapping[str, list[str]]:
    periods: dict[str, list[str]] = {}
    for month in months:
        periods.setdefault(period_of(date.fromisoformat(f"{month}-01"), by), []).append(month)
    return periods
