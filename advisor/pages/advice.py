"""The advisor's page: questions on the left; on the right the pipeline, its reasons, cost, and what would change it."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from advisor.advice.charts import flow, memory_bars
from advisor.advice.cost import memory_ways
from advisor.advice.data import as_data
from advisor.advice.evidence import Field, stamp
from advisor.advice.markdown import as_markdown
from advisor.advice.ranking import Change, Reason
from advisor.advice.recommend import Option, Recommendation, recommend
from advisor.advice.rules import Source, load_rules
from advisor.advice.text import CHANGES_SHOWN
from advisor.task.examples import examples
from advisor.task.traits import BY_NAME, GROUPS, MOST, TRAITS, Trait, Traits, Value, make_traits, written
from posttrain.errors import PosttrainError
from posttrain.page import chart, errors_shown, own_data, plain

UNKNOWN = "don't know"
BOUND: dict[str, Any] = {"bind": "query-params"}  # answers are kept in the address, so that it can be sent


def show() -> None:
    """Draw the page."""
    st.title("What should I train with?")
    st.caption(
        "Leave a question open if you do not know: unknown never counts as no. "
        "The answer names the questions that are worth finding out."
    )
    with st.container(horizontal=True):
        for example in examples():
            st.button(example.title, help=example.about, on_click=_start_from, args=(example.traits,))
        st.button("Clear", on_click=_start_from, args=(Traits({}),), type="tertiary", icon=":material/close:")
    _drop_invalid()
    asked, answered = st.columns([2, 3], gap="large")
    with asked:
        for group in GROUPS:
            _questions(group)
    with answered, errors_shown():
        _answer(make_traits({trait.name: st.session_state.get(trait.name) for trait in TRAITS}))


def _drop_invalid() -> None:
    """Remove values from the address that no question allows, and report them; before the questions are drawn.

    Those questions no longer write to the address: Streamlit would read the old value again, and fails at some values.
    """
    st.session_state.setdefault("unbound", set())
    dropped = []
    for trait in TRAITS:
        text = st.query_params.get(trait.name)
        if text and trait.name not in st.session_state:
            try:
                trait.read(text)
            except PosttrainError:
                del st.query_params[trait.name]
                st.session_state.unbound.add(trait.name)
                dropped.append(f"{trait.name}={text[:40]}; expected {trait.allowed}")
    for setting in dropped:
        st.warning(f"Not understood in the address: {plain(setting)}", icon=":material/link_off:")


def _questions(group: str) -> None:
    traits = [trait for trait in TRAITS if trait.group == group]
    known = sum(_is_known(trait) for trait in traits)
    heading = f"{group.capitalize()}: {known} of {len(traits)} known"
    with st.expander(heading, expanded=group == GROUPS[0], key=f"group_{group}"):
        for trait in traits:
            _question(trait)
            st.caption(plain(trait.why))


def _is_known(trait: Trait) -> bool:
    """Return whether a question has an answer; before it is first drawn, its answer is in the address."""
    if trait.name in st.session_state:
        return st.session_state[trait.name] is not None
    return trait.name in st.query_params


def _question(trait: Trait) -> None:
    bound = {} if trait.name in st.session_state.unbound else BOUND
    if trait.kind in ("choice", "flag"):
        values = trait.values or ("yes", "no")
        st.selectbox(trait.question, values, index=None, placeholder=UNKNOWN, key=trait.name, **bound)
        return
    whole = trait.kind == "count"
    label = f"{trait.question} ({trait.unit})" if trait.unit else trait.question
    st.number_input(
        f"{label} (0 to 1)" if trait.kind == "share" else label,
        min_value=0 if whole else 0.0,
        max_value=int(MOST) if whole else 1.0 if trait.kind == "share" else MOST,
        value=None,
        step=1 if whole else 0.05 if trait.kind == "share" else 1.0,
        format="%d" if whole else "%g",
        placeholder=UNKNOWN,
        key=trait.name,
        **bound,
    )


def _start_from(traits: Traits) -> None:
    for trait in TRAITS:
        st.session_state[trait.name] = _as_asked(trait, traits.get(trait.name))


def _take(change: Change) -> None:
    st.session_state[change.trait] = _as_asked(BY_NAME[change.trait], change.value)


def _as_asked(trait: Trait, value: Value | None) -> str | int | float | None:
    """Return a value as its control holds it: flags as words, and shares never as whole numbers."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return written(value)
    return int(value) if trait.kind == "count" else float(value)


