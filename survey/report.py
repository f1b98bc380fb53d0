"""The report: the trend tables of a sample, the same for command, page and Python, in every format."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posttrain.charts import Spec, png, svg
from posttrain.errors import ConfigurationError, NothingMatchedError
from posttrain.tables import Grid, as_csv, as_html, as_latex, as_markdown, as_parquet, as_terminal
from survey.mentions.domain import DEFAULT_THRESHOLD, HIGHEST_THRESHOLD, Rule
from survey.period import Period
from survey.trends.cells import FLAT_COLUMNS, as_data, as_grids, counting_rule, flat_rows
from survey.trends.charts import chart
from survey.trends.domain import domain_trends
from survey.trends.projection import Project
from survey.trends.published import Axis
from survey.trends.trend import Scope, TrendTable

if TYPE_CHECKING:  # loads duckdb
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
    thresholds: tuple[int, ...] = (DEFAULT_THRESHOLD,)
    by: Period = Period.YEAR
    scope: Scope = Scope.ALL
    rule: Rule = Rule.ANY_NAME
    project: Project = Project.MEAN_SHARE
    cited: bool = False  # also weighted by the citations that papers receive inside the sample


@dataclass(frozen=True)
class Report:
    """Trend tables with the sample that they describe."""

    tables: tuple[TrendTable, ...]
    sample: str  # a sentence on the papers behind the tables, with its warnings
    footer: str  # surfaces, window, exclusions, lexicon and version, which every export carries
    cautions: list[str] = field(default_factory=list)  # warnings for a program
    provenance: Mapping[str, Any] = field(default_factory=dict)
    cited: bool = False

    def rows(self) -> list[dict[str, Any]]:
        """Return a flat record for each cell, with the columns FLAT_COLUMNS."""
        return flat_rows(self.tables, self.sample, self.footer)

    def grids(self) -> list[Grid]:
        """Return the tables as text cells; a sweep over thresholds is one grid."""
        return as_grids(self.tables, self.footer, self.cited)

    def notes(self) -> list[str]:
        """Return the notes below the tables, each once."""
        return list(dict.fromkeys(note for grid in self.grids() for note in grid.notes))

    def as_data(self) -> dict[str, Any]:
        """Return the tables as plain data, in the shape of the public interface."""
        return {"tables": [as_data(table) for table in self.tables]}

    def charts(self) -> list[Spec]:
        """Return the chart of each axis: of a sweep the threshold curve, else shares with intervals."""
        by_axis: dict[Axis, list[TrendTable]] = {}
        for table in self.tables:
            by_axis.setdefault(table.axis, []).append(table)
        return [
            chart(group, [self.sample, f"{counting_rule(*group)}; {self.footer}"])
            if axis is Axis.DOMAIN
            else chart(group[:1], [self.sample, f"ticks: as the survey printed; {group[0].note}; {self.footer}"])
            for axis, group in by_axis.items()
        ]

    def render(self, form: Format, width: int | None = 100, colour: bool = False) -> str | bytes:
        """Return the report in a format, the binary ones as bytes; width and colour are for the terminal.

        SVG and PNG hold the chart of the first axis. JSON is written by the command, in the envelope of all commands:
        raises ValueError for it.
        """
        writers: dict[Format, Callable[[], str | bytes]] = {
            Format.TERMINAL: lambda: as_terminal(self.grids(), self.sample, width, colour),
            Format.MARKDOWN: lambda: as_markdown(self.grids(), self.sample),
            Format.HTML: lambda: as_html(self.grids(), self.sample, TITLE, [svg(spec) for spec in self.charts()]),
            Format.LATEX: lambda: as_latex(self.grids(), self.sample),
            Format.CSV: lambda: as_csv(self.rows(), FLAT_COLUMNS),
            Format.PARQUET: lambda: as_parquet(self.rows()),
            Format.SVG: lambda: svg(self.charts()[0]),
            Format.PNG: lambda: png(self.charts()[0]),
        }
        if form not in writers:
            raise ValueError(f"{form} is the envelope of a command; expected Report.as_data()")
        return writers[form]()


def trend_tables(data: Path, question: Question = Question(), counts: Path | None = None) -> Report:
    """Return the report on own papers in `data`, on the counts in a file, or on the bundled counts without own papers.

    Raises ConfigurationError where papers are ingested but not labelled, NothingMatchedError where no paper has a date.
    """
    from survey.warehouse.sample import open_sample

    sample = open_sample(data, counts)
    with sample.warehouse:
        tables = tables_of(sample, question, None if counts else data)
        if not any(table.rows for table in tables):
            raise NothingMatchedError(
                "no paper of the sample has a date, so there is no period to show",
                "survey ingest papers with an arXiv id",
            )
        return Report(
            tuple(tables), sample.story, sample.footer, sample.cautions, sample.provenance(), question.cited
        )  # fmt: skip


def tables_of(sample: "Sample", question: Question, data: Path | None) -> list[TrendTable]:
    """Return the tables of an open sample: domains at each threshold, methods in both readings of RL, data sources.

    `data` is the folder of the user's own validated labels; the bundled sample is always corrected by its own.
    """
    tables: list[TrendTable] = []
    if Axis.DOMAIN in question.axes:
        tables += domain_trends(
            sample.warehouse, question.thresholds, question.by, question.scope, question.rule, question.project
        )
    if set(question.axes) - {Axis.DOMAIN}:
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
    return tables


def axes_of(name: str) -> tuple[Axis, ...]:
    """Return the axes that a name stands for: one axis, or `all`. Raises ConfigurationError."""
    if name == "all":
        return tuple(Axis)
    if name not in tuple(Axis):
        expected = f"{', '.join(Axis)} or all"
        raise ConfigurationError(f"--axis '{name}' is unknown; expected {expected}", "survey report --help")
    return (Axis(name),)


def thresholds_of(threshold: int | Iterable[int] | None = None, sweep: str | None = None) -> tuple[int, ...]:
    """Return the thresholds of one number, of several numbers, or of a sweep such as "1..6"; 5 where nothing is given.

    Raises ConfigurationError for a threshold outside 1 to 20, for a sweep that is not A..B, and for both at once.
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
        return (DEFAULT_THRESHOLD,)
    thresholds = (threshold,) if isinstance(threshold, int) else tuple(threshold)
    for number in thresholds:
        if not 1 <= number <= HIGHEST_THRESHOLD:
            expected = f"expected 1 to {HIGHEST_THRESHOLD}"
            raise ConfigurationError(f"--threshold {number}; {expected}", "survey report --threshold 5")
    return thresholds
