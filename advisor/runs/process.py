"""A stage runs as a process of its own: config.json goes out, metrics are followed, result.json comes back.

    RUN_DIR/config.json  →  python -m reference_impls.TECHNIQUE RUN_DIR --resume  →  RUN_DIR/result.json

A process per stage frees the GPU's memory, survives a crash, and keeps torch out of the command line. A killed run
resumes from its last checkpoint. A process that outlived its parent is waited for, and its work is used.
"""

import ctypes
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

from advisor.runs.result import RunResult, read_failure, read_result
from posttrain.errors import (
    ConfigurationError,
    ExitCode,
    InterruptedRunError,
    PosttrainError,
    RunFailedError,
    UnfinishedError,
    UnwritableError,
)
from posttrain.files import is_held, json_lines, make_folder, write_json
from posttrain.install import install_hint
from reference_impls.configs import Budget

POLL_SECONDS = 0.2
PATIENCE_SECONDS = 10.0  # for an interrupted run to end by itself
TAIL_BYTES = 16_384  # of metrics.jsonl, enough for its last lines
_ROOM = "make room, or choose another folder with --out; a pilot resumes with --resume"
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
    folder: Path, settings: Mapping[str, object], follow: Follow | None = None, stop: Event | None = None
) -> RunResult:
    """Return the result of a stage, started or resumed in `folder`; a finished stage is not run again.

    A run that a guard stopped has a result too. Raises PosttrainError where there is none: torch is not installed, a
    setting or a file is wrong (the run's own message), or the process died. When `stop` is set, and after Ctrl-C, the
    process is ended and KeyboardInterrupt raised; the folder can be resumed.
    """
    if result := result_of(folder, settings):
        return result
    demand_torch()
    budget = Budget.parse(str(settings["budget"])) if "budget" in settings else None
    watch = partial(_watch, folder, budget, follow, stop)
    technique = str(settings["technique"])
    make_folder(folder, _ROOM)
    _wait_for_another(folder, watch)
    if result := result_of(folder, settings):
        return result
    (folder / "result.json").unlink(
        missing_ok=True
    )  # of a smaller budget, or an earlier error: a new error must not hide behind it
    write_json(folder / "config.json", settings, _ROOM)
    code = _run(technique, folder, watch)
    if result := result_of(folder, settings):
        return result
    raise _failure(technique, folder, code)


def result_of(folder: Path, settings: Mapping[str, object]) -> RunResult | None:
    """Return the result of a stage that finished within this budget, or None."""
    result = read_result(folder)
    return result if result and result.within(settings) else None


def progress_of(folder: Path, budget: Budget | None) -> Progress:
    """Return how far a run is, from the last lines of its metrics."""
    step, validation, amounts = 0, None, {"tokens": 0.0}
    for line in json_lines(folder / "metrics.jsonl", TAIL_BYTES):
        step = max(step, int(line.get("step") or 0))
        validation = line.get("validation", validation)
        amounts |= {name: line[name] for name in ("tokens", "flops", "seconds") if line.get(name) is not None}
    spent = min(1.0, amounts.get(budget.unit, 0.0) / budget.amount) if budget else 0.0
    return Progress(step, spent, amounts["tokens"], validation)


def demand_torch() -> None:
    """Raise ConfigurationError where torch is not installed."""
    if any(find_spec(name) is None for name in ("torch", "transformers")):
        raise ConfigurationError(
            "torch and transformers are not installed, and running a model needs them", install_hint("train")
        )


def last_line(log: Path) -> str:
    """Return the last line of a log that has text."""
    try:
        lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        lines = []
    return next((line.strip() for line in reversed(lines) if line.strip()), "it wrote no line")


def _run(technique: str, folder: Path, watch: Callable[[], None]) -> int:
    """Run the process to its end and return its exit code; it does not outlive this call."""
    command = [sys.executable, "-m", f"reference_impls.{technique}", str(folder), "--resume"]
    dying = partial(_die_with, os.getpid(), ctypes.CDLL(None)) if sys.platform == "linux" else None
    with (folder / "stderr.txt").open("w", encoding="utf-8") as errors:
        process = subprocess.Popen(  # a group of its own: Ctrl-C reaches it through us, once
            command, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors, process_group=0, preexec_fn=dying  # noqa: PLW1509 # one system call, no lock taken
        )  # fmt: skip
        try:
            while process.poll() is None:
                watch()
                time.sleep(POLL_SECONDS)
        finally:
            _end(process)
    watch()
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


def _watch(folder: Path, budget: Budget | None, follow: Follow | None, stop: Event | None) -> None:
    if stop and stop.is_set():
        raise KeyboardInterrupt
    if follow:
        follow(progress_of(folder, budget))


def _wait_for_another(folder: Path, watch: Callable[[], None]) -> None:
    """Wait while a process that outlived its parent still works in the folder."""
    try:
        while is_held(folder):
            watch()
            time.sleep(POLL_SECONDS)
    except OSError as error:
        raise UnwritableError(f"cannot write into {folder}: {error.strerror}", "choose another folder") from error


def _failure(technique: str, folder: Path, code: int) -> PosttrainError:
    """Return why a run has no result: the error that it wrote, else what its exit code and its log tell."""
    if failure := read_failure(folder):
        kind = RunFailedError if code == ExitCode.UNEXPECTED else ConfigurationError
        return kind(f"{technique}: {failure.message}", failure.hint or f"read {folder / 'stderr.txt'}")
    if code in (ExitCode.INTERRUPTED, -signal.SIGINT):
        return InterruptedRunError(f"{technique} was interrupted", "resume it with --resume")
    if code < 0:
        message = f"{technique} was ended by {signal.Signals(-code).name}, as the system does when memory is full"
        return UnfinishedError(message, "lower micro_batch, then resume with --resume")
    log = folder / "stderr.txt"
    return RunFailedError(f"{technique} ended with code {code}: {last_line(log)}", f"{log} has all of it")
