"""A study of one's own from a new file to a chart: a domain that the survey has not, counted, tabled and drawn."""

import json
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

from posttrain.errors import ConfigurationError, ExitCode, NothingMatchedError
from survey.diff import diff
from survey.explain import explain, papers
from survey.label import label
from survey.mentions.domain import Rule
from survey.mentions.finder import MentionFinder, hyperscan_engine, re_engine
from survey.mentions.lexicon import load_lexicon
from survey.report import Question, trend_tables
from survey.store.papers import Store
from survey.studies.load import load_study
from survey.studies.model import Study
from survey.study import new_study
from survey.surface import Surface
from survey.trends.published import Axis
from survey.trends.trend import Scope, TrendTable
from survey.warehouse.database import Warehouse
from survey.warehouse.sample import open_sample
from tests.chain import DATA, command_line, read_texts, save_table, take_in

VISION = """name = "vision"
extends = "2603.13985"
[domains.vision]
benchmarks = ["chartqa", "mmmu"]
[benchmarks.chartqa]
aliases = [{ spelling = "chart qa", reason = "the name" }]
[benchmarks.mmmu]
aliases = [
    { pattern = "mmmu(-pro)?", case = "any", glued = false, reason = "the name and its second edition" },
    { pattern = "Ω['’]?mu( bench)?", reason = "a name in Greek letters" },
]
"""
TEXTS = [
    ("2024-03-01", "ChartQA. " * 6 + "GSM8K. " * 6),
    ("2024-04-01", "MMMU and MMMU-Pro. " * 15),
    ("2025-02-01", "Chart-QA. " * 4 + "MMMU. " * 4),
    ("2025-03-01", "Nothing is named here. " * 9),
]


def _study(text: str = VISION, name: str = "vision.toml") -> Study:
    Path(name).write_text(text)
    return load_study(name)


def _texts(texts: list[tuple[str, str]] = TEXTS) -> None:
    """Ingest and extract papers of these dates and texts."""
    columns = {
        "arxiv_id": [f"{day[2:4]}{day[5:7]}.{number:05d}" for number, (day, _) in enumerate(texts)],
        "published": [day for day, _ in texts],
        "title": [f"Paper {number}" for number in range(len(texts))],
        "abstract": [""] * len(texts),
        "text": [text for _, text in texts],
    }
    take_in(save_table("papers/texts.parquet", columns))
    assert read_texts().extracted == len(texts)


def _count(study: Study) -> None:
    with Store(DATA) as store:
        label(store, load_lexicon(study=study))


def _table(study: Study, **question: Any) -> TrendTable:
    (table,) = trend_tables(DATA, Question(**question), study=study).tables
    return table


def _ks(table: TrendTable, period: str) -> dict[str, int]:
    return {row.label: row.k for row in table.rows if row.period == period and row.k}


def test_a_fifth_domain_is_counted_from_a_file_to_a_chart() -> None:
    """It stands in the table next to the survey's four, in the papers of its cell, and in the picture."""
    study = _study()
    _texts()
    _count(study)
    table = _table(study)
    assert table.labels == ("qa", "math", "agentic", "code", "vision")
    assert (_ks(table, "2024"), _ks(table, "2025")) == ({"math": 1, "vision": 2}, {})
    assert _ks(_table(study, rule=Rule.DOMAIN_SUM), "2025") == {"vision": 1}
    assert all(row.published is None for row in table.rows)
    report = trend_tables(DATA, Question(), study=study)
    assert "survey printed" not in str(report.render("md")) and "study vision;" in report.footer  # type: ignore[arg-type]
    assert "vision" in str(report.render("svg"))  # type: ignore[arg-type]
    sample = open_sample(DATA, study=study)
    with sample.warehouse:
        listed = papers(sample, "vision", "2024", None, Scope.ALL, Rule.ANY_NAME)
        assert [paper["domains"] for paper in listed] == [["math", "vision"], ["vision"]]
        explained = explain(sample, "2403.00000", DATA)
        assert explained["domains"] == ["math", "vision"]
        assert {mention["reason"] for mention in explained["mentions"] if mention["benchmark"] == "chartqa"} == {
            "the name"
        }
        with pytest.raises(ConfigurationError, match="expected one of qa, math, agentic, code, vision"):
            papers(sample, "cooking", None, None, Scope.ALL, Rule.ANY_NAME)