def _answer(traits: Traits) -> None:
    data = own_data()
    recommendation = recommend(traits, _field(data, stamp(data)))
    top = recommendation.top
    if not traits.values:
        st.info("Nothing is known yet: start from an example, or answer the questions you can. Until then:")
    st.subheader(plain(top.pipeline.title), anchor=False)
    dot, words = flow(top.pipeline)
    if dot:
        st.graphviz_chart(dot, alt=words)
    _about(top)
    st.markdown("\n".join(map(_reason, top.reasons)) or "No rule argues for it: nothing is known yet.")
    st.session_state.pop("advice", None)
    if recommendation.can_be_tried:
        st.session_state.advice = as_data(recommendation)
        st.page_link("advisor/pages/pilot.py", label="Try it in a pilot", icon=":material/science:")
    _memory(top, traits)
    _changes(recommendation)
    _others(recommendation)
    _exports(recommendation)


@st.cache_resource(max_entries=2, show_spinner=False)
def _field(data: Path, as_of: tuple[int, ...]) -> Field:
    return Field(data)


def _about(top: Option) -> None:
    pipeline = top.pipeline
    st.markdown(f"Method **{pipeline.method}**, **{top.score}** points by the rules below.")
    st.markdown(f"**Gives** {plain(pipeline.gives)}. **Risks** {plain(pipeline.risks)}.")
    if top.start:
        st.markdown(f"**Start** {plain(top.start)}")
    if pipeline.stages:
        st.markdown(f"**Costs** {plain(str(top.cost))}")
    if top.evidence:
        st.markdown(f"**The field** {plain(str(top.evidence))}")
    for need in top.open_needs:
        st.warning(f"Not known yet: {plain(need)}", icon=":material/help:")


def _reason(reason: Reason) -> str:
    rule = reason.rule
    dissent = "".join(f"\n    - *but* {_link(item.source)} {plain(item.says)}" for item in rule.dissent)
    return f"- **{reason.points:+d}** {plain(rule.text)} ({', '.join(map(_link, rule.sources))}){dissent}"


def _link(source: Source) -> str:
    """Return a source's id as a link in Markdown, or in brackets where it has none."""
    return source.link if source.url else plain(source.link)


def _memory(top: Option, traits: Traits) -> None:
    ways = memory_ways(top.pipeline, traits)
    if ways:
        st.markdown("**Memory on one GPU**")
        spec, words = memory_bars(ways, traits.number("gpu_memory"))
        chart(spec, words)
    elif top.pipeline.stages and not traits.get("parameters"):
        st.caption("Answer how large the model is (group Model) to see its memory here.")


def _changes(recommendation: Recommendation) -> None:
    st.markdown("**What would change this answer**")
    changes = recommendation.would_change
    if not changes:
        st.caption("No single answer would.")
    for index, change in enumerate(changes[:CHANGES_SHOWN]):
        st.button(
            plain(f"{change.condition.replace('_', ' ')}: {change.top.title}"),
            key=f"change_{index}",
            on_click=_take,
            args=(change,),
            help=BY_NAME[change.trait].question,
            wrap=True,
        )
    if len(changes) > CHANGES_SHOWN:
        st.caption(f"and {len(changes) - CHANGES_SHOWN} more in the JSON below")


def _others(recommendation: Recommendation) -> None:
    if recommendation.rivals:
        st.markdown("**After it**")
    for rival in recommendation.rivals:
        with st.expander(f"{rival.score} points: {plain(rival.pipeline.title)}"):
            st.markdown("\n".join(map(_reason, rival.reasons)))
            st.caption(f"gives {plain(rival.pipeline.gives)}; risks {plain(rival.pipeline.risks)}")
    if recommendation.ruled_out:
        with st.expander(f"Ruled out: {len(recommendation.ruled_out)} pipelines"):
            needs = (f"- {plain(out.pipeline.id)}: needs {plain(out.needs[0])}" for out in recommendation.ruled_out)
            st.markdown("\n".join(needs))
    with st.expander("The sources"):
        sources = load_rules().sources.values()
        st.markdown("\n".join(f"- {_link(source)} {plain(source.title)}" for source in sources))


def _exports(recommendation: Recommendation) -> None:
    st.markdown("**Take it with you**")
    whole = as_data(recommendation)
    with st.container(horizontal=True):
        st.download_button("JSON", lambda: json.dumps(whole, indent=2, ensure_ascii=False), "advice.json",
                           "application/json", on_click="ignore", icon=":material/download:")  # fmt: skip
        st.download_button("Markdown", lambda: as_markdown(recommendation), "advice.md", "text/markdown",
                           on_click="ignore", icon=":material/download:")  # fmt: skip
    answers = {name: written(value) for name, value in recommendation.traits.values.items()}
    st.caption("This page with your answers, and the same on the command line:")
    st.code(f"{str(st.context.url).partition('?')[0]}?{urlencode(answers)}", language=None, wrap_lines=True)
    st.code(recommendation.traits.command, language="console", wrap_lines=True)


if __name__ == "__main__":  # as Streamlit runs a page
    show()
