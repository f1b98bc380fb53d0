"""The notebooks of examples/ run from their first cell to their last, and are committed without outputs."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT

NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
# In a process of its own: a kernel is reached through sockets, which the tests are refused.
_EXECUTE = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], as_version=4)
NotebookClient(notebook, timeout=None, kernel_name="python3").execute()
nbformat.write(notebook, sys.argv[2])
"""


def _cells(path: Path) -> list[dict[str, Any]]:
    cells: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_committed_without_outputs(path: Path) -> None:
    assert [path.stem for path in NOTEBOOKS] == ["advice", "pilot", "trends"]
    assert [cell["id"] for cell in _cells(path) if cell["outputs"] or cell["execution_count"]] == []


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_to_its_end_and_shows_something_in_each_cell(path: Path, tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _EXECUTE, str(path), "executed.ipynb"],
        capture_output=True, text=True, check=False, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr[-2000:]
    cells = _cells(tmp_path / "executed.ipynb")
    assert len(cells) >= 4
    assert [cell["source"] for cell in cells if not cell["outputs"]] == []