@pytest.mark.slow
def test_the_benchmarks_of_a_study_are_a_table() -> None:
    """The share of papers that name each benchmark, at the threshold of its domain."""
    study = _study(VISION.replace("[domains.vision]", "[threshold]\nby_domain = { vision = 4 }\n[domains.vision]"))
    _texts()
    _count(study)
    table = _table(study, axes=(Axis.BENCHMARK,))
    assert len(table.labels) == 28
    assert (_ks(table, "2024"), _ks(table, "2025")) == (
        {"gsm8k": 1, "chartqa": 1, "mmmu": 1},
        {"chartqa": 1, "mmmu": 1},
    )
    assert _ks(_table(study, axes=(Axis.BENCHMARK,), thresholds=(7,)), "2024") == {"mmmu": 1}


@pytest.mark.slow
def test_a_threshold_may_differ_by_domain_and_lie_above_twenty() -> None:
    """The study's own by default, in the table, its rows and its notes; one that is asked for holds for all domains."""
    own = VISION.replace("[domains.vision]", "[threshold]\ndefault = 6\nby_domain = { vision = 25 }\n[domains.vision]")
    study = _study(own)
    _texts()
    _count(study)
    table = _table(study)
    assert (table.threshold, dict(table.thresholds)) == (6, {"vision": 25})
    assert _ks(table, "2024") == {"math": 1, "vision": 1}
    report = trend_tables(DATA, Question(), study=study)
    assert {row["label"]: row["threshold"] for row in report.rows()} == {
        "qa": 6, "math": 6, "agentic": 6, "code": 6, "vision": 25
    }  # fmt: skip
    assert any("vision 25" in note for note in report.notes())
    assert _ks(_table(study, thresholds=(30,)), "2024") == {"vision": 1}
    assert _ks(_table(study, thresholds=(31,)), "2024") == {}
    assert _ks(_table(study, thresholds=(5,)), "2024") == {"math": 1, "vision": 2}


@pytest.mark.slow
def test_papers_outside_the_window_are_left_out_and_counted() -> None:
    """n is of the papers inside, and the footer says how many are not."""
    study = _study(VISION.replace("[domains.vision]", '[window]\nsince = "2024-04"\n[domains.vision]'))
    _texts()
    _count(study)
    report = trend_tables(DATA, Question(), study=study)
    assert {row.period: row.n for row in report.tables[0].rows} == {"2024": 1, "2025": 2}
    assert "1 outside the study's window" in report.footer
    later = _study(VISION.replace("[domains.vision]", '[window]\nsince = "2030-01"\n[domains.vision]'))
    with pytest.raises(NothingMatchedError, match="none of 4 papers"):
        _count(later)


@pytest.mark.slow
def test_only_papers_of_a_study_s_categories_count() -> None:
    """A paper's categories are known where it is listed."""
    study = _study(VISION.replace("[domains.vision]", '[window]\ncategories = ["cs.CV"]\n[domains.vision]'))
    _texts()
    listed = {"arxiv_id": ["2403.00000", "2404.00001"], "published": ["2024-03-01", "2024-04-01"]}
    words = {"title": ["One", "Two"], "abstract": ["A", "B"], "categories": ["cs.CV cs.LG", "cs.CL"]}
    assert take_in(save_table("papers/listed.parquet", {**listed, **words})).listed == 2
    _count(study)
    report = trend_tables(DATA, Question(), study=study)
    assert {row.period: row.n for row in report.tables[0].rows} == {"2024": 1}
    assert "3 outside the study's window" in report.footer


@pytest.mark.slow
def test_each_study_has_counts_of_its_own_that_follow_its_file() -> None:
    """A study that was not counted, or counts otherwise now, leads to `survey label`; the bundled one is untouched."""
    _texts()
    _count(load_study())
    bundled = trend_tables(DATA).rows()
    study = _study()
    with pytest.raises(ConfigurationError, match="no counts of the study 'vision'") as error:
        trend_tables(DATA, study=study)
    assert error.value.hint and "survey label --study vision.toml" in error.value.hint
    _count(study)
    assert trend_tables(DATA).rows() == bundled
    assert trend_tables(DATA, study=study).provenance["study"] == "vision"
    lower = _study(VISION.replace("[domains.vision]", "[threshold]\ndefault = 4\n[domains.vision]"))
    assert _ks(_table(lower), "2025") == {"vision": 1}, "a threshold needs no new count"
    changed = _study(VISION.replace("chart qa", "chart-qa"))
    with pytest.raises(ConfigurationError, match="'vision' has changed"):
        trend_tables(DATA, study=changed)


