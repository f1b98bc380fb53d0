"""Answers and programs in the columns of real files, as text."""

import json
import re
from collections.abc import Mapping

WORDS_OF_AN_EXPLANATION = 12  # an `answer` as long as this is a demonstration: "It is because …"
# "… 3 + 4 = 7\n#### 7" at the end of a worked solution
_GSM8K_ANSWER = re.compile(r"####[ \t]*(\S[^\n]*)\s*\Z")


def final_answer(response: str) -> str | None:
    r"""Return the answer at the end of a worked solution: the number after `####`, or else the last `\boxed{...}`."""
    if marked := _GSM8K_ANSWER.search(response):
        return marked[1].strip().replace(",", "")
    opening = response.rfind("\\boxed{")
    if opening < 0:
        return None
    depth, start = 0, opening + len("\\boxed")
    for at in range(start, len(response)):
        depth += (response[at] == "{") - (response[at] == "}")
        if depth == 0:
            return response[start + 1 : at].strip()
    return None


def text_of(value: object) -> str | None:
    """Return a value as text: 51.0 as 51, a list of one as its element, the reply of a chat, else its JSON."""
    if isinstance(value, list) and len(value) == 1:
        value = value[0]
    if isinstance(value, Mapping) and isinstance(value.get("content"), str):
        value = value["content"]
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        value = int(value)
    return json.dumps(value, ensure_ascii=False)


def is_worked(answer: str) -> bool:
    """Whether an answer is the way to it as well: GSM8K has both in one column, other files an explanation."""
    return bool(_GSM8K_ANSWER.search(answer)) or len(answer.split()) >= WORDS_OF_AN_EXPLANATION


def first_program(solutions: object) -> str | None:
    """Return the first program of APPS (the JSON of a list) or CodeContests ({language, solution}; 3 is Python 3)."""
    if isinstance(solutions, str):
        try:
            solutions = json.loads(solutions)
        except ValueError:
            return str(solutions) or None
    if isinstance(solutions, Mapping):
        languages, programs = solutions.get("language"), solutions.get("solution")
        pairs = zip(languages, programs, strict=False) if isinstance(languages, list) and isinstance(programs, list) \
            else ()  # fmt: skip
        solutions = [program for language, program in pairs if str(language).lower() in ("3", "python3", "python")]
    return next((text for text in solutions if isinstance(text, str)), None) if isinstance(solutions, list) else None
