"""Papers, explanations, differences and flow of abstracts: of own listed ones and of those that come along."""

import json
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import parquet

import posttrain as pt
from posttrain.errors import ConfigurationError, ExitCode, NothingMatchedError

PAPERS = [
    ("2401.00001", "2024-01-09", "Agents that buy", "We reach 61 % on WebShop, and WebShop is hard."),
    ("2401.00002", "2024-01-10", "Sums", "GSM8K was solved by our tutor. " + "Filler. " * 20 + "MATH-500 too."),
    ("2502.00003", "2025-02-11", "Birds of Kenya", "A bird in a bush, and no benchmark."),
]
STUDY = """
name = "shops"
threshold.abstract = 2
[domains.buying]
benchmarks = ["webshop"]
[benchmarks]
webshop.aliases = [{ spelling = "web-shop", reason = "the name" }]
"""


@pytest.fixture
def own(survey):
    """Three own abstracts, read as far as a hundred characters."""
    names = ("arxiv_id", "published", "title", "abstract")
    parquet.write_table(pyarrow.table(dict(zip(names, zip(*PAPERS, strict=True), strict=True))), "own.parquet")
    Path("shops.toml").write_text(STUDY)
    assert survey("ingest", "own.parquet")[0] == ExitCode.OK
    assert survey("label", "--surface", "abstract", "--first-characters", "100")[0] == ExitCode.OK
    return survey


def _data(survey, *arguments: str) -> tuple[Any, list[str], dict[str, Any]]:
    code, out, error = survey(*arguments, "--json")
    assert code == ExitCode.OK, error
    envelope = json.loads(out)
    return envelope["data"], envelope["warnings"], envelope["provenance"]


@pytest.mark.slow
def test_own_abstracts_are_listed_from_one_mention_on(own) -> None:
    """Without texts the surface need not be named; a month, a word and a domain narrow them."""
    for options in ([], ["--surface", "abstract"]):
        data, _, provenance = _data(own, "papers", *options)
        found = {paper["arxiv_id"]: paper["domains"] for paper in data["papers"]}
        assert found == {"2401.00001": ["agentic"], "2401.00002": ["math"], "2502.00003": []}
        assert provenance["surface"] == "abstract"
    (paper,) = _data(own, "papers", "--surface", "abstract", "--words", "tutor", "--until", "2024")[0]["papers"]
    assert paper["title"] == "Sums"
    assert own("papers", "--surface", "abstract", "--threshold", "2", "--domain", "math")[0] == ExitCode.NOTHING_MATCHED


def test_an_own_abstract_is_explained_with_its_words(own) -> None:
    """Each place stands in the title and the characters that were read; a refused one has its reason."""
    explained = _data(own, "explain", "2401.00001")[0]
    assert [mention["found"] for mention in explained["mentions"]] == ["WebShop", "WebShop"]
    assert "61 % on WebShop" in explained["mentions"][0]["context"] and explained["domains"] == ["agentic"]
    assert explained["method"] is None and explained["surface"] == "abstract"
    assert _data(own, "explain", "2401.00002")[0]["counts"] == {"gsm8k": 1}
    code, out, _ = own("explain", "Birds of Kenya")
    assert code == ExitCode.OK and "domains at 1 mention: none" in out and "read in full texts alone" in out
    code, _, error = own("explain", "2401.99999")
    assert code == ExitCode.NOTHING_MATCHED
    assert "2401.99999 is not in the sample" in error and "table of abstracts" in error


def test_the_flow_of_own_abstracts_counts_what_came_in_since(own) -> None:
    """A paper that was listed behind the count is named, by how many and by the reason."""
    flow = _data(own, "status", "--surface", "abstract")[0]["flow"]
    assert (flow["identified"], flow["labelled"], flow["domains"]) == (3, 3, {"agentic": 1, "math": 1})
    rows = {"arxiv_id": ["2503.00004"], "published": ["2025-03-01"], "title": ["New"], "abstract": ["Words."]}
    parquet.write_table(pyarrow.table(rows), "more.parquet")
    assert own("ingest", "more.parquet")[0] == ExitCode.OK
    flow = _data(own, "status", "--surface", "abstract")[0]["flow"]
    assert flow["identified"] == 4 and flow["not_counted"] == {"listed since the last count": 1}
    assert own("explain", "2503.00004", "--surface", "abstract")[0] == ExitCode.USAGE
    code, _, error = own("status", "--surface", "abstract", "--prisma", "flow.svg")
    assert code == ExitCode.USAGE and "full texts" in error


