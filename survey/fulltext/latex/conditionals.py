r"""Conditionals: which branch of `\ifdraft … \else … \fi` and of `\ifthenelse{…}{…}{…}` is set.

A condition that nobody can know from the source (how wide a line is, whether a box is empty) is false, as it is in a
paper that does not draw its own pages.
"""

import re

from survey.fulltext.latex.decisions import decide
from survey.fulltext.latex.expander import Expander, Handler
from survey.fulltext.latex.macros import Macro
from survey.fulltext.latex.numbers import read_number
from survey.fulltext.latex.tokens import NO_VALUE, TRUE, WORD, control_word

# `\ifdraft`, `\else`, `\fi`, `\or`; other control words, so that `\\if` is none; comments
_BRANCH = re.compile(r"\\(?:(if[A-Za-z@]*|else|fi|repeat|or)(?![A-Za-z@])|[A-Za-z@]+|.)|%[^\n]*", re.DOTALL)
# Commands that begin with \if and take their branches in braces, or compare nothing
_NO_CONDITIONALS = {"iff", "ifthenelse", "ifthenelse*", "ifdraft", "iflanguage", "iftranslation"}


def choose(expander: Expander, value: bool) -> None:
    """Read on in the branch of an open conditional that `value` selects."""
    if expander.kept.pop("unless", ""):
        value = not value
    expander.open_conditionals += 1
    if not value and _skip(expander, ("else",)) != "else":
        expander.open_conditionals -= 1


def _skip(expander: Expander, stops: tuple[str, ...]) -> str:
    r"""Pass over text up to the `\fi` that belongs to it, or one of `stops` at the same level; return the command."""
    reading, level = expander.reading, 0
    while reading.peek():
        frame = reading.frames[-1]
        for match in _BRANCH.finditer(frame.text, frame.at):
            name = match[1]
            if name is None:
                continue
            if name in ("fi", "repeat"):  # LaTeX has \repeat for the \fi of a loop
                if not level:
                    frame.at = match.end()
                    reading.end_word()
                    return "fi"
                level -= 1
            elif name in ("else", "or"):
                if not level and name in stops:
                    frame.at = match.end()
                    reading.end_word()
                    return name
            elif is_conditional(expander, match[0], frame.text[match.end() : match.end() + 1]):
                level += 1
        frame.at = len(frame.text)
    return ""


def is_conditional(expander: Expander, token: str, behind: str) -> bool:
    r"""Say whether a command that begins with `\if` has a `\fi`, as a \newif has; `\ifblank{…}` has none."""
    if token in expander.conditionals:
        return True
    if expander.is_defined(token) or token[1:] in _NO_CONDITIONALS:
        return False
    return behind != "{"


def _else(expander: Expander, command: str) -> None:
    r"""The first branch was set, and ends here; in \ifcase also at `\or`."""
    if expander.open_conditionals:
        _skip(expander, ())
        expander.open_conditionals -= 1


def _fi(expander: Expander, command: str) -> None:
    expander.open_conditionals = max(0, expander.open_conditionals - 1)
    expander.reading.end_word()


def _switch(expander: Expander, command: str) -> None:
    """A conditional of \\newif."""
    expander.reading.end_word()
    choose(expander, expander.switches.get(command[3:], False))


def _fixed(value: bool) -> Handler:
    def conditional(expander: Expander, command: str) -> None:
        expander.reading.end_word()
        choose(expander, value)

    return conditional


def _token(expander: Expander) -> str:
    """Read the next token."""
    reading = expander.reading
    reading.skip_spaces()
    char = reading.peek()
    if not char:
        return ""
    frame = reading.frames[-1]
    match = WORD.match(frame.text, frame.at)
    frame.at = match.end() if match else frame.at + 1
    return match[0] if match else char


def _same(expander: Expander, first: str, second: str) -> bool:
    r"""Say whether two tokens mean the same: two macros with the same body, two undefined names, one command."""
    if first == second:
        return True
    known = [expander.meanings.get(t) if expander.is_defined(t) else None for t in (first, second)]
    if any(isinstance(meaning, Macro) for meaning in known):
        return known[0] == known[1]
    if "\\relax" in (first, second):  # \csname gives a name without a meaning that of \relax
        return not all(expander.is_defined(token) for token in (first, second))
    undefined = [t[:1] == "\\" and (not expander.is_defined(t)) for t in (first, second)]
    names = {"\\undefined", "\\@undefined"}
    if first in names or second in names:
        return all(undefined)
    return known[0] is known[1] is not None


def _ifx(expander: Expander, command: str) -> None:
    first, second = _token(expander), _token(expander)
    choose(expander, _same(expander, first, second))


def _if(expander: Expander, command: str) -> None:
    r"""`\if\x a`: the next two characters once macros are expanded."""
    first, second = (_expanded_token(expander) for _ in range(2))
    choose(expander, first == second or (first[:1] == "\\" and second[:1] == "\\"))


def _expanded_token(expander: Expander) -> str:
    for _ in range(50):
        token = _token(expander)
        meaning = expander.meanings.get(token)
        if token == "\\noexpand":
            return _token(expander)
        if not isinstance(meaning, Macro):
            return token
        expander.reading.push(meaning.text(expander.reading.arguments(meaning)))
    return ""


