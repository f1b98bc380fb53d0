"""Pilot: the arms of a plan, a process each, and in the end a table, a curve, a verdict and a case for the bank.

    OUT/plan.json  status.json  arms/ARM/seed-S/stage-N-TECHNIQUE/  →  outcome.json  table.md  curve.svg

`status.json` is rewritten whole all along, so that anything can watch. A pilot that was killed at any moment goes on
with --resume and ends in the same outcome: what ended is read, what was begun goes on from its last step.
"""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from threading import Event, Lock
from typing import Any

from filelock import FileLock, Timeout

from advisor.bank.cases import add_case, case_of
from advisor.probe import traits_of
from advisor.runs.outcome import Ended, outcome_of
from advisor.runs.plan import NO_TRAINING, Arm, Plan, read_plan, write_plan
from advisor.runs.process import (
    Progress,
    curve_of,
    demand_torch,
    make_folder,
    read_json,
    run_stage,
    write_json,
    write_text,
)
from advisor.runs.report import curve, said_run, table
from posttrain.console import note, progress
from posttrain.errors import ConfigurationError, ExitCode, InterruptedRunError, PosttrainError
from reference_impls.configs import Budget

STATUS_SECONDS = 1.0
LINE_SECONDS = 15.0
LOCK_SECONDS = 1.0
STATUS_VERSION = 1

Draw = Callable[[int, int], None]


@dataclass
class Watch:
    """What is going on, for status.json, the bar and the lines on stderr; several arms may report at once."""

    out: Path
    plan: Plan
    draw: Draw
    of: int
    started: float = field(default_factory=time.time)
    now: dict[str, dict[str, Any]] = field(default_factory=dict)
    ended: list[dict[str, Any]] = field(default_factory=list)
    written: float = 0.0
    told: float = field(default_factory=time.monotonic)
    lock: Lock = field(default_factory=Lock)

    def follow(self, arm: Arm, seed: int, stage: int, at: Progress) -> None:
        """Note how far a stage is."""
        if not (self.out / "plan.json").exists():  # nobody could see or stop it, and it would go on for hours
            raise InterruptedRunError(f"{self.out} was removed", "start the pilot anew")
        with self.lock:
            technique, of = arm.stages[stage]["technique"], len(arm.stages)
            place = {"arm": arm.id, "seed": seed, "stage": stage + 1, "stages": of, "technique": technique}
            self.now[f"{arm.id}/{seed}"] = {**place, **asdict(at)}
            self.draw(round(100 * self.spent()), 100 * self.of)
            if time.monotonic() - self.told > LINE_SECONDS:
                self.told = time.monotonic()
                score = "" if at.validation is None else f", validation {100 * at.validation:.1f} %"
                note(f"{arm.id}, seed {seed}, {technique}: step {at.step}, {100 * at.spent:.0f} % of its budget{score}")
            if time.monotonic() - self.written > STATUS_SECONDS:
                self.write("running")

    def end(self, arm: Arm, seed: int, said: list[dict[str, Any]] | PosttrainError) -> None:
        """Note that a run of an arm has ended, with its score or with what went wrong."""
        with self.lock:
            self.now.pop(f"{arm.id}/{seed}", None)
            if isinstance(said, PosttrainError):
                self.ended.append(
                    {"arm": arm.id, "seed": seed, "status": "failed", "strict": None, "message": said.message}
                )
                note(f"{arm.id}, seed {seed} failed: {said.message}\n  try: {said.hint}")
            else:
                last = said[-1]
                score = {
                    "status": last["status"],
                    "strict": last["after"]["strict"],
                    "message": last["stopped_because"],
                }
                self.ended.append({"arm": arm.id, "seed": seed, **score})
                because = f", {last['status']}: {last['stopped_because']}" if last["stopped_because"] else ""
                note(said_run(arm.id, seed, said[0]["before"], last["after"]) + because)
            self.draw(round(100 * self.spent()), 100 * self.of)
            self.write("running")

    def spent(self) -> float:
        """Return how many runs are done, parts of runs included."""
        parts: float = sum((one["stage"] - 1 + one["spent"]) / one["stages"] for one in self.now.values())
        return len(self.ended) + parts

    def write(self, state: str, message: str | None = None) -> None:
        """Write status.json; a disk that is full is told by the runs themselves.

        `state` is running, done, partial (a run failed), failed (nothing could be tried) or interrupted.
        """
        self.written = time.monotonic()
        with suppress(PosttrainError):
            write_json(self.out / "status.json", {
                "schema_version": STATUS_VERSION, "plan": self.plan.id, "state": state, "message": message,
                "pid": os.getpid(), "started": self.started, "updated": time.time(),
                "runs": {"done": len(self.ended), "of": self.of}, "spent": self.spent() / self.of,
                "now": list(self.now.values()), "ended": self.ended,
            })  # fmt: skip


