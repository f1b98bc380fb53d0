"""Plain text from the raw text of a PDF or a file: one kind of dash, words joined over lines and pages, no markup.

Text set in lines breaks names: at a hyphen (`Trivi-⏎aQA`), with a reviewer's line number in between (`Trivi-⏎014 aQA`),
and over a page (`Trivi-⏎7⏎Published as a conference paper⏎aQA`). Markdown made from a PDF breaks them with tags
(`Hot<br>potQA`). Each is put together here, so that every later step sees names whole.
"""

import re
import unicodedata
from itertools import pairwise

# Hyphens and dashes of every length, minus and the non-breaking hyphen: names are written with all of them.
_DASHES = dict.fromkeys("‐‑‒–—―−﹘﹣－⁃", "-")
# Soft hyphen, zero-width space and joiners, word joiner, byte order mark, bidirectional marks: invisible.
_INVISIBLE = dict.fromkeys(map(chr, [0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), 0x2060, 0xFEFF]), "")
_CONTROL = dict.fromkeys((chr(c) for c in [*range(0x20), *range(0x7F, 0xA0)] if c not in (0x0A, 0x02)), " ")
_LINES = {"\u2028": "\n", "\u2029": "\n\n", "\r": "\n", "\f": "\n\n"}
_REPLACED = {**_DASHES, **_INVISIBLE, **_CONTROL, **_LINES}
# The hyphen at a line's end in PDF text: pypdfium2 marks it with U+0002 or U+FFFE and drops the line break; some fonts
# have the soft hyphen or the not sign for it.
_SOFT_MARKS = "\x02\ufffe\u00ad¬"
_SOFT_BREAK = re.compile(r"[\x02\ufffe][ \t]?\n?|[\u00ad¬][ \t]*\n|(?<=\w)\u00ad[ \t]+(?=\w)")
# Patterns begin with a literal where they can, and look back behind it: `re` then skips to the next one.
_BROKEN_WORD = re.compile(r"-(?<=\w-)[ \t]*\n[ \t]*(?=(\w))")
_SPACES = re.compile(r"  +")
_BLANK_LINES = re.compile(r"\n[ \n]*\n")

# The number at the head of a line, or a line that is a number: "013 potQA", "013"
_LINE_NUMBER = re.compile(r"^[ \t]*(\d{1,4})(?:[ \t]+(?=\S)|[ \t]*(?:\n|\Z))", re.MULTILINE)
_LONG_RUN = 20  # numbered lines in a row are a reviewer's numbers; fewer are a list or a table of contents
_APART = 2  # line ends between two numbered lines: an equation or a heading may lie in between

_HYPHEN_AT_END = re.compile(r"-(?<=\w-)[ \t]*\n")
_WORD = re.compile(r"[ \t]*(\w+)")
_NAME_GOES_ON = re.compile(r"\d+[A-Za-z]\w*|[a-z]+[A-Z]\w*")  # 8K, potQA
_BETWEEN_PAGES = 5  # lines: the foot of a page, blank lines, the head of the next
_LONGEST_HEAD = 120  # characters
_PAGE_NUMBER = re.compile(r"(?:page[ \t]+)?\d{1,4}(?:[ \t]*(?:of|/)[ \t]*\d{1,4})?", re.IGNORECASE)
# What stands at the head or foot of a page, and the marks of converters between pages: "Preprint. Under review.",
# "---", "<!-- page 7 -->", "![](page_7.png)", "{7}------"
_PAGE_LINE = re.compile(
    r"(?:published as|under review|preprint|accepted (?:at|by|to|for)|proceedings of|arxiv:|https?://|©|copyright)\b.*"
    r"|-{3,}|<!--.*-->|!\[.*\]\(.*\)|\{\d+\}-+",
    re.IGNORECASE,
)

# ---- markup of markdown ------------------------------------------------------------------------------------------

_MARKUP = re.compile(r"[<*\\]")
_BREAK_TAG = re.compile(r"<br ?/?>")
# "Hot<br>potQA", "Pub<br>MedQA": a name that a narrow cell breaks, where the second half has a capital inside
_BROKEN_CELL = re.compile(r"<br(?<=[a-z]<br) ?/?>(?=[A-Z]?[a-z]{1,20}[A-Z])")
_RAISED = re.compile(r"<su[bp]>(?!\+)", re.IGNORECASE)  # a footnote's mark; the plus of HumanEval<sup>+</sup> is none
_INLINE_TAG = re.compile(
    r"</?(?:b|i|em|strong|su[bp]|span|u|small|mark|code|tt|font|a)(?:\s[^<>\n]{0,200})?>", re.IGNORECASE
)
_ESCAPE = re.compile(r"\\(?=[_&%#$*])")  # swe\_bench
_BOLD_INSIDE = re.compile(r"\*\*(?<=\w\*\*)(?=\w)")  # **SWE**bench


