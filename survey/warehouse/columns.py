"""Columns of whole numbers for Arrow, which would load pandas to look at a list: most of a second of CPU."""

from array import array
from collections.abc import Iterable

import pyarrow

_INT32 = "i"  # how `array` names a C int, of four bytes wherever Arrow runs


def integers(values: Iterable[int]) -> "pyarrow.Array[pyarrow.Scalar[pyarrow.lib.Int32Type]]":
    """Return a column of 32-bit integers. Raises OverflowError for a value outside them."""
    numbers = array(_INT32, values)
    return pyarrow.Array.from_buffers(pyarrow.int32(), len(numbers), [None, pyarrow.py_buffer(numbers)])
