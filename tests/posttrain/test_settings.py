"""Settings: flag before environment before posttrain.toml before default."""

from pathlib import Path

import pytest

from posttrain.errors import ConfigurationError, PosttrainError
from posttrain.settings import arxiv_settings, data_folder, warehouse_path


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


@pytest.mark.parametrize("text", ["data = 5", 'data = ["a"]', "arxiv = 3"])
def test_a_setting_of_the_wrong_type_is_an_error_of_the_user(text: str) -> None:
    """The file names the setting; no command fails with a traceback."""
    Path("posttrain.toml").write_text(text)
    with pytest.raises(ConfigurationError, match=text.split(maxsplit=1)[0]):
        data_folder()
        arxiv_settings()


def test_a_folder_in_the_place_of_the_settings_is_an_error_of_the_user() -> None:
    """It cannot be read, and the error says so."""
    Path("posttrain.toml").mkdir()
    with pytest.raises(ConfigurationError, match=r"posttrain.toml cannot be read"):
        data_folder()


@pytest.mark.parametrize("name", ["file", "file/below", "a" * 300, "with\0null"], ids=["file", "below", "long", "null"])
def test_what_can_be_no_folder_of_own_data_is_refused(name: str) -> None:
    """Otherwise a report shows the bundled papers as if nothing had been named."""
    Path("file").write_text("a letter")
    with pytest.raises(ConfigurationError, match="expected the folder of own data"):
        data_folder(Path(name))
    assert data_folder(Path("new/folder")) == Path("new/folder")
