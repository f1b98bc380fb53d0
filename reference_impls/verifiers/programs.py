"""Programs in prose: the code of a response, the code that a prompt begins and a response continues, and their runs."""

import ast
import re
import textwrap
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

from reference_impls.verifiers.forms import after_thought
from reference_impls.verifiers.sandbox import Job, Report, Sandbox
from reference_impls.verifiers.verdict import Asked, Prompt, Verdict, unscorable

# ```python … ``` or ~~~python … ~~~, also one that is never closed; the fence, the language and the body
_FENCE = re.compile(r"^[ \t]*(```|~~~)[ \t]*([\w+-]*)[^\n]*\n(.*?)(?:^[ \t]*\1|\Z)", re.DOTALL | re.MULTILINE)
# the first line of code in prose: "Sure! Here it is:\n\ndef add(a, b):"
_CODE_STARTS = re.compile(r"^(?:def |class |import |from \w+ import |@|async def )", re.MULTILINE)
# a line that may belong to code: indented, empty, a statement, an assignment, a call, a closing bracket, a comment
_CODE_GOES_ON = re.compile(
    r"[ \t]|$|def |class |import |from |@|async |if |for |while |return |[\w.\[\], ]+ = |[\w.]+\(|[)\]}#]"
)
_PYTHON = {"", "python", "py", "python3"}


def judge(
    tasks: Sequence[Asked],
    sandbox: Sandbox,
    job_of: Callable[[Asked], Job | str],
    lenient_of: Callable[[Asked, Job], Job | None],
    verdict_of: Callable[[Report, Report | None], Verdict],
) -> list[Verdict]:
    """Return one verdict per task: of its strict program, and of the lenient one where the strict program fails.

    `job_of` gives the job of a task, or why nothing can run; `lenient_of` a second job, or None where it is the same.
    """

    def reports_of(jobs: Mapping[int, Job]) -> dict[int, Report]:
        return dict(zip(jobs, sandbox.run(list(jobs.values())), strict=True)) if jobs else {}

    asked = [job_of(task) for task in tasks]
    jobs = {number: job for number, job in enumerate(asked) if isinstance(job, Job)}
    first = reports_of(jobs)
    failed = {number: job for number, job in jobs.items() if first[number].fault == "program"}
    again = {number: lenient_of(tasks[number], job) for number, job in failed.items()}
    second = reports_of({number: job for number, job in again.items() if job is not None})
    return [
        unscorable(job) if isinstance(job, str) else verdict_of(first[number], second.get(number))
        for number, job in enumerate(asked)
    ]


def program_of(response: str, names: Sequence[str] = ()) -> str:
    """Return the program in a response: the last block that defines a name asked for, or the last block, or all."""
    response = after_thought(response)
    blocks = blocks_of(response)
    defining = [body for body in blocks if defines(body, names)]
    return (defining or blocks or [response])[-1]


def blocks_of(text: str) -> list[str]:
    """Return the fenced blocks of Python."""
    return [str(body) for _, language, body in _FENCE.findall(text) if language.lower() in _PYTHON]


def in_prose(text: str) -> list[str]:
    """Return the code that begins at the first line of code: up to where prose begins again, and to the end."""
    start = _CODE_STARTS.search(text)
    if start is None:
        return []
    lines = text[start.start() :].split("\n")
    end = next((number for number, line in enumerate(lines) if not _CODE_GOES_ON.match(line)), len(lines))
    return ["\n".join(lines[:end]), "\n".join(lines)]


def defines(text: str, names: Sequence[str]) -> bool:
    """Whether a text defines one of the names at its left margin: "def add(", "class Stack", "add = lambda"."""
    definitions = re.findall(r"^(?:async[ \t]+def|def|class)[ \t]+(\w+)|^(\w+)[ \t]*=", text, re.MULTILINE)
    return not {name for pair in definitions for name in pair if name}.isdisjoint(names)


@lru_cache(maxsize=4096)  # a group of rollouts shares its prompt
def beginning(prompt: str, name: str) -> str:
    """Return the code with which a prompt begins the function `name`, without the prose around it; else nothing.

    "Complete this:\\n```python\\ndef add(a, b):\\n```" begins with "def add(a, b):\\n", and so does a bare signature.
    """
    if not defines(prompt, [name]):
        return ""
    if is_code(prompt):
        return prompt
    candidates = [body for body in blocks_of(prompt) if defines(body, [name])][::-1]
    candidates += [text for text in in_prose(prompt) if defines(text, [name])]
    return next((text for text in candidates if is_code(text)), "")


def is_code(text: str) -> bool:
    """Whether a text is Python, or the beginning of a function that has no body yet."""
    return _parses(text) or _parses(f"{text.rstrip()}\n    pass\n")


def runnable(before: str) -> str:
    """Return the beginning of a function as code that runs: with a body where it has none."""
    return before if _parses(before) else f"{before.rstrip()}\n    pass\n"


def continued(before: str, body: str, names: Sequence[str]) -> list[str]:
    """Return the programs that a beginning and a response may mean, the likeliest first.

    A body that defines the name itself needs the imports and helpers of the beginning; any other continues it, and may
    have lost its indentation on the way: "return a + b".
    """
    if not before:
        return [body]
    if defines(body, names):
        return [f"{runnable(before)}\n\n{body}", body]
    indented = textwrap.indent(textwrap.dedent(body), "    ")
    return [before + body, f"{before.rstrip()}\n{body}", f"{before.rstrip()}\n{indented}"]


def text_of(prompt: Prompt) -> str:
    """Return a prompt as text; of chat messages, the last that the user wrote."""
    if isinstance(prompt, str):
        return prompt
    texts = [str(message.get("content", "")) for message in prompt if message.get("role") in ("user", None)]
    return texts[-1] if texts else str(prompt[-1].get("content", "")) if prompt else ""


def _parses(text: str) -> bool:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True
