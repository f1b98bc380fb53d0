"""The sample behind a table: the user's own papers where there are any, else the committed counts; and its story."""

from collections import Counter
from collections.abc import Container
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import posttrain
from posttrain.errors import ConfigurationError
from posttrain.reference import reference_path
from posttrain.settings import warehouse_path
from survey.extract import (
    METADATA_ONLY,
    NOT_YET,
    chosen_texts,
    copies_by_paper,
    reasons_without_text,
    texts_fingerprint,
)
from survey.mentions.domain import DEFAULT_THRESHOLD, HIGHEST_THRESHOLD
from survey.paper import IdSource
from survey.store.papers import Store
from survey.trends.domain import Scope, sections_of
from survey.warehouse.database import Warehouse

REPLACE = "survey ingest PATH…, survey extract, survey label"


@dataclass
class Sample:
    """An open warehouse with one sentence on what it is and is not."""

    warehouse: Warehouse
    is_bundled: bool
    has_places: bool  # where each mention stands; shared counts do not say
    sentence: str
    warnings: list[str] = field(default_factory=list)
    excluded: str = ""

    @property
    def story(self) -> str:
        """The sentence on the sample with its warnings, as one line."""
        return " ".join([self.sentence, *(f"{warning}." for warning in self.warnings)])

    @property
    def footer(self) -> str:
        """What every export carries: surface mix, window, what is excluded and why, lexicon and its hash, version."""
        made = self.warehouse.provenance()
        (_, undated, first, last, _) = self.warehouse.query("sample")[0]
        surfaces = ", ".join(f"{surface} {count:,}" for surface, count in self.warehouse.query("papers_by_surface"))
        excluded = ", ".join(filter(None, [f"{undated:,} without a date" if undated else "", self.excluded])) or "none"
        return (
            f"surfaces: {surfaces}; window: version 1 of {first} to {last}; excluded: {excluded}; "
            f"lexicon {made.get('lexicon')} {made.get('fingerprint')}; posttrain {posttrain.__version__}"
        )

    @property
    def cautions(self) -> list[str]:
        """What a program must be told beside the numbers."""
        return [self.sentence, *self.warnings] if self.is_bundled else self.warnings

    def provenance(self) -> dict[str, Any]:
        """Return what a table from this sample was made of and with."""
        kind = "bundled" if self.is_bundled else "own"
        about = {"posttrain": posttrain.__version__, "sample": kind, "about": self.sentence}
        return {**about, "footer": self.footer, **self.warehouse.provenance()}


def open_sample(data: Path, counts: Path | None = None) -> Sample:
    """Open the counts in a file, else the user's own, else the committed ones where no paper was ever ingested.

    Raises PosttrainError where papers are ingested but not labelled: a table must not silently be about others.
    """
    if counts is not None:
        warehouse = Warehouse.from_counts(counts)
        return Sample(warehouse, False, False, _sentence(warehouse, str(counts)))
    if warehouse_path(data).exists():
        return _own(data)
    if Store.exists(data):
        with Store(data) as store:
            papers = len(copies_by_paper(store))
        if papers:
            raise ConfigurationError(
                f"{data} holds {papers:,} papers but no counts yet", "survey extract, then survey label"
            )
    return _bundled()


def stamp(data: Path) -> tuple[int, ...]:
    """Return what changes when own papers, counts or validation do: whoever keeps a sample open knows when to reopen.

    The store's write-ahead log is part of it: papers stand there first.
    """
    files = (warehouse_path(data), *(data / name for name in ("store.sqlite", "store.sqlite-wal", "validation.csv")))
    known = [file.stat() if file.exists() else None for file in files]
    return tuple(number for one in known for number in ((one.st_ino, one.st_mtime_ns) if one else (0, 0)))


