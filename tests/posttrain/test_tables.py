"""A table reads the same in every format, and nothing in a cell can break a format."""

import csv
import io
import re
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyarrow import parquet

from posttrain.tables import (
    Grid,
    as_csv,
    as_html,
    as_latex,
    as_lines,
    as_markdown,
    as_parquet,
    as_terminal,
    html_table,
    markdown_table,
)

GRID = Grid(
    "Scores", ("n: test prompts",), ("arm", "role", "right [95 %]"),
    (("sft", "first", "1.0"), ("sft", "second", "12.5"), ("grpo", "first", "3.0")), grouped=True,
)  # fmt: skip
words = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=8)


class Cells(HTMLParser):
    """Collects the text of every cell."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag in ("td", "th")
        if self._inside:
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        self._inside = self._inside and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.cells[-1] += data


@given(st.lists(st.tuples(words, words, words), max_size=4))
def test_every_cell_comes_back_from_html_and_markdown(rows: list[tuple[str, str, str]]) -> None:
    """Whatever stands in a cell: tags, bars, quotes."""
    grid = Grid("", (), ("a", "b", "c"), tuple(rows))
    parser = Cells()
    parser.feed(html_table(grid))
    assert parser.cells == [*grid.head, *(cell for row in rows for cell in row)]
    lines = markdown_table(grid).splitlines()
    assert [len(re.findall(r"(?<!\\)\|", line.replace("\\\\", ""))) >= 4 for line in lines] == [True] * len(lines)
    assert len(lines) == len(rows) + 2


def test_the_terminal_keeps_brackets_and_sets_groups_apart() -> None:
    """`[95 %]` is text and no markup; an empty line stands before grpo; title, notes and intro are there."""
    text = as_terminal([GRID], "Sample: 3.", 100, colour=False)
    assert text.startswith("Sample: 3.\n\nScores\n") and "right [95 %]" in text and "· n: test prompts" in text
    assert "12.5\n\ngrpo" in text
    assert "\x1b[" not in text and "\x1b[" in as_terminal([GRID], "", 100, colour=True)


def test_a_narrow_terminal_cuts_and_a_file_does_not() -> None:
    """Tables fit the width of a terminal; lines without a width are whole."""
    wide = Grid("", (), ("a", "b"), (("x" * 150, "1"),), numeric_from=1)
    assert all(len(line) <= 60 for line in as_terminal([wide], "", 60, colour=False).splitlines())
    assert "x" * 150 in "\n".join(as_lines(wide))


def test_lines_are_aligned() -> None:
    """Words to the left, numbers to the right, no title and no notes."""
    lines = as_lines(Grid("Title", ("note",), ("arm", "role", "right"), (("sft", "first", "1.0"),)))
    assert lines == ["arm  role   right", "sft  first    1.0"]


def test_markdown_has_heading_table_and_notes() -> None:
    """In this order; numbers are aligned on the right."""
    assert as_markdown([GRID], "Sample: 3.").startswith(
        "Sample: 3.\n\n## Scores\n\n| arm | role | right [95 %] |\n| --- |"
    )
    assert as_markdown([GRID]).endswith("| 3.0 |\n\n- n: test prompts\n")


def test_a_page_of_html_holds_the_charts() -> None:
    """The charts follow the tables; title and intro are escaped."""
    page = as_html([GRID], "3 < 4", "a & b", ["<svg/>"])
    assert "<title>a &amp; b</title>" in page and "<p>3 &lt; 4</p>" in page
    assert page.index("</table>") < page.index("<figure><svg/></figure>")


def test_latex_escapes_what_would_stop_it() -> None:
    """A sample's name may hold anything; it stands in a comment, and the cells are escaped."""
    grid = Grid("A_b & c", ("50% of my^data~{x}",), ("a", "b"), (("\\x", "~"),))
    content = as_latex([grid], "in my^data~{x}_ü\nsecond line")
    body = "\n".join(line for line in content.splitlines() if not line.startswith("%"))
    assert r"A\_b \& c. 50\% of my\textasciicircum{}data\textasciitilde{}\{x\}" in body
    assert "second line" not in body


def test_a_long_latex_table_runs_over_pages() -> None:
    """A float longer than a page would lose its rows."""
    rows = tuple((str(number), "x", "1") for number in range(50))
    assert r"\begin{longtable}" in as_latex([Grid("Long", ("note",), ("a", "b", "n"), rows)], "sample")


@pytest.mark.parametrize("records", [[], [{"a": 1, "b": "x, y"}, {"a": 2, "b": "z"}]])
def test_records_come_back_from_csv(records: list[dict[str, object]]) -> None:
    """The head is there also without a record."""
    text = as_csv(records, ("a", "b"))
    assert text.splitlines()[0] == "a,b"
    assert list(csv.DictReader(io.StringIO(text))) == [
        {key: str(value) for key, value in row.items()} for row in records
    ]


def test_records_come_back_from_parquet() -> None:
    """With their types, and null as null."""
    records = [{"a": 1, "b": None}, {"a": 2, "b": 0.5}]
    assert parquet.read_table(io.BytesIO(as_parquet(records))).to_pylist() == records
