"""Trends: what papers train with, as growth and shares with intervals, down to the papers and their mentions."""

from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from posttrain.charts import COLOURS, png, svg
from posttrain.page import chart, choice, copy_link, errors_shown, legend, own_data, plain, table, tabs, warn_of_address
from survey.mentions.domain import HIGHEST_THRESHOLD
from survey.page.choices import (
    AXES,
    MEASURES,
    ask_axis,
    ask_period,
    ask_question,
    ask_study,
    ask_surface,
    finding_of,
    reading_of,
    sample_or_bundled,
    tables_for,
)
from survey.page.papers import has_papers, show_papers
from survey.report import Format, Question, Report
from survey.studies.model import Study
from survey.trends.charts import Measure
from survey.trends.charts import chart as titled
from survey.trends.panels import (
    OURS,
    PRINTED,
    Cell,
    cells_of,
    labels_shown,
    measures_of,
    panel,
    panel_width,
    panels_chart,
    panels_grid,
    small_periods,
    spoken,
)
from survey.trends.trend import ENOUGH, TrendTable
from survey.warehouse.sample import Sample

FILES = {
    Format.CSV: "text/csv", Format.MARKDOWN: "text/markdown", Format.LATEX: "text/x-tex", Format.HTML: "text/html",
    Format.PARQUET: "application/vnd.apache.parquet", Format.SVG: "image/svg+xml", Format.PNG: "image/png",
}  # fmt: skip
TABS = {"chart": "Chart", "table": "Table", "sources": "Sources", "download": "Download"}
IN_ADDRESS = (
    "study", "surface", "axis", "by", "measure", "threshold", "rule", "scope", "project", "rl", "small", "tab",
    "cell_period", "cell_label", "papers", "asked",
)  # fmt: skip
EVERY = tuple(range(1, HIGHEST_THRESHOLD + 1))


@dataclass(frozen=True)
class View:
    """What is shown: one table of a sample, one measure of it, and the cells that chart and table are drawn from."""

    sample: Sample
    table: TrendTable
    measure: Measure
    cells: tuple[Cell, ...]
    question: Question


def show() -> None:
    """Draw the page."""
    st.title("What the field trains with")
    words = st.container()
    with errors_shown():
        data = own_data()
        with st.container(horizontal=True, vertical_alignment="bottom"):
            study = ask_study()
            surface = ask_surface(data, study)
            axis, by = ask_axis(), ask_period()
            beside = st.container(width="content")
            copy_link()
        sample = sample_or_bundled(data, study, surface)
        with st.expander("Counting and periods", key="more"):
            question, with_small = ask_question(study, sample.surface, axis, by)
        shown = reading_of(tables_for(data, study, sample, question))
        with words:
            st.markdown(f"**{plain(finding_of(data, study, sample, shown))}**")
            st.caption(plain(sample.story))
        measures = measures_of(shown)
        with beside:
            measure = Measure(
                choice("measure", "Shown is", measures, measures[0], width=190, format_func=MEASURES.__getitem__)
            )
        view = View(sample, shown, measure, tuple(cells_of(shown, measure, with_small)), question)
        _tabs(view, data, study)
        if has_papers(shown):
            st.divider()
            show_papers(shown, sample, data)
    with words:
        warn_of_address(IN_ADDRESS)


def _tabs(view: View, data: Path, study: Study) -> None:
    """Show the chart, the same numbers as a table, where they come from, and files of both."""
    shown = tabs("tab", TABS)
    if shown["chart"].open:
        with shown["chart"]:
            _chart(view)
            if view.table.axis.is_counted:
                _thresholds(view, data, study)
    if shown["table"].open:
        with shown["table"]:
            _grid(view)
    if shown["sources"].open:
        with shown["sources"]:
            _sources(view)
    if shown["download"].open:
        with shown["download"]:
            _downloads(view)


def _nothing(view: View) -> bool:
    """Say why there is nothing to show, where there is nothing."""
    if view.cells:
        return False
    papers, undated = view.sample.warehouse.query("sample")[0][:2]
    if papers == undated:
        st.info(
            "No paper of the sample has a date, so there is no period to show. Next: survey ingest papers with ids."
        )
    elif not any(row.n for row in view.table.rows):
        st.info(
            f"None of the {papers:,} papers of this sample is labelled as training, so there are no "
            f"{AXES[view.table.axis].lower()} to show, and the survey's printed marks alone would say nothing about "
            "them. Next: survey explain ID shows what a label rests on."
        )
    elif view.measure is Measure.CORRECTED:
        st.info("No share of this sample can be corrected. Choose the share of papers.")
    else:
        st.info(f"No period of this sample has {ENOUGH} papers, too few for a trend. They can be shown: Counting and "
                "periods.")  # fmt: skip
    return True


