"""The population of a sample of abstracts: which listed papers belong to it, and how much of the field it holds.

Public lists carry different months and hold different parts of them, so a sample of abstracts says which list carries
which month, which papers of it count, and which independent lists measure its capture.
"""

import csv
import tomllib
from collections import Counter
from collections.abc import Callable, Container, Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from posttrain.files import whole
from survey.arxiv.listed import Listed
from survey.mentions.finder import matcher

VOLUME = "volume.csv"  # of a sample: papers of each month, and captures
_COLUMNS = ("month", "papers", "list", "listed", "captured")


@dataclass(frozen=True)
class Window:
    """Months (2023-02 to 2024-03, inclusive), the lists that carry them, and independent lists to measure capture."""

    since: str
    until: str
    lists: frozenset[str]
    independent: tuple[str, ...]

    def holds(self, month: str) -> bool:
        """Say whether a month lies in the window."""
        return self.since <= month <= self.until


@dataclass(frozen=True)
class Population:
    """A population of papers: by a pattern in title or abstract, in windows of months that lists carry.

    Without a pattern every paper matches it, without windows every month and list counts. `first_characters` of an
    abstract are read, all of it where it is None.
    """

    name: str
    title: str
    first_characters: int | None = None
    pattern: str | None = None
    windows: tuple[Window, ...] = ()

    @cached_property
    def matches(self) -> Callable[[bytes], bool]:
        """The pattern as a function over UTF-8."""
        return matcher(self.pattern) if self.pattern else lambda text: True

    def window_of(self, paper: Listed) -> Window | None:
        """Return the window of a paper's month, or None outside all of them."""
        month = month_of(paper)
        return next((window for window in self.windows if window.holds(month)), None)

    def text_of(self, paper: Listed) -> bytes:
        """Return what is read of a paper in UTF-8: its title, a blank line, the first characters of its abstract."""
        return f"{paper.title}\n\n{paper.abstract[: self.first_characters]}".encode("utf-8", "replace")

    def members(self, papers: Iterable[Listed], coverage: "Coverage | None" = None) -> Iterator[tuple[Listed, bytes]]:
        """Yield the papers of the sample with their text: about the subject, on a list that carries their month.

        Every paper about the subject, also of other lists, is counted in `coverage`.
        """
        for paper in papers:
            window = self.window_of(paper) if self.windows else None
            if self.windows and window is None:
                continue
            text = self.text_of(paper)
            if not self.matches(text):
                continue
            carried = window is None or not window.lists.isdisjoint(paper.lists)
            if coverage is not None and window is not None:
                coverage.add(paper, window, carried)
            if carried:
                yield paper, text


@dataclass
class Coverage:
    """How many papers of a sample lie in each month, and how many papers of independent lists it captures.

    papers: by month; listed and captured: by (month, independent list). left_out: the months of the sample that
    the window of a study leaves out.
    """

    papers: Counter[str] = field(default_factory=Counter)
    listed: Counter[tuple[str, str]] = field(default_factory=Counter)
    captured: Counter[tuple[str, str]] = field(default_factory=Counter)
    left_out: frozenset[str] = frozenset()

    def add(self, paper: Listed, window: Window, carried: bool) -> None:
        """Count a paper of the population; `carried` says whether it is of the sample."""
        month = month_of(paper)
        self.papers[month] += carried
        for name in window.independent:
            if name in paper.lists:
                self.listed[month, name] += 1
                self.captured[month, name] += carried

    def within(self, months: Container[str]) -> "Coverage":
        """Return the coverage of these months alone."""
        return Coverage(
            Counter({month: n for month, n in self.papers.items() if month in months}),
            Counter({key: n for key, n in self.listed.items() if key[0] in months}),
            Counter({key: n for key, n in self.captured.items() if key[0] in months}),
            self.left_out | {month for month in self.papers if month not in months},
        )

    def write(self, path: Path) -> None:
        """Write the coverage as CSV: a row for each month and list, a month that no list measures with an empty one."""
        rows = [
            (month, papers, name, self.listed[month, name], self.captured[month, name])
            for month, papers in self.papers.items()
            for name in sorted(name for at, name in self.listed if at == month) or [""]
        ]
        with whole(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([_COLUMNS, *sorted(rows)])


def read_coverage(path: Path) -> Coverage:
    """Return the coverage that `Coverage.write` wrote."""
    coverage = Coverage()
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            coverage.papers[row["month"]] = int(row["papers"])
            if row["list"]:
                coverage.listed[row["month"], row["list"]] = int(row["listed"])
                coverage.captured[row["month"], row["list"]] = int(row["captured"])
    return coverage


def read_population(path: Path) -> Population:
    """Return the population that a TOML file defines."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    windows = tuple(
        Window(row["since"], row["until"], frozenset(row["lists"]), tuple(row["independent"]))
        for row in table["window"]
    )
    return Population(table["name"], table["title"], table["first_characters"], table["pattern"], windows)


def every_listed(first_characters: int | None = None) -> Population:
    """Return the population of all listed papers."""
    return Population("listed", "all listed papers", first_characters)


def month_of(paper: Listed) -> str:
    """Return the month of version 1, such as 2024-03."""
    return paper.published.isoformat()[:7]
