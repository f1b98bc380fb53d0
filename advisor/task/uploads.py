"""Uploads: files of rows that a user sends, kept under DATA/uploads and read as a run will read them.

    DATA/uploads/NAME.DIGEST.jsonl        such as uploads/sums.3f2a9c01d4e7.jsonl

Nothing in an upload is executed. Only a word of its name is kept; it names the task's family in the bank.
"""

import hashlib
import os
import re
from pathlib import Path
from typing import Any, TypedDict

from posttrain.errors import ConfigurationError, PosttrainError
from posttrain.files import make_folder, whole
from reference_impls.configs import COMPARES
from reference_impls.tasks.jsonl import read_file
from reference_impls.tasks.row import Task

MOST_BYTES = 20 * 10**6
SHOWN = 3
_NAME_LETTERS = 40
_HINT = "make room, or set POSTTRAIN_DATA to a folder that can be written"


class LeftOut(TypedDict):
    """Rows that were left out or repaired for one reason, and the first lines (items of a JSON array) of them."""

    reason: str
    count: int
    lines: list[int]


class Contents(TypedDict):
    """The contents of a file of rows, as a run would read them; `first` holds the first three rows."""

    rows: int
    with_response: int
    with_answer: int
    left_out: list[LeftOut]
    warnings: list[str]
    first: list[dict[str, Any]]


def keep(name: str, content: bytes, data: Path, verifier: str | None = None) -> tuple[Path, Contents]:
    """Return the path of a kept JSONL upload, and its contents.

    `name` may be anything; the same content under the same name has the same path. Raises PosttrainError for more than
    20 MB, as `check` does, and where the file cannot be written; then no file stays.
    """
    if len(content) > MOST_BYTES:
        raise ConfigurationError(
            f"{_word(name)} has {len(content) / 1e6:.1f} MB; expected at most {MOST_BYTES / 1e6:.0f} MB",
            "take fewer rows; or advisor pilot on the command line, which reads a file of any size where it is",
        )
    if content.startswith(b"\x1f\x8b"):  # gzip: its unpacked size is unknown before it is unpacked
        raise ConfigurationError(
            f"{_word(name)} is packed; expected plain JSONL", "unpack it first: gunzip rows.jsonl.gz"
        )
    digest = hashlib.sha256(content).hexdigest()[:12]
    kept = data / "uploads" / f"{_word(name)}.{digest}.jsonl"
    make_folder(kept.parent, _HINT)
    with whole(kept, _HINT) as unfinished:
        with unfinished.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        contents = check(unfinished, verifier, f"{_word(name)}.jsonl")
    return kept, contents


def check(path: Path, verifier: str | None, shown: str = "") -> Contents:
    """Return the contents of a file of rows; the file is not changed.

    Raises PosttrainError, with the line, where the file holds no rows, and where the verifier compares with `answer`
    and no row has one. Errors call the file `shown`.
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
        "with_response": sum(row.is_demonstration for row in task.rows),
        "with_answer": answered,
        "left_out": [
            {"reason": reason, "count": count, "lines": list(task.places.get(reason, ()))}
            for reason, count in task.skipped.items()
        ],
        "warnings": [text.replace(str(path), shown).replace(path.name, shown) for text in task.warnings],
        "first": [row.as_mapping() for row in task.rows[:SHOWN]],
    }


def _read(path: Path, shown: str) -> Task:
    """Return all rows of a file. Raises PosttrainError with the reader's message, which calls the file `shown`."""
    try:
        return read_file(path, split="all", rows=None, seed=0)
    except PosttrainError as error:
        message, hint = (text.replace(str(path), shown) for text in (error.message, error.hint))
        raise ConfigurationError(message, hint) from error
    except OSError as error:
        raise ConfigurationError(f"{shown} cannot be read: {error.strerror}", "upload it again") from error


def _word(name: str) -> str:
    """Return a short word for a file's name, without folder and dot: `../My rows (2).jsonl` gives `My-rows-2`."""
    last = re.split(r"[/\\]", name)[-1].rpartition(".")
    letters = re.sub(r"[^\w-]+", "-", last[0] or last[2])[:_NAME_LETTERS]
    return letters.strip("-_") or "rows"
