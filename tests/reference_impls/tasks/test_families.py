"""The generated families: right demonstrations, wrong corruptions, disjoint splits, total verifiers."""

import itertools
import random
import re
from collections.abc import Callable
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posttrain.errors import PosttrainError
from reference_impls.tasks import FAMILIES, Family, Row, load_task, split_of
from reference_impls.tasks import countdown as countdown_module
from reference_impls.tasks import maze as maze_module

DIALS = [(family, dial) for family in FAMILIES.values() for dial in range(family.lowest, family.highest + 1)]
NAMED = pytest.mark.parametrize(("family", "dial"), DIALS, ids=[f"{family.name}-{dial}" for family, dial in DIALS])
ALPHABET = {chr(code) for code in range(32, 127)} | {"\n"}


def drawn(family: Family, dial: int, count: int = 300) -> list[Row]:
    rng = random.Random(7)
    return [family.make(rng, dial) for _ in range(count)]


def judged(family: Family, row: Row) -> bool:
    """What the family's own verifier says of the row's demonstration."""
    response = str(row.response)
    if family.verifier == "exact:#":
        return "#" in response and response.rpartition("#")[2] == row.answer
    if family.verifier == "unit-tests":
        return passes(response, row)
    module, _, function = family.verifier.partition(":")
    judges = {"reference_impls.tasks.countdown": countdown_module, "reference_impls.tasks.maze": maze_module}
    return bool(getattr(judges[module], function)(row.prompt, response, row.as_mapping()) == 1.0)


def passes(code: str, row: Row) -> bool:
    names: dict[str, object] = {}
    exec(code, names)
    assert row.extra["entry_point"] in names
    try:
        for test in row.extra["tests"]:
            exec(test, names)
    except AssertionError:
        return False
    return True


@NAMED
def test_every_demonstration_is_right_and_every_corruption_wrong(family: Family, dial: int) -> None:
    """A clean demonstration passes its family's verifier; a corrupted one fails it; prompt, gold, extra stay."""
    rng = random.Random(8)
    for row in drawn(family, dial):
        assert judged(family, row), row
        wrong = family.corrupt(row, rng)
        assert not judged(family, wrong), wrong
        assert (wrong.prompt, wrong.answer, wrong.extra) == (row.prompt, row.answer, row.extra)


@NAMED
def test_the_gold_answer_is_right_without_a_trace(family: Family, dial: int) -> None:
    """A verifier can be tried on gold answers, behind a `#` where it looks for one; no trace is asked for."""
    mark = "#" if family.verifier == "exact:#" else ""
    for row in drawn(family, dial, 50):
        assert judged(family, Row(row.prompt, f"{mark}{row.answer}", row.answer, row.extra))


@NAMED
def test_rows_are_short_and_of_few_characters(family: Family, dial: int) -> None:
    """A character model with 96 characters and 120 positions can read and write everything, corrupted rows too."""
    rng = random.Random(8)
    for row in drawn(family, dial):
        for each in (row, family.corrupt(row, rng)):
            text = f"{each.prompt}{each.response}"
            assert set(text) <= ALPHABET
            assert len(text) <= 120
            assert "\n" not in text


