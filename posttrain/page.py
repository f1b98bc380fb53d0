"""The parts that all pages share: own data, errors, tables, charts, and choices that stand in the address."""

import html
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
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
_COPY_LINK = """<button class="copy" type="button">Copy link</button><span role="status"></span>
<style>
.copy {font: inherit; color: inherit; background: none; border: 1px solid rgba(128, 128, 128, .5); cursor: pointer;
    border-radius: .5rem; padding: .4rem .75rem}
</style>
<script>
(() => {
    const button = document.querySelector('.copy');
    const status = button.nextElementSibling;
    button.onclick = () => navigator.clipboard.writeText(location.href).then(
        () => { status.textContent = ' copied'; }, () => { status.textContent = ' copy the address of this page'; });
})();
</script>"""
_LONGEST = 300  # characters of a text in the address
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


def legend(entries: Sequence[tuple[str, str, str]]) -> None:
    """Show what marks mean: of each entry its sign, such as ◆, its colour and its words."""
    parts = (
        f'<span style="margin-right:1.2rem"><span aria-hidden="true" style="color:{colour}">{sign}</span> '
        f"{html.escape(words)}</span>"
        for sign, colour, words in entries
    )
    st.html(f'<p style="font-size:.875rem;margin:0">{"".join(parts)}</p>')


def copy_link() -> None:
    """Show a button that copies the address of the page, in which every choice stands."""
    st.html(_COPY_LINK, unsafe_allow_javascript=True, width="content")


def choice(
    name: str, label: str, codes: Sequence[str], default: str, draw: Callable[..., Any] = st.selectbox, **options: Any
) -> str:
    """Draw a choice among stable codes and return the chosen code, which stands in the address unless it is `default`.

    A code in the address that is not among `codes` is reported and the default taken; with `accept_new_options` any
    text is a code. Streamlit's own binding writes the shown words into the address, which change with the wording.
    """
    text = _news_in_address(name)
    if text is not None:
        is_free = options.get("accept_new_options", False) and text
        if text in codes or is_free:
            st.session_state[name] = text[:_LONGEST]
        else:
            _fault(f"{name}={text[:40]}; expected one of {', '.join(codes)}")
            st.session_state[name] = default
    known = st.session_state.get(name)
    if known is None or (known not in codes and not options.get("accept_new_options")):
        st.session_state[name] = default
    chosen = str(draw(label, codes, key=name, **options) or default)
    _stands_in_address(name, "" if chosen == default else chosen)
    return chosen


def number(name: str, label: str, least: int, most: int, default: int, **options: Any) -> int:
    """Draw a slider and return its number, which stands in the address unless it is `default`."""
    text = _news_in_address(name)
    if text is not None:
        if text.isascii() and text.isdigit() and least <= int(text) <= most:
            st.session_state[name] = int(text)
        else:
            _fault(f"{name}={text[:40]}; expected {least} to {most}")
            st.session_state[name] = default
    known = st.session_state.get(name)
    if known is None or not least <= known <= most:
        st.session_state[name] = default
    chosen = int(st.slider(label, least, most, key=name, **options))
    _stands_in_address(name, "" if chosen == default else str(chosen))
    return chosen


def tabs(name: str, words: Mapping[str, str]) -> dict[str, Any]:
    """Draw tabs, words by code, and return them by code; the open one stands in the address unless it is the first."""
    text = _news_in_address(name)
    if text is not None and text in words:
        st.session_state[name] = words[text]
    elif text is not None:
        _fault(f"{name}={text[:40]}; expected one of {', '.join(words)}")
    drawn = dict(zip(words, st.tabs(list(words.values()), key=name, on_change="rerun"), strict=True))
    chosen = next((code for code, tab in drawn.items() if tab.open), "")
    _stands_in_address(name, "" if chosen == next(iter(words)) else chosen)
    return drawn


def warn_of_address(names: Sequence[str]) -> None:
    """Say which parts of the address are not understood: codes that were refused, and names other than `names`.

    Called when all choices are drawn; what is not understood is gone from the address then.
    """
    for name in [name for name in st.query_params if name not in names]:
        _fault(f"{name}={st.query_params[name][:40]}; expected one of {', '.join(names)}")
        del st.query_params[name]
    for fault in st.session_state.pop("address_faults", []):
        st.warning(f"Not understood in the address: {plain(fault)}", icon=":material/link_off:")


def _fault(setting: str) -> None:
    st.session_state.setdefault("address_faults", []).append(setting)


def _news_in_address(name: str) -> str | None:
    """Return what stands in the address where the page did not write it there itself, else None."""
    text = st.query_params.get(name)
    return None if text is None or st.session_state.get(f"address_{name}") == text else str(text)


def _stands_in_address(name: str, text: str) -> None:
    st.session_state[f"address_{name}"] = text
    if text and st.query_params.get(name) != text:
        st.query_params[name] = text
    elif not text and name in st.query_params:
        del st.query_params[name]
