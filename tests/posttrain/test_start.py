"""Ctrl-C ends a command with 130 and without a traceback, wherever it is: loading, at work, or closing down."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.advisor.pilots import hear_interrupts
from tests.conftest import ROOT

# A command line that says where it is, and swallows what interrupts its import, as some libraries do.
_MODULE = """
import atexit, sys, time
def wait(where):
    if sys.argv[1] == where:
        print("here", flush=True, file=sys.stderr)
        time.sleep(60)
try:
    wait("loading")
except BaseException:
    pass
def main():
    wait("work")
    atexit.register(wait, "closing")
    return 0
"""


def _interrupted(where: str, *arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Interrupt a command once it says that it is `where`."""
    (folder / "slow_command.py").write_text(_MODULE)
    code = "from posttrain.start import start; start('slow_command')"
    process = subprocess.Popen(
        [sys.executable, "-c", code, where, *arguments],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{folder}"},
        preexec_fn=hear_interrupts,  # noqa: PLW1509 # no threads here
    )  # fmt: skip
    assert process.stderr and process.stderr.readline() == "here\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate()
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.mark.parametrize("where", ["loading", "work", "closing"])
def test_an_interrupted_command_ends_with_130_and_no_traceback(where: str, tmp_path: Path) -> None:
    ended = _interrupted(where, folder=tmp_path)
    assert ended.returncode == 130
    assert "Traceback" not in ended.stderr and "ignored" not in ended.stderr
    assert where == "closing" or ended.stderr.startswith("error: interrupted; finished work is kept")


@pytest.mark.parametrize(
    ("module", "library"), [("survey.cli", "typer"), ("advisor.cli", "typer"), ("reference_impls.sft", "torch")]
)
def test_a_module_run_with_m_is_interrupted_while_it_loads(module: str, library: str, tmp_path: Path) -> None:
    """`python -m reference_impls.sft` is at its imports when Ctrl-C comes; the library stands in for a slow disk."""
    (tmp_path / f"{library}.py").write_text(
        "import sys, time\nprint('here', flush=True, file=sys.stderr)\ntime.sleep(60)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-m", module, "--help"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": f"{tmp_path}{os.pathsep}{ROOT}"},
        preexec_fn=hear_interrupts,  # noqa: PLW1509 # no threads here
    )  # fmt: skip
    assert process.stderr and process.stderr.readline() == "here\n"
    process.send_signal(signal.SIGINT)
    assert process.communicate()[1].startswith("error: interrupted; finished work is kept")
    assert process.returncode == 130


def test_a_program_gets_the_interruption_as_json(tmp_path: Path) -> None:
    ended = _interrupted("loading", "--json", folder=tmp_path)
    assert (ended.returncode, json.loads(ended.stdout)["error"]["code"]) == (130, "interrupted")


def test_a_command_that_nobody_interrupts_ends_with_its_own_code(tmp_path: Path) -> None:
    (tmp_path / "ends.py").write_text("def main():\n    return 4\n")
    code = "from posttrain.start import start; start('ends')"
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}
    assert subprocess.run([sys.executable, "-c", code], check=False, env=environment).returncode == 4


@pytest.mark.parametrize("name", ["posttrain", "survey", "advisor"])
def test_the_installed_commands_begin_there(name: str) -> None:
    """And load nothing before the first line that hears Ctrl-C."""
    import tomllib

    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert scripts[name] == f"posttrain.start:{name}"
    code = (
        f"import sys; before = set(sys.modules); from posttrain.start import {name}; print(*set(sys.modules) - before)"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert set(loaded.stdout.split()) & {"typing", "typer", "json", "re", "posttrain.cli"} == set()
    code = f"import sys; from posttrain.start import {name}; sys.argv = ['{name}', '--version']; {name}()"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
