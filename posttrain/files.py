"""Files on disk: written whole, read as JSON or JSON lines, and folders that one process holds at a time."""

import json
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from posttrain.errors import BusyError, UnwritableError

ROOM = "make room on the disk, or choose another place"


def exists(name: str | Path) -> bool:
    """Say whether a file or folder has this name; a text that can be no name, such as one of 300 letters, has none."""
    try:
        return Path(name).expanduser().exists()
    except (OSError, ValueError, RuntimeError):  # too long, a null byte, `~nobody` without a home
        return False


def make_folder(folder: Path, hint: str = ROOM) -> None:
    """Make a folder and those above it. Raises UnwritableError."""
    with _explained(f"cannot make {folder}", hint):
        folder.mkdir(parents=True, exist_ok=True)


def write_whole(path: Path, content: str | bytes, hint: str = ROOM) -> None:
    """Write a file so that a reader sees all of the old content or all of the new. Raises UnwritableError."""
    with whole(path, hint) as unfinished, unfinished.open("wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())  # before the rename, lest a power cut leave an empty file under the final name


@contextmanager
def whole(path: Path, hint: str = ROOM) -> Iterator[Path]:
    """Give a path next to `path` to write to; it takes the name `path` at the end, and is removed after an error.

    Raises UnwritableError for an OSError inside.
    """
    # of its own for each thread too: two visitors of the app may send the same file at once
    # and short whatever the name, which may have as many characters as the system allows
    unfinished = path.with_name(f".{path.name[:40]}.{os.getpid()}.{threading.get_ident()}")
    try:
        with _explained(f"cannot write {path}", hint):
            yield unfinished
            unfinished.replace(path)
    finally:
        with suppress(OSError):  # where nothing can be written there is nothing to remove
            unfinished.unlink()


def write_json(path: Path, value: object, hint: str = ROOM) -> None:
    """Write an object as JSON, whole or not at all. Raises UnwritableError, and ValueError for NaN."""
    write_whole(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n", hint)


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the object in a file that a program wrote, or None where there is none."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def json_lines(path: Path, last_bytes: int = 0) -> list[dict[str, Any]]:
    """Return the objects on the whole lines among the last bytes of a file, of all of it with 0.

    Half a line, as a writer leaves it for a moment, is left out; without a file there are none.
    """
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - last_bytes) if last_bytes else 0)
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    # not splitlines: JSON leaves U+2028 and U+0085 in a response as they are, and splitlines would cut there
    return list(_objects(text.split("\n")))


@contextmanager
def held(folder: Path, busy: BusyError, wait_seconds: float = 0.0, lock: str = ".lock") -> Iterator[None]:
    """Hold a folder that exists, by a file in it; the system frees it when the process ends, also by `kill -9`.

    Another name of the `lock` file holds one part of a folder, such as its labels.

    Raises `busy` where another process holds it, and UnwritableError.
    """
    file = FileLock(folder / lock)
    try:
        with _explained(f"cannot write into {folder}", ROOM):
            file.acquire(timeout=wait_seconds)
    except Timeout as error:
        raise busy from error
    try:
        yield
    finally:
        file.release()


def is_held(folder: Path, look_seconds: float = 0.0) -> bool:
    """Say whether a process holds the folder. Raises OSError where its lock cannot be opened.

    Whoever looks holds the lock for a moment, so a second one who looks waits up to `look_seconds` before it believes
    that a process is at work.
    """
    if not (folder / ".lock").exists():
        return False
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=look_seconds, poll_interval=max(look_seconds / 5, 0.001))
    except Timeout:
        return True
    lock.release()
    return False


@contextmanager
def _explained(message: str, hint: str) -> Iterator[None]:
    try:
        yield
    except Timeout:  # an OSError too, but of the lock and not of the disk
        raise
    except OSError as error:
        raise UnwritableError(f"{message}: {error.strerror or error}", hint) from error


def _objects(lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    for line in lines:
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(value, dict):
            yield value
