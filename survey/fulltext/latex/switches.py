r"""Switches and loops: `\newtoggle{draft}`, `\setboolean{draft}{true}`, `\loop … \repeat`, `\foreach`."""

from survey.fulltext.latex.definitions import declare_switch, set_switch
from survey.fulltext.latex.expander import Expander, Handler
from survey.fulltext.latex.macros import macro
from survey.fulltext.latex.tokens import closed

_MOST_ITEMS = 1_000  # of a list that is walked


def _new_switch(expander: Expander, command: str) -> None:
    r"""`\newtoggle{draft}`, `\newbool{draft}`, `\newboolean{draft}`: the last two make \ifdraft as well."""
    name = expander.reading.argument().strip()
    if name and "toggle" in command:
        expander.switches.setdefault(name, False)
    elif name and name not in expander.switches:
        declare_switch(expander, f"\\if{name}", name)


def _set_switch(expander: Expander, command: str) -> None:
    r"""`\setboolean{draft}{true}`, `\settoggle{draft}{true}`, `\setbool{draft}{true}`."""
    name, value = expander.reading.argument().strip(), expander.reading.argument().strip()
    set_switch(expander, name, value == "true")


def _turn(value: bool) -> Handler:
    r"""`\toggletrue{draft}`, `\boolfalse{draft}`."""

    def turn(expander: Expander, command: str) -> None:
        set_switch(expander, expander.reading.argument().strip(), value)

    return turn


def _loop(expander: Expander, command: str) -> None:
    r"""`\loop body \ifnum\n<3 \repeat`: the body again and again while its conditional holds."""
    body = expander.reading.until("\\repeat")
    expander.define("\\iterate", macro(f"{closed(body)}\\relax\\expandafter\\iterate\\fi"))
    expander.reading.push("\\iterate ")


def _foreach(expander: Expander, command: str) -> None:
    r"""`\foreach \name in {GSM8K, MATH} {\name, }` of pgffor."""
    reading = expander.reading
    token = reading.word()
    reading.optional()
    if not reading.token("in"):
        return
    items = expander.expand(reading.argument())
    body = reading.argument()
    _each(expander, token, items.split(","), body)


def _for(expander: Expander, command: str) -> None:
    r"""`\@for\name:=GSM8K,MATH\do{\name, }` of LaTeX."""
    reading = expander.reading
    token = reading.word()
    reading.token(":=")
    items = expander.expand(reading.until("\\do")).split(",")
    _each(expander, token, items, reading.argument())


def _each(expander: Expander, token: str, items: list[str], body: str) -> None:
    if not token:
        return
    reading = expander.reading
    copies: list[str] = []
    for item in items[:_MOST_ITEMS]:
        copies.append(f"\\def{token}{{{item.strip()}}}{closed(body)}")
        reading.spend(len(copies[-1]))
        if reading.exhausted:
            return
    reading.push(f"{{{''.join(copies)}}}")


def _list(expander: Expander, command: str) -> None:
    r"""`\forcsvlist{\textbf}{GSM8K,MATH}` and `\docsvlist{…}`: the command on each item."""
    reading = expander.reading
    handler = reading.argument() if command == "\\forcsvlist" else "\\do"
    items = reading.argument().split(",")[:_MOST_ITEMS]
    reading.spend(sum(map(len, items)) + len(items) * len(handler))
    reading.push("".join(f"{handler}{{{item.strip()}}}" for item in items))


def _new_length(expander: Expander, command: str) -> None:
    r"""`\newlength{\gap}`, `\newsavebox{\plot}`: a name that prints nothing."""
    expander.reading.word()


HANDLERS: dict[str, Handler] = {
    **{f"\\{name}": _new_switch for name in ("newtoggle", "providetoggle", "newbool", "providebool", "newboolean",
                                             "provideboolean")},
    **{f"\\{name}": _set_switch for name in ("setboolean", "settoggle", "setbool")},
    **{f"\\{name}{value}": _turn(value == "true") for name in ("toggle", "bool") for value in ("true", "false")},
    "\\loop": _loop, "\\foreach": _foreach, "\\@for": _for, "\\forcsvlist": _list, "\\docsvlist": _list,
    "\\newsavebox": _new_length, "\\newlength": _new_length, "\\newdimen": _new_length,
    "\\newskip": _new_length,
}  # fmt: skip
