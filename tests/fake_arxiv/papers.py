"""The papers that the fake arXiv holds: made up, reproducible from a seed, submitted as unevenly as real ones."""

import bisect
import gzip
import itertools
import random
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

from tests.builders import FILLER, latex, make_pdf, make_tar

State = Literal["open", "withdrawn", "encrypted", "unavailable"]

EARLIEST = date(2005, 9, 16)  # of arXiv's OAI-PMH
LICENSES = {
    "http://arxiv.org/licenses/nonexclusive-distrib/1.0/": 66,
    "http://creativecommons.org/licenses/by/4.0/": 24,
    "http://creativecommons.org/licenses/by-nc-nd/4.0/": 4,
    "http://creativecommons.org/licenses/by-sa/4.0/": 3,
    "http://creativecommons.org/publicdomain/zero/1.0/": 2,
    "": 1,
}
PRIMARY = {"cs.CL": 26, "cs.LG": 24, "cs.CV": 18, "cs.AI": 14, "cs.RO": 5, "stat.ML": 4, "cs.IR": 3, "cs.SE": 3,
           "eess.AS": 2, "math.OC": 2, "quant-ph": 1, "physics.soc-ph": 1}  # fmt: skip
_CROSS = ("", "", " cs.AI", " cs.LG", " cs.CL", " cs.AI cs.LG", " cs.CL cs.LG", " stat.ML", " cs.CV cs.AI", " cs.HC")
_WEEKDAY = (1.15, 1.25, 1.2, 1.15, 1.0, 0.35, 0.4)  # Monday first
_HOUR = (6, 5, 5, 4, 4, 4, 5, 6, 8, 9, 10, 9, 9, 10, 12, 14, 18, 24, 8, 7, 7, 7, 7, 6)  # up to the deadline at 18 UTC
_DEADLINE = 0.04  # of a day's papers come in its deadline's last minute

_SUBJECTS = ("language models", "reward models", "retrieval", "planning", "código", "dialogue", "reasoning", "agents")
_VERBS = ("Teaching", "Aligning", "Probing", "Scaling", "Distilling", "Auditing", "Rewarding", "Unlearning")
_MEANS = ("verifiable rewards", "synthetic data", "tool use", "human feedback", "curricula", "Schrödinger bridges",
          "fewer than $n < 10$ examples", "search & replay")  # fmt: skip
_FORENAMES = ("Ada", "Björn", "Chen", "Divya", "Élodie", "Fatma", "Goran", "Hye-jin", "Ivo", "J. K.")
_KEYNAMES = ("Müller", "Nguyễn", "O'Neill", "Petrova", "Quispe", "Rossi", "Šimić", "Tanaka", "van der Berg", "Wu")


@dataclass(frozen=True)
class FakePaper:
    """A paper and what the server says about it; `published` is the date of v1, `updated` that of the last version.

    `state` says what happens to those who want its content: a withdrawn paper's last version gives 404, an encrypted
    source 403, an unavailable one 500.
    """

    id: str
    published: datetime
    updated: datetime
    title: str
    abstract: str
    categories: tuple[str, ...]
    authors: tuple[str, ...]
    versions: int = 1
    license: str = ""
    datestamp: date = EARLIEST
    source: bytes | None = None
    pdf: bytes | None = None
    html: bytes | None = None
    comment: str | None = None
    journal_ref: str | None = None
    doi: str | None = None
    state: State = "open"

    def version_date(self, version: int) -> datetime:
        """When `version` was submitted: the first and the last are known, the others lie evenly between them."""
        if version <= 1 or self.versions == 1:
            return self.published
        share = (version - 1) / (self.versions - 1)
        return (self.published + (self.updated - self.published) * share).replace(microsecond=0)


