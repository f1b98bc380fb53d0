"""Columns for Arrow: the numbers that went in, and no library that a table of counts can do without."""

import subprocess
import sys

import pyarrow
import pytest

from survey.warehouse.columns import integers

COUNT = """
import sys
from survey.mentions.lexicon import load_lexicon
from survey.studies.load import load_study
from survey.warehouse.abstracts import open_abstracts
from survey.warehouse.filters import Filters
from survey.warehouse.narrowing import narrow
sample = open_abstracts(load_lexicon(study=load_study("agents")))
narrow(sample, Filters(words=("SWE-bench",)), None)
print(sample.warehouse.query("sample")[0][0], "pandas" in sys.modules)
"""


def test_a_column_holds_the_numbers() -> None:
    """Of 32 bits, with sign, also none at all; a larger number is refused and not cut."""
    assert integers([3, -1, 2**31 - 1]).to_pylist() == [3, -1, 2**31 - 1]
    assert integers(iter(())).to_pylist() == [] and integers([1]).type == pyarrow.int32()
    with pytest.raises(OverflowError):
        integers([2**31])


@pytest.mark.slow
def test_a_study_is_counted_in_the_name_index_without_pandas() -> None:
    """Arrow loads it to look at a Python list, which is a third of the time of a report."""
    ended = subprocess.run([sys.executable, "-c", COUNT], capture_output=True, text=True, check=True)
    papers, loaded = ended.stdout.split()
    assert int(papers) > 50 and loaded == "False"
