"""Settings on a command line: `--set name=value`, repeated."""

import json
from collections.abc import Iterable

from posttrain.errors import ConfigurationError


def parse_assignments(texts: Iterable[str], example: str) -> dict[str, str]:
    """Return name → value of texts such as `budget=60s`; of equal names the last counts.

    `example` becomes the hint of the error: a command with an assignment. Raises ConfigurationError for a text
    without `=`.
    """
    settings = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise ConfigurationError(f"found --set {text}; expected name=value", f"for example {example}")
        settings[name.strip()] = value
    return settings


def json_or_text(value: str) -> object:
    """Return a value as JSON has it (`3` a number, `true` a truth value), and all other text as it is (`60s`)."""
    try:
        return json.loads(value)
    except ValueError:
        return value
