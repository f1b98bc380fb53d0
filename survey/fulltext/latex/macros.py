r"""Macros: what a definition of the paper says, and the text that a use of it becomes.

`\newcommand{\bench}[2][test]{#2 (#1)}` has an optional and a required parameter and the body `#2 (#1)`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from survey.fulltext.latex.tokens import NO_VALUE, closed, group_end

_NUMBER = re.compile(r"#(#|[1-9])")
_PARAMETER = re.compile(r"#[1-9]")


class Parameter(NamedTuple):
    """A parameter: its kind, by the letters of xparse, and the characters that it depends on.

    m required · o optional, `text` its default · s star · t the token `text` · d between `text` and `close` ·
    u up to `text` (a parameter of `\\def` with a delimiter) · l the characters `text` themselves · v verbatim ·
    b the body of an environment · g optional in braces · x embellishments, dropped
    """

    kind: str
    text: str = ""
    close: str = ""


@dataclass(frozen=True)
class Macro:
    """A macro: its parameters, and its body in pieces, each a string or the number of a parameter."""

    parameters: tuple[Parameter, ...]
    body: tuple[str | int, ...]
    plain: bool  # the body is words alone, in which nothing happens

    def text(self, arguments: Sequence[str]) -> str:
        """Return the body with `arguments` in the places of the parameters."""
        pieces: list[str] = []
        for piece in self.body:
            if isinstance(piece, str):
                pieces.append(piece)
            elif piece <= len(arguments):
                pieces.append(closed(arguments[piece - 1]))
        return "".join(pieces)


def macro(body: str, parameters: tuple[Parameter, ...] = ()) -> Macro:
    """Return the macro of a definition; `##` in its body is a `#` of a definition inside it."""
    pieces: list[str | int] = []
    at = 0
    for match in _NUMBER.finditer(body):
        before = body[at : match.start()]
        at = match.end()
        if match[1] == "#":
            pieces.append(before + "#")
        else:
            pieces += [closed(before), int(match[1])]
    pieces.append(body[at:])
    plain = len(pieces) == 1 and not parameters and not re.search(r"[\\{}%#\x01-\x08]", body)
    return Macro(parameters, tuple(piece for piece in pieces if piece != ""), plain)


def of_latex(count: int, default: str | None) -> tuple[Parameter, ...]:
    r"""Return the parameters of `\newcommand{…}[count][default]`."""
    count = min(max(count, 0), 9)
    required = [Parameter("m")] * count
    if default is not None and count:
        required[0] = Parameter("o", default)
    return tuple(required)


def of_tex(text: str) -> tuple[Parameter, ...]:
    r"""Return the parameters of `\def\x#1.#2{…}` from its `#1.#2`."""
    literals = _PARAMETER.split(text)
    parameters = [Parameter("l", literals[0])] if literals[0] else []
    return tuple(parameters + [Parameter("u", after) if after else Parameter("m") for after in literals[1:]])


class _Spec:
    """A specification of arguments, read from left to right."""

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def take(self) -> str:
        """Return the next token: a character, a control word, or what stands in braces."""
        match = _SPEC_TOKEN.match(self.text, self.at)
        self.at = match.end() if match else len(self.text)
        if not match or match[1] != "{":
            return match[1] if match else ""
        end = group_end(self.text, self.at)
        end = len(self.text) if end < 0 else end
        content, self.at = self.text[self.at : end], end + 1
        return content


_SPEC_TOKEN = re.compile(r"[\s+!]*(\\[A-Za-z@]+|\\?.)", re.DOTALL)
# How many tokens of the specification belong to a kind of argument: `O{default}`, `d<>`, `D<>{default}`, `>{processor}`
_TOKENS_OF = {"O": 1, "G": 1, "t": 1, "d": 2, "r": 2, "D": 3, "R": 3, "e": 1, "E": 2, ">": 1}


def of_xparse(spec: str) -> tuple[Parameter, ...]:
    r"""Return the parameters of `\NewDocumentCommand{\x}{s O{test} m}{…}` from its `s O{test} m`."""
    parameters: list[Parameter] = []
    reading = _Spec(spec)
    while (kind := reading.take()) and len(parameters) < 9:
        tokens = [reading.take() for _ in range(_TOKENS_OF.get(kind, 0))]
        if kind in "msvb":
            parameters.append(Parameter(kind))
        elif kind in "ogOG":
            parameters.append(Parameter(kind.lower(), tokens[0] if tokens else NO_VALUE))
        elif kind == "t":
            parameters.append(Parameter("t", tokens[0]))
        elif kind in "drDR":
            parameters.append(Parameter("d", tokens[0], tokens[1]))
        elif kind in "eE":
            parameters.append(Parameter("x"))
    return tuple(parameters)
