"""SQLite files that survive `kill -9` and serve several processes, and errors of the disk that a user can act on."""

import errno
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
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


def read_index(path: Path, views: str) -> sqlite3.Connection:
    """Open the SQLite file at `path`, which cannot be written, and make temporary views.

    A write-ahead log needs files next to it even to be read, except where SQLite is promised that nobody writes. The
    promise holds where no log is left: the last process that wrote has closed it.
    """
    still = "" if path.with_name(f"{path.name}-wal").exists() else "&immutable=1"
    db = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro{still}", uri=True, timeout=_SECONDS_TO_WAIT)
    db.executescript(views)
    return db


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


def _full(root: Path, error: Exception) -> DiskError:
    return DiskError(
        f"the disk of {root} is full ({error})",
        "free some space and run the same command again; nothing is lost",
    )


def _unwritable(root: Path, why: str | None) -> UnwritableError:
    return UnwritableError(f"cannot write to {root}: {why}", "choose another folder with --data DIR or POSTTRAIN_DATA")
