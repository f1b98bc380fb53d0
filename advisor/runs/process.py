"""Dispatch: a stage is a process of its own. A config goes out, metrics are followed, a result comes back.

    RUN_DIR/config.json  →  python -m reference_impls.TECHNIQUE RUN_DIR --resume  →  RUN_DIR/result.json

A process per stage frees the GPU's memory, survives a crash, and keeps torch out of the command line. A run that was
killed goes on from its last checkpoint; a process that outlived its parent is waited for, and its work is used.
"""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from threading import Event
from typing import Any

from filelock import FileLock, Timeout

from posttrain.errors import (
    ConfigurationError,
    ExitCode,
    InterruptedRunError,
    PosttrainError,
    RunFailedError,
    UnfinishedError,
)
from reference_impls.configs import Budget

POLL_SECONDS = 0.2
PATIENCE_SECONDS = 10.0  # that an interrupted run has to end by itself
TAIL_BYTES = 16_384  # of metrics.jsonl, enough for its last lines
NO_TORCH = "pip install 'posttrain[train]'"
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG of prctl(2)


@dataclass(frozen=True)
class Progress:
    """How far a stage is."""

    step: int = 0
    spent: float = 0.0  # share of its budget
    tokens: float = 0.0
    validation: float | None = None  # the last score on the validation split


Follow = Callable[[Progress], None]


def run_stage(
    folder: Path, settings: Mapping[str, Any], follow: Follow | None = None, stop: Event | None = None
) -> dict[str, Any]:
    """Return the result of a stage, begun in `folder` or gone on with; a stage that is done is not run again.

    A run that a guard stopped has a result too. Raises PosttrainError where there is none: torch is not installed, a
    setting or a file is not what it must be (in the run's own words), or the process died. When `stop` is set, and on
    Ctrl-C, the process is ended and KeyboardInterrupt raised; the folder can be gone on with.
    """
    if done := result_of(folder, settings):
        return done
    demand_torch()
    budget = Budget.parse(str(settings["budget"])) if "budget" in settings else None
    tell = partial(_tell, folder, budget, follow, stop)
    technique = str(settings["technique"])
    make_folder(folder)
    _wait_for_another(folder, tell)
    if done := result_of(folder, settings):
        return done
    write_json(folder / "config.json", dict(settings))
    code = _run(technique, folder, tell)
    done = result_of(folder, settings)
    if done is None:
        raise _failure(technique, folder, code)
    return done


def result_of(folder: Path, settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return a finished stage's result, or None where it is not finished within this budget."""
    found = read_json(folder / "result.json")
    if found is None or "error" in found:
        return None
    if "budget" in settings and found["config"]["budget"] != settings["budget"]:
        return None
    return found


def progress_of(folder: Path, budget: Budget | None) -> Progress:
    """Return how far a run is, from the last lines of its metrics."""
    step, validation, amounts = 0, None, {"tokens": 0.0}
    for line in _tail(folder / "metrics.jsonl"):
        step = max(step, int(line.get("step") or 0))
        validation = line.get("validation", validation)
        amounts |= {name: line[name] for name in ("tokens", "flops", "seconds") if line.get(name) is not None}
    spent = min(1.0, amounts.get(budget.unit, 0.0) / budget.amount) if budget else 0.0
    return Progress(step, spent, amounts["tokens"], validation)


def curve_of(folder: Path, unit: str) -> list[dict[str, float]]:
    """Return the validation scores of a run by the work done before each: `{"work": …, "validation": …}`."""
    work, points = 0.0, []
    for line in json_lines(folder / "metrics.jsonl"):
        work = line.get(unit, work)
        if line.get("validation") is not None:
            points.append({"work": float(work or 0.0), "validation": float(line["validation"])})
    return points


def demand_torch() -> None:
    """Raise PosttrainError where torch is not installed."""
    if any(find_spec(name) is None for name in ("torch", "transformers")):
        raise ConfigurationError("torch and transformers are not installed, and running a model needs them", NO_TORCH)


def make_folder(folder: Path) -> None:
    """Make a folder. Raises PosttrainError where that is not allowed."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"cannot make {folder}: {error.strerror}", "name another folder with --out") from error


def write_text(path: Path, text: str) -> None:
    """Write a file whole: a reader sees the old text or the new. Raises PosttrainError where it cannot be written."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise ConfigurationError(
            f"cannot write {path}: {error.strerror}",
            "make room, or name another place with --out; a pilot goes on with --resume",
        ) from error


