"""SQLite files that survive `kill -9` and serve several processes, and errors of the disk that a user can act on."""

import errno
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from posttrain.errors import BusyError, DamagedError, DiskError, ExitCode, UnwritableError

_SECONDS_TO_WAIT = 60  # for another process that writes


def open_index(path: Path, schema: str) -> sqlite3.Connection:
    """Open the SQLite file at `path` and make its tables where they are missing.

    SQLite does not wait for others by itself while it turns to a write-ahead log, so several may start at once.
    """
    db = sqlite3.connect(path, timeout=_SECONDS_TO_WAIT)
    deadline = time.monotonic() + _SECONDS_TO_WAIT
    while True:
        try:
            db.execute("PRAGMA journal_mode=WAL")
            db.execute("PRAGMA synchronous=NORMAL")
            db.executescript(schema)
            return db
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def read_index(path: Path, tables: str, views: str = "") -> sqlite3.Connection:
    """Open the SQLite file at `path`, which cannot be written, and make temporary views.

    `tables` that a file of an earlier version of this program lacks are made empty, for this connection.
    """
    db = _open_as_is(path)
    names = {name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    for statement in tables.split(";"):  # "CREATE TABLE IF NOT EXISTS withdrawal (…"
        if "CREATE TABLE" in statement and statement.split("EXISTS")[1].split()[0] not in names:
            db.execute(statement.replace("CREATE TABLE", "CREATE TEMP TABLE"))
    db.executescript(views)
    return db


def copy_index(path: Path, schema: str) -> sqlite3.Connection:
    """Return a copy in memory of the SQLite file at `path`, empty where there is none: to try what would be written."""
    memory = sqlite3.connect(":memory:")
    if path.exists():
        with closing(_open_as_is(path)) as db:
            db.backup(memory)
    memory.executescript(schema)
    return memory


def _open_as_is(path: Path) -> sqlite3.Connection:
    """Open an index to read it where nothing can be written next to it.

    Without a write-ahead log SQLite is promised that nobody writes: the last process that wrote has closed it. A log
    needs its `-shm` to be read; where that is lost, as in a copy of a folder, both are read from a copy in memory.
    """
    log, shared = (path.with_name(f"{path.name}{end}") for end in ("-wal", "-shm"))
    if not log.exists() or shared.exists():
        still = "" if log.exists() else "&immutable=1"
        return sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro{still}", uri=True, timeout=_SECONDS_TO_WAIT)
    memory = sqlite3.connect(":memory:")
    with tempfile.TemporaryDirectory() as folder:
        for file in (path, log):
            shutil.copyfile(file, Path(folder, file.name))
        with closing(sqlite3.connect(Path(folder, path.name))) as copy:
            copy.backup(memory)
    return memory


@contextmanager
def explained(root: Path) -> Iterator[None]:
    """Turn a full or unwritable disk, or a busy or damaged index, into an error a user can act on."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise _full(root, error) from error
        if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM, errno.ENOTDIR, errno.EEXIST, errno.ENOENT):
            raise _unwritable(root, error.strerror) from error
        raise
    except sqlite3.DatabaseError as error:
        reason = str(error)
        if "full" in reason or "disk I/O" in reason:
            raise _full(root, error) from error
        if "unable to open" in reason or "readonly" in reason:
            raise _unwritable(root, reason) from error
        if "locked" in reason:
            message = f"another command has been writing to {root} for {_SECONDS_TO_WAIT} seconds"
            raise BusyError(message, "run the same command again when it is done", ExitCode.PARTIAL) from error
        raise DamagedError(
            f"the index {root / 'store.sqlite'} cannot be used: {error}",
            "move that file away and ingest again, or choose another folder with --data DIR",
        ) from error


def refuse_full_disk(root: Path, error: Exception) -> None:
    """Raise DiskError where DuckDB's error, which has no number, says that there is no space for what it writes."""
    if any(words in str(error) for words in ("No space left", "Disk quota exceeded", "File too large")):
        raise _full(root, error) from error


def _full(root: Path, error: Exception) -> DiskError:
    return DiskError(
        f"the disk of {root} is full ({str(error).splitlines()[0][:200]})",
        "free some space and run the same command again; nothing is lost",
    )


def _unwritable(root: Path, why: str | None) -> UnwritableError:
    return UnwritableError(f"cannot write to {root}: {why}", "choose another folder with --data DIR or POSTTRAIN_DATA")
