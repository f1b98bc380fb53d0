"""Answers as models write them: what `numeric` takes for the row's number, and what it must not take for it.

Strict alone is judged here: it is the reward that a policy is trained on.
"""

import pytest

from reference_impls.verifiers import load_verifier

RIGHT = [
    ("#### 42", "42"),
    ("She has 3 + 4 = 7 eggs.\n#### 7", "7"),
    ("The answer is 42.", "42"),
    ("**Answer:** $1,234.50", "1234.5"),
    ("The final answer is: $\\boxed{12}$. I hope it is correct.", "12"),
    ("<think>It may be 11 or 13. The answer is 11.</think>The answer is 12.", "12"),
    ("<think>\nfirst 5, then 7\n</think>\n\n12", "12"),
    ("so it is 5</think><answer>12</answer>", "12"),
    ("<answer>12</answer>", "12"),
    ("<ANSWER>\n 12 apples\n</ANSWER>", "12"),
    ("<answer>\\boxed{12}</answer>", "12"),
    ("<answer>The answer is 12.</answer>", "12"),
    (r"\boxed{\frac12}", "0.5"),
    (r"\boxed{-\frac{3}{4}}", "-0.75"),
    (r"\boxed{1\frac12}", "1.5"),
    (r"\boxed{\dfrac{1}{2}\text{ hours}}", "0.5"),
    (r"\boxed{12\text{ cm}^2}", "12"),
    (r"\boxed{45^\circ}", "45"),
    (r"\boxed{x = 12}", "12"),
    (r"\boxed{1.5 \times 10^{3}}", "1500"),
    (r"$\boxed{\mathbf{12}}$", "12"),
    (r"\boxed{1{,}000\,000}", "1000000"),
    (r"\boxed{36\%}", "36"),
    ("US$500", "500"),
    ("The answer is US$500.", "500"),
    ("Answer: 500 USD", "500"),
    ("Answer: €12.50", "12.5"),
    ("Answer: 5 million dollars", "5000000"),
    ("The answer is 5k.", "5000"),
    ("Answer: ½", "0.5"),
    ("Answer: 1 and 1/2 cups", "1.5"),
    ("36 apples", "36"),
    ("36", "36 apples"),
    ("The answer is 36 apples.", "36 apples"),
    ("The answer is 18 dollars per day.", "18"),
    ("The answer is 18 because 9 * 2 = 18.", "18"),
    ("The answer is 1/2, or 0.5.", "0.5"),
    ("The answer is 12, not 13.", "12"),
    ("The answer is 12 to the nearest dollar.", "12"),
    ("The answer is minus 4.", "-4"),
    ("The answer is \N{MINUS SIGN}4.", "-4"),
    ("The answer would be 12.", "12"),
    ("The answer is therefore approximately 3.2.", "3.2"),
    ("The answer is 20 + 22 = 42.", "42"),
    ("Answer: 5. That was wrong. Answer: 6.", "6"),
    ("The answer is 60 km/h", "60"),
    ("The answer is 12 of the 15 apples.", "12"),
    ("The answer is $70,000.", "$70,000"),
    ("The answer is 7 (3 for Ann and 4 for Bob).", "7"),
    ("The answer is 204. This includes the 24 minutes in the shop.", "204"),
]
WRONG = [
    ("#### 12 or 13", "12"),
    ("#### 12 or 13", "13"),
    ("The answer is 12 or 13.", "12"),
    ("The answer is 12 or maybe 13.", "13"),
    ("The answer is either 12 or 13.", "13"),
    ("The answer is 12 to 15.", "12"),
    ("The answer is 12 to 15.", "15"),
    ("The answer is 12-15.", "15"),
    ("The answer is 12\N{EN DASH}15", "12"),
    ("The answer is 12 – 15", "12"),
    ("The answer is between 12 and 15.", "12"),
    ("The answer is 12 through 15", "12"),
    ("The answer is 12, 13.", "12"),
    ("The answer is 12, 13, or 14.", "12"),
    ("The answer is 12 and 13.", "12"),
    ("The answer is 12/13/14", "12"),
    (r"\boxed{12} or \boxed{13}", "13"),
    (r"\boxed{12}, \boxed{13}", "13"),
    (r"\boxed{12} \boxed{13}", "13"),
    (r"\boxed{12 \text{ or } 13}", "12"),
    (r"\boxed{12, 13}", "12"),
    (r"\boxed{12} or 13", "12"),
    (r"\boxed{12 \pm 1}", "12"),
    (r"\boxed{12\pi}", "12"),
    (r"\boxed{2\sqrt{3}}", "2"),
    (r"\boxed{12^2}", "12"),
    (r"\boxed{3x}", "3"),
    (r"\boxed{>12}", "12"),
    ("<answer>12</answer> <answer>13</answer>", "13"),
    ("<answer>12 or 13</answer>", "12"),
    ("<think>The answer is 12.</think>", "12"),
    ("<think>The answer is 12.", "12"),
    ("The answer is 12. Or maybe 13.", "12"),
    ("The answer is 12. Wait, it is 13.", "12"),
    ("The answer is 2:30 pm", "2"),
    ("The answer is 5 pm.", "5"),
    ("The answer is 12:05", "12"),
    ("The answer is 5 o'clock", "5"),
    ("The answer is 5 feet 3 inches.", "5"),
    ("The answer is 5'3\"", "5"),
    ("The answer is 2 hours and 30 minutes.", "2"),
    ("The answer is 2 hours 30 minutes.", "30"),
    ("The answer is 2h30", "2"),
    ("The answer is at least 12.", "12"),
    ("The answer is more than 12.", "12"),
    ("The answer is 12 or more.", "12"),
    ("The answer is 12 apples or so.", "12"),
    ("The answer is 12+", "12"),
    ("The answer is 12 and a half.", "12"),
    ("The answer is x = 12 or x = 13", "12"),
    ("The answer is x = 12 or x = 13", "13"),
    ("The answer is x = 12, y = 13", "13"),
    ("The answer is 12 for Ann and 13 for Bob", "12"),
    ("The answer is 12 if it rains, 13 if not", "12"),
    ("The answer is 12 because 3 * 4 = 12, or 13", "12"),
    ("The answer is not 12.", "12"),
    ("The answer is 12, or the answer is 13.", "13"),
    ("Answer: 12 13", "12"),
    ("Answer: 12%", "12.5"),
    ("Answer: 5 million", "5"),
    ("Answer: 1.5", "15"),
    ("Answer: 3/4", "3"),
    ("Answer: 12,5", "12"),
    ("Answer: March 12, 2024", "12"),
    ("Answer: 12 March 2024", "12"),
    ("12 or 13", "12"),
    ("12 apples and 3 pears", "12"),
    ("2:30", "2"),
    ("Answer: twelve or 13", "13"),
    ("Answer:", "0"),
]


@pytest.mark.parametrize(("response", "answer"), RIGHT)
def test_a_right_answer_is_right(response: str, answer: str) -> None:
    """In every form that states one number, with its unit, its reason or its rounding."""
    verdict = load_verifier("numeric").verify([("", response, {"answer": answer})])[0]
    assert verdict.strict == 1, verdict.reason


@pytest.mark.parametrize(("response", "answer"), WRONG)
def test_what_states_no_single_number_is_wrong(response: str, answer: str) -> None:
    """Alternatives, ranges, bounds, clock times, compound units, thoughts and what is taken back."""
    verdict = load_verifier("numeric").verify([("", response, {"answer": answer})])[0]
    assert verdict.strict == 0 and verdict.reason


@pytest.mark.parametrize("answer", ["12 or 13", "2:30 pm", "5 feet 3 inches", "12 to 15", "many", "x + 1"])
def test_a_gold_answer_that_is_no_single_number_cannot_be_compared_with(answer: str) -> None:
    """The row is at fault, so nothing is called wrong."""
    assert load_verifier("numeric").verify([("", "The answer is 12.", {"answer": answer})])[0].strict is None
