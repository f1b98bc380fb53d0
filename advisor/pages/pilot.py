"""Pilot: start one, watch it, stop and resume it, and read its verdict. It runs as a process of its own."""

import json
import os
import shutil
import sys
from datetime import datetime
from functools import partial
from pathlib import Path

import streamlit as st

from advisor.advice.pipelines import LADDER
from advisor.plan import priced_plan
from advisor.runs.background import resume, start, stop
from advisor.runs.charts import curves_chart, scores
from advisor.runs.folder import Response
from advisor.runs.outcome import Outcome
from advisor.runs.plan import Plan
from advisor.runs.plan_text import render
from advisor.runs.preview import first_row_under, seen_settings
from advisor.runs.process import demand_torch
from advisor.runs.progress import RunningRun, State
from advisor.runs.recommended import Recommended, recommended
from advisor.runs.report import grid_of, markdown
from advisor.runs.result import percent
from advisor.runs.status import PilotStatus, learning, pilots, samples, status_of
from advisor.task.examples import generated_tasks
from advisor.task.traits import Value
from advisor.task.uploads import MOST_BYTES, Contents, keep
from posttrain import page as frame
from posttrain.charts import svg
from posttrain.errors import PosttrainError
from posttrain.first_row import FirstRow
from posttrain.page import chart, errors_shown, own_data, plain

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
CAN_RESUME = (State.INTERRUPTED, State.BROKEN_OFF, State.PARTIAL, State.FAILED)

SizeSettings = dict[str, int]  # settings of runs that the page asks for


def show() -> None:
    """Draw the page."""
    st.title("Does it work on my task?")
    st.caption(
        "Several ways of training, the same small budget each, scored on prompts that none has seen. " + _machine()
    )
    with errors_shown():
        demand_torch()
    with errors_shown():
        data = own_data()
        known = pilots(data)
        busy = next((pilot for pilot in known if pilot.at_work), None)
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


def _new(data: Path, busy: PilotStatus | None) -> None:
    """Ask for task, model and pipelines, show the plan with its price, and start it."""
    left, right = st.columns(2, gap="large")
    with left:
        task = _task(data)
    with right:
        task |= {
            "model": st.text_input("Model", "starter", key="policy", help="starter, a folder, or a hub id").strip()
        }
        recommendation = _recommendation()
        budget = st.text_input("Budget of every arm", BUDGET, key="arm_budget", help=ABOUT_BUDGET)
        settings, seeds = _sizes()
    if not (task.get("data") and recommendation.ranked):
        return
    with errors_shown():
        plan = _priced(recommendation.ranked, recommendation.traits, task, budget, seeds, settings)
        st.code("\n".join(render(plan)), language=None, wrap_lines=True)
        _first_row(plan)
        if st.button("Start the pilot", type="primary", icon=":material/play_arrow:", disabled=busy is not None):
            _start(plan, data)


@st.cache_data(max_entries=64, ttl="10m", show_spinner="Counting the memory of the model")
def _priced(
    ranked: tuple[str, ...],
    traits: dict[str, Value],
    task: dict[str, str | None],
    budget: str,
    seeds: list[int],
    settings: SizeSettings,
) -> Plan:
    return priced_plan(Recommended(ranked=ranked, traits=traits), task, budget, seeds, dict(settings))


def _first_row(plan: Plan) -> None:
    """Show the first row as the model sees it, with the tokens that are trained on marked; of a file without asking."""
    is_file = not plan.task.data.startswith("task:")
    if not st.toggle("The first row as the model sees it", is_file, key=f"first_row_{is_file}"):
        return
    try:
        view = _seen(json.dumps(seen_settings(plan)))
    except PosttrainError as error:
        st.warning(plain(f"It cannot be shown: {error.message}"))
        return
    st.html(view.markup())
    facts = ". ".join(fact.strip() for fact in view.facts())
    st.caption(plain(f"Marked tokens are trained on, the others are read. {facts}."))


@st.cache_data(max_entries=64, ttl="10m", show_spinner="Reading the first row with the model's tokenizer")
def _seen(settings: str) -> FirstRow:
    return first_row_under(json.loads(settings))


