"""Workers that start too late end without a word; only the fork server of `survey.store.isolation` imports this.

A worker that the server forks just as its run ends (an interrupt, a `kill -9`) finds the locks and pipes of the run
gone, and would print the traceback of a `FileNotFoundError` over whatever the user sees next. No run is left that waits
for it.
"""

import sys
from types import TracebackType


def _pass_over_lost_run(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    """Takes the place of `sys.excepthook` in the server, which calls it for a worker that cannot start."""
    if not isinstance(error, FileNotFoundError | EOFError | ConnectionError):
        sys.__excepthook__(kind, error, traceback)


sys.excepthook = _pass_over_lost_run
