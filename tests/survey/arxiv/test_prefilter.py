"""The pre-filter of downloads: what it keeps, and what is known about what it loses."""

from datetime import date
from pathlib import Path

import pytest
from pyarrow import parquet

from posttrain.reference import reference_path
from survey.arxiv.ledger import Ledger
from survey.arxiv.listed import Listed
from survey.arxiv.prefilter import Prefilter
from survey.trends.recall import measure_recall
from survey.warehouse.database import Warehouse
from tests.chain import answer, command_line
from tests.warehouses import make_warehouse

DAY = date(2025, 1, 1)
PAPER = Listed("2501.99999", 1, "Large Language-Models reason", "We ask LLMs.\nTwice.", ("cs.CL", "cs.AI"), DAY)


@pytest.mark.parametrize(
    ("prefilter", "kept"),
    [
        (Prefilter(), True),
        (Prefilter(("cs.AI",)), True),
        (Prefilter(("cs.CV",)), False),
        (Prefilter((), ("llm",)), True),
        (Prefilter((), ("language model",)), True),
        (Prefilter((), ("guage model",)), False),  # no word begins so
        (Prefilter((), ("agent", "reason")), True),
        (Prefilter(("cs.CV",), ("llm",)), False),  # both must hold
        (Prefilter((), ("a.k",)), False),  # no pattern
    ],
)
def test_categories_and_words_decide(prefilter: Prefilter, kept: bool) -> None:
    """One of the categories, and one of the words at the beginning of a word, in any case, hyphen or space."""
    assert prefilter.keeps(PAPER) is kept


def _list(count: int, about: dict[int, str]) -> Ledger:
    ledger = Ledger(Path("data"))
    ledger.add_slices("api", "", [("202501010000", "202501012359")])
    papers = [Listed(f"2501.{n:05d}", 1, "A title", about.get(n, "birds"), ("cs.CL",), DAY) for n in range(count)]
    ledger.add_page(ledger.slices()[0], papers, count, "0", "2025-02-01T00:00:00+00:00")
    return ledger


def test_recall_is_measured_on_papers_of_a_domain_that_no_filter_chose() -> None:
    """4 of 5 listed papers at the threshold speak of LLMs; below it, unlisted or chosen by a filter, none is asked."""
    counts = [{"gsm8k": 5}] * 5 + [{"gsm8k": 4}] * 3 + [{"gsm8k": 9}] * 2
    warehouse = make_warehouse(Path("data"), [(DAY, count) for count in counts])
    with warehouse, _list(9, dict.fromkeys((0, 1, 2, 3, 8), "LLMs")) as ledger:  # the tenth paper is not listed
        ledger.add_prefiltered(["2501.00008"])
        recall = measure_recall(Prefilter((), ("LLM",)), ledger, warehouse)
        assert recall is not None
        assert (recall.k, recall.n) == (4, 5)
        assert recall.low < recall.share == 0.8 < recall.high


@pytest.mark.slow
def test_the_command_tells_what_a_filter_keeps_and_what_is_known_of_its_recall() -> None:
    """Unmeasured is said, not passed over; measured comes with its interval."""
    with _list(3, {0: "LLMs"}):
        pass
    dry = ("download", "--word", "LLM", "--dry-run", "--json")
    unmeasured = command_line(*dry)
    assert answer(unmeasured)["prefilter"] == {"recall": None}
    assert "keeps 1 of 3 papers; its recall is not measured" in unmeasured.stderr
    make_warehouse(Path("data"), [(DAY, {"gsm8k": 5})] * 2).__exit__(None, None, None)
    measured = command_line(*dry)
    assert answer(measured)["prefilter"]["recall"]["n"] == 2
    assert "it keeps 1 of 2 that name a benchmark 5 times or more (50.0%, 9.5% to 90.5%)" in measured.stderr
    assert answer(measured)["papers"] == 1


@pytest.mark.corpus
def test_what_two_words_keep_of_real_papers(corpora: Path) -> None:
    """The figures of docs/harvest.md: abstracts of one corpus against the bundled counts."""
    columns = ["arxiv_id", "title", "abstract"]
    rows = parquet.read_table(corpora / "arxiv_md_2025.parquet", columns=columns).to_pylist()
    with Ledger(Path("data")) as ledger, Warehouse.from_counts(reference_path("mentions.parquet")) as warehouse:
        ledger.add_slices("api", "", [("202501010000", "202512312359")])
        papers = [Listed(row["arxiv_id"], 1, row["title"], row["abstract"], (), DAY) for row in rows]
        ledger.add_page(ledger.slices()[0], papers, len(papers), "0", "2026-01-01T00:00:00+00:00")
        recall = measure_recall(Prefilter((), ("language model", "LLM")), ledger, warehouse)
    assert recall is not None
    assert (recall.k, recall.n) == (52, 55)
