"""The generated families, and rows of them that are the same wherever they are drawn."""

import random

from reference_impls.tasks.addition import ADDITION
from reference_impls.tasks.countdown import COUNTDOWN
from reference_impls.tasks.edits import EDITS
from reference_impls.tasks.generated import Family
from reference_impls.tasks.lookup import LOOKUP
from reference_impls.tasks.maze import MAZE
from reference_impls.tasks.modular import MODULAR
from reference_impls.tasks.program import PROGRAM
from reference_impls.tasks.row import Row, Task, split_of
from reference_impls.tasks.sorting import SORTING

FAMILIES: dict[str, Family] = {
    family.name: family for family in (ADDITION, COUNTDOWN, SORTING, EDITS, MODULAR, MAZE, LOOKUP, PROGRAM)
}

_ROWS = 1000  # where nobody says how many
_PATIENCE = 20  # draws per prompt that there is: the chance to miss one of n prompts is n * exp(-20)


def generate(family: Family, difficulty: int, *, split: str, rows: int | None, seed: int, noise: float) -> Task:
    """Return distinct rows of a family that depend on nothing but the arguments.

    Exactly round(noise * rows) demonstrations are wrong. Where `rows` is None there are 1000. Where the split has fewer
    prompts than asked for, all of them come back with a warning.
    """
    distinct = _distinct(family, difficulty, split=split, rows=_ROWS if rows is None else rows, seed=seed)
    warnings: tuple[str, ...] = ()
    if rows is not None and len(distinct) < rows:
        warnings = (
            f"task:{family.name}:{difficulty} has {len(distinct)} prompts in split {split!r}, asked for {rows}",
        )
    rng = random.Random(f"{family.name}:{difficulty}:{split}:{seed}:noise")
    wrong = set(rng.sample(range(len(distinct)), round(noise * len(distinct))))
    generated = tuple(family.corrupt(row, rng) if index in wrong else row for index, row in enumerate(distinct))
    return Task(f"task:{family.name}:{difficulty}", generated, family.verifier, {}, warnings)


def _distinct(family: Family, difficulty: int, *, split: str, rows: int, seed: int) -> list[Row]:
    """Return up to `rows` rows of the split with different prompts: fewer where there are no more."""
    rng = random.Random(f"{family.name}:{difficulty}:{split}:{seed}")
    space = family.space(difficulty)
    patience = _PATIENCE * (100_000 if space is None else space)
    by_prompt: dict[object, Row] = {}
    drawn_in_vain = 0
    while len(by_prompt) < rows and drawn_in_vain < patience:
        row = family.make(rng, difficulty)
        drawn_in_vain += 1
        if row.prompt not in by_prompt and split in ("all", split_of(row.prompt)):
            by_prompt[row.prompt] = row
            drawn_in_vain = 0
    return list(by_prompt.values())
