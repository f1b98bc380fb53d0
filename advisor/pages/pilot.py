"""Pilot: start one, watch it, stop it and go on, and read its verdict. It runs as a process of its own."""

import json
import os
import shutil
import sys
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import streamlit as st

from advisor.advice.pipelines import LADDER
from advisor.plan import priced_plan
from advisor.runs.background import Seen, learning, pilots, resume, samples, start, stop
from advisor.runs.charts import scores
from advisor.runs.plan import NO_TRAINING, Plan, recommended
from advisor.runs.plan_text import render
from advisor.runs.process import demand_torch
from advisor.runs.report import HEAD, cells, curve, table
from advisor.runs.report import chart as learning_curve
from advisor.runs.status import see
from advisor.task.examples import generated_tasks
from advisor.task.uploads import MOST_BYTES, Contents, keep
from posttrain import page as frame
from posttrain.page import chart, own_data, plain, told

WATCH_SECONDS = 1.0
BUDGET = "20s"
ABOUT_BUDGET = "20s, 200k-tokens or 5e14-flops. Of training and sampling; scores on test prompts come on top."
VERIFIERS = {
    "numeric": "the last number equals the answer", "exact": "the response is the answer",
    "math": "the same mathematics as the answer", "choice": "the letter of the answer",
    "unit-tests": "the row's tests pass", "regex:": "a pattern matches",
}  # fmt: skip
OWN = "package.module:function"
LONGEST = 128
CAN_GO_ON = ("interrupted", "broken off", "partial", "failed")


def show() -> None:
    """Draw the page."""
    st.title("Does it work on my task?")
    st.caption(
        "Several ways of training, the same small budget each, scored on prompts that none has seen. " + _machine()
    )
    with told():
        demand_torch()
    with told():
        data = own_data()
        known = pilots(data)
        busy = next((one for one in known if one.at_work), None)
        with st.expander("A new pilot", expanded=not known, icon=":material/add:", key="new"):
            if busy:
                st.info(f"One pilot at a time: {busy.folder.name} is at work. Wait for it, or stop it below.")
            _new(data, busy)
        if known:
            _chosen(known, data)
        else:
            st.info("No pilot has been run yet. The plan above is ready to start.", icon=":material/science:")


def _machine() -> str:
    gpu = "a GPU" if shutil.which("nvidia-smi") else "no GPU: take the starter or a very small model"
    return f"This machine has {os.cpu_count()} cores and {gpu}."


def _new(data: Path, busy: Seen | None) -> None:
    """Ask what to try on what, show the plan with its price, and start it."""
    left, right = st.columns(2, gap="large")
    with left:
        task = _task(data)
    with right:
        task |= {
            "model": st.text_input("Model", "starter", key="policy", help="starter, a folder, or a hub id").strip()
        }
        ranked, traits = _what()
        budget = st.text_input("Budget of every arm", BUDGET, key="arm_budget", help=ABOUT_BUDGET)
        settings, seeds = _sizes()
    if not (task.get("data") and ranked):
        return
    with told():
        plan = _priced(ranked, traits, task, budget, seeds, settings)
        st.code("\n".join(render(plan)), language=None, wrap_lines=True)
        if st.button("Start the pilot", type="primary", icon=":material/play_arrow:", disabled=busy is not None):
            _start(plan, data)


@st.cache_data(max_entries=64, ttl="10m", show_spinner="Counting the memory of the model")
def _priced(
    ranked: list[str],
    traits: dict[str, Any],
    task: dict[str, Any],
    budget: str,
    seeds: list[int],
    settings: dict[str, Any],
) -> Plan:
    return priced_plan({"ranked": ranked, "traits": traits, "task": {}}, task, budget, seeds, settings)


def _sizes() -> tuple[dict[str, Any], list[int]]:
    """Ask how long responses may be, how many prompts to score and how often to repeat; return settings and seeds."""
    with st.container(horizontal=True):
        longest = st.number_input("Longest response, tokens", 8, 8192, LONGEST, 8, key="response_tokens", width=210)
        prompts = st.number_input("Test prompts", 10, 2000, 100, 10, key="test_prompts", width=150)
        seeds = st.number_input("Seeds", 1, 10, 1, key="seeds", width=110, help="runs of each arm: luck of training")
    return {"eval_size": int(prompts), "max_response_tokens": int(longest)}, list(range(int(seeds)))


