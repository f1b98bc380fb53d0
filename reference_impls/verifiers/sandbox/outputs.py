"""Whether the output of a program is the expected one."""

import math

_WITHIN = 1e-6  # absolute or relative, as contests allow


def is_expected(output: str, expected: str, *, loosely: bool) -> bool:
    """Return whether the lines agree, spaces at their ends and empty lines at the end aside; loosely, the words do."""
    if not loosely:
        return _lines(output) == _lines(expected)
    ours, theirs = output.split(), expected.split()
    return len(ours) == len(theirs) and all(map(_is_same, ours, theirs))


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().split("\n")]


def _is_same(word: str, expected: str) -> bool:
    if word == expected:
        return True
    try:
        return math.isclose(float(word), float(expected), rel_tol=_WITHIN, abs_tol=_WITHIN)
    except ValueError:
        return False
