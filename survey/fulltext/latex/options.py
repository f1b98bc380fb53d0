r"""Options: of `title={GSM8K prompt},label=box:gsm8k,colback=white` what is text."""

import re
from collections.abc import Iterator

from survey.fulltext.latex.tokens import group_end

_TEXTS = ("title", "caption", "subtitle", "name", "frametitle", "adjusted title", "fonttitle text", "comment title")
_KEY = re.compile(r"\s*([A-Za-z][A-Za-z *./-]*?)\s*=\s*")


def pairs_of(options: str) -> Iterator[tuple[str, str]]:
    """Yield the keys and values of options, a value without its braces."""
    at = 0
    while at < len(options):
        match = _KEY.match(options, at)
        start = match.end() if match else at
        end = _value_end(options, start)
        if match:
            value = options[start:end].strip()
            closed_group = value[:1] == "{" and group_end(value, 1) == len(value) - 1
            yield match[1], value[1:-1] if closed_group else value
        at = end + 1


def _value_end(options: str, start: int) -> int:
    """The position of the comma that ends a value, or the end."""
    at = start
    while at < len(options) and options[at] != ",":
        if options[at] == "{":
            end = group_end(options, at + 1)
            at = end if end >= 0 else at
        at += 2 if options[at] == "\\" else 1
    return at


def texts_of(options: str) -> list[str]:
    """Return the values that are printed: titles and captions."""
    return [value for key, value in pairs_of(options) if key in _TEXTS and value]
