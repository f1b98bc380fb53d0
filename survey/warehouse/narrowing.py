"""Narrowing: an open sample cut down to the papers that filters keep, with a sentence on what is cut and what unknown.

Dates are always known here; categories and abstracts where arXiv or a list gave them, in the listing of own data or
with the bundled abstracts. A paper whose category is unknown does not pass a filter of categories, and is counted.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from posttrain.errors import ConfigurationError, NothingMatchedError
from posttrain.reference import reference_path
from survey.arxiv.ledger import Ledger
from survey.arxiv.listed import Listed
from survey.arxiv.prefilter import Prefilter
from survey.mentions.names import is_vocabulary, names_in
from survey.surface import Surface
from survey.warehouse.abstracts import SAMPLE
from survey.warehouse.categories import read_categories
from survey.warehouse.filters import Filters
from survey.warehouse.name_index import has_name, papers_naming
from survey.warehouse.sample import Sample

_NO_VOLUME = "growth is of the share: how much of the field the narrowed papers are is not known"
_SHOWN = 6  # categories that an error names


@dataclass(frozen=True)
class _Paper:
    """A paper as filters see it; `categories` and `says` are None where the fact is not known."""

    number: int
    published: date | None
    categories: tuple[str, ...]
    says: bool | None


def narrow(sample: Sample, filters: Filters, data: Path | None) -> None:
    """Cut an open sample down to the papers that `filters` keep; its sentence, provenance and limits say so.

    data: the folder of own data, whose listing knows categories and abstracts; None for a file of counts. Raises
    NothingMatchedError where no paper is left, ConfigurationError where the sample does not hold a fact that is asked.
    """
    if filters.keeps_all:
        return
    papers, asides = _facts(sample, filters, data)
    asked = {category.lower() for category in filters.categories}
    kept = []
    seen: Counter[str] = Counter()
    unknown: Counter[int] = Counter()  # papers without a known category, by year
    for paper in papers:
        if not filters.holds(paper.published):
            continue
        seen.update(paper.categories)
        if asked and not paper.categories:
            unknown[paper.published.year if paper.published else 0] += 1
        elif (not asked or asked & {c.lower() for c in paper.categories}) and paper.says is not False:
            kept.append(paper.number)
    if not kept:
        known = ", ".join(f"{name} {n:,}" for name, n in seen.most_common(_SHOWN))
        hint = f"categories there: {known}" if filters.categories and known else "survey report without the filter"
        raise NothingMatchedError(f"none of {len(papers):,} papers matches: {filters.sentence}", hint)
    if unknown:
        years = ", ".join(f"{n:,} of {year or 'no known year'}" for year, n in sorted(unknown.items()))
        asides.append(f"the category of {unknown.total():,} others is not known: {years}")
    sample.warehouse = sample.warehouse.narrowed(kept)
    _describe(sample, filters, len(kept), len(papers), asides)
    sample.filters = {**filters.as_data(), "papers": len(kept), "of": len(papers), "category_unknown": unknown.total()}


def _describe(sample: Sample, filters: Filters, kept: int, of: int, asides: list[str]) -> None:
    rest = f" ({'; '.join(asides)})" if asides else ""
    sample.sentence += f" Narrowed to {kept:,} of {of:,} papers: {filters.sentence}{rest}."
    if sample.coverage is None:
        return
    if filters.keeps_whole_years:
        inside = {m: n for m, n in sample.coverage.papers.items() if filters.holds(date.fromisoformat(f"{m}-01"))}
        sample.coverage = replace(sample.coverage, papers=Counter(inside))
        return
    sample.coverage = sample.population = None
    sample.limits = [*sample.limits[:2], _NO_VOLUME]


def _facts(sample: Sample, filters: Filters, data: Path | None) -> tuple[list[_Paper], list[str]]:
    """Return every paper with what the filters ask for, and phrases on how far that is known."""
    rows = sample.warehouse.query("papers_to_narrow")
    if sample.is_bundled and sample.surface is Surface.ABSTRACT:
        return _bundled_abstracts(rows, filters)
    listed = {} if sample.is_bundled or data is None else _listed(data, {row[1] for row in rows}, filters)
    if filters.categories and not listed:
        where = "the bundled texts are" if sample.is_bundled else "these papers are"
        raise ConfigurationError(
            f"--category {' '.join(filters.categories)}: the categories of {where} not known",
            "survey report --surface abstract --category …; survey harvest lists papers with their categories",
        )
    matcher = Prefilter(words=filters.words)
    papers, asides = [], []
    for number, arxiv_id, title, published in rows:
        paper = listed.get(arxiv_id)
        text = Listed(arxiv_id, None, title or "", paper.abstract if paper else "", (), date.min)
        papers.append(
            _Paper(number, published, paper.categories if paper else (), matcher.keeps(text) if filters.words else None)
        )
    without = len(rows) - sum(bool(paper.abstract) for paper in listed.values())
    if filters.words and without:
        asides.append(f"of {without:,} papers the abstract is not known and the title alone was searched")
    return papers, asides


def _listed(data: Path, wanted: set[str], filters: Filters) -> Mapping[str, Listed]:
    if not (filters.categories or filters.words) or not Ledger.exists(data):
        return {}
    with Ledger(data) as ledger:
        return {paper.arxiv_id: paper for paper in ledger.listed() if paper.arxiv_id in wanted}


def _bundled_abstracts(
    rows: list[tuple[int, str, str, date | None]], filters: Filters
) -> tuple[list[_Paper], list[str]]:
    folder = reference_path(SAMPLE).parent
    categories = read_categories(folder) if filters.categories else [()] * len(rows)
    says: Callable[[int], bool | None] = lambda number: None  # noqa: E731  # nothing is asked
    asides = []
    if filters.words:
        naming = papers_naming(_checked_names(filters.words, folder), folder)
        says = naming.__contains__
        asides.append("found among names, as they are written: the bundled abstracts are names and counts, not texts")
    return [_Paper(number, published, categories[number], says(number)) for number, _, _, published in rows], asides


def _checked_names(words: tuple[str, ...], folder: Path) -> tuple[str, ...]:
    """Return the words. Raises ConfigurationError for one that an index of names does not hold, such as `agent`."""
    for word in words:
        is_name = dict(names_in(word)) == {word: 1}
        # "Agent" is left out of the index where too many abstracts have it, "Qwen" is not: what is there is complete
        if not is_name or (is_vocabulary(word, 1.0) and not has_name(word, folder)):
            raise ConfigurationError(
                f"--words '{word}': the bundled abstracts hold names alone, such as SWE-bench, RAG or DeepSeek-R1, "
                "and neither everyday words nor those of very many abstracts",
                f"survey report --surface text --words '{word}', which searches titles; or list abstracts of your own: "
                "survey ingest ABSTRACTS.parquet, survey label --surface abstract",
            )
    return words
