"""Extract: one text per paper from the best copy that can be read, whatever happens on the way."""

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from posttrain.errors import ExitCode
from survey.extract import extract
from survey.store.chosen import METADATA_ONLY, reasons_without_text
from survey.store.papers import Store
from tests.builders import FILLER, latex, make_pdf, make_tar, markdown_paper
from tests.chain import (
    DATA,
    ROOT,
    answer,
    command_line,
    counts,
    index_content,
    read_texts,
    save,
    save_table,
    sources,
    table_of,
    take_in,
    texts,
)

STAMP = "arXiv:2501.00001v1 [cs.CL] 9 Jan 2025"
LOOP = make_tar({"main.tex": latex(r"In 2025. \input{a}"), "a.tex": r"\input{b}", "b.tex": r"\input{a}"})


def _pdf(text: str, version: int = 1) -> bytes:
    return make_pdf([f"{text}\n{FILLER}"], stamp=STAMP.replace("v1", f"v{version}"))


@pytest.mark.parametrize("source_first", [True, False])
def test_latex_is_read_before_pdf_before_markdown(source_first: bool) -> None:
    """Whatever came first."""
    copies = [
        save("2501.00001.tar.gz", make_tar({"main.tex": latex("From the source of 2025.")})),
        save("a.pdf", _pdf("From the PDF.")),
        save("a.md", markdown_paper("2501.00001", "From markdown.")),
    ]
    take_in(*(copies if source_first else copies[::-1]))
    result = read_texts()
    assert (result.extracted, result.unchanged, result.failed) == (1, 0, [])
    surface, text = texts()["2501.00001"]
    assert surface == "latex"
    assert "From the source" in text
    assert len(index_content()["extraction"]) == 1


def test_the_latest_version_is_read() -> None:
    for version in (2, 10, 1):
        save(f"{version}.pdf", _pdf(f"This is version {version}.", version))
    take_in()
    read_texts()
    assert "This is version 10." in texts()["2501.00001"][1]


def test_the_next_copy_is_read_where_the_best_cannot_be() -> None:
    save("2501.00001.tar.gz", LOOP)
    save("a.pdf", _pdf("From the PDF."))
    take_in()
    result = read_texts()
    assert (result.extracted, result.failed) == (1, [])
    assert texts()["2501.00001"][0] == "pdf"
    with Store(DATA) as store:
        assert reasons_without_text(store) == Counter()


def test_a_paper_none_of_whose_copies_can_be_read_has_one_reason() -> None:
    save("2501.00001.tar.gz", LOOP)
    save("a.pdf", make_pdf(["Too short."], stamp=STAMP))
    take_in()
    result = read_texts()
    assert result.extracted == 0
    assert [paper for paper, _ in result.failed] == ["2501.00001"]
    with Store(DATA) as store:
        [reason] = reasons_without_text(store)
        assert reasons_without_text(store)[reason] == 1


def test_a_failure_is_recorded_and_not_tried_again() -> None:
    """With the file gone, another try would give another reason."""
    save("2501.00001.tar.gz", LOOP)
    take_in()
    first = read_texts()
    with Store(DATA) as store:
        store.raw_path(sources()[0].sha256).unlink()
    second = read_texts()
    [(paper, reason)] = first.failed
    assert paper == "2501.00001"
    assert reason.startswith("\\input runs in a circle")
    assert second.failed == first.failed


@pytest.mark.slow
def test_extracting_again_changes_nothing() -> None:
    save("2501.00001.tar.gz", LOOP)
    save("a.pdf", _pdf("From the PDF."))
    save("b.md", markdown_paper("2501.00002", "We use GSM8K."))
    save_table("c.parquet", table_of(["2501.00003", "2501.00004"], ["We use GSM8K.", ""]))
    take_in()
    first = read_texts()
    content, shards = index_content(), sorted((DATA / "text").iterdir())
    second = read_texts()
    assert (first.extracted, first.unchanged) == (3, 0)
    assert (second.extracted, second.unchanged, second.failed) == (0, 3, first.failed)
    assert (index_content(), sorted((DATA / "text").iterdir())) == (content, shards)


def test_a_better_copy_that_comes_later_replaces_the_text() -> None:
    take_in(save("a.pdf", _pdf("We use HumanEval and HumanEval.")))
    read_texts()
    assert counts() == {"2501.00001": {"humaneval": 2}}
    take_in(save("2501.00001.tar.gz", make_tar({"main.tex": latex("We use GSM8K in 2025.")})))
    assert read_texts().extracted == 1
    assert counts() == {"2501.00001": {"gsm8k": 1}}


