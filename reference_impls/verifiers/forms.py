r"""Where a response states its answer: after `####`, in `\boxed{}`, in `<answer>`, after "answer is" or "answer:".

What a model thinks before it answers states nothing: a closed `<think>…</think>` is left out, and an open one holds all
that follows.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

# "The answer is 42", "**Answer:** B", "answer = 3", "the answer would be 12", "the correct option is B"
_ANSWER = re.compile(
    r"\b(?:answer|(?:correct|right|best|final) (?:option|choice))\b[*_ \t]*"
    r"(?:\bis\b|\bequals\b|\b(?:would|should|must|will) be\b|:|=)[*_:\s]*",
    re.IGNORECASE,
)
_HASHES = re.compile("####")
_OPEN_TAG = re.compile(r"<answer>", re.IGNORECASE)
_CLOSE_TAG = re.compile(r"</answer>", re.IGNORECASE)
# the point of "It is 4. So we", not that of "4.5"
_SENTENCE_END = re.compile(r"[.!?](?=\s+[A-Z\"'(*]|\s*$)")
_BOXED = re.compile(r"\\(?:boxed|fbox)\s*\{")
# between two statements: "\boxed{12} or \boxed{13}", "12, or the answer is 13"
_LINKED = re.compile(
    r"(?:</answer>)?[\s$})*.,;\]\\]*(?:or|and|/|,)?\s*(?:maybe|possibly|perhaps|even|also)?\s*(?:the|final|correct|else|my)*[\s$*({\\]*",
    re.IGNORECASE,
)
# the sentence after the statement takes it back: "Or maybe 13.", "No, 13.", "Wait, it is 13."
_TAKEN_BACK = re.compile(
    r"[\s.!?$)*}\]]*(?:or|alternatively|maybe|perhaps|possibly|otherwise|no|wait|actually|hmm|it\s+(?:could|may|might))\b",
    re.IGNORECASE,
)
_LAST = 20  # statements of one form that are looked at: a loop of forms must not cost quadratic time
# the tags in which models think aloud: "<think>", "</thinking>", "<|thought|>"
_THOUGHT = re.compile(r"<\|?(?P<close>/?)(?:think|thinking|thought|thoughts|reasoning|scratchpad)\|?>", re.IGNORECASE)


@dataclass(frozen=True, order=True)
class Statement:
    """One statement of a final answer: where its marker begins, and where its text begins and ends."""

    start: int
    begin: int
    end: int


def after_thought(response: str) -> str:
    """Return what follows the last closed thought; of a thought that is never closed, what stands before it."""
    tags = list(_THOUGHT.finditer(response))
    closed = next((tag.end() for tag in reversed(tags) if tag["close"]), 0)
    opened = next((tag.start() for tag in tags if not tag["close"] and tag.start() >= closed), len(response))
    return response[closed:opened]


def final_statement(response: str) -> str | None:
    """Return the text of the last statement of a final answer, whatever its form, or None; thoughts state nothing."""
    text = after_thought(response)
    stated = statements(text)
    return text[stated[-1].begin : stated[-1].end].strip() if stated else None


def statements(text: str) -> list[Statement]:
    """Return the last statements of each form, in the order in which they stand."""
    stated = [Statement(match.start(), match.end(), _line(text, match.end())) for match in _last(_HASHES, text)]
    for match in _last(_ANSWER, text):
        stated.append(Statement(match.start(), match.end(), _sentence(text, match.end())))
    for match in _last(_OPEN_TAG, text):
        close = _CLOSE_TAG.search(text, match.end())
        stated.append(Statement(match.start(), match.end(), close.start() if close else _line(text, match.end())))
    for match in _last(_BOXED, text):
        end = _closing(text, match.end())
        if end is not None:
            stated.append(Statement(match.start(), match.end(), end))
    return sorted(stated, key=lambda statement: statement.begin)


def are_linked(text: str, before: Statement, last: Statement) -> bool:
    r"""Whether a statement only adds to the one before it: "\boxed{12} or \boxed{13}", "12, or the answer is 13"."""
    between = last.start - before.end
    return 0 <= between < 80 and _LINKED.fullmatch(text[before.end : last.start]) is not None


def taken_back(after: str) -> str:
    """Return the sentence by which the text after a statement takes it back, "it is 13" of ". Wait, it is 13." """
    opening = _TAKEN_BACK.match(after)
    return re.split(r"[.!?](?:\s|$)|\n", after[opening.end() :], maxsplit=1)[0] if opening else ""


def last_boxed(text: str) -> tuple[int, str] | None:
    r"""Return the position and the content of the last closed `\boxed{...}`, braces inside it counted."""
    for match in reversed(_last(_BOXED, text)):
        end = _closing(text, match.end())
        if end is not None:
            return match.end(), text[match.end() : end]
    return None


def _last(pattern: re.Pattern[str], text: str) -> list[re.Match[str]]:
    return list(pattern.finditer(text))[-_LAST:]


def _closing(text: str, start: int) -> int | None:
    """Return where the brace is closed that was opened before `start`."""
    depth = 1
    for end in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[end], 0)
        if depth == 0:
            return end
    return None


def gold(row: Mapping[str, object]) -> str | None:
    """Return the row's answer as text, or None where it has none; `false` and a list are no answers."""
    answer = row.get("answer")
    if isinstance(answer, bool) or not isinstance(answer, (str, int, float)):
        return None
    return str(answer).strip() or None


def missing_gold(row: Mapping[str, object]) -> str:
    """Return the fault of the `answer` of a row for which `gold` returns None."""
    if row.get("answer") is None:
        return "the row has no `answer` to compare with"
    return f"the row's `answer` is {row['answer']!r:.40}, expected text or a number"


def last_line(response: str) -> str:
    """Return the last line that is not empty, stripped."""
    return response.strip().rsplit("\n", 1)[-1].strip()


def _line(text: str, start: int) -> int:
    """Return where the line ends that `start` stands in."""
    return end if (end := text.find("\n", start)) >= 0 else len(text)


def _sentence(text: str, start: int) -> int:
    """Return where the sentence ends that begins at `start`, which is no later than its line."""
    line = text[start : _line(text, start)]
    end = _SENTENCE_END.search(line)
    return start + (end.start() if end else len(line))