def _sizes() -> tuple[SizeSettings, list[int]]:
    """Ask how long responses may be, how many prompts to score and how often to repeat; return settings and seeds."""
    with st.container(horizontal=True):
        longest = st.number_input("Longest response, tokens", 8, 8192, LONGEST, 8, key="longest_response", width=210)
        prompts = st.number_input("Test prompts", 10, 2000, 100, 10, key="test_prompts", width=150)
        seeds = st.number_input("Seeds", 1, 10, 1, key="seeds", width=110, help="runs of each arm: luck of training")
    return {"eval_size": int(prompts), "max_response_tokens": int(longest)}, list(range(int(seeds)))


def _task(data: Path) -> dict[str, str | None]:
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
        format_func=lambda kind: f"{kind} · {VERIFIERS.get(kind, 'a module of yours, imported and run')}",
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
    with errors_shown():
        path, contents = _kept(file.name, file.getvalue(), data, verifier)
        st.caption(plain(_counts(contents)))
        st.dataframe(contents["first"], hide_index=True, alt="The first rows of the file")
        return {"data": str(path), "verifier": verifier}
    return {}


@st.cache_data(max_entries=8, show_spinner="Reading the rows")
def _kept(name: str, content: bytes, data: Path, verifier: str) -> tuple[Path, Contents]:
    return keep(name, content, data, verifier)


def _counts(contents: Contents) -> str:
    rows, responses, answers = contents["rows"], contents["with_response"], contents["with_answer"]
    counts = f"{rows:,} rows: {responses:,} with a response, {answers:,} with an answer."
    left_out = [
        f"{group['count']} left out: {group['reason']}"
        + (f" (lines {', '.join(map(str, group['lines']))})" if group["lines"] else "")
        for group in contents["left_out"]
    ]
    return " ".join([counts, *(f"{sentence}." for sentence in (*left_out, *contents["warnings"]))])


def _recommendation() -> Recommended:
    """Ask which pipelines to try: the advice of the page before, or a choice by hand."""
    advice = st.session_state.get("advice")
    if advice:
        title = f"the advice: {advice['ranked'][0]['title']}"
        if st.radio("Try", (title, "pipelines of my choice"), key="from_advice") == title:
            return recommended(advice)
    bundled = {pipeline.id: pipeline.title for pipeline in LADDER if pipeline.stages and pipeline.is_bundled}
    chosen = st.multiselect(
        "Pipelines, at most three", bundled, ["sft", "rejection_sampling", "grpo"], key="pipelines", max_selections=3
    )
    return Recommended(ranked=tuple(chosen))


def _start(plan: Plan, data: Path) -> None:
    with st.spinner("Starting: the model is loaded and scored as it is"):
        folder = start(plan, data)
    st.session_state.pilot = folder.name
    st.rerun()


def _chosen(known: list[PilotStatus], data: Path) -> None:
    """Show the pilot that is chosen, the newest by default; while it is at work, again every second."""
    by_name = {pilot.folder.name: pilot for pilot in known}
    if st.session_state.get("pilot") not in by_name:
        st.session_state.pop("pilot", None)
    name = st.selectbox(
        "Pilot", by_name, key="pilot", format_func=lambda name: _title(by_name[name]), help="the newest first"
    )
    at_work = by_name[name].at_work
    st.fragment(_watch, run_every=WATCH_SECONDS if at_work else None)(by_name[name].folder, data, at_work)


def _title(pilot: PilotStatus) -> str:
    """Return a title that stays the same while the pilot's state changes."""
    if pilot.plan is None:
        return pilot.folder.name
    task, tried = pilot.plan.task, ", ".join(arm.id for arm in pilot.plan.arms if arm.trains)
    begun = datetime.fromtimestamp((pilot.folder / "plan.json").stat().st_mtime)
    about = f"{task.model} on {Path(task.data).name}, {pilot.plan.budget} an arm: {tried}"
    return f"{begun:%Y-%m-%d %H:%M} · {about} · {pilot.folder.name}"


def _watch(folder: Path, data: Path, was_at_work: bool) -> None:
    pilot = status_of(folder)
    if pilot.at_work != was_at_work:
        st.rerun()
    if pilot.at_work:
        _running(pilot)
    else:
        _ended(pilot, data)
    with errors_shown():
        if pilot.outcome:
            _outcome(pilot.outcome)
        if pilot.plan:
            _curve(pilot)
            _samples(pilot)