def write_json(path: Path, value: object) -> None:
    """Write an object as JSON, whole or not at all."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the object in a file that a program wrote, or None where there is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def json_lines(path: Path, last: int = 0) -> list[dict[str, Any]]:
    """Return the objects on the whole lines among the last bytes of a file, of all of it with 0.

    Half a line, as a writer leaves it for a moment, is left out; without a file there are none.
    """
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - last) if last else 0)
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    found = []
    for line in text.split("\n"):  # not splitlines: a response may hold other ends of lines, which JSON leaves as is
        try:
            read = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(read, dict):
            found.append(read)
    return found


def words_of(log: Path) -> tuple[str, str, str]:
    """Return what a command's log says went wrong: its error, its hint, and its last line; '' for what it lacks."""
    try:
        said = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        said = []
    message = next((line.removeprefix("error: ") for line in said if line.startswith("error: ")), "")
    hint = next((line.strip().removeprefix("try: ") for line in said if line.startswith("  try: ")), "")
    return message, hint, next((line.strip() for line in reversed(said) if line.strip()), "it said nothing")


def _run(technique: str, folder: Path, tell: Callable[[], None]) -> int:
    """Run the process to its end and return its exit code; it does not outlive this call."""
    command = [sys.executable, "-m", f"reference_impls.{technique}", str(folder), "--resume"]
    dying = partial(_die_with, os.getpid(), ctypes.CDLL(None)) if sys.platform == "linux" else None
    with (folder / "stderr.txt").open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(  # a group of its own: Ctrl-C reaches it through us, once
            command, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, process_group=0, preexec_fn=dying  # noqa: PLW1509 # one system call, no lock taken
        )  # fmt: skip
        try:
            while process.poll() is None:
                tell()
                time.sleep(POLL_SECONDS)
        finally:
            _end(process)
    tell()
    return process.returncode


def _die_with(parent: int, libc: ctypes.CDLL) -> None:
    """Have the kernel end this process with its parent, also when the parent is killed."""
    libc.prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is not None:
        return
    process.send_signal(signal.SIGINT)
    try:
        process.wait(PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _tell(folder: Path, budget: Budget | None, follow: Follow | None, stop: Event | None) -> None:
    if stop and stop.is_set():
        raise KeyboardInterrupt
    if follow:
        follow(progress_of(folder, budget))


def _wait_for_another(folder: Path, tell: Callable[[], None]) -> None:
    """Wait while a process that outlived its parent is still at work in the folder."""
    lock = FileLock(folder / ".lock")
    while True:
        try:
            lock.acquire(timeout=0)
        except Timeout:
            tell()
            time.sleep(POLL_SECONDS)
        except OSError as error:
            raise ConfigurationError(f"cannot write into {folder}: {error.strerror}", "name another folder") from error
        else:
            lock.release()
            return


def _failure(technique: str, folder: Path, code: int) -> PosttrainError:
    """Return what a run without a result said of itself."""
    message, hint, last = words_of(folder / "stderr.txt")
    if message:
        return ConfigurationError(f"{technique}: {message}", hint or f"look into {folder}")
    if code in (ExitCode.INTERRUPTED, -signal.SIGINT):
        return InterruptedRunError(f"{technique} was interrupted", "go on with --resume")
    if code < 0:
        message = f"{technique} was ended by {signal.Signals(-code).name}, as the system does when memory is full"
        return UnfinishedError(message, "lower micro_batch, then go on with --resume")
    hint = f"{folder / 'stderr.txt'} has all of it"
    return RunFailedError(f"{technique} ended with code {code}: {last}", hint)


def _tail(path: Path) -> list[dict[str, Any]]:
    return json_lines(path, TAIL_BYTES)
