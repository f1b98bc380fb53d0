"""The functions of `import posttrain as pt`: each is the verb of a command, and gives a DataFrame or a typed object.

They open the sample, call the verb of the room and put rows into a frame; what a number is, the rooms decide.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from posttrain.errors import ConfigurationError
from posttrain.face.arguments import checked, wrong_argument
from posttrain.files import exists
from posttrain.frames import frame_of
from posttrain.settings import data_folder

if TYPE_CHECKING:
    from pandas import DataFrame

    from posttrain.notebook import Chart
    from survey.report import Report
    from survey.studies.model import Study
    from survey.warehouse.sample import Sample

STUDY = "2603.13985"  # the bundled one
SURFACE = "text"
Data = str | Path | None
Choice = TypeVar("Choice", bound=StrEnum)


@checked
def trends(
    axis: str = "domain",
    threshold: int | Iterable[int] | None = None,
    by: str = "year",
    scope: str = "all",
    surface: str = SURFACE,
    study: str | Path = STUDY,
    data: Data = None,
    *,
    rule: str = "any-name",
    project: str = "mean-share",
) -> "DataFrame":
    """Return the trend tables of an axis: a row for each period and label with k, n, share, low and high.

    axis: domain, benchmark, method, data_source, or all (without benchmark). threshold: the least mentions, or several
    such as range(1, 21); left out, the study's own (of the bundled one 5 in a text and 1 in an abstract). surface:
    text, or abstract (domain and benchmark alone). study: a name or a file.
    by: year, half, quarter or month. scope: all, or body (without references and appendix). data: the folder of own
    data, or a file of exported counts; left out, own papers where there are any, else the bundled counts. rule and
    project are those of `survey report`. The frame has what `survey report --format csv` has; `.attrs["sample"]` says
    which papers these are, `.attrs["notes"]` what decides the numbers. Raises ConfigurationError for an unknown value,
    NothingMatchedError where no paper has a date.
    """
    report = _report(axis, threshold, by, scope, surface, study, data, rule, project, cited=True)
    return _described(frame_of(report.rows()).drop(columns=["sample", "footer"]), report)


@checked
def growth(
    axis: str = "domain",
    threshold: int | None = None,
    by: str = "year",
    scope: str = "all",
    surface: str = SURFACE,
    study: str | Path = STUDY,
    data: Data = None,
    *,
    rule: str = "any-name",
) -> "DataFrame":
    """Return the growth of each label between neighbouring periods, as a factor with its interval, and the printed one.

    `factor` (`low`, `high`) is of the number of papers where the volume of the field is known (`of` is "papers"), else
    of the share; `share` is always of the share, `field` of all papers of the field. Ours is missing where one of the
    two periods has fewer than 30 papers. Arguments, attrs and errors are those of `trends`.
    """
    from survey.trends.growths import growth_rows

    report = _report(axis, threshold, by, scope, surface, study, data, rule)
    rows = [row for table in report.tables for row in growth_rows(table)]
    return _described(frame_of(rows), report)


@checked
def papers(
    domain: str | None = None,
    period: str | int | None = None,
    threshold: int | None = None,
    scope: str = "all",
    data: Data = None,
    *,
    rule: str = "any-name",
    study: str | Path = STUDY,
) -> "DataFrame":
    """Return the papers of a cell of the domain table, a row each; without domain and period, all of the sample.

    period: such as 2025, 2025-H1, 2025-Q2 or 2025-06. A cell without papers is an empty frame.
    """
    from survey.explain import papers as papers_of
    from survey.mentions.domain import Rule
    from survey.trends.trend import Scope

    counted = (next(iter(_levels(threshold)), None), _choice("scope", scope, Scope), _choice("rule", rule, Rule))
    with _sample(data, study) as (sample, _):
        rows = papers_of(sample, domain, None if period is None else str(period), *counted)
        return _of_sample(frame_of(rows), sample)


@checked
def mentions(id: str, data: Data = None, *, study: str | Path = STUDY) -> "DataFrame":
    """Return the mentions of a paper, a row each, counted or refused with the reason; `.attrs["paper"]` has the rest.

    id: an arXiv id, its URL, a local key, or words of a title. Raises NothingMatchedError where the sample lacks it.
    """
    from survey.explain import explain

    with _sample(data, study) as (sample, folder):
        paper = explain(sample, id, folder)
        frame = _of_sample(frame_of(paper["mentions"]), sample)
        frame.attrs["paper"] = {name: value for name, value in paper.items() if name != "mentions"}
        return frame


@checked
def published(axis: str = "domain") -> "DataFrame":
    """Return what the survey arXiv:2603.13985 printed, a row for each cell, with how far its readings agree.

    Values are counts of papers at `threshold` or more mentions on the axis domain, shares in per cent of about `n`
    studies on method and data_source.
    """
    from pandas import read_csv

    from posttrain.reference import reference_path
    from survey.trends.published import PRINTED, Axis

    if _choice("axis", axis, Axis) not in PRINTED:
        raise ConfigurationError(f"axis is '{axis}'; expected one of {', '.join(PRINTED)}", "pt.published('domain')")
    path = reference_path(f"published/{axis}.csv")
    frame = read_csv(path, dtype={"period": str})
    frame.attrs |= {"sample": f"printed in arXiv:{STUDY}", "notes": []}
    return frame


@checked
def diff(data: Data = None, *, study: str | Path = STUDY) -> "DataFrame":
    """Return our domain table against the printed one, a row for each printed cell, with verdict and likely cause.

    Raises NothingMatchedError where nothing is printed for the study.
    """
    from survey.diff import diff as difference

    report = difference(*_places(data), _study(study))
    frame = frame_of(report.rows())
    frame.attrs |= {"sample": report.sample, "notes": [*report.grid.notes, *report.causes()]}
    return frame


@checked
def chart(frame: "DataFrame") -> "Chart":
    """Return the chart of a frame of `trends`, also of some of its rows: shares with intervals, or the threshold curve.

    Of a frame with several axes it is the chart of the first. Raises ConfigurationError for another frame.
    """
    from pandas import DataFrame

    from posttrain.notebook import Chart
    from survey.report import Report
    from survey.trends.cells import FLAT_COLUMNS
    from survey.trends.records import tables_of

    if not isinstance(frame, DataFrame):
        raise wrong_argument("chart", "frame", frame, "a frame of pt.trends()")
    wanted = [name for name in FLAT_COLUMNS if name not in ("sample", "footer")]
    missing = [name for name in wanted if name not in frame.columns]
    if missing or not len(frame):
        lack = f"without the column '{missing[0]}'" if missing else "without a row"
        raise ConfigurationError(f"the frame is {lack}; expected one of pt.trends()", "pt.chart(pt.trends('method'))")
    rows = frame[wanted].astype(object).where(frame[wanted].notna(), None).to_dict("records")
    try:
        tables = tables_of([{str(name): value for name, value in row.items()} for row in rows])
    except (ValueError, TypeError) as error:  # a label of ours that was changed, such as 'x' for the axis
        message = f"the frame cannot be drawn ({error}); expected one of pt.trends()"
        raise ConfigurationError(message, "pt.chart(pt.trends('method'))") from error
    report = Report(tuple(tables), frame.attrs.get("sample", ""), frame.attrs.get("footer", ""))
    return Chart(report.charts()[0])


def _report(
    axis: str, threshold: int | Iterable[int] | None, by: str, scope: str, surface: str, study: str | Path, data: Data,
    rule: str, project: str = "mean-share", *, cited: bool = False,
) -> "Report":  # fmt: skip
    """Return the report that words ask for. Raises ConfigurationError for an unknown word."""
    from survey.mentions.domain import Rule
    from survey.period import Period
    from survey.report import Question, trend_tables
    from survey.surface import Surface
    from survey.trends.projection import Project
    from survey.trends.published import PRINTED, Axis
    from survey.trends.trend import Scope

    question = Question(
        PRINTED if axis == "all" else (_choice("axis", axis, Axis, "all"),),
        _levels(threshold),
        _choice("by", by, Period),
        _choice("scope", scope, Scope),
        _choice("rule", rule, Rule),
        _choice("project", project, Project),
        cited,
        _choice("surface", surface, Surface),
    )
    folder, counts = _places(data)
    return trend_tables(folder, question, counts, _study(study))


def _described(frame: "DataFrame", report: "Report") -> "DataFrame":
    frame.attrs |= {"sample": report.sample, "footer": report.footer, "notes": report.notes()}
    return frame


@contextmanager
def _sample(data: Data, study: str | Path) -> Iterator[tuple["Sample", Path]]:
    """Give the open sample and the folder of own data."""
    from survey.warehouse.sample import open_sample

    folder, counts = _places(data)
    sample = open_sample(folder, counts, _study(study))
    with sample.warehouse:
        yield sample, folder


def _of_sample(frame: "DataFrame", sample: "Sample") -> "DataFrame":
    frame.attrs |= {"sample": sample.story, "footer": sample.footer, "notes": [sample.footer]}
    return frame


def _places(data: Data) -> tuple[Path, Path | None]:
    """Return the folder of own data, and the file of exported counts where `data` is one. Raises ConfigurationError."""
    path = None if data is None else Path(data)
    if path is not None and not exists(path):
        message = f"there is no {path}; expected a folder of own data or a file of exported counts"
        raise ConfigurationError(message, "survey ingest PATH…")
    if path is not None and path.is_file():
        return data_folder(), path
    return data_folder(path), None


def _study(study: str | Path) -> "Study | None":
    """Return a study by name or file; None for the bundled one, so that a file of counts is asked for its own."""
    from survey.studies.load import load_study

    return None if str(study).removeprefix("arXiv:") == STUDY else load_study(study)


def _levels(threshold: int | Iterable[int] | None) -> tuple[int, ...]:
    from survey.mentions.domain import HIGHEST_THRESHOLD
    from survey.studies import MOST_MENTIONS

    if threshold is None:
        return ()
    levels = tuple(threshold) if isinstance(threshold, Iterable) else (threshold,)
    if not levels or not all(type(level) is int and 1 <= level <= MOST_MENTIONS for level in levels):
        hint = f"threshold=5, or threshold=range(1, {HIGHEST_THRESHOLD + 1})"
        raise ConfigurationError(f"threshold is {threshold!r}; expected 1 to {MOST_MENTIONS:,}", hint)
    return levels


def _choice(name: str, value: str, kind: type[Choice], *more: str) -> Choice:
    try:
        return kind(value)
    except ValueError:
        known = ", ".join([*kind, *more])
        raise ConfigurationError(
            f"{name} is '{value}'; expected one of {known}", f"{name}='{next(iter(kind))}'"
        ) from None
