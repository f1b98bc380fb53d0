"""The store: raw files once and unchanged, an index that survives two writers, errors that name a way out."""

import hashlib
import io
import multiprocessing
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from posttrain.errors import ExitCode, PosttrainError
from survey.paper import IdSource
from survey.store.papers import Extraction, Outcome, Source, Store, explained
from survey.store.sqlite import read_index
from tests.workers import a_source, add_papers

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """An empty store."""
    with Store(tmp_path / "data") as opened:
        yield opened


def _raw_files(root: Path) -> list[Path]:
    return [path for path in (root / "raw").rglob("*") if path.is_file()]


def test_a_raw_file_lies_under_its_sha256_with_its_very_bytes(store: Store) -> None:
    content = bytes(range(256)) * 9_000  # longer than one chunk of copying
    sha256, new = store.add_raw(io.BytesIO(content))
    assert new
    assert sha256 == hashlib.sha256(content).hexdigest()
    assert store.raw_path(sha256).read_bytes() == content


def test_the_same_content_is_kept_once_and_not_written_again(store: Store) -> None:
    sha256, _ = store.add_raw(io.BytesIO(b"a paper"))
    before = store.raw_path(sha256).stat()
    assert store.add_raw(io.BytesIO(b"a paper")) == (sha256, False)
    after = store.raw_path(sha256).stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert len(_raw_files(store.root)) == 1


def test_a_raw_file_is_forgotten_only_where_no_source_rests_on_it(store: Store) -> None:
    used, _ = store.add_raw(io.BytesIO(b"a paper"))
    unused, _ = store.add_raw(io.BytesIO(b"a shopping list"))
    store.add_sources([a_source(used, "2501.00001")])
    store.forget_raw(used)
    store.forget_raw(unused)
    assert _raw_files(store.root) == [store.raw_path(used)]


def test_sources_come_back_as_they_were_given(store: Store) -> None:
    full = Source("ab", 3, "row", "2501.00001", 2, IdSource.RECORD, "Über RL — 数", date(2025, 1, 2), True, "ü.parquet")
    store.add_sources([full, a_source("cd", "2501.00002")])
    first, second = store.sources()
    assert first == Source(*(list(vars(full).values())[:-1]), id=first.id)
    assert (second.version, second.published, second.is_stated) == (None, None, False)
    assert [source.paper for source in store.sources("2501.00002")] == ["2501.00002"]


def test_a_source_that_is_there_already_stays_as_it_is(store: Store) -> None:
    assert store.add_sources([a_source("ab", "2501.00001", 0), a_source("ab", "2501.00002", 1)]) == 2
    again = replace(a_source("ab", "2501.00001", 0), title="another title")
    assert store.add_sources([again, a_source("ab", "2501.00003", 2)]) == 1
    assert [source.paper for source in store.sources()] == ["2501.00001", "2501.00002", "2501.00003"]
    assert "another title" not in {source.title for source in store.sources()}


def test_two_papers_may_have_the_same_content(store: Store) -> None:
    """A notice of withdrawal, say, that arXiv serves for several."""
    assert store.add_sources([a_source("ab", "2501.00001"), a_source("ab", "2501.00002")]) == 2


def test_a_batch_that_breaks_off_leaves_nothing(store: Store) -> None:
    """A batch is one transaction: half a table is never in the index."""

    def batch() -> Iterator[Source]:
        yield a_source("ab", "2501.00001", 0)
        raise ValueError("the second row is torn")

    with pytest.raises(ValueError, match="torn"):
        store.add_sources(batch())
    assert list(store.sources()) == []


def test_a_skip_is_kept_with_its_latest_reason_until_it_is_taken_back(store: Store) -> None:
    store.record(Outcome("a.pdf", skipped="torn"))
    store.record(Outcome("a.pdf", skipped="wet"))
    store.record(Outcome("b.pdf", skipped="torn"))
    assert store.skipped() == [("a.pdf", "wet"), ("b.pdf", "torn")]
    store.record(Outcome("a.pdf"))
    assert store.skipped() == [("b.pdf", "torn")]


