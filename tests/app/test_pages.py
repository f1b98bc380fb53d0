"""The pages without a browser: every control, what it changes, and what is shown where something is missing or broken.

What is shown is held against survey and advisor themselves: the app decides nothing.
"""

import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from lxml.html import fromstring
from streamlit.testing.v1 import AppTest

from advisor.advice.recommend import recommend
from advisor.runs.background import start
from advisor.runs.plan import write_plan
from advisor.task.examples import examples
from advisor.task.traits import GROUPS, TRAITS, Traits, make_traits, written
from survey.mentions.domain import Rule
from survey.page.choices import RL
from survey.period import Period
from survey.report import Question, tables_of, trend_tables
from survey.study import new_study
from survey.surface import Surface
from survey.trends.charts import Measure
from survey.trends.panels import cells_of, panels_grid
from survey.trends.published import Axis
from survey.trends.trend import Scope, TrendTable
from survey.warehouse.abstracts import open_surface
from survey.warehouse.sample import Sample
from tests.advisor.pilots import tiny_plan

ROOT = Path(__file__).resolve().parents[2]
TRENDS, ADVISOR, PILOT = "survey/page/trends.py", "advisor/pages/advice.py", "advisor/pages/pilot.py"


def _open(page: str = TRENDS, **address: str) -> AppTest:
    """Open a page in a session of its own, with what stands in the address."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=600)
    for name, value in address.items():
        app.query_params[name] = value
    app.run()
    if page != TRENDS:
        app.switch_page(page).run()
    assert not app.exception, app.exception
    return app


def _table(app: AppTest) -> list[tuple[str, ...]]:
    """Return the cells of the page's table, its head first."""
    (shown,) = [one for one in app.get("html") if "cells" in one.value]
    return [tuple(cell.text_content() for cell in row) for row in fromstring(shown.value).iter("tr")]


def _do(app: AppTest) -> AppTest:
    app.run()
    assert not app.exception, app.exception
    return app


# ---- Trends


def _asked(question: Question, data: Path) -> tuple[Sample, list[TrendTable]]:
    """Return the sample and tables of `survey report` for a question."""
    assert question.surface
    sample = open_surface(question.surface, data)
    return sample, tables_of(sample, question, data)


def _panels(table: TrendTable, measure: Measure, with_small: bool = False) -> list[tuple[str, ...]]:
    grid = panels_grid(table, measure, cells_of(table, measure, with_small))
    return [tuple(grid.head), *map(tuple, grid.rows)]


def test_trends_open_on_growth_and_one_sentence(tmp_path: Path) -> None:
    """On a fresh clone: the report's first sentence, growth of the abstracts, a panel for each label."""
    app = _open()
    report = trend_tables(tmp_path, Question())
    assert app.title[0].value == "What the field trains with"
    assert app.markdown[0].value.replace("\\", "") == f"**{report.finding}**" and report.intro.startswith(
        report.finding
    )
    assert "56,549 LLM papers" in app.caption[0].value
    assert (app.selectbox(key="measure").value, app.selectbox(key="surface").value) == ("growth", "abstract")
    labels = [one.value.strip("*") for one in app.markdown[1:]]
    assert labels[:4] == list(report.tables[0].labels)
    assert _table(_open(tab="table")) == _panels(report.tables[0], Measure.GROWTH)


