"""Frames and suggestions: rows become columns in order, and a mistyped name finds the nearest known one."""

import subprocess
import sys

from posttrain.frames import frame_of
from posttrain.suggest import nearest


def test_a_frame_has_a_row_for_each_mapping_and_columns_in_order() -> None:
    """A name that a row lacks is missing there; without rows there is an empty frame."""
    frame = frame_of([{"a": 1, "b": "x"}, {"b": "y", "c": None}])
    assert list(frame.columns) == ["a", "b", "c"]
    assert list(frame["b"]) == ["x", "y"] and list(frame["a"].isna()) == [False, True]
    assert frame["c"].dtype == float and len(frame_of([])) == 0


def test_pandas_is_loaded_when_a_frame_is_asked_for() -> None:
    """Importing the module, and the objects that have to_frame, costs nothing."""
    code = "import sys, posttrain.frames, advisor.ask, advisor.memory; print('pandas' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_the_nearest_name_is_suggested_and_a_far_one_is_not() -> None:
    """`verifer` is verifier; `telepathy` is nothing known."""
    assert nearest("verifer", ["domain", "verifier", "verifier_on_gold"]) == "verifier"
    assert nearest("telepathy", ["domain", "verifier"]) is None
    assert nearest("x", []) is None
