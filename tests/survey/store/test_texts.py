"""The text cache: what is written comes back to the byte, and half a shard is never seen."""

import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pyarrow import parquet

from survey.fulltext import Section, Text
from survey.store.texts import StoredText, read_shard, write_shard

ROOT = Path(__file__).resolve().parents[3]


def _read(path: Path, rows: frozenset[int] | None = None) -> list[tuple[int, str, tuple[tuple[int, Section], ...]]]:
    return [(stored.row, bytes(stored.text).decode(), stored.spans) for stored in read_shard(path, rows)]


def _texts(count: int) -> list[Text]:
    return [Text("pdf", f"text {number} " + "é数𝐆" * (number % 5), ((0, Section.BODY),)) for number in range(count)]


@pytest.mark.parametrize(
    "text",
    ["plain", "é — 数学 𝐆𝐒𝐌8K 🤖", "", "a\0b\n\n\tc", "x" * 3_000_000],
    ids=["ascii", "non-ascii", "empty", "control", "long"],
)
def test_a_text_comes_back_as_it_was(tmp_path: Path, text: str) -> None:
    name = write_shard(tmp_path, [Text("latex", text, ((0, Section.BODY),))])
    assert _read(tmp_path / name) == [(0, text, ((0, Section.BODY),))]


@pytest.mark.parametrize("starts", [(0, 2, 9), (4, 5, 13), (0, 14), ()])
def test_a_section_begins_at_the_same_character_counted_in_bytes(tmp_path: Path, starts: tuple[int, ...]) -> None:
    """Texts are scanned as bytes; a place must not move for the accents and symbols before it."""
    text = "é — 数学 𝐆𝐒𝐌8K 🤖"
    spans = tuple(zip(starts, Section, strict=False))
    [stored] = read_shard(tmp_path / write_shard(tmp_path, [Text("pdf", text, spans)]))
    assert [section for _, section in stored.spans] == [section for _, section in spans]
    assert [bytes(stored.text)[start:].decode() for start, _ in stored.spans] == [text[start:] for start in starts]


def test_every_section_has_its_own_code(tmp_path: Path) -> None:
    spans = tuple(enumerate(Section))
    assert _read(tmp_path / write_shard(tmp_path, [Text("pdf", "abcdef", spans)])) == [(0, "abcdef", spans)]


def test_a_text_without_spans_comes_back_without_spans(tmp_path: Path) -> None:
    texts = [Text("pdf", "a", ()), Text("pdf", "b", ((0, Section.TABLE),)), Text("pdf", "", ())]
    read = _read(tmp_path / write_shard(tmp_path, texts))
    assert read == [(0, "a", ()), (1, "b", ((0, Section.TABLE),)), (2, "", ())]


def test_a_shard_of_no_text_gives_none(tmp_path: Path) -> None:
    assert _read(tmp_path / write_shard(tmp_path, [])) == []


def test_what_utf8_cannot_hold_becomes_one_question_mark(tmp_path: Path) -> None:
    """A lone surrogate out of a PDF: every offset behind it stays right."""
    name = write_shard(tmp_path, [Text("pdf", "a\ud835b", ((2, Section.TABLE),))])
    assert _read(tmp_path / name) == [(0, "a?b", ((2, Section.TABLE),))]


def test_rows_are_numbered_through_all_row_groups(tmp_path: Path) -> None:
    texts = _texts(600)
    path = tmp_path / write_shard(tmp_path, texts)
    with parquet.ParquetFile(path) as shard:
        assert shard.num_row_groups == 3
    assert _read(path) == [(row, text.text, text.spans) for row, text in enumerate(texts)]


@pytest.mark.parametrize("rows", [{0}, {599}, {255, 256}, {3, 300, 301, 599}, set(), {600}])
def test_only_the_rows_asked_for_are_read(tmp_path: Path, rows: set[int]) -> None:
    texts = _texts(600)
    path = tmp_path / write_shard(tmp_path, texts)
    assert _read(path, frozenset(rows)) == [(r, texts[r].text, texts[r].spans) for r in sorted(rows) if r < 600]


def test_a_stored_text_is_a_view_and_no_copy(tmp_path: Path) -> None:
    [stored] = read_shard(tmp_path / write_shard(tmp_path, [Text("pdf", "abc", ())]))
    assert isinstance(stored, StoredText)
    assert isinstance(stored.text, memoryview)


def test_a_shard_is_compressed(tmp_path: Path) -> None:
    path = tmp_path / write_shard(tmp_path, [Text("pdf", "the same words again " * 50_000, ())])
    assert path.stat().st_size < 20_000


def test_every_shard_has_a_name_of_its_own(tmp_path: Path) -> None:
    names = {write_shard(tmp_path, _texts(1)) for _ in range(20)}
    assert len(names) == len(list(tmp_path.iterdir())) == 20


def _limit_files() -> None:
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))


@pytest.mark.slow
def test_a_shard_that_does_not_fit_the_disk_leaves_nothing(tmp_path: Path) -> None:
    """No half shard under its name, and no unfinished one beside it either."""
    code = (
        "import os, sys; from pathlib import Path; from survey.fulltext import Text\n"
        "from survey.store.texts import write_shard\n"
        "try: write_shard(Path(sys.argv[1]), [Text('pdf', os.urandom(500_000).hex(), ())])\n"
        "except OSError as error: sys.exit(7)"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    assert subprocess.run(command, cwd=ROOT, preexec_fn=_limit_files, check=False).returncode == 7
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_shard_is_hidden_until_it_is_whole(tmp_path: Path) -> None:
    """Killed at any moment, a writer leaves whole shards and at most one hidden file."""
    code = (
        "import os, sys; from pathlib import Path; from survey.fulltext import Text\n"
        "from survey.store.texts import write_shard\n"
        "texts = [Text('pdf', os.urandom(500_000).hex(), ())] * 8\n"
        "while True: print(write_shard(Path(sys.argv[1]), texts), flush=True)"
    )
    for lines in (1, 2, 3):
        command = [sys.executable, "-c", code, str(tmp_path)]
        writer = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert writer.stdout
        for _ in range(lines):
            writer.stdout.readline()
        writer.kill()
        writer.communicate()
    shards = list(tmp_path.glob("[!.]*"))
    assert len(shards) >= 6
    assert {len(_read(shard)) for shard in shards} == {8}
