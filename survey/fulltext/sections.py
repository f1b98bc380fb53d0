"""Sections: which part of a paper a place belongs to, so that scope is a query and not a recount."""

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum


class Section(StrEnum):
    """The sections of a paper that counts distinguish. Body, tables and captions are the body scope.

    Hidden is text that the page holds and nobody sees, such as white words on white paper: no scope counts it.
    """

    BODY = "body"
    TABLE = "table"
    CAPTION = "caption"
    REFERENCES = "references"
    APPENDIX = "appendix"
    HIDDEN = "hidden"


@dataclass(frozen=True)
class Text:
    """The text of one paper on one surface.

    `spans` are (first character, section) in order; each reaches to the next. `note` says what the text lacks.
    """

    surface: str
    text: str
    spans: tuple[tuple[int, Section], ...]
    title: str = ""
    note: str = ""

    def section_at(self, offset: int) -> Section:
        """Return the section of the character at `offset`."""
        return section_at(self.spans, offset)


def section_at(spans: tuple[tuple[int, Section], ...], offset: int) -> Section:
    """Return the section of the character at `offset` under `spans`."""
    index = bisect_right(spans, offset, key=lambda span: span[0]) - 1
    return spans[index][1] if index >= 0 else Section.BODY


def join_pieces(pieces: Iterable[tuple[Section, str]]) -> tuple[str, tuple[tuple[int, Section], ...]]:
    """Join pieces of text, a line break between them; return the text and its spans."""
    texts: list[str] = []
    spans: list[tuple[int, Section]] = []
    length = 0
    for section, piece in pieces:
        if not piece.strip():
            continue
        if not spans or spans[-1][1] is not section:
            spans.append((length, section))
        texts.append(piece)
        length += len(piece) + 1
    return "\n".join(texts), tuple(spans)


_REFERENCES = re.compile(
    # a line of its own, or glued to the end of the last sentence as PDF text can have it
    r"(?:^[ \t]*(?:\d{1,2}\.?[ \t]+|[IVX]+\.[ \t]+|#+[ \t]*)?"
    r"(?:references|bibliography|references and notes|works cited|literature cited)[ \t]*:?"
    r"|(?<=[.!?)\]])[ \t]*(?-i:References|REFERENCES))[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
_APPENDIX = re.compile(
    r"^[ \t]*(?:#+[ \t]*)?(?:(?:appendix|appendices|supplementary materials?|supplemental materials?)\b.{0,60}"
    r"|A(?:\.1)?[.:]?[ \t]+[A-Z][\w-]+(?:[ \t,:&/()-]+[\w-]+){0,9}[)]?)[ \t]*$",
    re.IGNORECASE | re.MULTILINE,
)
_LETTERED = re.compile(r"^[ \t]*A(?:\.1)?[.:]?[ \t]+[A-Z]")
_CAPTION = re.compile(
    r"^[ \t]*(?:figure|fig\.|table|algorithm)[ \t]+[A-Z]?\d{1,2}[ \t]*[:.|]", re.IGNORECASE | re.MULTILINE
)
_CAPTION_END = re.compile(r"\n\n|[.!?)]\n")
_CAPTION_MOST = 800  # characters; captions of PDF text have no mark at their end


def split_plain(text: str) -> tuple[tuple[int, Section], ...]:
    """Return the spans of text that has no markup: captions by their first words, references and appendix by heading.

    The references begin at the first such heading past a quarter of the text (a table of contents comes before);
    the appendix at the first appendix heading behind them.
    """
    references = _REFERENCES.search(text, len(text) // 4)
    body_end = references.start() if references else len(text)
    spans = _captions(text, body_end) or [(0, Section.BODY)]
    if references:
        spans.append((references.start(), Section.REFERENCES))
        appendix = _find_appendix(text, references.end())
        if appendix is not None:
            spans.append((appendix, Section.APPENDIX))
    return tuple(spans)


def _captions(text: str, body_end: int) -> list[tuple[int, Section]]:
    spans: list[tuple[int, Section]] = [(0, Section.BODY)]
    position = 0
    while (match := _CAPTION.search(text, position, body_end)) is not None:
        most = min(body_end, match.start() + _CAPTION_MOST)
        end = _CAPTION_END.search(text, match.end(), most)
        position = end.end() if end else most
        spans += [(match.start(), Section.CAPTION), (position, Section.BODY)]
    return spans


def _find_appendix(text: str, start: int) -> int | None:
    for match in _APPENDIX.finditer(text, start):
        # "a survey of ..." in lower case is a line of the reference list
        if match[0].strip()[:2].lower() != "a " or _LETTERED.match(match[0]):
            return match.start()
    return None
