"""Addition of two numbers, worked digit by digit from the right: `add 345+678=` -> `5803 4712 3610 1#1023`.

A step is the two digits, the carry that comes in, and the digit that is written; after the steps stands the last
carry. Each character of it depends on one step before, which is what a small model learns; an answer written at once
would depend on carries that stand nowhere.
"""

import random
from dataclasses import replace

from reference_impls.tasks.generated import Family
from reference_impls.tasks.row import Row


def _make(rng: random.Random, difficulty: int) -> Row:
    low = 10 ** (difficulty - 1) if difficulty > 1 else 0
    a, b = (rng.randrange(low, 10**difficulty) for _ in range(2))
    return Row(f"add {a}+{b}=", _worked(str(a), str(b)), str(a + b))


def _worked(a: str, b: str, *, slip: int = -1, shift: int = 0) -> str:
    """Return the steps and the answer; the digit written at position `slip` is off by `shift`."""
    carry, steps, written = 0, "", ""
    for index, (x, y) in enumerate(zip(reversed(a), reversed(b), strict=True)):
        total = int(x) + int(y) + carry
        digit = (total + (shift if index == slip else 0)) % 10
        steps += f"{x}{y}{carry}{digit} "
        written = f"{digit}{written}"
        carry = total // 10
    return f"{steps}{carry}#{int(f'{carry}{written}')}"


def _corrupt(row: Row, rng: random.Random) -> Row:
    """Write one digit wrong and carry it into the answer: the usual slip of a clerk."""
    a, b = str(row.prompt).removeprefix("add ").removesuffix("=").split("+")
    return replace(row, response=_worked(a, b, slip=rng.randrange(len(a)), shift=rng.randrange(1, 10)))


def _space(difficulty: int) -> int:
    return (9 * 10 ** (difficulty - 1)) ** 2 if difficulty > 1 else 100


ADDITION = Family(
    name="addition",
    about="Add two numbers, digit by digit from the right; the difficulty is the number of digits.",
    default=3,
    lowest=1,
    highest=8,
    make=_make,
    corrupt=_corrupt,
    verifier="exact:#",
    space=_space,
)
