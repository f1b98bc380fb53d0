"""The nearest known name to a mistyped one, for errors that ask `did you mean …?`."""

import difflib
from collections.abc import Iterable


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is most like `name`, such as `verifier` for `verifer`; None where none is close."""
    return next(iter(difflib.get_close_matches(name, list(known), n=1)), None)
