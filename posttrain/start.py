"""The first lines of every command: from here on Ctrl-C ends it with 130 and a sentence, also while modules load.

Only what Python itself has loaded is imported at the top. In the middle of an import an exception may be swallowed or
end in a traceback of a library, so until the command line is there Ctrl-C ends the process.
"""

import os
import signal
import sys
from importlib import import_module

TYPE_CHECKING = False  # typing's own, whose module takes longer to load than all of this one
if TYPE_CHECKING:
    from types import FrameType
    from typing import NoReturn


def posttrain() -> "NoReturn":
    """Run `posttrain`."""
    start("posttrain.cli")


def survey() -> "NoReturn":
    """Run `survey`."""
    start("survey.cli")


def advisor() -> "NoReturn":
    """Run `advisor`."""
    start("advisor.cli")


def start(module: str) -> "NoReturn":
    """Load a module and end with the exit code of its `main`."""
    heard = signal.getsignal(signal.SIGINT) in (signal.default_int_handler, _quit)  # a shell may have switched it off
    try:
        if heard:
            signal.signal(signal.SIGINT, _quit)
        main = import_module(module).main
        if heard:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        sys.exit(main())
    except KeyboardInterrupt:  # between two commands, or where nothing else caught it
        _quit()
    finally:
        if heard:  # at the end Python closes down module by module, and would show a traceback for each of them
            signal.signal(signal.SIGINT, _leave)


def while_loading() -> None:
    """Let Ctrl-C end `python -m PACKAGE.MODULE` while the module loads, from the first line of its package on.

    `sys.argv` begins with `-m` until Python has the file of the module, and never where the package is only imported.
    """
    if sys.argv[:1] == ["-m"] and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _quit)


def loaded() -> None:
    """Give Ctrl-C back to a module that `while_loading` has guarded."""
    if signal.getsignal(signal.SIGINT) is _quit:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _quit(_number: int = 0, _frame: "FrameType | None" = None) -> "NoReturn":
    try:
        from posttrain.console import fail
        from posttrain.errors import ExitCode

        fail("interrupted; finished work is kept", "run it again", ExitCode.INTERRUPTED, "--json" in sys.argv)
    except RuntimeError:  # it came in the middle of a print, whose stream takes no second one until it is done
        os.write(2, b"error: interrupted; finished work is kept\n  try: run it again\n")
    finally:  # no exception leaves: it would pass through the import that was interrupted
        _leave()


def _leave(_number: int = 0, _frame: "FrameType | None" = None) -> "NoReturn":
    os._exit(130)  # ExitCode.INTERRUPTED, which may not be loaded yet
