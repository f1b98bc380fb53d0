"""Columns of real files: an object of a file becomes a row.

The names are those of GSM8K, MATH, SVAMP, AIME, HumanEval, MBPP, APPS, ARC, MMLU, OpenR1, Alpaca, Dolly, SQuAD, verl,
of preference pairs and of chat files; upper and lower case are the same. All other columns stay in the row's `extra`
under their own names. docs/rows.md shows each layout with the tokens that it becomes.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from reference_impls.tasks.answers import final_answer, first_program, is_worked, text_of
from reference_impls.tasks.chat import is_chat, messages_of, tools_of, weight_of
from reference_impls.tasks.choices import CHOICES, label_of, options_of, with_options
from reference_impls.tasks.row import Message, NoRowError, Prompt, Row

PROMPT = ("prompt", "question", "instruction", "problem", "input", "description", "text")
RESPONSE = ("response", "output", "completion", "solution", "canonical_solution", "code", "solutions")
ANSWER = ("answer", "gold", "ground_truth", "final_answer", "expected_answer", "answerkey")
CHAT = ("messages", "conversations", "conversation")
THOUGHT = ("reasoning_content", "thinking", "reasoning", "complex_cot")
SYSTEM = ("system", "system_prompt", "system_message")
TOOLS = ("tools", "functions")
PAIR = ("chosen", "rejected")
MEDIA = ("image", "images", "audio", "audios", "video", "videos")
OWN_RESPONSE = ("response", "output", "completion")  # next to a chat, these say which prompt is meant

# the second column continues the first: a task and its input, a story and its question
JOINED = {
    ("instruction", "input"): "\n",
    ("instruction", "context"): "\n",
    ("body", "question"): " ",
    ("context", "question"): "\n\n",
    ("context", "prompt"): "\n\n",
    ("passage", "question"): "\n\n",
    ("problem", "starter_code"): "\n\n",
    ("question", "starter_code"): "\n\n",
}
# columns that verifiers read; a column that is in none of these lists is not used at all
FOR_VERIFIERS = (
    "tests", "test_list", "test", "test_setup_code", "challenge_test_list", "entry_point", "choices", "options",
    "input_output", "inputs", "outputs", "public_tests", "private_tests", "test_cases", "fn_name", "reward_model",
)  # fmt: skip

EMPTY_RESPONSE = "empty response (kept as a prompt)"
NOT_TRAINED = "{} (kept as a prompt)"
ANSWER_AS_JSON = "the answer is an object or a list (kept as JSON)"

_SPEAKS = "\n\nAssistant:"  # of the dialogues in Anthropic's pairs: "\n\nHuman: hi\n\nAssistant: hello"


@dataclass
class _Columns:
    """The columns of an object by their names in lower case, and which of them have been read."""

    item: Mapping[str, object]
    names: dict[str, str] = field(default_factory=dict)
    used: set[str] = field(default_factory=lambda: {"prompt", "response", "answer"})  # the row's own names

    def __post_init__(self) -> None:
        self.names = {name.lower(): name for name in sorted(self.item, key=str.islower)}  # `answer` before `Answer`

    def value(self, name: str) -> object:
        """Return what a column holds; None where there is no such column."""
        return self.item.get(self.names.get(name, ""))

    def take(self, names: Sequence[str]) -> object:
        """Return the first of these columns that holds something, and count it as read."""
        for name in names:
            if (value := self.value(name)) not in (None, "", [], {}):
                self.used.add(self.names[name])
                return value
        return None

    def text(self, name: str) -> str | None:
        """Return a column as text."""
        return text_of(self.value(name))

    def first_text(self, names: Sequence[str]) -> str | None:
        """Return the first of these columns that holds something, as text; an empty one where none does."""
        empty = None
        for name in names:
            if self.value(name) is None:
                continue
            self.used.add(self.names[name])
            text = self.text(name) or ""
            if text.strip():
                return text
            empty = text
        return empty


def row_of(item: Mapping[str, object]) -> tuple[Row, str | None]:
    """Return the row that an object of a file holds, and the flaw that is counted where it is a row all the same."""
    columns = _Columns(item)
    if media := next((name for name in MEDIA if columns.value(name) not in (None, "", [], {})), None):
        raise NoRowError(f"a column '{media}': only text is trained on")
    prompt, reply = _prompt_and_reply(columns)
    answer, flaw = _answer(columns)
    response = _content(reply)
    if response is None and answer is not None and is_worked(answer):
        response, reply = answer, {"role": "assistant", "content": answer}
    if response is not None and (answer is None or answer == response):
        answer = final_answer(response) or answer
    answer = answer or _answer_of_solution(columns)
    prompt, answer = _with_options(columns, prompt, answer)
    untrained = _untrained(columns)
    if untrained and reply:
        flaw = NOT_TRAINED.format(untrained)
    if response is not None and not response.strip():
        flaw = flaw if _is_more(reply) else EMPTY_RESPONSE
        response = None
    prompt, system = _with_system(columns, prompt)
    tools = tools_of(columns.take(TOOLS))
    arguments = columns.take(("chat_template_kwargs",))
    row = Row(
        prompt, response, answer, {},
        reply=reply if _is_more(reply) else None, system=system, tools=tools,
        arguments=arguments if isinstance(arguments, dict) else {}, untrained=untrained,
    )  # fmt: skip
    return _complete(row, columns), flaw


def _complete(row: Row, columns: _Columns) -> Row:
    """Return the row with the columns that nothing here has read, and with the mark of a bare text."""
    kept = {name: value for name, value in columns.item.items() if name not in columns.used}
    only = isinstance(row.prompt, str) and not row.turns[1:] and row.answer is None and not row.system
    checked = any(columns.value(name) not in (None, "", [], {}) for name in FOR_VERIFIERS)
    is_text = bool(only and not checked and columns.names.get("text") in columns.used)
    row = replace(row, extra=kept, is_text=is_text)
    _demand_unicode(row)
    return row


def _prompt_and_reply(columns: _Columns) -> tuple[Prompt, Message | None]:
    """Return the prompt, and the message of the assistant that answers it where there is one."""
    if all(columns.value(name) not in (None, "", []) for name in PAIR):
        prompt, reply = _preferred(columns)
    else:
        prompt, reply = _prompt(columns)
        if reply is None:
            prompt, reply = _answered(prompt, columns)
    thought = columns.take(THOUGHT) if reply else None
    if isinstance(thought, str) and reply and not reply.get("reasoning_content"):
        reply = {**reply, "reasoning_content": thought}
    history = columns.value("history")
    if isinstance(history, list) and history:
        columns.used.add(columns.names["history"])
        prompt = (*_history(history), *_as_messages(prompt))
    return prompt, reply


def _prompt(columns: _Columns) -> tuple[Prompt, Message | None]:
    """Return the prompt, and the reply where prompt and reply are one chat."""
    for (first, second), between in JOINED.items():
        begun, rest = _plain(columns.value(first)), _plain(columns.value(second))
        if begun and rest and ("prompt" not in columns.names or second == "prompt"):
            columns.used |= {columns.names[first], columns.names[second]}
            stop = "." if between == " " and begun.rstrip()[-1:].isalnum() else ""
            return f"{begun.rstrip()}{stop}{between}{rest}", None
    # a chat holds the demonstration too, which a separate prompt column would lose
    names = (*PROMPT, *CHAT) if columns.names.keys() & set(OWN_RESPONSE) else (*CHAT, *PROMPT)
    for name in names:
        value = columns.value(name)
        if name in columns.names and value not in (None, "", []):
            columns.used.add(columns.names[name])
            return _chat(value) if isinstance(value, list) else (_demand_text(value), None)
    raise NoRowError("no prompt")


def _plain(value: object) -> str | None:
    """Return a text, or texts of a list below each other; None for anything else."""
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return "\n".join(value)
    return value if isinstance(value, str) and value.strip() else None


def _demand_text(value: object) -> str:
    if isinstance(value, str) and value.strip():
        return value
    raise NoRowError("no prompt" if isinstance(value, str) else "prompt is neither text nor messages")


def _chat(values: Sequence[object]) -> tuple[Prompt, Message | None]:
    """Return the messages before the last one, and the last if it is the assistant's; else all messages."""
    chat = messages_of(values)
    reply = chat[-1] if chat[-1]["role"] == "assistant" else None
    prompt = chat if reply is None else chat[:-1]
    if not any(str(message["content"] or "").strip() or message.get("tool_calls") for message in prompt):
        raise NoRowError("no prompt")
    return prompt, reply


