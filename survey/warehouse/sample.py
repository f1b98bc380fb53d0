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
from survey.studies import BUNDLED
from survey.studies.load import load_study
from survey.studies.model import Study
from survey.surface import Surface
from survey.warehouse.database import Warehouse
from survey.warehouse.exported import surface_of_counts
from survey.warehouse.population import Coverage, Population

ADVICE = "To use your own papers: survey ingest PATH…, survey extract, survey label."


@dataclass
class Sample:
    """An open warehouse with a sentence on the papers in it and their limits."""

    warehouse: Warehouse
    is_bundled: bool
    has_places: bool  # where each mention stands; shared counts do not say
    sentence: str
    warnings: list[str] = field(default_factory=list)
    excluded: str = ""
    surface: Surface = Surface.TEXT
    coverage: Coverage | None = None  # papers by month and captures, where public lists are known
    population: Population | None = None
    limits: list[str] = field(default_factory=list)  # lines below a table, on where the papers come from
    filters: dict[str, Any] | None = None  # where the sample is narrowed: the filters, and how many papers of how many

    @property
    def story(self) -> str:
        """The sentence on the sample with its warnings, as one line."""
        return " ".join([self.sentence, *(f"{warning}." for warning in self.warnings)])

    @property
    def subject(self) -> str:
        """The story for below a picture: without the commands to try next."""
        return self.story.removesuffix(f" {ADVICE}")

    @property
    def footer(self) -> str:
        """The line under every export: surfaces, window, excluded papers and why, lexicon with its hash, version."""
        provenance = self.warehouse.provenance()
        (_, undated, first, last, _) = self.warehouse.query("sample")[0]
        surfaces = ", ".join(f"{surface} {count:,}" for surface, count in self.warehouse.query("papers_by_surface"))
        outside = int(provenance.get("outside", 0))
        losses = [
            f"{undated:,} without a date" if undated else "",
            f"{outside:,} outside the study's window" if outside else "",
            self.excluded,
        ]
        excluded = ", ".join(filter(None, losses)) or "none"
        return (
            f"surfaces: {surfaces}; window: version 1 of {first} to {last}; excluded: {excluded}; {self._study}"
            f"lexicon {provenance.get('lexicon')} {provenance.get('fingerprint')}; posttrain {__version__}"
        )

    @property
    def thresholds(self) -> dict[str, int]:
        """From how many mentions on a paper belongs to each domain: the study's own on this surface."""
        study = self.warehouse.study
        if self.surface is Surface.ABSTRACT:
            return dict.fromkeys(study.domains, study.threshold.abstract)
        return {domain: study.threshold_of(domain) for domain in study.domains}

    @property
    def _study(self) -> str:
        study = self.warehouse.study
        return "" if study.is_survey else f"study {study.name}; "

    @property
    def cautions(self) -> list[str]:
        """The warnings that a program must get with the numbers."""
        return [self.sentence, *self.warnings] if self.is_bundled else self.warnings

    def provenance(self) -> dict[str, Any]:
        """Return the sample, lexicon and versions that a table from this sample rests on."""
        kind = "bundled" if self.is_bundled else "own"
        about = {"posttrain": __version__, "surface": self.surface.value, "sample": kind, "about": self.sentence}
        filters = {"filters": self.filters} if self.filters else {}
        return {**about, "footer": self.footer, **filters, **self.warehouse.provenance()}


def surfaces_of(data: Path, counts: Path | None = None, study: Study | None = None) -> list[Surface]:
    """Return the surfaces of which there are counts: in a file, of own data, or both where the bundled ones are used.

    Own texts go before own abstracts, which `--surface abstract` shows. The bundled texts are counted for the bundled
    study alone, the bundled abstracts for every study.
    """
    if counts is not None:
        return [surface_of_counts(counts)]
    study = study or load_study()
    if warehouse_path(data, study.warehouse).exists() or _papers_in(data):
        return [Surface.TEXT]
    if warehouse_path(data, study.warehouse, Surface.ABSTRACT).exists() or not study.is_survey:
        return [Surface.ABSTRACT]
    return [Surface.ABSTRACT, Surface.TEXT]


