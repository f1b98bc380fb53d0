"""The papers behind a bar, and of one of them every mention and cue."""

from pathlib import Path
from typing import Any

import streamlit as st

from posttrain.page import choice, errors_shown, plain
from survey.explain import day_of, explain, papers_behind
from survey.mentions.domain import DEFAULT_THRESHOLD
from survey.surface import Surface
from survey.trends.published import Axis
from survey.trends.trend import TrendTable
from survey.warehouse.sample import Sample


def has_papers(shown: TrendTable) -> bool:
    """Say whether the papers behind the bars of a table can be listed: of labels that a paper carries."""
    return shown.axis is Axis.DOMAIN or (shown.surface is Surface.TEXT and not shown.axis.is_counted)


def show_papers(shown: TrendTable, sample: Sample, data: Path) -> None:
    """Show the papers behind a bar, and of one of them every mention and cue."""
    st.subheader("The papers behind a bar")
    sizes = {row.period: row.n for row in shown.rows if row.n}
    periods = list(sizes)
    if not periods:
        st.write("No paper is in a period.")
        return
    with st.container(horizontal=True):
        largest = max(sizes, key=sizes.__getitem__)
        period = choice("cell_period", "Period of the bar", periods, largest, width=160)
        label = choice("cell_label", "Label of the bar", shown.labels, shown.labels[0], width=200)
    behind = papers_behind(sample, shown, label, period)
    if behind:
        papers = st.expander(f"{len(behind):,} papers", key="papers", icon=":material/list:", bind="query-params")
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
                          placeholder="select a row above, or type 2503.05592", bind="query-params")  # fmt: skip
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