def test_at_the_default_difficulty_rows_have_64_characters_or_fewer() -> None:
    """Nine rows in ten, that is, of every family."""
    for family in FAMILIES.values():
        lengths = sorted(len(f"{row.prompt}{row.response}") for row in drawn(family, family.default))
        assert lengths[len(lengths) * 9 // 10] <= 64, family.name


def test_a_program_is_tried_on_several_inputs() -> None:
    """Six, a negative one among them, so that a lucky constant does not pass."""
    for row in drawn(FAMILIES["program"], 2):
        assert len(set(row.extra["tests"])) == 6
        assert any("(-" in test for test in row.extra["tests"])


@NAMED
def test_every_difficulty_can_be_asked_for(family: Family, dial: int) -> None:
    """Both ends of the range included."""
    assert len(load_task(f"task:{family.name}:{dial}", rows=2).rows) == 2


def test_a_prompt_names_its_family() -> None:
    """The first word of a prompt belongs to one family alone, and the last character closes the prompt."""
    words = {family.name: {str(row.prompt).split()[0] for row in drawn(family, dial, 20)} for family, dial in DIALS}
    assert [len(found) for found in words.values()] == [1] * 8
    assert len(set.union(*words.values())) == 8
    assert all(str(row.prompt).endswith("=") for family, dial in DIALS for row in drawn(family, dial, 5))


def _added(prompt: str) -> str:
    a, b = re.findall("[0-9]+", prompt)
    return str(int(a) + int(b))


def _sorted(prompt: str) -> str:
    return "".join(sorted(prompt[5:-1]))


def _reduced(prompt: str) -> str:
    modulus, value, *numbers = map(int, re.findall("[0-9]+", prompt))
    for sign, number in zip(re.findall("[-+*]", prompt), numbers, strict=True):
        value = {"+": value + number, "-": value - number}.get(sign, value * number)
    return str(value % modulus)


def _edited(prompt: str) -> str:
    word, *edits = prompt[5:-1].split()
    for edit in edits:
        letters = list(word)
        if edit == "rev":
            letters.reverse()
        elif edit == "up":
            letters = [letter.upper() for letter in letters]
        elif edit.startswith("-"):
            letters = [letter for letter in letters if letter != edit[1]]
        else:
            letters = [edit[2] if letter == edit[0] else letter for letter in letters]
        word = "".join(letters)
    return word


def _followed(prompt: str) -> str:
    links = {link[0]: link[2] for link in re.findall("[a-z]>[a-z]", prompt)}
    letter = prompt[-3]
    for _ in range(int(prompt[-2])):
        letter = links[letter]
    return letter


@pytest.mark.parametrize(
    ("name", "solve"),
    [("addition", _added), ("sorting", _sorted), ("modular", _reduced), ("edits", _edited), ("lookup", _followed)],
)
def test_the_gold_answer_is_what_the_prompt_asks_for(name: str, solve: Callable[[str], str]) -> None:
    """Solved from the prompt's text by a second route, without the family's own code."""
    family = FAMILIES[name]
    for dial in range(family.lowest, family.highest + 1):
        for row in drawn(family, dial, 100):
            assert solve(str(row.prompt)) == row.answer


def test_a_trace_never_contradicts_its_answer() -> None:
    """In addition the written digits, in sorting the picks, in the others the last result are the answer."""
    for row in drawn(FAMILIES["addition"], 4):
        steps, _, answer = str(row.response).partition("#")
        *digits, carry = steps.split()
        assert int(carry + "".join(step[3] for step in reversed(digits))) == int(answer)
    for row in drawn(FAMILIES["sorting"], 6):
        steps, _, answer = str(row.response).partition("#")
        assert "".join(step[0] for step in steps.split()) == answer
    for name in ("modular", "edits", "lookup"):
        for row in drawn(FAMILIES[name], 3):
            steps, _, answer = str(row.response).partition("#")
            assert steps.endswith(answer)


@pytest.mark.parametrize("name", FAMILIES)
def test_splits_share_no_prompt_whatever_the_seed(name: str) -> None:
    """A prompt is in the split that its hash says, so training with one seed never sees another seed's test."""
    seen = {
        split: {
            row.prompt
            for seed in (0, 1, 12345)
            for row in load_task(f"task:{name}", split=split, rows=150, seed=seed).rows
        }
        for split in ("train", "validation", "test")
    }
    assert all(split_of(prompt) == split for split, prompts in seen.items() for prompt in prompts)
    assert all(len(prompts) > 200 for prompts in seen.values())
    assert not seen["train"] & seen["validation"]
    assert not (seen["train"] | seen["validation"]) & seen["test"]


@pytest.mark.parametrize("name", FAMILIES)
def test_rows_depend_on_name_difficulty_split_and_seed_alone(name: str) -> None:
    """The same call gives the same rows; another seed gives others; fewer rows are the first of more."""
    rows = load_task(f"task:{name}", rows=40).rows
    assert rows == load_task(f"task:{name}:{FAMILIES[name].default}", rows=40).rows
    assert rows[:10] == load_task(f"task:{name}", rows=10).rows
    assert rows != load_task(f"task:{name}", rows=40, seed=1).rows
    assert len({row.prompt for row in rows}) == 40


@given(rows=st.integers(1, 80), noise=st.floats(0, 1), seed=st.integers(0, 5), name=st.sampled_from(sorted(FAMILIES)))
def test_noise_is_an_exact_count(rows: int, noise: float, seed: int, name: str) -> None:
    """round(noise * rows) demonstrations are wrong, and the prompts and gold answers are those without noise."""
    noisy = load_task(f"task:{name}", rows=rows, seed=seed, noise=noise).rows
    clean = load_task(f"task:{name}", rows=rows, seed=seed).rows
    assert sum(not judged(FAMILIES[name], row) for row in noisy) == round(noise * rows)
    assert [(row.prompt, row.answer) for row in noisy] == [(row.prompt, row.answer) for row in clean]


def test_a_small_space_says_how_many_there_are() -> None:
    """One-digit addition has 100 prompts; its train split has those that hash there, and says so to who wants more."""
    prompts = [f"add {a}+{b}=" for a in range(10) for b in range(10)]
    there = sum(split_of(prompt) == "train" for prompt in prompts)
    assert len(load_task("task:addition:1", rows=there).rows) == there
    assert len(load_task("task:addition:1").rows) == there
    assert {row.prompt for row in load_task("task:addition:1", split="all").rows} == set(prompts)
    more = load_task("task:addition:1", rows=there + 1)
    assert len(more.rows) == there
    assert more.warnings == (f"task:addition:1 has {there} prompts in split 'train', asked for {there + 1}",)


def test_the_sizes_of_small_spaces_are_counted() -> None:
    """Countdown's and the maze's numbers are those of an enumeration."""
    reached = {
        (value, order)
        for order in itertools.product(range(1, 10), repeat=2)
        for a, b in itertools.permutations(order)
        for value in (a + b, a - b, a * b)
        if 0 < value <= 99
    }
    assert FAMILIES["countdown"].space(2) == len(reached)
    ways = 0
    for cells in itertools.product(".x", repeat=7):
        for start, goal in itertools.permutations(range(9), 2):
            rest = iter(cells)
            maze = "".join("S" if at == start else "G" if at == goal else next(rest) for at in range(9))
            moves = maze_module._shortest([maze[:3], maze[3:6], maze[6:]])
            ways += moves is not None and len(moves) >= 2
    assert FAMILIES["maze"].space(3) == ways


FIRST = {
    "addition": ("add 280+939=", "0909 8301 2912 1#1219"),
    "countdown": ("reach 6: 7 2 3=", "2+7=9 9-3=6#(2+7)-3"),
    "sorting": ("sort 067771=", "0:67771 1:6777 6:777 7:77 7:7 7:#016777"),
    "edits": ("edit cecde -e up=", "-e:ccd up:CCD#CCD"),
    "modular": ("mod 5: 1 +4 *4 -3=", "1+4=5%5=0 0*4=0%5=0 0-3=-3%5=2#2"),
    "maze": ("maze x.x/.x./G.S=", "22>20:L21L20"),
    "lookup": ("hop f>p g>j j>y p>x x>j q>x:f3=", "3f 2p 1x 0j#j"),
    "program": ("code f(z): times 2, take 15=", "def f(z):return (z*2)-15"),
}


def test_the_first_row_stays_what_it_is() -> None:
    """A published result can be repeated: seed 0 draws the same rows in every version and on every machine."""
    for name, (prompt, response) in FIRST.items():
        row = load_task(f"task:{name}", rows=1).rows[0]
        assert (row.prompt, row.response) == (prompt, response)
    assert set(FIRST) == set(FAMILIES)


REACH = {"numbers": [3, 5, 7], "target": 26}


@pytest.mark.parametrize("response", ["(3*7)+5", "5+3*7", "3*7=21 21+5=26#5+(7*3)", "#((5)) + 3 * 7\n"])
def test_any_right_expression_reaches_the_target(response: str) -> None:
    """Order, brackets and the steps before the `#` are free."""
    assert countdown_module.is_right("", response, REACH) == 1.0


@pytest.mark.parametrize(
    "response",
    [
        "26", "3*7+5+0", "3*7", "5+3*7#", "", "#", "(5+3*7", "5+3*7)", "5+3**7", "3*7--5", "-5+31", "21+5", "3 7+5",
        "5+3*7=26", "5/(3-3)+7", "(" * 90 + "5", "5+3*７", "__import__('os')", "3*7+5" + "+0" * 60, "5+3*7 or 1", "*",
    ],
)  # fmt: skip
def test_a_wrong_expression_reaches_nothing(response: str) -> None:
    """Missing, repeated or foreign numbers, other signs, open brackets, division by zero."""
    assert countdown_module.is_right("", response, REACH) == 0.0


@given(st.text("0123456789+-*/() #=", max_size=30) | st.text(max_size=30), st.lists(st.integers(0, 99), max_size=4))
def test_countdown_judges_any_text(response: str, numbers: list[int]) -> None:
    """Any text gives 0.0 or 1.0, for any row."""
    for row in ({"numbers": numbers, "target": 7}, {}, {"numbers": None, "target": "1e999999999"}):
        assert countdown_module.is_right("", response, row) in (0.0, 1.0)


@given(st.lists(st.tuples(st.integers(1, 9), st.sampled_from("+-*/")), min_size=1, max_size=5), st.integers(0, 1000))
def test_the_parser_computes_what_python_computes(parts: list[tuple[int, str]], seed: int) -> None:
    """Precedence, brackets and exact division agree with Python over Fractions."""
    rng = random.Random(seed)
    numbers = [number for number, _ in parts]
    texts = [str(number) for number in numbers]
    while len(texts) > 1:
        at = rng.randrange(len(texts) - 1)
        joined = f"{texts[at]}{rng.choice(parts)[1]}{texts.pop(at + 1)}"
        texts[at] = f"({joined})" if rng.random() < 0.5 else joined
    try:
        value = eval(re.sub("([0-9]+)", r"Fraction(\1)", texts[0]), {"Fraction": Fraction})
    except ZeroDivisionError:
        value = None
    row = {"numbers": numbers, "target": value}
    assert countdown_module.is_right("", texts[0], row) == float(value is not None)


MAZE = {"maze": "S.x/..x/x.G"}


@pytest.mark.parametrize("response", ["00>22:D10R11D21R22", "RDDR", "00>22:R01D11D21R22", "DURDDR", "R D D R\n"])
def test_any_way_to_the_goal_is_right(response: str) -> None:
    """Shortest or not, with a trace or without."""
    assert maze_module.is_right("", response, MAZE) == 1.0


@pytest.mark.parametrize("response", ["", "RDD", "RRDD", "UDRDDR", "rddr", "RDDRL", "RDDR!", "00>22", "RDDR:", "R²DDR"])
def test_a_way_through_walls_or_to_elsewhere_is_wrong(response: str) -> None:
    """Neither walls nor the edge can be crossed, and the way ends on the goal."""
    assert maze_module.is_right("", response, MAZE) == 0.0


@pytest.mark.parametrize("response", ["LRRR", "UDRR", "RRRL", "DDUURR"])
def test_a_way_that_leaves_the_maze_is_wrong(response: str) -> None:
    """It does not come back on the other side."""
    assert maze_module.is_right("", "RR", {"maze": "S.G/..."}) == 1.0
    assert maze_module.is_right("", response, {"maze": "S.G/..."}) == 0.0


@given(st.text("UDLR0123456789>: ", max_size=20) | st.text(max_size=20), st.text("SG.x/", max_size=12) | st.none())
def test_the_maze_judges_any_text(response: str, maze: str | None) -> None:
    """Any text gives 0.0 or 1.0, in any maze, ragged or missing ones too."""
    assert maze_module.is_right("", response, {"maze": maze}) in (0.0, 1.0)
    assert maze_module.is_right("", response, {}) == 0.0


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("task:adition", "did you mean task:addition"),
        ("task:", "there is no task:"),
        ("task:addition:0", "from 1 to 8"),
        ("task:addition:9", "from 1 to 8"),
        ("task:addition:two", "found difficulty 'two'"),
        ("task:addition:", "found difficulty ''"),
        ("task:addition:3:4", "found difficulty '3:4'"),
        ("task:addition:３", "from 1 to 8"),
    ],
)
def test_an_unknown_name_or_difficulty_says_what_there_is(source: str, found: str) -> None:
    """Found, expected, next step."""
    with pytest.raises(PosttrainError) as raised:
        load_task(source)
    assert found in raised.value.message
    assert "task:addition" in raised.value.message + raised.value.hint


@pytest.mark.parametrize("arguments", [{"split": "dev"}, {"rows": 0}, {"noise": 1.1}, {"noise": -0.1}])
def test_an_argument_out_of_range_is_refused(arguments: dict[str, object]) -> None:
    """Each names what was found and what was expected."""
    with pytest.raises(PosttrainError, match=r"expected|asked"):
        load_task("task:addition", **arguments)  # type: ignore[arg-type]


@pytest.mark.parametrize("family", FAMILIES.values(), ids=FAMILIES)
def test_a_family_describes_itself(family: Family) -> None:
    """The table's name is the family's, its default lies in its range, a sentence says what difficulty counts."""
    assert FAMILIES[family.name] is family
    assert family.lowest <= family.default <= family.highest
    assert "difficulty is" in family.about
    task = load_task(f"task:{family.name}", rows=1)
    assert task.name == f"task:{family.name}:{family.default}"
    assert task.verifier == family.verifier
    assert task.skipped == {}