def _chart(view: View) -> None:
    """Show a panel for each label, their legend, and which periods are folded away."""
    if _nothing(view):
        return
    has_printed = any(cell.printed is not None for cell in view.cells)
    legend([("●", COLOURS[0], OURS), *([("◆", COLOURS[1], PRINTED)] if has_printed else [])])
    width = panel_width(view.cells)
    with st.container(horizontal=True, key="panels"):
        for label in labels_shown(view.table, view.cells):
            with st.container(width=width, gap=None):
                st.markdown(f"**{plain(label.replace('_', ' '))}**")
                words = spoken(view.cells, view.measure, label)
                spec = panel(view.table, view.measure, view.cells, label)
                if view.measure is Measure.GROWTH:
                    chart(spec, words)
                else:
                    chart(spec, words, key=f"bars_{label}", on_select=lambda key=f"bars_{label}": _take_bar(key))
    st.caption(plain(_legend_words(view)))


def _legend_words(view: View) -> str:
    """Return how the panels are read, and which periods are folded away."""
    text = "The factor from one period to the next, on a logarithmic axis; the dashed line is no growth."
    if view.measure is not Measure.GROWTH:
        text = "A bar is a share of n papers, the line its 95 % interval."
        if has_papers(view.table):
            text += " Click a bar for its papers."
    elif any(growth.of == "papers" for growth in view.table.growth):
        text += " Growth is of the number of papers of the field, as the survey prints it."
    small = small_periods(view.table)
    cells = {cell.period for cell in view.cells}
    folded = [f"{period} (n {n})" for period, n in small.items() if period not in cells]
    if folded:
        text += f" Folded away, with fewer than {ENOUGH} papers: {', '.join(folded)}."
    return text


def _take_bar(key: str) -> None:
    """Carry a clicked bar to the questions below, which the keyboard reaches too."""
    clicked = st.session_state[key].selection.get("bar")
    if clicked:
        st.session_state.cell_period, st.session_state.cell_label = clicked[0]["period"], clicked[0]["label"]
        st.session_state.papers = True


def _grid(view: View) -> None:
    if _nothing(view):
        return
    grid = panels_grid(view.table, view.measure, view.cells)
    table(grid.head, grid.rows, grid.title)


def _thresholds(view: View, data: Path, study: Study) -> None:
    """Show, to those who open it, how many papers every threshold keeps."""
    opened = st.expander("Does the result depend on the threshold?", key="thresholds", on_change="rerun")
    if opened.open:  # twenty tables, computed only for those who open it
        with opened:
            question = Question(view.question.axes, EVERY, view.question.by, view.question.scope, view.question.rule,
                                view.question.project, surface=view.sample.surface)  # fmt: skip
            sweep = tables_for(data, study, view.sample, question)
            chart(titled(sweep, []), "Papers of each label that each threshold from 1 to 20 keeps, by period")
            _download("thresholds", sweep, view)


def _sources(view: View) -> None:
    """Show the papers behind the numbers, the rules of counting, and what limits them."""
    report = _report([view.table], view)
    lines = [view.sample.story, *report.notes()]
    st.markdown("\n".join(f"- {plain(line)}" for line in dict.fromkeys(lines)))


def _report(tables: list[TrendTable], view: View) -> Report:
    return Report(tuple(tables), view.sample.story, view.sample.footer, limits=tuple(view.sample.limits))


def _downloads(view: View) -> None:
    st.write("The table with every row and column of `survey report`, or the chart as it is shown.")
    _download(view.table.axis, [view.table], view)


def _download(name: str, tables: list[TrendTable], view: View) -> None:
    """Offer a table with its chart, or all thresholds with their curve, as a file."""
    with st.container(horizontal=True, vertical_alignment="bottom"):
        form = st.selectbox("Download as", list(FILES), key=f"{name}_form", width=160)
        st.download_button(
            "Download", lambda: _file(tables, view, form), mime=FILES[form], key=f"{name}_download",
            file_name=f"{name}.{form}", icon=":material/download:", on_click="ignore",
        )  # fmt: skip


def _file(tables: list[TrendTable], view: View, form: Format) -> str | bytes:
    """Return the file: a chart as the page shows it, a table with all of its rows."""
    if form in (Format.SVG, Format.PNG):
        notes = [view.sample.subject, view.sample.footer]
        spec = titled(tables, notes) if len(tables) > 1 else panels_chart(view.table, view.measure, view.cells, notes)
        return svg(spec) if form is Format.SVG else png(spec)
    return _report(tables, view).render(form)


if __name__ == "__main__":  # as Streamlit runs a page
    show()
