"""Following links for a number of hops: `hop c>d a>b x>a b>c:a2=` -> `2a 1b 0c#c`.

A step is the number of hops left and where one stands, so that neither has to be counted from the beginning. One link
leads on behind the end, and two lead elsewhere.
"""

import random
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from string import ascii_lowercase

from reference_impls.tasks.generated import Family
from reference_impls.tasks.row import Row

_ASTRAY = 2  # links that the walk never takes


def _make(rng: random.Random, difficulty: int) -> Row:
    letters = rng.sample(ascii_lowercase, difficulty + 2 + _ASTRAY)
    walk, astray = letters[:-_ASTRAY], letters[-_ASTRAY:]
    pairs = [*pairwise(walk), *((key, rng.choice(walk)) for key in astray)]
    rng.shuffle(pairs)
    prompt = f"hop {' '.join(f'{key}>{target}' for key, target in pairs)}:{walk[0]}{difficulty}="
    return Row(prompt, _worked(walk[: difficulty + 1]), walk[difficulty])


def _worked(walk: list[str]) -> str:
    left = reversed(range(len(walk)))
    return f"{' '.join(f'{hops}{at}' for hops, at in zip(left, walk, strict=True))}#{walk[-1]}"


def _corrupt(row: Row, rng: random.Random) -> Row:
    """Read one link wrong and follow the links from there; where that leads to the answer, stop at another letter."""
    links, _, order = str(row.prompt).removeprefix("hop ").removesuffix("=").partition(":")
    table = dict(link.split(">") for link in links.split(" "))
    letters = sorted({*table, *table.values()})
    hops = int(order[1:])
    walk, slip = [order[0]], rng.randrange(hops)
    for index in range(hops):
        right = _next(walk[-1], table, letters, rng)
        walk.append(rng.choice([each for each in letters if each != right]) if index == slip else right)
    if walk[-1] == row.answer:
        walk[-1] = rng.choice([each for each in letters if each != row.answer])
    return replace(row, response=_worked(walk))


def _next(letter: str, table: Mapping[str, str], letters: list[str], rng: random.Random) -> str:
    """Return where the link leads; a letter without a link leads anywhere."""
    return table[letter] if letter in table else rng.choice(letters)


LOOKUP = Family(
    name="lookup",
    about="Follow links from a start for so many hops; the difficulty is the number of hops.",
    default=3,
    lowest=1,
    highest=8,
    make=_make,
    corrupt=_corrupt,
    verifier="exact:#",
    space=lambda difficulty: None,
)
