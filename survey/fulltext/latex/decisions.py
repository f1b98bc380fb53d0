r"""Decisions: the conditions of commands that take their branches in braces (`\ifthenelse`, `\IfFileExists`)."""

import re
from collections.abc import Callable

from survey.fulltext.latex.expander import Expander
from survey.fulltext.latex.files import exists
from survey.fulltext.latex.macros import Macro
from survey.fulltext.latex.numbers import value_of
from survey.fulltext.latex.tokens import JOINT, NO_VALUE, TRUE, control_word, group_end

_DEEPEST = 20  # parentheses within each other in a condition


def decide(expander: Expander, decision: str) -> bool:
    """Read the arguments of a condition and say whether it holds."""
    if decision in _FIXED:
        return _FIXED[decision]
    first = expander.reading.argument()
    if decision == "ifthenelse":
        return _holds(expander, first)
    if decision == "IfFileExists":
        return exists(expander, expander.expand(first))
    if decision in _OF_XPARSE:
        return _OF_XPARSE[decision](first.strip())
    if decision in _ON_NAMES:
        return _on_name(expander, decision, first)
    return _on_two(expander, decision, first)


_FIXED = {"ifdraft": False, "ifoptionfinal": True}  # a paper is its final version
_OF_XPARSE: dict[str, Callable[[str], bool]] = {
    "IfBooleanTF": lambda argument: argument == TRUE,
    "IfNoValueTF": lambda argument: argument == NO_VALUE,
    "IfValueTF": lambda argument: argument != NO_VALUE,
    "IfBlankTF": lambda argument: not argument,
    "ifblank": lambda argument: not argument,
    "ifstrempty": lambda argument: not argument,
    "notblank": bool,
}
_ON_NAMES = (
    "ifbool",
    "notbool",
    "iftoggle",
    "nottoggle",
    "ifdef",
    "ifundef",
    "ifcsdef",
    "ifcsundef",
    "ifdefempty",
    "ifdefvoid",
    "ifdefmacro",
    "@ifundefined",
    "@ifpackageloaded",
    "@ifclassloaded",
    "IfPackageLoadedTF",
)


def _on_name(expander: Expander, decision: str, name: str) -> bool:
    name = name.strip()
    if decision in ("ifbool", "notbool", "iftoggle", "nottoggle"):
        return expander.switches.get(name, False) is decision.startswith("if")
    if "loaded" in decision.lower():
        return name in expander.kept.get("packages", "").split()
    token = name if name[:1] == "\\" else control_word(expander.expand(name))
    if decision in ("ifdefempty", "ifdefvoid"):
        meaning = expander.meanings.get(token)
        return isinstance(meaning, Macro) and not "".join(map(str, meaning.body)).strip(f" {JOINT}")
    return expander.is_defined(token) is ("undef" not in decision)


def _on_two(expander: Expander, decision: str, first: str) -> bool:
    second = expander.reading.argument()
    if decision == "ifstrequal":
        return first.strip() == second.strip()
    if decision == "ifdefstring":
        return _plain(expander, first) == second.strip()
    if decision == "ifnumcomp":  # `\ifnumcomp{1}{<}{2}`
        return _compare(value_of(expander, first), second.strip(), value_of(expander, expander.reading.argument()))
    relation = {"ifnumequal": "=", "ifnumgreater": ">", "ifnumless": "<"}.get(decision, "=")
    return _compare(value_of(expander, first), relation, value_of(expander, second))


def _compare(first: int, relation: str, second: int) -> bool:
    return first < second if relation == "<" else first > second if relation == ">" else first == second


def _plain(expander: Expander, text: str) -> str:
    return expander.expand(text).replace(JOINT, "").strip()


# `\NOT`, `\AND`, `\OR`, `\(`, `\)`, `\equal`, `\boolean`, `\isodd`, `\isundefined`; `{…}`; a comparison of numbers
_PART = re.compile(r"\\([A-Za-z@]+|[()])\s*|(\{)|([^\\{}]+)")


def _holds(expander: Expander, condition: str, depth: int = 0) -> bool:
    """Say whether a condition of \\ifthenelse holds: parts joined by \\and and \\or, from left to right."""
    value, joined_by, negated, at = False, "or", False, 0
    while at < len(condition):
        match = _PART.match(condition, at)
        if not match:
            at += 1
            continue
        word = (match[1] or "").lower()
        at = match.end()
        if word in ("and", "or"):
            joined_by = word
        elif word == "not":
            negated = not negated
        elif word == ")" or not (word or match[2] or match[3].strip()):
            continue
        else:
            part, at = _part(expander, condition, match, depth)
            part = part is not negated
            value, negated = (value and part if joined_by == "and" else value or part), False
    return value


def _part(expander: Expander, condition: str, match: re.Match[str], depth: int) -> tuple[bool, int]:
    """One part of a condition, and the position behind it."""
    word, at = match[1] or "", match.end()
    if word == "(":
        end = _bracket(condition, at)
        return depth < _DEEPEST and _holds(expander, condition[at:end], depth + 1), end
    if word in ("equal", "boolean", "isodd", "isundefined", "lengthtest"):
        return _named_part(expander, condition, word, at)
    # a comparison of numbers, up to the next word that joins
    joint = re.compile(r"\\(?:and|or|AND|OR|\))(?![A-Za-z])|\Z").search(condition, match.start())
    stop = max(joint.start() if joint else len(condition), at)
    sides = re.split(r"([<>=])", expander.expand(condition[match.start() : stop]), maxsplit=1)
    if len(sides) == 3:
        return _compare(value_of(expander, sides[0]), sides[1], value_of(expander, sides[2])), stop
    return sides[0].strip() in ("\\iftrue", "true"), stop


def _named_part(expander: Expander, condition: str, word: str, at: int) -> tuple[bool, int]:
    r"""`\equal{a}{b}`, `\boolean{draft}`, `\isodd{3}`, `\isundefined{\gsm}`; a length is never known."""
    first, at = _group(condition, at)
    if word == "equal":
        second, at = _group(condition, at)
        return _plain(expander, first) == _plain(expander, second), at
    if word == "boolean":
        return expander.switches.get(first.strip(), False), at
    if word == "isundefined":
        return not expander.is_defined(first.strip()), at
    return word == "isodd" and value_of(expander, first) % 2 == 1, at


def _group(text: str, at: int) -> tuple[str, int]:
    while text[at : at + 1].isspace():
        at += 1
    end = group_end(text, at + 1) if text[at : at + 1] == "{" else -1
    return (text[at + 1 : end], end + 1) if end >= 0 else (text[at : at + 1], at + 1)


def _bracket(text: str, at: int) -> int:
    level = 1
    for match in re.compile(r"\\([()])").finditer(text, at):
        level += 1 if match[1] == "(" else -1
        if not level:
            return match.start()
    return len(text)
