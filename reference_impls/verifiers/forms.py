r"""Where a response states its final answer: after `####`, in `\boxed{}`, or after "answer is" and "answer:"."""

import re
from collections.abc import Mapping

# "The answer is 42", "**Answer:** B", "answer = 3"
_ANSWER = re.compile(r"\banswer\b[*_ \t]*(?:\bis\b|:|=)[*_:\s]*", re.IGNORECASE)
# the point of "It is 4. So we", not that of "4.5"
_SENTENCE_END = re.compile(r"[.!?](?=\s+[A-Z\"'(*]|\s*$)")
_BOXED = re.compile(r"\\(?:boxed|fbox)\s*\{")


def final_statement(response: str) -> str | None:
    """Return the text of the last statement of a final answer, whatever its form, or None."""
    hashes = response.rfind("####")
    statements = [(hashes + 4, _line(response, hashes + 4))] if hashes >= 0 else []  # (position, text)
    for match in list(_ANSWER.finditer(response))[-1:]:
        statements.append((match.end(), _sentence(_line(response, match.end()))))
    boxed = last_boxed(response)
    if boxed:
        statements.append(boxed)
    return max(statements)[1].strip() if statements else None


def last_boxed(text: str) -> tuple[int, str] | None:
    r"""Return the position and the content of the last closed `\boxed{...}`, braces inside it counted."""
    for match in reversed(list(_BOXED.finditer(text))[-20:]):  # a loop of open boxes must not cost quadratic time
        depth = 1
        for end in range(match.end(), len(text)):
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            if depth == 0:
                return match.end(), text[match.end() : end]
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


def _line(text: str, start: int) -> str:
    return text[start : end if (end := text.find("\n", start)) >= 0 else len(text)]


def _sentence(text: str) -> str:
    end = _SENTENCE_END.search(text)
    return text[: end.start()] if end else text
