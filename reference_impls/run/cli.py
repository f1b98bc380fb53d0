"""The command line of every technique; torch is loaded only when a run begins.

    python -m reference_impls TECHNIQUE RUN_DIR [--set name=value …] [--resume] [--settings]
    python -m reference_impls --list

Exit codes: 0 done, 2 usage, 4 stopped by a guard, 130 interrupted. The error of a run goes to stderr in two lines and
into result.json as `{"error": {"message": …, "hint": …}}`.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from posttrain.assignments import json_or_text, parse_assignments
from posttrain.console import print_data
from posttrain.errors import ConfigurationError, PosttrainError
from posttrain.files import exists, make_folder, read_json, write_whole
from posttrain.install import install_hint
from posttrain.start import loaded
from reference_impls.configs import CONFIGS, RunConfig, load_config, make_config
from reference_impls.run.folder import RunLog

if TYPE_CHECKING:
    from reference_impls.run.result import Train

OK, USAGE, PARTIAL, INTERRUPTED = 0, 2, 4, 130
IS_FIRST = os.environ.get("RANK", "0") == "0"  # under torchrun one process writes
PAGES = "docs/techniques"
EXAMPLE = "--set data=task:addition"
TEMPLATE_OPTIONS = {
    "system": "a system message for rows that have none",
    "prompt_template": "text around each prompt, such as 'Question: {prompt}'",
    "chat_template_kwargs": "arguments of the chat template: enable_thinking=false, or a JSON object",
}


def main(arguments: Sequence[str] | None = None, program: str = "python -m reference_impls") -> int:
    """Run a technique in a folder, or list techniques or settings; return the exit code.

    arguments: those of the command line, the technique first; left out, those of this process.
    """
    loaded()
    command = parser(program)
    options = command.parse_args(arguments)
    if options.technique is None and not options.list:
        command.error(f"no technique; expected one of {', '.join(CONFIGS)}")
    folder: Path = options.folder
    try:
        if options.list or options.settings:
            print_data(listing() if options.list else settings_of(options.technique))
            return OK
        train = load_technique(options.technique)
        return run_technique(options.technique, train, folder, _changes(options), resume=options.resume)
    except PosttrainError as error:
        print(f"error: {error.message}", f"  try: {error.hint}" if error.hint else "", sep="\n", file=sys.stderr)
        return int(error.exit_code)
    except OSError as error:
        print(f"error: {_words_of(error, folder)}", file=sys.stderr)
        return USAGE
    except KeyboardInterrupt:
        print("interrupted; resume with --resume", file=sys.stderr)
        return INTERRUPTED


def _changes(options: argparse.Namespace) -> list[str]:
    """Return the settings of the command line as `name=value` texts, those of options of their own too."""
    given = {name: getattr(options, name) for name in TEMPLATE_OPTIONS}
    own = [f"{name}={json.dumps(value)}" for name, value in given.items() if value is not None]
    return [*(options.set or []), *own]


def load_technique(technique: str) -> "Train":
    """Return the `train` function of a technique; this loads torch, and raises ConfigurationError without it."""
    try:
        train: Train = import_module(f"reference_impls.{technique}").train
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("reference_impls"):
            raise
        raise ConfigurationError(
            f"{error.name} is not installed, and running a model needs it", install_hint("train")
        ) from error
    return train


def run_technique(
    technique: str, train: "Train", folder: Path, settings: Sequence[str] | None = None, *, resume: bool = False
) -> int:
    """Run a technique to its end, score it before and after, and write result.json; return the exit code.

    settings: `name=value` texts of a new run. Raises PosttrainError; result.json then holds the error.
    """
    log = RunLog(folder)
    if not log.config.exists() and not settings:  # before the folder is made and held: it may be a mistyped one
        raise ConfigurationError(f"there is no {log.config}", f"write one, or give settings: {EXAMPLE}")
    with _held(folder):
        _demand_folder(log, settings or (), resume=resume)
        with _error_in_result(log):
            config = _config(technique, log, settings or ())
            if resume and _is_done(log, config):
                print(f"{folder} is done: see {log.result}", file=sys.stderr)
                return OK
            if IS_FIRST:
                log.forget_error()
            from reference_impls.run.loop import open_run  # here, for they load torch
            from reference_impls.run.result import carry_out

            with open_run(config, folder) as run:
                return PARTIAL if carry_out(run, train, resume=resume) else OK


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """Hold the run folder for the time of the run; under torchrun the first process does. Raises PosttrainError.

    A folder that was made for a run that could not begin, for a setting was wrong, is removed again.
    """
    is_new = not exists(folder)
    make_folder(folder, "name another run folder")
    if not IS_FIRST:
        yield
        return
    try:
        with RunLog(folder).held():
            yield
    finally:
        with suppress(OSError):  # somebody removed the folder meanwhile
            if is_new and [path.name for path in folder.iterdir()] == [".lock"]:
                (folder / ".lock").unlink()
                folder.rmdir()


def _demand_folder(log: RunLog, changes: Sequence[str], *, resume: bool) -> None:
    """Raise ConfigurationError for a folder that this command may neither begin in nor resume."""
    if log.has_begun() and not resume:
        raise ConfigurationError(
            f"{log.folder} holds a run already", "add --resume to resume it, or take another folder"
        )
    if changes and log.has_begun():
        raise ConfigurationError("--set changes a run that has begun", "begin a new run folder, or resume as it was")


def _config(technique: str, log: RunLog, changes: Sequence[str]) -> RunConfig:
    """Return the run's config, from its folder and from --set; a new run's is written."""
    settings: dict[str, object] = {"technique": technique}
    if log.config.exists():
        config = load_config(log.config)
        if config.technique != technique:
            raise ConfigurationError(
                f"{log.config} is for {config.technique}", f"python -m reference_impls {config.technique} {log.folder}"
            )
        settings = config.model_dump(exclude_unset=True)
    assigned = parse_assignments(changes, EXAMPLE)
    config = make_config(settings | {name: json_or_text(value) for name, value in assigned.items()})
    if not log.has_begun() and IS_FIRST:
        write_whole(log.config, config.model_dump_json(indent=2, exclude_unset=True) + "\n")
    return config


@contextmanager
def _error_in_result(log: RunLog) -> Iterator[None]:
    """Write the error of a run into result.json too: whoever started this process need not read its stderr.

    Only where there is a config: a mistyped folder stays as it is. A finished result is never overwritten.
    """
    try:
        yield
    except Exception as error:
        message, hint = (error.message, error.hint) if isinstance(error, PosttrainError) else ("", "")
        message = message or (_words_of(error, log.folder) if isinstance(error, OSError) else "")
        if IS_FIRST and log.config.exists():
            log.write_error(message or f"{type(error).__name__}: {error}", hint)
        raise


def _words_of(error: OSError, folder: Path) -> str:
    return f"{error.strerror or error}: {error.filename or folder}"


def _is_done(log: RunLog, config: RunConfig) -> bool:
    """Whether a run has ended by itself within this budget; a stopped one is tried again from its last checkpoint."""
    result = read_json(log.result)
    if result is None or "error" in result:
        return False
    return bool(result["status"] != "stopped" and result["config"]["budget"] == config.budget)


def listing() -> str:
    """Return a line for every technique that can be run: its id, its family and its page."""
    lines = [f"{'technique':20} {'family':20} page"]
    lines += [f"{name:20} {config.family:20} {PAGES}/{name}.md" for name, config in CONFIGS.items()]
    return "\n".join(lines)


def settings_of(technique: str) -> str:
    """Return a line for every setting of a technique: its name, its default and its sentence."""
    fields = CONFIGS[technique].model_fields
    # a line break is shown as '\n', and words as they are
    defaults = {name: str(field.default) if str(field.default).strip() else repr(field.default)
                for name, field in fields.items()}  # fmt: skip
    return "\n".join(f"{name:22} {defaults[name]:16} {field.description or ''}" for name, field in fields.items())


def parser(program: str = "python -m reference_impls") -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    options = argparse.ArgumentParser(prog=program, description="Run a post-training technique in a run folder.")
    options.add_argument("technique", choices=CONFIGS, nargs="?", help="the technique; --list describes each")
    options.add_argument("folder", type=Path, nargs="?", default=Path(), help="the run folder, which has config.json")
    options.add_argument("--set", action="append", metavar="NAME=VALUE", help="a setting, for a new run")
    for name, sentence in TEMPLATE_OPTIONS.items():
        options.add_argument(f"--{name.replace('_', '-')}", metavar="TEXT", help=sentence)
    options.add_argument("--resume", action="store_true", help="resume from the last checkpoint")
    options.add_argument("--settings", action="store_true", help="list every setting, its default and its description")
    options.add_argument("--list", action="store_true", help="list every technique, its family and its page")
    return options
