r"""The verifier `numeric`: a final number, compared exactly as a fraction: "1,234.0" is "1234" and "3/4" is "0.75".

A statement gives one number or none. "12 or 13", "12 to 15", "at least 12", "2:30 pm" and "5 feet 3 inches" give none:
a policy that is rewarded for them learns to hedge.
"""

import re
from collections.abc import Mapping

from reference_impls.verifiers.forms import (
    Statement,
    after_thought,
    are_linked,
    gold,
    missing_gold,
    statements,
    taken_back,
)
from reference_impls.verifiers.numbers import NUMBER, Number, last_number, number, numbers, plain, read, show
from reference_impls.verifiers.verdict import Verdict, decided, unscorable

__all__ = ["judge", "number"]

_LONGEST = 2000  # characters of a statement that are looked at
# the words between "the answer is" and its number: "approximately $5", "therefore ≈ 3.2", "minus 4"
_LEAD = re.compile(
    r"[\s:($*\[{\"'“]*"
    r"(?:(?:therefore|thus|so|then|simply|just|exactly|precisely|approximately|approx\.?|about|around|roughly|"
    r"equal to|a total of|only|still|≈|=)[\s,:($*]*)*(?P<minus>(?:minus|negative)\s+|[–—](?=[0-9$]))?",
    re.IGNORECASE,
)
# after the 3 of "3 + 4", the 18 of "18-20", the 2 of "2:30", "12^2", "5!", "12 ± 1", "12…": no number is stated
_GOES_ON = re.compile(
    r"\s*(?:[+*/×÷^!²³√π±]|[-–—~]\s*[$€£¥]?[0-9]|:[0-9]|\.\.\.|…|\\(?:pi|sqrt|frac|infty)\b|[xyzni]\b)"
)
# "5 pm", "5 o'clock", "12 noon"
_CLOCK = re.compile(r"\s*(?:[ap]\.?\s?m\b|o\s?['’]?\s?clock\b|noon\b|midnight\b)", re.IGNORECASE)
# "12 or more", "12 at least", "12 and a half", "12 apples or so", "between 12 …"
_OPEN_ENDED = re.compile(
    r"(?:\s+[a-z]+){0,3}?\s*,?\s*(?:\b(?:or|and)\s+(?:more|less|fewer|so|up|above|below|over|under|higher|lower|"
    r"thereabouts|(?:a|an|one|two|three)\s+(?:half|third|quarter|thirds|quarters))\b|\bat\s+(?:least|most)\b|-ish\b)",
    re.IGNORECASE,
)
_REASON = re.compile(
    r"\b(?:because|since|as|so|which|where|given|from|after|than|that|not|rather|instead|is|are|was|were|makes?)\b",
    re.IGNORECASE,
)
_PREPOSITION = re.compile(r"\b(?:of|per|for|in|by|at|with|on|out|each|every|over|under|to|the|who)\b", re.IGNORECASE)
_CONDITION = re.compile(r"\b(?:if|when|unless|otherwise|else)\b", re.IGNORECASE)
_ANOTHER = re.compile(r"(?:\b(?:and|or|plus|versus|vs\.?|to|through|until)\b|[,;/&])[^0-9.]{0,20}$", re.IGNORECASE)
_OR = re.compile(r"\b(?:or|alternatively|maybe|perhaps|possibly|otherwise)\b", re.IGNORECASE)
_BARE = re.compile(r"(?:\s*[a-z²³/.'’-]+){0,3}\s*", re.IGNORECASE)  # the unit of "36 apples" and "60 km/h"


def judge(response: str, row: Mapping[str, object]) -> Verdict:
    """Return whether the final number of the response is the row's; lenient takes the last number anywhere.

    A gold answer may be a number, a number with its unit, or text that ends in one of the recognised forms, as GSM8K's
    `... #### 42` does.
    """
    written = gold(row)
    if written is None:
        return unscorable(missing_gold(row))
    wanted = _stated(written)
    if wanted is None:
        return unscorable(f"the row's `answer` states no number: {written!r:.60}")
    given = _stated(after_thought(response))
    if given is not None and wanted.same(given):
        return decided(True, True)
    last = last_number(response)
    anywhere = last is not None and wanted.same(last)
    if given is None:
        reason = "no number in the response" if last is None else "no single final number in a form that is recognised"
        return decided(False, anywhere, reason)
    return decided(False, anywhere, f"found {show(given)}, expected {show(wanted)}")


