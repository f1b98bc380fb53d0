"""`import posttrain as pt`: frames of what the commands print, typed objects, and nothing heavy before a call."""

import json
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pandas import DataFrame

import posttrain as pt
from posttrain.errors import ConfigurationError, NothingMatchedError
from posttrain.frames import Tabular
from tests.conftest import ROOT

TASK = {"model": "starter", "data": "task:addition"}
HEAVY = ("pandas", "duckdb", "torch", "sklearn", "numpy", "pyarrow", "rich", "pydantic")


def _survey(*arguments: str) -> list[dict[str, object]]:
    """The rows of the tables that `survey …` prints as JSON."""
    command = [sys.executable, "-c", "from survey.cli import main; main()", *arguments, "--json"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, env={"PYTHONPATH": str(ROOT)}).stdout
    data = json.loads(printed)["data"]
    tables = data.get("tables") or [{"rows": next(iter(data.values()))}]
    return [row for table in tables for row in table["rows"]]


def test_the_import_is_light() -> None:
    """A tenth of a second of CPU at most, Python's own start included; no heavy library is loaded."""
    code = f"import sys, posttrain; print(*sorted(set(sys.modules) & {set(HEAVY)!r}))"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert loaded.stdout.split() == []
    assert after.ru_utime - before.ru_utime < 0.1


def test_every_function_of_the_contract_is_there_and_says_what_it_returns() -> None:
    assert len(pt.__all__) == 12
    assert [name for name in pt.__all__ if not (getattr(pt, name).__doc__ or "").startswith(("Return", "Run"))] == []
    assert set(pt.__all__) <= set(dir(pt))
    with pytest.raises(AttributeError, match="'trend'; expected one of bank"):
        pt.trend  # type: ignore[attr-defined]  # noqa: B018


@pytest.mark.slow
@pytest.mark.parametrize("axis", ["domain", "method", "data_source"])
def test_a_frame_of_trends_holds_the_cells_that_the_command_prints(axis: str) -> None:
    frame = pt.trends(axis, by="half")
    printed = _survey("report", "--surface", "text", "--axis", axis, "--by", "half")
    assert frame[["period", "label", "k", "n"]].to_dict("records") == [
        {name: row[name] for name in ("period", "label", "k", "n")} for row in printed
    ]
    assert frame.share.dropna().tolist() == [row["share"] for row in printed if row["share"] is not None]
    assert "1,183 real arXiv papers" in frame.attrs["sample"]
    assert any("k of n papers" in note or "κ" in note for note in frame.attrs["notes"])


