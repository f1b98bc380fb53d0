"""What becomes of every row of a file: trained on, masked, a prompt alone, left out and counted, or refused by name."""

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from posttrain.errors import PosttrainError
from reference_impls.configs import make_config
from reference_impls.model.demonstrations import Intake, encode_demonstrations
from reference_impls.model.templates import make_template
from reference_impls.tasks import Task, load_task
from tests.reference_impls.chat_templates import tokenizer_of

CHATML = "ChatML, Qwen2.5"


@dataclass(frozen=True)
class Expected:
    """The intake of a file under imitation."""

    kept: int = 0
    trained: int | None = None  # turns; left out, one a row
    masked: int = 0
    dropped: Mapping[str, int] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)
    refused: str = ""  # the sentence that the run ends with, or its beginning
    template: str = CHATML
    answer: str | None = None  # of the first row
    read: str | None = None  # a text that is among the tokens of the first row


def taken(source: str, template: str) -> tuple[Task, Intake]:
    """The rows of a file, and what imitation makes of them."""
    tokenizer = tokenizer_of(template)
    built = make_template(tokenizer, make_config({"technique": "sft"}), frozenset({tokenizer.eos_token_id}))
    task = load_task(source, split="all")
    _, intake = encode_demonstrations(built, task.rows, max_prompt_tokens=500, max_response_tokens=700)
    return task, intake


def check(source: str, expected: Expected) -> None:
    """Compare a file with what is expected of it."""
    if expected.refused:
        with pytest.raises(PosttrainError) as raised:
            taken(source, expected.template)
        assert expected.refused in raised.value.message and raised.value.hint
        return
    task, intake = taken(source, expected.template)
    assert (intake.kept, intake.dropped, dict(task.skipped)) == (expected.kept, expected.dropped, expected.skipped)
    trained = expected.kept if expected.trained is None else expected.trained
    assert (intake.turns_trained, intake.turns_masked) == (trained, expected.masked)
    assert intake.kept + sum(intake.dropped.values()) == len(task.rows)
    if expected.answer is not None:
        assert task.rows[0].answer == expected.answer


NO_RESPONSE = "no row can be trained on: {'no response': 30}"
CASES = {
    "d01_multi_turn": Expected(30, trained=60),
    "d02_tool_calls": Expected(30, trained=60),
    "d03_last_is_tool_call": Expected(30),
    "d04_none_values": Expected(26, dropped={"no response": 14}),
    "d05_empty_response": Expected(20, dropped={"no response": 20}, skipped={"empty response (kept as a prompt)": 20}),
    "d06_nonstring_answer": Expected(42, skipped={"the answer is an object or a list (kept as JSON)": 12}, answer="0"),
    "d07_response_is_messages": Expected(30, answer="0"),
    "d08_reasoning_content": Expected(30, template="Qwen3"),
    "d09_system_only_prompt": Expected(30),
    "d10_system_column": Expected(30),
    "d11_alpaca": Expected(30),
    "d12_sharegpt_system": Expected(30),
    "d13_mixed_schema": Expected(30),
    "d14_unicode": Expected(30, answer="0"),
    "d15_text_only": Expected(30, trained=0),
    "d16_special_in_text": Expected(30),
    "d17_last_user": Expected(30, answer="0"),
    "d18_dpo": Expected(30),
    "d19_dpo_messages": Expected(30),
    "d20_verl": Expected(refused=NO_RESPONSE),
    "d21_openr1": Expected(30, answer="1"),
    "d22_mbpp": Expected(30),
    "d23_code_contests": Expected(30),
    "d24_long_prompt": Expected(20, dropped={"prompt too long": 10}),
    "d25_dup_prompt_many_responses": Expected(60, answer="1"),
    "d26_bom_crlf": Expected(30),
    "d27_weights_label": Expected(15, dropped={"weight 0": 15}, skipped={"weight 0 (kept as a prompt)": 15}),
    "d28_mcq_arc": Expected(refused=NO_RESPONSE),
    "d29_mcq_mmlu": Expected(refused=NO_RESPONSE),
    "d30_trailing_space_prompt": Expected(30, template="base"),
    "d31_nan": Expected(30),
    "d32_int_prompt": Expected(refused="no usable row: prompt is neither text nor messages (30)"),
    "d33_solution_and_answer": Expected(30, answer="0"),
    "d34_question_answer_plain": Expected(refused=NO_RESPONSE),
    "d35_qa_long_answer": Expected(30),
    "d36_weight_in_messages": Expected(30, masked=30),
    "d37_developer_role": Expected(30, template="Llama 3.1"),
    "d38_function_role_ipython": Expected(30, template="Llama 3.1"),
    "d39_two_assistants_end": Expected(30, trained=60),
    "d40_images": Expected(refused="a part of the kind 'image' in a message: only text is trained on (30)"),
    "h1_code_prompt_with_prose": Expected(1),
    "h2_tool_call_with_text": Expected(1),
    "h3_reasoning_content": Expected(1, template="Qwen3"),
}
LOST = {
    "d02_tool_calls": "Zephyr", "d03_last_is_tool_call": "Vicuna", "d08_reasoning_content": CHATML,
    "d09_system_only_prompt": "Gemma", "d12_sharegpt_system": "Gemma", "d37_developer_role": CHATML,
    "d38_function_role_ipython": CHATML, "d39_two_assistants_end": "Mistral", "h3_reasoning_content": "Llama 3",
}  # fmt: skip


