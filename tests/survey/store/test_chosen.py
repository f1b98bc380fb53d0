"""Which text of a paper is counted: the view of the index decides as a few lines of plain Python would."""

import sqlite3
import tempfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from survey.fulltext import EXTRACTOR, PREFERENCE, Kind
from survey.store.chosen import (
    METADATA_ONLY,
    NOT_YET,
    chosen_texts,
    papers_with_content,
    papers_with_text,
    papers_without_text,
    reasons_without_text,
    text_of,
    unread,
)
from survey.store.papers import Extraction, Source, Store
from tests.workers import a_source

# A copy as (paper, kind, version, outcome); an outcome is (extractor, reason or None), or None where it was never read.
Copy = tuple[str, Kind, int | None, tuple[int, str | None] | None]
COPIES = st.lists(
    st.tuples(
        st.sampled_from(["2501.00001", "2501.00002", "local:ab"]),
        st.sampled_from(list(Kind)),
        st.sampled_from([None, 0, 1, 2]),
        st.none() | st.tuples(st.sampled_from([EXTRACTOR - 1, EXTRACTOR]), st.sampled_from([None, "torn", "wet"])),
    ),
    max_size=12,
)


def _fill(store: Store, copies: list[Copy]) -> None:
    store.add_sources(
        replace(a_source(f"{number:064x}", paper), kind=kind, version=version)
        for number, (paper, kind, version, _) in enumerate(copies)
    )
    for source, (_, _, _, outcome) in zip(store.sources(), copies, strict=True):
        if outcome is not None:
            extractor, reason = outcome
            found = Extraction(source.id, "pdf", None, "part-1.parquet", source.id, "a note")
            failed = Extraction(source.id, None, reason, None, None)
            store.add_extractions([failed if reason else found], extractor)


class _ByHand:
    """The choice in plain Python, from the tables alone: the oracle of the view."""

    def __init__(self, store: Store) -> None:
        self.done = store.extractions(EXTRACTOR)
        self.copies: dict[str, list[Source]] = {}
        for source in store.sources():
            self.copies.setdefault(source.paper, []).append(source)
        for sources in self.copies.values():
            sources.sort(key=lambda s: (PREFERENCE.index(Kind(s.kind)), -(s.version or 0), s.id))

    def with_text(self, paper: str) -> Extraction | None:
        extractions = (self.done.get(source.id) for source in self.copies[paper])
        return next((e for e in extractions if e is not None and e.reason is None), None)

    def next_copy(self, paper: str) -> Source | None:
        for source in self.copies[paper]:
            if source.id in self.done and self.done[source.id].reason is None:
                return None
            if source.id not in self.done and source.kind != Kind.METADATA:
                return source
        return None

    def reason(self, paper: str) -> str:
        texts = [source for source in self.copies[paper] if source.kind != Kind.METADATA]
        tried = [self.done[source.id] for source in texts if source.id in self.done]
        return (str(tried[0].reason) if tried else NOT_YET) if texts else METADATA_ONLY


@pytest.mark.slow
@given(COPIES)
def test_the_view_chooses_as_plain_python_does(copies: list[Copy]) -> None:
    """On any store: copies in order, the chosen texts, what is read next, and why a paper has no text."""
    with tempfile.TemporaryDirectory() as folder, Store(Path(folder)) as store:
        _fill(store, copies)
        oracle = _ByHand(store)
        chosen = {paper: text for paper in oracle.copies if (text := oracle.with_text(paper))}
        assert list(store.copies()) == list(oracle.copies.values())
        assert [tuple(text) for text in chosen_texts(store)] == [(oracle.copies[p], e) for p, e in chosen.items()]
        assert papers_with_text(store) == set(chosen)
        assert unread(store) == [copy for paper in oracle.copies if (copy := oracle.next_copy(paper))]
        reasons = {paper: oracle.reason(paper) for paper in oracle.copies if paper not in chosen}
        assert papers_without_text(store) == reasons
        assert reasons_without_text(store) == Counter(reasons.values())
        assert papers_with_content(store) == {
            paper
            for paper, sources in oracle.copies.items()
            if any(
                s.kind != Kind.METADATA and (s.id not in oracle.done or not oracle.done[s.id].reason) for s in sources
            )
        }


def test_every_kind_has_a_rank() -> None:
    """A kind without a rank would be preferred to all others."""
    assert sorted(PREFERENCE) == sorted(Kind)


def test_a_single_paper_is_looked_up_by_the_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The text of one paper costs its own copies: no step of the plan walks over all sources."""
    asked = []
    original = Store.rows

    def rows(store: Store, query: str, *values: object) -> object:
        asked.append((query, values))
        return original(store, query, *values)

    monkeypatch.setattr(Store, "rows", rows)
    with Store(tmp_path) as store:
        assert text_of(store, "2501.00001") is None
        [(query, values)] = asked
        steps = [str(row[3]) for row in original(store, f"EXPLAIN QUERY PLAN {query}", *values)]
    assert "SEARCH source USING INDEX source_paper (paper=?)" in steps
    assert not {"SCAN source", "SCAN extraction"} & set(steps)


def test_a_store_of_an_earlier_version_opens_and_has_its_texts(tmp_path: Path) -> None:
    """Its file has tables alone; the views come with the connection and are not written into it."""
    with Store(tmp_path) as store:
        _fill(store, [("2501.00001", Kind.PDF, None, (EXTRACTOR, None)), ("2501.00001", Kind.LATEX, None, None)])
    with sqlite3.connect(tmp_path / "store.sqlite") as db:
        names = {row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")}
    assert names == {"source", "extraction", "skipped", "withdrawal"}
    with Store(tmp_path) as store:
        [text] = chosen_texts(store)
        assert [copy.kind for copy in text.copies] == [Kind.LATEX, Kind.PDF]
        assert [source.kind for source in unread(store)] == [Kind.LATEX]