def _papers_in(data: Path) -> int:
    if not Store.exists(data):
        return 0
    with Store(data) as store:
        return sum(1 for _ in store.copies())


def open_sample(data: Path, counts: Path | None = None, study: Study | None = None) -> Sample:
    """Open the counts in a file, else the user's own, else the committed ones where no paper was ever ingested.

    Of own papers each study has a warehouse of its own; without `study` it is that of the bundled study. Raises
    ConfigurationError where papers are ingested but not labelled for the study, and where the counts are of another
    study: a table must not silently be about others.
    """
    if counts is not None:
        warehouse = Warehouse.from_counts(counts)
        check_study(warehouse, study, str(counts), "survey label --study … --export FILE, where the texts are")
        return Sample(warehouse, False, False, sentence(warehouse, str(counts)))
    study = study or load_study()
    flag = "" if study.is_survey else f" --study {study.source}"
    if warehouse_path(data, study.warehouse).exists():
        return _own(data, study, flag)
    if papers := _papers_in(data):
        counts_of = "no counts" if study.is_survey else f"no counts of the study '{study.name}'"
        raise ConfigurationError(
            f"{data} holds {papers:,} papers but {counts_of} yet", f"survey extract, then survey label{flag}"
        )
    if not study.is_survey:
        raise ConfigurationError(
            f"the bundled texts are counted for the study '{BUNDLED}', not for '{study.name}'",
            f"survey report --surface abstract{flag}; in own texts: survey ingest PATH…, survey extract, "
            f"survey label{flag}",
        )
    return _bundled()


def check_study(warehouse: Warehouse, study: Study | None, where: str, hint: str) -> None:
    """Read counts by a study as it is now: thresholds and printed numbers may have changed since, and nothing else.

    Raises ConfigurationError for counts of another study, or of other aliases, and closes the warehouse then.
    """
    counted = warehouse.study
    if study is None:
        return
    if (counted.name, counted.fingerprint) == (study.name, study.fingerprint):
        warehouse.study = study
        return
    with warehouse:
        is_same = counted.name == study.name
        message = f"the study '{study.name}' has changed since {where} was counted"
        raise ConfigurationError(
            message if is_same else f"{where} holds counts of the study '{counted.name}', not of '{study.name}'", hint
        )


def stamp(data: Path) -> tuple[int, ...]:
    """Return numbers that change with own papers, counts and validation: they say when an open sample is out of date.

    The store's write-ahead log is part of it: papers stand there first.
    """
    files = (
        *sorted(data.glob("warehouse*.duckdb")),
        *(data / name for name in ("store.sqlite", "store.sqlite-wal", "validation.csv")),
    )
    known = [file.stat() if file.exists() else None for file in files]
    return tuple(number for stat in known for number in ((stat.st_ino, stat.st_mtime_ns) if stat else (0, 0)))


def _own(data: Path, study: Study, flag: str) -> Sample:
    warehouse = Warehouse.open(warehouse_path(data, study.warehouse))
    if not study.is_survey:
        check_study(warehouse, study, str(data), f"survey label{flag}")
    sample = Sample(warehouse, False, True, sentence(warehouse, str(data)))
    (_, undated, _, _, by_name) = warehouse.query("sample")[0]
    if undated:
        sample.warnings.append(f"{_papers(undated)} without an arXiv id, so without a date: in no period")
    if by_name:
        sample.warnings.append(f"{_papers(by_name)} known by the file's name alone; dates inside agree with it")
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
                f"{_papers(waiting)} came in since the last count: survey extract, then survey label{flag}"
            )
        elif changed:
            sample.warnings.append(f"texts have changed since the last count: survey label{flag}")
            sample.has_places = False
    return sample


def sentence(warehouse: Warehouse, where: str) -> str:
    """Return a sentence on the papers of a warehouse: how many, of which surface and time."""
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
        f"2025 and on retrieval and question answering. It is not a crawl: its years come from different lists, so it "
        f"shows no growth and cannot reproduce the survey's tables. "
        f"{ADVICE}"
    )
    return Sample(warehouse, True, False, sentence, excluded="papers without an arXiv id")
