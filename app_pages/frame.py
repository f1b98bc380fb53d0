"""What the pages share: own data, and the one way of telling a failure."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import streamlit as st

from reference_impls.errors import RunError
from survey.errors import SurveyError
from survey.settings import data_folder

_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+!|$~<>:])")


def own_data() -> Path:
    """Return the folder of the user's own data."""
    return data_folder().resolve()


@contextmanager
def told() -> Iterator[None]:
    """Show a failure that a user can act on as what was found and what to do next; the rest of the page goes on."""
    try:
        yield
    except (SurveyError, RunError) as error:
        st.error(f"{plain(error.message)}\n\nNext: {plain(error.hint)}", icon=":material/error:")


def plain(text: str) -> str:
    """Return text that Markdown shows as it is: titles hold dollars and errors underscores."""
    return _MARKDOWN.sub(r"\\\1", text)


def table(head: Sequence[str], rows: Sequence[Sequence[str]], about: str) -> None:
    """Show cells of text as a table that a screen reader can read."""
    st.table([dict(zip(head, map(plain, row), strict=True)) for row in rows], hide_index=True, alt=about)


def chart(spec: dict[str, Any], words: str, **options: Any) -> Any:
    """Show a Vega-Lite chart with its words for those who cannot see it."""
    shown = {name: value for name, value in spec.items() if name not in ("background", "title")}
    return st.vega_lite_chart(shown, width="stretch", alt=words, **options)
