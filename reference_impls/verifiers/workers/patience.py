"""How long to wait for a process: by the processor time that it took, so that no verdict depends on the load.

A process that is starved by others is waited for; a loop is over when it has taken its seconds of a processor, on a
busy machine as on an idle one. A process that hardly uses its processor (it sleeps, or waits for a server) is over
after the same seconds on the clock.
"""

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

IDLE = 0.01  # of a processor; with a hundred others that compute, a process that computes still gets as much
_SHORTEST = 0.02  # seconds between two looks


def processor_seconds(pid: int) -> float | None:
    """Return the processor time that a process has taken, its threads together; None where the system does not say.

    The clock of another process, as clock_getcpuclockid(3) numbers it on Linux.
    """
    if sys.platform != "linux":
        return None
    try:
        return time.clock_gettime((~pid << 3) | 2)
    except OSError:  # it is gone
        return None


@dataclass
class Patience:
    """What is left of the time of some processes that work on one thing."""

    pids: Sequence[int]
    seconds: float
    _begun: float = field(default_factory=time.monotonic)
    _taken: float = 0.0  # of the processor, when the patience began

    def __post_init__(self) -> None:
        self._taken = self._now()
        self._looked, self._then = self._begun, self._taken

    def left(self) -> float:
        """Return how many seconds may be waited before the next look; 0 or less where time is over."""
        clock, now = time.monotonic(), self._now()
        if clock - self._looked >= self.seconds:
            if now - self._then <= IDLE * (clock - self._looked):  # it waits, or the system does not say what it does
                return 0.0
            self._looked, self._then = clock, now
        rest = self.seconds - (now - self._taken)
        until_idle = self.seconds - (clock - self._looked)
        return rest if rest <= 0 else max(min(rest, until_idle), _SHORTEST)

    def _now(self) -> float:
        return sum(processor_seconds(pid) or 0.0 for pid in self.pids)