def _running(pilot: PilotStatus) -> None:
    """Show how far each run is, and a button that stops the pilot."""
    status = pilot.status
    st.progress(min(1.0, status.spent if status else 0.0), plain(pilot.message))
    for run in status.now if status else ():
        st.markdown(f"**{plain(run.arm)}**, {_progress(run)}")
    for ended in status.ended if status else ():
        score = percent(ended.strict.share) if ended.strict else "failed"
        st.caption(f"{plain(ended.arm)}, seed {ended.seed}: {score}")
    if st.button("Stop it", icon=":material/stop:"):
        with errors_shown(), st.spinner("Stopping: finished work is kept"):
            stop(pilot.folder)
        st.rerun()


def _progress(run: RunningRun) -> str:
    score = "" if run.validation is None else f", validation {percent(run.validation)}"
    stage = f", stage {run.stage} of {run.stages}" if run.stages > 1 else ""
    return f"seed {run.seed}{stage}: step {run.step}, {100 * (1 - run.spent):.0f} % of its budget left{score}"


def _ended(pilot: PilotStatus, data: Path) -> None:
    """Show why a pilot has no outcome, and a button that resumes it."""
    if pilot.state is State.UNREADABLE:
        st.error(f"{plain(pilot.message)}\n\nNext: remove the folder, or mend the file; other pilots are not touched.")
    elif pilot.state is State.FAILED:
        st.error(plain(pilot.message), icon=":material/error:")
    elif not pilot.outcome:
        st.warning(plain(pilot.message), icon=":material/pause_circle:")
    if pilot.state in CAN_RESUME and st.button("Resume it", icon=":material/play_arrow:"):
        with errors_shown():
            with st.spinner("Starting again"):
                resume(pilot.folder, data)
            st.rerun()


def _outcome(outcome: Outcome) -> None:
    st.success(plain(outcome.verdict.sentence), icon=":material/gavel:")
    spec, words = scores(outcome.arms)
    chart(spec, words, key="scores")
    grid = grid_of(outcome)
    frame.table(grid.head, grid.rows, "The arms with their scores, the best first")
    st.caption(
        "Arms are compared by the responses that are right in form; right anywhere also counts right answers in a "
        "wrong form. A random control trains on as many rows chosen without the verifier: its gain is not the "
        "verifier's merit."
    )
    for run in outcome.failed:
        st.error(plain(f"{run.arm}, seed {run.seed} failed: {run.message}"))
    with st.expander("Limits of this result"):
        st.markdown("\n".join(f"- {plain(warning)}" for warning in outcome.warnings))
    with st.container(horizontal=True):
        for label, name, content in (
            ("Table", "table.md", partial(markdown, outcome)),
            ("Curve", "curve.svg", partial(svg, curves_chart(outcome.curves))),
            ("All, as JSON", "outcome.json", partial(_json, outcome)),
        ):  # fmt: skip
            st.download_button(label, content, name, on_click="ignore", icon=":material/download:")


def _json(outcome: Outcome) -> str:
    return json.dumps(outcome.as_dict(), indent=2, ensure_ascii=False)


def _curve(pilot: PilotStatus) -> None:
    curves = learning(pilot)
    if curves.points:
        st.markdown("**Learning**")
        last = {point.arm: point.validation for point in curves.points}
        words = "; ".join(f"{arm}: {share:.1%}" for arm, share in last.items())
        spec = {**curves_chart(curves), "height": 400}  # the legend below takes its room from the lines
        chart(spec, f"Validation score by work done. The last of each arm: {words}", key="curve")


def _samples(pilot: PilotStatus) -> None:
    trained = {arm.id for arm in pilot.plan.arms if arm.trains} if pilot.plan else set()
    by_arm = {arm: prompts for arm, prompts in samples(pilot).items() if prompts and arm in trained}
    if not by_arm:
        return
    st.markdown("**Samples before and after training**")
    arm = st.selectbox("Arm", by_arm, key="samples_arm")
    rows = [
        {"prompt": _text(sample.prompt), "answer": str(sample.answer or ""),
         "before": _response(sample.before), "after": _response(sample.after)}
        for sample in by_arm[arm]
    ]  # fmt: skip
    st.dataframe(rows, hide_index=True, alt=f"Prompts of {arm} with the response before and after training")


def _text(prompt: object) -> str:
    return prompt if isinstance(prompt, str) else json.dumps(prompt, ensure_ascii=False)


def _response(response: Response | None) -> str:
    return "not yet" if response is None else f"{response.response}  ({response.outcome})"


if __name__ == "__main__":  # as Streamlit runs a page
    show()
