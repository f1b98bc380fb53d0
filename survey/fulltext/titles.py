"""The title at the head of a text: its first heading or line that is not the stamp or head of a page."""

import re
from collections.abc import Iterator

_ID = r"(?:\d{4}\.\d{4,5}|[a-z][a-z-]+(?:\.[A-Z]{2})?/\d{7})(?:v\d{1,2})?(?:\.pdf)?"
_ARCHIVE = (
    r"(?:cs|math|stat|eess|econ|physics|q-bio|q-fin|quant-ph|astro-ph|cond-mat|hep-[a-z]{2,3}|gr-qc|nucl-[a-z]{2}|nlin"
    r"|math-ph|cmp-lg)(?:\.[A-Za-z-]{2,})?"
)
_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sep(?:t|tember)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?)\b\.?"
)
# The parts of a stamp: "arXiv:2501.01234v1", "arXiv preprint arXiv: cs/0112017", "https://arxiv.org/abs/2501.01234",
# "2501.01234v2"; "[cs.CL]", "(stat.ML)"
_PART = re.compile(
    rf"(?:arxiv(?:\s+e-?print|\s+preprint)?\s*[:,]?\s*)+{_ID}"
    rf"|(?:https?://)?(?:www\.|export\.)?arxiv\.org/[a-z]+/{_ID}|{_ID}(?=\s|$|\[)"
    rf"|\[{_ARCHIVE}\]|\({_ARCHIVE}\)",
    re.IGNORECASE,
)
# "3 Jan 2025", "Jan 3, 2025", "January 2025", "2025-01-03"; at a line's end "3 Jan", whose year is on the next
_DATE = re.compile(
    rf"(?:\d{{1,2}}\s*{_MONTH},?\s*(?:19|20)\d\d|{_MONTH}(?:\s*\d{{1,2}},)?\s*(?:19|20)\d\d|(?:19|20)\d\d-\d\d-\d\d)"
    rf"(?!\d)|\d{{1,2}}\s+{_MONTH}$",
    re.IGNORECASE,
)
_BETWEEN = " \t|,;:.·•–—-*_#>`"  # the marks between the parts of a stamp
# Above a title: "Published as a conference paper at ICLR 2025", "Preprint. Under review.", "![](logo.png)"
_PAGE_HEAD = re.compile(
    r"(?:published (?:as|in|at)|under review|accepted (?:at|by|to|for|as)|to appear (?:at|in)|proceedings of"
    r"|copyright (?:\d{4}|by|held|\(c\)|©))\b.*|(?:©|https?://|!\[).*|<!--.*-->"
    r"|(?:an? )?(?:arxiv )?preprint\b[.,:]?(?: (?:under|submitted|version|accepted)\b.*)?[.]?",
    re.IGNORECASE,
)
_TAG = re.compile(r"</?[a-z][^<>\n]{0,100}>|\*\*", re.IGNORECASE)
_ESCAPE = re.compile(r"\\(?=[\[\]_&#])")  # \[cs.CL\]
_HEADING = re.compile(r"\A[>\s]*(#{1,6})[ \t]+")
_FRONT_MATTER = re.compile(r"title:\s*[\"']?(.+?)[\"']?$")
_NO_TITLE = re.compile(r"(?:abstract|contents|table of contents|(?:1\.?\s+)?introduction)\W*", re.IGNORECASE)
_LINES = 150  # looked at; some readers give an upright stamp letter by letter


def heading_of(text: str) -> str:
    """Return the heading at the head of a markdown text, or "" where it begins without one."""
    first = next(_lines(text), "")
    return _clean(first) if _HEADING.match(first) else ""


def title_of(text: str, lines: int = 1) -> str:
    """Return the title at the head of a text: its first lines (one for a heading) behind stamps and page heads.

    "" where the text begins with its abstract, or holds nothing else.
    """
    kept: list[str] = []
    for line in _lines(text):
        if _NO_TITLE.fullmatch(_clean(line)):
            break
        kept.append(_clean(line))
        if len(kept) == lines or _HEADING.match(line):
            break
    return " ".join(kept)[:200]


def is_stamp(line: str) -> bool:
    """Say whether a line, or words set large, are no more than arXiv's stamp."""
    return not re.search(r"[^\W\d]{2}", _without_stamp(line))


def _lines(text: str) -> Iterator[str]:
    """Yield the lines at the head of a text that can hold its title, without the parts of a stamp."""
    for line in text.split("\n", _LINES)[:_LINES]:
        mark = _HEADING.match(line)
        rest = _without_stamp(line[mark.end() :] if mark else line)
        if not re.search(r"[^\W\d]{2}", rest) or _PAGE_HEAD.fullmatch(rest):
            continue  # "---", "3", one letter of a stamp that stands upright
        yield f"{mark[1]} {rest}" if mark else rest


def _without_stamp(line: str) -> str:
    """Return a line without markup, and without a stamp at its beginning.

    A date is a part of a stamp behind another, or where it is all of the line: "March 2024 in Review" is a title.
    """
    rest = " ".join(_ESCAPE.sub("", _TAG.sub(" ", line)).split())
    if "viXra" in rest:  # "5202 naJ 3 ]LC.sc[ 1v43210.1052:viXra", as some readers give an upright stamp
        rest = rest[::-1]
    stamped = False
    while rest:
        bare = rest.lstrip(_BETWEEN)
        if part := _PART.match(bare):
            stamped = True
        else:
            part = _DATE.match(bare)
            if part is None or not (stamped or part.end() == len(bare)):
                break
        rest = bare[part.end() :]
    return rest.lstrip(_BETWEEN) if stamped else rest


def _clean(line: str) -> str:
    title = _HEADING.sub("", line, count=1).strip(" \t#")
    stated = _FRONT_MATTER.fullmatch(title)
    return stated[1] if stated else title