def test_an_outcome_is_recorded_as_a_whole_or_not_at_all(store: Store) -> None:
    """Sources and skips of one file in one transaction; the outcome takes the place of the file's earlier skips."""
    bad_rows = [("t.parquet:1", "no id"), ("t.parquet:2", "no id")]
    sources = [a_source("ab", "2501.00001", 0), a_source("ab", "2501.00002", 3)]
    assert store.record(Outcome("t.parquet", sources, bad_rows)) == 2
    assert store.record(Outcome("t.parquet", known=2)) == 0
    assert store.skipped() == bad_rows
    store._db.execute("CREATE TEMP TRIGGER broken BEFORE INSERT ON skipped BEGIN SELECT RAISE(ABORT, 'broken'); END")
    with pytest.raises(PosttrainError, match="broken"):
        store.record(Outcome("t.parquet", [a_source("cd", "2501.00003")], [("t.parquet:5", "no id")]))
    assert (store.holds("cd"), store.skipped()) == (0, bad_rows)
    store._db.execute("DROP TRIGGER broken")
    assert store.record(Outcome("t.parquet", [a_source("cd", "2501.00003")], [("t.parquet:5", "no id")])) == 1
    assert store.skipped() == [("t.parquet:5", "no id")]


def test_skips_of_files_that_are_gone_are_forgotten(store: Store) -> None:
    """Under the given paths alone: a file elsewhere is not looked at now, and a row goes with its file."""
    for name in ("papers/a.pdf", "papers/t.parquet:1", "papers/b.pdf", "other/a.pdf", "papers2/a.pdf", "papers/c:d"):
        store.record(Outcome(name, skipped="torn"))
    store.forget_skips(["papers"], {"papers/b.pdf", "papers/c:d"})
    assert [path for path, _ in store.skipped()] == ["other/a.pdf", "papers/b.pdf", "papers/c:d", "papers2/a.pdf"]


def test_extractions_are_those_of_one_version_of_the_extractor(store: Store) -> None:
    """A newer extractor sees nothing done, so that every text is made anew."""
    store.add_sources([a_source("ab", "2501.00001")])
    extraction = Extraction(1, "pdf", None, "part-1.parquet", 7)
    store.add_extractions([extraction], extractor=1)
    assert store.extractions(1) == {1: extraction}
    assert store.extractions(2) == {}


def test_what_one_process_wrote_another_finds(store: Store) -> None:
    store.add_sources([a_source("ab", "2501.00001")])
    with Store(store.root) as other:
        assert other.holds("ab") == 1
    assert Store.exists(store.root)
    assert not Store.exists(store.root.parent)


@pytest.mark.slow
def test_processes_that_write_at_once_lose_nothing(tmp_path: Path) -> None:
    """Four at once: two with the same papers, and all of them making the store."""
    root = tmp_path / "data"
    context = multiprocessing.get_context("forkserver")
    writers = [context.Process(target=add_papers, args=(str(root), first, 25)) for first in (0, 0, 25, 50)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(600)
    assert [writer.exitcode for writer in writers] == [0, 0, 0, 0]
    with Store(root) as store:
        assert sorted(source.paper for source in store.sources()) == [f"2501.{n:05d}" for n in range(75)]
        assert len(store.skipped()) == 75
    assert {hashlib.sha256(path.read_bytes()).hexdigest() == path.name for path in _raw_files(root)} == {True}
    assert len(_raw_files(root)) == 75


def test_processes_that_open_a_new_store_at_once_all_get_it(tmp_path: Path) -> None:
    """SQLite answers "locked" at once, without waiting, while another turns the index to its write-ahead log."""
    code = (
        "import sys, time; from pathlib import Path; from survey.store.papers import Outcome, Store\n"
        "time.sleep(max(0, float(sys.argv[2]) - time.time()))\n"
        "for number in range(40): Store(Path(sys.argv[1], str(number))).record(Outcome(sys.argv[3], skipped='seen'))"
    )
    start = str(time.time() + 0.7)
    openers = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "data"), start, name], cwd=ROOT) for name in "abcd"
    ]
    assert [opener.wait(600) for opener in openers] == [0, 0, 0, 0]
    for number in range(40):
        with Store(tmp_path / "data" / str(number)) as store:
            assert [path for path, _ in store.skipped()] == list("abcd")


