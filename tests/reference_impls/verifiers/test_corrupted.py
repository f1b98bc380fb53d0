"""Wrong answers made from right ones are wrong, and a verifier that is worth its name accepts none of them."""

import pytest

from reference_impls.verifiers import load_verifier
from reference_impls.verifiers.corrupted import corrupted


@pytest.mark.parametrize(
    ("verifier", "right", "answer", "other", "wrong"),
    [
        ("numeric", "#### 42", "42", ("#### 7", "7"), ["#### 43", "#### 42 or 43", "#### 7"]),
        ("numeric", "#### 1,299", "1299", None, ["#### 1300", "#### 1,299 or 1300"]),
        ("numeric", "#### 42", "42", ("It is 42", "42"), ["#### 43", "#### 42 or 43"]),
        ("exact", "Paris", "Paris", ("Rome", "Rome"), ["Rome"]),
        ("choice", "B", "B", ("B", "B"), []),
        ("math", "\\boxed{x}", "x", ("\\boxed{2}", "2"), ["\\boxed{2}"]),
        ("unit-tests", "def f(x):\n    return x + 1\n", None, None, ["def f(x):\n    return None\n"]),
        ("stdin-tests", "n = int(input())\nprint(n + 1)", None, None, ["n = int(input())\nprint()"]),
    ],
)
def test_a_right_answer_is_corrupted_where_its_answer_stands(
    verifier: str, right: str, answer: str | None, other: tuple[str, str | None] | None, wrong: list[str]
) -> None:
    """The next number, both numbers, nothing, or another row's response with another answer."""
    made = corrupted(verifier, right, answer, other)
    assert made == wrong and right not in made


def test_numeric_accepts_no_corrupted_answer() -> None:
    """In four forms, of forty numbers."""
    forms = ("#### {}", "The answer is {}.", "\\boxed{{{}}}", "{} apples")
    tasks = [
        ("", text, {"answer": str(number)})
        for number in range(0, 4000, 100)
        for form in forms
        for text in corrupted("numeric", form.format(number), str(number), (form.format(number + 3), str(number + 3)))
    ]
    verdicts = load_verifier("numeric").verify(tasks)
    assert len(tasks) == 40 * 4 * 3 and [verdict for verdict in verdicts if verdict.strict != 0] == []
