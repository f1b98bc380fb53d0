"""The verifier `unit-tests`: the program in the response passes the row's tests, in the sandbox.

A row has `tests` (or `test_list`), assert statements as text; or, as HumanEval has, `test` with a function `check`,
an `entry_point`, and a prompt that the response continues. The signature may stand in the prompt as it is, in a fenced
block, or in prose, as in prompts for instruct models.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from reference_impls.verifiers.programs import (
    beginning,
    blocks_of,
    continued,
    in_prose,
    judge,
    program_of,
    runnable,
    text_of,
)
from reference_impls.verifiers.sandbox import Job, Report, Sandbox
from reference_impls.verifiers.verdict import Asked, Prompt, Verdict, Verifier, decided, unscorable


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
        return judge(
            tasks, self._sandbox, lambda task: _job(*task), lambda task, job: _lenient(*task, job), _verdict
        )  # fmt: skip

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
    names = _names(entry, tests)
    before = beginning(text_of(prompt), entry) if entry else ""
    sources = continued(before, program_of(response, names), names)
    # the row's own prompt may define helpers that its tests use; they run with the tests, as the row's code
    return Job(sources, tests, f"{runnable(before)}\n{setup}" if before else setup, entry)


def _lenient(prompt: Prompt, response: str, row: Mapping[str, object], strict: Job) -> Job | None:
    """Return the same job for the program that can be found in the prose; None where there is none or no other."""
    before, names = beginning(text_of(prompt), strict.entry) if strict.entry else "", _names(strict.entry, strict.tests)
    blocks = blocks_of(response)
    programs = ["\n\n".join(blocks)] if blocks else in_prose(response)
    if before and not blocks:  # a completion that runs on after the end of its function
        programs.append(re.split(r"\n(?=[^\s])", response, maxsplit=1)[0])
    sources = [source for text in programs for source in continued(before, text, names)]
    sources = [source for source in sources if source not in strict.sources]
    return Job(sources, strict.tests, strict.setup, strict.entry) if sources else None


def _names(entry: str, tests: Sequence[str]) -> list[str]:
    return [entry] if entry else re.findall(r"\w+", " ".join(tests))
