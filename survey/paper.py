"""A paper: one arXiv e-print, keyed by its id without version.

Ids follow https://info.arxiv.org/help/arxiv_identifier.html: YYMM.number since April 2007 (four digits of
number until 1412, five since 1501) and archive/YYMMNNN before.
"""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from difflib import SequenceMatcher
from enum import StrEnum

_NEW_ID = r"(?:0[7-9]|1[0-4])(?:0[1-9]|1[0-2])\.\d{4}|(?:1[5-9]|[2-8]\d)(?:0[1-9]|1[0-2])\.\d{5}"
_OLD_ID = r"[a-z][a-z-]+(?:\.[A-Z]{2})?/(?:9[1-9]|0[0-7])(?:0[1-9]|1[0-2])\d{3}"
_ID = re.compile(rf"(?:(?<=arXiv\.)|(?<![\w.]))(?P<id>{_NEW_ID}|{_OLD_ID})(?:v(?P<version>[1-9]\d?))?(?![\d])")
_STAMP = re.compile(
    rf"arXiv:\s*(?P<id>{_NEW_ID}|{_OLD_ID})(?:v(?P<version>[1-9]\d?))?\s*"
    r"\\?\[[\w.-]+\\?\]\s*(?P<date>\d{1,2}\s+[A-Z][a-z]{2}\s+\d{4})"
)


class IdSource(StrEnum):
    """The proof of a paper's id, strongest first."""

    RECORD = "record"  # a field of the file: JSON paper_id, parquet column, metadata snapshot
    HEADER = "header"  # the header of a markdown file
    STAMP = "stamp"  # arXiv's stamp on the first page
    NAME = "name"  # the file's name, where nothing inside the file speaks against it
    NONE = "none"  # nothing: the paper has a local key


@dataclass(frozen=True)
class ArxivId:
    """An arXiv id and, where known, its version."""

    id: str
    version: int | None = None

    @property
    def month(self) -> date:
        """The first day of the month in the id, which is the month of version 1."""
        digits = self.id.split("/")[-1]
        year = int(digits[:2])
        return date(year + (1900 if year > 90 else 2000), int(digits[2:4]), 1)


@dataclass(frozen=True)
class Identity:
    """The identity of a paper as its file states it.

    `published` is a date stated in the file, version 1's where `is_first`. `inside` is the newest date that the
    content itself bears (creation date, newest citation); it can only speak against an id.
    """

    arxiv_id: ArxivId | None
    source: IdSource
    title: str = ""
    published: date | None = None
    is_first: bool = False
    inside: date | None = None


@dataclass(frozen=True)
class Stamp:
    """arXiv's stamp on a first page: `arXiv:2302.04761v1 [cs.CL] 9 Feb 2023`."""

    arxiv_id: ArxivId
    date: date


def find_arxiv_id(text: str) -> ArxivId | None:
    """Return the first arXiv id in `text`, or None. Digits that cannot be an id (month 13) are passed over."""
    match = _ID.search(text)
    return _to_id(match) if match else None


def find_stamp(first_page: str) -> Stamp | None:
    """Return the arXiv stamp in the text of a first page, or None.

    Only the full form with category and date counts: a bare id may be a citation of another paper.
    """
    match = _STAMP.search(first_page)
    if not match:
        return None
    try:
        day = datetime.strptime(" ".join(match["date"].split()), "%d %b %Y").date()
    except ValueError:
        return None
    return Stamp(_to_id(match), day)


def first_version_date(arxiv_id: ArxivId, stated: date | None, is_first: bool) -> date:
    """Return the date that decides a paper's period: version 1's.

    A stated date is used when it is version 1's and possible for the id; else the month in the id.
    """
    return stated if stated and is_first and fits_id(arxiv_id, stated) else arxiv_id.month


def fits_id(arxiv_id: ArxivId, day: date) -> bool:
    """Say whether `day` can be version 1's: in the month of the id, or in the last days before, when it was sent in."""
    following = (arxiv_id.month + timedelta(days=32)).replace(day=1)
    return arxiv_id.month - timedelta(days=31) <= day < following


def name_is_plausible(named: ArxivId, inside: date | None) -> bool:
    """Say whether a file named for `named` can be that paper, by the newest date that stands inside it.

    A paper's file is made, and cites, no earlier than a few years before its id, and rarely later than two years
    after (a late version). Without any date inside, a name alone is not believed.
    """
    if inside is None:
        return False
    months = (inside.year - named.month.year) * 12 + inside.month - named.month.month
    return -36 <= months <= 24


def newest_date_inside(text: str, today: date) -> date | None:
    """Return the newest month among the arXiv ids and years that `text` mentions, or None."""
    days = [ArxivId(match["id"]).month for match in _ID.finditer(text)]
    days += [date(int(year), 1, 1) for year in re.findall(r"(?<!\d)((?:19|20)\d\d)(?!\d)", text)]
    return max((day for day in days if day <= today), default=None)


def titles_agree(title: str, other: str) -> bool:
    """Say whether two readings of a title can be the same one, whatever the case, accents, hyphens and lost ends."""
    first, second = sorted((_letters(title), _letters(other)), key=len)
    return bool(first) and (first in second or SequenceMatcher(None, first, second).ratio() > 0.6)


def _to_id(match: re.Match[str]) -> ArxivId:
    return ArxivId(match["id"], int(match["version"]) if match["version"] else None)


def _letters(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text).lower()
    return "".join(char for char in decomposed if char.isalnum() and char.isascii())
