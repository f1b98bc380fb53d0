"""Uploads: rows that a person brings along, kept under DATA/uploads and read as a run will read them.

    DATA/uploads/NAME.DIGEST.jsonl

Nothing of an upload is executed, and of its name only a word is kept, which names the family in the bank.
"""

import hashlib
import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from advisor.runs.process import make_folder
from posttrain.errors import ConfigurationError, PosttrainError
from reference_impls.configs import COMPARES
from reference_impls.tasks.jsonl import read_file
from reference_impls.tasks.row import Task

MOST_BYTES = 20 * 10**6
SHOWN = 3
_NAME_LETTERS = 40
_ROOM = "make room, or set POSTTRAIN_DATA to a folder that can be written"


def keep(name: str, content: bytes, data: Path, verifier: str | None = None) -> tuple[Path, dict[str, Any]]:
    """Return where an uploaded JSONL file is kept, and what `check` says of it.

    The same content under the same name is kept in the same place. `name` may be anything. Raises PosttrainError for
    more
    than 20 MB, as `check` does, and where the file cannot be written; then none is left behind.
    """
    if len(content) > MOST_BYTES:
        raise ConfigurationError(
            f"{_word(name)} has {len(content) / 1e6:.1f} MB; expected at most {MOST_BYTES / 1e6:.0f} MB",
            "take fewer rows; or advisor pilot on the command line, which reads a file of any size where it is",
        )
    if content.startswith(b"\x1f\x8b"):  # of which nobody knows how much comes out
        raise ConfigurationError(
            f"{_word(name)} is packed; expected plain JSONL", "unpack it first: gunzip rows.jsonl.gz"
        )
    place = data / "uploads" / f"{_word(name)}.{hashlib.sha256(content).hexdigest()[:12]}.jsonl"
    try:
        make_folder(place.parent)
    except PosttrainError as error:
        raise ConfigurationError(error.message, _ROOM) from error
    with _written(content, place) as beside:
        found = check(beside, verifier, f"{_word(name)}.jsonl")
        beside.replace(place)
    return place, found


def check(path: Path, verifier: str | None, shown: str = "") -> dict[str, Any]:
    """Return what a file of rows holds, as a run would read it.

    `rows`, `with_response` and `with_answer` are counts; `left_out` has `reason`, `count` and the first `lines` (items,
    in a JSON array), also for rows that were set right; `warnings` are sentences; `first` are the first three rows.
    Raises PosttrainError, with the line, for what holds no rows, and where the verifier compares with `answer` and no
    row
    has one; they call the file as `shown`. The file is left as it is.
    """
    shown = shown or path.name
    task = _read(path, shown)
    answered = sum(row.answer is not None for row in task.rows)
    if (verifier or "").partition(":")[0] in COMPARES and not answered:
        raise ConfigurationError(
            f"none of the {len(task.rows)} rows of {shown} has an answer, and {verifier} compares with it",
            "add a column `answer`, or take a verifier that needs none: regex:…, unit-tests, package.module:function",
        )
    return {
        "rows": len(task.rows),
        "with_response": sum(row.response is not None for row in task.rows),
        "with_answer": answered,
        "left_out": [
            {"reason": reason, "count": count, "lines": list(task.places.get(reason, ()))}
            for reason, count in task.skipped.items()
        ],
        "warnings": [one.replace(str(path), shown).replace(path.name, shown) for one in task.warnings],
        "first": [row.as_mapping() for row in task.rows[:SHOWN]],
    }


def _read(path: Path, shown: str) -> Task:
    """Return all rows of a file. Raises PosttrainError in the words of the reader, which calls the file as `shown`."""
    try:
        return read_file(path, split="all", rows=None, seed=0)
    except PosttrainError as error:
        message, hint = (text.replace(str(path), shown) for text in (error.message, error.hint))
        raise ConfigurationError(message, hint) from error
    except OSError as error:
        raise ConfigurationError(f"{shown} cannot be read: {error.strerror}", "upload it again") from error


def _word(name: str) -> str:
    """Return a word that may stand in front of a file's name, whatever was given: no folder, no dot, not long."""
    last = re.split(r"[/\\]", name)[-1].rpartition(".")
    letters = re.sub(r"[^\w-]+", "-", last[0] or last[2])[:_NAME_LETTERS]
    return letters.strip("-_") or "rows"


@contextmanager
def _written(content: bytes, place: Path) -> Iterator[Path]:
    """Give a file with this content beside its place; where it has not been moved there by the end, it is removed."""
    try:
        with tempfile.NamedTemporaryFile(prefix=".upload-", dir=place.parent, delete=False) as file:
            beside = Path(file.name)
        try:
            with beside.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            yield beside
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise ConfigurationError(f"cannot write {place}: {error.strerror}", _ROOM) from error
