"""The command line of a technique: `python -m reference_impls.TECHNIQUE RUN_DIR [--set name=value …] [--resume]`."""

import argparse
import json
import platform
import resource
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from reference_impls.configs import CONFIGS, RunConfig, load_config, make_config
from reference_impls.errors import RunError
from reference_impls.guards import StoppedError
from reference_impls.run import Run, open_run
from reference_impls.runlog import write_whole

OK, UNEXPECTED, USAGE, PARTIAL, INTERRUPTED = 0, 1, 2, 4, 130


def main(technique: str, train: Callable[[Run], None]) -> None:
    """Run a technique in a folder and leave with an exit code: 0 done, 2 usage, 4 stopped, 130 interrupted."""
    arguments = _parser(technique).parse_args()
    if arguments.settings:
        print(_settings(CONFIGS[technique]))
        return
    try:
        sys.exit(run_technique(technique, train, arguments.folder, arguments.set, resume=arguments.resume))
    except RunError as error:
        print(f"error: {error.message}", f"  try: {error.hint}" if error.hint else "", sep="\n", file=sys.stderr)
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
    config = _config(technique, folder, settings or [], resume=resume)
    with open_run(config, folder) as run:
        if run.log.result.exists() and resume:
            print(f"{folder} is done: see {run.log.result}", file=sys.stderr)
            return OK
        if resume:
            run.resume()
        before = run.state.get("before") or run.evaluate(run.test, "before").as_dict()
        run.state["before"] = before
        try:
            train(run)
        except StoppedError as stopped:
            run.stop(stopped)
        run.take_best()
        after = run.evaluate(run.test, "after").as_dict() if technique != "probe" else before
        if run.world.is_first:
            run.log.write_result(_result(run, before, after))
            print(_sentence(run, before, after), file=sys.stderr)
        return PARTIAL if run.status == "stopped" else OK


def _config(technique: str, folder: Path, changes: list[str], *, resume: bool) -> RunConfig:
    """Return the run's config, from its folder or from --set; the folder must be one to begin or to go on in."""
    path = folder / "config.json"
    begun = (folder / "metrics.jsonl").exists() or (folder / "result.json").exists()
    if begun and not resume:
        raise RunError(f"{folder} holds a run already", "add --resume to go on with it, or take another folder")
    if changes and begun:
        raise RunError("--set changes a run that has begun", "begin a new run folder, or resume as it was")
    settings: dict[str, Any] = {"technique": technique}
    if path.exists():
        config = load_config(path)
        if config.technique != technique:
            raise RunError(
                f"{path} is for {config.technique}", f"python -m reference_impls.{config.technique} {folder}"
            )
        settings = json.loads(path.read_text(encoding="utf-8"))
    elif not changes:
        raise RunError(f"there is no {path}", "write one, or give settings: --set data=task:addition")
    config = make_config(settings | dict(_setting(change) for change in changes))
    folder.mkdir(parents=True, exist_ok=True)
    if not begun:
        write_whole(path, config.model_dump_json(indent=2, exclude_unset=True) + "\n")
    return config


def _setting(text: str) -> tuple[str, Any]:
    name, equals, value = text.partition("=")
    if not equals:
        raise RunError(f"found --set {text}; expected name=value", "for example --set budget=60s")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _result(run: Run, before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return {
        "technique": run.config.technique,
        "status": run.status,
        "stopped_because": run.stopped_because or None,
        "before": before,
        "after": after,
        "chosen_step": run.best.get("step", run.step),
        "steps": run.step,
        "updates": run.updates,
        "learning_rate": run.learning_rate,
        "work": run.work.as_dict() | {"tokens": run.work.tokens},
        "intake": run.intake or None,
        "skipped_rows": dict(run.train.skipped),
        "probe": run.state.get("probe"),
        "peak_memory_bytes": torch.cuda.max_memory_allocated() if run.policy.device.type == "cuda" else peak,
        "device": torch.cuda.get_device_name() if run.policy.device.type == "cuda" else platform.processor() or "cpu",
        "seed": run.config.seed,
        "notes": [*run.policy.notes, *run.train.warnings],
        "versions": {name: version(name) for name in ("posttrain", "torch", "transformers")},
    }


def _sentence(run: Run, before: dict[str, Any], after: dict[str, Any]) -> str:
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