def make_corpus(
    n: int,
    seed: int,
    start: date,
    until: date,
    *,
    burst: int = 0,
    content_share: float = 0.0,
    bulk_share: float = 0.02,
) -> list[FakePaper]:
    """Return `n` papers submitted from `start` to `until`, both inclusive, oldest first; the same for the same seed.

    Weekends are quiet and the minute before the deadline is not. `burst` of them share one single minute in the
    middle. A `content_share` of them carry a source, a PDF or an HTML page. A `bulk_share` was touched by one job on
    one day, as arXiv's licence and category jobs do, so that a day of OAI-PMH is longer than a page.
    """
    rng = random.Random(seed)
    moments = _moments(rng, n, start, until, burst)
    abstracts = [_abstract(rng) for _ in range(499)]
    crosses = {primary: [_categories(primary + cross) for cross in _CROSS] for primary in PRIMARY}
    primaries = rng.choices(list(PRIMARY), list(PRIMARY.values()), k=n)
    names = [tuple(_author(rng) for _ in range(1 + index % 4)) for index in range(499)]
    titles = [f"{verb} {subject} with {means}" for verb in _VERBS for subject in _SUBJECTS for means in _MEANS]
    licenses = rng.choices(list(LICENSES), list(LICENSES.values()), k=n)
    versions = rng.choices((1, 2, 3, 4), (68, 21, 8, 3), k=n)
    bulk_day = until + timedelta(days=30)
    numbers: dict[str, itertools.count[int]] = {}
    papers = []
    for index, published in enumerate(moments):
        month = f"{published.year % 100:02d}{published.month:02d}"
        number = next(numbers.setdefault(month, itertools.count(1)))
        paper_id = f"{month}.{number:05d}"
        updated = published
        if versions[index] > 1:
            updated += timedelta(seconds=rng.randrange(3600, 86400 * 200))
        bulk = rng.random() < bulk_share
        source, pdf, html = _content(paper_id, index) if rng.random() < content_share else (None, None, None)
        papers.append(
            FakePaper(
                id=paper_id,
                published=published,
                updated=updated,
                title=f"{rng.choice(titles)}, part {index + 1}",
                abstract=rng.choice(abstracts),
                categories=rng.choice(crosses[primaries[index]]),
                authors=rng.choice(names),
                versions=versions[index],
                license=licenses[index],
                datestamp=max(EARLIEST, bulk_day if bulk else updated.date() + timedelta(days=1)),
                source=source,
                pdf=pdf,
                html=html,
                comment=f"{8 + index % 30} pages" if index % 3 else None,
                journal_ref=f"J. Made Up Res. {index % 90} (2024)" if index % 11 == 0 else None,
                doi=f"10.5555/fake.{index}" if index % 7 == 0 else None,
            )
        )
    return papers


def _moments(rng: random.Random, n: int, start: date, until: date, burst: int) -> list[datetime]:
    """`n` moments in order: growing towards `until`, by weekday and hour, with the deadline and the burst."""
    days = [start + timedelta(days=offset) for offset in range((until - start).days + 1)]
    weights = [_WEEKDAY[day.weekday()] * (1 + index / len(days)) for index, day in enumerate(days)]
    midnights = [datetime.combine(day, time(), UTC) for day in days]
    hours = list(itertools.accumulate(_HOUR))
    moments = []
    for midnight in rng.choices(midnights, weights, k=n - burst):
        if rng.random() < _DEADLINE:
            second = 17 * 3600 + 59 * 60 + rng.randrange(60)
        else:
            second = bisect.bisect(hours, rng.randrange(hours[-1])) * 3600 + rng.randrange(3600)
        moments.append(midnight + timedelta(seconds=second))
    noon = midnights[len(midnights) // 2] + timedelta(hours=12, minutes=34)
    moments += [noon + timedelta(seconds=rng.randrange(60)) for _ in range(burst)]
    return sorted(moments)


def _categories(words: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(words.split()))


def _author(rng: random.Random) -> str:
    return f"{rng.choice(_FORENAMES)} {rng.choice(_KEYNAMES)}"


def _abstract(rng: random.Random) -> str:
    """Two to four sentences, some with mathematics and an ampersand, some with arXiv's two leading spaces."""
    sentences = [
        f"We study {rng.choice(_SUBJECTS)} under {rng.choice(_MEANS)} and find \\emph{{{rng.choice(_SUBJECTS)}}} to"
        f" improve by {rng.randrange(1, 40)}\\% when $\\alpha<{rng.randrange(2, 9)}$."
        for _ in range(rng.randrange(2, 5))
    ]
    return rng.choice(("", "  ")) + " ".join(sentences)


def _content(paper_id: str, index: int) -> tuple[bytes | None, bytes | None, bytes | None]:
    """Source, PDF and HTML of a paper: by turns an archive, a single gzipped file, and one that is only a PDF."""
    body = f"This is paper {paper_id}.\n{FILLER}"
    pdf = make_pdf([body])
    if index % 3 == 2:
        return pdf, pdf, None
    tex = latex(body).encode()
    stored = make_tar({"main.tex": tex, "old/main.tex": tex, "00README.XXX": b""}, gz=False) if index % 3 == 0 else tex
    html = f"<!DOCTYPE html><html><body><article class='ltx_document'><p>{body}</p></article></body></html>".encode()
    return gzip.compress(stored, mtime=0), pdf, html