def _stated(text: str) -> Number | None:
    """Return the number stated as final; a text that is only a number, with its unit or without, states it."""
    stated = statements(text)
    if not stated:
        return _bare(text)
    last = stated[-1]
    value = _read_statement(text[last.begin : last.end])
    if value is None or _is_taken_back(text[last.end : last.end + _LONGEST], value):
        return None
    if len(stated) > 1 and _is_linked(text, stated[-2], last, value):
        return None
    return value


def _bare(text: str) -> Number | None:
    """Return the number that a whole text is: "42", "$x$"-like wrapping aside, and "36 apples"."""
    text = plain(text.strip().strip("$")).strip()
    match = NUMBER.match(text)
    if match is None or len(text) > _LONGEST or _GOES_ON.match(text, match.end()) or _CLOCK.match(text, match.end()):
        return None
    return read(match) if _BARE.fullmatch(text, match.end()) and not _OPEN_ENDED.match(text, match.end()) else None


def _read_statement(statement: str) -> Number | None:
    """Return the one number that a statement gives, or None where it gives none or more than one."""
    text = plain(statement[:_LONGEST])
    while True:
        lead = _LEAD.match(text)
        start = lead.end() if lead else 0
        match = NUMBER.match(text, start)
        goes_on = match is not None and _GOES_ON.match(text, match.end())
        if match is not None and not goes_on:
            break
        head, equals, text = text.partition("=")  # "x = 12" and "3 + 4 = 7" state what follows
        if not equals or len(head) > 120 or _OR.search(head):
            return None
    value = read(match)
    if value is None or not _is_single(text, match.end(), value):
        return None
    return Number(-value.value, value.percent) if lead and lead["minus"] else value


def _is_single(text: str, end: int, value: Number) -> bool:
    """Whether nothing after a number takes it back, continues it, or gives another beside it."""
    if _CLOCK.match(text, end) or _OPEN_ENDED.match(text, end):
        return False
    explained = False
    for other in numbers(text, end):
        gap, end = text[end : other.start()], other.end()
        if explained:  # of "because 3 × 4, or 13" the end
            if _OR.search(gap) and not _is_same(other, value):
                return False
            continue
        if _is_same(other, value):  # "1/2 or 0.5", "12 (12 apples)"
            continue
        if (
            _CONDITION.search(gap)
            or _OR.search(gap)
            or not (_REASON.search(gap) or _PREPOSITION.search(gap) or "(" in gap)
        ):
            return False
        if not _REASON.search(gap) and "(" not in gap:
            if _ANOTHER.search(gap):  # "12 for Ann and 13 for Bob"
                return False
            continue
        explained = True
    return not _OR.search(text, end) or explained


def _is_same(match: re.Match[str], value: Number) -> bool:
    other = read(match)
    return other is not None and other.same(value)


def _is_taken_back(after: str, value: Number) -> bool:
    """Whether what follows a statement at once gives another number: "} or 13", ". Wait, it is 13"."""
    return any(not _is_same(match, value) for match in numbers(taken_back(plain(after)), 0))


def _is_linked(text: str, before: Statement, last: Statement, value: Number) -> bool:
    r"""Whether the last statement only adds to one before it: "\boxed{12} or \boxed{13}", "12 or the answer is 13"."""
    if last.start <= before.end:  # one within the other: "the answer is \boxed{12}" is one statement
        between = text[before.begin : last.start]
        return bool(re.search("[0-9]", between)) and bool(_ANOTHER.search(between) or _OR.search(between))
    if not are_linked(text, before, last):
        return False
    earlier = _read_statement(text[before.begin : before.end])
    return earlier is not None and not earlier.same(value)
