"""The run folder: config.json, metrics.jsonl, samples.jsonl, checkpoints and result.json. No torch here.

Every file in the folder is whole: it is written under another name and then renamed. Lines that a killed run wrote
after its last checkpoint are cut off when the run is resumed.
"""

import json
import math
import shutil
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path

from posttrain.errors import BusyError, ConfigurationError
from posttrain.files import held, read_json, write_json, write_whole


class RunLog:
    """One run's folder on disk, held by one process at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "config.json"
        self.metrics = folder / "metrics.jsonl"
        self.samples = folder / "samples.jsonl"
        self.result = folder / "result.json"

    def held(self) -> AbstractContextManager[None]:
        """Keep other processes out of the folder. Raises BusyError where another process runs in it."""
        message = f"{self.folder} belongs to a run that is still at work"
        return held(self.folder, BusyError(message, "wait for it, or take another folder"))

    def has_begun(self) -> bool:
        """Whether a run has written its first line or its result here; a result that is an error is none."""
        return self.metrics.exists() or self.samples.exists() or (self.result.exists() and not self.has_failed())

    def has_failed(self) -> bool:
        """Whether result.json holds the error of an earlier attempt."""
        return "error" in (read_json(self.result) or {})

    def write_metrics(self, step: int, metrics: Mapping[str, float]) -> None:
        """Append one line of metrics; a number that is not finite is written as null."""
        _append(self.metrics, {"step": step, **{name: _finite(value) for name, value in metrics.items()}})

    def write_sample(self, step: int, sample: Mapping[str, object]) -> None:
        """Append one response of the policy, with its prompt and its verdict."""
        _append(self.samples, {"step": step, **sample})

    def write_result(self, result: Mapping[str, object]) -> None:
        """Write result.json, whole or not at all. Raises UnwritableError."""
        write_json(self.result, result)

    def write_error(self, message: str, hint: str) -> None:
        """Write why the run failed into result.json, unless that holds the result of a finished run."""
        if not self.result.exists() or self.has_failed():
            write_json(self.result, {"error": {"message": message, "hint": hint}})

    def forget_error(self) -> None:
        """Remove the error of an earlier attempt: from here on it says nothing about this run."""
        if self.has_failed():
            self.result.unlink()

    def cut_after(self, step: int) -> None:
        """Drop the lines of steps after `step`, those of the end, and half a line, as a killed run leaves it."""
        for path in (self.metrics, self.samples):
            if path.exists():
                lines = path.read_text(encoding="utf-8").split("\n")  # splitlines would cut a response at its U+2028
                kept = [line for line in lines if _step_of(line) <= step]
                write_whole(path, "".join(f"{line}\n" for line in kept))

    def commit(self, name: str, write: Callable[[Path], None]) -> Path:
        """Let `write` fill a new folder, put it in the place of folder `name`, whole or not at all, and return it.

        At any moment there is a whole old folder or a whole new one; `find` knows which. Raises ConfigurationError
        where `write` fails.
        """
        new, old, current = (self.folder / f"{name}{suffix}" for suffix in (".new", ".old", ""))
        (new / "whole").unlink(missing_ok=True)  # first, lest a kill in the next line leave a folder that seems whole
        shutil.rmtree(new, ignore_errors=True)
        try:
            new.mkdir()
            write(new)
        except Exception as error:  # of a full disk torch says RuntimeError, and safetensors has an error of its own
            raise ConfigurationError(
                f"cannot write {new}: {error}", "make room on the disk, then resume with --resume"
            ) from error
        (new / "whole").touch()  # written last: a folder without it was never finished
        shutil.rmtree(old, ignore_errors=True)
        if current.exists():
            current.rename(old)
        new.rename(current)
        shutil.rmtree(old, ignore_errors=True)
        return current

    def find(self, name: str) -> Path | None:
        """Return the newest whole folder of this name, or None."""
        candidates = (self.folder / f"{name}{suffix}" for suffix in ("", ".new", ".old"))
        return next((folder for folder in candidates if (folder / "whole").exists()), None)


def _append(path: Path, line: Mapping[str, object]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line, ensure_ascii=False) + "\n")


def _step_of(line: str) -> float:
    """Return the step that a line belongs to; infinity for a line of the end and for half a line."""
    try:
        content = json.loads(line)
        return math.inf if content.get("moment") == "after" else float(content["step"])
    except (ValueError, KeyError, TypeError, AttributeError):
        return math.inf


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
