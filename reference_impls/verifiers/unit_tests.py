"""The verifier `unit-tests`: the program in the response passes the row's tests, in the sandbox.

A row has `tests` (or `test_list`), assert statements as text; or, as HumanEval has, `test` with a function `check`,
an `entry_point`, and a prompt that the response continues.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from reference_impls.verifiers.sandbox import Job, Report, Sandbox
from reference_impls.verifiers.verdict import Asked, Prompt, Verdict, Verifier, decided, unscorable

# ```python … ```, also one that is never closed; the language and the body
_FENCE = re.compile(r"^[ \t]*```[ \t]*([\w+-]*)[^\n]*\n(.*?)(?:^[ \t]*```|\Z)", re.DOTALL | re.MULTILINE)
# the first line of code in prose: "Sure! Here it is:\n\ndef add(a, b):"
_CODE_STARTS = re.compile(r"^(?:def |class |import |from \w+ import |@|async def )", re.MULTILINE)
# a line that may belong to code: indented, empty, a statement, an assignment, a closing bracket, a comment
_CODE_GOES_ON = re.compile(
    r"[ \t]|$|def |class |import |from |@|async |if |for |while |return |[\w.\[\], ]+ = |[)\]}#]"
)
_PYTHON = {"", "python", "py", "python3"}


class UnitTests(Verifier):
    """Strict: the fenced Python block, or all of the response, passes every test. Lenient: code found in the prose.

    Of several blocks, the last that defines a name of the tests is the program. The lenient program is run only where
    the strict one fails and is not the same text. The limits of a program: `sandbox`.
    """

    name = "unit-tests"

    def __init__(self, seconds: float, memory_mb: int, workers: int) -> None:
        self._sandbox = Sandbox(seconds, memory_mb, workers)

    def verify(self, tasks: Sequence[Asked]) -> list[Verdict]:
        """Return one verdict per task."""
        jobs = [_job(*task) for task in tasks]
        reports = dict(self._run({number: job for number, job in enumerate(jobs) if isinstance(job, Job)}))
        again = {
            number: _lenient(*tasks[number], job)
            for number, job in enumerate(jobs)
            if isinstance(job, Job) and reports[number].fault == "program"
        }
        second = self._run({number: job for number, job in again.items() if job is not None})
        return [
            unscorable(job) if isinstance(job, str) else _verdict(reports[number], second.get(number))
            for number, job in enumerate(jobs)
        ]

    def _run(self, jobs: Mapping[int, Job]) -> dict[int, Report]:
        return dict(zip(jobs, self._sandbox.run(list(jobs.values())), strict=True)) if jobs else {}

    def close(self) -> None:
        """End the sandbox."""
        self._sandbox.close()


def _verdict(report: Report, second: Report | None) -> Verdict:
    if report.fault in {"tests", "sandbox"}:
        return unscorable(report.reason)
    return decided(_passes(report), second is not None and _passes(second), report.reason)


def _passes(report: Report) -> bool:
    return report.fault == "" and report.passed == report.total


def _job(prompt: Prompt, response: str, row: Mapping[str, object]) -> Job | str:
    """Return the job to run, or why nothing can run."""
    if not isinstance(response, str):
        return f"the response is of type {type(response).__name__}, expected text"
    entry = str(row.get("entry_point") or "")
    listed = row.get("tests", row.get("test_list", []))
    tests = [listed] if isinstance(listed, str) else [str(test) for test in cast("Iterable[object]", listed or ())]
    setup = str(row.get("test_setup_code") or "")
    if isinstance(row.get("test"), str):
        # HumanEval's `test` defines `check` and leaves the call to the reader; without an entry it is a test itself
        setup = f"{setup}\n{row['test']}" if entry else setup
        tests = [*tests, f"check({entry})" if entry else str(row["test"])]
    if not tests:
        return "the row has no `tests` (a list of assert statements) and no `test` with its `entry_point`"
    names = [entry] if entry else re.findall(r"\w+", " ".join(tests))
    before = _text(prompt) if entry and _defines(_text(prompt), [entry]) else ""
    # the row's own prompt may define helpers that its tests use; they run with the tests, as the row's code
    source = _whole(before, _program(response, names), names)
    return Job([source], tests, f"{before}\n{setup}" if before else setup, entry)


def _lenient(prompt: Prompt, response: str, row: Mapping[str, object], strict: Job) -> Job | None:
    """Return the same job for the program that can be found in the prose; None where there is none or no other."""
    before = _text(prompt) if strict.entry and _defines(_text(prompt), [strict.entry]) else ""
    names = [strict.entry] if strict.entry else re.findall(r"\w+", " ".join(strict.tests))
    blocks = _blocks(response)
    programs = ["\n\n".join(blocks)] if blocks else _in_prose(response)
    if before and not blocks:  # a completion that runs on after the end of its function
        programs.append(re.split(r"\n(?=[^\s])", response, maxsplit=1)[0])
    sources = [source for text in programs if (source := _whole(before, text, names)) not in strict.sources]
    return Job(sources, strict.tests, strict.setup, strict.entry) if sources else None


def _program(response: str, names: Sequence[str]) -> str:
    blocks = _blocks(response)
    defining = [body for body in blocks if _defines(body, names)]
    return (defining or blocks or [response])[-1]


def _blocks(response: str) -> list[str]:
    return [str(body) for language, body in _FENCE.findall(response) if language.lower() in _PYTHON]


def _whole(before: str, body: str, names: Sequence[str]) -> str:
    """Return the program with the beginning that the prompt has; a body that defines the name again follows it too."""
    if not before:
        return body
    return f"{before}\n\n{body}" if _defines(body, names) else before + body


def _defines(text: str, names: Sequence[str]) -> bool:
    # "def add(", "class Stack", "add = lambda": a name at the left margin
    definitions = re.findall(r"^(?:async[ \t]+def|def|class)[ \t]+(\w+)|^(\w+)[ \t]*=", text, re.MULTILINE)
    return not {name for pair in definitions for name in pair if name}.isdisjoint(names)


def _in_prose(response: str) -> list[str]:
    """Return the code that begins at the first line of code, up to where prose begins again."""
    start = _CODE_STARTS.search(response)
    if start is None:
        return []
    lines = response[start.start() :].split("\n")
    end = next((number for number, line in enumerate(lines) if not _CODE_GOES_ON.match(line)), len(lines))
    return ["\n".join(lines[:end]), "\n".join(lines)]


def _text(prompt: Prompt) -> str:
    """Return a prompt as text; of chat messages, the last."""
    if isinstance(prompt, str):
        return prompt
    return str(prompt[-1].get("content", "")) if prompt else ""
