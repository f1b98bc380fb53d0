"""Trend tables from flat records: the inverse of `survey.trends.cells.flat_rows`, also for some of the records."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from posttrain.statistics import Estimate
from survey.mentions.domain import DEFAULT_THRESHOLD, Rule
from survey.period import Period
from survey.surface import Surface
from survey.trends.projection import Project
from survey.trends.published import Axis, Published
from survey.trends.trend import Scope, TrendRow, TrendTable

_PLAIN = {field.name for field in fields(TrendRow)} - {"published", "corrected", "cited"}
_DECIDING = ("axis", "reading", "threshold", "rule", "scope", "lexicon", "by", "project", "note", "surface")


def tables_of(records: Sequence[Mapping[str, Any]]) -> list[TrendTable]:
    """Return the tables that flat records come from, as far as their rows are there; a missing value is None."""
    groups: dict[tuple[Any, ...], list[TrendRow]] = {}
    for record in records:
        groups.setdefault(tuple(record[name] for name in _DECIDING), []).append(_row(record))
    return [_table(dict(zip(_DECIDING, values, strict=True)), rows) for values, rows in groups.items()]


def _table(deciding: Mapping[str, Any], rows: Sequence[TrendRow]) -> TrendTable:
    return TrendTable(
        Axis(deciding["axis"]),
        int(deciding["threshold"] or DEFAULT_THRESHOLD),
        Rule(deciding["rule"] or Rule.ANY_NAME),
        Scope(deciding["scope"] or Scope.ALL),
        deciding["lexicon"] or "",
        Period(deciding["by"]),
        Project(deciding["project"]),
        tuple(rows),
        note=deciding["note"] or "",
        reading=deciding["reading"] or "",
        surface=Surface(deciding["surface"] or Surface.TEXT),
    )


def _row(record: Mapping[str, Any]) -> TrendRow:
    published = None
    if record["published"] is not None:
        n = record["published_n"]
        sources = tuple(str(record["published_sources"]).split("; "))
        published = Published(
            record["published"], None if n is None else int(n), sources, record["published_agreement"]
        )
    plain = {name: record[name] for name in _PLAIN}
    return TrendRow(
        **plain, published=published, corrected=_estimate(record, "corrected"), cited=_estimate(record, "cited")
    )


def _estimate(record: Mapping[str, Any], name: str) -> Estimate | None:
    if record[name] is None:
        return None
    return Estimate(record[name], record[f"{name}_low"], record[f"{name}_high"])
