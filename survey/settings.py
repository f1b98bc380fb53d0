"""Settings: flag before environment before posttrain.toml before default."""

import os
import tomllib
from pathlib import Path
from typing import Any

from survey.errors import SurveyError

_FILE = Path("posttrain.toml")


def data_folder(flag: Path | None = None) -> Path:
    """Return where own data live: `--data`, POSTTRAIN_DATA, `data` in posttrain.toml, or ./data."""
    return Path(flag or setting("data", "POSTTRAIN_DATA") or "data")


def setting(name: str, variable: str) -> Any:
    """Return a setting from the environment or posttrain.toml, or None where neither has it."""
    if os.environ.get(variable):
        return os.environ[variable]
    return _from_file().get(name)


def _from_file() -> dict[str, Any]:
    if not _FILE.exists():
        return {}
    try:
        return tomllib.loads(_FILE.read_text())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SurveyError(f"{_FILE} is not TOML: {error}", f"mend or remove {_FILE}") from error