@pytest.mark.parametrize(
    ("address", "question", "measure"),
    [
        ({"threshold": "1", "by": "half", "scope": "body", "small": "show", "measure": "share"},
         Question((Axis.DOMAIN,), (1,), Period.HALF, Scope.BODY, surface=Surface.TEXT), Measure.SHARE),
        ({"axis": "benchmark", "rule": "domain-sum", "measure": "share"},
         Question((Axis.BENCHMARK,), (), rule=Rule.DOMAIN_SUM, surface=Surface.TEXT), Measure.SHARE),
        ({"axis": "method", "rl": "preference", "measure": "corrected"},
         Question((Axis.METHOD,), surface=Surface.TEXT), Measure.CORRECTED),
        ({"axis": "data_source", "measure": "share"}, Question((Axis.DATA_SOURCE,), surface=Surface.TEXT),
         Measure.SHARE),
        ({"axis": "method"}, Question((Axis.METHOD,), surface=Surface.ABSTRACT), Measure.CORRECTED),
    ],
)  # fmt: skip
def test_a_view_is_the_table_of_the_report(
    tmp_path: Path, address: dict[str, str], question: Question, measure: Measure
) -> None:
    """Every code of the address gives the table that `survey report` has, and the chart's numbers are the table's."""
    assert question.surface
    app = _open(surface=question.surface, tab="table", **address)
    assert not app.warning and not app.error
    tables = _asked(question, tmp_path)[1]
    chosen = next(one for one in tables if one.reading in ("", RL[address.get("rl", "online")]))
    assert _table(app) == _panels(chosen, measure, "small" in address)


def test_choices_are_written_into_the_address_as_codes() -> None:
    """A choice stands there as its code, a default does not, and both tabs and numbers are choices."""
    app = _open(by="half")
    app.selectbox(key="surface").set_value("text")
    _do(app).slider(key="threshold").set_value(7)
    _do(app)
    assert {name: app.query_params[name] for name in app.query_params} == {
        "by": "half", "surface": "text", "threshold": "7",
    }  # fmt: skip
    app.slider(key="threshold").set_value(5)
    assert "threshold" not in _do(app).query_params


def test_unknown_codes_are_named_and_the_page_stays() -> None:
    """A name or a code of an old or mistyped link is reported once, with what is expected, and leaves the address."""
    app = _open(surface="klingon", threshold="99", measure="height", tab="attic", axis="Methods", colour="red")
    told = " ".join(one.value for one in app.warning).replace("\\", "")
    for words in ("surface=klingon; expected one of abstract, text", "threshold=99; expected 1 to 20", "measure=height",
                  "tab=attic; expected one of chart, table, sources, download", "axis=Methods; expected one of domain",
                  "colour=red"):  # fmt: skip
        assert words in told
    assert not app.query_params and app.selectbox(key="surface").value == "abstract"
    assert not _do(app).warning


def test_small_periods_are_folded_away_from_chart_and_table(tmp_path: Path) -> None:
    """The bundled texts of years with fewer than 30 papers are named below the chart, and can be shown."""
    table = _asked(Question(surface=Surface.TEXT), tmp_path)[1][0]
    small = {row.period for row in table.rows if 0 < row.n < 30}
    assert small
    app = _open(surface="text", measure="share")
    folded = next(one.value for one in app.caption if "Folded away" in one.value)
    assert all(period in folded for period in small)
    hidden, shown = (
        _table(_open(surface="text", measure="share", tab="table", small=code)) for code in ("hide", "show")
    )
    assert not small & {row[0] for row in hidden} and small <= {row[0] for row in shown}


def test_a_study_of_ones_own_is_shown(tmp_path: Path) -> None:
    """By the path of its file; a file with a fault is an error with the next step, and another can be chosen."""
    path = tmp_path / "mine.toml"
    study = new_study(path)
    app = _open(study=str(path), axis="benchmark", measure="share", tab="table")
    with open_surface(Surface.ABSTRACT, tmp_path, study=study).warehouse as warehouse:
        assert {row[1] for row in _table(app)[1:]} == set(warehouse.study.domain_of)
    path.write_text(
        path.read_text(encoding="utf-8").replace('["mmlu", "gpqa"]', '["mmlu", "nothing"]'), encoding="utf-8"
    )
    broken = _open(study=str(path))
    assert "nothing" in broken.error[0].value and "survey study check" in broken.error[0].value
    broken.selectbox(key="study").set_value("2603.13985")
    assert not _do(broken).error and _do(broken).get("vega_lite_chart")


