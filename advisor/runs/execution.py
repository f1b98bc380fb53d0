"""Running the arms of a plan: no training first, then the others, several at once where that is asked for."""

import os
from collections.abc import Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from functools import partial
from threading import Event

from advisor.runs.plan import Arm, Plan
from advisor.runs.process import run_stage
from advisor.runs.result import RunResult
from advisor.runs.scoring import RunsOfArms
from advisor.runs.watch import Watch
from posttrain.errors import ExitCode, PosttrainError


def run_arms(watch: Watch, at_once: int) -> RunsOfArms:
    """Return each run of each arm: the results of its stages, or its error.

    An arm that fails does not end the others. Raises PosttrainError where the model as it is cannot be scored: then no
    arm can work. Raises KeyboardInterrupt after Ctrl-C.
    """
    stop = Event()
    run = partial(_run_arm, watch=watch, stop=stop, threads=_threads(watch.plan, at_once))
    (arm, seed), *jobs = _jobs(watch.plan)
    first = run(arm, seed)
    if isinstance(first, PosttrainError):
        raise first
    runs: dict[tuple[str, int], list[RunResult] | PosttrainError] = {(arm.id, seed): first}
    with ThreadPoolExecutor(at_once) as pool:
        waiting = {pool.submit(run, arm, seed): (arm.id, seed) for arm, seed in jobs}
        try:
            wait(waiting, return_when=FIRST_EXCEPTION)
            runs |= {key: future.result() for future, key in waiting.items()}
        except BaseException:
            stop.set()
            pool.shutdown(cancel_futures=True)
            raise
    return runs


def _jobs(plan: Plan) -> Iterator[tuple[Arm, int]]:
    """Yield the runs in order: no training, once; then every arm with the first seed, with the second, and so on."""
    yield plan.untrained, plan.seeds[0]
    yield from ((arm, seed) for seed in plan.seeds for arm in plan.arms if arm.trains)


def _run_arm(
    arm: Arm, seed: int, *, watch: Watch, stop: Event, threads: int | None
) -> list[RunResult] | PosttrainError:
    """Return the results of an arm's stages, each started from the policy that the stage before it left."""
    results: list[RunResult] = []
    model: str | None = None
    try:
        for index, stage in enumerate(arm.stages):
            folder = watch.folder.stage(arm, seed, index)
            given = {"seed": seed, "model": model, "threads": threads}
            settings = {**stage.settings(), **{name: value for name, value in given.items() if value is not None}}
            results.append(run_stage(folder, settings, partial(watch.follow, arm, seed, index), stop))
            if (folder / "policy" / "whole").exists():  # a stage without an update leaves no policy
                model = str((folder / "policy").resolve())
    except PosttrainError as error:
        if error.exit_code is ExitCode.INTERRUPTED:
            raise KeyboardInterrupt from error
        watch.fail(arm, seed, error)
        return error
    watch.end(arm, seed, results)
    return results


def _threads(plan: Plan, at_once: int) -> int | None:
    """Return the CPU threads of each run, where several share the machine and the plan does not say."""
    if at_once == 1 or "threads" in plan.task.settings:
        return None
    return max(1, (os.cpu_count() or 1) // at_once)
