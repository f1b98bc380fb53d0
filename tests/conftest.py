"""Fixtures of the whole suite."""

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of real papers beside the checkout; tests that ask for it are skipped where there is none."""
    path = ROOT.parent / "shared" / "corpora"
    if not path.exists():
        pytest.skip(f"no real papers at {path}")
    return path


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every test in an empty folder without the user's settings."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("POSTTRAIN_DATA", raising=False)
