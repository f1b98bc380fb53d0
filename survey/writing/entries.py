"""A paper as a bibliography has it, from a list of papers with what arXiv's listing knows of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from survey.arxiv.listed import Listed
from survey.paper import find_arxiv_id

DOI = "10.48550/arXiv."  # which arXiv registers for every paper, old ids too


@dataclass(frozen=True)
class Entry:
    """A paper to cite. What is not known is empty; `published` is the day or the month of version 1."""

    paper: str  # an arXiv id without version, or a local key
    title: str
    published: str
    authors: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    surface: str = ""

    @property
    def arxiv_id(self) -> str:
        """The arXiv id; empty for a paper without one."""
        named = find_arxiv_id(self.paper)
        return named.id if named and named.id == self.paper else ""

    @property
    def key(self) -> str:
        """The citation key: one paper has one key in every bibliography, and no two papers share one."""
        return f"arxiv-{self.arxiv_id.replace('/', '-')}" if self.arxiv_id else self.paper.replace(":", "-")

    @property
    def doi(self) -> str:
        """The DOI that arXiv registers; empty for a paper without an arXiv id."""
        return f"{DOI}{self.arxiv_id}" if self.arxiv_id else ""

    @property
    def url(self) -> str:
        """The page of the paper; empty for a paper without an arXiv id."""
        return f"https://arxiv.org/abs/{self.arxiv_id}" if self.arxiv_id else ""

    @property
    def primary_class(self) -> str:
        """The first category, which is arXiv's primary one where arXiv's own listing gave it."""
        return self.categories[0] if self.categories else ""

    def as_data(self) -> dict[str, Any]:
        """Return what the entry adds to a paper of `survey papers`."""
        return {
            "authors": list(self.authors), "categories": list(self.categories), "doi": self.doi, "url": self.url,
            "key": self.key,
        }  # fmt: skip


def entries_of(papers: Sequence[Mapping[str, Any]], data: Path | None) -> list[Entry]:
    """Return the entries of papers of `survey papers`, in their order.

    data: the folder of own data, whose listing knows authors and categories; None where papers are not one's own.
    """
    from survey.arxiv.ledger import Ledger  # it loads DuckDB, which `survey --help` does without

    listed: Mapping[str, Listed] = {}
    authors: Mapping[str, tuple[str, ...]] = {}
    if data is not None and Ledger.exists(data):
        with Ledger(data) as ledger:
            listed, authors = ledger.known(str(paper["arxiv_id"]) for paper in papers), ledger.authors()
    return [_entry(paper, listed.get(str(paper["arxiv_id"])), authors) for paper in papers]


def _entry(paper: Mapping[str, Any], listed: Listed | None, authors: Mapping[str, tuple[str, ...]]) -> Entry:
    key = str(paper["arxiv_id"])
    day = str(paper["published"] or "")
    return Entry(
        key,
        paper["title"] or (listed.title if listed else ""),
        day[:7] if paper["published_is"] == "month" else day,
        authors.get(key, ()),
        listed.categories if listed else (),
        tuple(paper["domains"]),
        paper["surface"],
    )