def _own(data: Path) -> Sample:
    warehouse = Warehouse.open(warehouse_path(data))
    sample = Sample(warehouse, False, True, _sentence(warehouse, str(data)))
    (_, undated, _, _, by_name) = warehouse.query("sample")[0]
    if undated:
        sample.warnings.append(f"{_papers(undated)} without an arXiv id have no date and are in no period")
    if by_name:
        sample.warnings.append(f"{_papers(by_name)} are known by their file's name alone; dates inside agree with it")
    if Store.exists(data):
        with Store(data) as store:
            reasons = reasons_without_text(store)
            sample.excluded = (
                ", ".join(f"{n:,} {reason}" for reason, n in reasons.most_common(5)) or "none without text"
            )
            changed = texts_fingerprint(store) != warehouse.provenance().get("texts")
            waiting = reasons[NOT_YET]
        if waiting:
            sample.warnings.append(
                f"{_papers(waiting)} came in since the last count: survey extract, then survey label"
            )
        elif changed:
            sample.warnings.append("texts have changed since the last count: survey label")
            sample.has_places = False
    return sample


def _sentence(warehouse: Warehouse, where: str) -> str:
    (papers, _, first, last, _) = warehouse.query("sample")[0]
    surfaces = ", ".join(f"{count:,} {surface}" for surface, count in warehouse.query("papers_by_surface"))
    span = f"version 1 of {first} to {last}" if first else "none with a date"
    return f"Sample: {_papers(papers)} in {where} ({surfaces}), {span}."


def _papers(count: int) -> str:
    return "1 paper" if count == 1 else f"{count:,} papers"


def _bundled() -> Sample:
    warehouse = Warehouse.from_counts(reference_path("mentions.parquet"))
    (papers, _, first, last, _) = warehouse.query("sample")[0]
    sentence = (
        f"Sample: the {papers:,} real arXiv papers bundled with posttrain ({first} to {last}), found texts, mostly of "
        f"2025 and on retrieval and question answering. It is not a crawl and cannot reproduce the survey's tables. "
        f"To use your own papers: {REPLACE}."
    )
    return Sample(warehouse, True, False, sentence, excluded="papers without an arXiv id")


def status(store: Store) -> dict[str, Any]:
    """Return how many papers are at each step of the flow, in the shape of the public interface."""
    copies = copies_by_paper(store)
    strength = list(IdSource)
    known_by = Counter(min((c.id_source for c in group), key=strength.index) for group in copies.values())
    labelled, domains = _labelled(store.root)
    without_text = reasons_without_text(store)
    listed_only, slices = _listed_only(store.root, copies)
    without_text[METADATA_ONLY] += listed_only
    return {
        "flow": {
            "identified": len(copies) + listed_only,
            "duplicates": sum(map(len, copies.values())) - len(copies),
            "without_text": {reason: n for reason, n in without_text.most_common() if n},
            "extracted": len(chosen_texts(store)),
            "labelled": labelled,
            "domains": domains,
            "known_by": dict(known_by),
            "skipped": [{"path": path, "reason": reason} for path, reason in store.skipped()],
        },
        "harvest": {"complete": all(one["complete"] for one in slices) if slices else None, "slices": slices},
    }


def _listed_only(data: Path, copies: Container[str]) -> tuple[int, list[dict[str, Any]]]:
    """Return how many papers are listed and have no copy in the store, and the slices of the harvests."""
    from survey.arxiv.ledger import Ledger
    from survey.harvest import as_data  # with arXiv's client, a fifth of a second that no table needs

    if not Ledger.exists(data):
        return 0, []
    with Ledger(data) as ledger:
        return sum(paper.arxiv_id not in copies for paper in ledger.listed()), as_data(ledger.slices())


def _labelled(data: Path) -> tuple[int, dict[str, int]]:
    if not warehouse_path(data).exists():
        return 0, {}
    with Warehouse.open(warehouse_path(data)) as warehouse:
        domains: Counter[str] = Counter()
        for _, domain, level, papers in warehouse.query(
            "trend_domain", sections=sections_of(Scope.ALL), domain_sum=False, highest=HIGHEST_THRESHOLD
        ):
            domains[domain] += papers if level >= DEFAULT_THRESHOLD else 0
        return warehouse.query("sample")[0][0], dict(domains)