@pytest.mark.parametrize("axis", [Axis.DOMAIN, Axis.METHOD, Axis.DATA_SOURCE])
def test_from_a_bar_to_its_papers_and_on_to_the_mentions(axis: Axis, tmp_path: Path) -> None:
    """Each label of the latest period leads to as many papers as the table counts, and a paper to its counts."""
    app = _open(surface="text", axis=axis)
    table = _asked(Question((axis,), surface=Surface.TEXT), tmp_path)[1][0]
    k = {(row.period, row.label): row.k for row in table.rows}
    period = app.selectbox(key="cell_period").value
    for label in table.labels:
        app.selectbox(key="cell_label").set_value(label)
        _do(app)
        papers = k[period, label]
        assert (f"{papers} papers" in [one.label for one in app.expander]) == (papers > 0)
    app.text_input(key="asked").set_value("2503.05592")
    _do(app)
    assert any("2503.05592" in one.value for one in app.markdown)
    assert list(app.dataframe[-1].value.columns)[:3] == ["benchmark", "domain", "section"]


def test_a_paper_that_is_not_there_is_told() -> None:
    """In words, with the next step, and the rest of the page stays."""
    app = _open(surface="text", tab="table", asked="2503.99999")
    assert "is not in the sample" in app.error[0].value and "Next" in app.error[0].value
    assert _table(app)


def test_a_broken_warehouse_costs_a_line(tmp_path: Path) -> None:
    """It is named with the next step, and the bundled abstracts are shown as such: never silently others' papers."""
    (tmp_path / "data").mkdir()
    for content in (b"no database at all", b""):
        (tmp_path / "data" / "warehouse.duckdb").write_bytes(content)
        app = _open(tab="table")
        (error,) = app.error
        assert "survey label" in error.value and "Shown instead: the abstracts bundled with posttrain" in error.value
        assert "56,549 LLM papers" in app.caption[0].value and len(_table(app)) == 9


@pytest.mark.slow  # the classifier of `survey label` is fitted
def test_own_papers_without_a_label_are_a_state_and_no_chart_of_printed_marks(tmp_path: Path) -> None:
    """Papers that train nothing have no method: the page says so in place of the survey's marks alone."""
    data, papers = tmp_path / "data", tmp_path / "papers"
    papers.mkdir()
    for number in range(3):
        stamp = f"arXiv:2501.1234{number + 1}v1 [physics.ao-ph] 22 Jan 2025"
        body = "Clouds move. Rain falls. Nothing is learned here.\n" * 9
        text = f"# A note on weather {number}\n\n{stamp}\n\n## Introduction\n\n{body}"
        (papers / f"2501.1234{number + 1}v1.md").write_text(text, encoding="utf-8")
    _label_own(papers, data)
    for axis in ("method", "data_source"):
        app = _open(axis=axis)
        assert "None of the 3 papers" in app.info[0].value and not app.error
        assert not app.get("vega_lite_chart")
    assert "No period of this sample has 30 papers" in _open().info[0].value


def _label_own(papers: Path, data: Path) -> None:
    for arguments in (["ingest", str(papers)], ["extract"], ["label"]):
        subprocess.run(
            [sys.executable, "-m", "survey.cli", *arguments, "--data", str(data)], check=True, cwd=ROOT,
            capture_output=True,
        )  # fmt: skip


# ---- Advisor


def _known(app: AppTest) -> Traits:
    return make_traits({trait.name: app.session_state[trait.name] for trait in TRAITS})


def test_every_question_is_asked_with_its_reason_and_may_stay_open() -> None:
    """All traits, in their groups, each unknown at first; nothing known is an answer too."""
    app = _open(ADVISOR)
    asked = [*app.selectbox, *app.number_input]
    assert {one.key for one in asked} == {trait.name for trait in TRAITS}
    assert all(one.value is None for one in asked)
    shown = " ".join(one.value for one in app.caption).replace("\\", "")
    assert all(trait.why in shown for trait in TRAITS)
    assert len(app.expander) >= len(GROUPS)
    assert app.subheader[0].value.replace("\\", "") == recommend(Traits({})).top.pipeline.title


