"""Trends: what papers train with, as bars with intervals, down to the papers and their mentions."""

from pathlib import Path
from typing import Any

import streamlit as st

from posttrain.charts import png, svg
from posttrain.page import chart, errors_shown, own_data, plain, table
from survey.explain import day_of, explain, papers_behind
from survey.mentions.domain import DEFAULT_THRESHOLD, HIGHEST_THRESHOLD, Rule
from survey.period import Period
from survey.report import Format, Question, Report, tables_of
from survey.trends.cells import as_grids
from survey.trends.charts import MEASURES, Measure, on_page
from survey.trends.charts import chart as titled
from survey.trends.projection import Project
from survey.trends.published import PRINTED, Axis
from survey.trends.trend import READINGS, Scope, TrendTable
from survey.warehouse.sample import Sample, open_sample, stamp

TITLES = {Axis.DOMAIN: "Domains", Axis.METHOD: "Methods", Axis.DATA_SOURCE: "Data sources"}
FILES = {
    Format.CSV: "text/csv", Format.MARKDOWN: "text/markdown", Format.LATEX: "text/x-tex", Format.HTML: "text/html",
    Format.PARQUET: "application/vnd.apache.parquet", Format.SVG: "image/svg+xml", Format.PNG: "image/png",
}  # fmt: skip
BOUND: dict[str, Any] = {"bind": "query-params"}  # choices are part of the address: a view can be sent as a link


def show() -> None:
    """Draw the page."""
    st.title("What the field trains with")
    with errors_shown():
        data = own_data()
        sample = _sample(data, stamp(data))
        st.caption(plain(sample.story))
        axis = st.segmented_control(
            "Table", PRINTED, format_func=TITLES.__getitem__, default=Axis.DOMAIN, required=True, key="axis", **BOUND
        )
        with st.container(horizontal=True):
            measure = st.selectbox("Bars", MEASURES[axis], key=f"{axis}_measure", width=220, **BOUND)
            tables = _domain_tables(data) if axis is Axis.DOMAIN else [_labelled_table(data, axis)]
        shown = tables[st.session_state.threshold - 1] if axis is Axis.DOMAIN else tables[0]
        _draw(shown, measure, sample)
        if axis is Axis.DOMAIN:
            thresholds = st.expander("Does the result depend on the threshold?", key="thresholds", on_change="rerun")
            if thresholds.open:  # twenty tables, computed only for those who open it
                with thresholds:
                    chart(titled(tables, []), "Papers of each domain that each threshold from 1 to 20 keeps, by period")
                    _downloads(tables, measure, sample)
        _downloads([shown], measure, sample)
        st.divider()
        _papers(shown, sample, data)


@st.cache_resource(max_entries=2, show_spinner="Reading the counts")
def _sample(data: Path, as_of: tuple[int, ...]) -> Sample:
    return open_sample(data)


def _domain_tables(data: Path) -> list[TrendTable]:
    """Show the controls of the domain table and return it at every threshold."""
    st.slider(
        "Least mentions", 1, HIGHEST_THRESHOLD, DEFAULT_THRESHOLD, key="threshold", width=170, **BOUND,
        help="A paper counts for a domain that it names at least this often; the survey used 5.",
    )  # fmt: skip
    by = st.selectbox("Period", list(Period), key="by", width=110, **BOUND)
    rule = st.selectbox(
        "Counted are", list(Rule), key="rule", width=240, **BOUND,
        format_func={Rule.ANY_NAME: "mentions of one benchmark", Rule.DOMAIN_SUM: "a domain's together"}.__getitem__,
    )  # fmt: skip
    scope = st.selectbox(
        "In", list(Scope), key="scope", width=160, **BOUND,
        format_func={Scope.ALL: "the whole text", Scope.BODY: "the body, no references"}.__getitem__,
    )  # fmt: skip
    project = st.selectbox(
        "Unfinished year", list(Project), key="project", width=140, **BOUND,
        help="How an unfinished year is projected from its first half: divided by the mean share of first halves in "
        "earlier years, doubled, or divided by the share in the year before.",
    )  # fmt: skip
    return _all_thresholds(data, stamp(data), by, scope, rule, project)


