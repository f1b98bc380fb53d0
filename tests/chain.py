"""The steps of the survey on small papers, as tests call them: in this process, or as a user does."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import parquet

from posttrain.settings import warehouse_path
from survey.extract import Extracted, extract
from survey.ingest import Ingested, ingest
from survey.label import label
from survey.mentions.lexicon import LexiconName, load_lexicon
from survey.store.chosen import chosen_texts
from survey.store.papers import Source, Store
from survey.store.texts import read_shard
from survey.warehouse.database import Warehouse

ROOT = Path(__file__).resolve().parent.parent
DATA = Path("data")  # of the test's own folder


def save(name: str, content: bytes | str, folder: str = "papers") -> Path:
    """Write a file in a folder of the test's own and return its path."""
    path = Path(folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def save_table(name: str, columns: Mapping[str, Any]) -> Path:
    """Write a Parquet file."""
    path = save(name, b"")
    parquet.write_table(pyarrow.table(dict(columns)), path)
    return path


def table_of(ids: list[str], texts: list[str]) -> dict[str, list[str]]:
    """The columns of a table of papers as the public interface names them."""
    return {
        "arxiv_id": ids,
        "published": ["2025-01-31"] * len(ids),
        "title": [f"Row {number}" for number in range(len(ids))],
        "abstract": [""] * len(ids),
        "text": texts,
    }


def take_in(*paths: Path | str) -> Ingested:
    """`survey ingest`, of the folder `papers` where no path is given."""
    with Store(DATA) as store:
        return ingest([Path(path) for path in paths or ("papers",)], store)


def read_texts() -> Extracted:
    """`survey extract`."""
    with Store(DATA) as store:
        return extract(store, workers=2)


def count(lexicon: LexiconName = LexiconName.ALIASES) -> Warehouse:
    """`survey label`; return the warehouse, open."""
    with Store(DATA) as store:
        label(store, load_lexicon(lexicon))
    return Warehouse.open(warehouse_path(DATA))


def texts() -> dict[str, tuple[str, str]]:
    """The surface and the text of every paper that has one."""
    with Store(DATA) as store:
        return {
            copies[0].paper: (str(extraction.surface), str(stored.text, "utf-8"))
            for copies, extraction in chosen_texts(store)
            for stored in read_shard(store.text_path(str(extraction.shard)), frozenset([int(extraction.row or 0)]))
        }


def counts(lexicon: LexiconName = LexiconName.ALIASES) -> dict[str, dict[str, int]]:
    """Label, and return how often each paper names each benchmark."""
    found: dict[str, dict[str, int]] = {}
    with count(lexicon) as warehouse:
        warehouse.export(Path("counts.parquet"))
    for row in parquet.read_table("counts.parquet").to_pylist():
        paper = found.setdefault(row["arxiv_id"], {})
        if row["benchmark"]:
            paper[row["benchmark"]] = paper.get(row["benchmark"], 0) + row["n"]
    return found


def sources() -> list[Source]:
    """All copies in the store."""
    with Store(DATA) as store:
        return list(store.sources())


def only_source() -> Source:
    """The one copy in the store."""
    [source] = sources()
    return source


def index_content() -> dict[str, list[tuple[object, ...]]]:
    """Everything that the index says."""
    with sqlite3.connect(DATA / "store.sqlite") as db:
        tables = ("source", "extraction", "skipped")
        return {table: db.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall() for table in tables}


def command_line(*arguments: str | Path | bytes) -> subprocess.CompletedProcess[str]:
    """Run `survey …` in a process of its own, from the test's folder."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-m", "survey.cli", *arguments], env=environment, capture_output=True, text=True, timeout=600,
        check=False,
    )  # fmt: skip


def answer(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """The `data` of a command that ran with --json."""
    return dict(json.loads(done.stdout)["data"])
