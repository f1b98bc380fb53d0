"""Advisor: questions on the left, on the right the pipeline with its reasons, its price and what would change it."""

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from advisor.advice.charts import flow, memory_bars
from advisor.advice.cost import memory_ways
from advisor.advice.evidence import Field, stamp
from advisor.advice.markdown import as_markdown
from advisor.advice.recommend import Change, Recommendation, recommend
from advisor.advice.text import CHANGES_SHOWN, as_data, said
from advisor.task.examples import examples
from advisor.task.traits import BY_NAME, GROUPS, MOST, TRAITS, Trait, Traits, Value, make_traits
from posttrain.errors import PosttrainError
from posttrain.page import chart, own_data, plain, told

UNKNOWN = "don't know"
BOUND: dict[str, Any] = {"bind": "query-params"}  # the answers stand in the address, so that they can be sent


def show() -> None:
    """Draw the page."""
    st.title("What should I train with?")
    st.caption(
        "Leave open what you do not know: it is never read as no, and the answer names what would be worth finding out."
    )
    with st.container(horizontal=True):
        for example in examples():
            st.button(example.title, help=example.about, on_click=_start_from, args=(example.traits,))
        st.button("Clear", on_click=_start_from, args=(Traits({}),), type="tertiary", icon=":material/close:")
    _drop_what_is_no_answer()
    asked, answered = st.columns([2, 3], gap="large")
    with asked:
        for group in GROUPS:
            _questions(group)
    with answered, told():
        _answer(make_traits({trait.name: st.session_state.get(trait.name) for trait in TRAITS}))


def _drop_what_is_no_answer() -> None:
    """Take out of the address what no question can have as its answer, and say so; before the questions are drawn.

    Those questions leave the address alone from then on: Streamlit would read the first one again, and fails at some.
    """
    st.session_state.setdefault("unbound", set())
    dropped = []
    for trait in TRAITS:
        said_there = st.query_params.get(trait.name)
        if said_there and trait.name not in st.session_state:
            try:
                trait.read(said_there)
            except PosttrainError:
                del st.query_params[trait.name]
                st.session_state.unbound.add(trait.name)
                dropped.append(f"{trait.name}={said_there[:40]}; expected {trait.allowed}")
    for one in dropped:
        st.warning(f"Not understood in the address: {plain(one)}", icon=":material/link_off:")


def _questions(group: str) -> None:
    traits = [trait for trait in TRAITS if trait.group == group]
    known = sum(_is_known(trait) for trait in traits)
    heading = f"{group.capitalize()}: {known} of {len(traits)} known"
    with st.expander(heading, expanded=group == GROUPS[0], key=f"group_{group}"):
        for trait in traits:
            _question(trait)
            st.caption(plain(trait.why))