def test_a_sweep_has_every_threshold_and_counts_no_more_as_it_rises() -> None:
    sweep = pt.trends(threshold=range(1, 21)).pivot_table(index="threshold", columns=["period", "label"], values="k")
    assert list(sweep.index) == list(range(1, 21))
    assert (sweep.diff().dropna() <= 0).all().all()


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"axis": "methods"}, "axis is 'methods'; expected one of domain"),
        ({"threshold": 0}, "threshold is 0; expected 1 to 1,000"),
        ({"threshold": []}, "expected 1 to 1,000"),
        ({"by": "week"}, "by is 'week'; expected one of year"),
        ({"scope": "abstract"}, "scope is 'abstract'; expected one of all, body"),
        ({"surface": "title"}, "surface is 'title'; expected one of text, abstract"),
        ({"study": "mine.toml"}, "there is no file mine.toml"),
        ({"data": "nowhere"}, "there is no nowhere"),
    ],
)
def test_an_unknown_value_is_named_with_what_is_expected(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as caught:
        pt.trends(**wrong)  # type: ignore[arg-type]
    assert caught.value.hint


def test_growth_is_that_of_the_shares_and_missing_where_the_years_come_from_different_lists() -> None:
    growth, rows = (
        pt.growth(by="half", surface="abstract", study="agents"),
        pt.trends(by="half", surface="abstract", study="agents").set_index(["period", "label"]),
    )
    assert growth.share.notna().any()
    for change in growth.dropna(subset="share").itertuples():
        before, after = (rows.loc[(period, change.label)] for period in (change.before, change.after))
        assert min(before.n, after.n) >= 30
        assert change.share == pytest.approx(after.share / before.share)
        assert change.low < change.factor < change.high
    texts = pt.growth()
    assert len(texts) and texts[["factor", "share", "low", "high"]].isna().all().all()


def test_the_printed_growth_of_a_domain_is_that_of_its_printed_counts() -> None:
    printed = pt.published().query("threshold == 5").set_index(["period", "label"]).value
    changes = pt.growth().dropna(subset="published")
    assert len(changes) >= 8
    for change in changes.itertuples():
        factor = printed[change.after, change.label] / printed[change.before, change.label]
        assert change.published == pytest.approx(factor)


def test_the_growth_of_abstracts_is_of_papers_with_a_verdict_on_the_printed_factor() -> None:
    growth = pt.growth(surface="abstract")
    assert len(growth) == 8 and set(growth.of) == {"papers"}
    assert (growth.factor / growth.share).tolist() == pytest.approx(growth.field.tolist())
    inside = (growth.low <= growth.published) & (growth.published <= growth.high)
    assert [verdict == "inside" for verdict in growth.verdict] == inside.tolist()
    assert "56,549 LLM papers" in growth.attrs["sample"]


def test_papers_of_a_cell_are_the_k_of_its_row() -> None:
    row = pt.trends().query("period == '2025' and label == 'code'").iloc[0]
    papers = pt.papers("code", "2025")
    assert len(papers) == row.k and papers.arxiv_id.is_unique
    assert len(pt.papers()) == 1183
    assert len(pt.papers("code", "1999")) == 0


def test_mentions_explain_a_paper() -> None:
    mentions = pt.mentions("2503.05592")
    paper = mentions.attrs["paper"]
    assert paper["arxiv_id"] == "2503.05592"
    assert mentions[mentions.counted].groupby("benchmark").n.sum().to_dict() == paper["counts"]
    with pytest.raises(NothingMatchedError):
        pt.mentions("2999.99999")


def test_diff_has_the_verdicts_of_the_command() -> None:
    assert pt.diff()[["period", "label", "k", "verdict"]].to_dict("records") == [
        {name: row[name] for name in ("period", "label", "k", "verdict")} for row in _survey("diff")
    ]


@pytest.mark.parametrize("frame", [pt.trends("method"), pt.trends(threshold=range(1, 4))], ids=["shares", "sweep"])
def test_a_chart_draws_the_rows_of_its_frame_and_is_shown_by_any_notebook(frame: DataFrame, tmp_path: Path) -> None:
    chart = pt.chart(frame)
    bundle = chart._repr_mimebundle_()
    assert bundle["application/vnd.vegalite.v6+json"] == chart.spec
    assert bundle["image/svg+xml"].startswith("<svg")
    chart.save(tmp_path / "chart.svg")
    assert (tmp_path / "chart.svg").read_text() == bundle["image/svg+xml"]
    whole, some = json.dumps(chart.spec), json.dumps(pt.chart(frame[frame.period == "2025"]).spec)
    assert '"2024"' in whole and '"2024"' not in some and '"2025"' in some


def test_a_chart_of_another_frame_and_a_file_of_another_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"without the column .*pt.trends"):
        pt.chart(pt.papers())
    with pytest.raises(ConfigurationError, match=r"ends in '.gif'; expected .svg, .png or .json"):
        pt.chart(pt.trends()).save(tmp_path / "chart.gif")


def test_a_recommendation_is_a_frame_in_the_order_of_the_advice() -> None:
    advice = pt.recommend(verifier="unit-tests", pass_at_k=0.6)
    frame = advice.to_frame()
    assert frame.id[0] == advice.top.pipeline.id
    assert frame.score.dropna().is_monotonic_decreasing
    assert advice.top.pipeline.title in advice._repr_html_()
    with pytest.raises(ConfigurationError):
        pt.recommend(verifyer="unit-tests")


def test_a_plan_comes_from_an_advice_or_from_names_and_shows_its_arms() -> None:
    task = {"model": "starter", "data": "task:addition", "budget": "60k-tokens"}
    named = pt.plan(["sft", "grpo"], **task)  # type: ignore[arg-type]
    assert named == pt.plan("sft,grpo", **task)  # type: ignore[arg-type]
    assert named.to_frame().arm.tolist() == [arm.id for arm in named.arms]
    assert "no training" in named._repr_html_()
    advised = pt.plan(pt.recommend(verifier="unit-tests", pass_at_k=0.6), **task)  # type: ignore[arg-type]
    assert advised.traits["verifier"] == "unit-tests"


