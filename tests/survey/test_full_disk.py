"""A full disk ends with exit code 4 and is no fault of the file that is read; neither is a name that is no text."""

import json
import os
import random
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from posttrain.errors import ExitCode
from tests.chain import DATA, ROOT, save_table, take_in


def _limit_files() -> None:
    """No file of this process grows past 400 kB, which stands for the end of a disk."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))


def _survey(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "survey.cli", *arguments, "--data", str(DATA)],
        env={"PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False,
        preexec_fn=_limit_files,  # no threads here
    )  # fmt: skip


def _abstract(number: int) -> str:
    """Words that no compression makes small."""
    return " ".join(str(random.Random(number * 100 + word).random()) for word in range(20))


def test_a_snapshot_that_does_not_fit() -> None:
    lines = [
        {"id": f"2501.{number:05d}", "title": "T", "abstract": _abstract(number), "categories": "cs.CL",
         "versions": [{"version": "v1", "created": "Mon, 6 Jan 2025 10:00:00 GMT"}]}
        for number in range(1, 3001)
    ]  # fmt: skip
    Path("s.json").write_text("\n".join(map(json.dumps, lines)))
    done = _survey("harvest", "--source", "snapshot:s.json", "--from", "2025-01-01", "--until", "2025-01-31")
    assert done.returncode == ExitCode.PARTIAL
    assert done.stderr.startswith("error: the disk of data/listing is full")


def test_a_table_of_abstracts_that_does_not_fit() -> None:
    """It is no damaged file: nothing is skipped, and the same command goes on when there is space."""
    ids = [f"2501.{number:05d}" for number in range(1, 3001)]
    columns = {"arxiv_id": ids, "published": ["2025-01-06"] * 3000, "title": ["T"] * 3000}
    save_table("a.parquet", columns | {"abstract": [_abstract(number) for number in range(3000)]})
    done = _survey("ingest", "papers/a.parquet")
    assert done.returncode == ExitCode.PARTIAL
    assert "is full" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("suffix", [".parquet", ".md", ".jsonl", ".pdf"])
def test_a_name_that_is_no_text_ends_in_one_outcome(suffix: str) -> None:
    path = Path("papers", os.fsdecode(b"b\xff") + suffix)
    path.parent.mkdir()
    path.write_bytes(b"PAR1 and no more")
    [(shown, _)] = take_in().skipped
    assert shown == f"papers/b\\udcff{suffix}"


def test_a_data_folder_whose_name_is_no_text_is_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "survey.cli", "status", "--data", b"d\xff"], env={"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == ExitCode.USAGE
    assert "expected the folder of own data" in done.stderr
