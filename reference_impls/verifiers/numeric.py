r"""The verifier `numeric`: a final number, compared exactly as a fraction: "1,234.0" is "1234" and "3/4" is "0.75"."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from reference_impls.verifiers.forms import final_statement, gold, missing_gold
from reference_impls.verifiers.verdict import Verdict, decided, unscorable

# 1234, 1,234,567, 12.5, .5; of "1,23" only the 1, for a comma stands before three digits
_UNSIGNED = r"(?:(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+)"
_NUMBER = re.compile(
    r"(?<!\w)(?<!\w\.)"  # not the 2 of x2, nor the 3 of v1.3
    r"(?P<sign>[-+]?)(?:[$€£¥]\s?)?(?P<inner>[-+]?)"  # -$5 and $-5
    r"(?:(?P<whole>[0-9]+)[ ](?=[0-9]+\s?/\s?[0-9]))?"  # the first 1 of 1 1/2
    rf"(?P<digits>{_UNSIGNED})(?:[eE](?P<exponent>[-+]?[0-9]+)(?!\w))?"  # 1.5e3, not 3eggs
    rf"(?:\s?/\s?(?P<below>{_UNSIGNED})(?![/0-9]))?(?P<percent>\s?%)?"  # 3/4, not the date 3/4/2021; 50 %
)
_DIGITS = 300  # a longer number is no answer, and an exact power of it would take the memory of the run
_GOES_ON = re.compile(
    r"\s*(?:[+*/×÷^]|[-–]\s*[0-9])"
)  # after the 3 of "3 + 4" and the 18 of "18-20": no number is stated
# the words between "the answer is" and its number: "approximately $5", "≈ 3.2"
_LEAD = re.compile(r"[\s:($*]*(?:approximately|about|roughly|≈|~)?\s*(?=[-+$€£¥.0-9])", re.IGNORECASE)
# \frac{3}{4}, \dfrac{ 1 }{ 2 }
_FRACTION = re.compile(r"\\[dtc]?frac\s*\{\s*([-+]?[0-9.,]+)\s*\}\s*\{\s*([-+]?[0-9.,]+)\s*\}")
_LATEX = [
    (re.compile(r"\{,\}|\\,|\\!"), lambda text: "," if text == "{,}" else ""),  # 1{,}000 and 1\,000
    (re.compile(r"\\([$%])"), lambda text: text[1:]),  # \$5 and 50\%
    (
        re.compile(r"\\(?:text|mathrm|mbox|textbf|mathbf)\s*\{([^{}]*)\}"),
        lambda text: " " + text.split("{")[1][:-1],
    ),  # \text{ km}
    (re.compile(r"\\[()\[\] ]|\*\*|`"), lambda text: " "),  # \(5\), **5**, `5`
]


@dataclass(frozen=True)
class Number:
    """An exact value, and whether it was written with a percent sign."""

    value: Fraction
    percent: bool = False

    def same(self, other: "Number") -> bool:
        """Return whether two numbers agree; where one alone is a percentage, 50% agrees with 50 and with 0.5."""
        if self.percent == other.percent:
            return self.value == other.value
        plain, percentage = (other, self) if self.percent else (self, other)
        return plain.value in (percentage.value, percentage.value / 100)


def judge(response: str, row: Mapping[str, object]) -> Verdict:
    """Return whether the final number of the response is the row's; lenient takes the last number anywhere.

    A gold answer may be a number or text that ends in one of the recognised forms, as GSM8K's `... #### 42` does.
    """
    written = gold(row)
    if written is None:
        return unscorable(missing_gold(row))
    wanted = _stated(written)
    if wanted is None:
        return unscorable(f"the row's `answer` states no number: {written!r:.60}")
    given = _stated(response)
    if given is not None and wanted.same(given):
        return decided(True, True)
    last = _last(response)
    anywhere = last is not None and wanted.same(last)
    if given is None:
        reason = "no number in the response" if last is None else "no final number in a form that is recognised"
        return decided(False, anywhere, reason)
    return decided(False, anywhere, f"found {_show(given)}, expected {_show(wanted)}")


def number(text: str) -> Number | None:
    """Return the number that a text is, or None where the text is anything more or less than a number."""
    match = _NUMBER.fullmatch(_plain(text).strip().rstrip("."))
    return _read(match) if match else None


def _stated(text: str) -> Number | None:
    """Return the number stated as final; a text that is only a number states it."""
    statement = final_statement(text)
    if statement is None:
        return number(text.strip().strip("$"))
    statement = _plain(statement).rsplit("=", 1)[-1]  # "3 + 4 = 7" states the 7
    lead = _LEAD.match(statement)
    match = _NUMBER.search(statement, lead.end() if lead else 0)
    # the words before a number are a sentence, and its first number need not be the answer
    starts = match is not None and not re.search(r"\w", statement[: match.start()].replace(lead[0] if lead else "", ""))
    if match is None or not starts or _GOES_ON.match(statement, match.end()):
        return None
    return _read(match)


def _last(text: str) -> Number | None:
    """Return the last number anywhere in the text."""
    matches = list(_NUMBER.finditer(_plain(text)))
    return next((item for match in reversed(matches) if (item := _read(match)) is not None), None)


def _plain(text: str) -> str:
    """Return the text without the LaTeX and Markdown around numbers."""
    text = text.replace("−", "-")
    for pattern, replace in _LATEX:
        text = pattern.sub(lambda match, replace=replace: replace(match[0]), text)  # type: ignore[misc]
    return _FRACTION.sub(r"\1/\2", text)


def _read(match: re.Match[str]) -> Number | None:
    if len(match[0]) > _DIGITS or len(match["exponent"] or "") > 4:
        return None
    exponent = int(match["exponent"] or 0)
    below = Fraction((match["below"] or "1").replace(",", ""))
    if below == 0:
        return None
    value = int(match["whole"] or 0) + Fraction(match["digits"].replace(",", "")) * Fraction(10) ** exponent / below
    sign = -1 if (match["sign"] + match["inner"]).count("-") == 1 else 1
    return Number(sign * value, match["percent"] is not None)


def _show(item: Number) -> str:
    return f"{item.value!s:.60}" + ("%" if item.percent else "")
