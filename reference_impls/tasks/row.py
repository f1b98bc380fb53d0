"""A row of a task, a task, and the split a prompt belongs to."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

Prompt = str | tuple[Mapping[str, str], ...]

SPLITS = ("train", "validation", "test", "all")


@dataclass(frozen=True)
class Row:
    """One prompt, with a demonstration and a gold answer where there are any."""

    prompt: Prompt
    """Text, or chat messages with `role` and `content`."""
    response: str | None = None
    """A demonstration, which may be wrong where the task was asked to be noisy."""
    answer: str | None = None
    """The gold answer, which is always right."""
    extra: Mapping[str, object] = field(default_factory=dict)
    """The other columns of the row: tests, entry_point, choices."""

    def as_mapping(self) -> dict[str, object]:
        """Return the mapping that a verifier gets: prompt, response, answer and the extra columns side by side."""
        prompt = self.prompt if isinstance(self.prompt, str) else [dict(message) for message in self.prompt]
        return {**self.extra, "prompt": prompt, "response": self.response, "answer": self.answer}


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
