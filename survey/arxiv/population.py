"""The population of an abstract sample: which listed papers belong to it, and how much of the field it holds.

Public lists carry different months and hold different parts of them, so a sample of abstracts says which list carries
which month, which papers of it count, and which independent lists measure its capture.
"""

import re
import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from survey.arxiv.listed import Listed


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
    """A population of papers: by a pattern in title or abstract, in windows of months that lists carry."""

    name: str
    title: str
    pattern: re.Pattern[str]
    first_characters: int
    windows: tuple[Window, ...]

    def window_of(self, paper: Listed) -> Window | None:
        """Return the window of a paper's month, or None outside all of them."""
        month = f"{paper.published:%Y-%m}"
        return next((window for window in self.windows if window.holds(month)), None)

    def is_carried(self, paper: Listed) -> bool:
        """Say whether a list that carries the paper's month holds it."""
        window = self.window_of(paper)
        return window is not None and not window.lists.isdisjoint(paper.lists)

    def is_about(self, paper: Listed) -> bool:
        """Say whether title or abstract match the population's pattern."""
        return self.pattern.search(self.text_of(paper)) is not None

    def holds(self, paper: Listed) -> bool:
        """Say whether a paper is of the sample: about the subject, and on a list that carries its month."""
        return self.is_carried(paper) and self.is_about(paper)

    def text_of(self, paper: Listed) -> str:
        """Return the text that is read of a paper: its title, a blank line, the first characters of its abstract."""
        return f"{paper.title}\n\n{paper.abstract[: self.first_characters]}"


@dataclass
class Coverage:
    """How many papers of a population lie in each month, and how many of independent lists it captures.

    papers: by (month, carried by the window's lists); captures: (listed, captured) by (month, independent list).
    """

    papers: Counter[str] = field(default_factory=Counter)
    listed: Counter[tuple[str, str]] = field(default_factory=Counter)
    captured: Counter[tuple[str, str]] = field(default_factory=Counter)


def read_population(path: Path) -> Population:
    """Return the population that a TOML file defines."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    windows = tuple(
        Window(row["since"], row["until"], frozenset(row["lists"]), tuple(row["independent"]))
        for row in table["window"]
    )
    pattern = re.compile(table["pattern"], re.IGNORECASE)
    return Population(table["name"], table["title"], pattern, table["first_characters"], windows)


def coverage_of(population: Population, papers: Iterable[Listed]) -> Coverage:
    """Return the coverage of a population over all listed papers."""
    coverage = Coverage()
    for paper in papers:
        window = population.window_of(paper)
        if window is None or not population.is_about(paper):
            continue
        month, carried = f"{paper.published:%Y-%m}", not window.lists.isdisjoint(paper.lists)
        coverage.papers[month] += carried
        for name in window.independent:
            if name in paper.lists:
                coverage.listed[month, name] += 1
                coverage.captured[month, name] += carried
    return coverage
