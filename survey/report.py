"""The report: the trend tables of a sample, the same for command, page and Python, in every format."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posttrain.charts import Spec, png, svg
from posttrain.errors import ConfigurationError, NothingMatchedError
from posttrain.tables import Grid, as_csv, as_html, as_latex, as_markdown, as_parquet, as_terminal
from survey.mentions.domain import HIGHEST_THRESHOLD, Rule
from survey.period import Period
from survey.studies import MOST_MENTIONS
from survey.surface import Surface
from survey.trends.cells import FLAT_COLUMNS, as_data, as_grids, counting_rule, flat_rows
from survey.trends.charts import chart
from survey.trends.domain import domain_trends
from survey.trends.finding import finding, has_read_methods
from survey.trends.growths import growth_chart, growth_sentence, with_growth
from survey.trends.projection import Project
from survey.trends.published import PRINTED, Axis, published_cells
from survey.trends.trend import Scope, TrendTable

if TYPE_CHECKING:  # loads duckdb
    from survey.studies.model import Study
    from survey.trends.growth import Volume
    from survey.warehouse.sample import Sample


class Format(StrEnum):
    """The formats of `survey report`."""

    TERMINAL = "terminal"
    MARKDOWN = "md"
    CSV = "csv"
    JSON = "json"
    HTML = "html"
    LATEX = "latex"
    PARQUET = "parquet"
    SVG = "svg"
    PNG = "png"


TITLE = "Post-training trends"
BINARY = (Format.PARQUET, Format.PNG)
FOR_PROGRAMS = (Format.JSON, Format.CSV, Format.PARQUET)  # these hold every number, citation weights too


@dataclass(frozen=True)
class Question:
    """Everything that decides which tables a report has and how they are counted."""

    axes: tuple[Axis, ...] = (Axis.DOMAIN,)
    thresholds: tuple[int, ...] = ()  # none: the study's own on the surface
    by: Period = Period.YEAR
    scope: Scope = Scope.ALL
    rule: Rule = Rule.ANY_NAME
    project: Project = Project.MEAN_SHARE
    cited: bool = False  # also weighted by the citations that papers receive inside the sample
    surface: Surface | None = None  # none: that of own data, else both bundled samples, each in tables of its own


@dataclass(frozen=True)
class Report:
    """Trend tables with the sample that they describe."""

    tables: tuple[TrendTable, ...]
    sample: str  # a sentence on the papers behind the tables, with its warnings
    footer: str  # surfaces, window, exclusions, lexicon and version, which every export carries
    cautions: list[str] = field(default_factory=list)  # warnings for a program
    provenance: Mapping[str, Any] = field(default_factory=dict)
    cited: bool = False
    finding: str = ""  # what the sample says, in one sentence
    sentence: str = ""  # what the tables show
    limits: tuple[str, ...] = ()  # lines below the tables, on where the papers come from
    rest: "Report | None" = None  # a report on another surface, which is printed below

    @property
    def parts(self) -> "list[Report]":
        """The report on each surface."""
        return [self, *(self.rest.parts if self.rest else [])]

    def every_caution(self) -> list[str]:
        """Return the warnings on every surface, for a program."""
        return [caution for part in self.parts for caution in part.cautions]

    def rows(self) -> list[dict[str, Any]]:
        """Return a flat record for each cell, with the columns FLAT_COLUMNS."""
        return [row for part in self.parts for row in flat_rows(part.tables, part.sample, part.footer)]

    def grids(self) -> list[Grid]:
        """Return the tables as text cells; a sweep over thresholds is one grid."""
        grids = as_grids(self.tables, self.footer, self.cited)
        return [*grids[:-1], *(replace(grid, notes=(*grid.notes, *self.limits)) for grid in grids[-1:])]

    @property
    def intro(self) -> str:
        """The line above the tables: the finding, the sample, and what the tables show."""
        rest = self.sentence if self.sentence != self.finding else ""
        return " ".join(filter(None, [self.finding, self.sample, rest]))

    def notes(self) -> list[str]:
        """Return the notes below the tables, each once."""
        return list(dict.fromkeys(note for part in self.parts for grid in part.grids() for note in grid.notes))

    def as_data(self) -> dict[str, Any]:
        """Return the tables as plain data, in the shape of the public interface."""
        return {"tables": [as_data(table) for part in self.parts for table in part.tables]}

    def charts(self) -> list[Spec]:
        """Return the chart of each axis: of a sweep the threshold curve, else shares with intervals."""
        return [spec for part in self.parts for spec in part.own_charts()]

    def own_charts(self) -> list[Spec]:
        """Return the charts of this surface alone; an abstract table and its growth are one chart."""
        by_axis: dict[Axis, list[TrendTable]] = {}
        for table in self.tables:
            by_axis.setdefault(table.axis, []).append(table)
        charts = []
        for axis, group in by_axis.items():
            if axis.is_counted:
                spec = chart(group, [self.sample, f"{counting_rule(*group)}; {self.footer}"])
            else:
                spec = chart(group[:1], [self.sample, "; ".join([*_ticks(group[0]), group[0].note, self.footer])])
            has_growth = group[0].surface is Surface.ABSTRACT and any(growth.is_known for growth in group[0].growth)
            charts.append(_with_panel(spec, growth_chart(group[0])) if has_growth else spec)
        return charts

    def render(self, form: Format, width: int | None = 100, colour: bool = False) -> str | bytes:
        """Return the report in a format, the binary ones as bytes; width and colour are for the terminal.

        SVG and PNG hold the chart of the first axis. JSON is written by the command, in the envelope of all commands:
        raises ValueError for it.
        """
        writers: dict[Format, Callable[[], str | bytes]] = {
            Format.TERMINAL: lambda: "\n".join(
                as_terminal(part.grids(), part.intro, width, colour) for part in self.parts
            ),
            Format.MARKDOWN: lambda: "\n".join(as_markdown(part.grids(), part.intro) for part in self.parts),
            Format.HTML: lambda: as_html(
                [grid for part in self.parts for grid in part.grids()],
                " ".join(part.intro for part in self.parts),
                TITLE,
                [svg(spec) for spec in self.charts()],
            ),
            Format.LATEX: lambda: "\n".join(as_latex(part.grids(), part.intro) for part in self.parts),
            Format.CSV: lambda: as_csv(self.rows(), FLAT_COLUMNS),
            Format.PARQUET: lambda: as_parquet(self.rows()),
            Format.SVG: lambda: svg(self.charts()[0]),
            Format.PNG: lambda: png(self.charts()[0]),
        }
        if form not in writers:
            raise ValueError(f"{form} is the envelope of a command; expected Report.as_data()")
        return writers[form]()


def _ticks(table: TrendTable) -> list[str]:
    return ["ticks: as the survey printed"] if any(row.published for row in table.rows) else []


def trend_tables(
    data: Path, question: Question = Question(), counts: Path | None = None, study: "Study | None" = None
) -> Report:
    """Return the report on own papers in `data`, on the counts in a file, or on the bundled counts without own papers.

    What is counted is the study's, by default that of the counts. Without own papers and a surface, abstracts come
    first and texts in a report of their own; another study than the bundled one is counted in the abstracts alone.
    Raises ConfigurationError where papers are ingested but not labelled, NothingMatchedError where no paper has a date.
    """
    from survey.warehouse.sample import surfaces_of

    surfaces = [question.surface] if question.surface else surfaces_of(data, counts, study)
    if len(surfaces) > 1 and not any(axis.is_counted for axis in question.axes):
        surfaces = [Surface.TEXT]  # an abstract has benchmarks alone
    report: Report | None = None
    for surface in reversed(surfaces):
        report = replace(_report_on(surface, data, question, counts, study), rest=report)
    assert report is not None
    return report


def _report_on(surface: Surface, data: Path, question: Question, counts: Path | None, study: "Study | None") -> Report:
    from survey.warehouse.abstracts import open_surface

    sample = open_surface(surface, data, counts, study)
    with sample.warehouse:
        tables = tables_of(sample, question, None if counts else data)
        if not any(table.rows for table in tables):
            raise NothingMatchedError(
                "no paper of the sample has a date, so there is no period to show",
                "survey ingest papers with an arXiv id",
            )
        return Report(
            tuple(tables), sample.story, sample.footer, sample.cautions, sample.provenance(), question.cited,
            finding(sample, tables[0]), "" if surface is Surface.TEXT else growth_sentence(tables[0]),
            (*sample.limits, *_method_notes(sample)),
        )  # fmt: skip


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
    return tables if len(question.thresholds) > 1 else [with_growth(table) for table in tables]


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
    from survey.trends.volume import missing_months

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
    return notes


def _method_notes(sample: "Sample") -> list[str]:
    """Return two sentences on the methods that the bundled abstracts name, next to Figure 2; none for other samples."""
    if not has_read_methods(sample):
        return []
    from survey.trends.abstract_methods import shares_sentence
    from survey.trends.silence import silence_sentence

    return [shares_sentence(), silence_sentence()]


def _printed(axis: Axis, by: Period, study: "Study") -> dict[tuple[str, str], float]:
    """Return the counts of papers by (year, label) that a study printed, at its own threshold in texts."""
    cells = published_cells(axis, study.threshold.default, study) if by is Period.YEAR else {}
    return {cell: published.value for cell, published in cells.items()}


def _with_panel(spec: Spec, panel: Spec) -> Spec:
    """Return a chart with a panel below it, under one title."""
    frame = {name: spec[name] for name in ("$schema", "title", "background")}
    frame["title"] = {**spec["title"], "text": "Abstracts that name benchmarks, and their growth"}
    above = {name: value for name, value in spec.items() if name not in frame}
    return {**frame, "vconcat": [above, panel], "resolve": {"scale": {"color": "independent", "shape": "independent"}}}


def axes_of(name: str) -> tuple[Axis, ...]:
    """Return the axes that a name stands for: one axis, or `all` three that the survey printed.

    Raises ConfigurationError.
    """
    if name == "all":
        return PRINTED
    if name not in tuple(Axis):
        expected = f"{', '.join(Axis)} or all"
        raise ConfigurationError(f"--axis '{name}' is unknown; expected {expected}", "survey report --help")
    return (Axis(name),)


def thresholds_of(threshold: int | Iterable[int] | None = None, sweep: str | None = None) -> tuple[int, ...]:
    """Return the thresholds of a number, of several, or of a sweep such as "1..6"; none by default: the study's own.

    Raises ConfigurationError for a threshold outside 1 to 1,000, for a sweep that is not A..B within 1 to 20,
    and for both at once.
    """
    if sweep:
        if threshold is not None:
            hint = f"survey report --sweep {sweep}"
            raise ConfigurationError("--threshold and --sweep cannot be used together", hint)
        first, dots, last = sweep.partition("..")
        if not (dots and first.isdigit() and last.isdigit() and 1 <= int(first) <= int(last) <= HIGHEST_THRESHOLD):
            expected = f"expected A..B with 1 ≤ A ≤ B ≤ {HIGHEST_THRESHOLD}"
            raise ConfigurationError(f"--sweep '{sweep}'; {expected}", "survey report --sweep 1..6")
        return tuple(range(int(first), int(last) + 1))
    if threshold is None:
        return ()
    thresholds = (threshold,) if isinstance(threshold, int) else tuple(threshold)
    for number in thresholds:
        if not 1 <= number <= MOST_MENTIONS:
            expected = f"expected 1 to {MOST_MENTIONS:,}"
            raise ConfigurationError(f"--threshold {number}; {expected}", "survey report --threshold 5")
    return thresholds
