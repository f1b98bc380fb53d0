"""Edits of a short word, one after the other: `edit cabba rev -b a>e=` -> `rev:abbac -b:aac a>e:eec#eec`.

The edits are `rev` (reverse), `up` (upper case), `-b` (delete every b) and `a>e` (every a becomes e). A step repeats
the edit, so that what follows depends on it and on the word just before.
"""

import random
from collections.abc import Sequence
from dataclasses import replace

from reference_impls.tasks.generated import Family
from reference_impls.tasks.row import Row

_LETTERS = "abcde"
_LENGTH = 5


def _make(rng: random.Random, difficulty: int) -> Row:
    start = word = "".join(rng.choice(_LETTERS) for _ in range(_LENGTH))
    edits = []
    for _ in range(difficulty):
        edits.append(rng.choice(_telling(word, rng)))
        word = _apply(word, edits[-1])
    return Row(f"edit {start} {' '.join(edits)}=", _worked(start, edits), word)


def _telling(word: str, rng: random.Random) -> list[str]:
    """Return the edits that change the word and leave at least two letters of it, one of each kind."""
    letter = rng.choice(word)
    other = rng.choice([each for each in _LETTERS if each != letter])
    edits = [f"{letter}>{other}"]
    if word != word[::-1]:
        edits.append("rev")
    if word != word.upper():
        edits.append("up")
    if len(word.replace(letter, "")) >= 2:
        edits.append(f"-{letter}")
    return edits


def _apply(word: str, edit: str) -> str:
    if edit == "rev":
        return word[::-1]
    if edit == "up":
        return word.upper()
    return word.replace(edit[1], "") if edit[0] == "-" else word.replace(edit[0], edit[2])


def _worked(word: str, edits: Sequence[str], *, slip: int = -1, rng: random.Random | None = None) -> str:
    """Return the steps and the answer; the word after edit `slip` is miscopied, and later steps follow from it."""
    steps = []
    for index, edit in enumerate(edits):
        word = _apply(word, edit)
        if index == slip and rng is not None:
            word = _miscopied(word, rng)
        steps.append(f"{edit}:{word}")
    return f"{' '.join(steps)}#{word}"


def _miscopied(word: str, rng: random.Random) -> str:
    """Return the word with a letter lost, or with one letter in index of another."""
    at = rng.randrange(len(word))
    if len(word) > 2 and rng.random() < 0.5:
        return word[:at] + word[at + 1 :]
    letters = _LETTERS.upper() if word[at].isupper() else _LETTERS
    return word[:at] + rng.choice([each for each in letters if each != word[at]]) + word[at + 1 :]


def _corrupt(row: Row, rng: random.Random) -> Row:
    """Miscopy the word after one edit; after the last one where a later edit would hide the slip."""
    _, start, *edits = str(row.prompt).removesuffix("=").split(" ")
    for slip in (rng.randrange(len(edits)), len(edits) - 1):
        response = _worked(start, edits, slip=slip, rng=rng)
        if response.rpartition("#")[2] != row.answer:
            break
    return replace(row, response=response)


EDITS = Family(
    name="edits",
    about="Reverse, delete, replace and upper-case letters of a word in turn; the difficulty is the number of edits.",
    default=2,
    lowest=1,
    highest=5,
    make=_make,
    corrupt=_corrupt,
    verifier="exact:#",
    space=lambda difficulty: None,
)
