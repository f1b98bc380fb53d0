"""Seen: the pilots of a data folder as anyone may look at them, also those of other processes; nothing is changed.

    DATA/pilots/PLAN_ID/plan.json  .lock  status.json  outcome.json  process.json  pilot.log

The lock is the truth: what holds it is at work, whatever status.json says, and what says `running` and does not hold it
was broken off. `process.json` and `pilot.log` are of pilots that were started in the background.
"""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from advisor.pilot import STATUS_VERSION, points_of, stage_folder
from advisor.runs.plan import Arm, Plan, read_plan
from advisor.runs.process import json_lines, read_json, words_of
from posttrain.errors import ConfigurationError, PosttrainError
from reference_impls.configs import Budget

STARTING, RUNNING, DONE, PARTIAL, FAILED, INTERRUPTED, BROKEN_OFF, UNREADABLE = STATES = (
    "starting", "running", "done", "partial", "failed", "interrupted", "broken off", "unreadable",
)  # fmt: skip
LOOK_SECONDS = 0.05  # others look too, and hold the lock for less than this
_STATUS = {"pid": int, "runs": dict, "spent": (int, float), "now": list, "ended": list}
_OUTCOME = {"task": dict, "budget": str, "arms": list, "verdict": dict, "curve": list, "failed": list}
_DAMAGED = (PosttrainError, OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError)


@dataclass(frozen=True)
class Seen:
    """A pilot as it was at the moment of looking."""

    folder: Path
    plan: Plan | None
    state: str  # one of STATES
    message: str  # how it stands, in a sentence
    at_work: bool  # a process holds it, or is about to
    status: dict[str, Any] | None = None  # status.json
    outcome: dict[str, Any] | None = None  # outcome.json, of a pilot that is done or partial


class _UnreadableError(Exception):
    """What of a folder cannot be read; its text is the reason."""


def pilots(data: Path) -> list[Seen]:
    """Return the pilots of a data folder, the one with the latest news first; none where there is no such folder.

    A damaged folder is one of them, `unreadable` with the reason. Raises PosttrainError where DATA/pilots itself cannot
    be listed.
    """
    try:
        found = [path for path in pilots_folder(data).iterdir() if path.is_dir() and not path.name.startswith(".")]
    except FileNotFoundError:
        return []
    except OSError as error:
        hint = "set POSTTRAIN_DATA to another folder"
        raise ConfigurationError(f"{pilots_folder(data)} cannot be listed: {error.strerror}", hint) from error
    return [see(path) for path in sorted(found, key=_latest, reverse=True)]


def at_work(data: Path) -> Seen | None:
    """Return the pilot that is at work in a data folder, or None. Raises PosttrainError as `pilots` does."""
    return next((seen for seen in pilots(data) if seen.at_work), None)


def see(folder: Path) -> Seen:
    """Return how the pilot in a folder stands. Raises nothing: what cannot be read is `unreadable` with the reason."""
    folder = folder.resolve()
    plan, held = None, False
    try:
        held = is_held(folder) or is_pilot(pid_of(folder), folder)
        plan = _plan(folder)
        return _seen(folder, plan, held)
    except _UnreadableError as error:
        reason = str(error)
    except _DAMAGED as error:
        reason = error.message if isinstance(error, PosttrainError) else f"{folder} cannot be read: {error}"
    return Seen(folder, plan, UNREADABLE, reason, held)


def learning(seen: Seen) -> dict[str, Any]:
    """Return what `advisor.runs.report.chart` takes (task, budget, arms, curve), with the points so far as `curve`.

    Raises PosttrainError where the plan, or what its runs wrote, cannot be read.
    """
    plan = _plan_of(seen)
    try:
        points = points_of(plan, seen.folder)
    except _DAMAGED as error:
        hint = "remove the stage's folder under arms/ and go on with the pilot"
        raise ConfigurationError(f"what the runs of {seen.folder} wrote cannot be read: {error}", hint) from error
    arms = [{"id": arm.id, "role": arm.role} for arm in plan.arms]
    return {"task": plan.task, "budget": plan.budget, "arms": arms, "curve": points}


def samples(seen: Seen, limit: int = 3) -> dict[str, list[dict[str, Any]]]:
    """Return up to `limit` test prompts of each arm: `prompt`, `answer`, and what came `before` and `after` training.

    Both are `{"response", "outcome", "reason"}`, or None where the runs of the first seed have not come so far. No
    training has no `after`. Raises PosttrainError where there is no plan.
    """
    plan = _plan_of(seen)
    return {arm.id: _samples(plan, arm, seen.folder)[:limit] for arm in plan.arms}


def pilots_folder(data: Path) -> Path:
    """Return where the pilots of a data folder lie."""
    return data / "pilots"


def is_held(folder: Path) -> bool:
    """Whether a process is at work in a pilot's folder. Raises OSError where its lock cannot be opened."""
    if not (folder / ".lock").exists():
        return False
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=LOOK_SECONDS, poll_interval=LOOK_SECONDS / 5)
    except Timeout:
        return True
    lock.release()
    return False


