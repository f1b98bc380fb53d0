"""A withdrawn paper is not counted, also where an earlier version of it is here, and the flow names it."""

import json
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from posttrain.settings import ArxivSettings
from survey.arxiv.ledger import Ledger
from survey.fulltext.notices import IS_NOTICE, is_withdrawn
from survey.harvest import Source, Window, harvest, harvest_snapshot, plan
from survey.label import label_abstracts
from survey.mentions.lexicon import LexiconName, load_lexicon
from survey.status import status
from survey.store.papers import Store
from survey.warehouse.population import every_listed
from survey.writing.flow import flow_of
from tests.builders import FILLER, make_pdf, markdown_paper
from tests.chain import DATA, counts, read_texts, save, save_table, table_of, take_in, texts
from tests.fake_arxiv.asking import VirtualClock
from tests.fake_arxiv.papers import make_corpus
from tests.fake_arxiv.server import FakeArxiv

BY_COMMENTS = "withdrawn, as the comments of its metadata say"
BY_LISTING = "withdrawn, as arXiv's listing says"
NOTICE = "This paper has been withdrawn by the authors due to an error in Section 3. " + "Details follow later. " * 9


def _line(arxiv_id: str, versions: int = 1, comments: str = "12 pages") -> str:
    dates = [{"version": f"v{n}", "created": f"Mon, {n} Jan 2025 10:00:00 GMT"} for n in range(1, versions + 1)]
    return json.dumps(
        {"id": arxiv_id, "title": "On Otters", "abstract": "Otters.", "categories": "cs.CL", "license": None,
         "versions": dates, "comments": comments}
    )  # fmt: skip


def _two_papers() -> None:
    save("a.md", markdown_paper("2501.00001", "GSM8K " * 6 + FILLER))
    save("b.md", markdown_paper("2501.00002", "GSM8K " * 6 + FILLER))


def _losses() -> dict[str, int]:
    with Store(DATA) as store:
        return dict(status(store)["flow"]["without_text"])


def test_a_text_here_does_not_count_once_a_snapshot_says_that_the_paper_is_withdrawn() -> None:
    """Before or behind its text; the paper stays in the flow, with its reason."""
    _two_papers()
    take_in()
    read_texts()
    assert set(texts()) == {"2501.00001", "2501.00002"}
    save("s.jsonl", _line("2501.00001", 2, "withdrawn due to a flaw in the data") + "\n" + _line("2501.00002"))
    result = take_in()
    assert result.skipped == [("papers/s.jsonl:1", BY_COMMENTS)]
    assert set(texts()) == {"2501.00002"}
    assert _losses() == {BY_COMMENTS: 1}
    assert set(counts()) == {"2501.00002"}
    with Store(DATA) as store:
        flow = flow_of(store, {})
    assert flow.ineligible == {BY_COMMENTS: 1}
    assert flow.assessed == sum(flow.ineligible.values()) + flow.included == 2


def test_it_is_not_read_where_it_is_withdrawn_already() -> None:
    save("s.jsonl", _line("2501.00001", 1, "This paper has been withdrawn"))
    take_in()
    _two_papers()
    take_in()
    assert read_texts().extracted == 1
    assert set(texts()) == {"2501.00002"}
    assert _losses() == {BY_COMMENTS: 1}


def test_a_newer_version_brings_a_paper_back() -> None:
    save("a.md", markdown_paper("2501.00001v1", "GSM8K " * 6 + FILLER))
    save("s.jsonl", _line("2501.00001", 2, "Withdrawn by the authors"))
    take_in()
    read_texts()
    assert texts() == {}
    save("later.jsonl", _line("2501.00001", 3, "A corrected version"))
    take_in()
    read_texts()
    assert set(texts()) == {"2501.00001"}


