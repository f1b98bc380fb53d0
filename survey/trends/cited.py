"""Cited trends: the cells of any trend table, weighted by the citations that papers receive inside the sample."""

from collections.abc import Sequence
from dataclasses import replace

from posttrain.statistics import Estimate
from survey.labels.readings import Method
from survey.mentions.domain import Rule
from survey.period import period_of
from survey.trends.domain import READINGS, TrendTable, sections_of
from survey.trends.published import Axis
from survey.trends.weighting import CitedPaper, citation_share
from survey.warehouse.database import Warehouse


def with_citations(table: TrendTable, warehouse: Warehouse) -> TrendTable:
    """Return the table with the citation-weighted share of every cell; none where nothing of a period is cited."""
    papers = _cited(table, warehouse)
    rows = (replace(row, cited=_estimate(papers, row.period, row.label)) for row in table.rows)
    return replace(table, rows=tuple(rows))


def _cited(table: TrendTable, warehouse: Warehouse) -> list[CitedPaper]:
    """The cited papers of the denominator of a table: all for the domains, those with one of its labels else."""
    rows = warehouse.query(
        "cited", sections=sections_of(table.scope), domain_sum=table.rule is Rule.DOMAIN_SUM, threshold=table.threshold
    )
    known = {row.label for row in table.rows}
    papers = []
    for month, method, source, domains, citations in rows:
        counts_as_rl = table.reading == READINGS[1] and method == Method.PREFERENCE
        by_axis = {
            Axis.DOMAIN: domains,
            Axis.METHOD: [str(Method.RL) if counts_as_rl else method],
            Axis.DATA_SOURCE: [source],
        }
        labels = frozenset(by_axis[table.axis])
        if table.axis is Axis.DOMAIN or labels & known:
            papers.append(CitedPaper(period_of(month, table.by), labels, citations))
    return papers


def _estimate(papers: Sequence[CitedPaper], period: str, label: str) -> Estimate | None:
    found = citation_share(papers, period, label)
    if found is None:
        return None
    told = f"{found.k:,} of {found.n:,} to {found.papers:,} papers"
    return Estimate(found.share, found.low, found.high, told)