def normalise(text: str, *, join_hyphens: bool) -> str:
    """Return `text` in NFKC with one kind of dash, no control characters, and at most one blank line in a row.

    With `join_hyphens` (text set in lines: PDF, and markdown made from PDF) words broken at a line end are joined:
    `Trivi-⏎aQA` to `TriviaQA`. Only two lower-case halves lose the hyphen, so that `SWE-⏎bench` and
    `GPQA-⏎Diamond` keep theirs. Line numbers go, page heads inside a word move behind it, and so does markup.
    """
    text = text.replace("\r\n", "\n")
    if join_hyphens and any(mark in text for mark in _SOFT_MARKS):
        text = _SOFT_BREAK.sub("-\n", text)
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    for (
        char,
        instead,
    ) in _REPLACED.items():  # most are absent, which `in` says at once; `translate` looks at each letter
        if char in text:
            text = text.replace(char, instead)
    if join_hyphens:
        text = _joined(_without_line_numbers(_without_markup(text)))
    text = text.replace("\x02", "-").replace("\ufffe", "-")
    return _BLANK_LINES.sub("\n\n", _SPACES.sub(" ", text))


def _without_markup(text: str) -> str:
    """Return markdown without the marks that can stand inside a name; other text is left as it is."""
    if _MARKUP.search(text) is None:
        return text
    text = _BROKEN_CELL.sub("", text.replace("-<br>", "-\n"))
    text = _INLINE_TAG.sub("", _RAISED.sub(" ", _BREAK_TAG.sub(" ", text)))
    return _BOLD_INSIDE.sub("", _ESCAPE.sub("", text))


def _without_line_numbers(text: str) -> str:
    """Return `text` without the numbers that a review copy sets before each line.

    They are known by their order: 041, 042, 043. Two in a row are enough where a zero leads, three where one of them
    stands behind a hyphen, else it takes many: lists and tables count their lines too.
    """
    numbers = list(_LINE_NUMBER.finditer(text))
    if len(numbers) < 2:
        return text
    runs: list[list[re.Match[str]]] = [numbers[:1]]
    for before, number in pairwise(numbers):
        if int(number[1]) == int(before[1]) + 1 and text.count("\n", before.end(), number.start()) <= _APART:
            runs[-1].append(number)
        else:
            runs.append([number])
    kept: list[str] = []
    end = 0
    for run in runs:
        if _numbers_lines(text, run):
            for number in run:
                kept.append(text[end : number.start()])
                end = number.end()
    return "".join(kept) + text[end:] if kept else text


def _numbers_lines(text: str, run: list[re.Match[str]]) -> bool:
    padded = all(number[1][0] == "0" or len(number[1]) >= 3 for number in run) and run[0][1][0] == "0"
    if len(run) >= _LONG_RUN or (len(run) >= 2 and padded):
        return True
    return len(run) >= 3 and any(text[number.start() - 3 : number.start()].rstrip().endswith("-") for number in run[1:])


def _joined(text: str) -> str:
    """Return `text` with the words put together that a line end or a page breaks."""
    return _BROKEN_WORD.sub(_join, _over_pages(text))


def _over_pages(text: str) -> str:
    """Return `text` with the lines between two pages put behind the word that they break."""
    kept: list[str] = []
    end = 0
    for hyphen in _HYPHEN_AT_END.finditer(text):
        if hyphen.start() < end or text[hyphen.end() : hyphen.end() + 1].islower():
            continue  # the usual break, which the next line mends
        lines, at = _lines_between(text, hyphen.end())
        word = _WORD.match(text, at)
        if lines and word and _goes_on(text[hyphen.start() - 1], word[1], [line for line in lines if line], len(lines)):
            kept += [text[end : hyphen.end()], word[1], *(f"\n{line}" for line in lines if line)]
            end = word.end()
    return "".join(kept) + text[end:] if kept else text


def _lines_between(text: str, at: int) -> tuple[list[str], int]:
    """Return the lines from `at` on that belong to a page and not to its text, and where the text goes on."""
    lines: list[str] = []
    for _ in range(_BETWEEN_PAGES):
        end = text.find("\n", at)
        line = text[at:end].strip()
        if end < 0 or (line and not _is_page_line(line, text)):
            break
        lines.append(line)
        at = end + 1
    return lines, at


def _is_page_line(line: str, text: str) -> bool:
    if _PAGE_NUMBER.fullmatch(line) or _PAGE_LINE.fullmatch(line):
        return True
    return len(line) < _LONGEST_HEAD and text.count(f"\n{line}\n") > 1  # a running title


def _goes_on(before: str, word: str, lines: list[str], between: int) -> bool:
    """Say whether a word broken at the letter `before` goes on as `word` behind the lines of a page."""
    if len(lines) == between == 1 and _PAGE_NUMBER.fullmatch(lines[0]):  # "GPT-⏎4⏎was" has no page in it
        return before.islower() and word[0].islower()
    if lines or _NAME_GOES_ON.fullmatch(word):
        return word[0].islower() or (word[0].isdigit() and not word.isdigit())  # not "2 Method"
    return False  # a blank line alone ends a paragraph


def _join(match: re.Match[str]) -> str:
    return "" if match.string[match.start() - 1].islower() and match[1].islower() else "-"
