"""The tables of a question about an open sample: counted, labelled, or of abstracts with their growth."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from posttrain.errors import ConfigurationError
from survey.period import Period
from survey.surface import Surface
from survey.trends.domain import domain_trends
from survey.trends.finding import has_read_methods
from survey.trends.growths import incomparable, with_growth
from survey.trends.published import Axis, published_cells
from survey.trends.question import Question
from survey.trends.trend import Scope, TrendTable

if TYPE_CHECKING:  # loads duckdb
    from survey.studies.model import Study
    from survey.trends.growth import Volume
    from survey.warehouse.sample import Sample


def tables_of(sample: "Sample", question: Question, data: Path | None) -> list[TrendTable]:
    """Return the tables of an open sample: counted ones at each threshold, methods in two readings of RL, data sources.

    `data` is the folder of the user's own validated labels; the bundled sample is always corrected by its own.
    """
    if sample.surface is Surface.ABSTRACT:
        return _abstract_tables(sample, question)
    tables: list[TrendTable] = []
    for axis in filter(lambda axis: axis.is_counted, question.axes):
        tables += domain_trends(
            sample.warehouse, question.thresholds, question.by, question.scope, question.rule, question.project, axis
        )
    if not all(axis.is_counted for axis in question.axes):
        from survey.labels.validation import read_validation
        from survey.trends.labelled import data_source_trends, method_trends

        checked = read_validation(None if sample.is_bundled else data)
        if Axis.METHOD in question.axes:
            tables += method_trends(sample.warehouse, checked, question.by)
        if Axis.DATA_SOURCE in question.axes:
            tables.append(data_source_trends(sample.warehouse, checked, question.by))
    if question.cited:
        from survey.trends.cited import with_citations

        tables = [with_citations(table, sample.warehouse) for table in tables]
    if len(question.thresholds) <= 1:
        tables = [with_growth(table, is_comparable=not sample.is_bundled) for table in tables]
    return list(map(incomparable, tables)) if sample.is_bundled else tables


def _abstract_tables(sample: "Sample", question: Question) -> list[TrendTable]:
    """Return the counted tables of a sample of abstracts, with growth where one threshold is asked.

    The survey's counts at five mentions in a text are no level for an abstract: its growth alone is shown.
    """
    from survey.trends.volume import volumes_of

    axes = [axis for axis in question.axes if axis.is_counted]
    if not axes and Axis.METHOD in question.axes and has_read_methods(sample):
        from survey.trends.method_table import abstract_method_table

        return [abstract_method_table(question.by)]
    if not axes:
        raise ConfigurationError(
            f"--axis {question.axes[0]} needs texts; an abstract has domains and benchmarks alone",
            "survey report --surface text",
        )
    study = sample.warehouse.study
    thresholds = question.thresholds or (study.threshold.abstract,)
    note = "; ".join(_abstract_notes(sample, question.by, thresholds))
    volumes: dict[str, list[Volume]] = {}
    if sample.coverage and sample.population:
        volumes = volumes_of(sample.coverage, sample.population, question.by)
    tables = []
    for axis in axes:
        for table in domain_trends(
            sample.warehouse, thresholds, question.by, Scope.ALL, question.rule, question.project, axis
        ):
            rows = tuple(
                replace(row, growth=None, projected=None, projected_low=None, projected_high=None, published=None)
                for row in table.rows
                if row.n
            )
            shown = replace(table, rows=rows, note=note, surface=Surface.ABSTRACT, survives=(), first_halves={})
            tables.append(
                shown if len(thresholds) > 1 else with_growth(shown, volumes, _printed(axis, question.by, study))
            )
    return tables


def _abstract_notes(sample: "Sample", by: Period, thresholds: tuple[int, ...]) -> list[str]:
    """Return why one mention is enough, and which months no list carries."""
    from survey.trends.volume import cut_periods, missing_months

    study = sample.warehouse.study
    of_texts = (
        f"the survey's {study.threshold.default}" if study.is_survey else f"{study.threshold.default} as in a text"
    )
    notes = [f"1 mention is enough here, for an abstract has no room for {of_texts}"] if thresholds == (1,) else []
    if sample.coverage and (missing := missing_months(sample.coverage, by)):
        lacking = ", ".join(month for months in missing.values() for month in months)
        notes.append(
            f"no list carries {lacking}: the volume of {', '.join(missing)} is too low, growth from there too high"
        )
    for period, months in (cut_periods(sample.coverage, by) if sample.coverage else {}).items():
        span = " to ".join(dict.fromkeys((months[0], months[-1])))
        notes.append(f"of {period} the study's window holds {span}: growth from and to {period} is of the share alone")
    return notes


def _printed(axis: Axis, by: Period, study: "Study") -> dict[tuple[str, str], float]:
    """Return the counts of papers by (year, label) that a study printed, at its own threshold in texts."""
    cells = published_cells(axis, study.threshold.default, study) if by is Period.YEAR else {}
    return {cell: published.value for cell, published in cells.items()}
