"""The folder of an export: empty at the start, with a list of every file that is written."""

import json
import shutil
from collections.abc import Iterable, Mapping
from importlib.resources import files
from pathlib import Path

from advisor.export.job import Job, ground, package, starter
from posttrain.errors import ConfigurationError

_JUDGE = '''"""The reward: posttrain's verifier {verifier}, whose files lie next to this one.{fill}
"""

import json
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from reference_impls.verifiers import Verifier, load_verifier

VERIFIER = {verifier!r}
SECONDS = {seconds!r}  # that one response may take
_loaded: list[Verifier] = []


def judge(prompts: list[Any], responses: list[str], rows: list[str]) -> list[float | None]:
    """Return a reward from 0 to 1 for each response, None for one that cannot be scored."""
    if not _loaded:
        _loaded.append(load_verifier(VERIFIER, seconds=SECONDS))
    triples = list(zip(prompts, responses, map(json.loads, rows), strict=True))
    return [verdict.strict for verdict in _loaded[0].verify(triples)]
'''
_FILL = {
    "unit-tests": "\n\nEach row needs its `tests`; programs run in a sandbox, which needs Linux.",
    "math": "\n\nIt needs the package math-verify.",
    "custom": "\n\nTo do: put the module of that function next to this file, so that it can be imported from here.",
}


GROUND = (
    "errors.py",
    "suggest.py",
    "assignments.py",
)  # the files of posttrain that verifiers, tasks and templates import
MODEL = ("__init__", "batches", "demonstrations", "protocols", "templates", "thoughts")
# its own first file would load more of it than the folder has
_PART = '"""The part of {package} that the scripts of this folder need."""\n'


class Folder:
    """A new or empty folder, and the files written into it so far."""

    def __init__(self, path: Path) -> None:
        """Raises ConfigurationError where there are files already: an export never overwrites a file."""
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            contents = f"holds {next(path.iterdir()).name} and perhaps more" if path.is_dir() else "is a file"
            raise ConfigurationError(
                f"{path} {contents}; expected a new or empty folder", "choose another --out, or remove it"
            )
        self.path = path
        self.written: list[Path] = []

    def write(self, name: str, text: str, *, executable: bool = False) -> None:
        """Write one file."""
        path = self.path / name
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            path.chmod(0o755 if executable else 0o644)
        except OSError as error:
            raise ConfigurationError(f"cannot write {path}: {error.strerror}", "choose another --out") from error
        self.written.append(path)

    def write_rows(self, name: str, rows: Iterable[Mapping[str, object]]) -> None:
        """Write rows as JSONL."""
        self.write(name, "".join(f"{json.dumps(row)}\n" for row in rows))

    def copy_script(self, name: str) -> None:
        """Write one of the scripts that are the same in every export."""
        self.write(name, files("advisor.export").joinpath("scripts", f"{name}.txt").read_text(encoding="utf-8"))

    def copy_starter(self) -> None:
        """Copy the bundled policy, as the model `starter`."""
        for file in sorted(starter().iterdir()):
            if file.is_file() and file.suffix in (".json", ".jinja", ".safetensors"):
                (self.path / "starter").mkdir(parents=True, exist_ok=True)
                self.written.append(Path(shutil.copy(file, self.path / "starter" / file.name)))

    def write_rewards(self, job: Job, call: str) -> None:
        """Write rewards.py, which ends with the function that the target calls, and copy the verifier next to it."""
        verifier = job.verifier
        if not verifier:
            raise ConfigurationError(
                f"{job.stages[0].config.data} is a file and no verifier is named",
                "name one in the plan's task: exact, numeric, math, choice, regex:…, unit-tests or module:function",
            )
        ours = verifier.startswith("reference_impls.")
        kind = verifier if verifier in _FILL else "custom" if _is_function(verifier) and not ours else ""
        seconds = job.stages[0].config.verify_seconds
        self.write("rewards.py", _JUDGE.format(verifier=verifier, seconds=seconds, fill=_FILL.get(kind, "")) + call)
        rooms = ("verifiers", "tasks") if ours else ("verifiers",)
        self._copy(file for room in rooms for file in sorted((package() / room).rglob("*.py")))

    def copy_templates(self) -> None:
        """Copy the code that turns rows into tokens, for the script that makes the data."""
        self._copy(package() / f"model/{name}.py" for name in MODEL)
        self._copy(sorted((package() / "configs").rglob("*.py")))
        self._copy(sorted((package() / "tasks").rglob("*.py")))
        self._copy(sorted((package() / "verifiers").rglob("*.py")))  # tasks that are generated have theirs there

    def _copy(self, files_: Iterable[Path]) -> None:
        """Copy files of this project to where they can be imported from the folder; each once."""
        texts = {f"{folder.name}/__init__.py": _PART.format(package=folder.name) for folder in (ground(), package())}
        for file in (*(ground() / name for name in GROUND), *files_):
            texts[str(file.relative_to(package().parent))] = file.read_text(encoding="utf-8")
        for name, text in texts.items():
            if self.path / name not in self.written:
                self.write(name, text)


def _is_function(verifier: str) -> bool:
    kind, colon, rest = verifier.partition(":")
    return bool(colon and rest) and kind not in ("exact", "regex")


def yaml_of(settings: Mapping[str, object], notes: Mapping[str, str], head: str) -> str:
    """Return settings as YAML, a line each, with its note as a comment.

    Values are written as JSON, which YAML reads the same, except for numbers such as 1e-05: YAML 1.1 reads them as
    text, so they become 1.0e-05.
    """
    lines = [f"# {line}" for line in head.splitlines()]
    for name, value in settings.items():
        note = f"  # {notes[name]}" if name in notes else ""
        lines.append(f"{name}: {_scalar(value)}{note}")
    return "\n".join(lines) + "\n"


def _scalar(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    if isinstance(value, float) and "e" in text and "." not in text:
        return text.replace("e", ".0e")
    return text
