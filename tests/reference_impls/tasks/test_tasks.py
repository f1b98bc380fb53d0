"""Rows of files: the columns of real files, broken ones, and splits that never share a prompt."""

import gzip
import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posttrain.errors import PosttrainError
from reference_impls.tasks import Row, Task, load_task, split_of
from reference_impls.tasks.columns import EMPTY_RESPONSE, final_answer, row_of
from reference_impls.tasks.row import NoRowError

ROOT = Path(__file__).resolve().parents[3]
GOOD = '{"prompt": "1+1", "response": "it is 2", "answer": 2}'


def written(content: str | bytes, name: str = "rows.jsonl") -> str:
    """A file in the test's own empty folder."""
    Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
    return name


def lines(*objects: Mapping[str, Any]) -> str:
    return "".join(json.dumps(each) + "\n" for each in objects)


def load(content: str | bytes, **arguments: Any) -> Task:
    return load_task(written(content), split="all", **arguments)


def row(**columns: Any) -> Row:
    return row_of(columns)[0]


def test_the_columns_of_the_contract() -> None:
    """Prompt, response and answer as they are; the rest travels along to the verifier."""
    task = load(lines({"prompt": "p", "response": "r", "answer": "a", "tests": ["assert 1"]}))
    assert task.rows == (Row("p", "r", "a", {"tests": ["assert 1"]}),)
    assert (task.name, task.verifier, task.skipped, task.warnings) == ("rows.jsonl", None, {}, ())
    assert task.rows[0].as_mapping() == {"prompt": "p", "response": "r", "answer": "a", "tests": ["assert 1"]}


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"question": "q", "answer": "so 2+2=4\n#### 1,234"}, Row("q", "so 2+2=4\n#### 1,234", "1234")),
        ({"question": "q", "answer": "4"}, Row("q", None, "4")),
        ({"instruction": "do", "input": "this", "output": "done"}, Row("do\nthis", "done")),
        ({"instruction": "do", "input": "", "output": "done"}, Row("do", "done", extra={"input": ""})),
        ({"Body": "Two apples", "Question": "How many?", "Answer": 2.0}, Row("Two apples. How many?", None, "2")),
        ({"Body": "Two apples.", "Question": "How many?"}, Row("Two apples. How many?")),
        ({"problem": "p", "solution": r"so \boxed{\pi^{2}}."}, Row("p", r"so \boxed{\pi^{2}}.", r"\pi^{2}")),
        ({"problem": "p", "solution": "long", "answer": 0.5}, Row("p", "long", "0.5")),
        ({"input": "i", "completion": "c", "id": 3}, Row("i", "c", None, {"id": 3})),
        ({"prompt": "def f", "canonical_solution": " 1", "test": "t", "entry_point": "f"},
         Row("def f", " 1", None, {"test": "t", "entry_point": "f"})),
        ({"question": "q", "choices": ["x", "y"], "answerKey": "A"},
         Row("q\nA. x\nB. y", None, "A", {"choices": ["x", "y"]})),
        ({"text": "t", "code": "c", "test_list": ["assert 1"]}, Row("t", "c", None, {"test_list": ["assert 1"]})),
        ({"prompt": "p", "question": "q", "response": "r", "output": "o"},
         Row("p", "r", None, {"question": "q", "output": "o"})),
        ({"prompt": "p", "answer": ["only"]}, Row("p", None, "only")),
        ({"prompt": "p", "answer": 0}, Row("p", None, "0")),
        ({"answer": "1", "prompt": "p", "Answer": "2"}, Row("p", None, "1", {"Answer": "2"})),
        ({"Answer": "2", "prompt": "p", "answer": "1"}, Row("p", None, "1", {"Answer": "2"})),
    ],
)  # fmt: skip
def test_the_columns_of_real_files(columns: dict[str, Any], expected: Row) -> None:
    """GSM8K, Alpaca, SVAMP, MATH, AIME, HumanEval, ARC and MBPP as they come."""
    assert row_of(columns) == (expected, None)


