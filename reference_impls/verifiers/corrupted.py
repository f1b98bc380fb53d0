"""Wrong answers made from right ones, so that a probe can measure how often a verifier accepts what is wrong.

A policy that is rewarded finds every answer that its verifier accepts and should not, so the accept rate on gold says
half of the truth.
"""

import re
from collections.abc import Sequence

from reference_impls.verifiers.forms import final_statement

_INTEGER = re.compile(r"(?<![\d.,/])\d[\d,]*(?![\d/]|[.,]\d)")
_PROGRAMS = ("unit-tests", "stdin-tests")
# "    return a + b" and "print(a + b)": where a program gives its answer
_GIVES = re.compile(r"^(?P<before>[ \t]*(?:return\b|print\())(?P<value>.+)$", re.MULTILINE)


def corrupted(verifier: str, right: str, answer: str | None, other: tuple[str, str | None] | None) -> list[str]:
    """Return wrong responses made from a right one.

    right, answer: a response that is right and the row's gold answer; other: those of another row. A number becomes the
    next one, and both of them side by side; a program gives nothing; the response to another prompt is wrong where its
    answer is another.
    """
    wrong = [other[0]] if other and other[0] != right and (other[1] is None or other[1] != answer) else []
    if verifier.partition(":")[0] in _PROGRAMS:
        return [*_idle(right), *wrong]
    return [*_next_numbers(right, answer), *wrong]


def _next_numbers(right: str, answer: str | None) -> list[str]:
    """Return the response with another final number, and with two of them."""
    numbers = list(_INTEGER.finditer(right))
    gold = final_statement(answer or right) or answer or right
    if not numbers or numbers[-1][0].replace(",", "") not in gold.replace(",", ""):
        return []  # the last number is no part of the answer
    last = numbers[-1]
    following = str(int(last[0].replace(",", "")) + 1)
    return [f"{right[: last.start()]}{text}{right[last.end() :]}" for text in (following, f"{last[0]} or {following}")]


def _idle(program: str) -> list[str]:
    """Return the program without what its last line gives."""
    given: Sequence[re.Match[str]] = list(_GIVES.finditer(program))
    if not given:
        return []
    last = given[-1]
    nothing = " None" if last["before"].lstrip().startswith("return") else ")"
    return [f"{program[: last.start()]}{last['before']}{nothing}{program[last.end() :]}"]
