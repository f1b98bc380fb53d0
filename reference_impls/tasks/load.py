"""Load the rows of a file, or of a generated family by its name."""

import re
from pathlib import Path

from posttrain.errors import ConfigurationError
from posttrain.suggest import nearest
from reference_impls.tasks.families import FAMILIES, generate
from reference_impls.tasks.generated import Family
from reference_impls.tasks.jsonl import read_file
from reference_impls.tasks.row import SPLITS, Task

_KNOWN = ", ".join(f"task:{name}" for name in FAMILIES)


def load_task(source: str, *, split: str = "train", rows: int | None = None, seed: int = 0, noise: float = 0.0) -> Task:
    """Return the rows of one split of `source`, a file or `task:NAME` or `task:NAME:DIFFICULTY`.

    The three splits share no prompt, and `all` is the three together. The same arguments give the same rows on every
    machine. `noise` is the share of demonstrations that end wrong; a file takes none.
    """
    if split not in SPLITS:
        raise ConfigurationError(
            f"found split {split!r}, expected one of {', '.join(SPLITS)}", "take train to train on"
        )
    if rows is not None and rows < 1:
        raise ConfigurationError(
            f"asked for {rows} rows, expected at least 1", "leave `rows` out to take all there are"
        )
    if not 0 <= noise <= 1:
        raise ConfigurationError(
            f"found noise {noise}, expected a share from 0 to 1", "0.3 makes 30 % of demonstrations wrong"
        )
    if source.startswith("task:"):
        family, difficulty = generated_family(source)
        return generate(family, difficulty, split=split, rows=rows, seed=seed, noise=noise)
    if noise:
        raise ConfigurationError(
            f"noise {noise} was asked of the file {source}", "noise is made in generated tasks: " + _KNOWN
        )
    return read_file(_file(source), split=split, rows=rows, seed=seed)


def generated_family(source: str) -> tuple[Family, int]:
    """Return the family that `task:NAME` or `task:NAME:DIFFICULTY` means, and the difficulty.

    Raises ConfigurationError for an unknown name, with the nearest one, and for a difficulty that there is not.
    """
    _, name, *dial = source.split(":")
    family = FAMILIES.get(name)
    if family is None:
        raise ConfigurationError(f"there is no task:{name}{_meant(name)}", f"the generated tasks are {_KNOWN}")
    if not dial:
        return family, family.default
    if len(dial) > 1 or not re.fullmatch("[0-9]{1,3}", dial[0]) or not family.lowest <= int(dial[0]) <= family.highest:
        raise ConfigurationError(
            f"found difficulty {':'.join(dial)!r} of task:{name}, "
            f"expected a whole number from {family.lowest} to {family.highest}",
            f"{family.about} task:{name} alone means task:{name}:{family.default}",
        )
    return family, int(dial[0])


def _meant(name: str) -> str:
    near = nearest(name.lower(), FAMILIES)
    return f"; did you mean task:{near}?" if near else ""


def _file(source: str) -> Path:
    """Return the path of a file that is there and can be read."""
    path = Path(source).expanduser()
    try:
        if path.is_dir():
            raise ConfigurationError(f"{source} is a folder, expected a JSONL file", _inside(path))
        if not path.exists():
            raise ConfigurationError(f"there is no file {source}{_near(path)}", f"give a JSONL file or one of {_KNOWN}")
        if not path.is_file():
            raise ConfigurationError(
                f"{source} is no regular file", "write the rows to a file: they are read more than once"
            )
        path.open("rb").close()
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{source} cannot be read: {error}", "check its name and permissions") from None
    return path


def _inside(folder: Path) -> str:
    files = sorted(path.name for path in folder.iterdir() if path.name.endswith((".jsonl", ".json", ".jsonl.gz")))
    return f"name one of its files: {', '.join(files[:10])}" if files else "it holds no .jsonl or .json file"


def _near(path: Path) -> str:
    """Return which task or which neighbouring file the user may have meant."""
    if path.name in FAMILIES:
        return f"; did you mean task:{path.name}?"
    names = [each.name for each in path.parent.iterdir()] if path.parent.is_dir() else []
    near = nearest(path.name, names)
    return f"; did you mean {path.with_name(near)}?" if near else ""