def _labelled_table(data: Path, axis: Axis) -> TrendTable:
    """Show the controls of the method or data-source table and return it."""
    by = st.selectbox("Period", list(Period), key="by", width=110, **BOUND)
    reading = READINGS[0]
    if axis is Axis.METHOD:
        reading = st.selectbox("RL is", READINGS, key="reading", width=240, **BOUND)
    tables = _labelled(data, stamp(data), axis, by)
    return next(table for table in tables if table.reading in ("", reading))


@st.cache_resource(max_entries=64, show_spinner=False)
def _all_thresholds(
    data: Path, as_of: tuple[int, ...], by: Period, scope: Scope, rule: Rule, project: Project
) -> list[TrendTable]:
    every = tuple(range(1, HIGHEST_THRESHOLD + 1))
    return tables_of(_sample(data, as_of), Question((Axis.DOMAIN,), every, by, scope, rule, project), data)


@st.cache_resource(max_entries=16, show_spinner="Correcting for errors of the labels")
def _labelled(data: Path, as_of: tuple[int, ...], axis: Axis, by: Period) -> list[TrendTable]:
    sample = _sample(data, as_of)
    return tables_of(sample, Question(axes=(axis,), by=by), data)


def _draw(shown: TrendTable, measure: Measure, sample: Sample) -> None:
    """Show the bars, the table and its notes."""
    if not shown.rows:
        st.info(
            "No paper of the sample has a date, so there is no period to show. Next: survey ingest papers with ids."
        )
        return
    words = f"{TITLES[shown.axis]}: {measure}, with 95 % intervals. The table below has every number."
    chart(on_page(shown, measure), words, key="bars", on_select=_take_bar)
    st.caption(
        "A bar is k of n papers, the thin line its 95 % interval. "
        + (
            "The survey printed counts without an n: as parts of a year (Bars) they are short ticks next to ours."
            if shown.axis is Axis.DOMAIN
            else "Short ticks are the survey's printed shares."
        )
        + " Click a bar for its papers."
    )
    grid = as_grids([shown], sample.footer)[0]
    with st.container(height=380):
        table(grid.head, grid.rows, grid.title)
    with st.expander("What decides these numbers"):
        st.markdown("\n".join(f"- {plain(note)}" for note in grid.notes))


def _take_bar() -> None:
    """Carry a clicked bar to the questions below, which the keyboard reaches too."""
    clicked = st.session_state.bars.selection.get("bar")
    if clicked:
        st.session_state.cell_period, st.session_state.cell_label = clicked[0]["period"], clicked[0]["label"]
        st.session_state.papers = True


def _downloads(tables: list[TrendTable], measure: Measure, sample: Sample) -> None:
    """Offer a table with its chart, or all thresholds with their curve, as a file."""
    name = tables[0].axis if len(tables) == 1 else "thresholds"
    with st.container(horizontal=True, vertical_alignment="bottom"):
        form = st.selectbox("Download as", list(FILES), key=f"{name}_form", width=160)
        st.download_button(
            "Download", lambda: _file(tables, measure, sample, form), mime=FILES[form], key=f"{name}_download",
            file_name=f"{name}.{form}", icon=":material/download:", on_click="ignore",
        )  # fmt: skip


def _file(tables: list[TrendTable], measure: Measure, sample: Sample, form: Format) -> str | bytes:
    """Return the file: a chart as the page shows it, a table with all of its rows."""
    if form in (Format.SVG, Format.PNG):
        spec = titled(tables, [sample.story, sample.footer], measure)
        return svg(spec) if form is Format.SVG else png(spec)
    return Report(tuple(tables), sample.story, sample.footer).render(form)


