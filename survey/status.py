"""Status: how many papers are at each step of the flow, with every loss counted and named."""

from collections import Counter
from collections.abc import Container
from pathlib import Path
from typing import Any

from posttrain.settings import warehouse_path
from survey.mentions.domain import DEFAULT_THRESHOLD, HIGHEST_THRESHOLD
from survey.paper import IdSource
from survey.store.chosen import METADATA_ONLY, papers_with_text, reasons_without_text, texts_in_part
from survey.store.papers import Store
from survey.trends.trend import Scope, sections_of
from survey.warehouse.database import Warehouse


def status(store: Store) -> dict[str, Any]:
    """Return how many papers are at each step of the flow, in the shape of the public interface."""
    copies = {group[0].paper: group for group in store.copies()}
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
            "extracted": len(papers_with_text(store)),
            "in_part": [{"arxiv_id": paper, "missing": note} for paper, note in texts_in_part(store)],
            "labelled": labelled,
            "domains": domains,
            "known_by": dict(known_by),
            "skipped": [{"path": path, "reason": reason} for path, reason in store.skipped()],
        },
        "harvest": {"complete": all(span["complete"] for span in slices) if slices else None, "slices": slices},
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