@pytest.fixture(scope="module")
def cases(corpora: Path) -> Path:
    """The folder of row files that go wrong elsewhere, next to the papers."""
    path = corpora.parent / "cases" / "training"
    if not path.exists():
        pytest.skip(f"no row files at {path}")
    return path


@pytest.mark.corpus
def test_every_row_file_is_taken_in_as_expected(cases: Path) -> None:
    """All 43: what is trained on, masked, dropped, skipped and refused."""
    assert {path.stem for path in cases.glob("*.jsonl")} == set(CASES)
    for name, expected in CASES.items():
        check(str(cases / f"{name}.jsonl"), expected)


@pytest.mark.corpus
@pytest.mark.parametrize("name", LOST)
def test_what_a_template_would_lose_is_refused_with_the_row(cases: Path, name: str) -> None:
    """The same rows for a model whose template has no place for them."""
    with pytest.raises(PosttrainError, match=r"^row \d+: the chat template (leaves out|refuses it)"):
        taken(str(cases / f"{name}.jsonl"), LOST[name])


def chat(*messages: tuple[str, object], **columns: object) -> dict[str, object]:
    """A row of messages, from (role, content) pairs; a content that is a mapping is more than a text."""
    listed = [
        {"role": role, **(content if isinstance(content, dict) else {"content": content})} for role, content in messages
    ]
    return {"messages": listed, **columns}


