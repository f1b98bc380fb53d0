"""Watching a pilot from the inside: its status on disk, a bar, and lines on stderr while arms run."""

import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from threading import Lock

from advisor.runs.folder import PilotFolder
from advisor.runs.outcome import Outcome
from advisor.runs.plan import Arm, Plan
from advisor.runs.process import Progress
from advisor.runs.progress import Counted, EndedRun, RunningRun, State, Status
from advisor.runs.result import Failure, RunResult, percent
from posttrain.console import note, progress
from posttrain.errors import InterruptedRunError, PosttrainError

STATUS_SECONDS = 1.0
LINE_SECONDS = 15.0

Draw = Callable[[int, int], None]


@dataclass
class Watch:
    """What runs, how far it is, and what has ended; several arms may report at once."""

    folder: PilotFolder
    plan: Plan
    draw: Draw
    of: int  # runs
    started: float = field(default_factory=time.time)
    now: dict[tuple[str, int], RunningRun] = field(default_factory=dict)
    ended: list[EndedRun] = field(default_factory=list)
    written: float = 0.0
    noted: float = field(default_factory=time.monotonic)
    lock: Lock = field(default_factory=Lock)

    def follow(self, arm: Arm, seed: int, index: int, at: Progress) -> None:
        """Record how far a stage is. Raises InterruptedRunError where the folder was removed."""
        if not self.folder.has_plan():  # nobody could see or stop it, and it would run for hours
            raise InterruptedRunError(f"{self.folder.path} was removed", "start the pilot again")
        with self.lock:
            technique, stages = arm.stages[index].technique, len(arm.stages)
            self.now[arm.id, seed] = RunningRun(
                arm=arm.id, seed=seed, stage=index + 1, stages=stages, technique=technique, **asdict(at)
            )
            self.draw(self._per_cent(), 100)
            if time.monotonic() - self.noted > LINE_SECONDS:
                self.noted = time.monotonic()
                score = "" if at.validation is None else f", validation {percent(at.validation)}"
                note(f"{arm.id}, seed {seed}, {technique}: step {at.step}, {100 * at.spent:.0f} % of its budget{score}")
            if time.monotonic() - self.written > STATUS_SECONDS:
                self.write(State.RUNNING)

    def end(self, arm: Arm, seed: int, stages: Sequence[RunResult]) -> None:
        """Record that a run of an arm has ended with its score."""
        last, because = stages[-1], stages[-1].stopped_because
        scores = [percent(score.strict.share) for score in (stages[0].before, last.after)]
        reason = f", {last.status}: {because}" if because else ""
        note(f"{arm.id}, seed {seed}: {scores[0]} before, {scores[1]} after{reason}")
        self._end(
            EndedRun(arm=arm.id, seed=seed, status=last.status, strict=last.after.strict, message=because),
        )

    def fail(self, arm: Arm, seed: int, error: PosttrainError) -> None:
        """Record that a run of an arm has failed."""
        note(f"{arm.id}, seed {seed} failed: {error.message}\n  try: {error.hint}")
        self._end(EndedRun(arm=arm.id, seed=seed, status="failed", strict=None, message=error.message))

    def _end(self, run: EndedRun) -> None:
        with self.lock:
            self.now.pop((run.arm, run.seed), None)
            self.ended.append(run)
            self.draw(self._per_cent(), 100)
            self.write(State.RUNNING)

    def _per_cent(self) -> int:
        return round(100 * self.spent() / self.of)

    def spent(self) -> float:
        """Return how many runs are done, parts of runs included."""
        return len(self.ended) + sum((run.stage - 1 + run.spent) / run.stages for run in self.now.values())

    def write(self, state: State, message: str | None = None, error: PosttrainError | None = None) -> None:
        """Write status.json. A full disk is no error here: the runs themselves report it."""
        self.written = time.monotonic()
        status = Status(
            plan=self.plan.id,
            state=state,
            message=message,
            pid=os.getpid(),
            started=self.started,
            updated=time.time(),
            runs=Counted(done=len(self.ended), of=self.of),
            spent=self.spent() / self.of,
            now=tuple(self.now.values()),
            ended=tuple(self.ended),
            error=Failure(message=error.message, hint=error.hint) if error else None,
        )
        with suppress(PosttrainError):
            self.folder.write_status(status)

    def finish(self, outcome: Outcome) -> None:
        """Write the last status of a pilot that has an outcome."""
        self.write(State.PARTIAL if outcome.failed else State.DONE, outcome.verdict.sentence)


@contextmanager
def watched(plan: Plan, folder: PilotFolder) -> Iterator[Watch]:
    """Give the watch of a pilot; an error or Ctrl-C inside becomes its last status.

    Raises the error again, and InterruptedRunError after Ctrl-C.
    """
    runs = sum(len(plan.seeds) if arm.trains else 1 for arm in plan.arms)
    with progress("pilot", "% of the work") as draw:
        watch = Watch(folder, plan, draw, runs)
        try:
            yield watch
        except KeyboardInterrupt as error:
            watch.write(State.INTERRUPTED, "interrupted; it can be resumed")
            message = f"interrupted; finished work is kept in {folder.path}"
            raise InterruptedRunError(message, "the same command with --resume") from error
        except PosttrainError as error:
            watch.write(State.FAILED, f"{error.message}; next: {error.hint}", error)
            raise
