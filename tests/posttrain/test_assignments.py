"""Assignments of a command line: name and value, each as it was written."""

import pytest

from posttrain.assignments import json_or_text, parse_assignments
from posttrain.errors import ConfigurationError


def test_a_value_may_hold_anything_that_follows_the_first_equals_sign() -> None:
    """Patterns hold `=` and spaces; of equal names the last counts."""
    texts = ["budget=60s", "verifier=regex: x = (.*) ", " rows =5", "budget=90s"]
    assert parse_assignments(texts, "") == {"budget": "90s", "verifier": "regex: x = (.*) ", "rows": "5"}


def test_a_text_without_equals_sign_is_refused_with_an_example() -> None:
    """The error names the text, the hint shows a command."""
    with pytest.raises(ConfigurationError, match="found --set budget; expected name=value") as caught:
        parse_assignments(["budget"], "advisor ask --set verifier=unit-tests")
    assert caught.value.hint == "for example advisor ask --set verifier=unit-tests"


def test_values_are_json_or_text() -> None:
    """Numbers, truth values, null and lists; everything else stays text."""
    values = [json_or_text(text) for text in ("3", "1e-4", "true", "null", "[1]", "60s", "")]
    assert values == [3, 1e-4, True, None, [1], "60s", ""]