def lines(*rows: Mapping[str, Any]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


GOOD = {"prompt": "q", "response": "r"}
TOOL = {"name": "clock", "description": "", "parameters": {}}
CALL = {"function": {"name": "clock", "arguments": {}}}
EMPTY, JSON_ANSWER = "empty response (kept as a prompt)", "the answer is an object or a list (kept as JSON)"
FILES: dict[str, tuple[bytes, Expected]] = {
    "parts in a list": (lines(chat(("user", [{"type": "text", "text": "a"}, "b"]), ("assistant", "c"))), Expected(1)),
    "empty image key": (
        lines(chat(("user", [{"type": "text", "text": "a", "image_url": None}]), ("assistant", "c"))), Expected(1)),
    "filled image key": (
        lines(GOOD, chat(("user", [{"type": "text", "text": "a", "image_url": "x.png"}]), ("assistant", "c"))),
        Expected(1, skipped={"a part of the kind 'image_url' in a message: only text is trained on": 1})),
    "image column": (
        lines(GOOD, {**GOOD, "prompt": "p", "image": "x.png"}, {**GOOD, "prompt": "s", "image": None}),
        Expected(2, skipped={"a column 'image': only text is trained on": 1})),
    "audio part": (
        lines(GOOD, chat(("user", [{"type": "input_audio", "audio": {}}]), ("assistant", "c"))),
        Expected(1, skipped={"a part of the kind 'input_audio' in a message: only text is trained on": 1})),
    "columns of both kinds": (lines({"messages": None, **GOOD}, {**chat(("user", "a"), ("assistant", "b")),
                                                                   "prompt": None, "response": None}), Expected(2)),
    "nulls everywhere": (lines({"prompt": None, "response": None}, GOOD), Expected(1, skipped={"no prompt": 1})),
    "null content without a call": (
        lines(GOOD, chat(("user", "a"), ("assistant", None))),
        Expected(1, skipped={"messages without role and content": 1})),
    "empty first turn": (lines(chat(("user", "a"), ("assistant", ""), ("user", "b"), ("assistant", "c"))),
                         Expected(1, masked=1)),
    "numbers as answers": (lines({**GOOD, "answer": 3.0}, {**GOOD, "prompt": "p", "answer": False}),
                           Expected(2, answer="3")),
    "an object as answer": (lines({**GOOD, "answer": {"value": 3}}), Expected(1, skipped={JSON_ANSWER: 1})),
    "several answers": (lines({**GOOD, "answer": ["3", "three"]}), Expected(1, skipped={JSON_ANSWER: 1})),
    "not a number": (b'{"prompt": "q", "response": "r", "answer": NaN, "weight": NaN}\n', Expected(1)),
    "infinite weight": (b'{"prompt": "q", "response": "r", "weight": Infinity}\n', Expected(1)),
    "half a weight": (lines(GOOD, {**GOOD, "prompt": "p", "weight": 0.5}),
                      Expected(1, skipped={"a weight other than 0 and 1": 1})),
    "half a weight of a turn": (lines(GOOD, chat(("user", "a"), ("assistant", {"content": "b", "weight": 0.3}))),
                                Expected(1, skipped={"a weight other than 0 and 1": 1})),
    "weights as words": (lines({**GOOD, "weight": "1"}, {**GOOD, "prompt": "p", "weight": "0.0"}),
                         Expected(1, dropped={"weight 0": 1}, skipped={"weight 0 (kept as a prompt)": 1})),
    "all turns of weight 0": (lines(GOOD, chat(("user", "a"), ("assistant", {"content": "b", "weight": 0}))),
                              Expected(1, dropped={"weight 0": 1})),
    "thumbs": (lines({**GOOD, "label": True}, {**GOOD, "prompt": "p", "label": False}),
               Expected(1, dropped={"label false": 1}, skipped={"label false (kept as a prompt)": 1})),
    "classes are no thumbs": (lines({**GOOD, "label": 0}, {**GOOD, "prompt": "p", "label": "neg"}), Expected(2)),
    "byte order mark and CRLF": (b"\xef\xbb\xbf" + lines(GOOD).replace(b"\n", b"\r\n") * 2,
                                 Expected(1, skipped={"duplicate": 1})),
    "packed array": (gzip.compress(json.dumps([GOOD, chat(("user", "a"), ("assistant", "b"))]).encode(), mtime=0),
                     Expected(2)),
    "repeated chats": (lines(*[chat(("user", "a"), ("assistant", "b"))] * 3), Expected(1, skipped={"duplicate": 2})),
    "calls alone tell rows apart": (
        lines(*[chat(("user", "a"), ("assistant", {"content": "", "tool_calls": [
            {"function": {"name": "clock", "arguments": {"zone": zone}}}]})) for zone in "xyx"]),
        Expected(2, skipped={"duplicate": 1})),
    "system columns tell rows apart": (lines({**GOOD, "system": "a"}, {**GOOD, "system": "b"}), Expected(2)),
    "other alphabets": (lines({"prompt": "你好 🙂 é \u202e?", "response": "答え: 0。"}), Expected(1)),
    "half a pair": (lines(GOOD) + b'{"prompt": "\\ud83d", "response": "r"}\n',
                    Expected(1, skipped={"not valid Unicode": 1})),
    "very long": (lines(GOOD, {"prompt": "word " * 5000, "response": "r"}),
                  Expected(1, dropped={"prompt too long": 1})),
    "very long earlier turns": (lines(GOOD, chat(("user", "word " * 5000), ("assistant", "a"), ("user", "b"),
                                                 ("assistant", "c"))), Expected(1, dropped={"prompt too long": 1})),
    "assistant first": (lines(chat(("assistant", "Hi."), ("user", "a"), ("assistant", "b"))), Expected(1, masked=1)),
    "tools as text": (lines(chat(("user", "a"), ("assistant", {"content": None, "tool_calls": [CALL]}),
                                 tools=json.dumps([TOOL]))), Expected(1)),
    "tools that are none": (lines(GOOD, {**GOOD, "prompt": "p", "tools": "hammer"}),
                            Expected(1, skipped={"tools are not a list of functions with names": 1})),
    "a call without a name": (
        lines(GOOD, chat(("user", "a"), ("assistant", {"content": "", "tool_calls": [{"function": {}}]}))),
        Expected(1, skipped={"a tool call without the name of a function": 1})),
    "a function_call field": (lines(chat(("user", "a"), ("assistant", {"content": None, "function_call": {
        "name": "clock", "arguments": "{}"}}), ("function", {"name": "clock", "content": "9"}), ("assistant", "b"))),
        Expected(1, trained=2)),
    "a name and an id": (lines(chat(("user", {"content": "a", "name": "Ada", "id": 7}), ("assistant", "b"))),
                         Expected(1)),
    "two system messages": (
        lines(GOOD, {**chat(("system", "a"), ("user", "b"), ("assistant", "c")), "system": "z"}),
        Expected(1, skipped={"the system message of the chat is not that of the column": 1})),
    "one system message twice": (lines({**chat(("system", "a"), ("user", "b"), ("assistant", "c")), "system": "a"}),
                                 Expected(1)),
    "history of a stranger": (lines(GOOD, {**GOOD, "prompt": "p", "history": ["a", "b"]}),
                              Expected(1, skipped={"history is no list of pairs of texts": 1})),
    "completion of several turns": (
        lines({"prompt": [{"role": "user", "content": "a"}], "completion": chat(
            ("assistant", {"content": "", "tool_calls": [CALL]}), ("tool", "9"), ("assistant", "b"))["messages"]}),
        Expected(1, trained=2)),
    "completion that ends with a tool": (
        lines(GOOD, {"prompt": "a", "completion": chat(("assistant", "b"), ("tool", "9"))["messages"]}),
        Expected(1, skipped={"the last message of 'completion' is not the assistant's": 1})),
    "pairs without a prompt": (lines(GOOD, {"chosen": "b", "rejected": "c"}), Expected(1, skipped={"no prompt": 1})),
    "options in the question": (lines({"question": "Red?\nA. sky\nB. blood", "choices": ["sky", "blood"], "answer": 1,
                                       "response": "B"}), Expected(1, answer="B")),
    "empty response": (lines(GOOD, {"prompt": "p", "response": " \n"}),
                       Expected(1, dropped={"no response": 1}, skipped={EMPTY: 1})),
    "upper case": (lines({"Question": "q", "Answer": "7", "Response": "r"}), Expected(1, answer="7")),
    "solutions that are no list": (lines({"question": "q", "solutions": "print(1)"}), Expected(1)),
    "one bad role among many": (
        lines(*[{**GOOD, "prompt": str(n)} for n in range(30)],
              chat(("referee", "x"), ("user", "a"), ("assistant", "b"))),
        Expected(30, dropped={"the chat template leaves out a message of the role 'referee'": 1})),
    "bad roles alone": (lines(chat(("referee", "x"), ("user", "a"), ("assistant", "b"))),
                        Expected(refused="row 1: the chat template leaves out a message of the role 'referee'")),
    "lists in lists": (lines(GOOD, {"messages": [[{"role": "user", "content": "a"}]]}),
                       Expected(1, skipped={"messages without role and content": 1})),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_rows_is_taken_in_as_expected(name: str) -> None:
    """Columns that are mixed, empty, nested, doubled, of other types, or too long."""
    content, expected = FILES[name]
    Path("rows.jsonl").write_bytes(content)
    check("rows.jsonl", expected)
    assert len(FILES) >= 40
