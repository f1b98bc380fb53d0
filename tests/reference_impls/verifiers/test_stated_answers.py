r"""Forty answers and more for each of `choice`, `math` and `exact`, as models write them, with the right verdict.

Strict alone is judged here: it is the reward that a policy is trained on. `numeric` and the programs have tables of
their own (test_numeric_answers.py, test_program_answers.py).
"""

from typing import Any

import pytest

from reference_impls.verifiers import Verifier, load_verifier

CAPITALS = ["Paris", "Rome", "New York", "The Hague", "Bern (Switzerland)"]
CHOICE_RIGHT: list[tuple[str, Any]] = [
    ("B", "B"),
    ("(B)", "B"),
    (" B.\n", "B"),
    ("[B]", "B"),
    ("**B**", "B"),
    ("Answer: B", "B"),
    ("**Answer:** B", "B"),
    ("Answer: **B**", "B"),
    ("Answer: (B) Rome", "B"),
    ("ANSWER: B", "B"),
    ("A good answer is B", "B"),
    ("A good answer is B.", "B"),
    ("The answer is B, because A is too small.", "B"),
    ("The correct answer is (B).", "B"),
    ("The correct option is B.", "B"),
    ("The correct choice is B.", "B"),
    ("The best answer is B", "B"),
    ("I would say A first, but the answer is B.", "B"),
    ("The answer is not A. The answer is B.", "B"),
    ("Let me see. A is false. C is false. The final answer is $\\boxed{B}$.", "B"),
    (r"\boxed{\text{B}}", "B"),
    (r"\boxed{(B)}", "B"),
    (r"\boxed{\textbf{(B)}\ 12}", "B"),
    (r"\boxed{\mathrm{B}}", "B"),
    ("<answer>B</answer>", "B"),
    ("<answer> (B) </answer>", "B"),
    ("<think>It could be A or C. The answer is A.</think>\n\nB", "B"),
    ("<think>Hm.</think>The answer is B", "B"),
    ("#### B", "B"),
    ("So the answer must be B.", "B"),
    ("Therefore, the answer is: B", "B"),
    ("The answer is option B: Rome", "B"),
    ("B) Rome", "B"),
    ("B: Rome", "B"),
    ("Rome", "B"),
    ("The answer is Rome.", "B"),
    ("Answer: new york", "C"),
    ("The answer is The Hague.", "D"),
    ("Answer: D. The Hague", "D"),
    ("The answer is A.", "A"),
    ("Answer: A", "A"),
    ("The answer is E", "E"),
    ("The answer is B, not A.", "B"),
    ("The answer is B rather than A.", "B"),
    ("Answer: B\n\nA and C are both false.", "B"),
]
CHOICE_WRONG: list[tuple[str, Any]] = [
    ("A good answer is B", "A"),
    ("A", "B"),
    ("Answer: A or B", "A"),
    ("Answer: A or B", "B"),
    ("A and B", "B"),
    ("The answer is A, B.", "B"),
    ("The answer is A/B", "B"),
    ("(A) or (B)", "B"),
    ("The answer is either A or B.", "B"),
    ("The answer is both A and B.", "A"),
    ("The answer is not B.", "B"),
    ("The answer is neither A nor B.", "B"),
    ("It is not (B).", "B"),
    (r"\boxed{A} or \boxed{B}", "B"),
    (r"\boxed{A}, \boxed{B}", "B"),
    (r"\boxed{A, B}", "A"),
    ("<answer>A</answer><answer>B</answer>", "B"),
    ("<think>The answer is B.</think>", "B"),
    ("<think>The answer is B.", "B"),
    ("The answer is Bern (Switzerland).", "B"),
    ("The answer is Bob.", "B"),
    ("A dog is a pet.", "A"),
    ("The answer is unknown.", "B"),
    ("The answer is B. Wait, it is C.", "B"),
    ("Answer: B\nNo, the answer is C.", "B"),
    ("The answer is B or maybe C.", "B"),
    ("Options: (A) Paris (B) Rome", "B"),
    ("A, B, C, D", "D"),
    ("Answer: A B C D", "A"),
    ("All of them", "B"),
    ("None of the above", "B"),
    ("", "B"),
]