def run_pilot(
    plan: Plan, out: Path, *, resume: bool = False, at_once: int = 1, bank: Path | None = None
) -> dict[str, Any]:
    """Return the outcome of a plan, run in folder `out`, and write outcome.json, table.md, curve.svg and the case.

    An arm that fails is counted and the others go on; `exit_code` says whether there was one. Only a whole outcome
    becomes a case of `bank`. Raises PosttrainError where the folder is another pilot's or in use, where the model
    cannot
    even be scored as it is, and (interrupted) after Ctrl-C; whatever was done is kept for `resume`.
    """
    demand_torch()
    make_folder(out)
    with _held(out):
        _begin(plan, out, resume)
        jobs = [(arm, seed) for seed in plan.seeds for arm in plan.arms if arm.role != NO_TRAINING]
        untrained = next(arm for arm in plan.arms if arm.role == NO_TRAINING)
        with progress("pilot") as draw:
            watch = Watch(out, plan, draw, len(jobs) + 1)
            ended = _run_all(plan, [(untrained, plan.seeds[0]), *jobs], watch, at_once)
        outcome = {**outcome_of(plan, ended), "curve": points_of(plan, out)}
        _write(outcome, out)
        watch.write("partial" if outcome["failed"] else "done", outcome["verdict"]["sentence"])
        if bank and not outcome["failed"]:
            first = ended[untrained.id, plan.seeds[0]]
            add_case(bank, case_of(outcome, traits_of(first[0]) if isinstance(first, list) else {}))
    return outcome


def exit_code(outcome: dict[str, Any]) -> ExitCode:
    """Return 0 for a whole outcome, 4 (partial, resume possible) where a run failed."""
    return ExitCode.PARTIAL if outcome["failed"] else ExitCode.OK


def default_folder(plan: Plan, data: Path) -> Path:
    """Return where a plan's pilot lies unless --out says otherwise: the same plan finds the same folder again."""
    return data / "pilots" / plan.id


def read_status(out: Path) -> dict[str, Any] | None:
    """Return what status.json says of a pilot, or None where none was begun."""
    return read_json(out / "status.json")


def stage_folder(out: Path, arm: Arm, seed: int, stage: int) -> Path:
    """Return the run folder of an arm's stage, counted from 0."""
    return out / "arms" / arm.id / f"seed-{seed}" / f"stage-{stage + 1}-{arm.stages[stage]['technique']}"


def points_of(plan: Plan, out: Path) -> list[dict[str, Any]]:
    """Return the validation scores of every trained arm so far, by the work done, its stages one after another.

    A point is `{"arm", "seed", "work", "validation"}`, as the outcome's `curve` has it.
    """
    points: list[dict[str, Any]] = []
    unit = Budget.parse(plan.budget).unit
    for arm in (arm for arm in plan.arms if arm.role != NO_TRAINING):
        for seed in plan.seeds:
            before = 0.0
            for number in range(len(arm.stages)):
                folder = stage_folder(out, arm, seed, number)
                for point in curve_of(folder, unit):
                    points.append({"arm": arm.id, "seed": seed, **point, "work": before + point["work"]})
                before += float((read_json(folder / "result.json") or {"work": {unit: 0.0}})["work"][unit])
    return points


