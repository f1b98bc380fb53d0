"""Periods: how time is cut on the date of version 1, and which period a month belongs to."""

from collections.abc import Collection
from datetime import date
from enum import StrEnum


class Period(StrEnum):
    """How time is cut, on the date of version 1."""

    YEAR = "year"
    HALF = "half"
    QUARTER = "quarter"
    MONTH = "month"


def period_of(month: date, by: Period) -> str:
    """Return the name of the period of `month`: 2025, 2025-H1, 2025-Q2 or 2025-06."""
    match by:
        case Period.YEAR:
            return str(month.year)
        case Period.HALF:
            return f"{month.year}-H{(month.month + 5) // 6}"
        case Period.QUARTER:
            return f"{month.year}-Q{(month.month + 2) // 3}"
        case Period.MONTH:
            return f"{month:%Y-%m}"


def without_gaps(periods: Collection[str], by: Period) -> list[str]:
    """Return every period from the first to the last of `periods`, in order, those that are missing included."""
    years = [int(period[:4]) for period in periods]
    months = (date(year, month, 1) for year in range(min(years), max(years) + 1) for month in range(1, 13))
    every = dict.fromkeys(period_of(month, by) for month in months)
    return [period for period in every if min(periods) <= period <= max(periods)]
