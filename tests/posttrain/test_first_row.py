"""The first row as a model sees it: two colours, marks without colour, nothing that steers a terminal."""

import pytest

from posttrain.first_row import LONGEST, FirstRow, shown

ROW = FirstRow(
    (("user\n1+1?\n", False), ("2<end>", True), ("\nuser\n", False), ("<b>4", True)), 5, 9, "<end>", 3, ("id",),
    {"no prompt": 2}, ("A note.",),
)  # fmt: skip


def test_tokens_that_are_trained_on_stand_between_marks() -> None:
    """And the facts below: tokens, the end, unused columns, rows left out, notes."""
    assert ROW.lines(colour=False) == [
        "the first row (line 3) as the model sees it, between ⟦ and ⟧ is trained on:",
        "user", "1+1?", "⟦2<end>⟧", "user", "⟦<b>4⟧",
        "  5 tokens trained on, 9 read; a response ends with <end>",
        "  columns not used: id", "  left out or set right: 2 of no prompt", "  A note.",
    ]  # fmt: skip


def test_two_colours_on_a_terminal_each_line_closed() -> None:
    """Green and faint; a line that is cut by a pager stays in its colour."""
    lines = ROW.lines(colour=True)
    assert lines[1:4] == [
        "\x1b[2muser\x1b[0m",
        "\x1b[2m1+1?\x1b[0m",
        "\x1b[2m\x1b[0m\x1b[32m2<end>\x1b[0m\x1b[2m\x1b[0m",
    ]
    assert "⟦" not in "".join(lines)


def test_the_app_marks_trained_tokens_and_escapes_the_rest() -> None:
    assert ROW.markup().endswith("1+1?\n<mark>2&lt;end&gt;</mark>\nuser\n<mark>&lt;b&gt;4</mark></pre>")


def test_a_sampled_response_has_no_tokens_yet() -> None:
    assert "9 tokens of prompt; the response is sampled" in FirstRow((("q", False),), 0, 9, "<end>").facts()[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a\nb", "a\nb"), ("\x1b[31m", "\\x1b[31m"), ("\r\t\x00", "\\r\\t\\x00"), ("\u202eabc", "\\u202eabc"),
     ("\ud800", "\\ud800"), ("你好 🙂 é", "你好 🙂 é")],
)  # fmt: skip
def test_characters_that_would_steer_a_terminal_are_spelled_out(text: str, expected: str) -> None:
    assert shown(text) == expected


@pytest.mark.parametrize("length", [LONGEST - 1, LONGEST, LONGEST + 1, 50_000])
def test_a_long_row_shows_its_beginning_and_its_end(length: int) -> None:
    """The last answer is always there, whichever piece is long."""
    row = FirstRow((("b" + "x" * (length - 9), False), ("e" * 8, True)), 1, 1, "<end>")
    text = "\n".join(row.lines(colour=False)[1:-1])
    assert text.startswith("b") and text.endswith("⟦eeeeeeee⟧")
    assert (f"… {length - 2 * (LONGEST // 2):,} characters …" in text) == (length > LONGEST)
    assert len(text) < LONGEST + 60
