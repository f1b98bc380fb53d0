"""Settings: flag before environment before posttrain.toml before default."""

from pathlib import Path

import pytest

from posttrain.errors import PosttrainError
from posttrain.settings import data_folder, warehouse_path


def test_the_order_of_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each source hides the ones behind it."""
    assert data_folder() == Path("data")
    Path("posttrain.toml").write_text('data = "from-file"')
    assert data_folder() == Path("from-file")
    monkeypatch.setenv("POSTTRAIN_DATA", "from-environment")
    assert data_folder() == Path("from-environment")
    assert data_folder(tmp_path) == tmp_path


def test_a_broken_settings_file_is_named() -> None:
    """The error names the file and what to do."""
    Path("posttrain.toml").write_text("data = ")
    with pytest.raises(PosttrainError, match=r"posttrain.toml is not TOML"):
        data_folder()


def test_each_study_and_surface_has_a_warehouse_of_its_own() -> None:
    """Counts of texts and abstracts, and of two studies, never meet in one file."""
    studies, surfaces = ("", "agents", "abstract"), ("text", "abstract")
    names = [warehouse_path(Path(), study, surface).name for study in studies for surface in surfaces]
    assert names == [
        "warehouse.duckdb", "warehouse-abstract.duckdb", "warehouse.agents.duckdb", "warehouse-abstract.agents.duckdb",
        "warehouse.abstract.duckdb", "warehouse-abstract.abstract.duckdb",
    ]  # fmt: skip