def _answered(prompt: Prompt, columns: _Columns) -> tuple[Prompt, Message | None]:
    """Return the prompt and the reply in a column of its own: text, a message, or the messages of several turns."""
    for name in RESPONSE:
        value = columns.value(name)
        value = [value] if isinstance(value, Mapping) and is_chat([value]) else value
        if is_chat(value) and isinstance(value, list):
            columns.used.add(columns.names[name])
            *between, reply = messages_of(value)
            if reply["role"] != "assistant":
                raise NoRowError(f"the last message of '{name}' is not the assistant's")
            return (*_as_messages(prompt), *between) if between else prompt, reply
    columns.used |= {columns.names[name] for name in ("solutions",) if name in columns.names}
    text = columns.first_text(RESPONSE[:-1])
    if text is None:
        text = first_program(columns.value("solutions"))
    return prompt, None if text is None else {"role": "assistant", "content": text}


def _preferred(columns: _Columns) -> tuple[Prompt, Message | None]:
    """Return prompt and reply of the response that a pair prefers; both stay in the row for techniques with pairs."""
    chosen, rejected = (columns.value(name) for name in PAIR)
    if is_chat(chosen) and isinstance(chosen, list):
        messages = messages_of(chosen)
        if len(messages) > 1:
            columns.take(("prompt",))
            return _chat(chosen)
        return _prompt(columns)[0], messages[0]
    text = _demand_text(chosen)
    if columns.names.keys() & set(PROMPT):
        return _prompt(columns)[0], {"role": "assistant", "content": text}
    at = text.rfind(_SPEAKS)
    if at < 0 or not isinstance(rejected, str):
        raise NoRowError("no prompt")
    return text[: at + len(_SPEAKS)], {"role": "assistant", "content": text[at + len(_SPEAKS) :]}


