"""The functions of `import posttrain as pt`: each is the verb of a command, and gives a DataFrame or a typed object.

They open the sample, call the verb of the room and put rows into a frame; what a number is, the rooms decide.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from posttrain.errors import ConfigurationError, NothingMatchedError
from posttrain.frames import frame_of
from posttrain.settings import data_folder

if TYPE_CHECKING:
    from pandas import DataFrame

    from posttrain.notebook import Chart
    from survey.trends.domain import TrendTable
    from survey.warehouse.sample import Sample

STUDY = "2603.13985"  # the bundled one
SURFACE = "text"
Data = str | Path | None
Choice = TypeVar("Choice", bound=StrEnum)


def trends(
    axis: str = "domain",
    threshold: int | Iterable[int] = 5,
    by: str = "year",
    scope: str = "all",
    surface: str = SURFACE,
    study: str = STUDY,
    data: Data = None,
    *,
    rule: str = "any-name",
    project: str = "mean-share",
) -> "DataFrame":
    """Return the trend tables of an axis: a row for each period and label with k, n, share, low and high.

    axis: domain, method, data_source, or all. threshold: the least mentions, or several such as range(1, 21).
    by: year, half, quarter or month. scope: all, or body (without references and appendix). data: the folder of own
    data, or a file of exported counts; left out, own papers where there are any, else the bundled counts. rule and
    project are those of `survey report`. The frame has what `survey report --format csv` has; `.attrs["sample"]` says
    which papers these are, `.attrs["notes"]` what decides the numbers. Raises ConfigurationError for an unknown value,
    NothingMatchedError where no paper has a date.
    """
    with _sample(data, surface, study) as (sample, _, labels):
        tables = _tables(sample, labels, axis, threshold, by, scope, rule, project)
        return _trend_frame(tables, sample)


def growth(
    axis: str = "domain",
    threshold: int = 5,
    by: str = "year",
    scope: str = "all",
    surface: str = SURFACE,
    study: str = STUDY,
    data: Data = None,
    *,
    rule: str = "any-name",
) -> "DataFrame":
    """Return the growth between neighbouring periods: of k, and of the share with its interval, beside the printed one.

    A growth of 0.25 is +25 %. Ours is missing where one of the two periods has fewer than 30 papers. Arguments, attrs
    and errors are those of `trends`.
    """
    from survey.trends.growth import growth_of

    with _sample(data, surface, study) as (sample, _, labels):
        tables = _tables(sample, labels, axis, threshold, by, scope, rule, "mean-share")
        rows = [
            {"axis": table.axis.value, "reading": table.reading, **asdict(change)}
            for table in tables
            for change in growth_of(table)
        ]
        return _with_sample(frame_of(rows), sample, _notes(tables, sample))


def papers(
    domain: str | None = None,
    period: str | None = None,
    threshold: int = 5,
    scope: str = "all",
    data: Data = None,
    *,
    rule: str = "any-name",
) -> "DataFrame":
    """Return the papers of a cell of the domain table, a row each; without domain and period, all of the sample.

    period: such as 2025, 2025-H1, 2025-Q2 or 2025-06. A cell without papers is an empty frame.
    """
    from survey.explain import papers as papers_of
    from survey.mentions.domain import Rule
    from survey.mentions.lexicon import Domain
    from survey.trends.domain import Scope

    chosen = _choice("domain", domain, Domain) if domain else None
    counted = (_levels(threshold)[0], _choice("scope", scope, Scope), _choice("rule", rule, Rule))
    with _sample(data) as (sample, _, _):
        rows = papers_of(sample, chosen, period, *counted)
        return _with_sample(frame_of(rows), sample)


def mentions(id: str, data: Data = None) -> "DataFrame":
    """Return the mentions of a paper, a row each, counted or refused with the reason; `.attrs["paper"]` has the rest.

    id: an arXiv id, its URL, a local key, or words of a title. Raises NothingMatchedError where the sample lacks it.
    """
    from survey.explain import explain

    with _sample(data) as (sample, folder, _):
        paper = explain(sample, id, folder)
        frame = _with_sample(frame_of(paper["mentions"]), sample)
        frame.attrs["paper"] = {name: value for name, value in paper.items() if name != "mentions"}
        return frame


def published(axis: str = "domain") -> "DataFrame":
    """Return what the survey arXiv:2603.13985 printed, a row for each cell, with how far its readings agree.

    Values are counts of papers on the axis domain, shares in per cent on method and data_source.
    """
    from survey.trends.published import Axis, published_cells

    rows = [
        {"period": period, "label": label, "value": cell.value, "n": cell.n, "sources": "; ".join(cell.sources),
         "agreement": cell.agreement}
        for (period, label), cell in published_cells(_choice("axis", axis, Axis)).items()
    ]  # fmt: skip
    frame = frame_of(rows)
    frame.attrs |= {"sample": f"printed in arXiv:{STUDY}", "notes": []}
    return frame


def diff(data: Data = None) -> "DataFrame":
    """Return our domain table against the printed one, a row for each printed cell, with verdict and likely cause."""
    from survey.diff import compare
    from survey.trends.domain import domain_trends

    with _sample(data) as (sample, _, _):
        tables = domain_trends(sample.warehouse)
        cells = [asdict(cell) for cell in compare(tables[0], sample.is_bundled)]
        return _with_sample(frame_of(cells), sample, _notes(tables, sample))


def chart(frame: "DataFrame") -> "Chart":
    """Return the chart of a frame of `trends`, also of some of its rows: shares with intervals, or the threshold curve.

    Of a frame with several axes it is the chart of the first. Raises ConfigurationError for another frame.
    """
    from posttrain.notebook import Chart
    from survey.report import charts_of
    from survey.trends.records import tables_of
    from survey.trends.tables import FLAT_COLUMNS

    wanted = [name for name in FLAT_COLUMNS if name not in ("sample", "footer")]
    missing = [name for name in wanted if name not in frame.columns]
    if missing or not len(frame):
        lack = f"without the column '{missing[0]}'" if missing else "without a row"
        raise ConfigurationError(f"the frame is {lack}; expected one of pt.trends()", "pt.chart(pt.trends('method'))")
    rows = frame[wanted].astype(object).where(frame[wanted].notna(), None).to_dict("records")
    tables = tables_of([{str(name): value for name, value in row.items()} for row in rows])
    return Chart(charts_of(tables, frame.attrs.get("sample", ""), frame.attrs.get("footer", ""))[0])


def _tables(
    sample: "Sample", labels: Path | None, axis: str, threshold: int | Iterable[int], by: str, scope: str, rule: str,
    project: str,
) -> list["TrendTable"]:  # fmt: skip
    """Return the trend tables that words ask for. Raises ConfigurationError."""
    from survey.labels.validation import read_validation
    from survey.mentions.domain import Rule
    from survey.period import Period
    from survey.trends.cited import with_citations
    from survey.trends.domain import Scope, domain_trends
    from survey.trends.labelled import data_source_trends, method_trends
    from survey.trends.projection import Project
    from survey.trends.published import Axis

    axes = list(Axis) if axis == "all" else [_choice("axis", axis, Axis, "all")]
    period = _choice("by", by, Period)
    counted = (_choice("scope", scope, Scope), _choice("rule", rule, Rule), _choice("project", project, Project))
    tables: list[TrendTable] = []
    if Axis.DOMAIN in axes:
        tables += domain_trends(sample.warehouse, _levels(threshold), period, *counted)
    checked = read_validation(labels)
    if Axis.METHOD in axes:
        tables += method_trends(sample.warehouse, checked, period)
    if Axis.DATA_SOURCE in axes:
        tables.append(data_source_trends(sample.warehouse, checked, period))
    if not any(table.rows for table in tables):
        raise NothingMatchedError("no paper of the sample has a date, so there is no period", "survey ingest PATH…")
    return [with_citations(table, sample.warehouse) for table in tables]


def _trend_frame(tables: list["TrendTable"], sample: "Sample") -> "DataFrame":
    from survey.trends.tables import flat_rows

    rows = flat_rows(tables, sample.story, sample.footer)
    return _with_sample(frame_of(rows).drop(columns=["sample", "footer"]), sample, _notes(tables, sample))


def _notes(tables: Sequence["TrendTable"], sample: "Sample") -> list[str]:
    from survey.trends.tables import as_grids

    notes = (text for grid in as_grids(tables, sample.footer) for text in grid.notes)
    return list(dict.fromkeys(notes))


def _with_sample(frame: "DataFrame", sample: "Sample", notes: Sequence[str] = ()) -> "DataFrame":
    frame.attrs |= {"sample": sample.story, "footer": sample.footer, "notes": list(notes) or [sample.footer]}
    return frame


@contextmanager
def _sample(data: Data, surface: str = SURFACE, study: str = STUDY) -> Iterator[tuple["Sample", Path, Path | None]]:
    """Open the sample for as long as it is read, with the folder of own data, and the folder of own validated labels.

    Raises ConfigurationError.
    """
    from survey.warehouse.sample import open_sample

    if surface != SURFACE:
        raise ConfigurationError(
            f"surface is '{surface}'; expected {SURFACE}, the only one that is counted", "leave it out"
        )
    if study not in (STUDY, f"arXiv:{STUDY}"):
        raise ConfigurationError(f"study is '{study}'; expected {STUDY}, the only one that is bundled", "leave it out")
    path = Path(data) if data is not None else None
    counts = path if path is not None and path.is_file() else None
    folder = data_folder(None if counts else path)
    if path is not None and not path.exists():
        raise ConfigurationError(
            f"there is no {path}; expected a folder of own data or a file of counts", "survey ingest PATH…"
        )
    sample = open_sample(folder, counts)
    with sample.warehouse:
        yield sample, folder, None if sample.is_bundled or counts else folder


def _levels(threshold: int | Iterable[int]) -> list[int]:
    from survey.mentions.domain import HIGHEST_THRESHOLD

    levels = [threshold] if isinstance(threshold, int) else list(threshold)
    if not levels or not all(1 <= level <= HIGHEST_THRESHOLD for level in levels):
        hint = f"threshold=5, or threshold=range(1, {HIGHEST_THRESHOLD + 1})"
        raise ConfigurationError(f"threshold is {threshold!r}; expected 1 to {HIGHEST_THRESHOLD}", hint)
    return levels


def _choice(name: str, value: str, kind: type[Choice], *more: str) -> Choice:
    try:
        return kind(value)
    except ValueError:
        known = ", ".join([*kind, *more])
        raise ConfigurationError(
            f"{name} is '{value}'; expected one of {known}", f"{name}='{next(iter(kind))}'"
        ) from None
