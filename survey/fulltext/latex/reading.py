r"""Reading: the strings that are still to be read, and the arguments that a command takes from them.

A macro's body lies on top of the text in which it is used; a command at the end of the body takes its arguments from
that text. Every character that is scanned or substituted is counted, for a few lines can define a text without end.
"""

import re
from dataclasses import dataclass, field

from survey.fulltext.latex.macros import Macro, Parameter
from survey.fulltext.latex.tokens import (
    COMMENT,
    FALSE,
    JOINT,
    MARK,
    NO_VALUE,
    SPACES,
    SPACES_OR_COMMENT,
    TRUE,
    WORD,
    bracket_end,
    closed,
    group_end,
    without_comments,
)

_LONGEST_OPTIONAL = 20_000  # characters of an optional argument; a `[` without a partner would reach to the end
_FAR_PAST = 3  # times the limit, where reading ends altogether
_COPIED = 6  # a character that is copied costs as much as a 64th of one that is looked at
_WINDOW = 20_000  # characters of an argument once the limit is reached


class EndlessError(Exception):
    """A source that is never read to its end; what was read of it is kept."""


@dataclass
class Frame:
    """A string that is read, and how far. `path` is the file that it is the content of."""

    text: str
    at: int = 0
    path: str | None = None
    folder: str = ""  # in which the names of its inputs are looked up first, by \import
    style: bool = False  # a .sty or .cls of the paper's own
    options: tuple[str, ...] = ()  # of a style: `\usepackage[final]{x}`


