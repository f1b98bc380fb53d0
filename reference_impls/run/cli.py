"""The command line of a technique: `python -m reference_impls.TECHNIQUE RUN_DIR [--set name=value …] [--resume]`."""

import argparse
import json
import os
import platform
import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from posttrain.errors import ConfigurationError, PosttrainError
from reference_impls.configs import CONFIGS, RunConfig, load_config, make_config
from reference_impls.model.policy import save_policy
from reference_impls.run.folder import RunLog, write_whole
from reference_impls.run.guards import StoppedError
from reference_impls.run.loop import Run, open_run

OK, USAGE, PARTIAL, INTERRUPTED = 0, 2, 4, 130
IS_FIRST = os.environ.get("RANK", "0") == "0"  # under torchrun one process writes


def main(technique: str, train: Callable[[Run], None]) -> None:
    """Run a technique in a folder and leave with an exit code: 0 done, 2 usage, 4 stopped, 130 interrupted."""
    arguments = _parser(technique).parse_args()
    if arguments.settings:
        print(_settings(CONFIGS[technique]))
        return
    try:
        sys.exit(run_technique(technique, train, arguments.folder, arguments.set, resume=arguments.resume))
    except PosttrainError as error:
        print(f"error: {error.message}", f"  try: {error.hint}" if error.hint else "", sep="\n", file=sys.stderr)
        sys.exit(USAGE)
    except OSError as error:
        print(f"error: {error.strerror or error}: {error.filename or arguments.folder}", file=sys.stderr)
        sys.exit(USAGE)
    except KeyboardInterrupt:
        print("interrupted; go on with --resume", file=sys.stderr)
        sys.exit(INTERRUPTED)


def run_technique(
    technique: str,
    train: Callable[[Run], None],
    folder: Path,
    settings: list[str] | None = None,
    *,
    resume: bool = False,
) -> int:
    """Run a technique to its end, score it before and after, and write result.json; return the exit code."""
    with _held(folder):
        config = _config(technique, folder, settings or [], resume=resume)
        if resume and _is_done(folder / "result.json", config):
            print(f"{folder} is done: see {folder / 'result.json'}", file=sys.stderr)
            return OK
        with open_run(config, folder) as run:
            return _work(run, train, resume=resume)


def _work(run: Run, train: Callable[[Run], None], *, resume: bool) -> int:
    """Score, train, score again and write what came of it."""
    if resume:
        run.resume()
    before = run.state.get("before") or _before(run)
    run.state["before"] = before
    try:
        train(run)
    except StoppedError as stopped:
        run.stop(stopped)
    run.take_best()
    after = before if run.config.technique == "probe" else run.evaluate(run.test, "after").as_dict()
    if run.world.is_first:
        if run.config.save_policy and run.updates:
            run.log.commit("policy", lambda folder: save_policy(run.policy, folder))
        run.log.write_result(_result(run, before, after))
        print(_sentence(run, before, after), file=sys.stderr)
    return PARTIAL if run.status == "stopped" else OK


def _before(run: Run) -> dict[str, Any]:
    """Return the score before training. Raises PosttrainError where most answers cannot be scored."""
    if run.world.is_first:
        print(f"scoring {len(run.test.rows)} test prompts with {run.verifier.name}", file=sys.stderr)
    before = run.evaluate(run.test, "before")
    if before.unscorable > before.n / 2:
        raise ConfigurationError(
            f"{before.unscorable} of {before.n} answers cannot be scored by {run.verifier.name}: {run.puzzle}",
            "mend the verifier or the rows' answers; samples.jsonl has examples",
        )
    return before.as_dict()


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold the run folder while at work in it; under torchrun the first process does. Raises PosttrainError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"cannot make {folder}: {error.strerror}", "name another run folder") from error
    if not IS_FIRST:
        yield
        return
    with RunLog(folder).held():
        yield


