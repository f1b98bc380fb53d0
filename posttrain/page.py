"""The parts that all pages share: own data, errors, tables and charts."""

import html
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import streamlit as st

from posttrain.errors import PosttrainError
from posttrain.settings import data_folder
from posttrain.tables import Grid, html_table

_STYLE = """<style>
.scrolls {overflow-x: auto}
.cells {width: 100%; border-collapse: collapse; font-size: .875rem; font-variant-numeric: tabular-nums}
.cells th, .cells td {padding: .3rem .6rem; text-align: left; border-bottom: 1px solid rgba(128, 128, 128, .3)}
.cells th {font-weight: 600; opacity: .75}
.cells tbody tr:hover {background: rgba(128, 128, 128, .1)}
</style>"""
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+!|$~<>:])")


def own_data() -> Path:
    """Return the folder of the user's own data."""
    return data_folder().resolve()


@contextmanager
def errors_shown() -> Iterator[None]:
    """Show an error with its hint on the page; the rest of the page still works."""
    try:
        yield
    except PosttrainError as error:
        st.error(f"{plain(error.message)}\n\nNext: {plain(error.hint)}", icon=":material/error:")


def plain(text: str) -> str:
    """Return text that Markdown shows as it is: titles hold dollars and errors underscores."""
    return _MARKDOWN.sub(r"\\\1", text)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], about: str) -> None:
    """Show cells of text as a table that a screen reader can read.

    As HTML, for Streamlit's own tables go through pandas and Arrow here and in the browser: half a second more.
    """
    grid = Grid("", (), tuple(head), tuple(map(tuple, rows)), numeric_from=len(head))
    drawn = html_table(grid, f'class="cells" aria-label="{html.escape(about)}"')
    st.html(f'{_STYLE}<div class="scrolls">{drawn}</div>')


def chart(spec: dict[str, Any], words: str, **options: Any) -> Any:
    """Show a Vega-Lite chart with its words for those who cannot see it."""
    shown = {name: value for name, value in spec.items() if name not in ("background", "title")}
    return st.vega_lite_chart(shown, width="stretch", alt=words, **options)