def _task(data: Path) -> dict[str, Any]:
    """Ask for a generated task or a file; return `data` and `verifier`, or nothing as long as there is none."""
    if st.radio("Task", ("a generated one", "my own file"), key="source", horizontal=True) == "a generated one":
        tasks = generated_tasks()
        name = st.selectbox("Which", tasks, key="family", format_func=lambda name: name.removeprefix("task:"))
        st.caption(plain(tasks[name]))
        return {"data": name, "verifier": None}
    choices = [*VERIFIERS, *([OWN] if "--allow-verifiers" in sys.argv else [])]
    verifier = st.selectbox(
        "What is right",
        choices,
        key="verifier_kind",
        format_func=lambda one: f"{one} · {VERIFIERS.get(one, 'a module of yours, imported and run')}",
    )
    if verifier == "regex:":
        verifier += st.text_input("Pattern", key="pattern")
    elif verifier == OWN:
        verifier = st.text_input("Module and function", key="module", placeholder=OWN).strip()
    file = st.file_uploader(
        f"Rows, JSON Lines of at most {MOST_BYTES // 10**6} MB: prompt, and response or answer or both",
        type=["jsonl", "json"],
        max_upload_size=MOST_BYTES // 10**6,
        key="upload",
    )
    if file is None:
        return {}
    with told():
        path, found = _kept(file.name, file.getvalue(), data, verifier)
        st.caption(plain(_counts(found)))
        st.dataframe(found["first"], hide_index=True, alt="The first rows of the file")
        return {"data": str(path), "verifier": verifier}
    return {}


@st.cache_data(max_entries=8, show_spinner="Reading the rows")
def _kept(name: str, content: bytes, data: Path, verifier: str) -> tuple[Path, Contents]:
    return keep(name, content, data, verifier)


def _counts(found: Contents) -> str:
    said = (
        f"{found['rows']:,} rows: {found['with_response']:,} with a response, {found['with_answer']:,} with an answer."
    )
    left_out = [
        f"{one['count']} left out: {one['reason']}"
        + (f" (lines {', '.join(map(str, one['lines']))})" if one["lines"] else "")
        for one in found["left_out"]
    ]
    return " ".join([said, *(f"{one}." for one in (*left_out, *found["warnings"]))])


def _what() -> tuple[list[str], dict[str, Any]]:
    """Ask what to try: the advice of the page before, or pipelines by hand. Returns the pipelines and the traits."""
    advice = st.session_state.get("advice")
    if advice:
        title = f"the advice: {advice['ranked'][0]['title']}"
        if st.radio("Try", (title, "pipelines of my choice"), key="from_advice") == title:
            read = recommended(advice)
            return read["ranked"], read["traits"]
    bundled = {one.id: one.title for one in LADDER if one.stages and one.is_bundled}
    chosen = st.multiselect(
        "Pipelines, at most three", bundled, ["sft", "rejection_sampling", "grpo"], key="pipelines", max_selections=3
    )
    return list(chosen), {}


def _start(plan: Plan, data: Path) -> None:
    with st.spinner("Starting: the model is loaded and scored as it is"):
        folder = start(plan, data)
    st.session_state.pilot = folder.name
    st.rerun()


def _chosen(known: list[Seen], data: Path) -> None:
    """Show the pilot that is chosen, the newest by default; while it is at work, again every second."""
    by_name = {one.folder.name: one for one in known}
    if st.session_state.get("pilot") not in by_name:
        st.session_state.pop("pilot", None)
    name = st.selectbox(
        "Pilot", by_name, key="pilot", format_func=lambda name: _title(by_name[name]), help="the newest first"
    )
    at_work = by_name[name].at_work
    st.fragment(_watch, run_every=WATCH_SECONDS if at_work else None)(by_name[name].folder, data, at_work)


def _title(one: Seen) -> str:
    """Return what a pilot is called all its life: how it stands is said below."""
    if one.plan is None:
        return one.folder.name
    task, tried = one.plan.task, ", ".join(arm.id for arm in one.plan.arms if arm.role != NO_TRAINING)
    begun = datetime.fromtimestamp((one.folder / "plan.json").stat().st_mtime)
    what = f"{task['model']} on {Path(str(task['data'])).name}, {one.plan.budget} an arm: {tried}"
    return f"{begun:%Y-%m-%d %H:%M} · {what} · {one.folder.name}"


def _watch(folder: Path, data: Path, was_at_work: bool) -> None:
    seen = see(folder)
    if seen.at_work != was_at_work:
        st.rerun()
    _state(seen, data)
    with told():
        if seen.outcome:
            _outcome(seen.outcome)
        if seen.plan:
            _curve(seen)
            _samples(seen)


