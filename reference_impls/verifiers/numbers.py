r"""Numbers as people and models write them, read exactly: `1,234.0`, `3/4`, `\frac12`, `US$500`, `1.5 × 10^3`, `5k`."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

# 1234, 1,234,567, 12.5, .5; of "1,23" only the 1, for a comma stands before three digits
_UNSIGNED = r"(?:(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+)"
# $, US$, € before a number, and the codes that stand there: "USD 500", "Rs. 500"
_CURRENCY = r"(?:(?:(?:US|CA|AU|NZ|HK|C|A|S|R)?[$€£¥₹₩]|(?:USD|EUR|GBP|INR|CAD|AUD|JPY|CNY|RMB|Rs\.?))\s?)?"
NUMBER = re.compile(
    r"(?<!\w)(?<!\w\.)"  # not the 2 of x2, nor the 3 of v1.3
    rf"(?P<sign>[-+]?){_CURRENCY}(?P<inner>[-+]?)"  # -$5 and $-5
    r"(?:(?P<whole>[0-9]+)(?:[ ]and)?[ ](?=[0-9]+\s?/\s?[0-9]))?"  # the first 1 of 1 1/2 and of 1 and 1/2
    rf"(?P<digits>{_UNSIGNED})(?:[eE](?P<exponent>[-+]?[0-9]+)(?!\w))?"  # 1.5e3, not 3eggs
    rf"(?:\s?/\s?(?P<below>{_UNSIGNED})(?![/0-9]))?"  # 3/4, not the date 3/4/2021
    r"(?:\s?[×x*·]\s?10\s?(?:\^|\*\*)\s?\{?(?P<power>[-+]?[0-9]{1,4})\}?(?![0-9]))?"  # × 10^3
    r"(?P<scale>\s?(?:hundred|thousand|million|billion|trillion|dozen)\b|k\b(?!\s*[a-z/]))?"  # 5 million; 5k, not 5 k
    r"(?P<percent>\s?(?:%|percent\b|per\scent\b))?",  # 50 %
    re.IGNORECASE,
)
_SCALES = {
    "hundred": 100, "thousand": 1000, "k": 1000, "million": 10**6, "billion": 10**9, "trillion": 10**12, "dozen": 12,
}  # fmt: skip
_DIGITS = 300  # a longer number is no answer, and an exact power of it would take the memory of the run
# \frac{3}{4}, \dfrac{ 1 }{ 2 }, \frac12, \frac{1}2
_PART = r"(?:\{\s*([-+]?[0-9.,]+)\s*\}|\s*([0-9]))"
_FRACTION = re.compile(rf"([0-9]?)\\[dtc]?frac\s*{_PART}\s*{_PART}")
_VULGAR = re.compile("([0-9]?)([½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞])")
_WRAPPING = re.compile(r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mbox|operatorname|boldsymbol|bm)\s*\{([^{}]*)\}")
_REPLACED = {
    r"\{,\}|\\,(?=[0-9]{3}(?![0-9]))": ",", r"\\[,!]": "", r"\\([$%#])": r"\1",  # 1{,}000 and 1\,000; \$5 and 50\%
    r"(?<=[A-Za-z])\s?\^\s?\{?-?[0-9]\}?|(?<=\b[ckmd]m)[23]\b": "",  # cm^2, m^{3}, km2
    r"\^\s*\{?\s*\\circ\s*\}?|\\degree\b|°": " degrees ",  # 45^\circ
    r"\\(?:times|cdot)\b": "×", r"\\pm\b": "±", r"\\(?:approx|simeq|sim)\b": "≈", r"\\(?:l|c|)dots\b": "...",
    r"\\(?:leq?|lt)\b": "<", r"\\(?:geq?|gt)\b": ">", r"\\(?:left|right|displaystyle)\b": "",
    r"\\[()\[\];: ]|\*\*(?!\s?[0-9])|__|`|~": " ",  # \(5\), **5**, `5`, 5~km; 10**3 stays
}  # fmt: skip
_CLEANING = [(re.compile(pattern), new) for pattern, new in _REPLACED.items()]
_DIGITS_OF = str.maketrans("０１２３４５６７８９−﹣－\u00a0\u202f\u2009", "0123456789---   ")


@dataclass(frozen=True)
class Number:
    """An exact value, and whether it was written with a percent sign."""

    value: Fraction
    percent: bool = False

    def same(self, other: "Number") -> bool:
        """Return whether two numbers agree; where one alone is a percentage, 50% agrees with 50 and with 0.5."""
        if self.percent == other.percent:
            return self.value == other.value
        plain_number, percentage = (other, self) if self.percent else (self, other)
        return plain_number.value in (percentage.value, percentage.value / 100)


def number(text: str) -> Number | None:
    """Return the number that a text is, or None where the text is anything more or less than a number."""
    match = NUMBER.fullmatch(plain(text).strip().rstrip("."))
    return read(match) if match else None


def last_number(text: str) -> Number | None:
    """Return the last number anywhere in the text."""
    matches = list(NUMBER.finditer(plain(text)))
    return next((value for match in reversed(matches) if (value := read(match)) is not None), None)


def numbers(text: str, start: int) -> Iterator[re.Match[str]]:
    """Yield what looks like a number in plain text from `start` on, also behind a letter: the 3 of "5ft3"."""
    position = start
    while digits := re.compile("[0-9]").search(text, position):
        match = NUMBER.search(text, position)
        match = match if match and match.start() <= digits.start() < match.end() else digits
        yield match
        position = match.end()


def plain(text: str) -> str:
    """Return the text without the LaTeX and Markdown around numbers."""
    text = text.translate(_DIGITS_OF)
    text = _WRAPPING.sub(r" \1", text)
    for pattern, new in _CLEANING:
        text = pattern.sub(new, text)
    text = _FRACTION.sub(_as_fraction, text)
    return _VULGAR.sub(_as_two_numbers, text)


def _as_two_numbers(match: re.Match[str]) -> str:
    """Return ½ as 1/2, and 1½ as 1 1/2; Unicode has a slash of its own in what it calls their decomposition."""
    written = unicodedata.normalize("NFKC", match[2]).replace("\N{FRACTION SLASH}", "/")
    return f"{match[1]} {written}" if match[1] else written


def _as_fraction(match: re.Match[str]) -> str:
    """Return a fraction of LaTeX in plain text; after a digit it is the second part of a mixed number: 1\\frac12."""
    before, above, below = match[1], match[2] or match[3], match[4] or match[5]
    return f"{before} {above}/{below}" if before else f"{above}/{below}"


def read(match: re.Match[str]) -> Number | None:
    """Return the number of a match, or None where it has no value, or a size that no answer has."""
    if match.re is not NUMBER or len(match[0]) > _DIGITS or len(match["exponent"] or "") > 4:
        return None
    below = Fraction((match["below"] or "1").replace(",", ""))
    if below == 0:
        return None
    value = Fraction(match["digits"].replace(",", "")) / below * Fraction(10) ** int(match["exponent"] or 0)
    value = (int(match["whole"] or 0) + value) * Fraction(10) ** int(match["power"] or 0)
    value *= _SCALES[(match["scale"] or "hundred").strip().lower()] if match["scale"] else 1
    sign = -1 if (match["sign"] + match["inner"]).count("-") == 1 else 1
    return Number(sign * value, match["percent"] is not None)


def show(item: Number) -> str:
    """Return a number for a reason."""
    return f"{item.value!s:.60}" + ("%" if item.percent else "")