def _is_known(trait: Trait) -> bool:
    """Say whether a question has an answer; before it is drawn for the first time, that stands in the address."""
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
    """Return a value as its question has it: flags are words there, and shares never whole numbers."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return said(value)
    return int(value) if trait.kind == "count" else float(value)


def _answer(traits: Traits) -> None:
    data = own_data()
    found = recommend(traits)
    whole = as_data(found, _field(data, stamp(data)), {})
    top = whole["ranked"][0]
    if not traits.values:
        st.info("Nothing is known yet: start from an example, or answer what you know. Until then:")
    st.subheader(plain(top["title"]), anchor=False)
    _drawn(found)
    st.markdown(f"Method **{top['method']}**, **{top['score']}** points of the rules below.")
    st.markdown(f"**Gives** {plain(top['gives'])}. **Risks** {plain(top['risks'])}.")
    if top["pipeline"]:
        st.markdown(f"**Costs** {plain(top['cost']['text'])}")
    if top["evidence"]:
        st.markdown(f"**The field** {plain(top['evidence']['text'])}")
    for need in top["open_needs"]:
        st.warning(f"Not known yet: {plain(need)}", icon=":material/help:")
    st.markdown("\n".join(_reason(one) for one in top["reasons"]) or "No rule speaks for it: nothing is known yet.")
    st.session_state.pop("advice", None)
    if any(one["bundled"] and one["pipeline"] and one["score"] > 0 for one in whole["ranked"]):
        st.session_state.advice = whole
        st.page_link("advisor/pages/pilot.py", label="Try it in a pilot", icon=":material/science:")
    _memory(found, traits)
    _changes(found)
    _rivals(whole)
    _exports(whole, traits)


@st.cache_resource(max_entries=2, show_spinner=False)
def _field(data: Path, as_of: tuple[int, ...]) -> Field:
    return Field(data)


def _drawn(found: Recommendation) -> None:
    dot, words = flow(found.top.pipeline)
    if dot:
        st.graphviz_chart(dot, alt=words)


def _reason(one: dict[str, Any]) -> str:
    number = f" ({plain(one['number'])})" if one["number"] else ""
    dissent = "".join(
        f"\n    - *but* \\[{plain(other['source'])}\\] {plain(other['says'])}" for other in one["dissent"]
    )
    return f"- **{one['points']:+d}** {plain(one['text'])}{number} \\[{plain(', '.join(one['source']))}\\]{dissent}"


def _memory(found: Recommendation, traits: Traits) -> None:
    ways = memory_ways(found.top.pipeline, traits)
    if ways:
        st.markdown("**Memory on one GPU**")
        gigabytes = traits.get("gpu_memory")
        spec, words = memory_bars(ways, None if gigabytes is None else float(gigabytes))
        chart(spec, words)
    elif found.top.pipeline.stages and not traits.get("parameters"):
        st.caption("Say how large the model is (Model), and its memory is drawn here.")


def _changes(found: Recommendation) -> None:
    st.markdown("**What would change this answer**")
    if not found.would_change:
        st.caption("No single answer would.")
    for place, change in enumerate(found.would_change[:CHANGES_SHOWN]):
        now = "" if change.now is None else f" (now {said(change.now)})"
        label = f"{change.trait.replace('_', ' ')} = {said(change.value)}{now}: {change.top.title}"
        st.button(
            plain(label),
            key=f"change_{place}",
            on_click=_take,
            args=(change,),
            help=BY_NAME[change.trait].question,
            wrap=True,
        )
    if len(found.would_change) > CHANGES_SHOWN:
        st.caption(f"and {len(found.would_change) - CHANGES_SHOWN} more in the JSON below")


def _rivals(whole: dict[str, Any]) -> None:
    rivals = [one for one in whole["ranked"][1:] if one["score"] > 0]
    if rivals:
        st.markdown("**After it**")
    for one in rivals:
        with st.expander(f"{one['score']} points: {plain(one['title'])}"):
            st.markdown("\n".join(_reason(reason) for reason in one["reasons"]))
            st.caption(f"gives {plain(one['gives'])}; risks {plain(one['risks'])}")
    if whole["ruled_out"]:
        with st.expander(f"Ruled out: {len(whole['ruled_out'])} pipelines"):
            st.markdown(
                "\n".join(f"- {plain(one['id'])}: needs {plain(one['needs'][0])}" for one in whole["ruled_out"])
            )
    with st.expander("What the sources in brackets are"):
        st.markdown("\n".join(f"- \\[{plain(name)}\\] {plain(meaning)}" for name, meaning in whole["sources"].items()))


def _exports(whole: dict[str, Any], traits: Traits) -> None:
    st.markdown("**Take it with you**")
    with st.container(horizontal=True):
        st.download_button("JSON", lambda: json.dumps(whole, indent=2, ensure_ascii=False), "advice.json",
                           "application/json", on_click="ignore", icon=":material/download:")  # fmt: skip
        st.download_button("Markdown", lambda: as_markdown(whole), "advice.md", "text/markdown", on_click="ignore",
                           icon=":material/download:")  # fmt: skip
    said_again = {name: said(value) for name, value in traits.values.items()}
    st.caption("This page with your answers, and the same on the command line:")
    st.code(f"{str(st.context.url).partition('?')[0]}?{urlencode(said_again)}", language=None, wrap_lines=True)
    command = " ".join(f"--set {name}={value}" for name, value in said_again.items())
    st.code(f"advisor ask --no-input {command}".strip(), language="console", wrap_lines=True)


if __name__ == "__main__":  # as Streamlit runs a page
    show()
