r"""The verifier `choice`: one of some lettered options, as "Answer: B", `\boxed{B}`, "(B)" or the bare letter."""

import re
from collections.abc import Mapping, Sequence

from reference_impls.verifiers.exact import fold
from reference_impls.verifiers.forms import Statement, after_thought, are_linked, last_line, statements, taken_back
from reference_impls.verifiers.verdict import Verdict, decided, unscorable

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
# After A or I a lower-case word makes the letter a word ("A dog", "I think"), unless the word continues an answer:
# "A because …" and "A is right" choose A.
_GOES_ON = r"because|since|as|is|for|which|due|given|and|or|with|that|was|would|seems|but|but|option|choice"
_ARTICLE = rf"(?!(?:(?<=A)|(?<=I))\s+(?!(?:{_GOES_ON})\b)[a-z])"
_WRAPPING = re.compile(r"\\(?:text|textbf|mathbf|mathrm)\s*\{([^{}]*)\}")
# "A and B", "(A) or (C)", "A, B", "B or maybe C", "A B C": more than one option; but in "A, but" and in "B I think" a
# lower-case letter follows
_AND_MORE = re.compile(
    r"[\s)*.,]*(?:(?:\bor\b|\band\b|/|&|,)\s*(?:(?:maybe|possibly|perhaps|even|also|else)\s+)*\(?([A-Z])\b(?![a-z'])"
    r"|\s\(?([A-Z])\b(?=[\s).,]*(?:$|\(?[A-Z]\b)))"
)
_DENIED = re.compile(r"\b(?:not|neither|nor|never|isn't|except)\s+\(?$", re.IGNORECASE)  # "It is not (B)"


def judge(response: str, row: Mapping[str, object]) -> Verdict:
    """Return whether the option chosen is the row's; lenient takes the last letter that stands alone.

    Options are A to E, or those of the row's `choices`: labels, texts (labelled A, B, C …), or `{label, text}` lists.
    The row's answer may be a label, an index counted from 0, or the text of an option.
    """
    options = _options(row.get("choices"))
    wanted = _gold(row.get("answer"), options)
    if wanted is None:
        answer, labels = repr(row.get("answer")), ", ".join(options)
        return unscorable(f"the row's `answer` is {answer:.40}, expected one of {labels}")
    given, reason = _stated(after_thought(response), options)
    anywhere = _last_letter(response, options) or _by_text(last_line(response), options)
    if given is None:
        return decided(False, anywhere == wanted, reason)
    return decided(given == wanted, anywhere == wanted, f"chose {given}, expected {wanted}")


def _options(choices: object) -> dict[str, str]:
    """Return label → text of the options."""
    if isinstance(choices, Mapping):
        texts = [str(text) for text in choices.get("text", [])]
        labels = [str(label) for label in choices.get("label", _LETTERS[: len(texts)])]
        return dict(zip(labels, texts or labels, strict=False))
    if not isinstance(choices, (list, tuple)) or not choices:
        return dict.fromkeys("ABCDE", "")
    listed = [str(item) for item in choices]
    if all(len(item) == 1 and item.isalpha() for item in listed):
        return {item.upper(): "" for item in listed}
    return dict(zip(_LETTERS, listed, strict=False))


def _gold(answer: object, options: Mapping[str, str]) -> str | None:
    if isinstance(answer, int) and not isinstance(answer, bool):
        return list(options)[answer] if 0 <= answer < len(options) else None
    if not isinstance(answer, str):
        return None
    label = answer.strip().strip("().").upper()
    return label if label in options else _by_text(answer, options) or _stated(answer, options)[0]


def _stated(response: str, options: Mapping[str, str]) -> tuple[str | None, str]:
    """Return the option stated as final, or None with the reason."""
    label = "(?P<label>" + "|".join(map(re.escape, options)) + ")"
    stated = statements(response)
    if stated:
        return _of_statements(response, stated, label, options)
    alone = re.fullmatch(rf"[\s*(\[]*{label}[\s*)\].:]*", response)
    in_brackets = _in_brackets(response, label, options)
    leading = re.match(rf"[\s*]*\(?{label}[).:]\s", response)  # "B) because it is larger", "B. Paris"
    for match in (alone, *in_brackets, leading):
        if match:
            return match["label"], ""
    by_text = _by_text(response, options)
    return by_text, "" if by_text else "no option stated in a form that is recognised"


def _of_statements(
    response: str, stated: Sequence[Statement], label: str, options: Mapping[str, str]
) -> tuple[str | None, str]:
    """Return the option of the last statement, unless another one is linked to it or takes it back."""
    last = stated[-1]
    given, reason = _read(response[last.begin : last.end].strip(), label, options)
    if given is None:
        return None, reason
    before = stated[-2] if len(stated) > 1 and are_linked(response, stated[-2], last) else None
    earlier = _read(response[before.begin : before.end].strip(), label, options)[0] if before else None
    instead = _last_letter(taken_back(response[last.end :]), options)
    for other in (earlier, instead):
        if other and other != given:
            return None, f"more than one option named: {given} and {other}"
    return given, ""


def _in_brackets(response: str, label: str, options: Mapping[str, str]) -> list[re.Match[str]]:
    """Return the last option in brackets, as in "(A) is false, so (B)"; none of "(A) or (B)", "not (B)" and a list."""
    matches = list(re.finditer(rf"\({label}\)", response))
    if not matches or _DENIED.search(response[: matches[-1].start() + 1]):
        return []
    if len(matches) > 1 and re.fullmatch(r"[\s*,]*(?:or|and|/|&|,)[\s*]*", response[slice(*_between(matches))]):
        return []
    texts = [options[match["label"]] for match in matches]
    repeated = all(
        text and response[match.end() :].lstrip().startswith(text) for match, text in zip(matches, texts, strict=True)
    )
    return [] if repeated and len(set(texts)) > 1 else matches[-1:]


def _between(matches: Sequence[re.Match[str]]) -> tuple[int, int]:
    return matches[-2].end(), matches[-1].start()


def _read(statement: str, label: str, options: Mapping[str, str]) -> tuple[str | None, str]:
    statement = _WRAPPING.sub(r"\1", statement)
    # "B", "(B)", "**B**", "option B", "$B$"; not "Bob", not "B's"
    match = re.match(rf"[\s*$(\[{{]*(?:(?:option|choice)\s*)?[\s*(]*{label}(?![\w'’-]){_ARTICLE}", statement)
    if match is None:
        by_text = _by_text(statement, options)
        return by_text, "" if by_text else f"the final answer {statement!r:.40} names no option"
    another = _AND_MORE.match(statement, match.end())
    further = another and (another[1] or another[2])
    if further in options and further != match["label"]:
        return None, f"more than one option named: {match['label']} and {further}"
    return match["label"], ""


def _last_letter(response: str, options: Mapping[str, str]) -> str | None:
    label = "(?P<label>" + "|".join(map(re.escape, options)) + ")"
    matches = list(re.finditer(rf"(?<![\w'’-]){label}(?![\w'’-]){_ARTICLE}", response))
    return matches[-1]["label"] if matches else None


def _by_text(text: str, options: Mapping[str, str]) -> str | None:
    """Return the label of the one option whose text this is."""
    fits = [label for label, option in options.items() if option and fold(option) == fold(text)]
    return fits[0] if len(fits) == 1 else None