def test_without_own_papers_a_study_is_counted_in_the_bundled_abstracts(tmp_path: Path) -> None:
    """Its fifth domain too; the bundled texts are counted for the bundled study alone."""
    study = _study()
    (table,) = trend_tables(tmp_path, Question(), study=study).tables
    vision = [row for row in table.rows if row.label == "vision"]
    assert [row.period for row in vision] == ["2023", "2024", "2025"] and vision[-1].k > 20 and vision[-1].n > 30_000
    with pytest.raises(ConfigurationError, match="bundled texts are counted for the study") as error:
        trend_tables(tmp_path, Question(surface=Surface.TEXT), study=study)
    assert error.value.hint and "survey label --study vision.toml" in error.value.hint


def test_a_study_of_the_same_aliases_keeps_its_own_domains_and_threshold_in_the_bundled_abstracts(
    tmp_path: Path,
) -> None:
    """Its counts are those of the bundled study; how they are grouped and from where on they count is its own."""
    bundled = load_study()
    changed = {"name": "regrouped", "published": {}, "domains": {"any": {"benchmarks": list(bundled.benchmarks)}}}
    study = Study.model_validate(bundled.model_dump() | changed | {"threshold": {"abstract": 2}})
    (table,) = trend_tables(tmp_path, study=study).tables
    (of_all,) = trend_tables(tmp_path, Question(thresholds=(2,), surface=Surface.ABSTRACT)).tables
    assert {row.label for row in table.rows} == {"any"} and table.threshold == 2
    for row in table.rows:
        ks = [other.k for other in of_all.rows if other.period == row.period]
        assert max(ks) <= row.k <= sum(ks) and row.k > 0


@pytest.mark.slow
def test_shared_counts_carry_their_study() -> None:
    """Who gets them needs no file; another study cannot be asked of them."""
    study = _study()
    _texts()
    _count(study)
    with Warehouse.open(DATA / "warehouse.vision.duckdb") as warehouse:
        warehouse.export(Path("shared.parquet"))
    Path("vision.toml").unlink()
    report = trend_tables(Path("elsewhere"), Question(), Path("shared.parquet"))
    assert _ks(report.tables[0], "2024") == {"math": 1, "vision": 2}
    assert b"vision.toml" not in str(parquet.read_schema("shared.parquet").metadata).encode()
    with pytest.raises(ConfigurationError, match="counts of the study 'vision', not of 'agents'"):
        trend_tables(Path("elsewhere"), Question(), Path("shared.parquet"), load_study("agents"))


@pytest.mark.slow
def test_printed_numbers_of_a_study_stand_in_its_tables() -> None:
    """And without any, a difference is refused in a sentence."""
    _texts()
    _count(_study())
    with pytest.raises(NothingMatchedError, match="'vision' has no printed numbers"):
        diff(DATA, study=load_study("vision.toml"))
    Path("printed.csv").write_text("period,label,value\n2024,vision,20\n2024,math,10\n")
    printed = _study(f'{VISION.replace("vision", "seen", 1)}[published]\ndomain = "printed.csv"\n', "seen.toml")
    _count(printed)
    values = {row.label: row.published.value for row in _table(printed).rows if row.published}
    assert values == {"vision": 20.0, "math": 10.0}
    assert [(cell.label, cell.published) for cell in diff(DATA, study=printed).cells] == [("math", 10), ("vision", 20)]
    Path("printed.csv").write_text("year,label,value\n2024,vision,20\n")
    with pytest.raises(ConfigurationError, match=r"printed\.csv is no table of printed numbers"):
        trend_tables(
            DATA, study=_study(Path("seen.toml").read_text().replace("printed.csv", "./printed.csv"), "seen.toml")
        )


@pytest.mark.slow
def test_an_older_warehouse_is_of_the_bundled_study() -> None:
    """It has no table `study`; its tables are those of the survey."""
    import duckdb

    _texts()
    _count(load_study())
    with duckdb.connect(str(DATA / "warehouse.duckdb")) as db:
        db.execute("DROP TABLE study")
    table = _table(load_study())
    assert table.labels == ("qa", "math", "agentic", "code")
    assert any(row.published for row in table.rows)