@pytest.mark.parametrize("place", range(4))
def test_an_example_gives_the_advice_of_the_rules(place: int) -> None:
    """Traits, title, points, reasons with dissent, and what would change it, as advisor.advice.recommend has them."""
    app = _open(ADVISOR)
    app.button[place].click()
    _do(app)
    found = recommend(examples()[place].traits)
    assert _known(app) == examples()[place].traits
    shown = " ".join(one.value for one in app.markdown).replace("\\", "")
    assert app.subheader[0].value.replace("\\", "") == found.top.pipeline.title
    assert f"**{found.top.score}** points" in shown
    for reason in found.top.reasons:
        assert f"**{reason.points:+d}** {reason.rule.because}" in shown
        assert all(one.says in shown for one in reason.rule.dissent)
    changes = [one for one in app.button if str(one.key).startswith("change_")]
    assert [f"{one.trait.replace('_', ' ')} = {written(one.value)}" in button.label.replace("\\", "")
            for one, button in zip(found.would_change, changes, strict=False)] == [True] * len(changes)  # fmt: skip


@pytest.mark.slow
def test_every_change_that_is_offered_changes_the_answer() -> None:
    """Each button leads to the pipeline that it names."""
    changes = recommend(examples()[1].traits).would_change
    for place, change in enumerate(changes):
        app = _open(ADVISOR)
        app.button[1].click()
        _do(app)
        app.button(key=f"change_{place}").click()
        _do(app)
        assert app.subheader[0].value.replace("\\", "") == change.top.title, change


@pytest.mark.slow
def test_each_question_takes_an_answer_and_takes_it_back() -> None:
    """Set to something, the trait is known; cleared, it is unknown again."""
    app = _open(ADVISOR)
    for trait in TRAITS:
        if trait.kind in ("choice", "flag"):
            for value in trait.values or ("yes", "no"):
                app.selectbox(key=trait.name).set_value(value)
                assert _known(_do(app)).get(trait.name) == trait.read(value)
            app.selectbox(key=trait.name).set_value(None)
        else:
            app.number_input(key=trait.name).set_value(0.5 if trait.kind == "share" else 3)
            assert _known(_do(app)).get(trait.name) == (0.5 if trait.kind == "share" else 3)
            app.number_input(key=trait.name).set_value(None)
        assert _known(_do(app)).get(trait.name) is None


def test_the_answers_stand_in_the_address() -> None:
    """A link gives the same answer to whoever opens it, and the page shows that link."""
    traits = examples()[3].traits
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=600).run()
    app.switch_page("advisor/pages/advice.py")
    for name, value in traits.values.items():
        app.query_params[name] = written(value)
    _do(app)
    assert _known(app) == traits
    assert all(f"{name}=" in app.code[0].value for name in traits.values)
    assert app.code[1].value.startswith("advisor ask --no-input --set ")


def test_nonsense_in_the_address_is_dropped_and_said() -> None:
    """Numbers that nothing has, words that are no answer: the questions are there, and what was meant is asked."""
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=600).run()
    app.switch_page("advisor/pages/advice.py")
    for name, value in {"steps": "1e400", "parameters": "nan", "domain": "<script>", "gpus": "2"}.items():
        app.query_params[name] = value
    _do(app)
    assert _known(app) == make_traits({"gpus": 2})
    told = " ".join(one.value for one in app.warning)
    assert all(name in told for name in ("steps", "parameters", "domain")) and "gpus" not in told
    assert len([*app.selectbox, *app.number_input]) == len(TRAITS)


def test_what_cannot_be_true_at_once_is_told() -> None:
    """The questions stay, so that one of the two can be corrected."""
    app = _open(ADVISOR)
    app.number_input(key="pass_at_1").set_value(0.9)
    app.number_input(key="pass_at_k").set_value(0.5)
    _do(app)
    assert "contradict" in app.error[0].value
    app.number_input(key="pass_at_k").set_value(0.95)
    assert not _do(app).error


