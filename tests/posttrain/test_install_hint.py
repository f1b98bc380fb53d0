"""Hints of what to install name the place that this copy of posttrain came from, for no index has it."""

import json
import sys
from pathlib import Path

import pytest

from posttrain import install
from posttrain.install import install_hint
from tests.conftest import ROOT

WHEEL = "file:///home/me/my%20wheels/posttrain-0.1.0-py3-none-any.whl"
GIT = {"vcs": "git", "commit_id": "30b068b"}


@pytest.fixture
def packages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed packages that Python searches first; posttrain is one of them."""
    info = tmp_path / "posttrain-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: posttrain\nVersion: 0.1.0\n")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(install, "_FOLDER", tmp_path)
    return info


def test_a_clone_is_installed_from_its_folder() -> None:
    """The command works from any folder, and so does the other way, which takes the pinned torch."""
    assert install_hint("train") == f"pip install -e '{ROOT}[train]', or: make test, in {ROOT}"
    assert f"'{ROOT}[app,train]'" in install_hint("app", "train")


@pytest.mark.parametrize(
    ("noted", "requirement"),
    [
        ({"url": WHEEL, "archive_info": {}}, f"'posttrain[train] @ {WHEEL}'"),
        ({"url": "file:///home/me/clone", "dir_info": {}}, "'posttrain[train] @ file:///home/me/clone'"),
        (
            {"url": "https://host/name.git", "vcs_info": {**GIT, "requested_revision": "main"}},
            "'posttrain[train] @ git+https://host/name.git@main'",
        ),
        (
            {"url": "https://host/name.git", "vcs_info": GIT, "subdirectory": "a/b"},
            "'posttrain[train] @ git+https://host/name.git@30b068b#subdirectory=a/b'",
        ),
        ({}, "'posttrain[train]'"),
    ],
    ids=["wheel", "folder", "branch", "commit", "nothing noted"],
)
def test_an_installed_copy_is_installed_again_from_where_it_came(
    packages: Path, noted: dict[str, object], requirement: str
) -> None:
    (packages / "direct_url.json").write_text(json.dumps(noted))
    assert install_hint("train") == f"pip install {requirement}"


def test_without_a_note_or_with_a_broken_one_the_name_is_left(packages: Path) -> None:
    """As from an index."""
    assert install_hint("train") == "pip install 'posttrain[train]'"
    (packages / "direct_url.json").write_text("{")
    assert install_hint("train") == "pip install 'posttrain[train]'"
