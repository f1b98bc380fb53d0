"""The template: how a row becomes the text and the tokens that the model sees.

A model with a chat template gets messages through it; a base model gets the prompt as text, a separator, and the
response. The same prompt is built for training, for rollouts and for scores.

    row  →  messages, with the system message and the tools  →  the template's text  →  token ids

Where a template cannot render a row, or leaves a part of it out, the row is refused with the reason: nothing of a row
is lost silently.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import cast

from posttrain.errors import ConfigurationError
from reference_impls.configs import RunConfig
from reference_impls.model.protocols import Tokenizer
from reference_impls.model.thoughts import answer_of, thought_of, with_thought
from reference_impls.tasks.row import Message, Prompt, Row

STARTER = Path(__file__).parents[1] / "starter"
LOADABLE = "give a hub id, a folder with safetensors and a tokenizer, or `starter`"
# a prompt that ends in "<think>\n" or "[THINK]": the model is to think first
_OPEN_THOUGHT = re.compile(r"(<(think|thinking|thought|reasoning|seed:think)>|\[(THINK)\])\s*\Z")
_MARKER = re.compile(r"<[|｜].*[|｜]>")
_COLUMN = re.compile(r"\{(\w+)\}")  # of a prompt template: "Question: {prompt}"
_MARK = "posttrainmark"  # a word that no template holds, to see what a template writes after an answer


class RowRefusedError(Exception):
    """This row cannot be given to the model whole; its text is the reason, by which such rows are counted."""


@dataclass(frozen=True)
class Template:
    """How prompts and demonstrations are written for one model."""

    tokenizer: Tokenizer
    chat: bool = False  # text prompts are put into the tokenizer's chat template
    end_id: int | None = None  # what ends a whole response; left out, the tokenizer's end of sequence
    stop_ids: frozenset[int] = frozenset()  # every token that ends a response
    special_ids: frozenset[int] = frozenset()  # tokens that are no text, those that end a response among them
    system: str = ""  # for rows that have no system message
    wrapper: str = ""  # text around each prompt, such as "Question: {prompt}"
    arguments: Mapping[str, object] = field(default_factory=dict)  # of the chat template, such as enable_thinking
    separator: str = ""  # between prompt and response, without a chat template
    special_texts: tuple[str, ...] = ()  # those of special_ids
    vocabulary: int | None = None  # token ids that the model has
    closes_thought: bool = False  # an opened <think> is closed in the prompt
    lost: dict[str, str] = field(default_factory=dict, compare=False)  # shape of a chat → the part that it loses

    @property
    def end(self) -> int:
        """The token that ends a whole response."""
        return int(self.tokenizer.eos_token_id) if self.end_id is None else self.end_id

    def prompt_ids(self, row: Row) -> tuple[int, ...]:
        """Return the ids of a row's prompt up to where the response begins.

        Raises RowRefusedError where the template does not render the row, and ConfigurationError for messages without a
        chat template.
        """
        if not self.chat:
            return self.checked(self.without_end(self.tokenizer(self.plain_prompt(row))["input_ids"]))
        messages = self.messages(row)
        text = self.render(messages, row, begins=True)
        self.demand_whole(messages, row)
        return self.checked(self.ids(self.closed(text) if self.closes_thought else text))

    def plain_prompt(self, row: Row) -> str:
        """Return a prompt for a model without a chat template, the separator at its end.

        A prompt that ends in white space has its own separator. Raises ConfigurationError for messages.
        """
        if not isinstance(row.prompt, str):
            raise ConfigurationError(
                f"{named(row)}the prompts are chat messages and the tokenizer has no chat template",
                "take a model with a chat template, or write prompts as text",
            )
        system = row.system or self.system
        text = f"{system}\n\n{self.wrapped(row.prompt, row)}" if system else self.wrapped(row.prompt, row)
        return text if text[-1:].isspace() else text + self.separator

    def messages(self, row: Row, *, whole: bool = False) -> list[Message]:
        """Return the messages of a row's prompt, or with `whole` of all its turns, as the chat template gets them."""
        prompt: Sequence[Message] = (
            [{"role": "user", "content": row.prompt}] if isinstance(row.prompt, str) else row.prompt
        )
        turns = list(row.turns if whole else prompt)
        if self.wrapper and (asked := [n for n, message in enumerate(prompt) if message["role"] == "user"]):
            last = turns[asked[-1]]
            turns[asked[-1]] = {**last, "content": self.wrapped(str(last.get("content") or ""), row)}
        system = row.system or self.system
        if system and not any(message["role"] in ("system", "developer") for message in turns):
            turns.insert(0, {"role": "system", "content": system})
        return turns

    def wrapped(self, prompt: str, row: Row) -> str:
        """Return a prompt inside the prompt template; {prompt} and {COLUMN} stand for the row's own."""
        if not self.wrapper:
            return prompt
        columns = {**{name: item for name, item in row.extra.items() if isinstance(item, str)}, "prompt": prompt}
        return _COLUMN.sub(lambda match: columns.get(match[1], match[0]), self.wrapper)

    def render(self, messages: Sequence[Message], row: Row, *, begins: bool = False) -> str:
        """Return the template's text of messages; begins: with what stands before a new answer.

        Raises RowRefusedError with the template's own words.
        """
        shown = [_as_template_reads(message) for message in messages]
        tools = {"tools": [dict(tool) for tool in row.tools]} if row.tools else {}
        arguments = {**self.arguments, **row.arguments, **tools}
        try:
            text = self.tokenizer.apply_chat_template(shown, add_generation_prompt=begins, tokenize=False, **arguments)
        except Exception as error:
            reason = (str(error) or type(error).__name__).splitlines()[0]
            raise RowRefusedError(f"the chat template refuses it: {reason}") from error
        return str(text)

    def closed(self, text: str) -> str:
        """Return a prompt with the thought that it opens closed, as in `<think>\\n\\n</think>\\n\\n`."""
        match = _OPEN_THOUGHT.search(text)
        if match is None:
            return text
        name = match[2] or match[3]
        ending = f"</{name}>" if match[2] else f"[/{name}]"
        return f"{text.rstrip()}\n\n{ending}\n\n"

    def demand_whole(self, messages: Sequence[Message], row: Row) -> None:
        """Raise RowRefusedError where the template leaves out a message, a tool call or the definitions of tools.

        Each text is replaced by a word of its own, so that what is found is that text: a short one ("3") may be in the
        rendered chat for other reasons. Chats of the same shape are looked at once.
        """
        shape = repr([_shape(message) for message in messages] + [bool(row.tools), row.arguments])
        if shape not in self.lost:
            self.lost[shape] = self._lost(messages, row)
        if reason := self.lost[shape]:
            raise RowRefusedError(f"the chat template leaves out {reason}")

    def _lost(self, messages: Sequence[Message], row: Row) -> str:
        """Return the first part of messages of this shape that the template leaves out; empty where none is."""
        marked = [_with_marks(number, message) for number, message in enumerate(messages)]
        tools = [{"type": "function", "function": {"name": f"{_MARK}tool", "description": "", "parameters": {}}}]
        text = self.render(marked, replace(row, tools=tuple(tools) if row.tools else ()))
        for number, message in enumerate(messages):
            if _has_text(message) and f"{_MARK}text{number}e" not in text:
                return f"a message of the role '{message['role']}'"
            if message.get("tool_calls") and f"{_MARK}call{number}e" not in text:
                return "a tool call"
        return "the definitions of tools" if row.tools and f"{_MARK}tool" not in text else ""

    def keeps_thought(self, messages: Sequence[Message], row: Row) -> bool:
        """Whether the thought of the last message, where it has one, is in the template's text."""
        if not thought_of(messages[-1]):
            return True
        inline = not messages[-1].get("reasoning_content")
        shape = repr(["thought", inline, [_shape(message) for message in messages], row.arguments])
        if shape not in self.lost:
            marked = [*messages[:-1], with_thought(messages[-1], f"{_MARK}thought")]
            self.lost[shape] = "" if f"{_MARK}thought" in self.render(marked, row) else "the thought"
        return not self.lost[shape]

    def writes_names(self, row: Row) -> bool:
        """Whether the chat template writes the names of speakers; few do, and a name in a text is not one."""
        messages = [{**message, "name": f"{_MARK}name"} for message in self.messages(row)]
        return f"{_MARK}name" in self.render(messages, row)

    def checked(self, ids: Sequence[int]) -> tuple[int, ...]:
        """Return the ids. Raises RowRefusedError where the model has no embedding for one of them."""
        if self.vocabulary is not None and (largest := max(ids, default=0)) >= self.vocabulary:
            text = self.tokenizer.decode([largest], skip_special_tokens=False)
            raise RowRefusedError(
                f"the tokenizer is larger than the model: token {largest} ({text!r}) of {self.vocabulary} embeddings"
            )
        return tuple(ids)

    def ids(self, text: str) -> list[int]:
        """Return the ids of a text as it stands."""
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def without_end(self, ids: Sequence[int]) -> tuple[int, ...]:
        """Return the ids without an end of sequence that some tokenizers put after every text."""
        return tuple(ids[:-1] if tuple(ids[-1:]) == (self.tokenizer.eos_token_id,) else ids)

    def parts(self, text: str, cuts: Sequence[int]) -> list[list[int]]:
        """Return the ids between cuts in a text: those of the whole text, where no token lies across a cut."""
        whole, counts = self.ids(text), [0]
        for cut in cuts:
            head = self.ids(text[:cut])
            if whole[: len(head)] != head:
                return [self.ids(text[start:stop]) for start, stop in pairwise([0, *cuts, len(text)])]
            counts.append(len(head))
        return [whole[start:stop] for start, stop in pairwise([*counts, len(whole)])]