USER, TOOL = {"role": "user", "content": "hi"}, {"role": "tool", "content": "3"}
REPLY = {"role": "assistant", "content": "hello"}


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"messages": [USER, REPLY]}, Row((USER,), "hello")),
        ({"messages": [USER, REPLY, TOOL, REPLY]}, Row((USER, REPLY, TOOL), "hello")),
        ({"messages": [USER, REPLY, USER]}, Row((USER, REPLY, USER))),
        ({"prompt": [USER], "completion": [REPLY]}, Row((USER,), "hello")),
        ({"prompt": "hi", "messages": [USER, REPLY]}, Row((USER,), "hello")),
        ({"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "hello"}]},
         Row((USER,), "hello")),
        ({"messages": [{"role": "user", "content": [{"type": "text", "text": "h"}, {"text": "i"}]}]}, Row((USER,))),
    ],
)  # fmt: skip
def test_the_last_word_of_the_assistant_is_the_response(columns: dict[str, Any], expected: Row) -> None:
    """A chat is prompt and demonstration in one; what a user said last is not answered yet."""
    assert row_of(columns) == (expected, None)


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"response": "r"}, "no prompt"),
        ({"prompt": " ", "response": "r"}, "no prompt"),
        ({"prompt": None}, "no prompt"),
        ({"prompt": 3}, "prompt is neither text nor messages"),
        ({"messages": [REPLY]}, "no prompt"),
        ({"messages": ["hi"]}, "messages without role and content"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image"}]}]},
            "a part of the kind 'image' in a message: only text is trained on",
        ),
        ({"prompt": "\ud800"}, "not valid Unicode"),
    ],
)
def test_an_object_without_a_prompt_is_a_counted_skip(columns: dict[str, Any], reason: str) -> None:
    """Each reason has its own count, and the rows around it are kept."""
    with pytest.raises(NoRowError, match=reason):
        row_of(columns)
    task = load(lines(columns, {"prompt": "p"}))
    assert (len(task.rows), task.skipped) == (1, {reason: 1})


@pytest.mark.parametrize("empty", ["", "  \n", "\t"])
def test_an_empty_completion_is_no_demonstration(empty: str) -> None:
    """The prompt stays, for reinforcement learning needs no more; the count says that its response was empty."""
    task = load(lines({"prompt": "p", "completion": empty, "answer": "a"}, {"prompt": "q"}))
    assert task.rows == (Row("p", None, "a"), Row("q"))
    assert task.skipped == {EMPTY_RESPONSE: 1}


@pytest.mark.parametrize(
    ("text", "answer"),
    [("#### 5", "5"), ("so\n#### 1,000\n", "1000"), ("#### 5\nand more", None), (r"\boxed{1} or \boxed{2}", "2"),
     (r"\boxed{a{b}c}", "a{b}c"), (r"\boxed{open", None), ("none", None)],
)  # fmt: skip
def test_a_worked_solution_ends_in_its_answer(text: str, answer: str | None) -> None:
    """The number behind the last `####`, or the last box with its inner brackets."""
    assert final_answer(text) == answer


@pytest.mark.parametrize(
    "content",
    [
        f"{GOOD}\n",
        GOOD,
        f"\n\n{GOOD}\r\n\r\n",
        f"\ufeff{GOOD}\n",
        f"[{GOOD}]",
        f"\ufeff[\n {GOOD}\n]\n",
        gzip.compress(GOOD.encode(), mtime=0),
        gzip.compress(f"[{GOOD}]".encode(), mtime=0),
    ],
    ids=["lines", "no end", "blank lines and CRLF", "BOM", "array", "array with BOM", "gzip", "gzipped array"],
)
def test_every_way_to_write_the_rows_reads_alike(content: str | bytes) -> None:
    """What counts is the content, not the name of the file."""
    assert load(content).rows == (Row("1+1", "it is 2", "2"),)


def test_not_a_number_means_missing() -> None:
    """pandas writes NaN where a cell is empty."""
    assert load('{"prompt": "p", "response": NaN, "answer": NaN, "x": Infinity}').rows[0] == Row("p", extra={"x": None})
    assert load(f'{{"prompt": NaN}}\n{GOOD}').skipped == {"no prompt": 1}


@pytest.mark.parametrize("broken", ["{", '"text"', "[1]", "\ud800", '{"prompt": "p"', "{'prompt': 'p'}", "[" * 5000])
def test_a_broken_line_among_many_is_counted_with_its_place(broken: str) -> None:
    """One in thirty is left out, and the warning names file and line."""
    good = [lines({"prompt": f"p{number}"}) for number in range(29)]
    content = "".join([*good[:4], f"{broken}\n", *good[4:]]).encode("utf-8", "surrogatepass")
    task = load(content)
    assert len(task.rows) == 29
    assert task.skipped == {"broken line": 1}
    assert task.warnings[0].startswith("rows.jsonl:5: found ")


