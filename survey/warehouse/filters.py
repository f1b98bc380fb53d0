"""Filters: the part of a sample that a table is asked for, by category, month and words."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from posttrain.errors import ConfigurationError

_MONTH = re.compile(r"(\d{4})(?:-(0[1-9]|1[0-2]))?")


@dataclass(frozen=True)
class Filters:
    """A paper passes in one of the categories, of a month from `since` to `until`, with one of the words.

    Months are written 2024-03 and include both ends; what is empty keeps every paper.
    """

    categories: tuple[str, ...] = ()
    since: str = ""
    until: str = ""
    words: tuple[str, ...] = ()

    @property
    def keeps_all(self) -> bool:
        """Say whether no filter is set."""
        return self == Filters()

    @property
    def keeps_whole_years(self) -> bool:
        """Say whether months are the only filter, and cut no year: 2024-01 to 2025-12."""
        starts, ends = self.since[5:] in ("", "01"), self.until[5:] in ("", "12")
        return not (self.categories or self.words) and starts and ends

    def holds(self, published: date | None) -> bool:
        """Say whether a paper of this date lies in the months; without a date only where no month is asked for."""
        if not (self.since or self.until):
            return True
        month = published.isoformat()[:7] if published else ""
        return bool(month) and self.since <= month <= (self.until or "9999-12")

    @property
    def sentence(self) -> str:
        """The filters in words."""
        months = " to ".join(filter(None, [self.since, self.until])) if self.since and self.until else ""
        months = months or (f"{self.since} on" if self.since else f"the first to {self.until}" if self.until else "")
        parts = [
            f"category {' or '.join(self.categories)}" if self.categories else "",
            f"version 1 of {months}" if months else "",
            f"{' or '.join(f'“{word}”' for word in self.words)} in title or abstract" if self.words else "",
        ]
        return "; ".join(filter(None, parts))

    def as_data(self) -> dict[str, Any]:
        """Return the filters as plain data, for provenance and manifests."""
        return {
            "category": list(self.categories), "from": self.since or None, "until": self.until or None,
            "words": list(self.words),
        }  # fmt: skip


def filters_of(
    categories: Sequence[str] | None = None, since: str | None = None, until: str | None = None,
    words: Sequence[str] | None = None,
) -> Filters:  # fmt: skip
    """Return the filters that options ask for; `2024` is January to December. Raises ConfigurationError.

    Several categories may stand in one option: `--category cs.CL,cs.LG` or `--category "cs.CL cs.LG"`.
    """
    first, last = _month("--from", since, "01"), _month("--until", until, "12")
    if first and last and first > last:
        raise ConfigurationError(f"--from {first} lies behind --until {last}", f"--from {last} --until {first}")
    names = tuple(dict.fromkeys(name for text in categories or () for name in re.split(r"[\s,]+", text) if name))
    if (categories and not names) or any(not word.strip() for word in words or ()):
        raise ConfigurationError("an empty --category or --words", "--category cs.CL, --words RAG")
    return Filters(names, first, last, tuple(dict.fromkeys(" ".join(word.split()) for word in words or ())))


def _month(flag: str, text: str | None, missing: str) -> str:
    if text is None:
        return ""
    match = _MONTH.fullmatch(text.strip())
    if not match:
        raise ConfigurationError(f"{flag} '{text}' is no month; expected YYYY-MM or YYYY", f"{flag} 2024-{missing}")
    return f"{match[1]}-{match[2] or missing}"


EVERY_PAPER = Filters()
