"""The chosen texts of a store: of each paper the text of its best readable copy, or the reason why it has none.

Which copy is best is decided in one place, the view `chosen_text` of the store's index (`survey.store.papers`): source
before parsed records before PDF, later versions first, as `survey.fulltext.PREFERENCE` has it.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from survey.fulltext import EXTRACTOR, Kind
from survey.fulltext.sections import IN_PART
from survey.store.papers import Extraction, Source, Store

if TYPE_CHECKING:  # loads Arrow, which a report does without
    from survey.store.texts import StoredText

METADATA_ONLY = "metadata only"
NOT_YET = "not extracted yet"
_EXTRACTION = "source, surface, reason, shard, row, note"  # of an Extraction, in order


class ChosenText(NamedTuple):
    """A paper with a text: its copies, the one to prefer first, and the extraction that is counted."""

    copies: list[Source]
    extraction: Extraction

    @property
    def paper(self) -> str:
        """The key of the paper."""
        return self.copies[0].paper


def chosen_texts(store: Store) -> list[ChosenText]:
    """Return every paper with a text, in the order in which the papers came."""
    rows = store.rows(f"SELECT paper, {_EXTRACTION} FROM chosen_text WHERE extractor = ?", EXTRACTOR)
    chosen = {row[0]: Extraction(*row[1:]) for row in rows}
    return [ChosenText(copies, chosen[copies[0].paper]) for copies in store.copies() if copies[0].paper in chosen]


def papers_with_text(store: Store) -> set[str]:
    """Return the keys of the papers that have a text."""
    return {row[0] for row in store.rows("SELECT paper FROM chosen_text WHERE extractor = ?", EXTRACTOR)}


def papers_with_content(store: Store) -> set[str]:
    """Return the keys of the papers with a copy that has a text, or that may have one and is not read yet."""
    rows = store.rows(
        "SELECT DISTINCT paper FROM source"
        " LEFT JOIN extraction ON extraction.source = source.id AND extractor = ?"
        " WHERE kind <> ? AND reason IS NULL",
        EXTRACTOR, Kind.METADATA,
    )  # fmt: skip
    return {row[0] for row in rows}


def unread(store: Store) -> list[Source]:
    """Return the next copy to read of every paper: the best that is untried, unless a better one has a text."""
    return store.next_copies(EXTRACTOR)


def each_text(store: Store, chosen: Sequence[ChosenText]) -> "Iterator[tuple[int, StoredText]]":
    """Yield the number in `chosen` and the text of each paper, shard by shard; valid until the next is read."""
    from survey.store.texts import read_shard

    by_shard: dict[str, dict[int, int]] = {}
    for number, (_, extraction) in enumerate(chosen):
        by_shard.setdefault(str(extraction.shard), {})[int(extraction.row or 0)] = number
    for shard, papers in by_shard.items():
        for stored in read_shard(store.text_path(shard), frozenset(papers)):
            yield papers[stored.row], stored


def text_of(store: Store, paper: str) -> "tuple[StoredText, str] | None":
    """Return the counted text of one paper with the note on its missing parts, or None where the paper has no text."""
    from survey.store.texts import read_shard

    query = "SELECT shard, row, note FROM chosen_text WHERE paper = ? AND extractor = ?"
    for shard, row, note in store.rows(query, paper, EXTRACTOR):
        return next(read_shard(store.text_path(shard), frozenset([row]))), note
    return None


def texts_fingerprint(store: Store) -> str:
    """Return 12 digits that name exactly the texts that would be counted now, so that older counts can be recognised.

    A text follows from its raw file, its index in that file and the extractor, so the same papers give the same
    fingerprint everywhere.
    """
    rows = store.rows(
        "SELECT source.paper, sha256, member FROM chosen_text JOIN source ON source.id = chosen_text.source"
        " WHERE extractor = ?",
        EXTRACTOR,
    )
    texts = sorted(f"{paper} {sha256} {member} {EXTRACTOR}" for paper, sha256, member in rows)
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()[:12]


def papers_without_text(store: Store) -> dict[str, str]:
    """Return the reason of every paper without a text that counts.

    It is that the paper is withdrawn, else its best tried copy's, else NOT_YET or METADATA_ONLY.
    """
    rows = store.rows(
        "SELECT copy.paper, copy.kind, extraction.reason FROM copy"
        " LEFT JOIN extraction ON extraction.source = copy.id AND extractor = ?1"
        " WHERE copy.paper NOT IN (SELECT paper FROM chosen_text WHERE extractor = ?1) ORDER BY first, rank",
        EXTRACTOR,
    )
    withdrawn = dict(store.rows("SELECT paper, min(reason) FROM withdrawn GROUP BY paper"))
    reasons = {}
    for paper, copies in groupby(rows, key=itemgetter(0)):
        outcomes = [reason for _, kind, reason in copies if kind != Kind.METADATA]
        tried = (reason for reason in outcomes if reason is not None)
        reasons[paper] = withdrawn.get(paper) or next(tried, NOT_YET) if outcomes else METADATA_ONLY
    return reasons


def texts_in_part(store: Store) -> list[tuple[str, str]]:
    """Return (paper, what is missing) of every paper whose text is not whole, in the order in which the papers came."""
    rows = store.rows(
        "SELECT paper, note FROM chosen_text WHERE extractor = ? AND note <> '' ORDER BY first", EXTRACTOR
    )
    return [(paper, note.removeprefix(IN_PART)) for paper, note in rows]


def reasons_without_text(store: Store) -> Counter[str]:
    """Count the papers without a text by their reason."""
    return Counter(papers_without_text(store).values())
