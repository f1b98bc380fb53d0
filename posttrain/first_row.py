"""The first row of a task as a model sees it: every token, those that are trained on apart from those that are read.

A run writes it into result.json, `advisor plan` asks for it, the app draws it; here is how it is shown.
"""

import html
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field

TRAINED, READ, PLAIN = "\x1b[32m", "\x1b[2m", "\x1b[0m"  # green, faint, back to plain
OPENING, CLOSING = "⟦", "⟧"  # around tokens that are trained on, where there is no colour
LONGEST = 3000  # characters of a row that are shown: its beginning and its end


@dataclass(frozen=True)
class FirstRow:
    """One row as tokens, in pieces of text that are trained on or only read."""

    pieces: tuple[tuple[str, bool], ...]
    """Text, and whether its tokens are trained on."""
    trained: int
    """Tokens that are trained on; 0 where the response is sampled."""
    read: int
    """Tokens that are read and not trained on."""
    end: str
    """The token that ends a response."""
    line: int = 0
    """The line of the file; 0 where the row was generated."""
    unused: tuple[str, ...] = ()
    """Columns that neither the prompt nor the response nor a verifier uses."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Reason → rows of the source that were left out or set right."""
    notes: tuple[str, ...] = ()
    """Facts about this row, each in a sentence."""

    def lines(self, *, colour: bool) -> list[str]:
        """Return the row as lines: in two colours, or with marks around the tokens that are trained on."""
        where = f" (line {self.line})" if self.line else ""
        marks = "green is trained on" if colour else f"between {OPENING} and {CLOSING} is trained on"
        text = "".join(_marked(piece, trained, colour=colour) for piece, trained in _cut(self.pieces))
        return [f"the first row{where} as the model sees it, {marks}:", *text.split("\n"), *self.facts()]

    def facts(self) -> list[str]:
        """Return what else there is to know, a sentence a line."""
        sampled = f"{self.read:,} tokens of prompt; the response is sampled"
        counts = f"{self.trained:,} tokens trained on, {self.read:,} read" if self.trained else sampled
        facts = [f"  {counts}; a response ends with {shown(self.end)}"]
        if self.unused:
            facts.append(f"  columns not used: {', '.join(map(shown, self.unused))}")
        facts += [f"  left out or set right: {count:,} of {reason}" for reason, count in self.left_out.items()]
        return [*facts, *(f"  {note}" for note in self.notes)]

    def markup(self) -> str:
        """Return the row as HTML: marks on the tokens that are trained on, and the rest as it is."""
        parts = [(html.escape(shown(piece)), trained) for piece, trained in _cut(self.pieces)]
        text = "".join(f"<mark>{piece}</mark>" if trained else piece for piece, trained in parts)
        return f'<pre style="white-space: pre-wrap">{text}</pre>'

    def as_dict(self) -> dict[str, object]:
        """Return the row as JSON has it."""
        return {
            "pieces": [list(piece) for piece in self.pieces], "trained": self.trained, "read": self.read,
            "end": self.end, "line": self.line, "unused": list(self.unused), "left_out": dict(self.left_out),
            "notes": list(self.notes),
        }  # fmt: skip


def shown(text: str) -> str:
    r"""Return a text without characters that would steer a terminal or turn the direction of writing: ESC as `\x1b`."""
    return "".join(char if char == "\n" or not _steers(char) else ascii(char)[1:-1] for char in text)


def _steers(char: str) -> bool:
    return (
        unicodedata.category(char) in ("Cc", "Cs")
        or char in "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
    )


def _marked(piece: str, trained: bool, *, colour: bool) -> str:
    text = shown(piece)
    if not colour:
        return f"{OPENING}{text}{CLOSING}" if trained else text
    start = TRAINED if trained else READ
    return "\n".join(f"{start}{line}{PLAIN}" for line in text.split("\n"))


def _cut(pieces: tuple[tuple[str, bool], ...]) -> list[tuple[str, bool]]:
    """Return the pieces of the beginning and of the end of a long row, with the number of characters between."""
    total = sum(len(text) for text, _ in pieces)
    if total <= LONGEST:
        return list(pieces)
    begun, ended, at = [], [], 0
    for text, trained in pieces:
        begun.append((text[: max(LONGEST // 2 - at, 0)], trained))
        ended.append((text[max(total - LONGEST // 2 - at, 0) :], trained))
        at += len(text)
    between = (f"\n… {total - 2 * (LONGEST // 2):,} characters …\n", False)
    return [piece for piece in (*begun, between, *ended) if piece[0]]