def load_tokenizer(name: str) -> Tokenizer:
    """Return the tokenizer of a model. Raises ConfigurationError where it cannot be loaded or has no end."""
    from transformers import AutoTokenizer

    source = str(STARTER) if name == "starter" else name
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, trust_remote_code=False)
    except (OSError, ValueError, KeyError, ImportError, RuntimeError, TypeError, AttributeError) as error:
        raise ConfigurationError(
            f"cannot load the model '{name}': {(str(error) or type(error).__name__).splitlines()[0]}", LOADABLE
        ) from error
    if tokenizer.eos_token_id is None:
        raise ConfigurationError(
            f"the tokenizer of '{name}' has no end-of-sequence token", "set eos_token in its config"
        )
    return cast("Tokenizer", tokenizer)


def make_template(
    tokenizer: Tokenizer, config: RunConfig, stop_ids: frozenset[int], vocabulary: int | None = None
) -> Template:
    """Return the template of a tokenizer under a run's settings; stop_ids: tokens known to end a response."""
    chat = tokenizer.chat_template is not None
    if config.prompt_template and "{prompt}" not in config.prompt_template:
        raise ConfigurationError(
            f"prompt_template is {config.prompt_template!r}; expected a text with {{prompt}} in it",
            "--prompt-template 'Question: {prompt}'",
        )
    arguments = dict(config.chat_template_kwargs)
    special = stop_ids | set(tokenizer.all_special_ids) | _markers(tokenizer)
    plain = Template(tokenizer, chat, arguments=arguments, special_ids=frozenset(special))
    end = _end_of_turn(plain) if chat else int(tokenizer.eos_token_id)
    return Template(
        tokenizer,
        chat,
        end,
        stop_ids | {end},
        plain.special_ids,
        system=config.system or "",
        wrapper=config.prompt_template or "",
        arguments=arguments,
        separator=config.separator,
        special_texts=tuple(tokenizer.decode([token], skip_special_tokens=False) for token in sorted(special)),
        vocabulary=vocabulary,
    )


