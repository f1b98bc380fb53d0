"""The run folder: config.json, metrics.jsonl, samples.jsonl, checkpoints and result.json. No torch here.

Whatever stands in the folder is whole: files are written beside their place and moved into it, and lines that a killed
run wrote after its last checkpoint are cut off when it goes on.
"""

import json
import math
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from posttrain.errors import ConfigurationError


class RunLog:
    """One run's folder on disk, held by one process at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.metrics = folder / "metrics.jsonl"
        self.samples = folder / "samples.jsonl"
        self.result = folder / "result.json"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Keep other processes out of the folder. Raises PosttrainError where one is at work in it."""
        lock = FileLock(self.folder / ".lock")
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise ConfigurationError(
                f"{self.folder} belongs to a run that is still at work", "wait for it, or take another folder"
            ) from error
        try:
            yield
        finally:
            lock.release()

    def write_metrics(self, step: int, metrics: Mapping[str, float]) -> None:
        """Append one line of metrics; a number that is not finite is written as null."""
        self._append(self.metrics, {"step": step, **{name: _finite(value) for name, value in metrics.items()}})

    def write_sample(self, step: int, sample: Mapping[str, Any]) -> None:
        """Append one response of the policy, with its prompt and its verdict."""
        self._append(self.samples, {"step": step, **sample})

    def write_result(self, result: Mapping[str, Any]) -> None:
        """Write result.json, whole or not at all."""
        write_whole(self.result, json.dumps(result, indent=2, ensure_ascii=False, allow_nan=False) + "\n")

    def cut_after(self, step: int) -> None:
        """Drop the lines of steps after `step`, those of the end, and half a line: what a killed run wrote last."""
        for path in (self.metrics, self.samples):
            if path.exists():
                lines = path.read_text(encoding="utf-8").split("\n")  # splitlines would cut a response at its U+2028
                kept = [line for line in lines if _step_of(line) <= step]
                write_whole(path, "".join(f"{line}\n" for line in kept))

    def commit(self, name: str, write: Callable[[Path], None]) -> Path:
        """Let `write` fill a new folder and put it in the place of folder `name`, whole or not at all.

        At any moment there is a whole old folder or a whole new one; `find` knows which.
        """
        new, old, place = (self.folder / f"{name}{suffix}" for suffix in (".new", ".old", ""))
        (new / "whole").unlink(missing_ok=True)  # first, lest a kill in the next line leave a folder that seems whole
        shutil.rmtree(new, ignore_errors=True)
        try:
            new.mkdir()
            write(new)
        except Exception as error:  # of a full disk torch says RuntimeError, and safetensors has an error of its own
            raise ConfigurationError(
                f"cannot write {new}: {error}", "make room on the disk, then go on with --resume"
            ) from error
        (new / "whole").touch()  # written last: a folder without it was never finished
        shutil.rmtree(old, ignore_errors=True)
        if place.exists():
            place.rename(old)
        new.rename(place)
        shutil.rmtree(old, ignore_errors=True)
        return place

    def find(self, name: str) -> Path | None:
        """Return the newest whole folder of this name, or None."""
        candidates = (self.folder / f"{name}{suffix}" for suffix in ("", ".new", ".old"))
        return next((folder for folder in candidates if (folder / "whole").exists()), None)

    def _append(self, path: Path, line: Mapping[str, Any]) -> None:
        with path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def write_whole(path: Path, text: str) -> None:
    """Write a file so that a reader sees all of the old text or all of the new."""
    beside = path.with_name(f"{path.name}.{os.getpid()}.new")
    with beside.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def _step_of(line: str) -> float:
    try:
        read = json.loads(line)
        return math.inf if read.get("moment") == "after" else float(read["step"])
    except (ValueError, KeyError, TypeError):
        return math.inf


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
