"""Files: JSON lines end where JSON ends them, and damage is no crash."""

import json
from pathlib import Path

from posttrain.files import json_lines, read_json


def test_lines_end_where_json_ends_them(tmp_path: Path) -> None:
    """A response may hold other ends of lines; half a line, a line that is no object and one too deep are left out."""
    whole = {"response": "one\u2028two\x85three"}
    deep = "[" * 100_000
    text = json.dumps(whole, ensure_ascii=False) + f"\n7\n{deep}\n" + '{"response": "ha'
    (tmp_path / "samples.jsonl").write_text(text, encoding="utf-8")
    assert json_lines(tmp_path / "samples.jsonl") == [whole] and json_lines(tmp_path / "none") == []
    (tmp_path / "deep.json").write_text(deep)
    assert read_json(tmp_path / "deep.json") is None
