r"""The verifier `math`: an expression, in LaTeX or plain, equal to the row's by math-verify and SymPy.

math-verify keeps time with `signal.alarm`, which raises outside the main thread, where the error is easily mistaken for
a wrong answer. Its own clock is therefore off, and it runs in worker processes under ours: a response that takes too
long, or makes the library fail, is unscorable.
"""

from collections.abc import Sequence
from typing import cast

from reference_impls.verifiers.forms import gold, missing_gold
from reference_impls.verifiers.verdict import Asked, Verdict, Verifier, decided, unscorable
from reference_impls.verifiers.workers.pool import Failed, Workers

_COMPARE = "reference_impls.verifiers.expressions:compare"  # by name: only a worker loads SymPy


class Mathematics(Verifier):
    r"""Strict: the last `\boxed{}`, the final statement, or all of the response. Lenient: anywhere."""

    name = "math"

    def __init__(self, seconds: float, memory_mb: int, workers: int) -> None:
        self._workers = Workers(_COMPARE, seconds, memory_mb, workers)

    def verify(self, tasks: Sequence[Asked]) -> list[Verdict]:
        """Return one verdict per task."""
        answers = [gold(row) for _, _, row in tasks]
        asked = [(answer, task[1]) for answer, task in zip(answers, tasks, strict=True) if answer is not None]
        results = iter(self._workers.map(asked))
        return [
            unscorable(missing_gold(row)) if answer is None else _verdict(next(results))
            for answer, (_, _, row) in zip(answers, tasks, strict=True)
        ]

    def close(self) -> None:
        """End the workers."""
        self._workers.close()


def _verdict(result: object) -> Verdict:
    if isinstance(result, Failed):
        return unscorable(f"the comparison: {result.reason}")
    strict, lenient, reason = cast("tuple[bool | None, bool, str]", result)  # of `compare`
    return unscorable(reason) if strict is None else decided(strict, lenient, reason)
