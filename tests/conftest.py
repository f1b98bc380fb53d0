"""Fixtures of the whole suite, and what makes every run of it alike."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

ROOT = Path(__file__).resolve().parent.parent

# Two workers share two cores: threads of torch and numpy would wait for each other longer than they work.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Hypothesis measures no time, so a busy machine fails no property. Every run tries the same examples: a failure comes
# from the change at hand and never from the draw. `pytest --hypothesis-profile=explore` draws others.
_NO_CLOCK = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("repeatable", _NO_CLOCK, derandomize=True)
settings.register_profile("explore", _NO_CLOCK, derandomize=False, print_blob=True)
settings.load_profile("repeatable")


def pytest_make_parametrize_id(val: object, argname: str) -> None:
    """Refuse bytes that cannot be printed as the id of a test; pytest finds the id of all else.

    Example: gzip writes the clock into its bytes. Two workers that import a file in different seconds then collect
    different ids, and the run ends before its first test.
    """
    if isinstance(val, bytes) and not (
        val.isascii() and all(chr(byte).isprintable() or byte in b"\n\t" for byte in val)
    ):
        pytest.fail(
            f"found the bytes {val[:16]!r} as the parameter {argname!r}, and no id; expected a name that can be printed"
            f"\n  try: pytest.param(..., id='a name') or ids=[...]",
            pytrace=False,
        )


@pytest.fixture(scope="session")
def corpora() -> Path:
    """The folder of real papers beside the checkout; tests that ask for it are skipped where there is none."""
    path = ROOT.parent / "shared" / "corpora"
    if not path.exists():
        pytest.skip(f"no real papers at {path}")
    return path


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run every test in an empty folder without the user's settings; processes that it starts ask no hub of models."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv("POSTTRAIN_DATA", raising=False)
    monkeypatch.delenv("COLUMNS", raising=False)  # workers of pytest have 80, which would break the lines of a pipe
