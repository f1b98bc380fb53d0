"""What each verifier takes for right, wrong and unscorable; no user function and no pattern can end a run."""

import json
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posttrain.errors import PosttrainError
from reference_impls.verifiers import KNOWN, Outcome, Verdict, Verifier, load_verifier
from reference_impls.verifiers.numeric import number

UNSCORABLE = (None, None)


def score(name: str, response: str, answer: Any = None, **row: Any) -> tuple[float | None, float | None]:
    """The strict and the lenient reward of one response by a verifier without workers."""
    verdict = load_verifier(name).verify([("", response, {"answer": answer, **row})])[0]
    assert verdict.strict == 1 or verdict.reason, "a response that is not right has a reason"
    return verdict.strict, verdict.lenient


@pytest.mark.parametrize(
    ("verdict", "outcome"),
    [
        (Verdict(1.0, 1.0), Outcome.RIGHT),
        (Verdict(0.5, 1.0), Outcome.WRONG),
        (Verdict(0.0, 0.0), Outcome.WRONG),
        (Verdict(None, None), Outcome.UNSCORABLE),
    ],
)
def test_the_outcome_follows_from_the_strict_reward(verdict: Verdict, outcome: Outcome) -> None:
    """Full is right, none is unscorable, anything between is wrong."""
    assert verdict.outcome is outcome


@pytest.mark.parametrize(
    ("name", "response", "answer", "rewards"),
    [
        ("exact", " Paris\n", "Paris", (1, 1)),
        ("exact", "paris.", "Paris", (0, 1)),
        ("exact", "It must be\n\n**Paris**", "Paris", (0, 1)),
        ("exact", "The answer is Paris.", "Paris", (0, 1)),
        ("exact", "Rome", "Paris", (0, 0)),
        ("exact", "-5", "5", (0, 0)),
        ("exact", "3.5", "35", (0, 0)),
        ("exact", "", "Paris", (0, 0)),
        ("exact", "7", 7, (1, 1)),
        ("exact", "Paris", None, UNSCORABLE),
        ("exact", "True", True, UNSCORABLE),
        ("exact:####", "3 + 4 #### 7", "7", (1, 1)),
        ("exact:####", "#### 6 no, #### 7", "7", (1, 1)),
        ("exact:####", "3 + 4 #### 7", "3 + 4 = <<7>> #### 7", (1, 1)),
        ("exact:####", "7", "7", (0, 1)),
        ("exact:Answer:", "Answer: yes", "Yes", (0, 1)),
    ],
)
def test_exact(name: str, response: str, answer: Any, rewards: tuple[float, float]) -> None:
    """Strict is equality after the last marker; lenient forgives case, punctuation and place, but no sign or point."""
    assert score(name, response, answer) == rewards


@pytest.mark.parametrize(
    ("response", "answer", "rewards"),
    [
        ("#### 42", "42", (1, 1)),
        ("#### 42", "20 + 22 = <<20+22=42>>42\n#### 42", (1, 1)),
        (r"so $\boxed{42}$.", "42", (1, 1)),
        (r"\boxed{\frac{3}{4}}", "0.75", (1, 1)),
        (r"\boxed{1{,}234 \text{ dollars}}", "1234", (1, 1)),
        (r"\boxed{\$18}", "18", (1, 1)),
        ("The answer is 42.", "42", (1, 1)),
        ("**Final Answer:** $1,234.0", "1234", (1, 1)),
        ("The answer is $x = 3 + 4 = 7$.", "7", (1, 1)),
        ("Answer: 1 1/2 cups", "1.5", (1, 1)),
        ("The answer is 50%", "0.5", (1, 1)),
        ("The answer is 50%", "50", (1, 1)),
        ("42", "42.00", (1, 1)),
        ("3/4", "0.75", (1, 1)),
        ("−5", "-5", (1, 1)),
        ("-$5", "-5", (1, 1)),
        ("1e3", "1000", (1, 1)),
        ("Answer: 5. No wait. Answer: 6.", "6", (1, 1)),
        ("#### 5\nOr rather, the answer is 6", "6", (1, 1)),
        ("We have 20 + 22 = 42", "42", (0, 1)),
        ("The answer is 3 + 4", "3", (0, 0)),
        ("The answer is 18-20", "18", (0, 0)),
        ("The answer is the sum of 5 and 3", "5", (0, 0)),
        ("The answer is not known, but 42 is near", "42", (0, 1)),
        ("#### 5-3", "-3", (0, 0)),
        ("no number", "42", (0, 0)),
        ("", "42", (0, 0)),
        ("3/0", "3", (0, 0)),
        ("1e999999999", "1", (0, 0)),
        ("1" * 5000, "1", (0, 0)),
        ("42", None, UNSCORABLE),
        ("42", "many", UNSCORABLE),
        ("42", [42], UNSCORABLE),
    ],
)
def test_numeric(response: str, answer: Any, rewards: tuple[float, float]) -> None:
    """Strict wants a final number stated as such; lenient takes the last number anywhere."""
    assert score("numeric", response, answer) == rewards


