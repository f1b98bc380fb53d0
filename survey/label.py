"""Text to counts: every paper's mentions, found with one lexicon, into a new warehouse."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import survey
from survey.benchmarks import Lexicon
from survey.extract import copies_by_paper
from survey.fulltext import EXTRACTOR, section_at
from survey.mentions import MentionFinder
from survey.paper import IdSource
from survey.store import Extraction, Source, Store
from survey.texts import read_shard
from survey.warehouse import CountedMention, CountedPaper, Warehouse

_STRENGTH = list(IdSource)  # strongest first


@dataclass(frozen=True)
class Labelled:
    """What `survey label` did."""

    papers: int
    mentions: int
    refused: int


def warehouse_path(store_root: Path) -> Path:
    """Where the warehouse of a store lies."""
    return store_root / "warehouse.duckdb"


def label(store: Store, lexicon: Lexicon, advance: Callable[[int, int], None] = lambda done, of: None) -> Labelled:
    """Count the mentions in every extracted paper and put a new warehouse in place; return how many there are."""
    chosen = chosen_texts(store)
    papers = [_paper(copies, extraction) for copies, extraction in chosen]
    tally: Counter[bool] = Counter()

    def counted() -> Iterator[CountedMention]:
        for done, mention in _mentions(store, chosen, MentionFinder(lexicon)):
            if mention is None:
                advance(done, len(chosen))
            else:
                tally[mention.counted] += 1
                yield mention

    provenance = {"posttrain": survey.__version__, "extractor": str(EXTRACTOR), "papers": str(len(papers))}
    Warehouse.build(warehouse_path(store.root), papers, counted(), lexicon, provenance)
    return Labelled(len(papers), tally[True], tally[False])


def chosen_texts(store: Store) -> list[tuple[list[Source], Extraction]]:
    """Return, for every paper with a text, its copies and the extraction of the best copy that has one."""
    done = store.extractions(EXTRACTOR)
    chosen = []
    for copies in copies_by_paper(store).values():
        extraction = next((done[c.id] for c in copies if c.id in done and done[c.id].reason is None), None)
        if extraction is not None:
            chosen.append((copies, extraction))
    return chosen


def _mentions(
    store: Store, chosen: list[tuple[list[Source], Extraction]], finder: MentionFinder
) -> Iterator[tuple[int, CountedMention | None]]:
    """Yield every mention of every paper, and None after each paper, with the number of papers done."""
    by_shard: dict[str, dict[int, int]] = {}
    for number, (_, extraction) in enumerate(chosen):
        by_shard.setdefault(str(extraction.shard), {})[int(extraction.row or 0)] = number
    done = 0
    for shard, papers in by_shard.items():
        for stored in read_shard(store.text_path(shard), frozenset(papers)):
            for mention in finder.find(stored.text):
                section = section_at(stored.spans, mention.start)
                yield (
                    done,
                    CountedMention(
                        papers[stored.row],
                        mention.benchmark,
                        mention.alias,
                        section,
                        mention.start,
                        mention.counted,
                        mention.reason,
                    ),
                )
            done += 1
            yield done, None


def _paper(copies: list[Source], extraction: Extraction) -> CountedPaper:
    """Gather what the copies of a paper say: the title and date of the one whose identity rests on most."""
    by_strength = sorted(copies, key=lambda copy: _STRENGTH.index(copy.id_source))
    title = next((copy.title for copy in by_strength if copy.title), "")
    return CountedPaper(
        copies[0].paper, title, _published(by_strength), str(extraction.surface), by_strength[0].id_source
    )


def _published(by_strength: list[Source]) -> date | None:
    stated = [copy.published for copy in by_strength if copy.is_stated]
    return stated[0] if stated else by_strength[0].published
