"""The frame of a command line, tried on a small one: shared options, answers, and every kind of failure."""

import errno
import json
from pathlib import Path
from typing import Annotated

import pytest
import typer

from posttrain.commands import Call, command, make_app, run
from posttrain.errors import ConfigurationError, ExitCode

app = make_app("A command line for tests.")
inner = typer.Typer()
app.add_typer(inner, name="inner")


@command(app, "double")
def double_command(call: Call, number: Annotated[int, typer.Argument()], sign: bool = False) -> int:
    """Print twice a number."""
    if number == 13:
        raise ConfigurationError("13 is unlucky; expected another number", "double 14")
    if number == 0:
        raise ZeroDivisionError("a slip of the programmer")
    if number == 300:
        Path("a" * number).read_text()
    if number == 28:
        raise OSError(errno.ENOSPC, "No space left on device")
    call.emit(
        {"result": 2 * number, "data": str(call.data)}, [f"{2 * number:+}" if sign else str(2 * number)], ["mind"]
    )
    return ExitCode.OK


@command(app, "task", own_data=False)
def task_command(call: Call, data: Annotated[str, typer.Option("--data", help="The task's file.")] = "none") -> int:
    """Print the name of a task."""
    call.emit({"task": data}, [data])
    return ExitCode.NOTHING_MATCHED


@command(inner, "same", envelope="inner")
def same_command(call: Call) -> int:
    """Print nothing."""
    call.emit({}, [])
    return ExitCode.OK


def _run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as exit_:
        run(app, "try", arguments)
    return int(exit_.value.code or 0)


def test_shared_options_follow_the_command_and_stand_in_its_help(capsys: pytest.CaptureFixture[str]) -> None:
    """The function declares none of them."""
    assert _run("double", "--help") == ExitCode.OK
    help_ = capsys.readouterr().out
    assert all(option in help_ for option in ("--sign", "--data", "--json", "--debug", "Print twice a number."))
    assert _run("double", "--data", "mine", "4", "--json", "--sign") == ExitCode.OK
    answer = json.loads(capsys.readouterr().out)
    assert (answer["command"], answer["data"]) == ("double", {"result": 8, "data": "mine"})
    assert answer["warnings"] == ["mind"]


def test_a_person_reads_lines_and_warnings_apart(capsys: pytest.CaptureFixture[str]) -> None:
    """Lines are on stdout, warnings on stderr."""
    assert _run("double", "4", "--sign") == ExitCode.OK
    assert capsys.readouterr() == ("+8\n", "warning: mind\n")


def test_a_command_may_have_a_data_option_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    """`--data` is then its file; the exit code is the command's."""
    assert _run("task", "--data", "rows.jsonl") == ExitCode.NOTHING_MATCHED
    assert capsys.readouterr().out == "rows.jsonl\n"


def test_the_name_in_json_may_be_the_groups(capsys: pytest.CaptureFixture[str]) -> None:
    """`survey annotate next` answers as annotate."""
    assert _run("inner", "same", "--json") == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["command"] == "inner"


@pytest.mark.parametrize(
    ("arguments", "code", "message", "hint"),
    [
        (["double", "13"], ExitCode.USAGE, "13 is unlucky; expected another number", "double 14"),
        (["double", "x"], ExitCode.USAGE, "valid integer", "try double --help"),
        (["double", "4", "--nope"], ExitCode.USAGE, "--nope", "try double --help"),
        (["nope"], ExitCode.USAGE, "nope", "try --help"),
        (["double", "300"], ExitCode.USAGE, "File name too long", "name another file"),
        (["double", "28"], ExitCode.PARTIAL, "No space left on device: finished work is kept", "make room"),
        (["double", "0"], ExitCode.UNEXPECTED, "unexpected ZeroDivisionError: a slip", "--debug"),
    ],
)
def test_every_failure_has_a_message_a_hint_and_a_code(
    arguments: list[str], code: ExitCode, message: str, hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """On stderr for a person; with --json also as one object on stdout."""
    assert _run(*arguments) == code
    out, err = capsys.readouterr()
    assert out == "" and err.startswith("error: ") and message in err.splitlines()[0]
    assert err.splitlines()[-1].startswith("  try: ") and hint in err.splitlines()[-1]
    assert _run(*arguments, "--json") == code
    error = json.loads(capsys.readouterr().out)["error"]
    assert error["code"] == code.name.lower() and message in error["message"] and hint in error["hint"]


def test_debug_shows_the_traceback() -> None:
    """The error itself comes through."""
    with pytest.raises(ZeroDivisionError):
        run(app, "try", ["double", "0", "--debug"])


def test_what_follows_two_dashes_is_no_option(capsys: pytest.CaptureFixture[str]) -> None:
    """`--json` is then an argument, and the error is for a person."""
    assert _run("double", "--", "--json") == ExitCode.USAGE
    assert capsys.readouterr().out == ""


def test_own_data_lie_where_the_setting_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """The option wins over the environment."""
    monkeypatch.setenv("POSTTRAIN_DATA", "elsewhere")
    assert Call("x").data == Path("elsewhere")
    assert Call("x", data_option=Path("here")).data == Path("here")
