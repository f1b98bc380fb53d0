"""One error type: what was found, what was expected, and the next command."""

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


class SurveyError(Exception):
    """A failure a user can act on.

    `message` says what was found and what was expected, `hint` names the next command.
    """

    def __init__(self, message: str, hint: str, exit_code: ExitCode = ExitCode.USAGE) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.exit_code = exit_code


class UnreadableError(Exception):
    """One file or paper could not be read; its text becomes the reason of a counted skip."""

    def __init__(self, reason: str) -> None:
        super().__init__(printable(reason))


def printable(text: str) -> str:
    r"""Return `text` with what UTF-8 cannot write spelled out (`\udce9`): file names and titles may hold anything."""
    return text.encode("utf-8", "backslashreplace").decode()
