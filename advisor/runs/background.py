"""Background: a pilot as a process of its own, which outlives whoever started it; one at a time in a data folder.

    DATA/pilots/PLAN_ID/plan.json  →  advisor pilot plan.json --out PLAN_ID --resume  →  pilot.log, status.json, …

Who asks for one holds DATA/pilots/.lock until the pilot holds its own folder, so that of two who ask at once one gets
it. `process.json` keeps what stopping and going on need: the process, its working folder, and how many arms at once.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

from filelock import FileLock, Timeout

from advisor.pilot import default_folder
from advisor.runs.plan import Plan, read_plan, write_plan
from advisor.runs.process import make_folder, read_json, words_of, write_json
from advisor.runs.status import (
    DONE,
    PARTIAL,
    Seen,
    at_work,
    is_held,
    is_pilot,
    learning,
    pid_of,
    pilots,
    pilots_folder,
    samples,
    see,
)  # fmt: skip
from posttrain.errors import ConfigurationError, ExitCode, PosttrainError

__all__ = ["Seen", "at_work", "learning", "pilots", "resume", "samples", "start", "stop"]

START_SECONDS = 120.0  # for a pilot to take its folder; on a busy machine the imports alone take ten
STATUS_SECONDS = 3.0  # more, for its first word: a full disk ends it within them
STOP_SECONDS = 30.0  # its runs have ten to end by themselves, and are killed then
POLL_SECONDS = 0.1
# as `python -m advisor.cli`, with the Ctrl-C that a process started by a shell in the background does not inherit
_COMMAND = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from advisor.cli import main; main()"
)
_ROOM = "make room, or set POSTTRAIN_DATA to a folder that can be written"


def start(plan: Plan, data: Path, at_once: int = 1) -> Path:
    """Return the folder of a plan's pilot, which is then at work in a process of its own, or has ended already.

    One that ran to its end, runs that failed included, is not started again; one that was stopped or broken off goes
    on. Raises PosttrainError where another pilot is at work in this data folder, where the folder cannot be written,
    and
    where the pilot ends at once (in its own words).
    """
    data = data.resolve()
    folder = default_folder(plan, data)
    with _alone(data):
        if see(folder).state in (DONE, PARTIAL):
            return folder
        _demand_none_at_work(data)
        try:
            make_folder(folder)
            if not _is_whole_plan(folder / "plan.json"):
                write_plan(plan, folder / "plan.json")
        except PosttrainError as error:
            raise ConfigurationError(error.message, _ROOM) from error
        _begin(folder, data, at_once, Path.cwd())
    return folder


def resume(folder: Path, data: Path) -> Path:
    """Return the folder of a pilot that goes on, from where and with as many arms at once as it was started.

    Runs that failed are tried again; a pilot that is done is left as it is. Raises PosttrainError as `start` does, and
    where the folder is no pilot of this data folder.
    """
    folder, data = folder.resolve(), data.resolve()
    if folder.parent != pilots_folder(data):
        raise ConfigurationError(f"{folder} is no pilot of {data}", f"name a folder in {pilots_folder(data)}")
    with _alone(data):
        if see(folder).state == DONE:
            return folder
        _demand_none_at_work(data)
        read_plan(folder / "plan.json")
        known = read_json(folder / "process.json") or {}
        at_once, where = known.get("at_once"), Path(str(known.get("cwd") or "."))
        _begin(folder, data, at_once if isinstance(at_once, int) else 1, where if where.is_dir() else Path.cwd())
    return folder


def stop(folder: Path) -> Seen:
    """Stop a pilot as Ctrl-C does and return how it stands; one that is not at work is left as it is.

    Raises PosttrainError where the process that holds the folder is not known to be its pilot, which is never
    signalled,
    and where it has not ended after half a minute.
    """
    folder = folder.resolve()
    seen = see(folder)
    if not seen.at_work:
        return seen
    pids = (pid_of(folder), (read_json(folder / "status.json") or {}).get("pid"))
    pid = next((one for one in pids if isinstance(one, int) and is_pilot(one, folder)), None)
    if pid is None:
        if not (seen := see(folder)).at_work:  # it ended meanwhile
            return seen
        raise ConfigurationError(f"{folder} is held by a process that cannot be told", "stop it where it was started")
    try:
        os.kill(pid, signal.SIGINT)
    except ProcessLookupError:
        return see(folder)
    except PermissionError as error:
        raise ConfigurationError(
            f"process {pid}, the pilot of {folder}, is another user's", "ask them to stop it"
        ) from error
    if not _comes(lambda: not is_pilot(pid, folder) and not is_held(folder), STOP_SECONDS):
        message = f"process {pid}, the pilot of {folder}, was told to stop and still runs after {STOP_SECONDS:.0f} s"
        raise ConfigurationError(
            message, f"wait and look again; kill -9 {pid} ends it, and it can go on after that too"
        )
    return see(folder)


@contextmanager
def _alone(data: Path) -> Iterator[None]:
    """Let one caller at a time look for pilots and start one. Raises PosttrainError."""
    place = pilots_folder(data)
    try:
        make_folder(place)
    except PosttrainError as error:
        raise ConfigurationError(error.message, _ROOM) from error
    lock = FileLock(place / ".lock")
    try:
        lock.acquire(timeout=START_SECONDS + STATUS_SECONDS)
    except Timeout as error:
        raise ConfigurationError(
            f"another pilot of {data} has been starting for two minutes", "try again later"
        ) from error
    except OSError as error:
        raise ConfigurationError(f"cannot write into {place}: {error.strerror}", _ROOM) from error
    try:
        yield
    finally:
        lock.release()


def _demand_none_at_work(data: Path) -> None:
    if found := at_work(data):
        raise ConfigurationError(
            f"the pilot {found.folder.name} is at work ({found.message}); one at a time runs in {data}",
            "wait until it ends, or stop it",
        )


def _is_whole_plan(path: Path) -> bool:
    """Whether there is a plan, whichever: the pilot itself says where it is another's."""
    try:
        read_plan(path)
    except PosttrainError:
        return False
    return True