def encode_prompt(tokenizer: Tokenizer, prompt: Prompt, chat: bool) -> tuple[int, ...]:
    """Return the ids of a prompt up to where the response begins, without any setting.

    Raises ConfigurationError for messages without a chat template.
    """
    return Template(tokenizer, chat).prompt_ids(Row(prompt))


def _markers(tokenizer: Tokenizer) -> set[int]:
    """Return the added tokens that are no text: those marked so, and `<|im_end|>` where it is not."""
    added = tokenizer.added_tokens_decoder  # Gemma adds "\n\n" and "<table>" too, which are text
    return {number for number, token in added.items() if token.special or _MARKER.fullmatch(token.content)}


def _end_of_turn(template: Template) -> int:
    """Return the token that the chat template writes after an answer, or the tokenizer's end of sequence.

    `<|im_end|>` of ChatML, where a base model's tokenizer still names `<|endoftext|>` as its end of sequence.
    """
    tokenizer = template.tokenizer
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": _MARK}]
    try:
        after = template.render(turns, Row("")).rpartition(_MARK)[2]
    except RowRefusedError:
        return int(tokenizer.eos_token_id)
    # "<|im_end|>\n": some templates write a line break after the end of a turn, and some a token for the next turn
    return next((token for token in template.ids(after) if token in template.special_ids), int(tokenizer.eos_token_id))


def opens_thought(template: Template) -> bool:
    """Whether the template's prompt ends in an opened thought, as that of DeepSeek-R1 does."""
    if not template.chat:
        return False
    try:
        text = template.render([{"role": "user", "content": "a"}], Row(""), begins=True)
    except RowRefusedError:
        return False
    return _OPEN_THOUGHT.search(text) is not None


def specials_in(row: Row, template: Template) -> str:
    """Return a special token that is spelled out in the texts of a row, such as `<|im_end|>`; empty where none is."""
    texts = [str(message.get("content") or "") for message in row.turns]
    return next((token for token in template.special_texts if any(token in text for text in texts)), "")


def named(row: Row) -> str:
    """Return `row 3: ` for a row of a file."""
    return f"row {row.line}: " if row.line else ""


def _has_text(message: Message) -> bool:
    return bool(answer_of(message).strip())


def _shape(message: Message) -> tuple[object, ...]:
    """Return everything about a message that a template may decide by, its texts aside."""
    content = message.get("content")
    keys = sorted(name for name, value in message.items() if value and name not in ("content", "role", "id"))
    return message["role"], content is None, _has_text(message), keys


def _with_marks(number: int, message: Message) -> Message:
    """Return a message with a word of its own for its text and for the name of a function that it calls."""
    marked = {**message, "content": f"{_MARK}text{number}e"} if _has_text(message) else dict(message)
    if message.get("tool_calls"):
        function = {"name": f"{_MARK}call{number}e", "arguments": {}}
        calls = message["tool_calls"]
        first = calls[0] if isinstance(calls, list) else {}
        marked["tool_calls"] = [{**first, "function": function}]
    return marked


def _as_template_reads(message: Message) -> dict[str, object]:
    """Return a message for a template: without its weight, and with its thought by both names that templates use."""
    thought = {"thinking": message["reasoning_content"]} if message.get("reasoning_content") else {}
    return {**{name: value for name, value in message.items() if name != "weight"}, **thought}
