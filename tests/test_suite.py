"""The suite's own rules: an id of a test can be printed, and Hypothesis has no clock."""

import gzip

import pytest
from hypothesis import settings

from tests.conftest import pytest_make_parametrize_id


@pytest.mark.parametrize("readable", ["id of text", b"id of bytes\n", 1, None])
def test_a_value_that_can_be_printed_names_its_test(readable: object) -> None:
    assert pytest_make_parametrize_id(readable, "data") is None


def test_bytes_that_cannot_be_printed_are_refused_as_an_id() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"found the bytes b'.x1f.* as the parameter 'data'.*\n  try: "):
        pytest_make_parametrize_id(gzip.compress(b"text"), "data")


def test_no_property_fails_by_the_clock() -> None:
    assert settings().deadline is None
