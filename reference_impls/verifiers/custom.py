"""The verifier `package.module:function`: a function of the user's, from (prompt, response, row) to [0, 1]."""

import math
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module

from posttrain.errors import ConfigurationError, PosttrainError
from reference_impls.verifiers.verdict import Asked, Verdict, Verifier, unscorable
from reference_impls.verifiers.workers.pool import Failed, Workers

_OURS = "reference_impls."


class Custom(Verifier):
    """Calls the function in worker processes only, where it may raise, hang, print, exit or crash at no one's cost.

    A function under `reference_impls.` is called in process: those are pure and fast.
    """

    def __init__(self, name: str, seconds: float, memory_mb: int, workers: int) -> None:
        self.name = name
        self._function: Callable[..., object] | None = None
        self._workers = Workers(name, seconds, memory_mb, workers)
        try:
            if name.startswith(_OURS):
                module, function = name.split(":", 1)
                self._function = getattr(import_module(module), function)
            else:
                self._workers.start()
        except (PosttrainError, ImportError, AttributeError) as error:
            hint = "name it as package.module:function, importable from here (python -c 'import package.module')"
            raise ConfigurationError(f"the verifier {name!r} cannot be loaded: {error}", hint) from None

    def verify(self, tasks: Sequence[Asked]) -> list[Verdict]:
        """Return one verdict per task; a result that is no number from 0 to 1 is unscorable."""
        if self._function is not None:
            results = [_call(self._function, task) for task in tasks]
        else:
            results = self._workers.map([(prompt, response, _plain(row)) for prompt, response, row in tasks])
        return [_verdict(self.name, result) for result in results]

    def close(self) -> None:
        """End the workers."""
        self._workers.close()


def _call(function: Callable[..., object], task: Asked) -> object:
    try:
        return function(*task)
    except Exception as error:
        return Failed(f"it raised {type(error).__name__}: {error}")


def _plain(row: Mapping[str, object]) -> dict[str, object]:
    return dict(row)  # other mappings need not cross to a worker


def _verdict(name: str, result: object) -> Verdict:
    if isinstance(result, Failed):
        return unscorable(f"{name}: {result.reason}")
    if not isinstance(result, (int, float)):
        return unscorable(
            f"{name}: it returned {result!r:.60} ({type(result).__name__}), expected a number from 0 to 1"
        )
    reward = float(result)
    if math.isnan(reward) or not 0 <= reward <= 1:
        return unscorable(f"{name}: it returned {reward:g}, expected a number from 0 to 1")
    return Verdict(reward, reward)
