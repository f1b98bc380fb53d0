"""The status of pilots, as anyone may read it, also from other processes; nothing is changed.

A process that holds the lock of a folder is running, whatever status.json says. A folder marked `running` whose lock is
free was broken off.
"""

from dataclasses import dataclass
from pathlib import Path

import psutil

from advisor.runs.folder import PilotFolder, Sample, pilots_folder
from advisor.runs.outcome import Curves, Outcome
from advisor.runs.plan import Plan
from advisor.runs.progress import State, Status
from posttrain.errors import ConfigurationError, DamagedError, PosttrainError
from reference_impls.configs import Budget

FIRST_PID = 2  # 0 and 1 are the system's


@dataclass(frozen=True)
class PilotStatus:
    """How a pilot stood at one moment."""

    folder: Path
    plan: Plan | None
    state: State
    message: str  # a sentence
    at_work: bool  # a process holds the folder, or is about to
    status: Status | None = None  # status.json
    outcome: Outcome | None = None  # outcome.json, of a pilot that is done or partial


def pilots(data: Path) -> list[PilotStatus]:
    """Return the status of every pilot of a data folder, the latest first; none where there is no such folder.

    A damaged folder is among them, `unreadable` with the reason. Raises ConfigurationError where DATA/pilots itself
    cannot be listed.
    """
    parent = pilots_folder(data)
    try:
        folders = [PilotFolder(path) for path in parent.iterdir() if path.is_dir() and not path.name.startswith(".")]
    except FileNotFoundError:
        return []
    except OSError as error:
        hint = "set POSTTRAIN_DATA to another folder"
        raise ConfigurationError(f"{parent} cannot be listed: {error.strerror}", hint) from error
    return [status_of(folder.path) for folder in sorted(folders, key=PilotFolder.changed, reverse=True)]


def at_work(data: Path) -> PilotStatus | None:
    """Return the pilot that is at work in a data folder, or None. Raises ConfigurationError as `pilots` does."""
    return next((pilot for pilot in pilots(data) if pilot.at_work), None)


def status_of(path: Path) -> PilotStatus:
    """Return the status of the pilot in a folder. Raises nothing: a damaged folder is `unreadable` with the reason."""
    folder = PilotFolder(path.resolve())
    plan, held = None, False
    try:
        held = folder.is_held() or background_process(folder) is not None
        plan = _plan(folder)
        return _conclude(folder, plan, held)
    except PosttrainError as error:
        reason = error.message
    except OSError as error:
        reason = f"{path} cannot be read: {error}"
    return PilotStatus(folder.path, plan, State.UNREADABLE, reason, held)


def learning(pilot: PilotStatus) -> Curves:
    """Return the learning curves of a pilot so far. Raises PosttrainError where plan or results cannot be read."""
    return _demand_plan(pilot).curves()


def samples(pilot: PilotStatus, limit: int = 3) -> dict[str, list[Sample]]:
    """Return up to `limit` test prompts of each arm, with the responses before and after training.

    No training has no `after`. Raises ConfigurationError where there is no plan.
    """
    return _demand_plan(pilot).samples(limit)


def background_process(folder: PilotFolder) -> psutil.Process | None:
    """Return the process that was last started in the background for a folder, if it is alive."""
    background = folder.background()
    return pilot_process(background.pid, folder) if background else None


def pilot_process(pid: int, folder: PilotFolder) -> psutil.Process | None:
    """Return the process with this number if it is alive and the pilot of this folder, else None.

    A number may belong to another process by now. A pilot from the background names the folder as an argument; any
    pilot has the folder's lock open. The process that is returned stays the same one: psutil compares when it began
    before it sends a signal.
    """
    if pid < FIRST_PID:
        return None
    try:
        process = psutil.Process(pid)
        if {"pilot", str(folder.path)} <= set(process.cmdline()):
            return process
        lock = str(folder.path / ".lock")
        return process if any(file.path == lock for file in process.open_files()) else None
    except psutil.Error:  # it ended, or is another user's
        return None


def _plan(folder: PilotFolder) -> Plan:
    path = folder.path / "plan.json"
    if not path.exists():
        raise DamagedError(f"{folder.path} holds no plan.json: it is no pilot's folder")
    if not path.is_file():
        raise DamagedError(f"{path} is damaged; expected a plan")
    try:
        plan = folder.plan()
        Budget.parse(plan.budget)
    except (PosttrainError, ValueError) as error:
        raise DamagedError(f"{path} is damaged: {error}") from error
    return plan


def _conclude(folder: PilotFolder, plan: Plan, held: bool) -> PilotStatus:
    status = folder.status()
    if held:
        return _running(folder, plan, status)
    if status is None:
        return PilotStatus(
            folder.path, plan, State.BROKEN_OFF, "it ended before its first run; it can be resumed", False
        )
    if status.state.has_ended:
        outcome = folder.outcome()
        failed = "".join(f" {run.arm}, seed {run.seed} failed: {run.message}." for run in outcome.failed)
        sentence = outcome.verdict.sentence + failed
        return PilotStatus(folder.path, plan, status.state, sentence, False, status, outcome)
    runs = f"after {status.runs.done} of {status.runs.of} runs"
    state, message = State.BROKEN_OFF, f"it ended {runs} without an error message; it can be resumed"
    if status.state is State.FAILED:
        state, message = State.FAILED, status.message or "it failed"
    if status.state is State.INTERRUPTED:
        state, message = State.INTERRUPTED, f"it was stopped {runs} and can be resumed"
    return PilotStatus(folder.path, plan, state, message, False, status)


def _running(folder: PilotFolder, plan: Plan, status: Status | None) -> PilotStatus:
    """Return the status of a pilot at work; a status.json of an earlier process tells nothing about this one."""
    if status is None or pilot_process(status.pid, folder) is None:
        return PilotStatus(folder.path, plan, State.STARTING, "it is starting", True, status)
    message = f"{status.runs.done} of {status.runs.of} runs ended, {status.spent:.0%} of the work is done"
    return PilotStatus(folder.path, plan, State.RUNNING, message, True, status)


def _demand_plan(pilot: PilotStatus) -> PilotFolder:
    """Return the folder of a pilot that has a plan."""
    if pilot.plan is None:
        raise ConfigurationError(pilot.message, "make the plan again; a damaged folder can be removed")
    return PilotFolder(pilot.folder)
