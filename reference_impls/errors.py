"""What went wrong, said so that the reader can go on: what was found, what was expected, the next command."""


class RunError(Exception):
    """An error that the user can mend; it ends a run with a message and never with a traceback."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
