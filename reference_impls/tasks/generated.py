"""A generated family of tasks: a generator of rows with a difficulty."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from reference_impls.tasks.row import Row


@dataclass(frozen=True)
class Family:
    """A generator of rows with a dial for difficulty, and the verifier that judges a response to them.

    Every prompt begins with a word of its own family, so that one model can be trained on all of them.
    """

    name: str
    about: str
    """A sentence for the user: the task, and the quantity that the difficulty counts."""
    default: int
    lowest: int
    highest: int
    """The difficulties there are, both ends included."""
    make: Callable[[random.Random, int], Row]
    """(rng, difficulty) -> a row with a right demonstration."""
    corrupt: Callable[[Row, random.Random], Row]
    """(row, rng) -> the row with a demonstration that ends wrong in a plausible way; the gold answer stays."""
    verifier: str
    space: Callable[[int], int | None]
    """difficulty -> how many prompts there are; None where nobody will ask for so many."""
