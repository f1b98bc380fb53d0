"""Uploads: any name is harmless, what is refused leaves nothing behind, and counts are those that a run would find."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from advisor.bank.cases import family_of
from advisor.runs.plan import Task
from advisor.task.uploads import MOST_BYTES, check, keep
from posttrain.errors import PosttrainError

ROWS = [{"prompt": f"add {one}+1=", "answer": str(one + 1), "response": f"#{one + 1}"} for one in range(30)]


def _keep(name: str, content: bytes, data: Path) -> Path:
    return keep(name, content, data)[0]


def _content(*rows: Any) -> bytes:
    return "".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in rows).encode()


def test_what_is_kept_is_found_by_its_content_and_named_in_the_bank(tmp_path: Path) -> None:
    """The same file twice is one; its family is the word in front."""
    kept = _keep("My rows.v2.jsonl", _content(*ROWS), tmp_path)
    assert kept == _keep("My rows.v2.jsonl", _content(*ROWS), tmp_path) and kept.read_bytes() == _content(*ROWS)
    assert kept.parent == tmp_path / "uploads" and family_of(Task(model="starter", data=str(kept))) == "My-rows-v2"
    assert _keep("My rows.v2.jsonl", _content(*ROWS[1:]), tmp_path) != kept
    assert len(list((tmp_path / "uploads").iterdir())) == 2


@pytest.mark.parametrize(
    "name",
    ["../../x.jsonl", "/etc/passwd", "..", ".", "", "a\0b.jsonl", "x" * 5000, "\ud800.jsonl", "..\\..\\x", "-rf",
     "数据.jsonl", "a\nb", "~", "CON", "é" * 300 + ".jsonl"],
)  # fmt: skip
def test_no_name_leads_elsewhere(tmp_path: Path, name: str) -> None:
    """The file lies in the folder of uploads and nowhere else."""
    kept = _keep(name, _content(*ROWS), tmp_path / "data")
    assert kept.resolve().parent == (tmp_path / "data" / "uploads").resolve() and not kept.name.startswith((".", "-"))
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [kept]


@given(st.text(st.characters(exclude_categories=()), max_size=60))
def test_a_name_is_any_text(name: str) -> None:
    """Whatever it is, one file is kept under it."""
    kept = _keep(name, _content(*ROWS), Path("data"))
    assert kept.parent == Path("data/uploads") and kept.is_file() and not kept.name.startswith((".", "-"))


def test_counts_are_those_of_a_run(tmp_path: Path) -> None:
    """Rows, demonstrations and answers; what was left out, why and where; the first rows."""
    rows: list[Any] = [*ROWS, {"question": "no answer?"}, ROWS[0], {"answer": "1"}, {"prompt": "x", "response": " "}]
    rows[10] = '{"prompt": "half'
    found = check(_keep("rows.jsonl", _content(*rows), tmp_path), "numeric")
    assert (found["rows"], found["with_response"], found["with_answer"]) == (31, 29, 29)
    assert {one["reason"]: (one["count"], one["lines"]) for one in found["left_out"]} == {
        "broken line": (1, [11]), "duplicate": (1, [32]), "no prompt": (1, [33]),
        "empty response (kept as a prompt)": (1, [34]),
    }  # fmt: skip
    assert [one["prompt"] for one in found["first"]] == [row["prompt"] for row in ROWS[:3]]
    assert len(found["warnings"]) == 1 and ".jsonl:11: found" in found["warnings"][0]
    assert str(tmp_path) not in found["warnings"][0]


@pytest.mark.parametrize(
    "content, said",
    [
        (b"", "rows.jsonl is empty"),
        (b"prompt,answer\n1,2\n", r"rows.jsonl:1: found 'prompt,answer' .*expected one JSON object a line"),
        (_content(*ROWS[:3], "{", ROWS[4]), r"rows.jsonl:4: found '{' .*1 of 5 lines are broken"),
        (_content({"a": 1}), "no usable row: no prompt"),
        pytest.param(b"PK\x03\x04\0\0", "binary file", id="zip"),
        pytest.param(b"\x1f\x8b\x08\0", "is packed", id="gzip"),
        (b"[" * 10**6, "expected a JSON array"),
        (b'{"prompt": ' + b"[" * 10**6, "rows.jsonl:1: found"),
        pytest.param(b"\xff\xfe{\0}\0", "UTF-16", id="UTF-16"),
    ],
)
def test_what_holds_no_rows_is_refused_with_the_line_and_leaves_nothing(
    tmp_path: Path, content: bytes, said: str
) -> None:
    """In words that name the person's file, not ours."""
    with pytest.raises(PosttrainError, match=said) as caught:
        _keep("rows.jsonl", content, tmp_path)
    assert caught.value.hint and str(tmp_path) not in caught.value.message + caught.value.hint
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_too_much_is_refused_with_both_sizes(tmp_path: Path) -> None:
    """Before anything is written; the last byte that is allowed is."""
    line = _content({"prompt": "x" * (MOST_BYTES - 15)})
    assert len(line) == MOST_BYTES and _keep("rows.jsonl", line, tmp_path).stat().st_size == MOST_BYTES
    with pytest.raises(PosttrainError, match=r"rows has 20\.5 MB; expected at most 20 MB"):
        _keep("rows.jsonl", b"x" * (MOST_BYTES + 500_000), tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_a_verifier_that_compares_needs_an_answer(tmp_path: Path) -> None:
    """The error names it; another verifier may take the same file, which stays."""
    kept = _keep("rows.jsonl", _content(*({"prompt": row["prompt"]} for row in ROWS)), tmp_path)
    for verifier in ("exact", "numeric", "math", "choice:ABCD"):
        with pytest.raises(PosttrainError, match=f"none of the 30 rows of .* has an answer, and {verifier} compares"):
            check(kept, verifier)
    assert check(kept, "judge:odd")["with_answer"] == check(kept, None)["with_answer"] == 0


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    """A file stands in its place."""
    (tmp_path / "uploads").write_text("")
    with pytest.raises(PosttrainError, match="cannot make") as caught:
        _keep("rows.jsonl", _content(*ROWS), tmp_path)
    assert "POSTTRAIN_DATA" in caught.value.hint
    with pytest.raises(PosttrainError, match="cannot be read"):
        check(tmp_path / "gone.jsonl", None)


def test_a_full_disk_leaves_nothing_behind(tmp_path: Path) -> None:
    """The write fails in the middle; no half of the file stays. Files that cannot grow stand for a disk without room.

    In a process of its own: the limit would hold for the file that the suite's output may go to as well.
    """
    code = (
        "import resource, signal, sys; from pathlib import Path\n"
        "from advisor.task.uploads import keep; from posttrain.errors import PosttrainError\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, resource.RLIM_INFINITY))\n"
        "try: keep('rows.jsonl', sys.stdin.buffer.read(), Path(sys.argv[1]))\n"
        "except PosttrainError as error: print(error.message, '|', error.hint)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], input=_content(*ROWS), capture_output=True, check=True
    )
    assert re.match(rb"cannot write .* \| make room", done.stdout) and done.stderr == b""
    assert list((tmp_path / "uploads").iterdir()) == []