def pid_of(folder: Path) -> int | None:
    """Return the process that was started in the background for a folder last, or None."""
    pid = (read_json(folder / "process.json") or {}).get("pid")
    return pid if isinstance(pid, int) else None


def is_pilot(pid: int | None, folder: Path) -> bool:
    """Whether a process is alive and the pilot of this folder, and not another that got its number later.

    One that was started in the background names the folder as an argument; any has the folder's lock open.
    """
    if pid is None or pid <= 1:
        return False
    process = Path("/proc") / str(pid)
    if not Path("/proc/self").exists():  # not Linux
        listed = subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return f"--out {folder} " in listed.stdout
    try:
        if {b"pilot", os.fsencode(folder)} <= set(process.joinpath("cmdline").read_bytes().split(b"\0")):
            return True
        return any(one.resolve() == folder / ".lock" for one in process.joinpath("fd").iterdir())
    except OSError:  # it ended, or is another user's
        return False


def _latest(folder: Path) -> float:
    for path in (folder / "status.json", folder / "process.json", folder / "plan.json", folder):
        try:
            return path.stat().st_mtime
        except OSError:
            continue
    return 0.0


def _plan(folder: Path) -> Plan:
    path = folder / "plan.json"
    if not path.exists():
        raise _UnreadableError(f"{folder} holds no plan.json: it is no pilot's folder")
    if not path.is_file() or read_json(path) is None:
        raise _UnreadableError(f"{path} is damaged; expected a plan")
    plan = read_plan(path)
    Budget.parse(plan.budget)
    return plan


def _seen(folder: Path, plan: Plan, held: bool) -> Seen:
    status = _whole(folder / "status.json", {"state": str, **_STATUS}) if (folder / "status.json").exists() else None
    if status and (status["state"] not in STATES or status.get("schema_version") != STATUS_VERSION):
        raise _UnreadableError(f"{folder / 'status.json'} is of another version")
    done, of = (int(status["runs"][name]) for name in ("done", "of")) if status else (0, 0)
    if held:  # what an earlier process wrote says nothing of the one that has begun
        begun = status and is_pilot(status["pid"], folder)
        told = f"{done} of {of} runs ended, {status['spent']:.0%} of the work is done" if status else ""
        return Seen(folder, plan, RUNNING if begun else STARTING, told if begun else "it is starting", True, status)
    state = str(status["state"]) if status else BROKEN_OFF
    if status and state in (DONE, PARTIAL):
        outcome = _whole(folder / "outcome.json", _OUTCOME)
        message = str(outcome["verdict"]["sentence"])
        failed = "".join(f" {one['arm']}, seed {one['seed']} failed: {one['message']}." for one in outcome["failed"])
        return Seen(folder, plan, state, message + failed, False, status, outcome)
    if status and state == FAILED:
        return Seen(folder, plan, state, str(status["message"]), False, status)
    if status and state == INTERRUPTED:
        return Seen(folder, plan, state, f"it was stopped after {done} of {of} runs and can go on", False, status)
    return Seen(folder, plan, BROKEN_OFF, _broken_off(folder, status, done, of), False, status)


def _broken_off(folder: Path, status: Mapping[str, Any] | None, done: int, of: int) -> str:
    """Return how far it came, and why it ended where the log of that very process says so."""
    after = f"after {done} of {of} runs" if status else "before its first run"
    told = words_of(folder / "pilot.log")[0] if status is None or status["pid"] == pid_of(folder) else ""
    return f"it ended {after} without a word" + (f" but: {told}" if told else "") + "; it can go on"


def _whole(path: Path, parts: Mapping[str, Any]) -> dict[str, Any]:
    found = read_json(path) if path.is_file() else None
    if found is None:
        raise _UnreadableError(f"{path} is damaged; expected a JSON object")
    if wrong := [name for name, kind in parts.items() if not isinstance(found.get(name), kind)]:
        raise _UnreadableError(f"{path} is damaged: {', '.join(wrong)} is missing or of another kind")
    return found


def _plan_of(seen: Seen) -> Plan:
    if seen.plan is None:
        raise ConfigurationError(seen.message, "make the plan anew; a folder that is damaged can be removed")
    return seen.plan


def _samples(plan: Plan, arm: Arm, out: Path) -> list[dict[str, Any]]:
    """Return what the first stage said before and the last one after, by prompt and answer, in the first's order."""
    found: dict[str, dict[str, Any]] = {}
    last = len(arm.stages) - 1
    for moment, stage in (("before", 0), ("after", last)):
        for line in json_lines(stage_folder(out, arm, plan.seeds[0], stage) / "samples.jsonl"):
            if line.get("moment") == moment and {"prompt", "response"} <= line.keys():
                asked = {"prompt": line["prompt"], "answer": line.get("answer")}
                one = found.setdefault(json.dumps(asked), {**asked, "before": None, "after": None})
                one[moment] = {name: line.get(name) for name in ("response", "outcome", "reason")}
    return list(found.values())
