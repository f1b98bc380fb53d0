"""docs/python.md: every snippet runs, and every function is in its tables with its arguments."""

import inspect
import re
from pathlib import Path

import pytest

import posttrain as pt
from tests.conftest import ROOT

DOCUMENT = (ROOT / "docs" / "python.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", DOCUMENT, re.DOTALL)


def _run(snippets: list[str]) -> dict[str, object]:
    names: dict[str, object] = {}
    for snippet in snippets:
        exec(compile(snippet, "docs/python.md", "exec"), names)
    return names


@pytest.mark.slow
def test_every_snippet_but_the_pilot_runs_in_order(tmp_path: Path) -> None:
    quick = [snippet for snippet in SNIPPETS if "pt.pilot(" not in snippet]
    assert len(SNIPPETS) - len(quick) == 1 and len(quick) >= 9
    _run(quick)
    assert (tmp_path / "methods.svg").exists()


@pytest.mark.slow
def test_the_snippet_of_the_pilot_trains(tmp_path: Path) -> None:
    names = _run([SNIPPETS[0], *(snippet for snippet in SNIPPETS if "plan" in snippet)])
    assert (tmp_path / "pilot" / "outcome.json").exists()
    assert len(pt.bank().cases) == 1 and names["outcome"]


@pytest.mark.parametrize("name", pt.__all__)
def test_a_function_is_in_the_table_with_its_arguments(name: str) -> None:
    row = re.search(rf"^\| `pt\.{name}\(([^`]*)\)` \|", DOCUMENT, re.MULTILINE)
    assert row
    listed = [argument.strip(" =*") for argument in row[1].split(",")]
    assert listed == list(inspect.signature(getattr(pt, name)).parameters)
