"""A pre-filter: which listed papers to fetch in full, by category and by the words of title and abstract.

A filter loses papers, and how many is measured, never assumed: its recall is the share it keeps of the papers that are
known, by their counts, to belong to a domain. Papers that a filter has chosen are no measure of one, so the ledger
remembers which those are, and they do not count here.
"""

import re
from dataclasses import dataclass
from functools import cached_property

from posttrain.statistics import Share, share_of
from survey.arxiv.ledger import Ledger
from survey.arxiv.listed import Listed
from survey.mentions.domain import DEFAULT_THRESHOLD
from survey.trends.domain import Scope, sections_of
from survey.warehouse.database import Warehouse


@dataclass(frozen=True)
class Prefilter:
    """Keeps a paper that is in one of the categories and says one of the words; no category, or no word, keeps all.

    A word is found, in any case, where a word of title or abstract begins with it ("reason" finds "reasoning"); a
    space in it finds a hyphen too.
    """

    categories: tuple[str, ...] = ()
    words: tuple[str, ...] = ()

    def keeps(self, paper: Listed) -> bool:
        """Say whether a paper passes."""
        in_category = not self.categories or not set(self.categories).isdisjoint(paper.categories)
        return in_category and (not self.words or bool(self._pattern.search(f"{paper.title} {paper.abstract}")))

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        words = (r"[\s-]+".join(map(re.escape, word.split())) for word in self.words)
        return re.compile(rf"(?<!\w)(?:{'|'.join(words)})", re.IGNORECASE)


def measure_recall(
    prefilter: Prefilter, ledger: Ledger, warehouse: Warehouse, threshold: int = DEFAULT_THRESHOLD
) -> Share | None:
    """Return which share of the listed papers that belong to a domain at `threshold` the filter keeps.

    Only papers that were not themselves chosen by a filter are asked; None where there are none.
    """
    rows = warehouse.query(
        "papers", threshold=threshold, reached=threshold, domain=None, domain_sum=False, sections=sections_of(Scope.ALL)
    )
    chosen = ledger.prefiltered()
    known = ledger.known(row[0] for row in rows if row[0] not in chosen)
    return share_of(sum(map(prefilter.keeps, known.values())), len(known))


def sentence(kept: int, of: int, recall: Share | None) -> str:
    """Return how much a filter narrows a download, and what it is known to lose."""
    told = f"the pre-filter keeps {kept:,} of {of:,} papers"
    if recall is None:
        return (
            f"{told}; its recall is not measured: no listed paper has been counted without a filter. To measure it, "
            "first: survey download --limit 300, survey extract, survey label"
        )
    return (
        f"{told}; measured on those counted without a filter, it keeps {recall.k:,} of {recall.n:,} that name a "
        f"benchmark {DEFAULT_THRESHOLD} times or more ({recall.share:.1%}, {recall.low:.1%} to {recall.high:.1%})"
    )
