"""Verifiers that an untrained policy can satisfy, so that tests see rewards that differ."""

from typing import Any


def has_digit(prompt: Any, response: str, row: dict[str, Any]) -> float:
    """Whether there is an odd digit among the first characters."""
    return float(any(character in "13579" for character in response[:6]))


def always(prompt: Any, response: str, row: dict[str, Any]) -> float:
    """Always right."""
    return 1.0


def never(prompt: Any, response: str, row: dict[str, Any]) -> float:
    """Never right."""
    return 0.0


def raises(prompt: Any, response: str, row: dict[str, Any]) -> float:
    """Broken."""
    raise ValueError("boom")


def seven(prompt: Any, response: str, row: dict[str, Any]) -> float:
    """No reward."""
    return 7.0
