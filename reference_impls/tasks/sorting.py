"""Sorting digits by taking the smallest again and again: `sort 3172=` -> `1:372 2:37 3:7 7:#1237`.

A step is the digit that is taken and what remains; what remains is a copy with one character left out, and the next
digit is its smallest, so nothing has to be kept in mind.
"""

import random
from collections.abc import Sequence
from dataclasses import replace

from reference_impls.tasks.generated import Family
from reference_impls.tasks.row import Row


def _make(rng: random.Random, difficulty: int) -> Row:
    digits = "0"
    while len(set(digits)) == 1:  # equal digits cannot be sorted wrongly
        digits = "".join(rng.choice("0123456789") for _ in range(difficulty))
    return Row(f"sort {digits}=", _worked(digits, sorted(digits)), "".join(sorted(digits)))


def _worked(digits: str, picks: Sequence[str]) -> str:
    """Return the steps and the answer when the digits are taken in the order of `picks`."""
    steps = []
    for pick in picks:
        digits = digits.replace(pick, "", 1)
        steps.append(f"{pick}:{digits}")
    return f"{' '.join(steps)}#{''.join(picks)}"


def _corrupt(row: Row, rng: random.Random) -> Row:
    """Take the next larger digit too early once."""
    digits = str(row.prompt).removeprefix("sort ").removesuffix("=")
    picks = sorted(digits)
    at = rng.choice([index for index in range(len(picks) - 1) if picks[index] != picks[index + 1]])
    picks[at], picks[at + 1] = picks[at + 1], picks[at]
    return replace(row, response=_worked(digits, picks))


def _space(difficulty: int) -> int:
    return int(10**difficulty) - 10  # all but the ten with equal digits


SORTING = Family(
    name="sorting",
    about="Sort digits by taking the smallest of what remains; the difficulty is the number of digits.",
    default=6,
    lowest=3,
    highest=10,
    make=_make,
    corrupt=_corrupt,
    verifier="exact:#",
    space=_space,
)
