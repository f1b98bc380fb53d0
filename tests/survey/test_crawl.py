"""From a server that misbehaves to the table: a simulated corpus whose true table is known, harvested, downloaded,
extracted and labelled; the table equals the truth exactly."""

import gzip
import random
from collections import Counter
from datetime import date
from pathlib import Path

import pytest

from survey.benchmarks import load_lexicon
from survey.domain import Rule, assign_domains
from survey.download import Surface, download, wanted
from survey.extract import extract
from survey.harvest import Source, Window, harvest, plan
from survey.label import label, warehouse_path
from survey.ledger import Ledger
from survey.settings import ArxivSettings
from survey.store import Store
from survey.trends import domain_trends
from survey.warehouse import Warehouse
from tests.builders import FILLER, latex, make_pdf
from tests.fake_arxiv.asking import VirtualClock
from tests.fake_arxiv.papers import FakePaper, make_corpus
from tests.fake_arxiv.scripts import SCRIPTS
from tests.fake_arxiv.server import FakeArxiv

pytestmark = pytest.mark.allow_hosts(["127.0.0.1"])
WINDOW = Window(date(2023, 1, 1), date(2025, 6, 30))
THRESHOLDS = range(1, 11)


def _drawn(seed: int, papers: int) -> tuple[list[FakePaper], dict[str, Counter[str]]]:
    """Papers whose texts name benchmarks by number drawn, and these numbers: the truth."""
    rng = random.Random(seed)
    names = {b.key: b.name for b in load_lexicon().benchmarks}
    corpus, truth = [], {}
    for paper in make_corpus(papers, seed, WINDOW.since, WINDOW.until):
        counts = Counter({key: rng.choice([1, 3, 4, 5, 6, 9]) for key in rng.sample(sorted(names), rng.randint(0, 3))})
        words = [names[key] for key in counts.elements()] + ["claimed", "birds", "VisualWebArena"]
        rng.shuffle(words)
        text = f"{' '.join(words)}. {FILLER}"
        form = {"source": gzip.compress(latex(text).encode())} if rng.random() < 0.7 else {"pdf": make_pdf([text])}
        plain = {"source": None, "pdf": None, "html": None, "state": "open"}
        corpus.append(FakePaper(**{**paper.__dict__, **plain, **form}))
        truth[paper.id] = counts
    return corpus, truth


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_the_tables_equal_the_truth_under_every_fault_script(name: str) -> None:
    """Counts by year and domain at thresholds 1 to 10, both rules; no paper missing, none twice."""
    papers, truth = _drawn(seed=len(name), papers=40)
    root = Path("data")
    with FakeArxiv(papers, clock=VirtualClock(), script=SCRIPTS[name], pace=0.02) as arxiv:  # type: ignore[arg-type]
        settings = ArxivSettings(arxiv.api_url, arxiv.oai_url, arxiv.content_url, "tests@example.org", 3.0)
        with Ledger(root) as ledger, Store(root) as store:
            plan(ledger, Source.API, WINDOW)
            assert harvest(ledger, Source.API, WINDOW, settings, Path("s"), clock=arxiv.clock).waiting == []
            late = [paper for paper in wanted(ledger, store) if paper.arxiv_id in truth]
            got = download(late, list(Surface), ledger, store, settings, Path("s"), clock=arxiv.clock)
            assert (got.downloaded, got.failed, got.absent) == (len(papers), [], [])
            extract(store, 1)
            label(store, load_lexicon())
    with Warehouse.open(warehouse_path(root)) as warehouse:
        for rule in Rule:
            for table in domain_trends(warehouse, THRESHOLDS, rule=rule):
                assert {(row.period, row.label): (row.k, row.n) for row in table.rows if row.n} == _true_table(
                    papers, truth, table.threshold, rule
                )


def _true_table(
    papers: list[FakePaper], truth: dict[str, Counter[str]], threshold: int, rule: Rule
) -> dict[tuple[str, str], tuple[int, int]]:
    domains = load_lexicon().domains
    years = Counter(str(paper.published.year) for paper in papers)
    k: Counter[tuple[str, str]] = Counter()
    for paper in papers:
        for domain in assign_domains(truth[paper.id], domains, threshold, rule):
            k[str(paper.published.year), domain] += 1
    return {
        (year, label): (k[year, label], n) for year, n in years.items() for label in ("qa", "math", "agentic", "code")
    }
