r"""Primitives: commands of TeX itself that change what is read next, such as \\csname and \\expandafter, and groups."""

import re

from survey.fulltext.latex.expander import Expander, Handler
from survey.fulltext.latex.tokens import JOINT, closed, control_word, shield


def _csname(expander: Expander, command: str) -> None:
    r"""`\csname gsm\endcsname` is `\gsm`; `\csuse{gsm}` and `\@nameuse{gsm}` too."""
    reading = expander.reading
    name = reading.until("\\endcsname") if command == "\\csname" else reading.argument()
    token = control_word(expander.expand(name).replace(JOINT, "").strip())
    if command != "\\csname" and not expander.is_defined(token):
        return
    reading.push(token + JOINT)


def _expandafter(expander: Expander, command: str) -> None:
    r"""`\expandafter\def\csname gsm\endcsname{…}`: the token behind the next is expanded first."""
    first = _token(expander)
    depth = int(expander.kept.get("expandafter", "0"))
    if depth < 8 and expander.reading.peek():
        expander.kept["expandafter"] = str(depth + 1)
        _expand_once(expander)
        expander.kept["expandafter"] = str(depth)
    expander.reading.push(closed(first) if len(first) > 1 else first)


def _expand_once(expander: Expander) -> None:
    token = _token(expander)
    meaning = expander.meanings.get(token)
    if token in ("\\csname", "\\expandafter", "\\the", "\\number") and callable(meaning):
        meaning(expander, token)
    elif meaning is not None and not callable(meaning):
        expander.reading.end_word()
        text = meaning.text(expander.reading.arguments(meaning))
        expander.reading.spend(len(text) + 1)
        expander.reading.push(text)
    elif token in expander.conditionals and callable(meaning):
        meaning(expander, token)
    else:
        expander.reading.push(token + (JOINT if token[1:2].isalpha() else ""))


def _token(expander: Expander) -> str:
    reading = expander.reading
    reading.skip_spaces()
    char = reading.peek()
    if char in ("\\", "\x02"):
        return reading.word()
    if char:
        reading.frames[-1].at += 1
    return char


def _noexpand(expander: Expander, command: str) -> None:
    r"""`\noexpand\gsm`, within \edef: the name stays for later."""
    token = _token(expander)
    expander.write(token + (JOINT if token[1:2].isalpha() else ""))


def _unexpanded(expander: Expander, command: str) -> None:
    expander.write(closed(expander.reading.argument()))


def _string(expander: Expander, command: str) -> None:
    r"""`\string\gsm` and `\detokenize{…}` print the names themselves."""
    if command == "\\string":
        token = _token(expander)
        if token[1:2].isalpha():
            expander.reading.end_word()
        expander.write(shield(token))
    else:
        expander.write(shield(expander.reading.argument()))


def _change_case(expander: Expander, command: str) -> None:
    r"""`\MakeUppercase{gsm8k}`, `\uppercase{…}`, `\lowercase{…}`: the letters, not the names of commands in it."""
    text = expander.expand(expander.reading.argument())
    upper = "upper" in command.lower()
    change = str.upper if upper else str.lower
    expander.write(re.sub(r"\\[A-Za-z@]+|[^\\]+", lambda m: m[0] if m[0][0] == "\\" else change(m[0]), text))


def _xspace(expander: Expander, command: str) -> None:
    r"""`GSM8K\xspace` is followed by a space unless a mark comes next."""
    char = expander.reading.peek()
    if char and (char.isalnum() or char in '($`"' or (char == "\\" and _is_word_next(expander))):
        expander.write(" ")


def _is_word_next(expander: Expander) -> bool:
    frame = expander.reading.frames[-1]
    return not re.compile(r"\\(?:[^A-Za-z]|footnote|cite|xspace|ref|label|fi(?![a-z])|end|item|else|par)").match(
        frame.text, frame.at
    )


def _gobble(expander: Expander, command: str) -> None:
    expander.reading.argument()


def _first_of_two(expander: Expander, command: str) -> None:
    r"""`\texorpdfstring{printed}{for the bookmarks}`, `\@firstoftwo`; `\@secondoftwo` the other way."""
    first, second = expander.reading.argument(), expander.reading.argument()
    expander.reading.push(closed(second if "second" in command else first))