def _history(pairs: Sequence[object]) -> tuple[Message, ...]:
    """Return earlier turns, from [["hi", "hello"], …] as LLaMA-Factory has them, or from messages."""
    if is_chat(pairs):
        return messages_of(pairs)
    turns: list[Message] = []
    for pair in pairs:
        if not isinstance(pair, list) or len(pair) != 2 or not all(isinstance(text, str) for text in pair):
            raise NoRowError("history is no list of pairs of texts")
        turns += [{"role": "user", "content": pair[0]}, {"role": "assistant", "content": pair[1]}]
    return tuple(turns)


def _as_messages(prompt: Prompt) -> tuple[Message, ...]:
    return ({"role": "user", "content": prompt},) if isinstance(prompt, str) else prompt


def _with_system(columns: _Columns, prompt: Prompt) -> tuple[Prompt, str]:
    """Return the prompt, and the system message in a column of its own; a chat that has one must have the same."""
    system = columns.take(SYSTEM)
    if not isinstance(system, str) or not system.strip():
        return prompt, ""
    own = next((m["content"] for m in _as_messages(prompt) if m["role"] in ("system", "developer")), None)
    if own is not None and str(own).strip() != system.strip():
        raise NoRowError("the system message of the chat is not that of the column")
    return prompt, "" if own is not None else system


def _with_options(columns: _Columns, prompt: Prompt, answer: str | None) -> tuple[Prompt, str | None]:
    """Return the prompt with the options below the question, and the answer as a label."""
    options = next((options for name in CHOICES if (options := options_of(columns.value(name)))), {})
    if not options:
        return prompt, answer
    answer = label_of(answer, options) if answer is not None else None
    if isinstance(prompt, str):
        return with_options(prompt, options), answer
    last = prompt[-1]
    return (*prompt[:-1], {**last, "content": with_options(str(last["content"] or ""), options)}), answer


def _answer(columns: _Columns) -> tuple[str | None, str | None]:
    """Return the gold answer, and the flaw that it is a list or an object."""
    answer = columns.first_text(ANSWER)
    rewarded = columns.value("reward_model")
    if not (answer or "").strip() and isinstance(rewarded, Mapping):  # verl: {"style": "rule", "ground_truth": "7"}
        answer = text_of(rewarded.get("ground_truth"))
    value = next((value for name in ANSWER if (value := columns.value(name)) is not None), None)
    is_json = isinstance(value, (list, dict)) and answer is not None and answer[:1] in ("[", "{")
    return answer, ANSWER_AS_JSON if is_json else None


def _answer_of_solution(columns: _Columns) -> str | None:
    """Return the final answer of a solution next to the demonstration, as OpenR1 has it."""
    texts = (columns.value(name) for name in RESPONSE)
    return next((final for text in texts if isinstance(text, str) and (final := final_answer(text))), None)


def _untrained(columns: _Columns) -> str:
    """Return why a row is not to be imitated: its weight is 0, or its label says so (KTO's thumb down)."""
    weight = columns.value("weight")
    if weight is not None and not weight_of(weight):
        return "weight 0"
    return "label false" if columns.value("label") is False else ""


def _content(reply: Message | None) -> str | None:
    """Return the text of a reply that may be imitated."""
    if reply is None or reply.get("weight") == 0:
        return None
    return str(reply.get("content") or "")


def _is_more(reply: Message | None) -> bool:
    """Whether a reply is more than a text with a role."""
    return bool(reply) and bool(set(reply or ()) - {"role", "content"})


def _demand_unicode(row: Row) -> None:
    """Refuse half a surrogate pair, which JSON can escape and no tokenizer can read."""
    try:
        json.dumps([row.as_mapping(), row.reply], ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise NoRowError("not valid Unicode") from None