@dataclass
class Reading:
    """The strings still to be read, the innermost last, and what may still be spent on them."""

    frames: list[Frame] = field(default_factory=list)
    limit: int = 1 << 60
    spent: int = 0

    def spend(self, characters: int) -> None:
        """Count characters that were scanned or substituted. Raises EndlessError far past the limit."""
        self.spent += characters
        if self.spent > self.limit * _FAR_PAST:
            raise EndlessError

    @property
    def exhausted(self) -> bool:
        """Say whether the limit is reached: no macro is expanded from then on."""
        return self.spent > self.limit

    def push(self, text: str) -> None:
        """Read `text` next."""
        if text:
            self.spend(len(text) + 8)
            self.frames.append(Frame(text))

    def peek(self) -> str:
        """Return the next character without reading it; nothing at the end."""
        while self.frames:
            frame = self.frames[-1]
            if frame.at < len(frame.text):
                return frame.text[frame.at]
            self.frames.pop()
        return ""

    def skip_spaces(self) -> None:
        """Pass over spaces, one line end, and comments."""
        while self.peek():
            frame = self.frames[-1]
            match = SPACES.match(frame.text, frame.at)
            at = match.end() if match else frame.at
            if frame.text[at : at + 1] == "%":
                comment = COMMENT.match(frame.text, at)
                at = comment.end() if comment else at
            if at == frame.at:
                return
            frame.at = at

    def end_word(self) -> None:
        """Pass over the spaces behind a control word, which TeX does not see; no further than its own string."""
        if not self.frames:
            return
        frame = self.frames[-1]
        if frame.text[frame.at : frame.at + 1] == JOINT:  # read as a token before: a space behind it is one
            frame.at += 1
            return
        while match := SPACES_OR_COMMENT.match(frame.text, frame.at):
            if match.end() == frame.at:
                return
            frame.at = match.end()

    def star(self) -> bool:
        """Read a star where it comes next."""
        return self.token("*")

    def token(self, token: str) -> bool:
        """Read `token` where it comes next, and say so."""
        before = self._position()
        self.skip_spaces()
        if not token or not self.peek():
            return False
        frame = self.frames[-1]
        if not frame.text.startswith(token, frame.at):
            self._return_to(before)
            return False
        frame.at += len(token)
        return True

    def argument(self) -> str:
        """Read a required argument: a group, a control word, or a character. Empty at the end."""
        self.skip_spaces()
        char = self.peek()
        if not char:
            return ""
        frame = self.frames[-1]
        if char == "{":
            return self._group(frame)
        if char in "}&" or char == MARK:
            return ""
        match = WORD.match(frame.text, frame.at)
        frame.at = match.end() if match else frame.at + 1
        return match[0] if match else char

    def optional(self) -> str | None:
        """Read an optional argument in brackets; None where there is none."""
        return self.delimited("[", "]")

    def delimited(self, opening: str, close: str) -> str | None:
        """Read an argument between two delimiters; None where the first does not come next."""
        before = self._position()
        self.skip_spaces()
        if self.peek() != opening[:1] or not opening:
            self._return_to(before)
            return None
        frame = self.frames[-1]
        start = frame.at + 1
        if close == "]":
            end = bracket_end(frame.text, start, start + _LONGEST_OPTIONAL)
        else:
            end = frame.text.find(close, start, start + _LONGEST_OPTIONAL)
        if end < 0:
            self.spend(min(_LONGEST_OPTIONAL, len(frame.text) - start))
            self._return_to(before)
            return None
        frame.at = end + len(close)
        self.spend(end - start)
        return without_comments(frame.text[start:end])

    def _position(self) -> tuple[Frame | None, int]:
        """The string that is read, and how far: where an optional argument is absent, its spaces come back."""
        frame = self.frames[-1] if self.peek() else None
        return frame, frame.at if frame else 0

    def _return_to(self, position: tuple[Frame | None, int]) -> None:
        frame, at = position
        if frame and self.frames and self.frames[-1] is frame:
            frame.at = at

    def group(self) -> str | None:
        """Read a group in braces; None where none comes next."""
        self.skip_spaces()
        return self._group(self.frames[-1]) if self.peek() == "{" else None

    def _group(self, frame: Frame) -> str:
        start = frame.at + 1
        end = group_end(frame.text, start, start + _WINDOW if self.exhausted else None)
        while end < 0 and frame.path is None and len(self.frames) > 1 and not self.exhausted:
            frame = self._joined()
            start = frame.at + 1
            end = group_end(frame.text, start)
        if end < 0:  # a brace without its partner: TeX would stop here; the words behind it are read all the same
            self.spend(len(frame.text) - start)
            frame.at = start
            return ""
        frame.at = end + 1
        self.spend(end - start)
        return without_comments(frame.text[start:end])

    def _joined(self) -> Frame:
        r"""Put the rest of the innermost string before that of the next: \expandafter can leave a brace of its own."""
        top = self.frames.pop()
        below = self.frames[-1]
        rest = closed(top.text[top.at :])
        below.text, below.at = rest + below.text[below.at :], 0
        self.spend(len(rest) + (len(below.text) >> _COPIED))
        return below

    def word(self) -> str:
        r"""Read a control word, in braces or not: `{\gsm}`, `\gsm`. Empty where none comes next."""
        self.skip_spaces()
        char = self.peek()
        if not char:
            return ""
        frame = self.frames[-1]
        if char == "{":
            inside = self._group(frame).strip().replace(JOINT, "")
            return inside if WORD.fullmatch(inside) else ""
        match = WORD.match(frame.text, frame.at)
        if match:
            frame.at = match.end()
        return match[0] if match else ""

    def until(self, delimiter: str) -> str:
        """Read up to `delimiter` outside braces, across the ends of strings; empty where it does not come."""
        pattern = re.compile(rf"({re.escape(delimiter)})|\\.|[{{}}]", re.DOTALL)
        pieces: list[str] = []
        depth = 0
        while self.peek():
            frame = self.frames[-1]
            start = frame.at
            for match in pattern.finditer(frame.text, start):
                if match[1] is not None and not depth:
                    frame.at = match.end()
                    pieces.append(frame.text[start : match.start()])
                    self.spend(sum(map(len, pieces)))
                    return _without_braces("".join(pieces))
                depth += {"{": 1, "}": -1}.get(match[0], 0)
            pieces.append(frame.text[start:])
            frame.at = len(frame.text)
        self.push("".join(pieces))
        self.spend(sum(map(len, pieces)))
        return ""

    def arguments(self, macro: Macro) -> list[str]:
        """Read the arguments of a use of `macro`."""
        values: list[str] = []
        for parameter in macro.parameters:
            if parameter.kind == "l":  # `\\def\\x(#1)`: the bracket is no argument
                self.token(parameter.text)
            else:
                values.append(self._argument_of(parameter))
        return values

    def _argument_of(self, parameter: Parameter) -> str:
        kind, text, close = parameter
        if kind == "m":
            return self.argument()
        if kind in "og":
            value = self.optional() if kind == "o" else self.group()
            return text if value is None else value
        if kind in "st":
            return TRUE if self.token(text or "*") else FALSE
        if kind == "d":
            value = self.delimited(text, close)
            return NO_VALUE if value is None else value
        if kind == "u":
            return self.until(text)
        return self.verbatim() if kind == "v" else ""

    def verbatim(self) -> str:
        r"""Read what stands between two equal characters, or braces, as it is: the `|50%|` of `\verb|50%|`."""
        opening = self.peek()
        if not opening or opening.isspace():
            return ""
        frame = self.frames[-1]
        if opening == "{":
            return self._group_as_it_is(frame)
        line_end = frame.text.find("\n", frame.at)
        end = frame.text.find(opening, frame.at + 1, line_end if line_end >= 0 else len(frame.text))
        if end < 0:
            return ""
        content, frame.at = frame.text[frame.at + 1 : end], end + 1
        return content

    def _group_as_it_is(self, frame: Frame) -> str:
        depth = 0
        for match in re.compile(r"[{}]").finditer(frame.text, frame.at, frame.at + _WINDOW):
            depth += 1 if match[0] == "{" else -1
            if not depth:
                content, frame.at = frame.text[frame.at + 1 : match.start()], match.end()
                return content
        self.spend(min(_WINDOW, len(frame.text) - frame.at))
        frame.at += 1
        return ""


def _without_braces(text: str) -> str:
    """TeX takes the braces off a delimited argument that is one group."""
    return text[1:-1] if text[:1] == "{" and group_end(text, 1) == len(text) - 1 else text