def _if_next(expander: Expander, command: str) -> None:
    r"""`\@ifnextchar[{…}{…}`, `\@ifstar{…}{…}`."""
    reading = expander.reading
    char = "*" if command == "\\@ifstar" else reading.argument()
    first, second = reading.argument(), reading.argument()
    reading.skip_spaces()
    if reading.peek() == char and char == "*" and command == "\\@ifstar":
        reading.frames[-1].at += 1
        reading.push(first)
    else:
        reading.push(first if reading.peek() == char else second)


def _nothing(expander: Expander, command: str) -> None:
    """A command that prints nothing, nor the spaces behind its name."""
    expander.reading.end_word()


def _open_group(expander: Expander, command: str) -> None:
    expander.open_group()


def _close_group(expander: Expander, command: str) -> None:
    expander.close_group()


def _later(expander: Expander, command: str) -> None:
    r"""`\AtBeginDocument{…}` runs at once, for only its definitions matter; `\AtEndDocument` likewise."""
    expander.reading.optional()
    expander.reading.push(expander.reading.argument())


def _end_of_document(expander: Expander, command: str) -> None:
    r"""`\bye` of plain TeX, \stop, \enddocument."""
    expander.ended = True


def _dimension(expander: Expander, command: str) -> None:
    r"""`\kern-1pt`, `\hskip 2em plus 1fil`: a length without braces."""
    frame = expander.reading.frames[-1] if expander.reading.peek() else None
    if frame:
        match = _LENGTH.match(frame.text, frame.at)
        frame.at = match.end() if match else frame.at
        if command in ("\\hskip", "\\vskip") and not (match and match[0].strip().startswith(("-", "0pt"))):
            expander.write(" ")


_GLUE = r"\s*=?\s*[+-]?\s*(?:[\d.]*\s*\\[A-Za-z@]+|[\d.]+\s*(?:true\s*)?[a-z]{2,4})"
_LENGTH = re.compile(rf"{_GLUE}(?:\s*plus{_GLUE})?(?:\s*minus{_GLUE})?|\s*-?\d+\s?")
HANDLERS: dict[str, Handler] = {
    **{f"\\{name}": _csname for name in ("csname", "csuse", "@nameuse")},
    **{f"\\{name}": _gobble for name in ("gobble", "@gobble")},
    **{f"\\{name}": _first_of_two for name in ("texorpdfstring", "@firstoftwo", "@secondoftwo")},
    **{f"\\{name}": _if_next for name in ("@ifnextchar", "@ifstar")},
    **{
        f"\\{name}": _nothing
        for name in (
            "makeatletter",
            "makeatother",
            "relax",
            "ignorespaces",
            "unskip",
            "protect",
            "allowbreak",
            "nobreak",
            "null",
            "leavevmode",
            "sloppy",
        )
    },
    **{f"\\{name}": _open_group for name in ("begingroup", "bgroup")},
    **{f"\\{name}": _close_group for name in ("endgroup", "egroup")},
    **{f"\\{name}": _later for name in ("AtBeginDocument", "AfterEndPreamble")},
    **{f"\\{name}": _end_of_document for name in ("bye", "stop", "enddocument")},
    **{
        f"\\{name}": _dimension
        for name in (
            "kern",
            "hskip",
            "vskip",
            "penalty",
            "raise",
            "lower",
            "hsize",
            "vsize",
            "parindent",
            "parskip",
            "tolerance",
            "tabcolsep",
            "topsep",
            "baselineskip",
        )
    },
    "\\expandafter": _expandafter,
    "\\noexpand": _noexpand,
    "\\unexpanded": _unexpanded,
    "\\string": _string,
    **{
        f"\\{name}": _change_case
        for name in (
            "uppercase",
            "lowercase",
            "MakeUppercase",
            "MakeLowercase",
            "MakeTextUppercase",
            "MakeTextLowercase",
        )
    },
    "\\detokenize": _string,
    "\\xspace": _xspace,
}
