r"""Tokens: how a LaTeX source falls into control words, braces and comments, and the marks that a reader adds.

A reader works on strings, since most of a paper is words that nothing happens to. Where a string alone would mislead,
a control character says what TeX would know: `decode` has removed all that a source brings along.
"""

import codecs
import re

JOINT = "\x01"  # between `\quad` and letters that stood in another string: `\quad` + JOINT + `GSM8K`
NAME_OPEN, NAME_CLOSE = "\x02", "\x03"  # around a name of \csname that is not all letters: `gsm:8k`
NO_VALUE, TRUE, FALSE = "\x04", "\x05", "\x06"  # what an optional argument or a star is where it is absent or present
MARK = "\x0e"  # followed by a letter of `Mark`

# `\textbf`, `\gls@x`, `\,`, `\` at the end of a file; braces; `%`; a name of \csname
TOKEN_PATTERN = r"\\(?:[A-Za-z@]+|.|\Z)|[{}%]|\x02[^\x03]*\x03"
TOKEN = re.compile(TOKEN_PATTERN, re.DOTALL)
WORD = re.compile(r"\\(?:[A-Za-z@]+|.)|\x02[^\x03]*\x03", re.DOTALL)
# Spaces that TeX does not see behind a control word: to the end of the line and the indent of the next, no blank line
SPACES = re.compile(r"(?:[ \t]+|\x01)*(?:\n[ \t]*(?!\n))?")
# A comment: to the end of its line, and the indent of the next
COMMENT = re.compile(r"%[^\n]*(?:\n[ \t]*)?")
SPACES_OR_COMMENT = re.compile(r"(?:%[^\n]*\n)?(?:[ \t]|\x01)*(?:\n[ \t]*(?!\n))?")
_WORD_AT_END = re.compile(r"\\[A-Za-z@]+[ \t]*\Z")
# `\url{a%20b}`, in which % is a character like any other; `\{`; a comment
_WHOLE = r"\\(?:(?:url|href|nolinkurl|path)\s*\{[^{}\n]*\}|.)"
_COMMENT = r"%[^\n]*(?:\n[ \t]*)?"
_BRACES = re.compile(rf"{_WHOLE}|[{{}}]|{_COMMENT}", re.DOTALL)
_BRACES_OR_BRACKET = re.compile(rf"{_WHOLE}|[{{}}\]]|{_COMMENT}", re.DOTALL)
_COMMENTS = re.compile(rf"({_WHOLE})|{_COMMENT}", re.DOTALL)
_LONGEST_BRACED = 20_000  # characters of a value in a .bib or .bbl, whose braces can be wrong

# Characters that mean something to LaTeX, as others of the private use area while the words around them are read:
# those of `\verb|50% {x}|`.
_SPECIAL = "\\{}$&#^_~%[]`'-\"|"
_SHIELDED = {ord(character): 0xE000 + ord(character) for character in _SPECIAL}
_UNSHIELDED = {shielded: plain for plain, shielded in _SHIELDED.items()}
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")


def decode(data: bytes) -> str:
    """Return a source file as text with line ends as they are here: UTF-8 or UTF-16 by its mark, else latin-1."""
    if data[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        text = data.decode("utf-16", "replace")
    elif data[1:64:2].count(0) > 20 or data[0:64:2].count(0) > 20:  # UTF-16 without its mark: every other byte is 0
        text = data.decode("utf-16-le" if data[1:2] == b"\0" else "utf-16-be", "replace")
    else:
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("latin-1")  # every byte has a meaning there; older sources are written in it
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = text.replace("\x0c", "\n\n")
    return _CONTROL.sub("", text)


def shield(text: str) -> str:
    """Return verbatim text so that no character of it means anything to LaTeX, until `unshield`."""
    return text.translate(_SHIELDED)


def unshield(text: str) -> str:
    """Return text in which verbatim characters are themselves."""
    return text if text.isascii() else text.translate(_UNSHIELDED)


def control_word(name: str) -> str:
    r"""Return the token of a name: `\gsm` for gsm, a name in marks for `gsm:8k`."""
    return f"\\{name}" if re.fullmatch(r"[A-Za-z@]+|[^\x00-\x1f]", name) else f"{NAME_OPEN}{name}{NAME_CLOSE}"


def name_of(token: str) -> str:
    r"""Return the name of a control word: gsm for `\gsm`."""
    return token[1:-1] if token[:1] == NAME_OPEN else token[1:]


def closed(text: str) -> str:
    """Return text that does not run into letters behind it: a control word at its end gets a JOINT."""
    match = _WORD_AT_END.search(text) if text[-1:].isalpha() or text[-1:] in "@ \t" else None
    return text[: match.end()].rstrip(" \t") + JOINT if match else text


def group_end(text: str, start: int, limit: int | None = None) -> int:
    """Return the position of the brace that closes the group whose content begins at `start`, or -1."""
    depth = 1
    for match in _BRACES.finditer(text, start, len(text) if limit is None else min(limit, len(text))):
        token = match[0]
        if token == "{":
            depth += 1
        elif token == "}":
            depth -= 1
            if not depth:
                return match.start()
    return -1


def bracket_end(text: str, start: int, limit: int) -> int:
    """Return the position of the `]` outside braces that closes an optional argument from `start` on, or -1."""
    depth = 0
    for match in _BRACES_OR_BRACKET.finditer(text, start, min(limit, len(text))):
        token = match[0]
        if token == "{":
            depth += 1
        elif token == "}":
            depth -= 1
            if depth < 0:
                return -1
        elif token == "]" and not depth:
            return match.start()
    return -1


def without_comments(text: str) -> str:
    r"""Return text without its comments; `\%` is no comment."""
    return _COMMENTS.sub(r"\1", text) if "%" in text else text


def braced(text: str, start: int) -> tuple[str | None, int]:
    """Return the text between the brace at `start` and its partner, and the position after the partner."""
    end = group_end(text, start + 1, start + _LONGEST_BRACED) if text[start : start + 1] == "{" else -1
    return (None, start) if end < 0 else (text[start + 1 : end], end + 1)
