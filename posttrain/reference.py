"""The place of the small committed tables: data/reference in a checkout, posttrain/reference_data in a wheel."""

from pathlib import Path

_HERE = Path(__file__).resolve().parent


def reference_path(name: str) -> Path:
    """Return the path of the committed table `name`, such as `rules.toml`.

    Raises FileNotFoundError when the installation lacks it.
    """
    for folder in (_HERE.parent / "data" / "reference", _HERE / "reference_data"):
        if (folder / name).exists():
            return folder / name
    raise FileNotFoundError(f"{name} is in neither data/reference nor posttrain/reference_data: reinstall posttrain")


def citation_path() -> Path:
    """Return the path of CITATION.cff: at the top of a checkout, with the reference tables in a wheel."""
    top = _HERE.parent / "CITATION.cff"
    return top if top.exists() and (_HERE.parent / "data" / "reference").exists() else reference_path("CITATION.cff")
