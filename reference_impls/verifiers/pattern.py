"""The verifier `regex:PATTERN`: the response matches, and the pattern captures the row's answer."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import cast

from posttrain.errors import ConfigurationError
from reference_impls.verifiers.exact import fold
from reference_impls.verifiers.forms import gold
from reference_impls.verifiers.verdict import Asked, Verdict, Verifier, decided, unscorable
from reference_impls.verifiers.workers.pool import Failed, Workers


class Pattern(Verifier):
    """Matches in worker processes, for a pattern may take exponential time on a response that nearly matches.

    The last match counts: its group `answer`, else its first group, else all of it, stripped. It is right where it
    equals the row's answer, or where the row has none. `^` and `$` in the pattern ask for the whole response.
    Lenient ignores case in the pattern, and case, spaces and punctuation in the answer.
    """

    def __init__(self, pattern: str, seconds: float, memory_mb: int, workers: int) -> None:
        self.name = f"regex:{pattern}"
        self._pattern = pattern
        try:
            re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as error:
            hint = "write it as in Python's re module; a backslash in JSON is doubled: regex:#### (\\\\d+)"
            raise ConfigurationError(
                f"the pattern of {self.name!r} is not a regular expression: {error}", hint
            ) from None
        self._workers = Workers(f"{__name__}:compare", seconds, memory_mb, workers)

    def verify(self, tasks: Sequence[Asked]) -> list[Verdict]:
        """Return one verdict per task; a match that takes too long is unscorable."""
        results = self._workers.map([(self._pattern, response, gold(row)) for _, response, row in tasks])
        return [
            unscorable(f"the pattern: {result.reason}")
            if isinstance(result, Failed)
            else decided(*cast("tuple[bool, bool, str]", result))
            for result in results
        ]

    def close(self) -> None:
        """End the workers."""
        self._workers.close()


def compare(pattern: str, response: str, answer: str | None) -> tuple[bool, bool, str]:
    """Return whether the response is right, whether it is leniently, and the reason. Called in a worker."""
    given, loosely = _captured(pattern, 0, response), _captured(pattern, re.IGNORECASE, response)
    if answer is None:
        return given is not None, loosely is not None, "the pattern does not match"
    anywhere = loosely is not None and fold(loosely) == fold(answer)
    if given is None:
        return False, anywhere, "the pattern does not match"
    return given == answer, anywhere, f"found {given!r:.80}, expected {answer!r:.80}"


def _captured(pattern: str, flags: int, response: str) -> str | None:
    """Return the text that the last match captures, or None."""
    last = None
    for match in _compiled(pattern, flags).finditer(response):
        last = match
    if last is None:
        return None
    named = last.groupdict()
    captured = named["answer"] if "answer" in named else last[1] if last.re.groups else last[0]
    return (captured or "").strip()


@lru_cache
def _compiled(pattern: str, flags: int) -> re.Pattern[str]:
    return re.compile(pattern, flags)
