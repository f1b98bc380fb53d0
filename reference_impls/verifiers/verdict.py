"""A verdict on one response: a reward in the form asked for, one for the answer anywhere, and the reason."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import TracebackType
from typing import Self

Prompt = str | Sequence[Mapping[str, object]]  # plain text, or chat messages with `role` and `content`
Asked = tuple[Prompt, str, Mapping[str, object]]  # prompt, response, the row of the task's file


class Outcome(StrEnum):
    """The outcome of a verdict. A failed check is UNSCORABLE and never a silent 0, which would train on noise."""

    RIGHT = "right"
    WRONG = "wrong"
    UNSCORABLE = "unscorable"


@dataclass(frozen=True)
class Verdict:
    """The two rewards of one response; their gap is the cost of the form.

    `strict` is the reward for the answer in the form asked for, `lenient` for the answer anywhere it can be found;
    both are None where nothing could be decided. `reason` says why, for a wrong form and for an unscorable response.
    """

    strict: float | None
    lenient: float | None
    reason: str = ""

    @property
    def outcome(self) -> Outcome:
        """RIGHT for a full strict reward, UNSCORABLE where there is none, else WRONG."""
        if self.strict is None:
            return Outcome.UNSCORABLE
        return Outcome.RIGHT if self.strict >= 1 else Outcome.WRONG


def unscorable(reason: str) -> Verdict:
    """Return the verdict that nothing could be decided, with the reason."""
    return Verdict(None, None, _legible(reason))


def decided(strict: bool, lenient: bool, reason: str = "") -> Verdict:
    """Return a verdict of right and wrong; a response that is right in the strict form is right anywhere."""
    return Verdict(float(strict), float(strict or lenient), "" if strict else _legible(reason))


def _legible(reason: str) -> str:
    """Return the reason on one line of printable text; part of it may have been written by a program under test."""
    return " ".join("".join(c if c.isprintable() else " " for c in reason[:400]).split())


class Verifier(ABC):
    """Scores responses, a whole batch at once. A context manager: leaving it ends every process it holds."""

    name: str

    @abstractmethod
    def verify(self, tasks: Sequence[Asked]) -> list[Verdict]:
        """Return one verdict per task, in the order of the tasks."""

    def close(self) -> None:  # noqa: B027 - a verifier without processes has nothing to end
        """End the verifier's processes; a second call does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Plain(Verifier):
    """A verifier that is one pure function, called in process: too fast and too simple to need a worker."""

    def __init__(self, name: str, judge: Callable[[str, Mapping[str, object]], Verdict]) -> None:
        self.name = name
        self._judge = judge

    def verify(self, tasks: Sequence[Asked]) -> list[Verdict]:
        """Return one verdict per task; an exception in the function is an unscorable response, not a lost batch."""
        return [self._verdict(response, row) for _, response, row in tasks]

    def _verdict(self, response: str, row: Mapping[str, object]) -> Verdict:
        try:
            return self._judge(response, row)
        except Exception as error:
            return unscorable(f"the verifier {self.name} failed: {type(error).__name__}: {error}")
