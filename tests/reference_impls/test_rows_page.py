"""docs/rows.md is what the code does with each layout."""

from reference_impls.tasks.columns import ANSWER, CHAT, JOINED, PROMPT, RESPONSE
from tests.reference_impls.rows_page import LAYOUTS, PAGE, page


def test_the_page_is_what_the_code_gives() -> None:
    """Written anew by `python -m tests.reference_impls.rows_page` after a change."""
    assert PAGE.read_text(encoding="utf-8") == page()


def test_the_page_has_a_layout_for_most_columns() -> None:
    """Names that are synonyms of each other are listed in training.md; at least half of all are shown in a row."""
    used = {name.lower() for layout in LAYOUTS for name in layout.row}
    known = {*PROMPT, *RESPONSE, *ANSWER, *CHAT, *(name for pair in JOINED for name in pair)}
    assert len(LAYOUTS) >= 40 and len(used & known) >= len(known) / 2
