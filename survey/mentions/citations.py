"""Citations inside the sample: which of its papers cites which other, read from their reference lists.

A reference is known by the arXiv id in it or by its title. Both take one pass over the list: ids are looked up among
the sample's ids, titles by their first 18 letters and then whole, so that 200,000 take twice the time of a thousand.
Titles are compared as letters and digits alone, without spaces: line breaks, hyphens, accents and markup then make no
difference.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from itertools import accumulate, pairwise
from typing import NamedTuple

from survey.fulltext.latex import to_plain
from survey.section import Section
from survey.store.texts import StoredText

# In 1,085 reference lists, 1,641 phrases of 18 letters or more stand as titles before an arXiv id more than once:
# 99.7 % of their 8,100 uses name one id per phrase. Of shorter phrases ("Technical report") it is 90 % and less.
_SHORTEST_TITLE = 18
_FEWEST_WORDS = 3
_PARTICULAR = 50  # letters: no other title contains one so long, but a later version may add a word or an s to it

# A space or a line break may stand on either side of the point, and line breaks between the digits behind it.
# 2402.03300, "2402. 03300", "2402.033\n00"
_NEW_ID = re.compile(r"(\d{4})\s?\.\s?(\d(?:\n?\d){3,4})(?!\d)")
# the text before an id: "arXiv:", "abs/", "arXiv." or a space
_BEFORE_NEW_ID = re.compile(r"(?:(?:arxiv|abs|[^\w.]|^)|arxiv\.)$", re.IGNORECASE)
_PUBLISHERS_DOI = re.compile(r"10\.\d{4,5}/$")  # 10.1145/2401.00001: a number of the publisher's, not an arXiv id
# the number of hep-th/9901001, and its archive with the subject class: math.GT
_OLD_NUMBER = re.compile(r"/\s?(\d{7})(?!\d)")
_OLD_ARCHIVE = re.compile(r"(?<![\w.-])([a-z]+(?:-\s?[a-z]+)?)(?:\.[a-z]{2})?$", re.IGNORECASE)
_LISTS = (Section.REFERENCES, Section.APPENDIX)
_LONGEST_BEFORE = 24  # characters: "acc-phys.XX", "10.48550/arXiv."

_WORD = re.compile(r"[a-z]+|[0-9]+")
_SENTENCE_END = re.compile(r"[.?!]\s")
_PAGE_NUMBER = re.compile(r"\n[ \t]*\d{1,3}[ \t]*\n+")


class _Title(NamedTuple):
    letters: str
    sentences: int  # ends of sentences inside, as in "RAG or fine-tuning? A study"
    owner: str | None  # None where two papers bear it


class CitationFinder:
    """Finds which papers of one sample a text cites. Build it once, from the key and the title of every paper.

    A title of fewer than 18 letters and digits, or fewer than three words, is not looked for, and one that two papers
    bear names neither: such papers are known by their ids alone.
    """

    def __init__(self, papers: Iterable[tuple[str, str]]) -> None:
        self._ids: dict[str, str] = {}
        titles: dict[str, _Title] = {}
        for key, title in papers:
            self._ids[_plain_id(key)] = key
            plain = to_plain(title) if re.search(r"[\\{}$]", title) else title
            letters = "".join(_WORD.findall(_folded(plain)))
            if len(letters) >= _SHORTEST_TITLE and len(plain.split()) >= _FEWEST_WORDS:
                borne = letters in titles and titles[letters].owner != key
                titles[letters] = _Title(letters, len(_SENTENCE_END.findall(plain)), None if borne else key)
        self._titles = titles
        lengths: dict[str, set[int]] = {}  # of the titles that begin with the same letters
        for letters in titles:
            lengths.setdefault(letters[:_SHORTEST_TITLE], set()).add(len(letters))
        self._lengths = {begin: sorted(sizes, reverse=True) for begin, sizes in lengths.items()}

    def find(self, text: StoredText, citing: str) -> set[str]:
        """Return the keys of the papers that the paper `citing` cites in `text`; never its own."""
        references = reference_text(text)
        return (self.named_by_id(references) | self.named_by_title(references)) - {citing}

    def named_by_id(self, references: str) -> set[str]:
        """Return the keys of the papers whose arXiv id stands in `references`, in whatever form it is written."""
        papers: set[str] = set()
        for match in _NEW_ID.finditer(references):
            before = references[max(0, match.start() - _LONGEST_BEFORE) : match.start()]
            if _BEFORE_NEW_ID.search(before) and not _PUBLISHERS_DOI.search(before):
                # "1412.6980" at the end of a line does not continue with the number that begins the next
                readings = (match[2].replace("\n", ""), match[2].split("\n")[0])
                keys = (self._ids.get(f"{match[1]}.{digits}") for digits in readings)
                papers.add(next(filter(None, keys), ""))
        for match in _OLD_NUMBER.finditer(references):
            archive = _OLD_ARCHIVE.search(references[max(0, match.start() - _LONGEST_BEFORE) : match.start()])
            if archive:
                papers.add(self._ids.get(_plain_id(f"{archive[1]}/{match[1]}"), ""))
        return papers - {""}

    def named_by_title(self, references: str) -> set[str]:
        """Return the keys of the papers whose title stands in `references` as a phrase of its own.

        A title of fewer than 50 letters without a mark on either side is part of a longer title. Of two titles
        of the sample that begin at the same word, the longer one is meant.
        """
        text = _folded(_PAGE_NUMBER.sub("\n", references))
        words = _WORD.findall(text)
        letters = "".join(words)
        starts = list(accumulate(map(len, words), initial=0))
        begins = [n for n, start in enumerate(starts) if letters[start : start + _SHORTEST_TITLE] in self._lengths]
        if not begins:
            return set()
        gaps = _WORD.split(text)  # the characters before each word, and after the last
        at = {start: n for n, start in enumerate(starts)}
        papers: set[str] = set()
        for first in begins:
            start = starts[first]
            for length in self._lengths[letters[start : start + _SHORTEST_TITLE]]:
                if title := self._titles.get(letters[start : start + length]):
                    behind = start + length
                    plural = length >= _PARTICULAR and letters[behind : behind + 1] == "s"
                    end = at.get(behind, at.get(behind + plural))
                    if end and _stands(words, gaps, first, end, title):
                        papers.add(title.owner or "")
                        break
        return papers - {""}


def citations_received(edges: Iterable[tuple[str, str]]) -> Counter[str]:
    """Return how many papers cite each paper, from (citing, cited) pairs; a pair named twice counts once."""
    return Counter(cited for citing, cited in set(edges) if citing != cited)


def reference_text(text: StoredText) -> str:
    """Return the reference lists of a text and its appendix, or the whole text where no list was recognised.

    The appendix, since a line of the list can look like its heading: it holds 6 of 1,017 citations, all in the list.
    The whole text, since its last part would not do: the 13 citations found in 44 papers without a list are all right,
    and three of them stand in the first fifth, before a long appendix.
    """
    bounds = [*text.spans, (len(text.text), None)]
    if all(section is not Section.REFERENCES for _, section in text.spans):
        return str(text.text, "utf-8", "replace")
    lists = [text.text[a:b] for (a, section), (b, _) in pairwise(bounds) if section in _LISTS]
    return "\n".join(str(part, "utf-8", "replace") for part in lists)


def _plain_id(key: str) -> str:
    """An id as it is looked up: an older one without subject class and hyphen, which not all lists write."""
    archive, slash, number = key.lower().partition("/")
    return re.sub(r"\..*|[\s-]", "", archive) + slash + number if slash else key


def _folded(text: str) -> str:
    """A text in small ASCII letters, without accents."""
    if not text.isascii():
        text = (
            unicodedata.normalize("NFKD", text.replace("“", '"').replace("”", '"')).encode("ascii", "ignore").decode()
        )
    return text.lower()


def _stands(words: list[str], gaps: list[str], first: int, end: int, title: _Title) -> bool:
    """Say whether the words from `first` to before `end` are a phrase of their own, and one phrase."""
    if sum(bool(_SENTENCE_END.search(gap)) for gap in gaps[first + 1 : end]) > title.sentences:
        return False
    if len(title.letters) >= _PARTICULAR:
        return True
    # a colon comes before a title in some styles of reference, and never behind one but before a subtitle
    subtitled = end < len(words) and gaps[end].lstrip().startswith(":")
    return not (subtitled or _runs_on(words, gaps, first) or _runs_on(words, gaps, end))


def _runs_on(words: list[str], gaps: list[str], at: int) -> bool:
    """Say whether the word at `at` continues the phrase of the word before it."""
    if not 0 < at < len(words):
        return False
    gap = gaps[at]
    if gap.isspace() and (words[at - 1].isdigit() or (words[at].isdigit() and len(words[at]) == 4)):
        return False  # the number of an entry, or a year
    return "\n\n" not in gap and not gap.strip(" \t\n'&+_-")
