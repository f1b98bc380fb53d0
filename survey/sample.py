"""The sample behind a table: the user's own papers where there are any, else the committed counts; and its story."""

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import survey
from survey.domain import DEFAULT_THRESHOLD
from survey.errors import SurveyError
from survey.extract import copies_by_paper, reasons_without_text
from survey.label import chosen_texts, warehouse_path
from survey.reference import reference_path
from survey.store import Store
from survey.trends import domain_trends
from survey.warehouse import Warehouse

REPLACE = "survey ingest PATH…, survey extract, survey label"


@dataclass
class Sample:
    """An open warehouse with one sentence on what it is and is not."""

    warehouse: Warehouse
    is_default: bool
    sentence: str
    warnings: list[str] = field(default_factory=list)

    def provenance(self) -> dict[str, Any]:
        """Return what a table from this sample was made of and with."""
        return {
            "posttrain": survey.__version__,
            "sample": "bundled" if self.is_default else "own",
            **self.warehouse.provenance(),
        }


def open_sample(data: Path) -> Sample:
    """Open the user's own counts, or the committed ones where no paper was ever ingested.

    Raises SurveyError where papers are ingested but not labelled: a table must not silently be about others.
    """
    if warehouse_path(data).exists():
        return _own(data)
    if Store.exists(data):
        with Store(data) as store:
            papers = len(copies_by_paper(store))
        if papers:
            raise SurveyError(f"{data} holds {papers:,} papers but no counts yet", "survey extract, then survey label")
    return _bundled()


def _own(data: Path) -> Sample:
    warehouse = Warehouse.open(warehouse_path(data))
    surfaces = ", ".join(f"{count:,} {surface}" for surface, count in warehouse.query("papers_by_surface"))
    (papers, undated, first, last, by_name) = warehouse.query("sample")[0]
    span = f"version 1 of {first} to {last}" if first else "none with a date"
    sample = Sample(warehouse, False, f"Sample: {papers:,} papers in {data} ({surfaces}), {span}.")
    if undated:
        sample.warnings.append(f"{undated:,} papers without an arXiv id have no date and are in no period")
    if by_name:
        sample.warnings.append(f"{by_name:,} papers are known by their file's name alone; dates inside agree with it")
    if Store.exists(data):
        with Store(data) as store:
            waiting = len(copies_by_paper(store)) - papers - sum(reasons_without_text(store).values())
            waiting += reasons_without_text(store)["not extracted yet"]
        if waiting > 0:
            sample.warnings.append(
                f"{waiting:,} papers came in since the last count: survey extract, then survey label"
            )
    return sample


def _bundled() -> Sample:
    warehouse = Warehouse.from_counts(reference_path("mentions.parquet"))
    (papers, _, first, last, _) = warehouse.query("sample")[0]
    sentence = (
        f"Sample: the {papers:,} real arXiv papers bundled with posttrain ({first} to {last}), found texts, mostly of "
        f"2025 and on retrieval and question answering. It is not a crawl and cannot reproduce the survey's tables. "
        f"To use your own papers: {REPLACE}."
    )
    return Sample(warehouse, True, sentence)


def flow(data: Path) -> dict[str, Any]:
    """Return how many papers are at each step of the flow, in the shape of the public interface."""
    with Store(data) as store:
        copies = copies_by_paper(store)
        without_text = reasons_without_text(store)
        extracted = len(chosen_texts(store))
        duplicates = sum(map(len, copies.values())) - len(copies)
        id_sources = Counter(
            min((c.id_source for c in group), key=list(type(group[0].id_source)).index) for group in copies.values()
        )
        skipped = Counter(reason for _, reason in store.skipped())
    labelled, domains = 0, {}
    if warehouse_path(data).exists():
        with Warehouse.open(warehouse_path(data)) as warehouse:
            labelled = warehouse.query("sample")[0][0]
            totals: Counter[str] = Counter()
            for row in domain_trends(warehouse, [DEFAULT_THRESHOLD])[0].rows:
                totals[row.label] += row.k
            domains = dict(totals)
    return {
        "flow": {
            "identified": len(copies), "duplicates": duplicates, "without_text": dict(without_text.most_common()),
            "extracted": extracted, "labelled": labelled, "domains": domains,
            "id_sources": dict(id_sources), "skipped_files": dict(skipped.most_common()),
        },
        "harvest": {"complete": None, "slices": []},
    }  # fmt: skip