@contextmanager
def _held(out: Path) -> Iterator[None]:
    """Keep other pilots out of the folder. Who only looks whether it is held has it for less than a moment."""
    lock = FileLock(out / ".lock")
    try:
        lock.acquire(timeout=LOCK_SECONDS)
    except Timeout as error:
        raise ConfigurationError(
            f"{out} belongs to a pilot that is still at work", "wait for it, or take another --out"
        ) from error
    except OSError as error:
        raise ConfigurationError(f"cannot write into {out}: {error.strerror}", "take another --out") from error
    try:
        yield
    finally:
        lock.release()


def _begin(plan: Plan, out: Path, resume: bool) -> None:
    """Write the plan into a new folder; of a folder that holds one, see that it is this one and to be gone on with."""
    if (out / "plan.json").exists():
        begun = read_plan(out / "plan.json")
        if begun.id != plan.id:
            raise ConfigurationError(
                f"{out} holds the pilot of another plan", "take another --out, or pilot its own plan.json"
            )
        if not resume:
            raise ConfigurationError(
                f"{out} holds this pilot already", "add --resume to go on with it, or take another --out"
            )
        return
    write_plan(plan, out / "plan.json")


def _run_all(plan: Plan, jobs: list[tuple[Arm, int]], watch: Watch, at_once: int) -> Ended:
    """Run the arms, no training first: where that fails nothing else can work. Raises PosttrainError."""
    ended: Ended = {}
    stop = Event()
    run = partial(_run_arm, watch=watch, stop=stop, threads=_threads(plan, at_once))
    try:
        arm, seed = jobs[0]
        ended[arm.id, seed] = first = run(arm, seed)
        if isinstance(first, PosttrainError):
            watch.write("failed", f"{first.message}; next: {first.hint}")
            raise first
        with ThreadPoolExecutor(at_once) as pool:
            waiting = {pool.submit(run, arm, seed): (arm.id, seed) for arm, seed in jobs[1:]}
            try:
                wait(waiting, return_when=FIRST_EXCEPTION)
                ended |= {place: future.result() for future, place in waiting.items()}
            except BaseException:
                stop.set()
                pool.shutdown(cancel_futures=True)
                raise
    except KeyboardInterrupt as error:
        watch.write("interrupted", "interrupted; go on with --resume")
        raise InterruptedRunError(
            f"interrupted; what was done is kept in {watch.out}", "the same command with --resume"
        ) from error
    return ended


def _run_arm(
    arm: Arm, seed: int, *, watch: Watch, stop: Event, threads: int | None
) -> list[dict[str, Any]] | PosttrainError:
    """Return the results of an arm's stages, each from the policy that the one before it left, or what went wrong."""
    found: list[dict[str, Any]] = []
    model: str | None = None
    try:
        for number, stage in enumerate(arm.stages):
            folder = stage_folder(watch.out, arm, seed, number)
            more = {"seed": seed, "model": model, "threads": threads}
            settings = {**stage, **{name: value for name, value in more.items() if value is not None}}
            found.append(run_stage(folder, settings, partial(watch.follow, arm, seed, number), stop))
            if (folder / "policy" / "whole").exists():  # a stage that learnt nothing leaves none
                model = str((folder / "policy").resolve())
    except PosttrainError as error:
        if error.exit_code is ExitCode.INTERRUPTED:
            raise KeyboardInterrupt from error
        watch.end(arm, seed, error)
        return error
    watch.end(arm, seed, found)
    return found


def _threads(plan: Plan, at_once: int) -> int | None:
    """Return the CPU threads of each run, where several share the machine and the plan does not say."""
    if at_once == 1 or "threads" in plan.task["settings"]:
        return None
    return max(1, (os.cpu_count() or 1) // at_once)


def _write(outcome: dict[str, Any], out: Path) -> None:
    write_json(out / "outcome.json", outcome)
    write_text(out / "table.md", table(outcome))
    write_text(out / "curve.svg", curve(outcome))
