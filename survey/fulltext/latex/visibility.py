r"""Visibility: words that a reader of the page does not see, or that the authors have struck out.

White words on white paper and words of a size near zero are marked as hidden. White words in a coloured box, a table or
a picture are read: there white is the colour of headings. `\tiny` is small (5 points), and read in many tables.
"""

import re

from survey.fulltext.latex.expander import Expander, Handler
from survey.fulltext.latex.tokens import MARK, closed

_SMALLEST = 2.5  # points; nobody sets a size below that to be read
_WHITE_FROM = 0.97  # of full light


def _is_white(expander: Expander, model: str | None, colour: str) -> bool:
    colour = colour.strip()
    if model is None:
        if colour in expander.kept.get("white", "white").split():
            return True
        mixture = re.fullmatch(r"(\w+)!([\d.]+)(?:!white)?", colour)  # `black!2`: 2 parts of black, the rest white
        return bool(mixture and mixture[1] != "white" and float(mixture[2]) <= 100 * (1 - _WHITE_FROM))
    values = [float(value) for value in re.findall(r"\d*\.?\d+", colour)] if model.lower() != "html" else []
    if model == "HTML":
        pairs = re.findall(r"[0-9A-Fa-f]{2}", colour)
        return len(pairs) == 3 and min(int(pair, 16) for pair in pairs) >= 255 * _WHITE_FROM
    if model == "cmyk":
        return len(values) == 4 and max(values) <= 1 - _WHITE_FROM
    scale = 255 if model == "RGB" else 1
    return bool(values) and len(values) in (1, 3) and min(values) >= scale * _WHITE_FROM


def _color(expander: Expander, command: str) -> None:
    r"""`\color{white}`, `\color[rgb]{1,1,1}`: to the end of the group."""
    model, colour = expander.reading.optional(), expander.reading.argument()
    if _is_white(expander, model, colour):
        expander.hide()
    else:
        expander.show()


def _textcolor(expander: Expander, command: str) -> None:
    r"""`\textcolor{white}{…}`."""
    reading = expander.reading
    model, colour = reading.optional(), reading.argument()
    if _is_white(expander, model, colour) and not expander.flags.boxed:
        option = f"[{model}]" if model else ""
        reading.push(f"{{\\color{option}{{{colour}}}{closed(reading.argument())}}}")


def _define_color(expander: Expander, command: str) -> None:
    r"""`\definecolor{paper}{rgb}{1,1,1}`, `\colorlet{paper}{white}`: another name for white."""
    reading = expander.reading
    name = reading.argument().strip()
    model = reading.argument() if command != "\\colorlet" else None
    if _is_white(expander, model, reading.argument()):
        expander.kept["white"] = f"{expander.kept.get('white', 'white')} {name}"


def _colorbox(expander: Expander, command: str) -> None:
    r"""`\colorbox{black}{\color{white} GSM8K}`: white is read on a colour."""
    reading = expander.reading
    reading.optional()
    for _ in range(2 if command == "\\fcolorbox" else 1):
        colour = reading.argument()
    if not _is_white(expander, None, colour):
        reading.push(f"{{\\boxed@@{closed(reading.argument())}}}")


def _boxed(expander: Expander, command: str) -> None:
    def unbox() -> None:
        expander.flags.boxed = max(0, expander.flags.boxed - 1)

    expander.flags.boxed += 1
    expander.at_group_end(unbox)


def _fontsize(expander: Expander, command: str) -> None:
    r"""`\fontsize{0.1pt}{0.1pt}\selectfont`."""
    size = re.match(r"\s*(\d*\.?\d+)", expander.reading.argument())
    expander.reading.argument()
    if size and float(size[1]) < _SMALLEST:
        expander.hide()
    else:
        expander.show()


def _scalebox(expander: Expander, command: str) -> None:
    r"""`\scalebox{0.01}{…}`."""
    reading = expander.reading
    factor = re.match(r"\s*-?(\d*\.?\d+)", reading.argument())
    reading.optional()
    if factor and float(factor[1]) < 0.2:
        reading.push(f"{{\\fontsize{{1}}{{1}}{closed(reading.argument())}}}")


def _size(expander: Expander, command: str) -> None:
    r"""`\normalsize` ends what a tiny size began."""
    expander.show()


def _deleted(expander: Expander, command: str) -> None:
    r"""`\deleted[id=A]{…}` of the package changes, `\DIFdel{…}` of latexdiff: no text of this version."""
    expander.reading.star()
    expander.reading.optional()
    expander.reading.argument()


def _added(expander: Expander, command: str) -> None:
    r"""`\added[id=A]{…}`, `\DIFadd{…}`."""
    expander.reading.optional()
    expander.reading.push(closed(expander.reading.argument()))


def _replaced(expander: Expander, command: str) -> None:
    r"""`\replaced{new}{old}`."""
    reading = expander.reading
    reading.optional()
    new, _ = reading.argument(), reading.argument()
    reading.push(closed(new))


def _setbox(expander: Expander, command: str) -> None:
    r"""`\setbox0=\vbox{…}`: a box that is only measured. With `\bgroup` it ends at `\egroup`."""
    reading = expander.reading
    frame = reading.frames[-1] if reading.peek() else None
    match = frame and _BOX.match(frame.text, frame.at)
    if not frame or not match:
        return
    frame.at = match.end()
    if match[1] == "{":
        frame.at -= 1
        reading.argument()
        return
    expander.open_group()
    expander.mark("X")
    expander.at_group_end(lambda: expander.mark("x"))


_BOX = re.compile(r"\s*(?:\\[A-Za-z@]+|\d+)\s*=?\s*\\[hv](?:box|top)\s*(?:to\s*[\w.\\]+\s*)?(\{|\\bgroup(?![A-Za-z]))")


def _hidden_answer(expander: Expander, command: str) -> None:
    expander.mark("H")
    expander.reading.push(f"{closed(expander.reading.argument())}{MARK}h")


HANDLERS: dict[str, Handler] = {
    "\\color": _color, "\\textcolor": _textcolor, "\\definecolor": _define_color, "\\colorlet": _define_color,
    "\\colorbox": _colorbox, "\\fcolorbox": _colorbox, "\\boxed@@": _boxed, "\\fontsize": _fontsize,
    "\\scalebox": _scalebox, "\\setbox": _setbox, "\\replaced": _replaced, "\\DIFreplace": _replaced,
    **{f"\\{name}": _size for name in ("normalsize", "small", "footnotesize", "large", "scriptsize", "tiny")},
    **{f"\\{name}": _deleted for name in ("deleted", "DIFdel", "DIFdelFL", "DIFdeltex")},
    **{f"\\{name}": _added for name in ("added", "DIFadd", "DIFaddFL", "DIFaddtex")},
}  # fmt: skip
