"""The flow of papers in the words of PRISMA 2020: identified, screened, sought, assessed, included, and every loss.

Each number is a count of the ledger, the store or the warehouse, and each step is the one before it less its losses.
Source: M. Page et al., The PRISMA 2020 statement, BMJ 372, 2021, n71, figure 1.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posttrain.settings import warehouse_path
from survey.arxiv.ledger import Ledger
from survey.store.chosen import METADATA_ONLY, papers_with_text, papers_without_text
from survey.store.papers import Store
from survey.warehouse.database import Warehouse

_SOURCES = {"api": "arXiv query API", "oai": "arXiv OAI-PMH", "snapshot": "arXiv metadata snapshot",
            "abstracts": "tables of abstracts", "ids": "lists of arXiv ids", "files": "own files"}  # fmt: skip
LISTS = "a list of "  # papers to download: how such a skip begins, which is no record
NOT_ASKED, NOT_LABELLED = "full text not asked for", "not labelled yet"
UNDATED, OUTSIDE = "without an arXiv id, so without a date", "outside the study's window"


@dataclass(frozen=True)
class Flow:
    """The numbers of the diagram. Every mapping is of reasons, or sources, to how many papers or records.

    identified = removed + screened; screened = excluded + sought; sought = not_retrieved + assessed;
    assessed = ineligible + included.
    """

    identified: Mapping[str, int]  # records by source; a paper that two sources give is two records
    duplicates: int
    unreadable: int  # files that are no paper, or cannot be read
    screened: int  # different papers
    excluded: Mapping[str, int]
    sought: int
    not_retrieved: Mapping[str, int]
    assessed: int
    ineligible: Mapping[str, int]
    included: int
    domains: Mapping[str, int]  # of the included papers; one may be in several

    def as_data(self) -> dict[str, Any]:
        """Return the numbers as plain data."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {name: dict(value) if isinstance(value, Mapping) else value for name, value in values.items()}


def flow_of(store: Store, domains: Mapping[str, int]) -> Flow:
    """Return the flow of the papers of a store, its ledger and its counts; `domains` as `survey status` has them."""
    copies = {group[0].paper: group for group in store.copies()}
    files = [c for group in copies.values() for c in group if not c.name.startswith(("http://", "https://"))]
    skipped = sum(not reason.startswith(LISTS) for _, reason in store.skipped())
    records, listed, absent = _listed(store.root)
    if files or skipped:
        records["files"] = len(files) + skipped
    papers = listed | set(copies)
    without_text = papers_without_text(store)
    with_content = {paper for paper in copies if without_text.get(paper) != METADATA_ONLY}
    not_retrieved = {paper: reason for paper, reason in absent.items() if paper not in with_content}
    not_asked = papers - with_content - set(not_retrieved)
    ineligible = Counter(reason for paper, reason in without_text.items() if paper in with_content)
    texts = papers_with_text(store) & with_content
    counted, undated, outside = _counted(store.root)
    ineligible[UNDATED] += len(texts & undated)
    uncounted = len(texts - counted - undated)
    ineligible[OUTSIDE] += min(outside, uncounted)
    ineligible[NOT_LABELLED] += uncounted - min(outside, uncounted)
    return Flow(
        {_SOURCES[name]: n for name, n in records.items() if n},
        sum(records.values()) - skipped - len(papers),
        skipped,
        len(papers),
        {NOT_ASKED: len(not_asked)} if not_asked else {},
        len(papers) - len(not_asked),
        dict(Counter(not_retrieved.values()).most_common()),
        len(with_content),
        {reason: n for reason, n in ineligible.most_common() if n},
        len(texts & counted),
        domains,
    )


def _listed(data: Path) -> tuple[dict[str, int], set[str], dict[str, str]]:
    """Return the records of each source of listings, the listed papers, and those of which arXiv has no content."""
    if not Ledger.exists(data):
        return {}, set(), {}
    with Ledger(data) as ledger:
        listed = {paper.arxiv_id for paper in ledger.listed()}
        return ledger.records(), listed, dict.fromkeys(ledger.without_content(), "arXiv serves no content of it")


def _counted(data: Path) -> tuple[set[str], set[str], int]:
    """Return the counted papers with a date, those without one, and how many lie outside the study's window."""
    if not warehouse_path(data).exists():
        return set(), set(), 0
    with Warehouse.open(warehouse_path(data)) as warehouse:
        rows = warehouse.query("papers_to_narrow")
        outside = int(warehouse.provenance().get("outside", 0))
    dated = {arxiv_id for _, arxiv_id, _, published in rows if published is not None}
    return dated, {arxiv_id for _, arxiv_id, _, published in rows if published is None}, outside
