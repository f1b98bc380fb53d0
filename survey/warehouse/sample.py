"""The sample behind a table: the user's own papers where there are any, else the committed counts; and its story."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from posttrain.errors import ConfigurationError
from posttrain.reference import reference_path
from posttrain.settings import warehouse_path
from posttrain.version import __version__
from survey.store.chosen import NOT_YET, reasons_without_text, texts_fingerprint
from survey.store.papers import Store
from survey.warehouse.database import Warehouse

REPLACE = "survey ingest PATH…, survey extract, survey label"


@dataclass
class Sample:
    """An open warehouse with a sentence on the papers in it and their limits."""

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
        """The line under every export: surfaces, window, excluded papers and why, lexicon with its hash, version."""
        provenance = self.warehouse.provenance()
        (_, undated, first, last, _) = self.warehouse.query("sample")[0]
        surfaces = ", ".join(f"{surface} {count:,}" for surface, count in self.warehouse.query("papers_by_surface"))
        excluded = ", ".join(filter(None, [f"{undated:,} without a date" if undated else "", self.excluded])) or "none"
        return (
            f"surfaces: {surfaces}; window: version 1 of {first} to {last}; excluded: {excluded}; "
            f"lexicon {provenance.get('lexicon')} {provenance.get('fingerprint')}; posttrain {__version__}"
        )

    @property
    def cautions(self) -> list[str]:
        """The warnings that a program must get with the numbers."""
        return [self.sentence, *self.warnings] if self.is_bundled else self.warnings

    def provenance(self) -> dict[str, Any]:
        """Return the sample, lexicon and versions that a table from this sample rests on."""
        kind = "bundled" if self.is_bundled else "own"
        about = {"posttrain": __version__, "sample": kind, "about": self.sentence}
        return {**about, "footer": self.footer, **self.warehouse.provenance()}


def open_sample(data: Path, counts: Path | None = None) -> Sample:
    """Open the counts in a file, else the user's own, else the committed ones where no paper was ever ingested.

    Raises ConfigurationError where papers are ingested but not labelled: a table must not silently be about others.
    """
    if counts is not None:
        warehouse = Warehouse.from_counts(counts)
        return Sample(warehouse, False, False, _sentence(warehouse, str(counts)))
    if warehouse_path(data).exists():
        return _own(data)
    if Store.exists(data):
        with Store(data) as store:
            papers = sum(1 for _ in store.copies())
        if papers:
            raise ConfigurationError(
                f"{data} holds {papers:,} papers but no counts yet", "survey extract, then survey label"
            )
    return _bundled()


def stamp(data: Path) -> tuple[int, ...]:
    """Return numbers that change with own papers, counts and validation: they say when an open sample is out of date.

    The store's write-ahead log is part of it: papers stand there first.
    """
    files = (warehouse_path(data), *(data / name for name in ("store.sqlite", "store.sqlite-wal", "validation.csv")))
    known = [file.stat() if file.exists() else None for file in files]
    return tuple(number for stat in known for number in ((stat.st_ino, stat.st_mtime_ns) if stat else (0, 0)))


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
