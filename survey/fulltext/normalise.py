"""Plain text from the raw text of a PDF or a file: one kind of dash, joined line-end hyphens, no control characters."""

import re
import unicodedata

# Hyphens and dashes of every length, minus and the non-breaking hyphen: names are written with all of them.
_DASHES = dict.fromkeys(map(ord, "‐‑‒–—―−﹘﹣－⁃"), "-")
# Soft hyphen, zero-width space and joiners, word joiner, byte order mark, bidirectional marks: invisible.
_INVISIBLE = dict.fromkeys([0xAD, *range(0x200B, 0x2010), *range(0x202A, 0x202F), 0x2060, 0xFEFF], None)
_CONTROL = dict.fromkeys([c for c in [*range(0x20), *range(0x7F, 0xA0)] if c not in (0x09, 0x0A, 0x02)], " ")
_TRANSLATE = {**_DASHES, **_INVISIBLE, **_CONTROL, 0x2028: "\n", 0x2029: "\n\n", 0x0D: "\n", 0x0C: "\n\n"}
# pypdfium2 marks a line-end hyphen with U+0002 and drops the line break; others leave "-\n".
_BROKEN_WORD = re.compile(r"(\w)(?:\x02\s?|-[ \t]*\n[ \t]*)(?=(\w))")
_SPACES = re.compile(r"[ \t]+")
_BLANK_LINES = re.compile(r"\n[ \n]*\n")


def normalise(text: str, *, join_hyphens: bool) -> str:
    """Return `text` in NFKC with one kind of dash, no control characters, and at most one blank line in a row.

    With `join_hyphens` (text set in lines: PDF, and markdown made from PDF) words broken at a line end are joined:
    `Trivi-⏎aQA` to `TriviaQA`. Only two lower-case halves lose the hyphen, so that `SWE-⏎bench` and
    `GPQA-⏎Diamond` keep theirs.
    """
    text = text.replace("\r\n", "\n")
    if join_hyphens:
        text = text.replace("\u00ad\n", "\x02")  # some fonts have the soft hyphen for the hyphen at a line's end
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text)
    text = text.translate(_TRANSLATE)
    if join_hyphens:
        text = _BROKEN_WORD.sub(_join, text)
    text = text.replace("\x02", "-")
    return _BLANK_LINES.sub("\n\n", _SPACES.sub(" ", text))


def _join(match: re.Match[str]) -> str:
    before, after = match[1], match[2]
    return before if before.islower() and after.islower() else before + "-"