def _papers(shown: TrendTable, sample: Sample, data: Path) -> None:
    """Show the papers behind a bar, and of one of them every mention and cue."""
    st.subheader("The papers behind a bar")
    sizes = {row.period: row.n for row in shown.rows if row.n}
    periods = list(sizes)
    largest = periods.index(max(sizes, key=sizes.__getitem__)) if sizes else 0
    with st.container(horizontal=True):
        period = st.selectbox("Period of the bar", periods, largest, key="cell_period", width=160, **BOUND)
        label = st.selectbox("Label of the bar", shown.labels, key="cell_label", width=200, **BOUND)
    behind = papers_behind(sample, shown, label, period) if period else []
    if behind:
        papers = st.expander(f"{len(behind):,} papers", key="papers", icon=":material/list:", **BOUND)
        if papers.open:  # the grid is the heaviest part of the page, for the browser and for the server
            link = st.column_config.LinkColumn(display_text="open", width="small")
            papers.dataframe(
                _listed(behind), hide_index=True, key="list", height=260, alt=f"Papers of {label} in {period}",
                on_select=_take_paper, selection_mode="single-row", column_config={"arXiv": link},
            )  # fmt: skip
            st.session_state.listed = [paper["arxiv_id"] for paper in behind]
    else:
        st.write("No paper is counted there.")
    asked = st.text_input("Why is a paper counted? Its arXiv id or words of its title", key="asked",
                          placeholder="select a row above, or type 2503.05592", **BOUND)  # fmt: skip
    if asked:
        with errors_shown():
            _explain(explain(sample, asked, data))
            if not sample.has_places:
                st.caption(
                    "Bundled and shared counts hold no text: they say how often a name is in a section, not where."
                )


def _take_paper() -> None:
    rows = st.session_state["list"].selection.rows
    if rows and rows[0] < len(st.session_state.listed):
        st.session_state.asked = st.session_state.listed[rows[0]]


def _listed(papers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"title": paper["title"], "version 1": day_of(paper), "id": paper["arxiv_id"],
         **({"domains": ", ".join(paper["domains"])} if "domains" in paper else
            {"label": paper["label"], "probability": paper["probability"]}),
         "arXiv": f"https://arxiv.org/abs/{paper['arxiv_id']}" if not paper["arxiv_id"].startswith("local:") else None}
        for paper in papers
    ]  # fmt: skip


def _explain(explained: dict[str, Any]) -> None:
    """Show one paper: its domains, every mention and the labels with their cues."""
    st.markdown(f"**{plain(explained['title'])}** · {plain(explained['arxiv_id'])} · {day_of(explained)}")
    method, source = explained["method"], explained["data_source"]
    labels = ""
    if method:
        labels = f" Method: {method['label']} (p {method['probability']:.2f}; by cues {method['by_cues']}, by the"
        labels += f" classifier {method['by_classifier']})."
    if source and source["all"]:
        labels += f" Data: {', '.join(source['all'])}."
    domains = ", ".join(explained["domains"]) or "none"
    st.write(plain(f"Domains at {DEFAULT_THRESHOLD} mentions: {domains}.{labels}").replace("_", " "))
    mentions = [
        {"benchmark": mention["benchmark"], "domain": mention["domain"], "section": mention["section"],
         "place": str(mention["offset"]) if mention["offset"] is not None else f"{mention['n']} times",
         "counts": "yes" if mention["counted"] else "no", "why": mention["reason"],
         "words": mention["context"] or mention["alias"]}
        for mention in explained["mentions"]
    ]  # fmt: skip
    if mentions:
        st.dataframe(mentions, hide_index=True, alt="Every mention")
    cues = (method or {}).get("cues", []) + (source or {}).get("cues", [])
    if cues:
        st.dataframe([{name: cue[name] for name in ("cue", "part", "context")} for cue in cues], hide_index=True,
                     alt="Every cue of method and data source")  # fmt: skip


if __name__ == "__main__":  # as Streamlit runs a page
    show()
