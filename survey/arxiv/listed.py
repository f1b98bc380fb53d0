"""Listing: which papers exist. The query API, OAI-PMH and the metadata snapshot give the same records."""

from datetime import date
from typing import NamedTuple


class Listed(NamedTuple):
    """A paper as arXiv lists it. `published` is version 1's day, `version` the latest."""

    arxiv_id: str
    version: int | None
    title: str
    abstract: str
    categories: tuple[str, ...]
    published: date
    license: str | None = None  # the query API does not say
    lists: tuple[str, ...] = ()  # the public lists that hold the paper, where a table of abstracts names them


def one_line(text: str) -> str:
    """Return `text` without line breaks and outer spaces, so that every route gives the same title and abstract."""
    flat = text.strip().replace("\n", " ").replace("\t", " ")
    return " ".join(flat.split()) if "  " in flat else flat  # splitting takes fifty times as long, over millions
