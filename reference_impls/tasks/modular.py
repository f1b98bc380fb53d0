"""Arithmetic modulo m from left to right: `mod 7: 3 +5 *2 -4=` -> `3+5=8%7=1 1*2=2%7=2 2-4=-2%7=5#5`.

A step repeats the value so far and the operation, writes the plain result, repeats m and writes the remainder. The
plain result depends on three characters and the remainder on the few before it; a remainder written at once would
depend on value, operation, number and m together, which a small model did not learn in the time of addition.
"""

import random
import re
from collections.abc import Sequence
from dataclasses import replace

from reference_impls.tasks.generated import Family
from reference_impls.tasks.row import Row

_MODULI = (5, 7)  # one digit each; few, for every further one brings its own table of remainders to learn


def _make(rng: random.Random, difficulty: int) -> Row:
    modulus = rng.choice(_MODULI)
    start = rng.randrange(modulus)
    operations = [f"{rng.choice('+-*')}{rng.randrange(1, modulus)}" for _ in range(difficulty)]
    prompt = f"mod {modulus}: {start} {' '.join(operations)}="
    response = _worked(start, operations, modulus)
    return Row(prompt, response, response.rpartition("#")[2])


def _worked(value: int, operations: Sequence[str], modulus: int, *, slip: int = -1, shift: int = 0) -> str:
    """Return the steps and the answer; the remainder of step `slip` is off by `shift`, and the rest follows."""
    steps = []
    for index, operation in enumerate(operations):
        result = _apply(value, operation)
        remainder = (result + (shift if index == slip else 0)) % modulus
        steps.append(f"{value}{operation}={result}%{modulus}={remainder}")
        value = remainder
    return f"{' '.join(steps)}#{value}"


def _apply(value: int, operation: str) -> int:
    number = int(operation[1:])
    return {"+": value + number, "-": value - number, "*": value * number}[operation[0]]


def _corrupt(row: Row, rng: random.Random) -> Row:
    """Get one remainder wrong; the last one where an earlier slip would vanish in a product."""
    modulus, start, *_ = (int(number) for number in re.findall("[0-9]+", str(row.prompt)))
    operations = re.findall("[-+*][0-9]", str(row.prompt))
    shift = rng.randrange(1, modulus)
    for slip in (rng.randrange(len(operations)), len(operations) - 1):
        response = _worked(start, operations, modulus, slip=slip, shift=shift)
        if response.rpartition("#")[2] != row.answer:
            break
    return replace(row, response=response)


def _space(difficulty: int) -> int:
    return sum(int(modulus * (3 * (modulus - 1)) ** difficulty) for modulus in _MODULI)


MODULAR = Family(
    name="modular",
    about="Add, subtract and multiply modulo m from left to right; the difficulty is the number of operations.",
    default=3,
    lowest=1,
    highest=7,
    make=_make,
    corrupt=_corrupt,
    verifier="exact:#",
    space=_space,
)