# ---- Pilot


def _with_pilot(data: Path, ranked: str = "sft") -> Path:
    """Run a tiny pilot to its end in a data folder, as the page does."""
    folder = start(tiny_plan(ranked, budget="1500-tokens"), data)
    for _ in range(3000):
        if (folder / "outcome.json").exists() and json.loads((folder / "status.json").read_text())[
            "state"
        ] != "running":
            return folder
        time.sleep(0.2)
    raise AssertionError((folder / "pilot.log").read_text())


def test_the_pilot_page_is_ready_to_start() -> None:
    """Without any pilot the plan is there with its price, and what is not there is said."""
    app = _open(PILOT)
    assert app.code[0].value.startswith("would try 5 arms with starter on task:addition")
    assert app.button[0].label == "Start the pilot" and not app.button[0].disabled
    assert "No pilot has been run yet" in app.info[0].value


def test_every_control_of_a_new_pilot_changes_the_plan() -> None:
    """Task, model, pipelines, budget and test prompts."""
    app = _open(PILOT)
    app.selectbox(key="family").set_value("task:sorting")
    app.multiselect(key="pipelines").set_value(["dft"])
    app.text_input(key="arm_budget").set_value("30k-tokens")
    app.number_input(key="test_prompts").set_value(50)
    plan = _do(app).code[0].value
    assert plan.startswith("would try 2 arms with starter on task:sorting") and "30k-tokens" in plan
    assert "on 50 test prompts" in plan and "would train dft" in plan
    app.text_input(key="arm_budget").set_value("soon")
    assert "soon" in _do(app).error[0].value
    app.text_input(key="arm_budget").set_value("1M-tokens")
    app.number_input(key="seeds").set_value(3)
    app.number_input(key="longest_response").set_value(512)
    longer = _do(app).code[0].value
    assert "3 seeds" in longer and longer != plan
    app.text_input(key="policy").set_value("no/such/folder/at/all")
    assert _do(app).error or "memory not estimated" in app.code[0].value


def test_advice_is_carried_to_the_pilot() -> None:
    """What the advisor recommended is what the plan tries, unless pipelines are chosen by hand."""
    app = _open(ADVISOR)
    app.button[1].click()
    _do(app)
    app.switch_page("advisor/pages/pilot.py")
    _do(app)
    assert app.title[0].value == "Does it work on my task?"
    assert "would train rejection_sampling (recommended)" in app.code[0].value
    app.radio(key="from_advice").set_value("pipelines of my choice")
    assert "would train sft (recommended)" in _do(app).code[0].value


def _upload(app: AppTest, content: bytes, name: str = "rows.jsonl") -> AppTest:
    app.radio(key="source").set_value("my own file")
    _do(app)
    app.file_uploader(key="upload").upload(name, content, "application/jsonl")
    return _do(app)


@pytest.mark.slow
def test_an_upload_is_read_and_planned() -> None:
    """Its rows are counted, the first are shown, and the plan names it."""
    rows = [{"prompt": f"{n}+{n}=", "response": f"so {2 * n}", "answer": str(2 * n)} for n in range(40)]
    app = _upload(_open(PILOT), "\n".join(map(json.dumps, rows)).encode())
    shown = " ".join(one.value for one in app.caption).replace("\\", "")
    assert "40 rows: 40 with a response, 40 with an answer" in shown
    assert app.dataframe[0].value.iloc[0]["prompt"] == "0+0="
    assert "uploads/rows." in app.code[0].value
    seen = app.get("html")[0].proto.body  # the first row as the model sees it
    assert re.search(r"\d+=<mark>so \d+&lt;end&gt;</mark>", seen) and "\\<end\\>" in app.caption[-1].value


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"not json at all\n", "line 1"),
        (b'{"colour": "red"}\n', "found columns"),
        (b"", "rows"),
        pytest.param(b"\x1f\x8b\x08", "packed", id="gzip"),
    ],
)
def test_a_broken_upload_is_refused_with_its_line(tmp_path: Path, content: bytes, told: str) -> None:
    """Nothing is kept of it."""
    app = _upload(_open(PILOT), content)
    assert told in app.error[0].value
    assert not list((tmp_path / "data" / "uploads").glob("*.jsonl"))


