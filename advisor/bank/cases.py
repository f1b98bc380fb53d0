"""The bank: what pilots found, a line a case, so that advice can be held against outcomes.

    DATA/bank.jsonl    append-only; a line holds traits, arms at equal work, outcomes with intervals, and provenance

A case tells no folder and no text of a task: the names of model and data, numbers, and versions.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from filelock import FileLock

from advisor.task.traits import BY_NAME, Traits
from posttrain.errors import ConfigurationError

SCHEMA_VERSION = 1
NEEDED = ("id", "family", "traits", "arms")


@dataclass(frozen=True)
class Bank:
    """The cases of a file, and how many of its lines are none."""

    cases: tuple[dict[str, Any], ...]
    skipped: int


def bank_path(data: Path) -> Path:
    """Return where the bank of a data folder lies."""
    return data / "bank.jsonl"


def case_of(outcome: Mapping[str, Any], traits: Mapping[str, Any]) -> dict[str, Any]:
    """Return the case that a pilot's outcome makes; `traits` are those measured, which the stated ones overrule."""
    task, runs = outcome["task"], [run for arm in outcome["arms"] for run in arm["runs"]]
    said = {
        "family": family_of(task),
        "task": {"model": _name(task["model"]), "data": _name(task["data"]), "verifier": task.get("verifier")},
        "parameters": outcome["parameters"],
        "traits": _merged(traits, outcome["traits"]),
        "budget": outcome["budget"],
        "seeds": outcome["seeds"],
        "arms": [_arm(arm) for arm in outcome["arms"]],
        "verdict": {name: outcome["verdict"][name] for name in ("best", "ties", "simplest")},
    }
    digest = hashlib.sha256(json.dumps([outcome["plan"], said], sort_keys=True).encode()).hexdigest()[:16]
    provenance = {
        "posttrain": version("posttrain"),
        "plan": outcome["plan"],
        "date": datetime.now(UTC).date().isoformat(),
        "device": runs[0]["device"],
        "versions": runs[0]["versions"],
    }
    return {"schema_version": SCHEMA_VERSION, "id": digest, **said, "provenance": provenance}


def _merged(measured: Mapping[str, Any], stated: Mapping[str, Any]) -> dict[str, Any]:
    """Return stated traits, and beside them measured ones, as far as these do not contradict them."""
    known = Traits({}).replaced(**{name: value for name, value in stated.items() if name in BY_NAME})
    for name, value in measured.items():
        both = known.replaced(**{name: value}) if known.get(name) is None and name in BY_NAME else known
        known = known if both.contradiction() else both
    return dict(known.values)


def family_of(task: Mapping[str, Any]) -> str:
    """Return the family of a task: what was named, the generator's name, or the name of the file."""
    if task.get("family"):
        return str(task["family"])
    data = str(task["data"])
    if data.startswith("task:"):
        return data.split(":")[1]
    return Path(data).name.partition(".")[0]


def add_case(path: Path, case: Mapping[str, Any]) -> bool:
    """Append a case, whole; return False where the bank has it already. Raises PosttrainError where it cannot be
    written.

    Two processes may write at once. Half a line that a killed process left is ended first, and skipped by readers.
    """
    line = json.dumps(case, ensure_ascii=False) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f".{path.name}.lock")):
            if any(one["id"] == case["id"] for one in read_bank(path).cases):
                return False
            _append(path, line.encode())
    except OSError as error:
        raise ConfigurationError(
            f"cannot write the bank {path}: {error.strerror}", "make room, or set POSTTRAIN_DATA to another folder"
        ) from error
    return True


def read_bank(path: Path) -> Bank:
    """Return the cases of a bank, none where there is no file; lines that are no case are counted."""
    if not path.exists():
        return Bank((), 0)
    cases, skipped = [], 0
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        if line.strip():
            case = _read(line)
            cases += [case] if case else []
            skipped += case is None
    return Bank(tuple(cases), skipped)


def render(bank: Bank) -> list[str]:
    """Return the cases as lines for a terminal."""
    if not bank.cases:
        return ["no cases yet: advisor pilot writes one at its end", *_skipped(bank)]
    lines = [f"{'family':14}{'weights':>14}  {'budget':14}{'seeds':>5}  best"]
    for case in bank.cases:
        arms = {arm["id"]: arm for arm in case["arms"]}
        best = arms.get(case["verdict"]["best"])
        ties = f", not told apart from {', '.join(case['verdict']['ties'])}" if case["verdict"]["ties"] else ""
        told = f"{best['id']} {100 * best['strict']['share']:.1f} %{ties}" if best else "none"
        lines.append(
            f"{case['family']:14}{case['parameters'] or 0:>14,}  {case['budget']:14}{len(case['seeds']):>5}  {told}"
        )
    return [
        *lines,
        f"{len(bank.cases)} cases of {len({case['family'] for case in bank.cases})} families",
        *_skipped(bank),
    ]


def _skipped(bank: Bank) -> list[str]:
    return [f"{bank.skipped} broken lines were skipped"] if bank.skipped else []


def _arm(arm: Mapping[str, Any]) -> dict[str, Any]:
    kept = ("id", "role", "pipeline", "method", "strict", "lenient", "tokens")
    runs = [
        {name: run[name] for name in ("seed", "status", "tokens", "flops")} | {"share": run["strict"]["share"]}
        for run in arm["runs"]
    ]
    return {name: arm[name] for name in kept} | {"runs": runs}


def _name(text: str) -> str:
    """Return the name of a file or folder, and what is neither as it is."""
    return Path(text).name if Path(text).expanduser().exists() else text


def _append(path: Path, line: bytes) -> None:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        size = os.fstat(handle).st_size
        if size and os.pread(handle, 1, size - 1) != b"\n":
            line = b"\n" + line
        written = os.write(handle, line)
        if written != len(line):  # a full disk: leave no half
            os.ftruncate(handle, size)
            raise OSError(28, "no space left on the device")
        os.fsync(handle)
    finally:
        os.close(handle)


def _read(line: str) -> dict[str, Any] | None:
    try:
        case = json.loads(line)
    except ValueError:
        return None
    whole = isinstance(case, dict) and all(name in case for name in NEEDED)
    return case if whole and case.get("schema_version") == SCHEMA_VERSION else None
