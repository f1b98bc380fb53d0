"""A pilot as a process of its own, which outlives whoever started it; one at a time in a data folder.

    DATA/pilots/PLAN_ID/plan.json  →  advisor pilot plan.json --out PLAN_ID --resume  →  pilot.log, status.json, …

Whoever starts one holds DATA/pilots/.lock until the pilot holds its own folder, so that of two who start at once one
succeeds. `process.json` keeps what stopping and resuming need.
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

import psutil

from advisor.runs.folder import PilotFolder, pilots_folder
from advisor.runs.plan import Plan
from advisor.runs.process import last_line
from advisor.runs.progress import Background, State
from advisor.runs.status import PilotStatus, at_work, background_process, pilot_process, status_of
from posttrain.errors import BusyError, ConfigurationError, ExitCode, PosttrainError, RunFailedError, UnwritableError
from posttrain.files import held, make_folder

START_SECONDS = 120.0  # for a pilot to take its folder; on a busy machine the imports alone take ten
STATUS_SECONDS = 3.0  # more, for its first status: a full disk ends it within them
STOP_SECONDS = 30.0  # its runs have ten to end by themselves, and are killed then
POLL_SECONDS = 0.1
# as `python -m advisor.cli`, with the Ctrl-C that a process started by a shell in the background does not inherit
_COMMAND = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from advisor.cli import main; main()"
)
_ROOM = "make room, or set POSTTRAIN_DATA to a folder that can be written"


def start(plan: Plan, data: Path, at_once: int = 1) -> Path:
    """Return the folder of a plan's pilot, which is then at work in a process of its own, or has ended already.

    A pilot with an outcome is not started again, even if runs failed; an interrupted one resumes. Raises BusyError
    where another pilot is at work in this data folder, UnwritableError where the folder cannot be written, and
    ConfigurationError with the pilot's own message where it ends at once.
    """
    data = data.resolve()
    folder = PilotFolder.of(plan, data)
    with _alone(data):
        pilot = status_of(folder.path)
        if not pilot.state.has_ended:
            _demand_none_at_work(data)
            if pilot.plan is None:
                make_folder(folder.path, _ROOM)
                folder.write_plan(plan, _ROOM)
            _launch(folder, data, at_once, Path.cwd())
    return folder.path


def resume(path: Path, data: Path) -> Path:
    """Return the folder of a pilot that resumes, in the working folder and with the arms at once of its first start.

    Failed runs are tried again; a pilot that is done is left as it is. Raises PosttrainError as `start` does, and
    where the folder is no pilot of this data folder.
    """
    folder, data = PilotFolder(path.resolve()), data.resolve()
    if folder.path.parent != pilots_folder(data):
        raise ConfigurationError(f"{folder.path} is no pilot of {data}", f"name a folder in {pilots_folder(data)}")
    with _alone(data):
        if status_of(folder.path).state is not State.DONE:
            _demand_none_at_work(data)
            folder.plan()
            before = folder.background()
            cwd = Path(before.cwd) if before and Path(before.cwd).is_dir() else Path.cwd()
            _launch(folder, data, before.at_once if before else 1, cwd)
    return folder.path


def stop(path: Path) -> PilotStatus:
    """Stop a pilot as Ctrl-C does and return its status; a pilot that is not at work is left as it is.

    Raises ConfigurationError where the process that holds the folder cannot be identified as its pilot (it is never
    signalled), and where the pilot has not ended after half a minute.
    """
    folder = PilotFolder(path.resolve())
    pilot = status_of(folder.path)
    if not pilot.at_work:
        return pilot
    process = background_process(folder) or (pilot_process(pilot.status.pid, folder) if pilot.status else None)
    if process is None:
        if not (pilot := status_of(folder.path)).at_work:  # it ended meanwhile
            return pilot
        message = f"{folder.path} is held by a process that cannot be identified"
        raise ConfigurationError(message, "stop it where it was started")
    try:
        process.send_signal(signal.SIGINT)
    except psutil.NoSuchProcess:
        return status_of(folder.path)
    except psutil.AccessDenied as error:
        message = f"process {process.pid}, the pilot of {folder.path}, is another user's"
        raise ConfigurationError(message, "ask them to stop it") from error
    if not _wait(lambda: pilot_process(process.pid, folder) is None and not folder.is_held(), STOP_SECONDS):
        message = f"process {process.pid}, the pilot of {folder.path}, still runs {STOP_SECONDS:.0f} s after Ctrl-C"
        hint = f"wait and look again; kill -9 {process.pid} ends it, and it can be resumed after that too"
        raise ConfigurationError(message, hint)
    return status_of(folder.path)


@contextmanager
def _alone(data: Path) -> Iterator[None]:
    """Let one caller at a time look for pilots and start one. Raises BusyError and UnwritableError."""
    parent = pilots_folder(data)
    busy = BusyError(f"another pilot of {data} has been starting for two minutes", "try again later")
    make_folder(parent, _ROOM)
    with held(parent, busy, START_SECONDS + STATUS_SECONDS):
        yield


def _demand_none_at_work(data: Path) -> None:
    if pilot := at_work(data):
        raise BusyError(
            f"the pilot {pilot.folder.name} is at work ({pilot.message}); one at a time runs in {data}",
            "wait until it ends, or stop it",
        )


def _launch(folder: PilotFolder, data: Path, at_once: int, cwd: Path) -> None:
    """Start the pilot's process and return once it works or has ended well. Raises PosttrainError where it failed."""
    child = _spawn(folder, data, at_once, cwd)
    try:
        folder.write_background(Background(pid=child.pid, at_once=at_once, cwd=str(cwd)))
        begun = _wait(lambda: _has_ended(child) or folder.is_held(), START_SECONDS)
        _wait(lambda: _has_ended(child) or _writes(folder, child.pid), STATUS_SECONDS)
    except BaseException:  # nobody would know of it
        _kill(child)
        raise
    if not begun:
        _kill(child)
    if child.poll() is None:
        Thread(target=child.wait, daemon=True).start()  # collects its exit, so that no zombie is left
        return
    pilot = status_of(folder.path)
    if child.returncode not in (ExitCode.OK, ExitCode.PARTIAL) or not pilot.state.has_ended:
        raise _failure(folder, pilot, child)


