"""The tree of errors that a caller can catch one by one, and the exit code that a command ends with for each.

    PosttrainError              a failure that a user can act on: message, hint, exit code
    ├── ConfigurationError      2    a flag, a setting, a row or a file is not what was expected
    ├── NothingMatchedError     3    the sample, the store or the bank holds nothing that was asked for
    ├── BusyError               2    another process holds the folder
    ├── UnfinishedError         4    a part of the work is done and kept; the same command resumes it
    ├── RefusedError            5    a remote server refuses or fails
    ├── DiskError               4    the disk is full or fails; finished work is kept
    │   └── UnwritableError     2    a file or folder cannot be written: choose another place
    ├── RunFailedError          1    a training process ended without a result
    ├── DamagedError            1    an index or a table that this program wrote cannot be used
    └── InterruptedRunError     130  a run was interrupted; it can be resumed
    UnreadableError             one file or paper cannot be read: the reason of a counted skip, never the end of a run

Every message says what was found and what was expected; every hint names the next command.
"""

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of every command; part of the public interface."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    NOTHING_MATCHED = 3
    PARTIAL = 4
    REMOTE_REFUSED = 5
    DIFFERS = 6
    INTERRUPTED = 130


class PosttrainError(Exception):
    """A failure that a user can act on.

    `message` says what was found and what was expected, `hint` names the next command.
    """

    exit_code = ExitCode.UNEXPECTED

    def __init__(self, message: str, hint: str = "", exit_code: ExitCode | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code or type(self).exit_code

    def __reduce__(self) -> tuple[type["PosttrainError"], tuple[str, str, ExitCode]]:
        """Keep hint and exit code on the way out of a worker process."""
        return type(self), (self.message, self.hint, self.exit_code)


class ConfigurationError(PosttrainError):
    """A flag, a setting, a row or a file is not what was expected."""

    exit_code = ExitCode.USAGE


class NothingMatchedError(PosttrainError):
    """The sample, the store or the bank holds nothing that was asked for."""

    exit_code = ExitCode.NOTHING_MATCHED


class UnfinishedError(PosttrainError):
    """A part of the work is done and kept; the same command resumes it."""

    exit_code = ExitCode.PARTIAL


class BusyError(PosttrainError):
    """Another process holds the folder."""

    exit_code = ExitCode.USAGE


class RefusedError(PosttrainError):
    """A remote server refuses, or fails again and again."""

    exit_code = ExitCode.REMOTE_REFUSED


class DiskError(PosttrainError):
    """The disk is full or fails; finished work is kept."""

    exit_code = ExitCode.PARTIAL


class UnwritableError(DiskError):
    """A file or folder cannot be written: another place must be chosen."""

    exit_code = ExitCode.USAGE


class RunFailedError(PosttrainError):
    """A training process ended without a result."""

    exit_code = ExitCode.UNEXPECTED


class DamagedError(PosttrainError):
    """An index or a table that this program wrote cannot be used."""

    exit_code = ExitCode.UNEXPECTED


class InterruptedRunError(PosttrainError):
    """A run was interrupted or its folder removed; it can be resumed or started again."""

    exit_code = ExitCode.INTERRUPTED


class UnreadableError(Exception):
    """One file or paper cannot be read; the text becomes the reason of a counted skip."""

    def __init__(self, reason: str) -> None:
        super().__init__(printable(reason))


def printable(text: str) -> str:
    r"""Return `text` with what UTF-8 cannot write spelled out (`\udce9`): file names and titles may hold anything."""
    return text.encode("utf-8", "backslashreplace").decode()
