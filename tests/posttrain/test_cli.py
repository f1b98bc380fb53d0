"""The front door: four questions, and the commands behind it with their exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from posttrain.app import ICON, script
from posttrain.cli import QUESTIONS, app
from posttrain.install import install_hint
from tests.conftest import ROOT


def _run(*arguments: str, room: str = "posttrain") -> subprocess.CompletedProcess[str]:
    code = f"import sys, {room}.cli; sys.argv = ['{room}', *{arguments!r}]; {room}.cli.main()"
    command = [sys.executable, "-c", code]
    return subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )


def test_without_an_argument_the_four_questions_are_answered_by_commands_that_exist() -> None:
    printed = _run()
    assert (printed.returncode, printed.stdout.strip(), printed.stderr) == (0, QUESTIONS, "")
    assert QUESTIONS.count("?") == 4
    known = {command.name for command in app.registered_commands}
    named = {words.split()[0] for words in QUESTIONS.split("posttrain ")[1:]} - {"as", "--help"}
    assert named == known


def test_the_readme_asks_the_same_questions_with_the_same_commands() -> None:
    """A reader of the one finds the commands of the other."""
    readme = (ROOT / "README.md").read_text().split("| question | command | you get |")[1].split("\n\n")[0]
    rows = [row.split(" | ")[:2] for row in readme.splitlines() if row.startswith("| ") and "?" in row]
    asked = [line.rsplit("  ", 1) for line in QUESTIONS.splitlines()[:8] if "?" in line]
    assert [row[0].removeprefix("| ") for row in rows] == [question.strip() for question, _ in asked]
    for (_, named), (_, command) in zip(rows, asked, strict=True):
        assert command.strip().removesuffix(" advice.json").endswith(named.strip("`"))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("room", "arguments", "code"),
    [
        ("survey", ("report", "--json"), 0),
        ("survey", ("report", "--axis", "nothing"), 2),
        ("survey", ("explain", "2999.99999"), 3),
        ("survey", ("--help",), 0),
        ("advisor", ("ask", "--no-input", "--json", "--set", "verifier=unit-tests"), 0),
        ("advisor", ("ask", "--no-input", "--set", "verifier=nothing"), 2),
        ("advisor", ("cases",), 3),
    ],
)
def test_a_command_behind_the_front_door_prints_and_ends_as_by_its_own_name(
    room: str, arguments: tuple[str, ...], code: int
) -> None:
    behind, alone = _run(room, *arguments), _run(*arguments, room=room)
    assert behind.returncode == code
    assert (behind.returncode, behind.stdout, behind.stderr) == (alone.returncode, alone.stdout, alone.stderr)


def test_an_unknown_command_is_an_error_of_usage_as_json_too() -> None:
    ended = _run("reprot", "--json")
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr and "reprot" in json.loads(ended.stdout)["error"]["message"]


def test_every_technique_that_runs_is_listed_with_its_page() -> None:
    from reference_impls.configs import CONFIGS

    head, *lines = _run("train", "--list").stdout.splitlines()
    assert head.split() == ["technique", "family", "page"]
    assert [line.split()[0] for line in lines] == list(CONFIGS)
    assert [page for line in lines if not (ROOT / (page := line.split()[2])).exists()] == []


def test_the_app_of_a_checkout_is_the_file_at_its_top() -> None:
    assert script() == ROOT / "app.py"
    assert len(script().read_text().splitlines()) <= 20
    assert ICON.exists()


def test_the_entry_of_the_app_hides_no_module_of_python() -> None:
    """Streamlit puts the entry's folder on the path of imports, where a module of ours could hide one of Python's."""
    beside = {path.stem for path in script().parent.glob("*.py")}
    assert beside & set(sys.stdlib_module_names) == set()


def test_without_torch_the_demo_says_how_to_get_the_rest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The core alone has trends and advice."""
    from posttrain import demo

    monkeypatch.setattr(demo, "find_spec", lambda name: None)
    assert demo.demo(tmp_path) == 0
    shown = capsys.readouterr()
    assert "Papers by domain" in shown.out and "rejection_sampling" in shown.out
    assert install_hint("train") in shown.err


def test_train_ends_as_the_technique_does(tmp_path: Path) -> None:
    """Usage is 2 and names what is expected; nothing is trained for it."""
    ended = _run("train", "nothing", str(tmp_path / "run"))
    alone = subprocess.run(
        [sys.executable, "-m", "reference_impls", "nothing", str(tmp_path / "run")],
        capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (ended.returncode, ended.stdout) == (alone.returncode, alone.stdout) == (2, "")
    assert "grpo" in ended.stderr and not (tmp_path / "run").exists()