def _begin(folder: Path, data: Path, at_once: int, where: Path) -> None:
    """Start the pilot's process and return once it works or has ended well. Raises PosttrainError where it failed."""
    arguments = ["pilot", str(folder / "plan.json"), "--out", str(folder), "--resume", "--at-once", str(at_once)]
    beside = os.pathsep.join(filter(None, (str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "POSTTRAIN_DATA": str(data), "PYTHONPATH": beside}  # this code, and this data's bank
    log = folder / "pilot.log"
    try:
        with log.open("w", encoding="utf-8") as said:
            child = subprocess.Popen(
                [sys.executable, "-c", _COMMAND, *arguments],
                stdin=subprocess.DEVNULL, stdout=said, stderr=said, cwd=where, env=environment, start_new_session=True,
            )  # fmt: skip
    except OSError as error:
        raise ConfigurationError(f"cannot start the pilot in {folder}: {error}", _ROOM) from error
    try:
        write_json(folder / "process.json", {"pid": child.pid, "at_once": at_once, "cwd": str(where)})
        begun = _comes(lambda: _has_ended(child) or is_held(folder), START_SECONDS)
        _comes(lambda: _has_ended(child) or _status_pid(folder) == child.pid, STATUS_SECONDS)
    except BaseException:  # nobody would know of it
        child.kill()
        child.wait()
        raise
    if not begun:
        child.kill()
        child.wait()
    if child.poll() is None:
        Thread(target=child.wait, daemon=True).start()  # its end is taken note of, and leaves no zombie
        return
    if child.returncode not in (ExitCode.OK, ExitCode.PARTIAL) or see(folder).state not in (DONE, PARTIAL):
        message, hint, last = words_of(log)
        raise ConfigurationError(
            f"the pilot ended at once: {message or f'code {child.returncode}, {last}'}", hint or f"{log} has all of it"
        )


def _has_ended(child: "subprocess.Popen[Any]") -> bool:
    return child.poll() is not None


def _status_pid(folder: Path) -> object:
    return (read_json(folder / "status.json") or {}).get("pid")


def _comes(asked: Callable[[], bool], seconds: float) -> bool:
    """Wait until something is so; return whether it came to be."""
    until = time.monotonic() + seconds
    while not asked():
        if time.monotonic() > until:
            return False
        time.sleep(POLL_SECONDS)
    return True