MATH_RIGHT: list[tuple[str, Any]] = [
    (r"\boxed{\frac{3}{4}}", "3/4"),
    (r"\boxed{\frac34}", "0.75"),
    (r"\boxed{\tfrac{3}{4}}", r"\frac{3}{4}"),
    (r"\boxed{3/4}", r"\dfrac{3}{4}"),
    (r"\boxed{-\frac{3}{4}}", "-3/4"),
    (r"\boxed{\frac{-3}{4}}", "-0.75"),
    (r"\boxed{1,234}", "1234"),
    (r"\boxed{1{,}234}", "1234"),
    (r"\boxed{1234}", "1,234"),
    (r"\boxed{\$12}", "12"),
    (r"\boxed{12\%}", r"12\%"),
    (r"\boxed{12\text{ cm}}", "12"),
    (r"\boxed{12 \text{ miles per hour}}", "12"),
    (r"\boxed{45^\circ}", "45"),
    ("\\boxed{\N{MINUS SIGN}4}", "-4"),
    ("The answer is \N{MINUS SIGN}4.", "-4"),
    (r"\boxed{x = 5}", "5"),
    (r"\boxed{(x+1)(x-1)}", "x^2-1"),
    (r"\boxed{2x+3y}", "3y+2x"),
    (r"\boxed{\sqrt{12}}", r"2\sqrt{3}"),
    (r"\boxed{\frac{1}{\sqrt{2}}}", r"\frac{\sqrt{2}}{2}"),
    (r"\boxed{\frac{\pi}{2}}", r"\pi/2"),
    (r"\boxed{(3, 4)}", "(3,4)"),
    (r"\boxed{\left(3, \frac{1}{2}\right)}", "(3, 0.5)"),
    (r"\boxed{\{1, 2, 3\}}", r"\{3, 2, 1\}"),
    (r"\boxed{[0, 1)}", "[0,1)"),
    (r"\boxed{(-\infty, 2]}", r"(-\infty,2]"),
    (r"\boxed{2^{10}}", "1024"),
    (r"\boxed{1.5 \times 10^3}", "1500"),
    (r"\boxed{073}", "73"),
    (r"\boxed{73}", "073"),
    ("First \\boxed{1}, which is wrong. The final answer is \\boxed{2}.", "2"),
    ("The value, \\boxed{42}, follows from the lemma above.", "42"),
    ("**Final answer:** \\boxed{17}", "17"),
    ("<think>\\boxed{3}</think>\\boxed{4}", "4"),
    ("<answer>\\frac{1}{3}</answer>", "1/3"),
    ("#### 70", "70"),
    ("The answer is $\\frac{5}{6}$.", "5/6"),
    ("Answer: $2\\sqrt{2}$", r"\sqrt{8}"),
    ("The answer is 12, not 13.", "12"),
    (r"\boxed{\text{even}}", r"\text{even}"),
    (r"\boxed{\mathbf{7}}", "7"),
    (r"\boxed{\begin{pmatrix} 1 \\ 2 \end{pmatrix}}", r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}"),
]
MATH_WRONG: list[tuple[str, Any]] = [
    (r"\boxed{\frac{4}{3}}", "3/4"),
    (r"\boxed{\frac{3}{4}}", "3"),
    (r"\boxed{4}", "-4"),
    (r"\boxed{-4}", "4"),
    (r"\boxed{12 \text{ or } 13}", "12"),
    (r"\boxed{12, 13}", "12"),
    (r"\boxed{12} \text{ or } \boxed{13}", "12"),
    (r"\boxed{12} or \boxed{13}", "13"),
    (r"\boxed{12}, \boxed{13}", "13"),
    ("The answer is 12 or 13.", "12"),
    ("The answer is 12 or 13.", "13"),
    ("The answer is not 5.", "5"),
    ("The answer is between 5 and 7.", "5"),
    (r"\boxed{x > 5}", "5"),
    (r"\boxed{[0, 1]}", "[0,1)"),
    (r"\boxed{(1, 2)}", "(2, 1)"),
    (r"\boxed{\{1, 2\}}", r"\{1, 2, 3\}"),
    (r"\boxed{1}", r"\{1, 2\}"),
    (r"\boxed{x+2}", "x+1"),
    (r"\boxed{2\sqrt{3}}", "2"),
    (r"\boxed{12\pi}", "12"),
    (r"\boxed{1234}", "1,2,3,4"),
    (r"\boxed{12.5}", "12"),
    (r"\boxed{3.14}", r"\pi"),
    (r"\boxed{0.33}", "1/3"),
    (r"\boxed{12} is what I first had; it is \boxed{13}", "12"),
    ("<think>\\boxed{12}</think>", "12"),
    ("<think>\\boxed{12}", "12"),
    ("I do not know", "12"),
    (r"\boxed{}", "12"),
    (r"\boxed{12", "12"),
    ("The answer is A.", "12"),
    ("", "0"),
]

