"""The report: the trend tables of a sample, the same for command, page and Python, in every format."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from posttrain.charts import Spec, png, svg
from posttrain.errors import NothingMatchedError
from posttrain.tables import Grid, as_csv, as_html, as_latex, as_markdown, as_parquet, as_terminal
from survey.surface import Surface
from survey.trends.cells import FLAT_COLUMNS, as_data, as_grids, counting_rule, flat_rows
from survey.trends.charts import chart
from survey.trends.finding import finding, has_read_methods
from survey.trends.growths import growth_chart, growth_sentence
from survey.trends.published import Axis
from survey.trends.question import DEFAULT, Question, axes_of, thresholds_of
from survey.trends.tables import tables_of
from survey.trends.trend import TrendTable
from survey.writing import citation
from survey.writing.citation import Citation, citations_of

if TYPE_CHECKING:  # loads duckdb
    from survey.studies.model import Study
    from survey.warehouse.sample import Sample

__all__ = [
    "BINARY",
    "FOR_PROGRAMS",
    "Format",
    "Question",
    "Report",
    "axes_of",
    "tables_of",
    "thresholds_of",
    "trend_tables",
]


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
    study: "Study | None" = None  # what is counted, to be cited
    subject: str = ""  # the sample for below a chart, without the commands to try next; empty: as `sample`
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
    def citations(self) -> tuple[Citation, ...]:
        """The tool and the study, for Markdown, HTML and LaTeX."""
        return citations_of(self.study) if self.study else ()

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
        subject = self.subject or self.sample
        for table in self.tables:
            by_axis.setdefault(table.axis, []).append(table)
        charts = []
        for axis, group in by_axis.items():
            if axis.is_counted:
                spec = chart(group, [subject, f"{counting_rule(*group)}; {self.footer}"])
            else:
                spec = chart(group[:1], [subject, "; ".join([*_ticks(group[0]), group[0].note, self.footer])])
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
            Format.MARKDOWN: lambda: "\n".join(
                [*(as_markdown(part.grids(), part.intro) for part in self.parts), citation.markdown(self.citations)]
            ),
            Format.HTML: lambda: as_html(
                [grid for part in self.parts for grid in part.grids()],
                " ".join(part.intro for part in self.parts),
                TITLE,
                [svg(spec) for spec in self.charts()],
                citation.html(self.citations),
            ),
            Format.LATEX: lambda: "\n".join(
                [*(as_latex(part.grids(), part.intro) for part in self.parts), citation.latex(self.citations)]
            ),
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
    data: Path, question: Question = DEFAULT, counts: Path | None = None, study: "Study | None" = None
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
    if len(surfaces) > 1 and question.filters.categories:
        surfaces = [Surface.ABSTRACT]  # of the bundled texts no category is known
    report: Report | None = None
    for surface in reversed(surfaces):
        report = replace(_report_on(surface, data, question, counts, study), rest=report)
    assert report is not None
    return report


def _report_on(surface: Surface, data: Path, question: Question, counts: Path | None, study: "Study | None") -> Report:
    from survey.warehouse.abstracts import open_surface

    sample = open_surface(surface, data, counts, study)
    if not question.filters.keeps_all:
        from survey.warehouse.narrowing import narrow  # loads Arrow, which a whole sample does without

        narrow(sample, question.filters, None if counts else data)
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
            (*sample.limits, *_method_notes(sample)), sample.warehouse.study, sample.subject,
        )  # fmt: skip


def _method_notes(sample: "Sample") -> list[str]:
    """Return two sentences on the methods that the bundled abstracts name, next to Figure 2; none for other samples."""
    if not has_read_methods(sample):
        return []
    from survey.trends.abstract_methods import shares_sentence
    from survey.trends.silence import silence_sentence

    return [shares_sentence(), silence_sentence()]


def _with_panel(spec: Spec, panel: Spec) -> Spec:
    """Return a chart with a panel below it, under one title."""
    frame = {name: spec[name] for name in ("$schema", "title", "background", "config")}
    frame["title"] = {**spec["title"], "text": "Abstracts that name benchmarks, and their growth"}
    above = {name: value for name, value in spec.items() if name not in frame}
    return {**frame, "vconcat": [above, panel], "resolve": {"scale": {"color": "independent", "shape": "independent"}}}