def _config(technique: str, folder: Path, changes: list[str], *, resume: bool) -> RunConfig:
    """Return the run's config, from its folder or from --set; the folder must be one to begin or to go on in."""
    path = folder / "config.json"
    begun = any((folder / name).exists() for name in ("metrics.jsonl", "samples.jsonl", "result.json"))
    if begun and not resume:
        raise ConfigurationError(
            f"{folder} holds a run already", "add --resume to go on with it, or take another folder"
        )
    if changes and begun:
        raise ConfigurationError("--set changes a run that has begun", "begin a new run folder, or resume as it was")
    settings: dict[str, Any] = {"technique": technique}
    if path.exists():
        config = load_config(path)
        if config.technique != technique:
            raise ConfigurationError(
                f"{path} is for {config.technique}", f"python -m reference_impls.{config.technique} {folder}"
            )
        settings = json.loads(path.read_text(encoding="utf-8"))
    elif not changes:
        raise ConfigurationError(f"there is no {path}", "write one, or give settings: --set data=task:addition")
    config = make_config(settings | dict(_setting(change) for change in changes))
    if not begun and IS_FIRST:
        write_whole(path, config.model_dump_json(indent=2, exclude_unset=True) + "\n")
    return config


def _is_done(path: Path, config: RunConfig) -> bool:
    """Whether a run has ended by itself within this budget; a stopped one is tried again from its last checkpoint."""
    if not path.exists():
        return False
    result = json.loads(path.read_text(encoding="utf-8"))
    return bool(result["status"] != "stopped" and result["config"]["budget"] == config.budget)


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise ConfigurationError(f"found --set {text}; expected name=value", "for example --set budget=60s")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _result(run: Run, before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {
        "technique": run.config.technique,
        "config": run.config.model_dump(),
        "status": run.status,
        "stopped_because": run.stopped_because or None,
        "before": before,
        "after": after,
        "chosen_step": run.best.get("step", run.step),
        "steps": run.step,
        "updates": run.updates,
        "learning_rate": run.learning_rate,
        "parameters": sum(weight.numel() for weight in run.policy.base.parameters()),
        "work": run.work.as_dict() | {"tokens": run.work.tokens},
        "intake": run.intake or None,
        "skipped_rows": {
            split: dict(task.skipped)
            for split, task in (("train", run.train), ("validation", run.validation), ("test", run.test))
        },
        "probe": run.state.get("probe"),
        "peak_memory_bytes": torch.cuda.max_memory_allocated() if run.policy.device.type == "cuda" else peak,
        "device": torch.cuda.get_device_name() if run.policy.device.type == "cuda" else platform.processor() or "cpu",
        "seed": run.config.seed,
        "notes": [*run.policy.notes, *run.train.warnings, *run.validation.warnings, *run.test.warnings],
        "versions": {name: version(name) for name in ("posttrain", "torch", "transformers")},
    }


def _sentence(run: Run, before: dict[str, Any], after: dict[str, Any]) -> str:
    if probe := run.state.get("probe"):
        shares = ", ".join(f"pass@{k} {100 * share:.1f} %" for k, share in probe["pass_at_k"].items())
        return f"probe: {shares}; {100 * probe['equal_groups']['share']:.0f} % of groups teach nothing"
    first, last = before["strict"], after["strict"]
    because = f" ({run.stopped_because})" if run.stopped_because else ""
    return (
        f"{run.config.technique}: {first['k']} of {first['n']} right before, {last['k']} of {last['n']} after "
        f"[{100 * last['low']:.1f}, {100 * last['high']:.1f}] %, {run.work.tokens:,} tokens, {run.status}{because}"
    )


def _settings(config: type[RunConfig]) -> str:
    """Return every setting with its default and its sentence, a line each."""
    lines = [f"{name:22} {field.default!s:16} {field.description or ''}" for name, field in config.model_fields.items()]
    return "\n".join(lines)


def _parser(technique: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m reference_impls.{technique}", description=CONFIGS[technique].__doc__
    )
    parser.add_argument(
        "folder", type=Path, nargs="?", default=Path(), help="the run folder; config.json is read from it"
    )
    parser.add_argument("--set", action="append", metavar="NAME=VALUE", help="a setting, for a new run")
    parser.add_argument("--resume", action="store_true", help="go on from the last checkpoint")
    parser.add_argument("--settings", action="store_true", help="list every setting, its default and what it does")
    return parser
