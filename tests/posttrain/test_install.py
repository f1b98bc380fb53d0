"""How `make` installs: uv gets the settings that pip has, and pip stands in where uv fails."""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from tests.conftest import ROOT

# A program named uv that notes its arguments and its settings, and ends with a code.
_UV = """#!{python}
import json, os, sys
settings = {{name: value for name, value in os.environ.items() if name.startswith("UV_")}}
open({log!r}, "a").write(json.dumps([sys.argv[1:], settings]) + "\\n")
sys.exit({code})
"""


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """`.ci/install.py`, which installs into the environment of the tests."""
    spec = importlib.util.spec_from_file_location("install", ROOT / ".ci" / "install.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setattr(module, "PYTHON", Path(sys.executable))
    for name in ("UV_DEFAULT_INDEX", "UV_INDEX", "UV_HTTP_TIMEOUT"):
        monkeypatch.delenv(name, raising=False)
    return module


def _uv(folder: Path, monkeypatch: pytest.MonkeyPatch, code: int = 0) -> Path:
    program, log = folder / "uv", folder / "uv.log"
    program.write_text(_UV.format(python=sys.executable, log=str(log), code=code))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return log


def test_the_settings_of_pip_reach_uv_and_no_password_stands_in_its_arguments(
    install: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = _uv(tmp_path, monkeypatch)
    monkeypatch.setenv("PIP_INDEX_URL", "https://name:secret@index.invalid/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://other.invalid/simple")
    monkeypatch.setenv("PIP_FIND_LINKS", "/wheels /more")
    assert install._by_uv(["torch"])
    arguments, settings = json.loads(log.read_text())
    assert settings["UV_DEFAULT_INDEX"] == "https://name:secret@index.invalid/simple"
    assert settings["UV_INDEX"] == "https://other.invalid/simple"
    words = " ".join(arguments)
    assert "--find-links /wheels --find-links /more" in words and "secret" not in words
    assert "--index-strategy unsafe-best-match" in words
    assert str(ROOT / "constraints.txt") in arguments and arguments[-1] == "torch"


def test_what_the_user_told_uv_wins_over_what_pip_has(
    install: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = _uv(tmp_path, monkeypatch)
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.invalid/simple")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "https://mine.invalid/simple")
    assert install._by_uv(["torch"])
    assert json.loads(log.read_text())[1]["UV_DEFAULT_INDEX"] == "https://mine.invalid/simple"


@pytest.mark.slow
def test_where_uv_fails_pip_installs(
    install: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """pip runs for real, and finds that what is asked for is there."""
    log = _uv(tmp_path, monkeypatch, code=1)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setattr(install, "CONSTRAINTS", tmp_path / "constraints.txt")
    (tmp_path / "constraints.txt").write_text("")
    assert not install._by_uv(["rich"])
    assert "trying pip" in capsys.readouterr().err and len(log.read_text().splitlines()) == 1
    install._by_pip(["rich"])
    with pytest.raises(SystemExit):
        install._by_pip(["a-name-that-no-package-has"])


def test_an_old_python_is_refused_with_the_way_out(install: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(install, "OLDEST", (9, 9))
    with pytest.raises(SystemExit, match=r"needs Python .*, found 3\..*PYTHON="):
        install.main(["train"])