def test_a_module_can_be_named_only_where_that_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A verifier of one's own is code that runs."""
    app = _open(PILOT)
    app.radio(key="source").set_value("my own file")
    assert not any("module" in option for option in _do(app).selectbox(key="verifier_kind").options)
    monkeypatch.setattr("sys.argv", ["app.py", "--allow-verifiers"])
    app = _open(PILOT)
    app.radio(key="source").set_value("my own file")
    assert any("a module of yours" in option for option in _do(app).selectbox(key="verifier_kind").options)


@pytest.mark.slow
def test_a_pilot_that_ended_is_shown_whole(tmp_path: Path) -> None:
    """Its verdict, the table of its arms, what to weigh, and prompts with responses before and after."""
    folder = _with_pilot(tmp_path / "data", "sft,rejection_sampling")
    outcome = json.loads((folder / "outcome.json").read_text())
    app = _open(PILOT)
    assert app.success[0].value.replace("\\", "") == outcome["verdict"]["sentence"]
    assert [row[0] for row in _table(app)[1:]] == [
        arm["id"] for arm in sorted(outcome["arms"], key=lambda arm: -arm["strict"]["share"])
    ]
    assert {"prompt", "answer", "before", "after"} == set(app.dataframe[0].value.columns)
    for arm in app.selectbox(key="samples_arm").options:
        app.selectbox(key="samples_arm").set_value(arm)
        _do(app)
    # and the same plan is not run again
    assert start(tiny_plan("sft,rejection_sampling", budget="1500-tokens"), tmp_path / "data") == folder


def test_broken_folders_are_listed_and_harm_nothing(tmp_path: Path) -> None:
    """A damaged pilot is called unreadable with the reason; others are still there."""
    pilots = tmp_path / "data" / "pilots"
    (pilots / "empty").mkdir(parents=True)
    (pilots / "half").mkdir()
    write_plan(tiny_plan("sft"), pilots / "half" / "plan.json")
    (pilots / "half" / "status.json").write_text('{"state": "run')
    app = _open(PILOT)
    assert len(app.selectbox(key="pilot").options) == 2
    for name in ("empty", "half"):
        app.selectbox(key="pilot").set_value(name)
        assert "Next: remove the folder" in _do(app).error[0].value.replace("\\", "")


def test_a_pilot_that_was_broken_off_can_go_on(tmp_path: Path) -> None:
    """It says how far it came, and the button that fits is there."""
    folder = tmp_path / "data" / "pilots" / "abc"
    folder.mkdir(parents=True)
    write_plan(tiny_plan("sft"), folder / "plan.json")
    app = _open(PILOT)
    assert "before its first run" in app.warning[0].value
    assert "Resume it" in [one.label for one in app.button]


def test_without_torch_the_page_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """And still shows what it can."""
    monkeypatch.setattr("advisor.runs.process.find_spec", lambda name: None)
    app = _open(PILOT)
    assert "torch" in app.error[0].value and "pip install" in app.error[0].value
    assert app.code


def test_a_session_goes_through_all_pages_and_back() -> None:
    """No page takes another's controls for its own, and what was answered is still there."""
    app = _open()
    for page in (ADVISOR, PILOT, TRENDS, PILOT, ADVISOR):
        app.switch_page(page)
        _do(app)
        if page == ADVISOR:
            app.button[0].click()
            _do(app)
    shown: dict[str, Any] = {one.key: one.value for one in app.selectbox}
    assert shown["domain"] == "writing"