EXACT_RIGHT: list[tuple[str, str, Any]] = [
    ("exact", "Paris", "Paris"),
    ("exact", "  Paris\n\n", "Paris"),
    ("exact", "<think>Rome?</think>Paris", "Paris"),
    ("exact", "<think>\nRome?\n</think>\n\nParis\n", "Paris"),
    ("exact", "-5", "-5"),
    ("exact", "1,000", "1,000"),
    ("exact", "3/4", "3/4"),
    ("exact", "new\nline", "new\nline"),
    ("exact", "7", 7),
    ("exact", "7.5", 7.5),
    ("exact", '{"a": 1}', '{"a": 1}'),
    ("exact", "naïve", "naïve"),
    ("exact", "日本", "日本"),
    ("exact", "yes, no", "yes, no"),
    ("exact:####", "2 + 2 = 4 #### 4", "4"),
    ("exact:####", "#### 3\n#### 4", "4"),
    ("exact:####", "####4", "4"),
    ("exact:####", "<think>#### 3</think>#### 4", "4"),
    ("exact:####", "so #### -4 ", "-4"),
    ("exact:Answer:", "It rains.\nAnswer: yes", "yes"),
    ("exact:=", "1+1=2", "2"),
    ("exact:####", "#### 1,234", "so it is #### 1,234"),
]
EXACT_WRONG: list[tuple[str, str, Any]] = [
    ("exact", "paris", "Paris"),
    ("exact", "Paris.", "Paris"),
    ("exact", "It is Paris", "Paris"),
    ("exact", "Paris or Rome", "Paris"),
    ("exact", "not Paris", "Paris"),
    ("exact", "5", "-5"),
    ("exact", "1000", "1,000"),
    ("exact", "7.0", 7),
    ("exact", "35", "3.5"),
    ("exact", "yes,no", "yes, no"),
    ("exact", "<think>Paris</think>", "Paris"),
    ("exact", "<think>Paris", "Paris"),
    ("exact", "", "Paris"),
    ("exact", "Paris\nRome", "Paris"),
    ("exact:####", "4", "4"),
    ("exact:####", "#### 4\n#### 5", "4"),
    ("exact:####", "#### 4 or 5", "4"),
    ("exact:####", "#### not 4", "4"),
    ("exact:####", "#### 4 apples", "4"),
    ("exact:####", "<think>#### 4</think>", "4"),
    ("exact:Answer:", "answer yes", "yes"),
]


@pytest.fixture(scope="module")
def mathematics() -> Any:
    """SymPy is loaded once."""
    with load_verifier("math", seconds=60, workers=1) as verifier:
        yield verifier


def misjudged(verifier: Verifier, right: list[tuple[str, Any]], wrong: list[tuple[str, Any]], **columns: Any) -> Any:
    """Return the answers whose strict verdict is another than the table's, with its reason."""
    cases = [(*case, 1) for case in right] + [(*case, 0) for case in wrong]
    assert len(cases) >= 40
    verdicts = verifier.verify([("", response, {"answer": answer, **columns}) for response, answer, _ in cases])
    return [
        (response, answer, verdict.strict, verdict.reason)
        for (response, answer, wanted), verdict in zip(cases, verdicts, strict=True)
        if verdict.strict != wanted
    ]


def test_no_choice_is_misjudged() -> None:
    """Letters in words, in brackets, in boxes, by the text of the option; alternatives and denials choose nothing."""
    assert misjudged(load_verifier("choice"), CHOICE_RIGHT, CHOICE_WRONG, choices=CAPITALS) == []


def test_no_expression_is_misjudged(mathematics: Verifier) -> None:
    """LaTeX, separators, units, sets and intervals; alternatives, denials and other values are wrong."""
    assert misjudged(mathematics, MATH_RIGHT, MATH_WRONG) == []


def test_no_exact_answer_is_misjudged() -> None:
    """Nothing is forgiven but spaces at both ends and a closed thought."""
    assert len(EXACT_RIGHT) + len(EXACT_WRONG) >= 40
    strict = {
        (name, response): load_verifier(name).verify([("", response, {"answer": answer})])[0].strict
        for name, response, answer in EXACT_RIGHT + EXACT_WRONG
    }
    wanted = {(name, response): 1 for name, response, _ in EXACT_RIGHT}
    wanted |= {(name, response): 0 for name, response, _ in EXACT_WRONG}
    assert {case: found for case, found in strict.items() if found != wanted[case]} == {}
