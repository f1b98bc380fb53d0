"""Reaching a number with given ones: `reach 26: 5 7 3=` -> `3*7=21 21+5=26#(3*7)+5`.

There is often more than one right expression, so a function judges it: every number exactly once, with + - * / and
brackets, and the value of the target. The steps before the `#` are for the model and are not judged.
"""

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import cast

from reference_impls.tasks.generated import Family
from reference_impls.tasks.row import Row

_LARGEST = 99  # of a value on the way: two characters
_LONGEST = 100  # of an expression that is read at all; it bounds the depth of brackets and the size of a product
_TOKEN = re.compile(r"[0-9]+|[-+*/()]")


def _make(rng: random.Random, difficulty: int) -> Row:
    numbers = [rng.randrange(1, 10) for _ in range(difficulty)]
    value, operations = numbers[0], ""
    for number in numbers[1:]:
        fitting = [sign for sign in "+-*" if 0 < _apply(value, sign, number) <= _LARGEST]
        sign = rng.choice(fitting or "+")
        value, operations = int(_apply(value, sign, number)), operations + sign
    shown = rng.sample(numbers, len(numbers))
    prompt = f"reach {value}: {' '.join(map(str, shown))}="
    response = _worked(numbers, operations)
    return Row(prompt, response, response.rpartition("#")[2], {"numbers": shown, "target": value})


def _apply(left: Fraction | int, sign: str, right: Fraction | int) -> Fraction | int:
    if sign == "/":
        return Fraction(left) / right
    return left + right if sign == "+" else left - right if sign == "-" else left * right


def _worked(numbers: Sequence[int], operations: str) -> str:
    """Return the steps and the expression that takes the numbers in this order."""
    value, expression, steps = numbers[0], str(numbers[0]), []
    for number, sign in zip(numbers[1:], operations, strict=True):
        result = int(_apply(value, sign, number))
        steps.append(f"{value}{sign}{number}={result}")
        inner = f"({expression})" if len(steps) > 1 else expression
        value, expression = result, f"{inner}{sign}{number}"
    return f"{' '.join(steps)}#{expression}"


def _corrupt(row: Row, rng: random.Random) -> Row:
    """Take another operation at the end: the numbers are right and the target is missed."""
    tokens = [token for token in _TOKEN.findall(str(row.answer)) if token not in "()"]
    numbers, operations = [int(token) for token in tokens[::2]], "".join(tokens[1::2])
    wrong = [_worked(numbers, operations[:-1] + sign) for sign in "+-*" if sign != operations[-1]]
    missed = [response for response in wrong if not is_right("", response, row.as_mapping())]
    return replace(row, response=rng.choice(missed))


def is_right(prompt: object, response: str, row: Mapping[str, object]) -> float:
    """Return 1.0 where the text after the last `#` takes each number of the row once and makes its target, else 0.0."""
    expression = response.rpartition("#")[2].strip()
    tokens = _TOKEN.findall(expression)
    if len(expression) > _LONGEST or "".join(tokens) != expression.replace(" ", ""):
        return 0.0
    try:
        value, end = _sum(tokens, 0)
        used = sorted(int(token) for token in tokens if token.isdigit())
        return float(
            end == len(tokens) and used == sorted(cast("list[int]", row["numbers"])) and value == row["target"]
        )
    except (IndexError, ValueError, ArithmeticError, KeyError, TypeError):
        return 0.0


def _sum(tokens: Sequence[str], at: int) -> tuple[Fraction | int, int]:
    """Return the value of the sum that begins at a token, and the place behind it."""
    value, at = _product(tokens, at)
    while at < len(tokens) and tokens[at] in "+-":
        right, behind = _product(tokens, at + 1)
        value, at = _apply(value, tokens[at], right), behind
    return value, at


def _product(tokens: Sequence[str], at: int) -> tuple[Fraction | int, int]:
    value, at = _operand(tokens, at)
    while at < len(tokens) and tokens[at] in "*/":
        right, behind = _operand(tokens, at + 1)
        value, at = _apply(value, tokens[at], right), behind
    return value, at


def _operand(tokens: Sequence[str], at: int) -> tuple[Fraction | int, int]:
    if tokens[at] != "(":
        return int(tokens[at]), at + 1
    value, at = _sum(tokens, at + 1)
    if tokens[at] != ")":
        raise ValueError("a bracket is not closed")
    return value, at + 1


def _space(difficulty: int) -> int | None:
    return {2: 233, 3: 9055}.get(difficulty)  # counted one by one


COUNTDOWN = Family(
    name="countdown",
    about="Make a target from numbers, each used once; the difficulty is how many numbers there are.",
    default=3,
    lowest=2,
    highest=5,
    make=_make,
    corrupt=_corrupt,
    verifier="reference_impls.tasks.countdown:is_right",
    space=_space,
)
