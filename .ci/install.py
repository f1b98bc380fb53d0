"""Install the project into .venv with uv, which takes a quarter of the time of pip; with pip where uv cannot be had.

    python3 .ci/install.py train          # what `make demo` needs
    python3 .ci/install.py train app dev  # what `make test` needs

uv does not read pip's settings. A machine that has an index, a certificate or a folder of wheels of its own says so to
pip, so pip's settings are handed on, unless the user has told uv its own.
"""

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
CONSTRAINTS = ROOT / "constraints.txt"
OLDEST = (3, 11)
# pip's setting → uv's flag. The addresses of indexes may hold a password, so they travel in the environment.
FLAGS = {"find-links": "--find-links", "constraint": "--constraint", "trusted-host": "--allow-insecure-host"}
VARIABLES = {"index-url": "UV_DEFAULT_INDEX", "extra-index-url": "UV_INDEX", "default-timeout": "UV_HTTP_TIMEOUT"}


def main(extras: list[str]) -> None:
    """Make .venv where there is none, and install the project with the extras named."""
    if sys.version_info < OLDEST:
        found = ".".join(map(str, sys.version_info[:3]))
        sys.exit(
            f"posttrain needs Python {OLDEST[0]}.{OLDEST[1]} or newer, found {found}; try: make demo PYTHON=python3.12"
        )
    if not PYTHON.exists():
        subprocess.run([sys.executable, "-m", "venv", VENV], check=True)
    project = ["--editable", f".[{','.join(extras)}]"]
    # torch goes first, by its pin: nothing else may choose a build of it that pulls gigabytes of GPU packages
    for packages in (["torch"], project):
        if not _by_uv(packages):
            _by_pip(packages)


def _by_uv(packages: list[str]) -> bool:
    """Install packages with uv and say whether that succeeded; the reason of a failure goes to stderr."""
    uv = shutil.which("uv") or shutil.which("uv", path=PYTHON.parent)
    if uv is None:
        fetched = subprocess.run([*_pip("install"), "uv"], capture_output=True, check=False)
        uv = shutil.which("uv", path=PYTHON.parent)
        if fetched.returncode or uv is None:
            print("uv cannot be had; pip takes about four times as long", file=sys.stderr)
            return False
    settings = _pip_settings()
    command = [uv, "pip", "install", "--quiet", "--python", PYTHON, "--constraint", CONSTRAINTS]
    for name, flag in FLAGS.items():
        for value in settings.get(name, "").split():
            command += [flag, value]
    if "extra-index-url" in settings:  # pip takes the best version of all indexes, uv by itself the first that has one
        command += ["--index-strategy", "unsafe-best-match"]
    environment = {VARIABLES[name]: settings[name] for name in VARIABLES if name in settings} | os.environ
    installed = subprocess.run([*command, *packages], cwd=ROOT, env=environment, check=False)
    if installed.returncode:
        print("uv failed (above); trying pip, which takes about four times as long", file=sys.stderr)
    return installed.returncode == 0


def _by_pip(packages: list[str]) -> None:
    """Install packages with pip. Its failure ends the program."""
    installed = subprocess.run([*_pip("install"), "--constraint", CONSTRAINTS, *packages], cwd=ROOT, check=False)
    if installed.returncode:
        sys.exit(installed.returncode)


def _pip_settings() -> dict[str, str]:
    """Return pip's settings by name, such as {"index-url": "…"}: of the file, then of `install`, then the environment.

    `pip config list` writes a line such as `global.find-links='/opt/wheels'` or `:env:.default-timeout='180'` for each.
    """
    listed = subprocess.run([PYTHON, "-m", "pip", "config", "list"], capture_output=True, text=True, check=False).stdout
    sections: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for line in listed.splitlines():
        key, _, value = line.partition("=")
        section, _, name = key.rpartition(".")
        if section in sections:
            sections[section][name] = str(ast.literal_eval(value))
    return sections["global"] | sections["install"] | sections[":env:"]


def _pip(command: str) -> list[str | Path]:
    return [PYTHON, "-m", "pip", command, "--quiet", "--disable-pip-version-check", "--no-compile"]


if __name__ == "__main__":
    main(sys.argv[1:])
