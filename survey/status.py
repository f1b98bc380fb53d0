"""Status: how many papers are at each step of the flow, with every loss counted and named."""

from collections import Counter
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any

from posttrain.settings import warehouse_path
from survey.arxiv.ledger import Ledger
from survey.mentions.domain import HIGHEST_THRESHOLD
from survey.paper import IdSource
from survey.store.chosen import METADATA_ONLY, papers_with_text, reasons_without_text, texts_in_part
from survey.store.papers import Store
from survey.studies.model import Study
from survey.trends.trend import Scope, sections_of
from survey.warehouse.database import Warehouse
from survey.warehouse.sample import Sample, check_study


def status(store: Store, study: Study | None = None) -> dict[str, Any]:
    """Return how many papers are at each step of the flow, in the shape of the public interface.

    Labelled papers and domains are those of a study, by default of the bundled one.
    """
    copies = {group[0].paper: group for group in store.copies()}
    strength = list(IdSource)
    known_by = Counter(min((c.id_source for c in group), key=strength.index) for group in copies.values())
    labelled, domains = _labelled(store.root, study)
    without_text = reasons_without_text(store)
    listed_only, slices = _listed_only(store.root, copies)
    without_text[METADATA_ONLY] += listed_only
    return {
        "flow": {
            "identified": len(copies) + listed_only,
            "duplicates": sum(map(len, copies.values())) - len(copies),
            "without_text": {reason: n for reason, n in without_text.most_common() if n},
            "extracted": len(papers_with_text(store)),
            "in_part": [{"arxiv_id": paper, "missing": note} for paper, note in texts_in_part(store)],
            "labelled": labelled,
            "domains": domains,
            "known_by": dict(known_by),
            "skipped": [{"path": path, "reason": reason} for path, reason in store.skipped()],
        },
        "harvest": {"complete": all(span["complete"] for span in slices) if slices else None, "slices": slices},
    }


def status_of_abstracts(sample: Sample, data: Path) -> dict[str, Any]:
    """Return how many listed papers are counted by their abstracts, and how many of these name each domain."""
    provenance = sample.warehouse.provenance()
    counted: int = sample.warehouse.query("sample")[0][0]
    outside = int(provenance.get("outside", 0))
    listed = int(provenance.get("listed", counted + outside))
    withdrawn = int(provenance.get("withdrawn", 0))
    not_counted = Counter(
        {
            "outside the population or the study's window": listed - counted - withdrawn,
            "withdrawn, as arXiv's listing says": withdrawn,
        }
    )
    if not sample.is_bundled and Ledger.exists(data):
        with Ledger(data) as ledger:
            not_counted["listed since the last count"] = max(0, ledger.count() - listed)
    return {
        "flow": {
            "identified": counted + not_counted.total(),
            "not_counted": {reason: n for reason, n in not_counted.items() if n},
            "labelled": counted,
            "domains": _in_domains(sample.warehouse, sample.thresholds),
            "thresholds": sample.thresholds,
        }
    }  # fmt: skip


def _listed_only(data: Path, copies: Container[str]) -> tuple[int, list[dict[str, Any]]]:
    """Return how many papers are listed and have no copy in the store, and the slices of the harvests."""
    from survey.harvest import as_data  # with arXiv's client, a fifth of a second that no table needs

    if not Ledger.exists(data):
        return 0, []
    with Ledger(data) as ledger:
        return sum(paper.arxiv_id not in copies for paper in ledger.listed()), as_data(ledger.slices())


def _labelled(data: Path, study: Study | None) -> tuple[int, dict[str, int]]:
    path = warehouse_path(data, study.warehouse if study else "")
    if not path.exists():
        return 0, {}
    with Warehouse.open(path) as warehouse:
        counted = study or warehouse.study
        if study and not study.is_survey:
            check_study(warehouse, study, str(data), f"survey label --study {study.source}")
        domains = _in_domains(warehouse, {domain: counted.threshold_of(domain) for domain in counted.domains})
        return warehouse.query("sample")[0][0], domains


def _in_domains(warehouse: Warehouse, thresholds: Mapping[str, int]) -> dict[str, int]:
    """Return how many papers with a date reach the threshold of each domain that any paper names."""
    highest = max(HIGHEST_THRESHOLD, *thresholds.values())
    domains: Counter[str] = Counter()
    for _, domain, level, papers in warehouse.query(
        "trend_domain", sections=sections_of(Scope.ALL), domain_sum=False, highest=highest
    ):
        domains[domain] += papers if level >= thresholds[domain] else 0
    return dict(domains)
