"""Recall of a pre-filter: of the papers that belong to a domain by their counts, the share that the filter keeps.

Papers that a filter has chosen for download cannot measure a filter. The ledger remembers them, and they are left out.
"""

from posttrain.statistics import Share, share_of
from survey.arxiv.ledger import Ledger
from survey.arxiv.prefilter import Prefilter
from survey.mentions.domain import DEFAULT_THRESHOLD
from survey.trends.trend import Scope, sections_of
from survey.warehouse.database import Warehouse


def measure_recall(
    prefilter: Prefilter, ledger: Ledger, warehouse: Warehouse, threshold: int = DEFAULT_THRESHOLD
) -> Share | None:
    """Return the recall of a filter, with its interval, on the listed papers that reach `threshold` in a domain.

    None where no such paper came without a filter.
    """
    domains = list(warehouse.study.domains)
    rows = warehouse.query(
        "papers", domains=domains, thresholds=[threshold] * len(domains), domain=None, every=False, domain_sum=False,
        sections=sections_of(Scope.ALL),
    )  # fmt: skip
    chosen = ledger.prefiltered()
    known = ledger.known(row[0] for row in rows if row[0] not in chosen)
    return share_of(sum(map(prefilter.keeps, known.values())), len(known))


def recall_sentence(kept: int, of: int, recall: Share | None) -> str:
    """Return how far a filter narrows a download, with its recall or the way to measure it."""
    narrowed = f"the pre-filter keeps {kept:,} of {of:,} papers"
    if recall is None:
        return (
            f"{narrowed}; its recall is not measured: no listed paper has been counted without a filter. To measure "
            "it, first: survey download --limit 300, survey extract, survey label"
        )
    return (
        f"{narrowed}; measured on those counted without a filter, it keeps {recall.k:,} of {recall.n:,} that name a "
        f"benchmark {DEFAULT_THRESHOLD} times or more ({recall.share:.1%}, {recall.low:.1%} to {recall.high:.1%})"
    )