def test_a_writer_that_is_killed_leaves_a_store_that_works(tmp_path: Path) -> None:
    """kill -9 in the middle of writing: everything that was acknowledged is there, and writing goes on."""
    code = (
        "import sys; from pathlib import Path; from survey.store.papers import Outcome, Store\n"
        "store = Store(Path(sys.argv[1]))\n"
        "for number in range(10**9): store.record(Outcome(f'{number:09d}', skipped='seen')); print(number, flush=True)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "data")]
    writer = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert writer.stdout
    acknowledged = [int(writer.stdout.readline()) for _ in range(300)][-1]
    writer.kill()
    writer.communicate()
    with Store(tmp_path / "data") as store:
        assert len(store.skipped()) > acknowledged
        store.record(Outcome("after", skipped="the crash"))
        assert ("after", "the crash") in store.skipped()


@pytest.mark.parametrize("damage", ["replaced", "torn", "scribbled"])
def test_a_damaged_index_names_itself_and_a_way_out(tmp_path: Path, damage: str) -> None:
    with Store(tmp_path) as store:
        store.add_sources(a_source(f"{number:064x}", f"2501.{number:05d}") for number in range(500))
    index = tmp_path / "store.sqlite"
    content = index.read_bytes()
    half = len(content) // 2
    noise = b"\xa5" * (half - 4096)
    index.write_bytes(
        {
            "replaced": b"not a database" * 999,
            "torn": content[:half],
            "scribbled": content[:4096] + noise + content[half:],
        }[damage]
    )
    with pytest.raises(PosttrainError, match=r"store\.sqlite cannot be used") as caught, Store(tmp_path) as store:
        list(store.sources())
    assert "move that file away" in caught.value.hint


def test_a_busy_index_is_not_called_damaged(tmp_path: Path) -> None:
    """The advice to move the index away would be bad while another command writes to it."""
    with Store(tmp_path):
        pass
    holder = sqlite3.connect(tmp_path / "store.sqlite")
    holder.execute("BEGIN EXCLUSIVE")
    impatient = sqlite3.connect(tmp_path / "store.sqlite", timeout=0.05)
    with pytest.raises(PosttrainError, match="another command") as caught, explained(tmp_path):
        impatient.execute("BEGIN EXCLUSIVE")
    assert caught.value.exit_code is ExitCode.PARTIAL
    assert "move" not in caught.value.hint
    holder.close()


def test_a_store_in_the_place_of_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a letter")
    for root in (tmp_path / "taken", tmp_path / "taken" / "data"):
        with pytest.raises(PosttrainError, match="cannot write to") as caught:
            Store(root)
        assert "--data" in caught.value.hint
        assert caught.value.exit_code is ExitCode.USAGE
    assert (tmp_path / "taken").read_text() == "a letter"


def test_a_folder_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        if os.access(tmp_path, os.W_OK):
            pytest.skip("this user (root) may write everywhere")
        with pytest.raises(PosttrainError, match=r"cannot write to .*Permission denied"):
            Store(tmp_path / "data")
    finally:
        tmp_path.chmod(0o700)


def _limit_files() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))