def test_a_new_study_passes_the_check_and_counts_something() -> None:
    """As it is written, before any change."""
    study = new_study(Path("fresh.toml"))
    counts = MentionFinder(load_lexicon(study=study)).counts(
        b"MMLU, MMLU-Pro, GPQA Diamond, BBH, BIG-Bench Hard, MATH-500.\n\nbinary black holes (BBH)"
    )
    assert counts == {"mmlu": 1, "gpqa": 1, "bbh": 2, "math-500": 1}
    with pytest.raises(ConfigurationError, match="exists already"):
        new_study(Path("fresh.toml"))


@pytest.mark.slow
def test_new_check_label_and_report_as_a_user_runs_them() -> None:
    """Exit codes, the data of --json, and the line of a fault."""
    _texts()
    assert command_line("study", "new", "mine.toml").returncode == ExitCode.OK
    assert command_line("study", "new", "mine.toml").returncode == ExitCode.USAGE
    text = Path("mine.toml").read_text()
    Path("mine.toml").write_text(text.replace('aliases = [{ spelling = "gpqa"', 'alias = [{ spelling = "gpqa"'))
    wrong = command_line("study", "check", "mine.toml")
    assert wrong.returncode == ExitCode.USAGE and "Traceback" not in wrong.stderr
    line = next(
        n for n, row in enumerate(Path("mine.toml").read_text().splitlines(), start=1) if row.startswith("alias =")
    )
    assert f"mine.toml, line {line}: unknown key 'benchmarks.gpqa.alias'" in wrong.stderr
    Path("vision.toml").write_text(VISION)
    checked = command_line("study", "check", "vision.toml")
    assert "vision: 5 domains, 28 benchmarks, 59 aliases" in checked.stdout
    data = json.loads(command_line("study", "check", "vision.toml", "--json").stdout)["data"]
    assert data["domains"][-1]["benchmarks"]["chartqa"] == ["chart qa"]
    assert command_line("label", "--study", "vision.toml").returncode == ExitCode.OK
    done = command_line("report", "--study", "vision.toml", "--axis", "domain", "--json")
    rows = json.loads(done.stdout)["data"]["tables"][0]["rows"]
    assert [row["k"] for row in rows if row["label"] == "vision"] == [2, 0]
    drawn = command_line("report", "--study", "vision.toml", "--format", "svg", "--out", "vision.svg")
    assert drawn.returncode == ExitCode.OK and "vision" in Path("vision.svg").read_text()


WORDS = st.sampled_from(
    ["MMMU", "mmmu-pro", "MMMU-Project", "ChartQA", "chart qa", "chart_qa", "Ωmu", "Ω’mu bench", "Ω'mu benches", "x",
     "é", "GSM8K", "SWE-bench", "-", "2", "\n\n", "’"]
)  # fmt: skip


@given(st.lists(st.tuples(WORDS, st.sampled_from(["", " ", ", "])), max_size=20))
@settings(max_examples=200, deadline=None)
def test_regular_expressions_of_a_study_count_alike_with_both_engines(parts: list[tuple[str, str]]) -> None:
    """Hyperscan and `re`, with optional ends and with characters of several bytes."""
    study = Study.model_validate(_parsed())
    text = "".join(word + gap for word, gap in parts).encode()
    fast, plain = (MentionFinder(load_lexicon(study=study), engine) for engine in (hyperscan_engine, re_engine))
    assert fast.find(text) == plain.find(text)


def _parsed() -> dict[str, Any]:
    import tomllib

    own = tomllib.loads(VISION)
    del own["extends"]
    return own


@pytest.mark.slow
def test_many_domains_can_be_drawn() -> None:
    """More domains than colours have a panel each, also over thresholds."""
    names = [f"domain{number}" for number in range(12)]
    domains = "".join(f'[domains.{name}]\nbenchmarks = ["bench{name}"]\n' for name in names)
    benchmarks = "".join(
        f'[benchmarks.bench{name}]\naliases = [{{ spelling = "bench{name}", reason = "the name" }}]\n' for name in names
    )
    study = _study(f'name = "many"\n{domains}{benchmarks}', "many.toml")
    _texts([("2024-03-01", "benchdomain3. " * 6), ("2025-03-01", "benchdomain11. " * 6)])
    _count(study)
    assert Counter(_ks(_table(study), "2025")) == {"domain11": 1}
    for thresholds in ((), (1, 2, 3)):
        picture = str(trend_tables(DATA, Question(thresholds=thresholds), study=study).render("svg"))  # type: ignore[arg-type]
        assert all(name in picture for name in names)
    assert study.window.holds(date(2030, 1, 1), [])
