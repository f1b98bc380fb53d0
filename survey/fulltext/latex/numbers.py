r"""Numbers: counters and registers, as far as a conditional asks for them (`\ifnum\value{version}>1`)."""

import re

from survey.fulltext.latex.definitions import assign
from survey.fulltext.latex.expander import Expander, Handler
from survey.fulltext.latex.macros import Macro, macro
from survey.fulltext.latex.tokens import WORD

# `12`, `-3`, `"1F`, `` `a ``
_CONSTANT = re.compile(r"\s*([+-]?)\s*(?:(\d+)|\"([0-9A-F]+)|'([0-7]+)|`\\?(.))")
_SIGNS = re.compile(r"[\s+-]*")
_YEAR = 2025  # of \year and \today: nothing may depend on the day on which a paper is read


def read_number(expander: Expander) -> int:
    r"""Read a number as TeX does: a constant, a counter, or a macro that stands for one."""
    reading, sign = expander.reading, 1
    for _ in range(100):
        reading.skip_spaces()
        if not reading.peek():
            return 0
        frame = reading.frames[-1]
        constant = _CONSTANT.match(frame.text, frame.at)
        if constant:
            frame.at = constant.end()
            if reading.peek() in (" ", "\n"):  # TeX takes the space that ends a number
                reading.skip_spaces()
            return sign * _constant(constant)
        signs = _SIGNS.match(frame.text, frame.at)
        if signs:
            sign *= -1 if signs[0].count("-") % 2 else 1
            frame.at = signs.end()
        word = WORD.match(frame.text, frame.at)
        if not word:
            return 0
        frame.at = word.end()
        meaning = expander.meanings.get(word[0])
        if isinstance(meaning, Macro):
            reading.push(meaning.text(reading.arguments(meaning)))
        elif word[0] not in ("\\the", "\\number", "\\numexpr"):
            return sign * _of_word(expander, word[0])
    return 0


def _constant(match: re.Match[str]) -> int:
    sign = -1 if match[1] == "-" else 1
    if match[2]:
        return sign * int(match[2][:9])
    if match[3]:
        return sign * int(match[3][:7], 16)
    return sign * (int(match[4][:9], 8) if match[4] else ord(match[5]))


def _of_word(expander: Expander, word: str) -> int:
    reading = expander.reading
    if word in ("\\value", "\\arabic"):
        return expander.numbers.get(reading.argument(), 0)
    if word in ("\\count", "\\dimen"):
        return expander.numbers.get(f"\\count{read_number(expander)}", 0)
    if word == "\\year":
        return _YEAR
    reading.end_word()
    return expander.numbers.get(word.removeprefix("\\c@") if word.startswith("\\c@") else word, 0)


def value_of(expander: Expander, text: str) -> int:
    """Return the number that `text` stands for."""
    total, sign = 0, 1
    expanded = re.sub(r"\\value\s*\{([^{}]*)\}", lambda m: str(expander.numbers.get(m[1], 0)), expander.expand(text))
    for part in re.findall(r"\d+|[+-]", expanded):
        if part in "+-":
            sign = -1 if part == "-" else 1
        else:
            total, sign = total + sign * int(part[:9]), 1
    return total


def set_number(expander: Expander, name: str, value: int) -> None:
    """Set a counter or register, with a bound that no counter of a paper reaches."""
    expander.numbers[name] = max(-(10**9), min(10**9, value))


def _new_counter(expander: Expander, command: str) -> None:
    name = expander.reading.argument()
    expander.reading.optional()
    set_number(expander, name, 0)
    expander.define(f"\\the{name}", macro(f"\\arabic{{{name}}}"), everywhere=True)


def _set_counter(expander: Expander, command: str) -> None:
    name, value = expander.reading.argument(), expander.reading.argument()
    before = expander.numbers.get(name, 0) if command == "\\addtocounter" else 0
    set_number(expander, name, before + value_of(expander, value))


def _step(expander: Expander, command: str) -> None:
    name = expander.reading.argument()
    set_number(expander, name, expander.numbers.get(name, 0) + 1)


def _print(expander: Expander, command: str) -> None:
    r"""`\arabic{level}`, `\roman{level}`, `\alph{level}`."""
    number = expander.numbers.get(expander.reading.argument())
    if number is None:
        return
    if command.lower() == "\\alph":
        letter = chr(ord("a") + (number - 1) % 26) if number > 0 else ""
        expander.write(letter.upper() if command == "\\Alph" else letter)
    else:
        expander.write(str(number) if command in ("\\arabic", "\\value") else roman(number, command == "\\Roman"))


def roman(number: int, capitals: bool) -> str:
    """Return a number in Roman digits."""
    digits = ""
    number = min(number, 4000)
    for value, sign in zip(
        (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1),
        ["m", "cm", "d", "cd", "c", "xc", "l", "xl", "x", "ix", "v", "iv", "i"],
        strict=True,
    ):
        while number >= value:
            digits, number = digits + sign, number - value
    return digits.upper() if capitals else digits


def _new_register(expander: Expander, command: str) -> None:
    r"""`\newcount\level`; `\level=3` sets it."""
    token = expander.reading.word()
    if token:
        set_number(expander, token, 0)
        assign(expander, token, _register)


def _register(expander: Expander, token: str) -> None:
    reading = expander.reading
    reading.token("=")
    set_number(expander, token, read_number(expander))


def _advance(expander: Expander, command: str) -> None:
    r"""`\advance\level by 2`."""
    reading = expander.reading
    token = reading.word()
    if token in ("\\count", "\\dimen"):
        token = f"\\count{read_number(expander)}"
    reading.token("by")
    set_number(expander, token, expander.numbers.get(token, 0) + read_number(expander))


def _count(expander: Expander, command: str) -> None:
    r"""`\count255=3`."""
    name = f"\\count{read_number(expander)}"
    expander.reading.token("=")
    set_number(expander, name, read_number(expander))


def _the(expander: Expander, command: str) -> None:
    r"""`\the\level`, `\number\level`, `\the\tokens`."""
    reading = expander.reading
    reading.skip_spaces()
    if not reading.peek():
        return
    frame = reading.frames[-1]
    word = WORD.match(frame.text, frame.at)
    name = word[0] if word else ""
    if name in expander.kept:
        frame.at += len(name)
        reading.end_word()
        reading.push(expander.kept[name])
    elif name in expander.numbers or name == "\\value" or name.startswith("\\c@") or command == "\\number" or not word:
        number = read_number(expander)
        expander.write(roman(number, False) if command == "\\romannumeral" else str(number))
    else:
        frame.at += len(name)


def _new_tokens(expander: Expander, command: str) -> None:
    r"""`\newtoks\words`; `\words={GSM8K}` sets it, `\the\words` prints it."""
    token = expander.reading.word()
    if token:
        expander.kept[token] = ""
        assign(expander, token, _tokens)


def _tokens(expander: Expander, token: str) -> None:
    expander.reading.token("=")
    expander.kept[token] = expander.reading.argument()


HANDLERS: dict[str, Handler] = {
    "\\newcounter": _new_counter,
    "\\setcounter": _set_counter,
    "\\addtocounter": _set_counter,
    "\\stepcounter": _step,
    "\\refstepcounter": _step,
    "\\newcount": _new_register,
    "\\advance": _advance,
    "\\the": _the,
    "\\number": _the,
    "\\romannumeral": _the,
    "\\newtoks": _new_tokens,
    "\\count": _count,
    **{f"\\{name}": _print for name in ("arabic", "roman", "Roman", "alph", "Alph")},
}
