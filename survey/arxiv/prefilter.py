"""A pre-filter: which listed papers to fetch in full, by category and by the words of title and abstract.

A filter loses papers. How many it loses is measured, never assumed: `survey.trends.recall`.
"""

import re
from dataclasses import dataclass
from functools import cached_property

from survey.arxiv.listed import Listed


@dataclass(frozen=True)
class Prefilter:
    """Keeps a paper that is in one of the categories and says one of the words; no category, or no word, keeps all.

    A word is found, in any case, where a word of title or abstract begins with it ("reason" finds "reasoning"); a
    space in it finds a hyphen too.
    """

    categories: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    @property
    def keeps_all(self) -> bool:
        """Say whether the filter has neither a category nor a word."""
        return not (self.categories or self.words)

    def keeps(self, paper: Listed) -> bool:
        """Say whether a paper passes."""
        in_category = not self.categories or not set(self.categories).isdisjoint(paper.categories)
        return in_category and (not self.words or bool(self._pattern.search(f"{paper.title} {paper.abstract}")))

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        words = (r"[\s-]+".join(map(re.escape, word.split())) for word in self.words)
        return re.compile(rf"(?<!\w)(?:{'|'.join(words)})", re.IGNORECASE)
