"""A run prints the first row and what was left out, once, and writes both into its result."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from reference_impls import preview
from reference_impls.run import cli
from tests.reference_impls import runs

HAS_DIGIT = "tests.reference_impls.lenient:has_digit"


def rows(path: Path, count: int = 60) -> Path:
    """Write rows that the starter can read: chats of two turns, one turn of weight 0, and some that are left out."""
    listed: list[dict[str, Any]] = [
        {"messages": [{"role": "user", "content": f"add {n}+1="},
                      {"role": "assistant", "content": "3", "weight": n % 2},
                      {"role": "user", "content": "no="}, {"role": "assistant", "content": f"#{n + 1}"}],
         "answer": n + 1, "id": n}
        for n in range(count)
    ]  # fmt: skip
    listed += [
        {"prompt": " "},
        {"prompt": "add 1+1=", "image": "x.png"},
        {"prompt": "sum 1+1=", "response": "#2", "weight": 0},
    ]
    path.write_text("".join(f"{json.dumps(row)}\n" for row in listed))
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two updates over such rows."""
    folder = tmp_path_factory.mktemp("intake")
    settings = {
        "data": str(rows(folder / "rows.jsonl")),
        "verifier": HAS_DIGIT,
        "model": str(runs.make_untrained(folder / "m")),
    }
    made = runs.write_config(folder / "run", "sft", budget="300-tokens", eval_every=0, system="be brief. ", **settings)
    assert runs.run_apart(made).returncode == 0
    return made


@pytest.mark.slow
def test_a_result_counts_rows_turns_and_tokens_and_holds_the_first_row(finished: Path) -> None:
    """Two turns a row, those of weight 0 masked; one row kept as a prompt."""
    result = runs.read(finished, "result.json")
    intake, seen = result["intake"], result["first_row"]
    assert intake["kept"] == intake["sequences"] and intake["dropped"] in ({}, {"weight 0": 1})
    assert intake["turns_trained"] + intake["turns_masked"] == 2 * intake["kept"]
    assert 0.3 * intake["kept"] < intake["turns_masked"] < 0.7 * intake["kept"]
    assert result["skipped_rows"]["train"] == {
        "no prompt": 1, "a column 'image': only text is trained on": 1, "weight 0 (kept as a prompt)": 1,
    }  # fmt: skip
    text = "".join(piece for piece, _ in seen["pieces"])
    assert text.startswith("be brief. add ") and text.endswith(f"#{seen['line']}<end>")
    assert (seen["pieces"][-1][1], seen["end"], seen["unused"]) == (True, "<end>", ["id"])
    assert seen["trained"] + seen["read"] == len(text) - len("<end>") + 1  # the starter's tokens are characters


@pytest.mark.slow
def test_a_run_prints_the_first_row_once_and_what_was_left_out(
    finished: Path, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    """On stderr, with lines; a resumed run does not print it again."""
    config = json.loads((finished / "config.json").read_text()) | {"save_policy": False}
    again = tmp_path / "again"
    again.mkdir()
    (again / "config.json").write_text(json.dumps(config))
    assert runs.run(again) == 0
    printed = capfd.readouterr().err
    assert printed.count("as the model sees it, between ⟦ and ⟧ is trained on:") == 1 and "\x1b" not in printed
    assert "train: 1 rows: no prompt (lines 61)" in printed
    assert "train: 1 rows: a column 'image': only text is trained on (lines 62)" in printed
    assert "training on " in printed and " masked)" in printed
    result = json.loads((again / "result.json").read_text())
    (again / "result.json").unlink()
    assert runs.run(again, resume=True) == 0
    assert "as the model sees it" not in capfd.readouterr().err
    assert json.loads((again / "result.json").read_text())["first_row"] == result["first_row"]


def test_a_preview_shows_the_same_row_without_a_run(
    finished: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the tokenizer alone."""
    config = (finished / "config.json").read_text()
    monkeypatch.setattr("sys.stdin", io.StringIO(config))
    assert preview.main() == 0
    seen, ran = json.loads(capsys.readouterr().out), runs.read(finished, "result.json")["first_row"]
    assert seen == ran
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(json.loads(config) | {"data": "gone.jsonl"})))
    assert preview.main() == 2
    message, hint = json.loads(capsys.readouterr().out)["error"]
    assert "there is no file gone.jsonl" in message and hint


def test_settings_of_the_template_are_options_of_the_command_line() -> None:
    """They are settings like others, and texts stay texts."""
    options = cli.parser().parse_args(
        ["sft", "x", "--system", "7", "--chat-template-kwargs", "enable_thinking=false,n=2", "--set", "rows=3"]
    )
    changes = cli._changes(options)
    assert changes == ["rows=3", 'system="7"', 'chat_template_kwargs="enable_thinking=false,n=2"']
    config = cli.make_config({"technique": "sft", "chat_template_kwargs": "enable_thinking=false,n=2"})
    assert config.chat_template_kwargs == {"enable_thinking": False, "n": 2}
    assert cli.make_config({"technique": "sft", "chat_template_kwargs": {"a": [1]}}).chat_template_kwargs == {"a": [1]}
    with pytest.raises(cli.ConfigurationError, match="such as enable_thinking=false"):
        cli.make_config({"technique": "sft", "chat_template_kwargs": "enable_thinking"})
