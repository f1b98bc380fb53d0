"""Sections: which part of a paper a place belongs to, so that scope is a query and not a recount."""

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

from survey.section import Section

IN_PART = "in part: "  # begins the note of a text that is not whole; a whole copy of the paper is read before it


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


# Before the words of a heading: "## ", "> ", "**", "<b>", and its number: "7 ", "7.", "VII.", "**7.**"
_MARKS = r"(?:[#>*_ \t]|</?(?:b|strong|u|em|i)>|\\section\*?\{){0,12}"
_NUMBER = rf"(?:(?:\d{{1,2}}|[IVX]{{1,5}})[.)]?[*_]{{0,3}}[ \t]+{_MARKS})?"
_END = r"(?:[*_#:} \t]|</?(?:b|strong|u|em|i)>){0,12}$"  # and behind them


def _spaced(words: str) -> str:
    """Return a pattern for words whose letters may stand apart, as small capitals do in PDF text: `R EFERENCES`."""
    return "[ \t]?".join(re.escape(letter) if letter != " " else "[ \t]" for letter in words)


# As each language heads its list; "literature" alone heads many a section in English.
_LIST_HEADS = (
    "references and notes", "references", "bibliography", "works cited", "literature cited", "references cited",
    "literaturverzeichnis", "literatur", "quellenverzeichnis", "références bibliographiques", "références",
    "références et notes", "bibliographie", "referencias bibliográficas", "referencias", "bibliografía",
    "referências bibliográficas", "referências", "bibliografia", "riferimenti bibliografici", "riferimenti",
    "referenties", "literatuur", "referenser", "referanser", "litteratur", "litteraturförteckning", "lähteet",
    "literatura", "piśmiennictwo", "kaynakça", "kaynaklar", "список литературы", "литература",
    "список використаних джерел", "βιβλιογραφία", "tài liệu tham khảo", "daftar pustaka",
    "参考文献", "參考文獻", "参考资料", "引用文献", "참고문헌", "참고 문헌", "المراجع",
)  # fmt: skip
_REFERENCES = re.compile(
    # a line of its own, or glued to the end of the last sentence as PDF text can have it
    rf"(?:^{_MARKS}{_NUMBER}(?:{'|'.join(map(_spaced, _LIST_HEADS))}){_END}"
    # in the singular only right above its first entry: "Reference⏎[1] A. Lutra"
    rf"|^{_MARKS}{_NUMBER}reference{_END}(?=\s{{1,4}}(?:\[1\]|1[.)]?[ \t]))"
    r"|(?<=[.!?)\]])[ \t]*(?-i:References|REFERENCES)[ \t]*$)",
    re.IGNORECASE | re.MULTILINE,
)
_APPENDIX_HEADS = (
    "appendix", "appendices", "supplementary materials", "supplementary material", "supplemental materials",
    "supplemental material", "anhang", "annexe", "annexes", "apéndice", "apêndice", "appendice", "приложение", "附录",
    "부록",
)  # fmt: skip
_APPENDIX = re.compile(
    rf"^{_MARKS}(?:(?:{'|'.join(map(_spaced, _APPENDIX_HEADS))})\b.{{0,60}}"
    r"|A(?:\.1)?[.:]?[*_]{0,3}[ \t]+[*_]{0,3}[A-Z][\w-]+(?:[ \t,:&/()-]+[\w-]+){0,9}[)]?[*_]{0,3})[ \t]*$",
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
        heading = match[0].lstrip("#>*_ \t")
        if heading[:2].lower() != "a " or _LETTERED.match(heading):
            return match.start()
    return None
