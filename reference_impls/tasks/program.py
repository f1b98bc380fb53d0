"""A function to write from its description: `code f(x): add 3, times 2=` -> `def f(x):return (x+3)*2`.

Unit tests judge it: the row carries them as `tests` (lines of Python that assert) with the name of the function as
`entry_point`. The names in the description vary, so that they have to be read.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import replace

from reference_impls.tasks.generated import Family
from reference_impls.tasks.row import Row

_SIGNS = {"add": "+", "take": "-", "times": "*", "mod": "%"}
_NUMBERS = {"add": range(1, 21), "take": range(1, 21), "times": range(2, 10), "mod": range(2, 21)}
_INPUTS = (0, 1, 2, 7, 12, -3)

Operation = tuple[str, int]  # a word of _SIGNS and its number


def _make(rng: random.Random, difficulty: int) -> Row:
    function, variable = rng.choice("fgh"), rng.choice("abxyz")
    words = [rng.choice(list(_SIGNS)) for _ in range(difficulty)]
    operations = [(word, rng.choice(_NUMBERS[word])) for word in words]
    asked = ", ".join(f"{word} {number}" for word, number in operations)
    code = _written(function, variable, operations)
    tests = [f"assert {function}({value})=={_result(operations, value)}" for value in _INPUTS]
    return Row(f"code {function}({variable}): {asked}=", code, code, {"tests": tests, "entry_point": function})


def _written(function: str, variable: str, operations: Sequence[Operation]) -> str:
    expression = variable
    for index, (word, number) in enumerate(operations):
        inner = f"({expression})" if index else expression
        expression = f"{inner}{_SIGNS[word]}{number}"
    return f"def {function}({variable}):return {expression}"


def _result(operations: Sequence[Operation], value: int) -> int:
    for word, number in operations:
        value = {"add": value + number, "take": value - number, "times": value * number, "mod": value % number}[word]
    return value


def _corrupt(row: Row, rng: random.Random) -> Row:
    """Misread a number or a word of the description; forget nothing else."""
    asked = [(word, int(number)) for word, number in re.findall(r"(add|take|times|mod) ([0-9]+)", str(row.prompt))]
    right = [_result(asked, value) for value in _INPUTS]
    wrong = [operations for operations in _misread(asked) if [_result(operations, x) for x in _INPUTS] != right]
    function, variable = str(row.prompt)[5], str(row.prompt)[7]
    return replace(row, response=_written(function, variable, rng.choice(wrong)))


def _misread(asked: Sequence[Operation]) -> list[list[Operation]]:
    """Return the descriptions that differ in the number or in the word of one operation, and one that adds 1 more.

    The last one always makes another function: whatever was asked, its result is off by one.
    """
    readings = [[*asked, ("add", 1)]]
    for index, (word, number) in enumerate(asked):
        others = [(word, number + 1), *((other, number) for other in _SIGNS if other != word)]
        readings += [[*asked[:index], other, *asked[index + 1 :]] for other in others]
    return readings


PROGRAM = Family(
    name="program",
    about="Write a one-line function from its description; the difficulty is the number of operations.",
    default=2,
    lowest=1,
    highest=4,
    make=_make,
    corrupt=_corrupt,
    verifier="unit-tests",
    space=lambda difficulty: 15 * int((20 + 20 + 8 + 19) ** difficulty),
)
