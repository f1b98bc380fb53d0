r"""Comparing expressions by math-verify and SymPy; imported in the workers of `mathematics` and nowhere else.

Loading SymPy and its first comparison take seconds of a processor. Both are done when this module is imported, so that
they count against the time of no response.
"""

import re

from math_verify import parse, verify

from reference_impls.verifiers.forms import (
    after_thought,
    are_linked,
    final_statement,
    last_boxed,
    statements,
    taken_back,
)

_DENIAL = re.compile(r"[,;]?\s+(?:not|rather than|instead of)\s.*", re.DOTALL)  # "12, not 13" is 12


def compare(answer: str, response: str) -> tuple[bool | None, bool, str]:
    """Return whether the final answer is the row's, whether it is found anywhere, and the reason. Called in a worker.

    The first is None where the row's own answer cannot be read.
    """
    wanted = _parse(_final(answer) or answer)
    if not wanted:
        return None, False, f"the row's `answer` cannot be read as mathematics: {answer!r:.60}"
    text = after_thought(response)
    stated = _final(text)
    given = _parse(stated) if stated else []
    if given and _is_hedged(text, given):
        return False, _same(wanted, _parse_text(response)), "more than one final answer"
    if given and _same(wanted, given):
        return True, True, ""
    lenient = _same(wanted, _parse_text(response))
    if stated is None:
        return False, lenient, "no final answer in a form that is recognised"
    return False, lenient, f"found {stated!r:.60}, expected {answer!r:.60}"


def _final(text: str) -> str | None:
    boxed = last_boxed(text)
    if boxed:
        return boxed[1]
    stated = final_statement(text)
    if stated is not None:
        return _DENIAL.sub("", stated)
    # "x = 3" and "\frac{1}{2}" are an answer by themselves; "I think it is 3" is prose, and states none
    return text.strip() if "\n" not in text.strip() and len(text) < 200 and not _is_prose(text) else None


def _is_hedged(text: str, given: list[object]) -> bool:
    r"""Whether another answer is linked to the last one, or takes it back: "\boxed{12} or \boxed{13}"."""
    stated = statements(text)
    if not stated:
        return False
    last = stated[-1]
    others = [taken_back(text[last.end :])]
    if len(stated) > 1 and are_linked(text, stated[-2], last):
        others.append(text[stated[-2].begin : stated[-2].end])
    values = [_parse(other) for other in others if re.search(r"[0-9\\]", other)]
    return any(value and not _same(value, given) for value in values)


def _is_prose(text: str) -> bool:
    words = [word for word in text.split() if word.isalpha() and len(word) > 1]  # not "x", not "2x+1"
    return len(words) > 2


def _parse(expression: str) -> list[object]:
    """Return the values of an expression; as LaTeX first, for in plain text math-verify reads `\\frac12` as a 12."""
    bare = expression.strip().strip("$").strip()  # "$x$", "\(x\)", "\[x\]" and "x." are x
    bare = bare.removeprefix(r"\(").removesuffix(r"\)").removeprefix(r"\[").removesuffix(r"\]").rstrip(".")
    return _parse_text(f"${bare}$") or _parse_text(expression)


def _parse_text(text: str) -> list[object]:
    return list(parse(text, parsing_timeout=None, raise_on_error=True))


def _same(wanted: list[object], given: list[object]) -> bool:
    return bool(given) and bool(verify(wanted, given, timeout_seconds=None, raise_on_error=True))


_same(_parse_text("$x + 1$"), _parse_text(r"$\frac{1}{2}$"))  # the first comparison loads the rest of SymPy
