"""Files: JSON lines end where JSON ends them, and damage is no crash."""

import json
from pathlib import Path

import pytest

from posttrain.errors import UnwritableError
from posttrain.files import exists, json_lines, read_json, write_json, write_whole


def test_lines_end_where_json_ends_them(tmp_path: Path) -> None:
    """A response may hold other ends of lines; half a line, a line that is no object and one too deep are left out."""
    whole = {"response": "one\u2028two\x85three"}
    deep = "[" * 100_000
    text = json.dumps(whole, ensure_ascii=False) + f"\n7\n{deep}\n" + '{"response": "ha'
    (tmp_path / "samples.jsonl").write_text(text, encoding="utf-8")
    assert json_lines(tmp_path / "samples.jsonl") == [whole] and json_lines(tmp_path / "none") == []
    (tmp_path / "deep.json").write_text(deep)
    assert read_json(tmp_path / "deep.json") is None


def test_a_name_of_the_greatest_length_is_written(tmp_path: Path) -> None:
    """The file that is written first has a short name of its own."""
    path = tmp_path / ("a" * 250 + ".json")
    write_json(path, {"n": 1})
    assert read_json(path) == {"n": 1} and list(tmp_path.iterdir()) == [path]


def test_a_path_below_a_file_is_an_error_of_the_user(tmp_path: Path) -> None:
    """Nothing can be written there, nor removed."""
    (tmp_path / "file").write_text("kept")
    with pytest.raises(UnwritableError, match="cannot write"):
        write_whole(tmp_path / "file" / "below.txt", "text")
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.parametrize(
    "name", ["a" * 300, "with\0null", "~nobody-of-this-name/x", "none"], ids=["long", "null", "home", "none"]
)
def test_a_text_that_can_be_no_name_names_no_file(name: str, tmp_path: Path) -> None:
    """And raises nothing; a folder and a file are there."""
    assert not exists(name)
    assert exists(tmp_path) and exists(str(tmp_path))