def test_a_worse_copy_that_comes_later_is_not_even_read() -> None:
    take_in(save("a.pdf", _pdf("We use GSM8K.")))
    read_texts()
    take_in(save("a.md", markdown_paper("2501.00001", "We use HumanEval.")))
    result = read_texts()
    assert (result.extracted, result.unchanged) == (0, 1)
    assert len(index_content()["extraction"]) == 1


def test_a_later_copy_saves_a_paper_that_had_no_text() -> None:
    take_in(save("2501.00001.tar.gz", LOOP))
    assert read_texts().extracted == 0
    take_in(save("a.md", markdown_paper("2501.00001", "We use GSM8K.")))
    result = read_texts()
    assert (result.extracted, result.failed) == (1, [])


def test_a_row_without_text_fails_alone() -> None:
    save_table("t.parquet", table_of([f"2501.{n:05d}" for n in range(4)], ["one", "", "  \n", "four"]))
    take_in()
    result = read_texts()
    assert result.failed == [("2501.00001", "a row with an empty text"), ("2501.00002", "a row with an empty text")]
    assert {paper: text for paper, (_, text) in texts().items()} == {"2501.00000": "one", "2501.00003": "four"}


def test_each_row_has_its_own_text() -> None:
    """Across row groups, across the batches in which rows are read, and around bad rows."""
    ids = [f"2501.{n:05d}" if n % 7 else "no id" for n in range(170)]
    path = save("t.parquet", b"")
    table = pyarrow.table(table_of(ids, [f"This is the text number {n}." for n in range(170)]))
    parquet.write_table(table, path, row_group_size=30)
    take_in()
    assert read_texts().extracted == 145
    assert {paper: text for paper, (_, text) in texts().items()} == {
        f"2501.{n:05d}": f"This is the text number {n}." for n in range(170) if n % 7
    }


def test_a_torn_page_of_a_table_costs_its_own_rows_alone() -> None:
    """The job of all rows fails and is split."""
    path = save("t.parquet", b"")
    table = pyarrow.table(table_of([f"2501.{n:05d}" for n in range(6)], [f"text {n}" for n in range(6)]))
    parquet.write_table(table, path, row_group_size=2, compression="none", use_dictionary=False)
    with parquet.ParquetFile(path) as opened:
        column = opened.metadata.row_group(1).column(4)
        assert column.path_in_schema == "text"
        start, size = column.data_page_offset, column.total_compressed_size
    content = bytearray(path.read_bytes())
    content[start : start + size] = b"\xff" * size
    path.write_bytes(content)
    take_in()
    result = read_texts()
    assert [paper for paper, _ in result.failed] == ["2501.00002", "2501.00003"]
    assert all(reason.startswith("a damaged Parquet file") for _, reason in result.failed)
    assert {text for _, text in texts().values()} == {"text 0", "text 1", "text 4", "text 5"}


def test_a_paper_of_metadata_alone_is_counted_as_without_text() -> None:
    save("s.jsonl", '{"id": "2501.00001", "title": "T"}\n{"id": "2501.00002", "title": "T"}')
    save("a.md", markdown_paper("2501.00002", "We use GSM8K."))
    take_in()
    with Store(DATA) as store:
        assert reasons_without_text(store) == {METADATA_ONLY: 1, "not extracted yet": 1}
    result = read_texts()
    assert (result.extracted, result.failed) == (1, [("2501.00001", METADATA_ONLY)])
    with Store(DATA) as store:
        assert reasons_without_text(store) == {METADATA_ONLY: 1}


def test_progress_ends_with_every_paper() -> None:
    save_table("t.parquet", table_of([f"2501.{n:05d}" for n in range(5)], ["a", "b", "", "d", "e"]))
    take_in()
    seen: list[tuple[int, int]] = []
    with Store(DATA) as store:
        extract(store, 2, lambda done, of: seen.append((done, of)))
    assert seen[-1] == (5, 5)
    assert {of for _, of in seen} == {5}


PAPERS = 60
STUCK = 41  # the paper at which reading waits
PATIENCE = 600  # seconds


