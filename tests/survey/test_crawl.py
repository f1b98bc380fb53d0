"""From a server that misbehaves to the table: a simulated field whose true tables are known, harvested, downloaded,
extracted and labelled; the tables equal the truth exactly. `make crawl` does the same with 200,000 papers."""

from datetime import date
from pathlib import Path

import pytest

from posttrain.settings import ArxivSettings, warehouse_path
from survey.arxiv.ledger import Ledger
from survey.download import Surface, download, wanted
from survey.extract import extract
from survey.harvest import Source, Window, harvest, plan
from survey.label import label
from survey.mentions.lexicon import load_lexicon
from survey.store.papers import Store
from survey.warehouse.database import Warehouse
from tests.fake_arxiv.asking import VirtualClock
from tests.fake_arxiv.papers import make_corpus
from tests.fake_arxiv.scripts import SCRIPTS
from tests.fake_arxiv.server import FakeArxiv
from tests.simulated import Field, tables_of, true_tables, wrongly_listed

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
WINDOW = Window(date(2023, 1, 1), date(2025, 6, 30))


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_the_tables_equal_the_truth_under_every_fault_script(name: str) -> None:
    """Counts by year and domain at thresholds 1 to 10, both rules; no paper missing, none twice."""
    field = Field(seed=len(name), pdf_share=0.3)
    papers = make_corpus(40, len(name), WINDOW.since, WINDOW.until)
    root, state = Path("data"), Path("state")
    with FakeArxiv(papers, clock=VirtualClock(), script=SCRIPTS[name], pace=0.02, lazy=field.content()) as arxiv:
        settings = ArxivSettings(arxiv.api_url, arxiv.oai_url, arxiv.content_url, "tests@example.org", 3.0)
        with Ledger(root) as ledger, Store(root) as store:
            plan(ledger, Source.API, WINDOW)
            assert harvest(ledger, Source.API, WINDOW, settings, state, clock=arxiv.clock).waiting == []
            assert wrongly_listed(ledger, arxiv.papers, WINDOW) == set()
            got = download(wanted(ledger, store), list(Surface), ledger, store, settings, state, clock=arxiv.clock)
            assert (got.downloaded, got.failed, got.absent) == (len(arxiv.papers), [], [])
            extract(store, 1)
            label(store, load_lexicon())
    with Warehouse.open(warehouse_path(root)) as warehouse:
        assert tables_of(warehouse) == true_tables(field, arxiv.papers)
