"""Settings: flag before environment before posttrain.toml before default."""

import os
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from stat import S_ISDIR
from typing import Any

from posttrain.errors import ConfigurationError, printable

_FILE = Path("posttrain.toml")


def data_folder(flag: Path | None = None) -> Path:
    """Return where own data live: `--data`, POSTTRAIN_DATA, `data` in posttrain.toml, or ./data; it need not exist.

    Raises ConfigurationError where the name is a file's, or can be no name: a command that found no papers there would
    show the bundled ones without a word.
    """
    folder = flag or setting("data", "POSTTRAIN_DATA") or "data"
    if not isinstance(folder, str | Path):
        raise ConfigurationError(
            f"data in {_FILE} is {folder!r}; expected a folder's name", f'data = "data" in {_FILE}'
        )
    _demand_folder(Path(folder))
    return Path(folder)


def _demand_folder(folder: Path) -> None:
    try:
        str(folder).encode()  # DuckDB and Arrow take no other name
        if S_ISDIR(folder.stat().st_mode):
            return
        reason = "is a file"
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:  # too long a name, a null byte, a file or a closed folder above it
        reason = f"cannot be opened ({getattr(error, 'strerror', None) or error})"
    raise ConfigurationError(
        f"{printable(str(folder))} {reason}; expected the folder of own data",
        "--data DIR, or POSTTRAIN_DATA; a new folder is made",
    )


def warehouse_path(data: Path, study: str = "", surface: str = "text") -> Path:
    """Return where the warehouse of own data lies: one for each study and surface.

    Without a name it is that of the bundled study; full texts have `warehouse.duckdb`, another surface, such as
    abstract, has `warehouse-abstract.duckdb`, and the study agents `warehouse.agents.duckdb` for its texts.
    """
    kind = "warehouse" if surface == "text" else f"warehouse-{surface}"
    return data / (f"{kind}.{study}.duckdb" if study else f"{kind}.duckdb")


@dataclass(frozen=True)
class ArxivSettings:
    """Where arXiv's endpoints are and who asks, under [arxiv] in posttrain.toml or POSTTRAIN_ARXIV_…"""

    api_url: str = "https://export.arxiv.org/api/query"
    oai_url: str = "https://oaipmh.arxiv.org/oai"
    content_url: str = "https://export.arxiv.org"
    contact: str = ""
    delay_seconds: float = 3.0


def arxiv_settings() -> ArxivSettings:
    """Return the settings of the crawl. Raises ConfigurationError for a value of the wrong type."""
    table = _from_file().get("arxiv", {})
    if not isinstance(table, dict):
        raise ConfigurationError(f"arxiv in {_FILE} is '{table}'; expected a table", f"write it as [arxiv] in {_FILE}")
    values: dict[str, Any] = {
        field.name: os.environ.get(f"POSTTRAIN_ARXIV_{field.name.upper()}") or table.get(field.name, field.default)
        for field in fields(ArxivSettings)
    }
    try:
        return ArxivSettings(**(values | {"delay_seconds": float(values["delay_seconds"])}))
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"delay_seconds is '{values['delay_seconds']}'; expected a number", "set it under [arxiv] in posttrain.toml"
        ) from error


def user_state() -> Path:
    """Return the folder that all processes of the user share, for the pace of the crawl."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "posttrain"


def setting(name: str, variable: str) -> Any:
    """Return a setting from the environment or posttrain.toml, or None where neither has it."""
    if os.environ.get(variable):
        return os.environ[variable]
    return _from_file().get(name)


def _from_file() -> dict[str, Any]:
    if not _FILE.exists():
        return {}
    try:
        return tomllib.loads(_FILE.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{_FILE} is not TOML: {error}", f"mend or remove {_FILE}") from error
    except OSError as error:
        raise ConfigurationError(f"{_FILE} cannot be read: {error.strerror}", f"mend or remove {_FILE}") from error