@pytest.fixture
def stuck() -> Iterator[Path]:
    """A store of papers, one of which is a pipe that nobody writes to, so that a run stands still in its middle."""
    for number in range(PAPERS):
        save(f"{number}.md", markdown_paper(f"2501.{number:05d}", f"Paper {number} uses GSM8K. {FILLER}"))
    take_in(*(f"papers/{number}.md" for number in range(PAPERS)))
    with Store(DATA) as store:
        raw = store.raw_path(sources()[STUCK].sha256)
    whole = raw.rename(raw.with_name("whole"))
    os.mkfifo(raw)
    yield raw
    if raw.is_fifo():
        raw.unlink()
        whole.rename(raw)


def _listen_to_interrupts() -> None:
    """What a shell starts in the background ignores SIGINT, and so would the run under test."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _start_until_stuck() -> subprocess.Popen[str]:
    """Start `survey extract` with small shards in a process group of its own; return it when it stands still."""
    code = "import sys, survey.extract, survey.cli; survey.extract._SHARD_TEXTS = 5; survey.cli.main()"
    running = subprocess.Popen(
        [sys.executable, "-c", code, "extract", "--workers", "2"], env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE, text=True, start_new_session=True,
        preexec_fn=_listen_to_interrupts,  # noqa: PLW1509  # this test has no other thread
    )  # fmt: skip
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and running.poll() is None:
        with sqlite3.connect(DATA / "store.sqlite") as db:
            if db.execute("SELECT count(*) FROM extraction").fetchone()[0] >= STUCK // 5 * 5:
                return running
        time.sleep(0.02)
    running.kill()
    raise AssertionError("it never came to the middle")


def _mend(raw: Path) -> None:
    """Let go whoever waits for the pipe, and put the paper in its place."""
    release = os.open(raw, os.O_RDWR | os.O_NONBLOCK)
    raw.unlink()
    raw.with_name("whole").rename(raw)
    os.close(release)


def _alive(group: int) -> list[str]:
    """The processes of a group that are more than a zombie waiting for its parent."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            state, _, process_group = path.read_text().rpartition(")")[2].split()[:3]
            if int(process_group) == group and state != "Z":
                found.append(path.parent.name)
    return found


def _wait_until_gone(group: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while _alive(group):
        assert time.monotonic() < deadline, "a process of the ended run is still there"
        time.sleep(0.05)


def _assert_complete(data: dict[str, object], kept: int) -> None:
    assert (data["extracted"], data["unchanged"], data["failed"]) == (PAPERS - kept, kept, [])
    assert {paper: text.strip().split(".")[0] for paper, (_, text) in texts().items()} == {
        f"2501.{number:05d}": f"Paper {number} uses GSM8K" for number in range(PAPERS)
    }
    assert Counter(row[0] for row in index_content()["extraction"]) == Counter(range(1, PAPERS + 1))
    assert counts() == {f"2501.{number:05d}": {"gsm8k": 1} for number in range(PAPERS)}


@pytest.mark.slow
def test_a_killed_run_is_completed_with_nothing_lost_and_nothing_twice(stuck: Path) -> None:
    """kill -9 in the middle: whole shards stay, no process is left behind, and the next run reads the rest."""
    running = _start_until_stuck()
    running.kill()
    running.wait(timeout=PATIENCE)
    _mend(stuck)
    _wait_until_gone(running.pid)
    kept = len(texts())
    assert kept >= STUCK // 5 * 5
    done = command_line("extract", "--json")
    assert done.returncode == ExitCode.OK, done.stderr
    _assert_complete(answer(done), kept)


@pytest.mark.slow
def test_an_interrupted_run_says_so_and_is_completed(stuck: Path) -> None:
    """Ctrl-C reaches the whole group, as on a terminal."""
    running = _start_until_stuck()
    os.killpg(running.pid, signal.SIGINT)
    _, narration = running.communicate(timeout=PATIENCE)
    assert running.returncode == ExitCode.INTERRUPTED
    assert "interrupted; finished work is kept" in narration
    assert "Traceback" not in narration
    _wait_until_gone(running.pid)
    _mend(stuck)
    kept = len(texts())
    assert kept >= STUCK // 5 * 5
    _assert_complete(answer(command_line("extract", "--json")), kept)


@pytest.mark.slow
def test_a_table_of_the_command_names_every_failure() -> None:
    save("2501.00001.tar.gz", LOOP)
    take_in()
    done = command_line("extract", "--json")
    assert done.returncode == ExitCode.PARTIAL
    [failure] = json.loads(done.stdout)["data"]["failed"]
    assert failure["arxiv_id"] == "2501.00001"
    assert "circle" in failure["reason"]