FRACTIONS = st.fractions(min_value=-(10**9), max_value=10**9, max_denominator=10**6)
DECIMALS = st.decimals(min_value=-(10**9), max_value=10**9, places=4)


@given(FRACTIONS, FRACTIONS)
def test_two_written_fractions_are_the_same_exactly_when_their_values_are(one: Fraction, other: Fraction) -> None:
    """And the order of the two makes no difference."""
    left, right = number(str(one)), number(str(other))
    assert left is not None and right is not None
    assert left.same(right) == right.same(left) == (one == other)
    assert left.same(left)


@given(DECIMALS, st.integers(0, 5), st.booleans())
def test_no_way_of_writing_a_decimal_changes_its_value(value: Any, zeros: int, spaced: bool) -> None:
    """Commas, trailing zeros, a currency, a full stop and space around it."""
    plain, decorated = number(f"{value:f}"), number(f"{' ' * spaced}${value:,f}{'0' * zeros}. ")
    assert plain is not None and decorated is not None
    assert plain.value == Fraction(value) == decorated.value


@given(st.text(max_size=200), st.text(max_size=20))
def test_no_text_makes_a_simple_verifier_fail(response: str, answer: str) -> None:
    """Whatever a model writes is right or wrong; only a row can be unscorable."""
    for name in ("exact", "exact:#", "numeric", "choice"):
        verdict = load_verifier(name).verify([("", response, {"answer": answer})])[0]
        assert "failed" not in verdict.reason