def test_one_broken_line_in_twenty_is_tolerated_and_no_more() -> None:
    """Five per cent, inclusive."""
    good = lines(*({"prompt": f"p{number}"} for number in range(18)))
    assert len(load(f"{good}{{\n{GOOD}").rows) == 19
    with pytest.raises(PosttrainError, match="1 of 19 lines are broken"):
        load(f"{good}{{\n")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (f"{{\n{GOOD}", "rows.jsonl:1: found '{'"),
        (f"\n{{'prompt': 1}}\n{GOOD}", "rows.jsonl:2: found"),
        (f"{GOOD}\n{{\n", "rows.jsonl:2: found '{'.* 1 of 2 lines are broken"),
        ("prompt,response\n1,2\n", "rows.jsonl:1: found 'prompt,response'"),
        (f"[{GOOD},\n{GOOD}", "rows.jsonl:2: "),
        (f"[{GOOD}]\n[{GOOD}]", "rows.jsonl:2: Extra data, expected a JSON array"),
        pytest.param(b"[1,\n\xff]", "rows.jsonl:2: found bytes that are not UTF-8", id="Latin-1 in an array"),
        ("[]", "is empty"),
        ("", "is empty"),
        ("\n \n", "is empty"),
        pytest.param(GOOD.encode("utf-16"), "is UTF-16", id="UTF-16"),
        pytest.param(b"\xffprompt", "rows.jsonl:1: found bytes that are not UTF-8", id="Latin-1"),
        pytest.param(b"PAR1\x15\x04", "is a binary file", id="Parquet"),
        pytest.param(b"\x89PNG\r\n\0\0", "rows.jsonl:1: found bytes that are not UTF-8", id="PNG"),
        pytest.param(b"\x1f\x8b\x08broken", "cannot be read to its end", id="broken gzip"),
        pytest.param(gzip.compress(GOOD.encode(), mtime=0)[:-9], "cannot be read to its end", id="cut gzip"),
        ('{"data": [1], "foo": 2}', "found columns: data, foo"),
    ],
)
def test_a_file_that_is_no_task_is_refused_with_the_place(content: str | bytes, message: str) -> None:
    """Found, expected and a hint, never a traceback from within."""
    with pytest.raises(PosttrainError, match=message) as raised:
        load(content)
    assert raised.value.hint


def test_a_path_that_leads_to_no_file_says_what_is_near() -> None:
    """A folder names its files, a misspelt name its neighbour, a family its prefix."""
    written(GOOD, "train.jsonl")
    for source, message, hint in [
        (".", "is a folder", "train.jsonl"),
        ("trian.jsonl", "did you mean train.jsonl", "task:maze"),
        ("maze", "did you mean task:maze", "JSONL"),
        ("no/where.jsonl", "there is no file no/where.jsonl", "JSONL"),
        ("a\0b", "there is no file", "JSONL"),
        ("x" * 5000, "cannot be read", "name"),
        ("/dev/null", "no regular file", "file"),
    ]:
        with pytest.raises(PosttrainError, match=message) as raised:
            load_task(source)
        assert hint in raised.value.hint


def test_a_repeated_row_is_counted_and_another_response_kept() -> None:
    """Two demonstrations of one prompt are two rows; the same row twice is one."""
    task = load(
        lines({"prompt": "p", "response": "a"}, {"prompt": "p", "response": "a"}, {"prompt": "p", "response": "b"})
    )
    assert [each.response for each in task.rows] == ["a", "b"]
    assert task.skipped == {"duplicate": 1}
    assert task.warnings == ("1 rows repeat a prompt with another response or answer; they are kept",)


@given(st.lists(st.tuples(st.text("ab", min_size=1), st.text("xyz", max_size=2)), min_size=1, max_size=40))
def test_splits_of_a_file_are_disjoint_and_complete(pairs: list[tuple[str, str]]) -> None:
    """Every row is in exactly one split, and all rows of a prompt are in the same."""
    source = written(lines(*({"prompt": prompt, "response": response} for prompt, response in pairs)))
    whole = load_task(source, split="all").rows
    parts = []
    for split in ("train", "validation", "test"):
        here = [each for each in whole if split_of(each.prompt) == split]
        if here:
            assert list(load_task(source, split=split).rows) == here
        else:
            with pytest.raises(PosttrainError, match="none of them in split"):
                load_task(source, split=split)
        parts += here
    assert len(parts) == len(whole)