def test_memory_is_a_phase_a_row() -> None:
    answer = pt.memory("Qwen/Qwen2.5-7B", "grpo", lora=True, gpu=24)
    frame = answer.to_frame()
    assert frame.total.max() == pytest.approx(answer.estimate.raw)
    assert frame.drop(columns=["phase", "total"]).sum(axis=1).tolist() == pytest.approx(frame.total.tolist())
    assert answer.fits is False and "24 GB" in answer._repr_html_()


def test_an_empty_bank_says_how_it_grows() -> None:
    bank = pt.bank()
    assert len(bank.to_frame()) == 0 and "a pilot writes one" in bank._repr_html_()
    assert isinstance(bank, Tabular)


@pytest.mark.parametrize(
    "call",
    [
        lambda: pt.trends(threshold=3.5),  # type: ignore[arg-type]
        lambda: pt.trends(threshold="5"),
        lambda: pt.papers(threshold=True),
        lambda: pt.memory("7b", gpu=-1),
        lambda: pt.memory("7b", gpu=float("nan")),
        lambda: pt.memory("7b", batch="8"),
        lambda: pt.memory("7b", []),
        lambda: pt.memory(7),
        lambda: pt.chart(None),
        lambda: pt.chart({"axis": "method"}),
        lambda: pt.chart(pt.trends("method").assign(axis="colour")),
        lambda: pt.chart(pt.trends("method")).save(5),
        lambda: pt.trends(None),
        lambda: pt.trends(data=5),
        lambda: pt.trends(data="a" * 300),
        lambda: pt.trends(by=["year"]),
        lambda: pt.growth(threshold=range(1, 3)),
        lambda: pt.mentions(None),
        lambda: pt.papers(period=[]),
        lambda: pt.papers([]),
        lambda: pt.diff(data=5),
        lambda: pt.plan(None),
        lambda: pt.plan(5),
        lambda: pt.plan([5]),
        lambda: pt.plan("sft", **TASK, budget=5),
        lambda: pt.plan("sft", **TASK, budget=None),
        lambda: pt.plan("sft", **TASK, seeds=5),
        lambda: pt.plan("sft", **TASK, seeds="ab"),
        lambda: pt.plan("sft", **TASK, seeds=[0.5]),
        lambda: pt.plan("sft", **TASK, settings=5),
        lambda: pt.plan("sft", model="starter", data=5),
        lambda: pt.plan("sft", model="starter", data="task:nope"),
        lambda: pt.pilot("sft"),
        lambda: pt.pilot(None),
        lambda: pt.pilot(pt.plan("sft", **TASK), at_once="two"),
        lambda: pt.pilot(pt.plan("sft", **TASK), out=5),
        lambda: pt.bank(data="/nope"),
        lambda: pt.bank(data=5),
    ],
)
def test_a_wrong_argument_is_an_error_of_the_user(call: Callable[[], object]) -> None:
    """A notebook gets one sentence, as the command line does."""
    with pytest.raises(ConfigurationError) as caught:
        call()
    assert "expected" in caught.value.message or "there is no" in caught.value.message
    assert caught.value.hint


def test_the_error_of_an_argument_names_it_with_its_value_and_its_type() -> None:
    with pytest.raises(ConfigurationError) as caught:
        pt.papers(period=[])
    assert caught.value.message == "period is []; expected str | int | None" and caught.value.hint == "help(pt.papers)"


def test_what_python_calls_alike_is_taken() -> None:
    """A year as a number, seeds as a range, thresholds as a generator, a path as a Path."""
    assert len(pt.papers("code", 2025)) == len(pt.papers("code", "2025")) > 0
    assert pt.plan(["sft"], **TASK, seeds=range(2)).seeds == (0, 1)
    assert set(pt.trends(threshold=(level for level in (2, 3))).threshold) == {2, 3}
    assert pt.bank(Path()).cases == ()
