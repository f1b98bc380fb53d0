"""Verifiers: from (prompt, response, row) to a reward in [0, 1], or to the honest word that it cannot be scored.

with load_verifier("numeric") as verifier:
    verdicts = verifier.verify([("What is 20 + 22?", "The answer is 42.", {"answer": "42"})])
"""

from collections.abc import Callable
from functools import partial

from posttrain.errors import ConfigurationError, PosttrainError
from posttrain.suggest import nearest
from reference_impls.verifiers import choice, exact, numeric
from reference_impls.verifiers.custom import Custom
from reference_impls.verifiers.mathematics import Mathematics
from reference_impls.verifiers.pattern import Pattern
from reference_impls.verifiers.stdin_tests import StdinTests
from reference_impls.verifiers.unit_tests import UnitTests
from reference_impls.verifiers.verdict import Asked, Outcome, Plain, Prompt, Verdict, Verifier
from reference_impls.verifiers.workers.pool import default_workers

KNOWN = (
    "exact",
    "exact:MARKER",
    "numeric",
    "math",
    "choice",
    "regex:PATTERN",
    "unit-tests",
    "stdin-tests",
    "package.module:function",
)

__all__ = ["KNOWN", "Asked", "Outcome", "Prompt", "Verdict", "Verifier", "load_verifier"]


def load_verifier(name: str, *, seconds: float = 5.0, memory_mb: int = 512, workers: int | None = None) -> Verifier:
    """Return the verifier of that name; a PosttrainError lists the known ones, or says why a function cannot be loaded.

    Each response may take `seconds` of a processor, or of the clock while it waits, and, in a worker, `memory_mb` in
    addition to the worker's imports. `workers` is the number of worker processes, where there are any; by default one
    per core that this process may use.
    """
    count = default_workers() if workers is None else workers
    kind, colon, rest = name.partition(":")
    if name in _IN_PROCESS:
        return Plain(name, _IN_PROCESS[name])
    if kind == "exact" and rest:
        return Plain(name, partial(exact.judge, marker=rest))
    if kind == "regex" and rest:
        return Pattern(rest, seconds, memory_mb, count)
    if name in _IN_WORKERS:
        return _IN_WORKERS[name](seconds, memory_mb, count)
    if colon and kind not in {"exact", "regex"} and _is_path(kind) and _is_path(rest):
        return Custom(name, seconds, memory_mb, count)
    raise _unknown(name)


_IN_WORKERS: dict[str, Callable[[float, int, int], Verifier]] = {
    "math": Mathematics, "unit-tests": UnitTests, "stdin-tests": StdinTests,
}  # fmt: skip
_IN_PROCESS = {"exact": exact.judge, "numeric": numeric.judge, "choice": choice.judge}


def _is_path(text: str) -> bool:
    return all(part.isidentifier() for part in text.split("."))


def _unknown(name: str) -> PosttrainError:
    near = nearest(name.split(":", maxsplit=1)[0], (known.split(":")[0] for known in KNOWN[:-1]))
    guess = f"did you mean {near!r}? " if near else ""
    return ConfigurationError(
        f"found the verifier {name!r}, expected one of: {', '.join(KNOWN)}", f"{guess}name one of them as the verifier"
    )