def _ifdefined(expander: Expander, command: str) -> None:
    token = _token(expander)
    choose(expander, expander.is_defined(token))


def _ifcsname(expander: Expander, command: str) -> None:
    token = control_word(expander.expand(expander.reading.until("\\endcsname")).strip())
    choose(expander, expander.is_defined(token))


def _ifnum(expander: Expander, command: str) -> None:
    first = read_number(expander)
    expander.reading.skip_spaces()
    relation = _token(expander)
    second = read_number(expander)
    choose(expander, first < second if relation == "<" else first > second if relation == ">" else first == second)


def _ifodd(expander: Expander, command: str) -> None:
    choose(expander, read_number(expander) % 2 == 1)


def _ifcase(expander: Expander, command: str) -> None:
    r"""`\ifcase\level GSM8K\or SVAMP\else MATH\fi`."""
    number = read_number(expander)
    expander.open_conditionals += 1
    for _ in range(number if 0 <= number < 1000 else 1000):
        stopped = _skip(expander, ("or", "else"))
        if stopped != "or":
            expander.open_conditionals -= stopped != "else"
            return


def _ifeof(expander: Expander, command: str) -> None:
    read_number(expander)
    choose(expander, True)  # no file is opened for reading


def _unless(expander: Expander, command: str) -> None:
    r"""`\unless\ifdraft`: the two branches change places."""
    expander.kept["unless"] = "yes"


def _unknown(expander: Expander, command: str) -> None:
    r"""A conditional of a class that is not in the source, such as `\ifCLASSOPTIONcompsoc`: false, as \newif has it."""
    frame = expander.reading.frames[-1]
    if frame.text[frame.at : frame.at + 1] == "{":
        return
    choose(expander, False)


def guess_conditional(token: str) -> Handler | None:
    r"""Return the meaning of an unknown command that begins with `\if`."""
    return _unknown if re.match(r"\\if[A-Z@]", token) else None


def _then_else(decision: str) -> Handler:
    """A command that takes its two branches in braces, on a condition of so many arguments."""

    def branch(expander: Expander, command: str) -> None:
        reading = expander.reading
        value = decide(expander, decision)
        first, second = reading.argument(), reading.argument()
        reading.push(first if value else second)

    return branch


def _single(value: bool) -> Handler:
    r"""`\IfBooleanT{#1}{…}`, `\IfNoValueF{#1}{…}` of xparse: one branch alone."""

    def branch(expander: Expander, command: str) -> None:
        reading = expander.reading
        argument = reading.argument().strip()
        holds = argument == (TRUE if "Boolean" in command else NO_VALUE)
        if command.startswith("\\IfValue"):
            holds = not holds
        if "Blank" in command:
            holds = not argument
        body = reading.argument()
        reading.push(body if holds is value else "")

    return branch


_TRUE = ("true", "hmode", "pdf", "pdftex", "PDFTeX", "pdfoutput")
_FALSE = (
    "false",
    "vmode",
    "mmode",
    "inner",
    "void",
    "hbox",
    "vbox",
    "dim",
    "cat",
    "xetex",
    "luatex",
    "XeTeX",
    "LuaTeX",
    "tutex",
    "xetexorluatex",
    "twocolumn",
    "@twocolumn",
    "@twoside",
    "fontchar",
)
HANDLERS: dict[str, Handler] = {
    **{f"\\if{name}": _fixed(True) for name in _TRUE},
    **{f"\\if{name}": _fixed(False) for name in _FALSE},
    "\\ifx": _ifx,
    "\\if": _if,
    "\\ifdefined": _ifdefined,
    "\\ifcsname": _ifcsname,
    "\\ifnum": _ifnum,
    "\\ifodd": _ifodd,
    "\\ifcase": _ifcase,
    "\\ifeof": _ifeof,
    "\\ifswitch": _switch,
}
CONDITIONALS = frozenset(HANDLERS)
_DECISIONS = (
    "ifthenelse",
    "ifbool",
    "notbool",
    "iftoggle",
    "nottoggle",
    "ifdef",
    "ifundef",
    "ifcsdef",
    "ifcsundef",
    "ifstrequal",
    "ifblank",
    "notblank",
    "ifstrempty",
    "ifdefstring",
    "ifdefempty",
    "ifdefvoid",
    "ifnumcomp",
    "ifnumequal",
    "ifnumgreater",
    "ifnumless",
    "@ifundefined",
    "@ifpackageloaded",
    "@ifclassloaded",
    "IfBooleanTF",
    "IfNoValueTF",
    "IfValueTF",
    "IfBlankTF",
    "IfFileExists",
    "ifdraft",
    "ifoptionfinal",
    "IfPackageLoadedTF",
    "ifdefmacro",
)
HANDLERS |= {f"\\{name}": _then_else(name) for name in _DECISIONS}
HANDLERS |= {
    f"\\If{kind}{side}": _single(side == "T") for kind in ("Boolean", "NoValue", "Value", "Blank") for side in "TF"
}
HANDLERS |= {"\\else": _else, "\\or": _else, "\\fi": _fi, "\\unless": _unless}
