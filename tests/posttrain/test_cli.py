"""The front door: four questions, and the commands behind it with their exit codes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from posttrain.app import ICON, script
from posttrain.cli import QUESTIONS, app
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
    assert head.split() == ["technique", "family", "page", "name"]
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


@pytest.mark.slow
def test_the_demo_shows_trends_advice_and_a_pilot_and_a_second_one_measures_nothing(tmp_path: Path) -> None:
    """A small budget; what `make demo` runs is the same with its own."""
    first = _run("demo", "--budget", "5k-tokens")
    assert first.returncode == 0, first.stderr
    assert [line[:5] for line in first.stderr.splitlines() if line.startswith("[")] == [
        f"[{n}/4]" for n in (1, 2, 3, 4)
    ]
    shown = [first.stdout.index(words) for words in ("Papers by domain", "rejection_sampling", "over no training")]
    assert shown == sorted(shown)
    folder = tmp_path / "data" / "demo-5k-tokens"
    kept = {path.name for path in folder.iterdir()}
    assert {"traits.json", "advice.json", "plan.json", "probe.txt", "pilot"} <= kept
    before = (folder / "plan.json").stat().st_mtime_ns, (folder / "pilot" / "outcome.json").read_text()
    second = _run("demo", "--budget", "5k-tokens")
    assert second.returncode == 0 and f"read from {Path('data') / folder.name}" in second.stderr
    assert ((folder / "plan.json").stat().st_mtime_ns, (folder / "pilot" / "outcome.json").read_text()) == before


def test_without_torch_the_demo_says_how_to_get_the_rest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """The core alone has trends and advice."""
    from posttrain import demo

    monkeypatch.setattr(demo, "find_spec", lambda name: None)
    assert demo.demo(tmp_path) == 0
    shown = capsys.readouterr()
    assert "Papers by domain" in shown.out and "rejection_sampling" in shown.out
    assert "pip install 'posttrain[train]'" in shown.err
