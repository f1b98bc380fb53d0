"""A table fits every width, no word is broken, and no cell is lost."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posttrain.console import for_screen
from posttrain.grid import Grid, layout, wrapped
from posttrain.latex import escaped
from posttrain.tables import as_html, as_latex, as_markdown, as_terminal

WIDE = Grid(
    "Shares of a sample", ("a note of several words, which is longer than a narrow terminal is wide",),
    ("period", "method", "k", "n", "share (95%)", "corrected (95%)", "survey printed (95%)"),
    tuple((year, name, "3", "1,402", "66.7% (30% to 90%)", "81.0% (34% to 100%)", "73.3% (48% to 89%) of 15")
          for year in ("2023", "2024") for name in ("hybrid", "open_weight")),
    grouped=True,
)  # fmt: skip
FOLDED = Grid(
    "Names", (), ("period", "benchmark", "k", "n"),
    (("2023", "gsm8k", "1", "9"), ("2023", "2 more with no paper: bird & co, c_wah"), ("2024", "gsm8k", "2", "9")),
    grouped=True,
)  # fmt: skip


@pytest.mark.parametrize("width", [200, 100, 80, 60, 44, 30])
def test_a_table_fits_and_no_word_is_broken(width: int) -> None:
    """Every word of every cell, head and note stands in one line, and no line is wider than the terminal."""
    text = as_terminal([WIDE, FOLDED], "Sample: 3 papers.", width, colour=False)
    assert max(map(len, text.splitlines())) <= width
    words = set(text.split())
    for grid in (WIDE, FOLDED):
        cells = [*grid.head, *(cell for row in grid.rows for cell in row), grid.title, *grid.notes]
        assert {word for cell in cells for word in cell.split()} <= words


def test_intervals_stay_whole() -> None:
    """`30% to 90%` is one thing to read, with its brackets or without."""
    assert wrapped("66.7% (30% to 90%)", 13) == ["66.7%", "(30% to 90%)"]
    assert wrapped("from 1.2% to 3.4% of 15", 13) == ["from", "1.2% to 3.4%", "of 15"]


def test_a_wide_terminal_shows_one_line_a_row() -> None:
    """Nothing is broken where there is room."""
    lines = [line for line, _ in layout(WIDE, 120)]
    assert lines[1].split() == [cell for text in WIDE.rows[0] for cell in text.split()]
    assert len(lines) == 1 + len(WIDE.rows) + 1


@settings(deadline=None)
@given(st.lists(st.tuples(*[st.text("ab ", max_size=12)] * 4), min_size=1, max_size=4), st.integers(16, 60))
def test_any_table_fits_any_width(rows: list[tuple[str, ...]], width: int) -> None:
    """Down to sixteen columns, whatever the cells are."""
    grid = Grid("", (), ("aa", "b", "a b", "bb"), tuple(rows), grouped=True)
    lines = [line for line, _ in layout(grid, width)]
    assert all(len(line) <= width for line in lines)
    assert sum(line.count("a") for line in lines) >= sum(cell.count("a") for row in rows for cell in row[1:])


def test_a_row_that_runs_over_is_there_in_every_format() -> None:
    """One cell over the rest of the columns: colspan, multicolumn, and empty cells of Markdown."""
    page = as_html([FOLDED], "", "t")
    assert '<td colspan="3">2 more with no paper: bird &amp; co, c_wah</td>' in page
    assert r"\multicolumn{3}{p{0.7\linewidth}}{\raggedright 2 more with no paper: bird \& co, c\_wah}" in as_latex(
        [FOLDED], ""
    )
    assert "| 2023 | 2 more with no paper: bird & co, c_wah |  |  |" in as_markdown([FOLDED])


def test_latex_has_short_captions_and_is_balanced() -> None:
    """The list of tables gets the title alone; environments and braces that open are closed; rows have all columns."""
    odd = Grid("κ of 50% [a] & b_c", ("≥ 3 → {x", "second"), ("a]", "n ×"), (("[1]", "~^"), ("Ünï", "\\")), 1)
    source = as_latex([odd, WIDE, FOLDED], "intro")
    assert r"\caption[{{\ensuremath{\kappa}} of 50\%" in source
    assert source.isascii()
    assert source.count(r"\begin{") == source.count(r"\end{")
    plain = source.replace(r"\{", "").replace(r"\}", "")
    assert plain.count("{") == plain.count("}")
    for line in source.splitlines():
        if line.endswith(r"\\") and r"\multicolumn" not in line and "&" in line:
            assert line.replace(r"\&", "").count("&") in (1, 3, 6)
    assert r"\toprule" in source and r"\midrule" in source and r"\bottomrule" in source


def test_latex_of_every_kind_of_character() -> None:
    """Accents, Greek and signs become commands; a bracket cannot become the option of a line break."""
    assert escaped("naïve τ ≤ 5 [x]") == r"na{\"\i}ve {\ensuremath{\tau}} {\ensuremath{\leq}} 5 {[}x{]}"


def test_lines_of_a_command_break_at_words_on_a_screen_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """COLUMNS is a screen; a pipe gets every line whole, for grep."""
    line = "  skipped     a/file.pdf: a damaged PDF, or one without pages"
    assert for_screen([line]) == [line]
    monkeypatch.setenv("COLUMNS", "40")
    assert for_screen([line]) == ["  skipped     a/file.pdf: a damaged PDF,", "      or one without pages"]
