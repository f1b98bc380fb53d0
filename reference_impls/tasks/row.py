"""A row of a task, a task, and the split a prompt belongs to."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self

Message = Mapping[str, object]
"""`role` and `content`, and as far as the file has them `tool_calls`, `reasoning_content`, `name`, `weight`."""
Prompt = str | tuple[Message, ...]

SPLITS = ("train", "validation", "test", "all")


class NoRowError(Exception):
    """This object is no row; its text is the reason, by which such objects are counted."""


@dataclass(frozen=True)
class Row:
    """One prompt, with a demonstration and a gold answer where there are any."""

    prompt: Prompt
    """Text, or chat messages with `role` and `content`: all before the last message of the assistant."""
    response: str | None = None
    """The text of a demonstration, which may be wrong where the task was asked to be noisy."""
    answer: str | None = None
    """The gold answer, which is always right."""
    extra: Mapping[str, object] = field(default_factory=dict)
    """The other columns of the row: tests, entry_point, choices."""
    reply: Message | None = None
    """The demonstration as a message, where it holds more than its text: tool calls, a thought, a weight."""
    system: str = ""
    """The system message of a row that has it in a column of its own."""
    tools: tuple[Mapping[str, object], ...] = ()
    """Definitions of the functions that the chat template describes to the model."""
    arguments: Mapping[str, object] = field(default_factory=dict)
    """Arguments of the chat template that the row itself names (`chat_template_kwargs`)."""
    is_text: bool = False
    """Text and nothing else: all its tokens are trained on, without a chat template."""
    untrained: str = field(default="", compare=False)
    """Why the demonstration is not trained on, such as `weight 0`."""
    line: int = field(default=0, compare=False)
    """The line of the file, or the item of a JSON array, from 1; 0 where the row was generated."""

    @property
    def demonstration(self) -> str | None:
        """The text that a policy may imitate: the response, unless the row says that it should not be."""
        return None if self.untrained else self.response

    @property
    def turns(self) -> tuple[Message, ...]:
        """All messages of the chat, the demonstration among them."""
        prompt = ({"role": "user", "content": self.prompt},) if isinstance(self.prompt, str) else self.prompt
        plain = {"role": "assistant", "content": self.response} if self.response else None
        reply = self.reply or plain
        return (*prompt, reply) if reply else tuple(prompt)

    @property
    def is_demonstration(self) -> bool:
        """Whether there is something to imitate: a text, or a message of the assistant whose weight is not 0."""
        return not self.untrained and (self.is_text or any(map(is_trained, self.turns)))

    def as_mapping(self) -> dict[str, object]:
        """Return the mapping that a verifier gets: prompt, response, answer and the extra columns side by side."""
        prompt = self.prompt if isinstance(self.prompt, str) else [dict(message) for message in self.prompt]
        own = {"system": self.system, "tools": [dict(tool) for tool in self.tools]}
        named = {name: value for name, value in own.items() if value}
        return {**self.extra, **named, "prompt": prompt, "response": self.response, "answer": self.answer}

    def as_json(self) -> dict[str, object]:
        """Return the mapping of a verifier and, under `as_read`, what a model's template needs beyond it."""
        parts = {
            "reply": dict(self.reply) if self.reply else None, "arguments": dict(self.arguments),
            "is_text": self.is_text, "untrained": self.untrained, "line": self.line,
        }  # fmt: skip
        as_read = {name: value for name, value in parts.items() if value}
        return {**self.as_mapping(), **({"as_read": as_read} if as_read else {})}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """Return the row that `as_json` wrote."""
        prompt = values["prompt"]
        own = ("prompt", "response", "answer", "system", "tools", "as_read")
        return cls(
            prompt if isinstance(prompt, str) else tuple(prompt), values["response"], values["answer"],
            extra={name: value for name, value in values.items() if name not in own},
            system=values.get("system", ""), tools=tuple(values.get("tools", ())), **values.get("as_read", {}),
        )  # fmt: skip


def is_trained(message: Message) -> bool:
    """Whether a message is one that the policy should learn to write: of the assistant, not empty, of weight 1."""
    says = (
        any(message.get(part) for part in ("tool_calls", "reasoning_content"))
        or str(message.get("content") or "").strip()
    )
    return message.get("role") == "assistant" and bool(says) and message.get("weight", 1) != 0


@dataclass(frozen=True)
class Task:
    """Rows to train or to evaluate on, and the verifier that judges a response to them."""

    name: str
    rows: tuple[Row, ...]
    verifier: str | None
    """The family's own verifier; None for a file, whose owner names one."""
    skipped: Mapping[str, int]
    """Reason -> rows of the whole source that were left out or set right."""
    warnings: tuple[str, ...] = ()
    """Facts that a reader of the run should know, such as the locations of broken lines."""
    places: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    """Of a file, reason -> the numbers of the first lines that `skipped` counts; of a JSON array, of its items."""


def digest(prompt: Prompt, *others: str | None) -> int:
    """Return 64 bits that depend on the content alone, on every machine and in every process."""
    text = json.dumps([prompt if isinstance(prompt, str) else [dict(message) for message in prompt], *others])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big")


def split_of(prompt: Prompt) -> str:
    """Return train (80 %), validation (10 %) or test (10 %): a prompt stays where it is, whatever the seed."""
    bucket = digest(prompt) % 10
    return "train" if bucket < 8 else "validation" if bucket == 8 else "test"
