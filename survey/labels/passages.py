"""Passages: where a paper speaks of its own work, and where of others' work; and the sentences of each part.

A paper states its method and its data source in the sentences on its own work. So the text is cut at
its headings: front (title, abstract, introduction), related work (which is left out), own work (everything between),
closing and appendix. Captions are own work; tables and references hold no sentences.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from survey.section import Section

if TYPE_CHECKING:  # loads Arrow, which the labels of a report do without
    from survey.store.texts import StoredText


class Part(StrEnum):
    """The purpose of a passage."""

    ABSTRACT = "abstract"  # with the title and all that stands before the introduction
    INTRODUCTION = "introduction"
    RELATED = "related"
    OWN = "own"
    CLOSING = "closing"
    APPENDIX = "appendix"


class Sentence(NamedTuple):
    """A sentence at bytes `start` to `end` of the stored text, read as Latin-1 so that a character is a byte."""

    part: Part
    start: int
    end: int
    text: str


_LONGEST_HEADING = 80  # characters
_HEADING = re.compile(
    rf"\n[ \t#]*(?:(?P<number>(?:\d{{1,2}}|[A-Z]|[IVX]{{1,5}})(?:\.\d{{1,2}})*)[.)]?[ \t]+)?"
    rf"(?P<title>[A-Z][^\n.]{{2,{_LONGEST_HEADING}}})[.]?[ \t]*(?=\n)"
)
_NAMED = {
    Part.ABSTRACT: re.compile(r"abstract\b", re.IGNORECASE),
    Part.INTRODUCTION: re.compile(r"introduction\b", re.IGNORECASE),
    Part.RELATED: re.compile(
        r"(?:related|prior|previous) (?:work|stud|literature|research)|literature review|background|preliminar"
        r"|[\w &,-]{0,40}related work",
        re.IGNORECASE,
    ),
    Part.CLOSING: re.compile(r"conclu|limitation|future|ethic|broader|acknowledg|impact statement", re.IGNORECASE),
}
# Headings that end a part with subsections even where no heading has a number: "Our Method", "Experiments".
_OWN_WORK = re.compile(
    r"(?:our |the )?(?:proposed )?(?:method|approach|experiment|evaluation|result|implementation|training|setup"
    r"|model|framework|system|dataset|task|analysis|ablation)",
    re.IGNORECASE,
)
_MOST_WORDS = 10
SENTENCE_END = re.compile(
    r"[.!?](?<! al\.)(?<!\be\.g\.)(?<!\bi\.e\.)(?<!\bFig\.)(?<!\bEq\.)(?<!\bSec\.)(?<!\bvs\.)(?<!\bcf\.)"
    r"[\"')\]]{0,2}\s+(?=[A-Z(\[0-9])|\n[ \t]*\n"
)
_SHORTEST, _LONGEST = 15, 1_500  # bytes of a sentence; longer ones are tables or lists without a full stop


def sentences(text: "StoredText") -> Iterator[Sentence]:
    """Yield the sentences of a paper with their part, in order; none of its references, tables and related work."""
    whole = str(text.text, "latin-1")
    for start, end, part in parts(whole, text.spans):
        if part is not Part.RELATED:
            yield from _cut(whole, start, end, part)


def parts(whole: str, spans: tuple[tuple[int, Section], ...]) -> Iterator[tuple[int, int, Part]]:
    """Yield (start, end, part) of a text; `spans` are the sections that extraction has found in it."""
    if not spans:
        return
    headings = _Headings()
    ends = [start for start, _ in spans[1:]] + [len(whole)]
    for (start, section), end in zip(spans, ends, strict=True):
        if section is Section.APPENDIX:
            yield start, end, Part.APPENDIX
        elif section is Section.CAPTION:
            yield start, end, Part.OWN
        elif section is Section.BODY:
            before = start
            for match in _HEADING.finditer(whole, start, end):
                part = headings.part_after(match)
                if part is not None:
                    yield before, match.start(), headings.part
                    before, headings.part = match.start(), part
            yield before, end, headings.part


class _Headings:
    """The part that a run of headings has led to."""

    def __init__(self) -> None:
        self.part = Part.ABSTRACT
        self._number = ""  # of the heading that began the part

    def part_after(self, heading: re.Match[str]) -> Part | None:
        """The part that begins at a heading; None where it is not a heading, or where the same part continues."""
        number, title = heading["number"] or "", heading["title"]
        if len(title.split()) > _MOST_WORDS or title.endswith((",", ";", "-", "\\")):
            return None
        part = next((part for part, name in _NAMED.items() if name.match(title)), None)
        if part is None:
            if not number and not (self.part is not Part.ABSTRACT and _OWN_WORK.match(title)):
                return None
            part = Part.OWN
        inside = bool(self._number) and number.startswith(f"{self._number}.")
        if inside and self.part in (Part.RELATED, Part.INTRODUCTION):
            return None
        if number:
            self._number = number
        return part


def _cut(whole: str, start: int, end: int, part: Part) -> Iterator[Sentence]:
    cuts = [start, *(match.end() for match in SENTENCE_END.finditer(whole, start, end)), end]
    for first, last in pairwise(cuts):
        if _SHORTEST <= last - first <= _LONGEST:
            yield Sentence(part, first, last, whole[first:last])


def sentence_at(ordered: list[Sentence], offset: int) -> Sentence | None:
    """Return the sentence that holds a byte, or None; `ordered` are the sentences of the paper in order."""
    at = bisect_right(ordered, offset, key=lambda sentence: sentence.start) - 1
    return ordered[at] if at >= 0 and offset < ordered[at].end else None
