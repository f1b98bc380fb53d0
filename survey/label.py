"""Text to labels: every paper's mentions, method, data sources and citations, in one pass into a new warehouse."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from itertools import chain
from pathlib import Path

from posttrain.errors import NothingMatchedError
from posttrain.settings import warehouse_path
from posttrain.version import __version__
from survey.arxiv.ledger import Ledger
from survey.arxiv.listed import Listed
from survey.arxiv.withdrawn import take_over_withdrawals
from survey.fulltext import EXTRACTOR, Section, section_at
from survey.mentions.citations import CitationFinder
from survey.mentions.finder import MentionFinder
from survey.mentions.lexicon import Lexicon
from survey.paper import IdSource
from survey.store.chosen import ChosenText, chosen_texts, each_text, texts_fingerprint
from survey.store.papers import Extraction, Source, Store
from survey.store.texts import StoredText
from survey.surface import Surface
from survey.warehouse.builder import CountedMention, CountedPaper, build_warehouse
from survey.warehouse.population import Population

_STRENGTH = list(IdSource)  # strongest first
_BETWEEN_SIGNS = 5000  # papers

Advance = Callable[[int, int], None]


@dataclass(frozen=True)
class Labelled:
    """The outcome of `survey label`: papers read, mentions counted and refused."""

    papers: int
    mentions: int
    refused: int


def label(store: Store, lexicon: Lexicon, advance: Advance = lambda done, of: None) -> Labelled:
    """Read every extracted paper and put a new warehouse in place; return how many mentions there are.

    Raises NothingMatchedError where no paper has a text; an earlier warehouse then stays.
    """
    from survey.labels.reader import PaperReader  # with NumPy, which a report of counts needs not

    take_over_withdrawals(store)
    chosen = chosen_texts(store)
    if not chosen:
        raise NothingMatchedError("no paper has a text yet", "survey extract")
    listed = _listed(store, [text.paper for text in chosen])
    texts, window = len(chosen), lexicon.study.window
    if not window.is_open:
        chosen = [text for text in chosen if window.holds(*_date_and_categories(text, listed.get(text.paper)))]
        if not chosen:
            raise NothingMatchedError(
                f"none of {texts:,} papers with a text lies in the window of the study '{lexicon.study.name}'",
                f"survey study check {lexicon.study.source}",
            )
    papers = [_paper(copies, extraction, listed.get(copies[0].paper)) for copies, extraction in chosen]
    number_of = {paper.arxiv_id: number for number, paper in enumerate(papers)}
    finder, reader = MentionFinder(lexicon), PaperReader(len(papers), store.root)
    citations = CitationFinder((paper.arxiv_id, paper.title) for paper in papers)
    tally: Counter[bool] = Counter()
    provenance = {
        "posttrain": __version__, "surface": Surface.TEXT, "extractor": str(EXTRACTOR),
        "texts": texts_fingerprint(store),
    }  # fmt: skip
    if texts > len(chosen):
        provenance["outside"] = str(texts - len(chosen))
    with build_warehouse(warehouse_path(store.root, lexicon.study.warehouse), lexicon, provenance) as warehouse:
        warehouse.add_papers(papers)
        for done, (number, stored) in enumerate(each_text(store, chosen), start=1):
            key, title = papers[number].arxiv_id, papers[number].title
            mentions = list(_mentions(number, stored, finder))
            tally.update(mention.counted for mention in mentions)
            warehouse.add_mentions(mentions)
            warehouse.add_citations(number, (number_of[cited] for cited in sorted(citations.find(stored, key))))
            for decided, decision in reader.read(key, title, stored):
                warehouse.add_decision(number_of[decided], decision)
            advance(done, len(chosen))
        for decided, decision in reader.rest():
            warehouse.add_decision(number_of[decided], decision)
    return Labelled(len(papers), tally[True], tally[False])


def label_abstracts(
    ledger: Ledger, lexicon: Lexicon, path: Path, population: Population, advance: Advance = lambda done, of: None
) -> Labelled:
    """Count the listed abstracts of a population into a warehouse of their own at `path`, which is put there whole.

    A paper is read as far as its title and the first characters of its abstract. Raises NothingMatchedError where no
    listed paper belongs to the population and lies in the window of the study; an earlier warehouse then stays.
    """
    window, listed, withdrawn = lexicon.study.window, ledger.count(), ledger.withdrawn()
    members = population.members(paper for paper in ledger.listed() if paper.arxiv_id not in withdrawn)
    inside = (member for member in members if window.holds(member[0].published, member[0].categories))
    first = next(inside, None)
    if listed and first is None and not window.is_open:
        raise NothingMatchedError(
            f"none of {listed:,} listed papers lies in the window of the study '{lexicon.study.name}'",
            f"survey study check {lexicon.study.source}",
        )
    counted = inside if first is None else chain([first], inside)
    return count_texts(counted, lexicon, path, population, listed, advance, len(withdrawn))


def count_texts(
    members: Iterable[tuple[Listed, bytes]], lexicon: Lexicon, path: Path, population: Population, listed: int,
    advance: Advance = lambda done, of: None, withdrawn: int = 0,
) -> Labelled:  # fmt: skip
    """Count listed papers with their texts, members of a population of `listed` papers, into a new warehouse at `path`.

    `withdrawn` of the listed papers are left out and not among `members`.

    Raises NothingMatchedError where there is none.
    """
    finder = MentionFinder(lexicon)
    tally: Counter[bool] = Counter()
    papers = 0
    provenance = {
        "posttrain": __version__, "surface": Surface.ABSTRACT, "population": population.name,
        "first_characters": str(population.first_characters or "all"), "listed": str(listed),
        "withdrawn": str(withdrawn),
    }  # fmt: skip
    with build_warehouse(path, lexicon, provenance) as warehouse:
        for papers, (paper, text) in enumerate(members, start=1):
            mentions = [
                CountedMention(papers - 1, m.benchmark, m.alias, Section.BODY, m.start, m.end, m.counted, m.reason)
                for m in finder.find(text)
            ]
            tally.update(mention.counted for mention in mentions)
            warehouse.add_mentions(mentions)
            day = paper.published
            is_day = day.day != 1  # a list that names months alone gives the first day of each
            warehouse.add_papers(
                [CountedPaper(paper.arxiv_id, paper.title, day, is_day, Surface.ABSTRACT, IdSource.RECORD)]
            )
            if papers % _BETWEEN_SIGNS == 0:
                advance(papers, listed)
        if not papers:
            raise NothingMatchedError("no paper is listed with an abstract", "survey ingest ABSTRACTS.parquet")
    return Labelled(papers, tally[True], tally[False])


def _date_and_categories(text: ChosenText, listed: Listed | None) -> tuple[date | None, tuple[str, ...]]:
    """Return the date and categories of a paper with a text, by which a window holds it or not."""
    paper = _paper(text.copies, text.extraction, listed)
    return paper.published, listed.categories if listed else ()


def _mentions(paper: int, stored: StoredText, finder: MentionFinder) -> Iterator[CountedMention]:
    for m in finder.find(stored.text):
        section = section_at(stored.spans, m.start)
        yield CountedMention(paper, m.benchmark, m.alias, section, m.start, m.end, m.counted, m.reason)


def _listed(store: Store, papers: list[str]) -> dict[str, Listed]:
    if not Ledger.exists(store.root):
        return {}
    with Ledger(store.root) as ledger:
        return ledger.known(papers)


def _paper(copies: list[Source], extraction: Extraction, listed: Listed | None) -> CountedPaper:
    """Gather title and date of a paper: from arXiv's listing, else from the copy with the best proved identity."""
    by_strength = sorted(copies, key=lambda copy: _STRENGTH.index(copy.id_source))
    dated = next((copy for copy in by_strength if copy.is_stated), by_strength[0])
    return CountedPaper(
        arxiv_id=copies[0].paper,
        title=listed.title if listed else next((copy.title for copy in by_strength if copy.title), ""),
        published=listed.published if listed else dated.published,
        is_day=listed is not None or dated.is_stated,
        surface=str(extraction.surface),
        id_source=by_strength[0].id_source,
    )
