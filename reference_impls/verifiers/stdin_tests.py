"""The verifier `stdin-tests`: the program in the response reads each input and writes the expected output.

Rows as data sets of programming contests have them: `input_output` with `inputs` and `outputs` (APPS, TACO), lists of
`{input, output}` (Codeforces, LiveCodeBench), `public_tests` with `input` and `output` (CodeContests), some as JSON
text. The program runs as a script, in the sandbox of `unit-tests`, once for every input and with nothing left over
from the last.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from reference_impls.verifiers.programs import blocks_of, in_prose, judge, program_of
from reference_impls.verifiers.sandbox import Job, Report, Sandbox
from reference_impls.verifiers.verdict import Asked, Verdict, Verifier, decided, unscorable

COLUMNS = (
    "input_output", "tests", "test_cases", "official_tests", "public_tests", "private_tests", "generated_tests",
    "public_test_cases", "private_test_cases", "answer",
)  # fmt: skip
_INPUTS, _OUTPUTS = ("inputs", "input", "stdin"), ("outputs", "output", "expected_output", "expected", "stdout")


class StdinTests(Verifier):
    """Strict: every output is the expected one, line by line; spaces at the end of a line do not count.

    Lenient: the same words and numbers, whatever the lines, and numbers that differ by a millionth; or of code found in
    the prose.
    """

    name = "stdin-tests"

    def __init__(self, seconds: float, memory_mb: int, workers: int) -> None:
        self._sandbox = Sandbox(seconds, memory_mb, workers)

    def verify(self, tasks: Sequence[Asked]) -> list[Verdict]:
        """Return one verdict per task."""
        return judge(
            tasks,
            self._sandbox,
            lambda task: _job(task[1], task[2]),
            lambda task, job: _lenient(task[1], job),
            _verdict,
        )

    def close(self) -> None:
        """End the sandbox."""
        self._sandbox.close()


def pairs_of(row: Mapping[str, object]) -> list[tuple[str, str]]:
    """Return every input of a row with its expected output, from all columns that hold some."""
    pairs = [pair for column in COLUMNS for pair in _pairs(row.get(column))]
    return list(dict.fromkeys(pairs or _pairs(row)))


def _pairs(value: object) -> list[tuple[str, str]]:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return []
    if isinstance(value, list):
        return [pair for item in value if isinstance(item, Mapping) for pair in _pairs(item)]
    if not isinstance(value, Mapping) or value.get("fn_name") or value.get("testtype") == "functional":
        return []
    inputs, outputs = (
        next((value[name] for name in names if value.get(name) is not None), None) for names in (_INPUTS, _OUTPUTS)
    )
    if isinstance(inputs, list) and isinstance(outputs, list) and len(inputs) == len(outputs):
        return [(_text(given), _text(expected)) for given, expected in zip(inputs, outputs, strict=True)]
    if isinstance(inputs, str) and isinstance(outputs, str):
        return [(inputs, outputs)]
    return []


def _text(part: object) -> str:
    """Return an input or an output as text; some data sets have a list of lines."""
    return "\n".join(map(str, part)) if isinstance(part, Iterable) and not isinstance(part, str) else str(part)


def _job(response: str, row: Mapping[str, object]) -> Job | str:
    """Return the job to run, or why nothing can run."""
    if not isinstance(response, str):
        return f"the response is of type {type(response).__name__}, expected text"
    pairs = pairs_of(row)
    if not pairs:
        return "the row has no inputs with expected outputs (`input_output`, or `tests` of {input, output})"
    return Job([program_of(response)], [], inputs=pairs)


def _lenient(response: str, strict: Job) -> Job:
    """Return the job for the code found in the prose too, its output compared word by word."""
    blocks = blocks_of(response)
    found_in_prose = ["\n\n".join(blocks)] if blocks else in_prose(response)
    return replace(strict, sources=[*found_in_prose, *strict.sources], loosely=True)


def _verdict(report: Report, second: Report | None) -> Verdict:
    if report.fault in {"tests", "sandbox"}:
        return unscorable(report.reason)
    return decided(_passes(report), second is not None and _passes(second), report.reason)


def _passes(report: Report) -> bool:
    return report.fault == "" and report.passed == report.total