def test_a_long_response_is_read_in_linear_time() -> None:
    """A loop of half-finished forms costs no quadratic time: a run waits for its verifiers."""
    for part in ("\\boxed{", "answer is ", "(A", "1,234", "1/", "1 ", "####", "```python\n", "A ", "\\frac{1"):
        start = time.process_time()
        for name in ("exact", "numeric", "choice"):
            score(name, part * (50_000 // len(part)), "1" if name == "numeric" else "A")
        assert time.process_time() - start < 5, part


@pytest.mark.parametrize(
    ("response", "answer", "rewards"),
    [
        ("B", "B", (1, 1)),
        ("(B)", "B", (1, 1)),
        ("**B.**", "B", (1, 1)),
        ("B) because it is larger", "B", (1, 1)),
        ("Answer: B", "B", (1, 1)),
        ("The answer is (B).", "B", (1, 1)),
        ("The correct answer is option B", "B", (1, 1)),
        (r"\boxed{B}", "B", (1, 1)),
        (r"$\boxed{\text{B}}$", "B", (1, 1)),
        ("(A) and (D) are false, so (B)", "B", (1, 1)),
        ("Answer: A because it is", "A", (1, 1)),
        ("The answer is A dog", "A", (0, 0)),
        ("A dog is a pet.", "A", (0, 0)),
        ("I think B fits best", "B", (0, 1)),
        ("It is B. A dog would not.", "B", (0, 1)),
        ("Answer: A or B", "A", (0, 0)),
        ("Answer: Bob", "B", (0, 0)),
        ("b", "B", (0, 0)),
        ("", "B", (0, 0)),
        ("B", 1, (1, 1)),
        ("B", "(B)", (1, 1)),
        ("B", "Answer: B", (1, 1)),
        ("B", "F", UNSCORABLE),
        ("B", 9, UNSCORABLE),
        ("B", None, UNSCORABLE),
    ],
)
def test_choice(response: str, answer: Any, rewards: tuple[float, float]) -> None:
    """Strict wants the option stated; an article, a word and an alternative are none."""
    assert score("choice", response, answer) == rewards


def test_choice_takes_the_options_of_the_row() -> None:
    """As labels, as texts, or as lists of both; the text of an option names it too."""
    texts = {"choices": ["red", "green", "blue"]}
    assert score("choice", "Answer: green", "B", **texts) == (1, 1)
    assert score("choice", "(C)", 2, **texts) == (1, 1)
    assert score("choice", "(C)", "Blue", **texts) == (1, 1)
    assert score("choice", "D", "D", **texts) == UNSCORABLE
    assert score("choice", "2", "2", choices={"label": ["1", "2"], "text": ["x", "y"]}) == (1, 1)
    assert score("choice", "J", "J", choices=["H", "J"]) == (1, 1)


@pytest.fixture(scope="module")
def mathematics() -> Iterator[Verifier]:
    """SymPy is loaded once."""
    with load_verifier("math", seconds=60, workers=1) as verifier:
        yield verifier


def test_math(mathematics: Verifier) -> None:
    """Equal expressions are right however they are written; strict wants them stated as final."""
    cases = [
        (r"so \boxed{\frac{1}{2}}", "1/2", (1, 1)),
        (r"\boxed{0.5}", r"\frac{1}{2}", (1, 1)),
        (r"\boxed{\dfrac12}", "$0.5$", (1, 1)),
        (r"\boxed{(x+1)^2}", "x^2+2x+1", (1, 1)),
        (r"\boxed{2\sqrt{3}}", r"We get \boxed{\sqrt{12}}.", (1, 1)),
        (r"\boxed{\{2, 1\}}", r"\{1, 2\}", (1, 1)),
        (r"\boxed{\left( 3, \frac{\pi}{2} \right)}", r"(3, \frac{\pi}{2})", (1, 1)),
        ("The answer is $x = 5$.", "5", (1, 1)),
        ("#### 70", "70", (1, 1)),
        ("588", "588", (1, 1)),
        (r"\boxed{x+2}", "x+1", (0, 0)),
        ("We add them and it all comes to $12$", "12", (0, 1)),
        ("I do not know", "12", (0, 0)),
        ("", "12", (0, 0)),
        (r"\boxed{", "12", (0, 0)),
        (r"\boxed{\frac{}{}^_}", "12", (0, 0)),
        ("\x00\udce9 ∫∫ $$ $", "12", (0, 0)),
        ("5", None, UNSCORABLE),
    ]
    verdicts = mathematics.verify([("", response, {"answer": answer}) for response, answer, _ in cases])
    found = [(v.strict, v.lenient) for v in verdicts]
    assert {c[0]: (f, v.reason) for c, f, v in zip(cases, found, verdicts, strict=True) if f != c[2]} == {}


def test_math_outside_the_main_thread_gives_the_same(mathematics: Verifier) -> None:
    """The library's own clock raises there, which was read as a wrong answer by many."""
    found: list[Verdict] = []
    ask = [("", r"\boxed{\frac{1}{2}}", {"answer": "0.5"})]
    thread = threading.Thread(target=lambda: found.extend(mathematics.verify(ask)))
    thread.start()
    thread.join()
    assert found == mathematics.verify(ask) and found[0].outcome is Outcome.RIGHT


@pytest.mark.slow
def test_math_that_takes_too_long_is_unscorable_and_the_rest_is_scored() -> None:
    """A tower of powers does not hold the batch."""
    tower = r"\boxed{9^{9^{9^{9^{9}}}}}"
    with load_verifier("math", seconds=2, workers=1) as verifier:
        first, second = verifier.verify([("", tower, {"answer": "x^2+1"}), ("", r"\boxed{5}", {"answer": "5"})])
    assert first.outcome is not Outcome.RIGHT and second.outcome is Outcome.RIGHT
    assert first.outcome is Outcome.WRONG or "2 s" in first.reason or "memory" in first.reason


def test_regex() -> None:
    """The last match counts: its group `answer`, else the first, else all of it."""
    cases = [
        (r"#### (\d+)", "#### 1 #### 42", "42", (1, 1)),
        (r"x=(\d+), y=(?P<answer>\d+)", "x=1, y=2", "2", (1, 1)),
        (r"yes|no", "yes or no", "no", (1, 1)),
        (r"Answer: (\w+)", "answer: YES", "yes", (0, 1)),
        (r"^<think>.*</think>\s*\d+$", "<think>hm</think> 5", None, (1, 1)),
        (r"^\d+$", "about 5", None, (0, 0)),
        (r"(\d)?", "", "", (1, 1)),
    ]
    for pattern, response, answer, rewards in cases:
        with load_verifier(f"regex:{pattern}", workers=1) as verifier:
            verdict = verifier.verify([("", response, {"answer": answer})])[0]
        assert (verdict.strict, verdict.lenient) == rewards, pattern


@pytest.mark.slow
def test_a_pattern_that_takes_exponential_time_is_unscorable() -> None:
    """And the other responses of the batch are scored."""
    with load_verifier(r"regex:^(\w+\s?)*$", seconds=2, workers=1) as verifier:
        verdicts = verifier.verify([("", text, {}) for text in ("a b", "a" * 40 + "!", "b c")])
    assert [verdict.outcome for verdict in verdicts] == [Outcome.RIGHT, Outcome.UNSCORABLE, Outcome.RIGHT]
    assert verdicts[1].reason == "the pattern: it took longer than 2 s and was stopped"


USER_CODE = """
import os, sys, time, ctypes, math, threading, fractions
def verify(prompt, response, row):
    return ACTIONS[response]() if response in ACTIONS else float(row["answer"])
def fails(error): raise error
def forks():
    os.fork()
    return 0.5
class Odd:
    def __float__(self): raise OSError("no")
class Mute(Exception):
    def __str__(self): raise ValueError
def deep(): return deep()
ACTIONS = {
    "half": lambda: 0.5, "one": lambda: 1, "true": lambda: True, "fraction": lambda: fractions.Fraction(1, 4),
    "forks": forks,
    "prints": lambda: print("x" * 100000) or sys.stderr.write("y") or os.write(1, b"z") * 1.0,
    "seven": lambda: 7, "minus": lambda: -0.1, "nan": lambda: math.nan, "infinity": lambda: math.inf,
    "none": lambda: None, "text": lambda: "1.0", "list": lambda: [1.0], "object": lambda: object(),
    "odd": lambda: Odd(), "raises": lambda: fails(KeyError("gold")), "mute": lambda: fails(Mute()),
    "system exit": lambda: sys.exit(0), "interrupt": lambda: fails(KeyboardInterrupt()),
    "recursion": deep, "memory": lambda: bytearray(1 << 40),
    "exits": lambda: os._exit(3), "crashes": lambda: ctypes.string_at(0), "kills": lambda: os.kill(os.getpid(), 9),
    "hangs": lambda: time.sleep(600), "closes": lambda: os.closerange(3, 100),
    "floods": lambda: [os.write(fd, b"{}" * 100) for fd in range(3, 256) if fd_open(fd)],
}
def fd_open(fd):
    try: os.fstat(fd); return True
    except OSError: return False
not_a_function = 3
"""
FINE = {"half": 0.5, "one": 1, "true": 1, "fraction": 0.25, "forks": 0.5, "prints": 1}
REASONS = {
    "seven": "it returned 7, expected a number from 0 to 1",
    "minus": "it returned -0.1",
    "nan": "it returned nan",
    "infinity": "it returned inf",
    "none": "it returned None (NoneType)",
    "text": "it returned '1.0' (str)",
    "list": "it returned [1.0] (list)",
    "object": "it returned an object of type object",
    "odd": "it raised OSError: no",
    "raises": "it raised KeyError: 'gold'",
    "mute": "it raised Mute: (its text cannot be shown)",
    "system exit": "it raised SystemExit",
    "interrupt": "it raised KeyboardInterrupt",
    "recursion": "it raised RecursionError",
    "memory": "it needs more memory than it may use",
    "exits": "it ended the process (exit code 3)",
    "crashes": "it ended the process (SIGSEGV)",
    "kills": "it ended the process (SIGKILL)",
    "hangs": "it took longer than 5 s and was stopped",
    "closes": "it ended the process",
    "floods": "it wrote into the worker's connection",
}


@pytest.fixture
def user_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of the user's beside the run."""
    (tmp_path / "my_checks.py").write_text(USER_CODE)
    monkeypatch.syspath_prepend(tmp_path)
    return "my_checks"


def test_nothing_that_a_user_function_does_ends_the_batch(user_module: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Each fault is an unscorable response with its reason; what comes after it is scored."""
    actions = [*FINE, *REASONS]
    tasks = [task for action in actions for task in (("", action, {}), ("", "", {"answer": "0.25"}))]
    with load_verifier(f"{user_module}:verify", seconds=5, workers=2) as verifier:
        verdicts = verifier.verify(tasks)
    assert [verdict.strict for verdict in verdicts[1::2]] == [0.25] * len(actions)
    found = dict(zip(actions, verdicts[::2], strict=True))
    assert {action: found[action].strict for action in FINE} == FINE
    for action, reason in REASONS.items():
        assert found[action].outcome is Outcome.UNSCORABLE, action
        assert reason in found[action].reason, (action, found[action].reason)
    assert capfd.readouterr() == ("", "")


def test_a_user_function_gets_prompt_response_and_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As they are in the file, chat messages too, and keeps what it built between calls."""
    (tmp_path / "seen.py").write_text("def look(*asked):\n    import json\n    return json.dumps(asked)\n")
    monkeypatch.syspath_prepend(tmp_path)
    chat = [{"role": "user", "content": "é?"}]
    with load_verifier("seen:look", workers=1) as verifier:
        verdict = verifier.verify([(chat, "r", {"answer": 1, "extra": [None]})])[0]
    assert "it returned '[[{" in verdict.reason


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no_such_module:verify", "No module named 'no_such_module'"),
        ("my_checks:no_such_function", "no_such_function"),
        ("my_checks:not_a_function", "expected a function"),
        ("broken:verify", "ZeroDivisionError"),
        ("leaving:verify", "SystemExit"),
        ("dying:verify", "exit code 4"),
        ("reference_impls.verifiers.numeric:no_such_function", "no_such_function"),
    ],
)
def test_a_function_that_cannot_be_loaded_is_an_error_before_the_run(
    user_module: str, tmp_path: Path, name: str, said: str
) -> None:
    """With the reason; a module is imported in a worker only, so that it cannot end the run."""
    (tmp_path / "broken.py").write_text("1 / 0")
    (tmp_path / "leaving.py").write_text("raise SystemExit")
    (tmp_path / "dying.py").write_text("import os\nos._exit(4)")
    with pytest.raises(PosttrainError) as error:
        load_verifier(name)
    assert said in error.value.message and name in error.value.message and error.value.hint


def test_our_own_functions_are_called_in_process() -> None:
    """An exception there is an unscorable response all the same."""
    with load_verifier("reference_impls.verifiers.forms:last_boxed") as verifier:
        verdict = verifier.verify([("", "", {})])[0]
    assert verdict.outcome is Outcome.UNSCORABLE and "TypeError" in verdict.reason


@pytest.mark.parametrize(
    ("name", "hint"),
    [("numerik", "'numeric'"), ("unittests", "'unit-tests'"), ("regex", "'regex'"), ("exact:", "'exact'"), ("??", "")],
)
def test_an_unknown_name_lists_the_known_ones(name: str, hint: str) -> None:
    """And guesses which was meant."""
    with pytest.raises(PosttrainError) as error:
        load_verifier(name)
    assert all(known in error.value.message for known in KNOWN) and hint in error.value.hint


def test_a_pattern_that_is_none_is_an_error_before_the_run() -> None:
    """With the place in the pattern."""
    with pytest.raises(PosttrainError, match="not a regular expression"):
        load_verifier("regex:(")


def test_an_empty_batch_is_an_empty_answer() -> None:
    """And starts nothing."""
    for name in ("exact", "math", "unit-tests", "regex:x"):
        with load_verifier(name) as verifier:
            assert verifier.verify([]) == []


def test_a_response_that_is_no_text_is_unscorable() -> None:
    """A row without a response gives None; that is no wrong answer."""
    for name in ("exact", "numeric", "choice", "math", "unit-tests", "regex:x"):
        with load_verifier(name, workers=1) as verifier:
            verdict = verifier.verify([("", None, {"answer": "1", "tests": ["assert x"]})])[0]  # type: ignore[list-item]
        assert verdict.outcome is Outcome.UNSCORABLE, name


def test_a_thousand_answers_are_scored_in_a_warm_worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No process per response: a function that counts its calls counts to a thousand."""
    (tmp_path / "counting.py").write_text(
        "from itertools import count\ncalls = count(1)\ndef verify(*_):\n    return next(calls) / 1000\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    with load_verifier("counting:verify", seconds=60, workers=1) as verifier:
        verdicts = verifier.verify([("", "", {})] * 1000)
    assert [verdict.lenient for verdict in verdicts] == [number / 1000 for number in range(1, 1001)]


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.mark.slow
@pytest.mark.corpus
def test_gold_answers_of_gsm8k_and_svamp_are_right(corpora: Path) -> None:
    """All 8,133 of GSM8K as they are written, and the 700 of SVAMP in three forms."""
    folder = corpora / "papers" / "D_tasks"
    gsm8k = rows(folder / "gsm8k_train.jsonl") + rows(folder / "gsm8k_test_0001-0660.jsonl")
    svamp = json.loads((folder / "SVAMP_0001-0700.json").read_text())
    tasks = [(row["question"], row["answer"], row) for row in gsm8k]
    tasks += [
        ("", form.format(row["Answer"]), {"answer": row["Answer"]})
        for row in svamp
        for form in ("{}", "The answer is {}.", r"It is $\boxed{{{}}}$")
    ]
    with load_verifier("numeric") as verifier:
        verdicts = verifier.verify(tasks)
    assert len(verdicts) == 8133 + 3 * 700
    assert [verdict for verdict in verdicts if verdict.strict != 1] == []


@pytest.mark.corpus
def test_gold_answers_are_right_by_mathematics_too(corpora: Path, mathematics: Verifier) -> None:
    """AIME 2025, and every twentieth of GSM8K."""
    folder = corpora / "papers" / "D_tasks"
    aime = [("", f"Thus \\boxed{{{row['answer']}}}", row) for row in rows(folder / "aime_2025-I.jsonl")]
    gsm8k = [("", row["answer"], row) for row in rows(folder / "gsm8k_test_0001-0660.jsonl")[::20]]
    verdicts = mathematics.verify(aime + gsm8k)
    assert len(verdicts) == 15 + 33
    assert [verdict for verdict in verdicts if verdict.strict != 1] == []


@pytest.mark.slow
@pytest.mark.corpus
def test_canonical_solutions_of_humaneval_pass_for_instruct_prompts_too(corpora: Path) -> None:
    """All 100 in prose, in a fence and in a chat, with a whole function or its body in a fence, 300 in all."""
    tasks = rows(corpora / "papers" / "D_tasks" / "HumanEval_000-099.jsonl")
    asked: list[tuple[Any, str, Any]] = []
    for row in tasks:
        code, body = row["prompt"], row["canonical_solution"]
        fenced = f"Complete the function below.\n```python\n{code}```\nGive the code alone."
        chat = [{"role": "system", "content": "You write Python."}, {"role": "user", "content": fenced}]
        asked += [
            (f"Please finish this:\n\n{code}\nThank you.", f"Sure:\n```python\n{code}{body}```\nIt works.", row),
            (fenced, f"```python\n{body}```", row),
            (chat, f"<think>Simple.</think>\n```python\n{code}{body}```", row),
        ]
    with load_verifier("unit-tests", seconds=20) as verifier:
        verdicts = verifier.verify(asked)
    assert len(verdicts) == 300
    assert [(asked[n][2]["task_id"], v.reason) for n, v in enumerate(verdicts) if v.strict != 1] == []


@pytest.mark.slow
@pytest.mark.corpus
def test_canonical_solutions_of_humaneval_pass_and_empty_ones_do_not(corpora: Path) -> None:
    """All 100 of 100, as completions; a function without a body of its own passes none."""
    tasks = rows(corpora / "papers" / "D_tasks" / "HumanEval_000-099.jsonl")
    with load_verifier("unit-tests", seconds=20) as verifier:
        gold = verifier.verify([(row["prompt"], row["canonical_solution"], row) for row in tasks])
        empty = verifier.verify([(row["prompt"], "    pass\n", row) for row in tasks])
    assert [verdict for verdict in gold if verdict.strict != 1] == [] and len(gold) == 100
    assert [verdict for verdict in empty if verdict.strict != 0] == []