def _state(seen: Seen, data: Path) -> None:
    """Show how the pilot stands, what is left of the budget, and the buttons that fit."""
    if seen.at_work:
        status = seen.status or {"spent": 0.0, "now": [], "runs": {"done": 0, "of": 0}}
        st.progress(min(1.0, float(status["spent"])), plain(seen.message))
        for one in status["now"]:
            score = "" if one["validation"] is None else f", validation {100 * one['validation']:.1f} %"
            stage = f", stage {one['stage']} of {one['stages']}" if one["stages"] > 1 else ""
            st.markdown(
                f"**{plain(one['arm'])}**, seed {one['seed']}{stage}: step {one['step']}, "
                f"{100 * (1 - one['spent']):.0f} % of its budget left{score}"
            )
        for one in status.get("ended", []):
            told_score = "failed" if one["strict"] is None else f"{100 * one['strict']['share']:.1f} %"
            st.caption(f"{plain(one['arm'])}, seed {one['seed']}: {told_score}")
        if st.button("Stop it", icon=":material/stop:"):
            with told(), st.spinner("Stopping: what was done is kept"):
                stop(seen.folder)
            st.rerun()
        return
    if seen.state == "unreadable":
        st.error(f"{plain(seen.message)}\n\nNext: remove the folder, or mend the file; other pilots are not touched.")
    elif seen.state == "failed":
        st.error(plain(seen.message), icon=":material/error:")
    elif not seen.outcome:
        st.warning(plain(seen.message), icon=":material/pause_circle:")
    if seen.state in CAN_GO_ON and st.button("Go on with it", icon=":material/play_arrow:"):
        with told():
            with st.spinner("Starting again"):
                resume(seen.folder, data)
            st.rerun()


def _outcome(outcome: Mapping[str, Any]) -> None:
    st.success(plain(outcome["verdict"]["sentence"]), icon=":material/gavel:")
    spec, words = scores(outcome["arms"])
    chart(spec, words, key="scores")
    frame.table(HEAD, cells(outcome), "The arms with their scores, the best first")
    st.caption(
        "Right in form is what arms are compared by; right anywhere also counts right answers in a wrong form. "
        "A random control trains on as many rows chosen without the verifier: its gain is not the verifier's merit."
    )
    for one in outcome["failed"]:
        st.error(plain(f"{one['arm']}, seed {one['seed']} failed: {one['message']}"))
    with st.expander("What to weigh"):
        st.markdown("\n".join(f"- {plain(one)}" for one in outcome["warnings"]))
    with st.container(horizontal=True):
        for label, name, made in (
            ("Table", "table.md", table), ("Curve", "curve.svg", curve), ("All, as JSON", "outcome.json", _json),
        ):  # fmt: skip
            st.download_button(label, partial(made, outcome), name, on_click="ignore", icon=":material/download:")


def _json(outcome: Mapping[str, Any]) -> str:
    return json.dumps(outcome, indent=2, ensure_ascii=False)


def _curve(seen: Seen) -> None:
    found = learning(seen)
    if found["curve"]:
        st.markdown("**Learning**")
        last = {one["arm"]: one["validation"] for one in found["curve"]}
        words = "; ".join(f"{arm}: {share:.1%}" for arm, share in last.items())
        spec = {**learning_curve(found), "height": 400}  # the legend below takes its place from the lines
        chart(spec, f"Validation score by work done. The last of each arm: {words}", key="curve")


def _samples(seen: Seen) -> None:
    untrained = [arm.id for arm in seen.plan.arms if arm.role == NO_TRAINING] if seen.plan else []
    found = {arm: rows for arm, rows in samples(seen).items() if rows and arm not in untrained}
    if not found:
        return
    st.markdown("**Samples before and after training**")
    arm = st.selectbox("Arm", found, key="samples_arm")
    rows = [
        {"prompt": _text(row["prompt"]), "answer": str(row["answer"] or ""),
         "before": _response(row["before"]), "after": _response(row["after"])}
        for row in found[arm]
    ]  # fmt: skip
    st.dataframe(rows, hide_index=True, alt=f"Prompts of {arm} with the response before and after training")


def _text(prompt: object) -> str:
    return prompt if isinstance(prompt, str) else json.dumps(prompt, ensure_ascii=False)


def _response(one: Mapping[str, Any] | None) -> str:
    return "not yet" if one is None else f"{one['response']}  ({one['outcome']})"


if __name__ == "__main__":  # as Streamlit runs a page
    show()
