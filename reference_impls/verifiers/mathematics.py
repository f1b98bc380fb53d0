r"""The verifier `math`: an expression, in LaTeX or plain, equal to the row's by math-verify and SymPy.

math-verify keeps time with `signal.alarm`, which raises outside the main thread, where the error is easily mistaken for
a wrong answer. Its own clock is therefore off, and it runs in worker processes under ours: a response that takes too
long, or makes the library fail, is unscorable.
"""

from collections.abc import Sequence
from typing import cast

from reference_impls.verifiers.forms import final_statement, gold, last_boxed, missing_gold
from reference_impls.verifiers.verdict import Asked, Verdict, Verifier, decided, unscorable
from reference_impls.verifiers.workers.pool import Failed, Workers


class Mathematics(Verifier):
    r"""Strict: the last `\boxed{}`, the final statement, or all of the response. Lenient: anywhere."""

    name = "math"

    def __init__(self, seconds: float, memory_mb: int, workers: int) -> None:
        self._workers = Workers(f"{__name__}:compare", seconds, memory_mb, workers)

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


def compare(answer: str, response: str) -> tuple[bool | None, bool, str]:
    """Return whether the final answer is the row's, whether it is found anywhere, and the reason. Called in a worker.

    The first is None where the row's own answer cannot be read.
    """
    wanted = _parse(_final(answer) or answer)
    if not wanted:
        return None, False, f"the row's `answer` cannot be read as mathematics: {answer!r:.60}"
    stated = _final(response)
    given = _parse(stated) if stated else []
    if given and _same(wanted, given):
        return True, True, ""
    lenient = _same(wanted, _parse_text(response))
    if stated is None:
        return False, lenient, "no final answer in a form that is recognised"
    return False, lenient, f"found {stated!r:.60}, expected {answer!r:.60}"


def _final(text: str) -> str | None:
    boxed = last_boxed(text)
    if boxed:
        return boxed[1]
    stated = final_statement(text)
    if stated is not None:
        return stated
    # "x = 3" and "\frac{1}{2}" are an answer by themselves; "I think it is 3" is prose, and states none
    return text.strip() if "\n" not in text.strip() and len(text) < 200 and not _is_prose(text) else None


def _is_prose(text: str) -> bool:
    words = [word for word in text.split() if word.isalpha() and len(word) > 1]  # not "x", not "2x+1"
    return len(words) > 2


def _parse(expression: str) -> list[object]:
    """Return the values of an expression; as LaTeX first, for in plain text math-verify reads `\\frac12` as a 12."""
    bare = expression.strip().strip("$").strip()  # "$x$", "\(x\)", "\[x\]" and "x." are x
    bare = bare.removeprefix(r"\(").removesuffix(r"\)").removeprefix(r"\[").removesuffix(r"\]").rstrip(".")
    return _parse_text(f"${bare}$") or _parse_text(expression)


def _parse_text(text: str) -> list[object]:
    from math_verify import parse  # in a worker only: it loads SymPy

    return list(parse(text, parsing_timeout=None, raise_on_error=True))


def _same(wanted: list[object], given: list[object]) -> bool:
    from math_verify import verify

    return bool(given) and bool(verify(wanted, given, timeout_seconds=None, raise_on_error=True))