def _spawn(folder: PilotFolder, data: Path, at_once: int, cwd: Path) -> "subprocess.Popen[bytes]":
    plan, out = str(folder.path / "plan.json"), str(folder.path)
    arguments = ["pilot", plan, "--out", out, "--resume", "--at-once", str(at_once)]
    path = os.pathsep.join(filter(None, (str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH"))))
    environment = {**os.environ, "POSTTRAIN_DATA": str(data), "PYTHONPATH": path}  # this code, and this data's bank
    try:
        with folder.log.open("w", encoding="utf-8") as log:
            return subprocess.Popen(
                [sys.executable, "-c", _COMMAND, *arguments], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=cwd, env=environment, start_new_session=True,
            )  # fmt: skip
    except OSError as error:
        raise UnwritableError(f"cannot start the pilot in {folder.path}: {error}", _ROOM) from error


def _failure(folder: PilotFolder, pilot: PilotStatus, child: "subprocess.Popen[bytes]") -> PosttrainError:
    """Return why a pilot ended at once: the error in the status that this very process wrote, else its exit code."""
    hint = f"{folder.log} has all of it"
    if pilot.status and pilot.status.pid == child.pid and (error := pilot.status.error):
        return ConfigurationError(f"the pilot ended at once: {error.message}", error.hint or hint)
    return RunFailedError(f"the pilot ended at once: code {child.returncode}, {last_line(folder.log)}", hint)


def _kill(child: "subprocess.Popen[bytes]") -> None:
    child.kill()
    child.wait()


def _has_ended(child: "subprocess.Popen[bytes]") -> bool:
    return child.poll() is not None


def _writes(folder: PilotFolder, pid: int) -> bool:
    """Say whether status.json is this process's."""
    pilot = status_of(folder.path)
    return pilot.status is not None and pilot.status.pid == pid


def _wait(is_so: Callable[[], bool], seconds: float) -> bool:
    """Wait until something is so; return whether it came true in time."""
    until = time.monotonic() + seconds
    while not is_so():
        if time.monotonic() > until:
            return False
        time.sleep(POLL_SECONDS)
    return True
