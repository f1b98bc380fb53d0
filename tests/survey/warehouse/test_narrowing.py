"""Filters of a report: by category, month and words, on own data and on the bundled abstracts; the n's change."""

import csv
import json
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest

from posttrain.errors import ConfigurationError, ExitCode
from posttrain.reference import reference_path
from survey.arxiv.ledger import Ledger
from survey.arxiv.listed import Listed
from survey.warehouse.filters import filters_of
from tests.builders import FILLER, markdown_paper

pytestmark = pytest.mark.slow  # each labels papers or runs whole commands

PAPERS = {  # id: (title, categories, abstract), listed but for the last
    "2403.00001": ("Agents that plan", ("cs.CL", "cs.AI"), "We retrieve."),
    "2407.00002": ("Reasoning", ("cs.LG",), "Tool agents reason."),
    "2501.00003": ("Proofs", ("cs.CL",), "We prove."),
    "2502.00004": ("Agentic search", (), ""),
}


@pytest.fixture
def own(survey):
    """Four labelled papers, three of them listed."""
    Path("papers").mkdir()
    for arxiv_id, (title, _, _) in PAPERS.items():
        Path(f"papers/{arxiv_id}.md").write_text(markdown_paper(arxiv_id, "HotpotQA " * 6 + FILLER, title=title))
    for step in (["ingest", "papers"], ["extract"], ["label"]):
        assert survey(*step)[0] == ExitCode.OK
    with Ledger(Path("data")) as ledger:
        ledger.add_listed(
            Listed(key, 1, title, abstract, categories, date(2000 + int(key[:2]), int(key[2:4]), 1))
            for key, (title, categories, abstract) in PAPERS.items() if categories
        )  # fmt: skip
    return survey


def _report(survey, *options: str) -> tuple[dict[str, int], dict[str, Any]]:
    """Return n of each period, and the provenance."""
    code, out, error = survey("report", *options, "--json")
    assert code == ExitCode.OK, error
    envelope = json.loads(out)
    rows = envelope["data"]["tables"][0]["rows"]
    return {row["period"]: row["n"] for row in rows if row["n"]}, envelope["provenance"]


@pytest.mark.parametrize(
    ("options", "periods"),
    [
        (["--category", "cs.CL"], {"2024": 1, "2025": 1}),
        (["--category", "cs.cl,cs.LG"], {"2024": 2, "2025": 1}),
        (["--category", "cs.AI", "--category", "cs.LG"], {"2024": 2}),
        (["--from", "2024-04"], {"2024": 1, "2025": 2}),
        (["--until", "2024"], {"2024": 2}),
        (["--from", "2024-07", "--until", "2025-01"], {"2024": 1, "2025": 1}),
        (["--words", "agent"], {"2024": 2, "2025": 1}),
        (["--words", "prove", "--words", "retrieve"], {"2024": 1, "2025": 1}),
        (["--words", "agent", "--category", "cs.LG", "--from", "2024-01"], {"2024": 1}),
    ],
)
def test_own_papers_are_narrowed(own, options: list[str], periods: dict[str, int]) -> None:
    """Each filter alone and several together; a category in any case."""
    n, provenance = _report(own, *options)
    assert n == periods
    assert provenance["filters"]["papers"] == sum(periods.values()) and provenance["filters"]["of"] == 4


def test_the_sample_line_names_every_filter_and_what_is_unknown(own) -> None:
    """In every format that a person reads."""
    for form in ("terminal", "md", "html", "csv"):
        options = ["--category", "cs.CL", "--from", "2024-01", "--words", "agents", "--format", form]
        _, out, _ = own("report", *options)
        flat = " ".join(out.split())
        assert "Narrowed to 1 of 4 papers" in flat and "category cs.CL" in flat and "2024-01" in flat
        assert "agents" in flat and "the category of 1 others is not known" in flat


def test_nothing_matched_ends_with_three(own) -> None:
    """And names the filter, and the categories that there are."""
    code, out, error = own("report", "--category", "math.NT")
    assert code == ExitCode.NOTHING_MATCHED and out == ""
    assert "category math.NT" in error and "cs.CL 2" in error
    assert own("report", "--words", "zebra")[0] == ExitCode.NOTHING_MATCHED


def test_papers_take_the_same_filters(own) -> None:
    """And methods are narrowed like domains."""
    code, out, _ = own("papers", "--category", "cs.CL", "--format", "csv")
    rows = list(csv.DictReader(out.splitlines()))
    assert code == ExitCode.OK and [row["arxiv_id"] for row in rows] == ["2403.00001", "2501.00003"]
    assert own("report", "--axis", "method", "--category", "cs.CL")[0] == ExitCode.OK


def test_the_bundled_abstracts_know_months_categories_and_names(survey) -> None:
    """n by year as DuckDB counts the committed table; 2024 has few known categories, and the report says so."""
    folder = reference_path("abstracts/mentions.parquet").parent
    ids = f"SELECT DISTINCT arxiv_id FROM '{folder}/mentions.parquet' ORDER BY 1"
    papers = [row[0] for row in duckdb.sql(ids).fetchall()]
    categories = [row[0].split() for row in duckdb.sql(f"SELECT * FROM '{folder}/categories.parquet'").fetchall()]
    expected = sum(key[:2] == "25" and "cs.CL" in names for key, names in zip(papers, categories, strict=True))
    n, provenance = _report(survey, "--category", "cs.CL", "--from", "2025-01")
    assert n == {"2025": expected}
    assert "the category of" in _report(survey, "--category", "cs.CL")[1]["about"]
    named, _ = _report(survey, "--words", "SWE-bench", "--surface", "abstract")
    assert 0 < named["2025"] < 1_000
    assert provenance["filters"]["from"] == "2025-01"


def test_everyday_words_cannot_be_asked_of_names(survey) -> None:
    """The bundled abstracts are names and counts; the error says where the words can be asked."""
    code, _, error = survey("report", "--words", "agents", "--surface", "abstract")
    assert code == ExitCode.USAGE and "names alone" in error and "--surface text" in error
    code, _, error = survey("report", "--category", "cs.CL", "--surface", "text")
    assert code == ExitCode.USAGE and "categories of the bundled texts" in error


def test_whole_years_keep_the_volume_of_the_field(survey) -> None:
    """Growth in papers needs the volume; a filter of words has none, and growth is of the share."""
    grown = {}
    for name, options in {"years": ["--from", "2024"], "words": ["--category", "cs.CL"]}.items():
        _, out, _ = survey("report", "--surface", "abstract", "--json", *options)
        grown[name] = {growth["of"] for growth in json.loads(out)["data"]["tables"][0]["growth"]}
    assert grown == {"years": {"papers"}, "words": {"share"}}


@pytest.mark.parametrize(
    ("since", "until"), [("2024-13", None), ("24", None), (None, "2024/05"), ("2025-01", "2024-12")]
)
def test_months_that_are_none_are_refused(since: str | None, until: str | None) -> None:
    """With the form that is expected."""
    with pytest.raises(ConfigurationError, match=r"expected YYYY-MM|lies behind"):
        filters_of(None, since, until)