@pytest.mark.slow
def test_a_study_has_a_threshold_of_its_own_in_abstracts(own) -> None:
    """Two mentions here; and its counts are asked for where they are missing."""
    code, _, error = own("papers", "--surface", "abstract", "--study", "shops.toml")
    assert code == ExitCode.USAGE and "survey label --surface abstract --study shops.toml" in error
    assert own("label", "--surface", "abstract", "--study", "shops.toml")[0] == ExitCode.OK
    options = ["--surface", "abstract", "--study", "shops.toml"]
    (paper,) = _data(own, "papers", "--domain", "buying", *options)[0]["papers"]
    assert paper["arxiv_id"] == "2401.00001"
    assert _data(own, "status", *options)[0]["flow"]["thresholds"] == {"buying": 2}
    code, _, error = own("diff", *options)
    assert code == ExitCode.NOTHING_MATCHED and "no printed numbers" in error


@pytest.mark.slow
def test_a_difference_of_abstracts_is_growth_alone(own, tmp_path: Path) -> None:
    """Of three papers there is none, which the error says; of those that come along each factor has its verdict."""
    code, _, error = own("diff", "--surface", "abstract")
    assert code == ExitCode.NOTHING_MATCHED and "--surface text" in error
    data, warnings, _ = _data(own, "diff", "--surface", "abstract", "--data", str(tmp_path / "none"))
    assert data["cells"] == [] and len(data["growth"]) == 8
    assert {row["verdict"] for row in data["growth"]} <= {"inside", "outside", "too few to tell"}
    assert any("growth alone is compared" in warning for warning in warnings)
    frame = pt.diff(tmp_path, surface="abstract")
    assert list(frame["label"]) == [row["label"] for row in data["growth"]]


def test_the_abstracts_that_come_along_answer_too(survey) -> None:
    """A cell of the table has as many papers as k says; counts without places explain a paper."""
    table = pt.trends(surface="abstract", since="2024", until="2024-12")
    assert set(table["period"]) == {"2024"}
    (k,) = table[table.label == "code"]["k"]
    listed = pt.papers("code", "2024", surface="abstract")
    assert len(listed) == k > 50
    mentions = pt.mentions(listed.arxiv_id[0], surface="abstract")
    assert set(mentions["benchmark"]) and mentions["offset"].isna().all()
    data, _, provenance = _data(survey, "papers", "--study", "agents", "--domain", "web", "--period", "2025-06")
    assert data["papers"] and provenance["surface"] == "abstract"
    flow = _data(survey, "status", "--surface", "abstract")[0]["flow"]
    assert flow["labelled"] == flow["identified"] > 50_000


@pytest.mark.slow
def test_python_filters_as_the_commands_do() -> None:
    """One category or several, months of both ends, words; a wrong month is named as the argument is."""
    several = pt.papers("code", surface="abstract", category=["cs.CL", "cs.SE"], since="2025-03", until="2025-04")
    assert set(several["published"].astype(str).str[:7]) == {"2025-03", "2025-04"}
    only = pt.papers("code", surface="abstract", category="cs.SE", since="2025-03", until="2025-04")
    assert 0 < len(only) < len(several)
    named = pt.trends(surface="abstract", words="SWE-bench")
    assert named["n"].max() < 1_000 and "SWE-bench" in named.attrs["sample"]
    with pytest.raises(ConfigurationError, match=r"^since '2025-13' is no month"):
        pt.trends(since="2025-13")
    with pytest.raises(ConfigurationError, match="since 2025-01 lies behind until 2024-12"):
        pt.papers(since="2025", until="2024")
    with pytest.raises(NothingMatchedError):
        pt.trends(since="1999", until="1999")
