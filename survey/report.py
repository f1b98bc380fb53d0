"""The trend tables as a person or a program wants them: terminal, Markdown, CSV, JSON, HTML, LaTeX, Parquet."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from posttrain.charts import png, svg
from posttrain.tables import as_csv, as_html, as_latex, as_markdown, as_parquet
from survey.trends.charts import chart
from survey.trends.domain import TrendTable
from survey.trends.published import Axis
from survey.trends.tables import FLAT_COLUMNS, as_grids, flat_rows, what_counts


class Format(StrEnum):
    """What `survey report` can write."""

    TERMINAL = "terminal"
    MARKDOWN = "md"
    CSV = "csv"
    JSON = "json"
    HTML = "html"
    LATEX = "latex"
    PARQUET = "parquet"
    SVG = "svg"
    PNG = "png"


BINARY = (Format.PARQUET, Format.PNG)


def render(
    tables: Sequence[TrendTable], sample: str, footer: str, form: Format, with_cited: bool = False
) -> str | bytes:
    """Return the tables in one of the file formats, with the sentence on the sample and the footer.

    `terminal` is drawn by `draw`, `json` is the envelope of every command. SVG and PNG hold the chart of the first
    axis.
    """
    if form in (Format.SVG, Format.PNG):
        spec = charts_of(tables, sample, footer)[0]
        return svg(spec) if form is Format.SVG else png(spec)
    if form in (Format.CSV, Format.PARQUET):
        records = flat_rows(tables, sample, footer)
        return as_csv(records, FLAT_COLUMNS) if form is Format.CSV else as_parquet(records)
    grids = as_grids(tables, footer, with_cited)
    if form is Format.HTML:
        return as_html(grids, sample, "Post-training trends", [svg(spec) for spec in charts_of(tables, sample, footer)])
    return as_latex(grids, sample) if form is Format.LATEX else as_markdown(grids, sample)


def charts_of(tables: Sequence[TrendTable], sample: str, footer: str) -> list[dict[str, Any]]:
    """Return the chart of each axis: of a sweep the threshold curve, else shares with intervals."""
    by_axis: dict[Axis, list[TrendTable]] = {}
    for table in tables:
        by_axis.setdefault(table.axis, []).append(table)
    return [
        chart(group, [sample, f"{what_counts(*group)}; {footer}"])
        if axis is Axis.DOMAIN
        else chart(group[:1], [sample, f"ticks: as the survey printed; {group[0].note}; {footer}"])
        for axis, group in by_axis.items()
    ]