@pytest.mark.slow
def test_a_row_of_a_table_and_a_record_say_it_too() -> None:
    _two_papers()
    table = table_of(["2501.00001", "2501.00003"], ["GSM8K " * 9] * 2) | {"comments": ["This article is withdrawn", ""]}
    save_table("t.parquet", table)
    record = {"paper_id": "2501.00002", "metadata": {"comments": "[withdrawn]"}, "body_text": [{"text": "x"}]}
    save("r.json", json.dumps(record))
    take_in()
    read_texts()
    assert set(texts()) == {"2501.00003"}
    assert _losses() == {BY_COMMENTS: 2}


def test_a_notice_as_the_newest_version_withdraws_the_earlier_ones() -> None:
    """Whole text as v1, a notice as v2; where both are v1, one of them is no notice of this version."""
    save("a.pdf", make_pdf([f"GSM8K GSM8K\n{FILLER}"], stamp="arXiv:2501.00001v1 [cs.CL] 3 Jan 2025"))
    save("b.pdf", make_pdf([NOTICE], stamp="arXiv:2501.00001v2 [cs.CL] 9 Feb 2025"))
    save("c.pdf", make_pdf([f"GSM8K GSM8K\n{FILLER}"], stamp="arXiv:2501.00002v1 [cs.CL] 3 Jan 2025"))
    save("d.pdf", make_pdf([NOTICE], stamp="arXiv:2501.00002v1 [cs.CL] 3 Jan 2025"))
    take_in()
    read_texts()
    assert set(texts()) == {"2501.00002"}
    assert _losses() == {IS_NOTICE: 1}


@pytest.mark.slow
def test_a_harvested_snapshot_withdraws_texts_and_abstracts() -> None:
    _two_papers()
    take_in()
    read_texts()
    lines = [_line("2501.00001", 2, "Withdrawn: the proof is wrong"), _line("2501.00002"), _line("2501.00003")]
    Path("s.json").write_text("\n".join(lines))
    with Ledger(DATA) as ledger:
        harvest_snapshot(ledger, Path("s.json"), Window(date(2025, 1, 1), date(2025, 1, 31)))
        assert set(ledger.withdrawn()) == {"2501.00001"}
        path = DATA / "warehouse-abstracts.duckdb"
        assert label_abstracts(ledger, load_lexicon(LexiconName.ALIASES), path, every_listed()).papers == 2
    assert set(counts()) == {"2501.00002"}
    assert _losses()[BY_LISTING] == 1


@pytest.mark.allow_hosts(["127.0.0.1"])
@pytest.mark.parametrize("source", [Source.API, Source.OAI])
def test_a_listing_of_arxiv_says_it_and_takes_it_back(source: Source) -> None:
    papers = make_corpus(3, 7, date(2024, 3, 1), date(2024, 3, 9))
    gone = replace(papers[0], versions=2, state="withdrawn", comment="withdrawn by the authors")
    window, start = Window(date(2024, 2, 1), date(2024, 4, 1)), "" if source is Source.OAI else "0"
    clock = VirtualClock()
    for first in (gone, replace(papers[0], versions=3, comment="corrected")):
        with FakeArxiv([first, *papers[1:]], clock=clock) as arxiv, Ledger(DATA) as ledger:
            plan(ledger, source, window)
            for span in ledger.slices():
                ledger.add_slices(source, span.query, [(span.since, span.until)], start)
            settings = ArxivSettings(arxiv.api_url, arxiv.oai_url, arxiv.content_url, "tests@example.org", 3.0)
            harvest(ledger, source, window, settings, Path("state"), clock=clock)
            assert set(ledger.withdrawn()) == ({gone.id} if first is gone else set())


@pytest.mark.parametrize(
    ("comments", "withdrawn"),
    [
        ("This paper has been withdrawn by the author due to a crucial sign error in equation 1", True),
        ("Withdrawn", True),
        ("8 pages, withdrawn for further work", True),
        ("Paper withdrawn from arXiv at the request of the authors", True),
        ("Withdrawn from ICLR 2025 after review", False),
        ("This version replaces the withdrawn arXiv:2401.00001", False),
        ("12 pages, 3 figures", False),
    ],
)
def test_comments_say_whether_the_paper_itself_is_withdrawn(comments: str, withdrawn: bool) -> None:
    assert is_withdrawn(comments) is withdrawn
