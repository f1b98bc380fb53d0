"""Columns of real files: an object of a file becomes a row.

The names are those of GSM8K, MATH, SVAMP, AIME, HumanEval, MBPP, ARC, Alpaca and of chat files; upper and lower case
are the same. All other columns stay in the row's `extra` under their own names.
"""

import json
import re
from collections.abc import Mapping, Sequence

from reference_impls.tasks.row import Prompt, Row

PROMPT = ("prompt", "question", "instruction", "problem", "input", "text")
RESPONSE = ("response", "output", "completion", "solution", "canonical_solution", "code")
ANSWER = ("answer", "gold", "ground_truth", "final_answer", "expected_answer", "answerkey")
CHAT = ("messages", "conversations")

# the second column continues the first: a task and its input, a story and its question
JOINED = {("instruction", "input"): "\n", ("body", "question"): " "}

EMPTY_RESPONSE = "empty response (kept as a prompt)"

_ROLES = {"human": "user", "gpt": "assistant"}  # the words of ShareGPT files
# "… 3 + 4 = 7\n#### 7" at the end of a worked solution
_GSM8K_ANSWER = re.compile(r"####[ \t]*(\S[^\n]*)\s*\Z")


class NoRowError(Exception):
    """This object is no row; its text is the reason, by which such objects are counted."""


def row_of(item: Mapping[str, object]) -> tuple[Row, str | None]:
    """Return the row that an object of a file holds, and the flaw that is counted where it is a row all the same."""
    columns = {name.lower(): name for name in sorted(item, key=str.islower)}  # `answer` rather than `Answer`
    used = {"prompt", "response", "answer"}  # the row's own names
    prompt, response = _prompt(item, columns, used)
    if response is None:
        response = _first(item, columns, RESPONSE, used)
    answer = _first(item, columns, ANSWER, used)
    if response is None and answer is not None and _GSM8K_ANSWER.search(answer):
        response = answer  # GSM8K writes the way and the number in one column
    if response is not None and (answer is None or answer == response):
        answer = final_answer(response) or answer
    flaw = EMPTY_RESPONSE if response is not None and not response.strip() else None
    extra = {name: value for name, value in item.items() if name not in used}
    row = Row(prompt, None if flaw else response, answer, extra)
    _demand_unicode(row)
    return row, flaw


def final_answer(response: str) -> str | None:
    r"""Return the answer at the end of a worked solution: the number after `####`, or else the last `\boxed{...}`."""
    if marked := _GSM8K_ANSWER.search(response):
        return marked[1].strip().replace(",", "")
    opening = response.rfind("\\boxed{")
    if opening < 0:
        return None
    depth, start = 0, opening + len("\\boxed")
    for at in range(start, len(response)):
        depth += (response[at] == "{") - (response[at] == "}")
        if depth == 0:
            return response[start + 1 : at].strip()
    return None


def _prompt(item: Mapping[str, object], columns: Mapping[str, str], used: set[str]) -> tuple[Prompt, str | None]:
    """Return the prompt, and the response where prompt and response stand in one chat."""
    for (first, second), between in JOINED.items():
        begun, rest = _text(item, columns.get(first)), _text(item, columns.get(second))
        if begun and rest and "prompt" not in columns:
            used |= {columns[first], columns[second]}
            stop = "." if between == " " and begun.rstrip()[-1:].isalnum() else ""
            return f"{begun.rstrip()}{stop}{between}{rest}", None
    # a chat holds the demonstration too, which a separate prompt column would lose
    names = (*PROMPT, *CHAT) if columns.keys() & set(RESPONSE) else (*CHAT, *PROMPT)
    for name in names:
        column = columns.get(name)
        value = item[column] if column is not None else None
        if column is not None and value not in (None, "", []):
            used.add(column)
            return _chat(value) if isinstance(value, list) else (_demand_text(value), None)
    raise NoRowError("no prompt")


def _demand_text(value: object) -> str:
    if isinstance(value, str) and value.strip():
        return value
    raise NoRowError("no prompt" if isinstance(value, str) else "prompt is neither text nor messages")


def _chat(messages: Sequence[object]) -> tuple[Prompt, str | None]:
    """Return the messages before the last one, and its text if the assistant speaks last; else all messages."""
    chat = tuple(_message(message) for message in messages)
    response = chat[-1]["content"] if chat[-1]["role"] == "assistant" else None
    prompt = chat if response is None else chat[:-1]
    if not any(message["content"].strip() for message in prompt):
        raise NoRowError("no prompt")
    return prompt, response


def _message(message: object) -> dict[str, str]:
    """Return a message as role and content; its parts are joined where it has several."""
    if not isinstance(message, Mapping):
        raise NoRowError("messages without role and content")
    role, content = message.get("role", message.get("from")), message.get("content", message.get("value"))
    if isinstance(content, list):
        texts = [part.get("text") if isinstance(part, Mapping) else part for part in content]
        content = "".join(map(str, texts)) if all(isinstance(text, str) for text in texts) else None
    if not isinstance(role, str) or not isinstance(content, str):
        raise NoRowError("messages without role and content")
    return {"role": _ROLES.get(role, role), "content": content}


def _first(item: Mapping[str, object], columns: Mapping[str, str], names: Sequence[str], used: set[str]) -> str | None:
    """Return the first of these columns that holds something, as text; an empty one where none does."""
    empty = None
    for name in names:
        column = columns.get(name)
        if column is None or item[column] is None:
            continue
        used.add(column)
        text = _text(item, column) or ""
        if text.strip():
            return text
        empty = text
    return empty


def _text(item: Mapping[str, object], column: str | None) -> str | None:
    """Return a column as text: 51.0 as 51, a list of one as its element, the reply of a chat, else its JSON."""
    value = item[column] if column is not None else None
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, Mapping) and isinstance(value.get("content"), str):
        value = value["content"]
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    return json.dumps(value, ensure_ascii=False)


def _demand_unicode(row: Row) -> None:
    """Refuse half a surrogate pair, which JSON can escape and no tokenizer can read."""
    try:
        json.dumps([row.as_mapping()], ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise NoRowError("not valid Unicode") from None