@pytest.mark.parametrize(
    "write",
    [
        "store.add_raw(io.BytesIO(bytes(1_000_000)))",
        "[store.record(Outcome(str(number), skipped='x' * 5000)) for number in range(500)]",
        "store.add_sources(a_source(f'{number:064x}', '2501.00001') for number in range(50_000))",
    ],
)
def test_a_full_disk_ends_with_exit_code_4_and_loses_nothing(tmp_path: Path, write: str) -> None:
    """No file can grow past a limit in this process: each way of writing names the disk, what was there stays."""
    with Store(tmp_path) as store:
        store.add_sources([a_source("ab", "2501.00001")])
    code = (
        "import io, sys; from pathlib import Path; from posttrain.errors import PosttrainError\n"
        "from survey.store.papers import Outcome, Store; from tests.workers import a_source\n"
        f"with Store(Path(sys.argv[1])) as store:\n    try: {write}\n"
        "    except PosttrainError as error: print(error.message); sys.exit(error.exit_code)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, preexec_fn=_limit_files, check=False)
    assert done.returncode == ExitCode.PARTIAL, done.stderr
    assert f"the disk of {tmp_path} is full" in done.stdout
    with Store(tmp_path) as store:
        assert store.holds("ab") == 1
        assert _raw_files(tmp_path) == []
        store.record(Outcome("later", skipped="there is room again"))


def test_a_read_only_index_says_so(tmp_path: Path) -> None:
    with pytest.raises(PosttrainError, match="cannot write to") as caught, explained(tmp_path):
        raise sqlite3.OperationalError("attempt to write a readonly database")
    assert "--data" in caught.value.hint


def test_sweeping_removes_what_is_old_and_belongs_to_nothing(store: Store) -> None:
    """A half-written file and a shard that nothing names go after a day; fresh ones and named ones stay."""
    store.add_extractions([Extraction(1, "latex", None, "part-named.parquet", 0)], 1)
    names = ["raw/tmpabc", "text/.part-x", "text/part-orphan.parquet", "text/part-named.parquet", "raw/tmpfresh"]
    for name in names:
        (store.root / name).write_bytes(b"x")
        if "fresh" not in name:
            os.utime(store.root / name, (0, 0))
    store.sweep()
    left = {name for name in names if (store.root / name).exists()}
    assert left == {"text/part-named.parquet", "raw/tmpfresh"}


def test_a_store_that_cannot_be_written_is_read_as_it_is(tmp_path: Path) -> None:
    """By whoever may read it alone; what writes to it is refused. Root gives up its right to write everywhere."""
    root = tmp_path / "data"
    with Store(root) as store:
        store.record(Outcome("a.md", skipped="is no paper"))
    alone = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.geteuid() == 0 else []
    if alone and shutil.which(alone[0]) is None:
        pytest.skip("root may write everywhere, and there is no setpriv")
    code = (
        "import sys; from pathlib import Path; from posttrain.errors import UnwritableError\n"
        "from survey.store.papers import Outcome, Store\n"
        "store = Store(Path(sys.argv[1])); print(store.skipped())\n"
        "try: store.record(Outcome('b.md', skipped='is no paper'))\n"
        "except UnwritableError as error: print(error.message)\n"
    )
    folders = [root, *(path for path in root.rglob("*") if path.is_dir())]
    for path in (root / "store.sqlite", *folders):
        path.chmod(0o500 if path.is_dir() else 0o400)
    try:
        command = [*alone, sys.executable, "-c", code, str(root)]
        read = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[3])
    finally:
        for path in folders:
            path.chmod(0o700)
    assert read.returncode == 0, read.stderr
    skips, refused = read.stdout.splitlines()
    assert skips == "[('a.md', 'is no paper')]" and refused.startswith("cannot write to")


def test_an_index_whose_shared_memory_is_lost_is_read_with_its_log(tmp_path: Path) -> None:
    """As in a copy of a folder in use, on a disk that cannot be written."""
    with Store(tmp_path / "live") as store:
        store.add_sources([a_source("ab", "2501.00001")])
        for name in ("store.sqlite", "store.sqlite-wal"):
            shutil.copy(tmp_path / "live" / name, tmp_path)
    with closing(read_index(tmp_path / "store.sqlite", "")) as db:
        assert db.execute("SELECT paper FROM source").fetchall() == [("2501.00001",)]
    assert not (tmp_path / "store.sqlite-shm").exists()


def test_tables_that_an_earlier_version_lacks_are_empty(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "old.sqlite")) as db:
        db.execute("CREATE TABLE paper (id TEXT)")
    tables = "CREATE TABLE IF NOT EXISTS paper (id TEXT); CREATE TABLE IF NOT EXISTS note (id TEXT);"
    with closing(read_index(tmp_path / "old.sqlite", tables)) as db:
        assert db.execute("SELECT count(*) FROM note").fetchone() == (0,)
