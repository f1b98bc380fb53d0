"""The whole crawl at its real size: `make crawl`. 200,000 simulated papers, 20 fault scripts, tables against the truth.

For each script a server misbehaves by it while the papers are listed, once from the query API and once from OAI-PMH,
and while every hundredth is downloaded; the content of the others comes from arXiv's bulk archives, as it would in a
crawl of this size, and is ingested and extracted once. Then everything is labelled, and every cell of every table
compared. Takes about an hour and a half; a run that was stopped goes on where it was. Prints a Markdown table.
"""

import argparse
import hashlib
import io
import itertools
import json
import os
import resource
import shutil
import tarfile
from collections import Counter
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from xml.sax.saxutils import escape

from posttrain.settings import ArxivSettings, warehouse_path
from survey.arxiv.ledger import Ledger
from survey.download import Surface, download, wanted
from survey.extract import extract
from survey.harvest import Source, Window, harvest, plan
from survey.ingest import ingest
from survey.label import label
from survey.mentions.lexicon import load_lexicon
from survey.store.papers import Store
from survey.warehouse.database import Warehouse
from tests.fake_arxiv.asking import VirtualClock
from tests.fake_arxiv.papers import FakePaper, make_corpus
from tests.fake_arxiv.scripts import SCRIPTS
from tests.fake_arxiv.server import FakeArxiv
from tests.simulated import Field, tables_of, true_tables, wrongly_listed

WINDOW = Window(date(2023, 1, 1), date(2025, 6, 30))
FIELD = Field(seed=2603)
DELAY = 3.0
HEADER = (
    "| script | kinds of fault | times | requests | closest | at once | wrongly listed (API, OAI) | downloaded "
    "| cells of the tables | differ |\n|---|---|---:|---:|---:|---:|---:|---:|---:|---:|"
)


def main() -> None:
    """Run what has no result yet, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.crawl_at_scale")
    parser.add_argument("--papers", type=int, default=200_000)
    parser.add_argument("--folder", type=Path, default=Path("data/crawl-at-scale"))
    parser.add_argument("--script", choices=SCRIPTS, action="append")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    papers = make_corpus(asked.papers, FIELD.seed, WINDOW.since, WINDOW.until)
    prepare_texts(asked.folder, papers)
    rows = []
    for name in asked.script or SCRIPTS:
        told = asked.folder / f"{name}.json"
        if not told.exists():
            told.write_text(json.dumps(crawl(name, asked.folder, papers)))
        rows.append(json.loads(told.read_text()))
        if len(rows) == 1:
            print(f"{asked.papers:,} papers.\n\n{HEADER}")
        print("| " + " | ".join(rows[-1]) + " |", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(f"\nPeak memory of the process, the server with all its papers in it: {peak:,} MB.")


def prepare_texts(folder: Path, papers: list[FakePaper]) -> None:
    """Bulk archives of all papers but every hundredth, through `survey ingest` and `survey extract`."""
    if (folder / "texts-are-there").exists():
        return
    shutil.rmtree(folder / "base", ignore_errors=True)
    pack(folder / "src", (paper for number, paper in enumerate(papers) if number % 100))
    with Store(folder / "base") as store:
        taken = ingest([folder / "src"], store)
        assert not [skip for skip in taken.skipped if not skip[0].endswith(".xml")], taken.skipped[:3]
        extracted = extract(store, os.cpu_count() or 1)
        assert not extracted.failed, extracted.failed[:3]
    (folder / "texts-are-there").touch()


def pack(folder: Path, papers: Iterable[FakePaper]) -> None:
    """Write the sources as arXiv packs them: a tar a month, and a manifest."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    months: dict[str, list[str]] = {}
    for paper in papers:
        months.setdefault(paper.id[:4], []).append(paper.id)
    files = []
    for month, ids in months.items():
        path = folder / f"arXiv_src_{month}_001.tar"
        with tarfile.open(path, "w") as archive:
            for paper_id in ids:
                data = FIELD.source_of(paper_id)
                member = tarfile.TarInfo(f"{month}/{paper_id}.gz")
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        with path.open("rb") as stream:
            md5 = hashlib.file_digest(stream, "md5").hexdigest()
        files.append(
            f"<file><filename>src/{escape(path.name)}</filename><md5sum>{md5}</md5sum>"
            f"<num_items>{len(ids)}</num_items><size>{path.stat().st_size}</size></file>"
        )
    (folder / "arXiv_src_manifest.xml").write_text(f"<arXivSRC>{''.join(files)}</arXivSRC>")


def crawl(name: str, folder: Path, papers: list[FakePaper]) -> list[str]:
    """Crawl under one script and return its row of the table."""
    root = folder / name
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(folder / "base", root, copy_function=_link_raw)
    clock = VirtualClock()
    with FakeArxiv(papers, clock=clock, script=SCRIPTS[name], pace=0.01, lazy=FIELD.content()) as arxiv:
        settings = ArxivSettings(arxiv.api_url, arxiv.oai_url, arxiv.content_url, "tests@example.org", DELAY)
        with Ledger(root) as ledger, Store(root) as store:
            _list_all(ledger, Source.API, settings, root, clock)
            missing_in_api = wrongly_listed(ledger, arxiv.papers, WINDOW)
            got = download(wanted(ledger, store), list(Surface), ledger, store, settings, root, clock=clock)
            assert not got.failed, got.failed[:3]
            extract(store, 1)
            label(store, load_lexicon())
        with Ledger(root / "oai") as ledger:
            _list_all(ledger, Source.OAI, settings, root, clock)
            missing_in_oai = wrongly_listed(ledger, arxiv.papers, WINDOW)
        journal = list(arxiv.journal)
        truth = true_tables(FIELD, arxiv.papers)
    with Warehouse.open(warehouse_path(root)) as warehouse:
        found = tables_of(warehouse)
    shutil.rmtree(root)
    cells = [(key, cell) for key, table in truth.items() for cell in table | found.get(key, {})]
    differ = sum(truth[key].get(cell) != found.get(key, {}).get(cell) for key, cell in cells)
    faults = Counter(request.fault.split()[0] for request in journal if request.fault)
    times = [request.time for request in journal]
    closest = min(after - before for before, after in itertools.pairwise(times))
    return [
        name, ", ".join(sorted(faults)), f"{faults.total():,}", f"{len(journal):,}", f"{closest:.1f} s",
        str(max(request.connections for request in journal)), f"{len(missing_in_api)}, {len(missing_in_oai)}",
        f"{got.downloaded:,}", f"{len(cells):,}", str(differ),
    ]  # fmt: skip


def _list_all(ledger: Ledger, source: Source, settings: ArxivSettings, state: Path, clock: VirtualClock) -> None:
    plan(ledger, source, WINDOW)
    result = harvest(ledger, source, WINDOW, settings, state, clock=clock)
    assert not result.waiting, result.waiting[:3]


def _link_raw(source: str, target: str) -> None:
    """Raw files never change, so a link will do; the index and the texts are copied."""
    if "/raw/" in source:
        os.link(source, target)
    else:
        shutil.copy2(source, target)


if __name__ == "__main__":
    main()