def test_a_split_holds_about_its_share() -> None:
    """Of 5,000 prompts 80, 10 and 10 %, within two points."""
    counts = {"train": 0, "validation": 0, "test": 0}
    for number in range(5000):
        counts[split_of(f"question {number}")] += 1
    assert abs(counts["train"] - 4000) < 100
    assert abs(counts["validation"] - 500) < 100


def test_a_few_rows_are_chosen_by_the_seed_and_stay_in_order() -> None:
    """The seed chooses, more rows contain fewer, and no more come back than there are."""
    source = written(lines(*({"prompt": str(number)} for number in range(200))))
    few, more = (load_task(source, split="all", rows=rows).rows for rows in (5, 20))
    assert len(few) == 5
    assert set(each.prompt for each in few) < set(each.prompt for each in more)
    assert [int(str(each.prompt)) for each in more] == sorted(int(str(each.prompt)) for each in more)
    assert [each.prompt for each in few] == ["35", "36", "54", "186", "192"]  # on every machine and in every version
    assert few != load_task(source, split="all", rows=5, seed=1).rows
    assert len(load_task(source, split="all", rows=999).rows) == 200


def test_noise_is_refused_for_a_file() -> None:
    """Only a generated family knows how to be wrong plausibly."""
    with pytest.raises(PosttrainError, match=r"noise 0\.5 was asked of the file"):
        load_task(written(GOOD), noise=0.5)


def test_tasks_load_nothing_heavy() -> None:
    """The command line may import tasks: no torch, no numpy."""
    code = "import sys, reference_impls.tasks; print(*sorted({'torch', 'transformers', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.split() == []


@pytest.mark.corpus
@pytest.mark.parametrize(
    ("name", "rows", "answers", "demonstrations"),
    [
        ("gsm8k_train.jsonl", 7473, 7473, 7473),
        ("gsm8k_test_0001-0660.jsonl", 660, 660, 660),
        ("HumanEval_000-099.jsonl", 100, 0, 100),
        ("SVAMP_0001-0700.json", 700, 700, 0),
        ("aime_2025-I.jsonl", 15, 15, 0),
    ],
)
def test_real_files_read_whole(corpora: Path, name: str, rows: int, answers: int, demonstrations: int) -> None:
    """Every row of the files that people have is read, with its gold answer and its demonstration."""
    task = load_task(str(corpora / "papers" / "D_tasks" / name), split="all")
    assert len(task.rows) == rows
    assert sum(each.answer is not None for each in task.rows) == answers
    assert sum(each.response is not None for each in task.rows) == demonstrations
    assert set(task.skipped) <= {EMPTY_RESPONSE}
    assert task.warnings == ()
    if name.startswith("gsm8k"):
        assert all(str(each.answer).lstrip("-").replace(".", "").isdigit() for each in task.rows)
        assert all(str(each.response).endswith(f"#### {each.answer}") for each in task.rows[:3])
    if name.startswith("HumanEval"):
        assert all({"test", "entry_point"} <= set(each.extra) for each in task.rows)


_SCRAPS = (b'{"prompt": ', b'"p"', b"}", b"\n", b"[", b"]", b",", b"null", b"{", b'"messages": ', b'"role"', b":",
           b"1e999", GOOD.encode(), b"\xff", b"\x1f\x8b", b"\xef\xbb\xbf", b"\r", b'"\\ud800"')  # fmt: skip


@given(st.lists(st.sampled_from(_SCRAPS) | st.binary(max_size=3), max_size=12))
def test_any_bytes_give_rows_or_a_clear_error(scraps: list[bytes]) -> None:
    """Whatever a file holds, the answer is a task with rows or a PosttrainError."""
    try:
        task = load(b"".join(scraps))
    except PosttrainError as error:
        assert error.message
    else:
        assert task.rows


@given(
    st.dictionaries(
        st.sampled_from(["prompt", "Question", "question", "Body", "input", "instruction", "messages", "response",
                         "answer", "solution", "conversations", "choices"]),
        st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=5) | st.sampled_from([USER, REPLY]),
                     lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner)),
    )
)  # fmt: skip
def test_any_object_gives_a_row_or_a_reason(columns: dict[str, Any]) -> None:
    """A row has a prompt that says something, and text or nothing elsewhere."""
    try:
        found = row_of(columns)[0]
    except NoRowError as reason:
        assert str(reason)
    else:
        assert found.prompt
        assert found.response is None or found.response.strip()
        assert found.answer is None or isinstance(found.answer, str)
        json.dumps(found.as_mapping())
