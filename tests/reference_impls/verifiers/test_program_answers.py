"""Programs as models write them: what `unit-tests` and `stdin-tests` take for right, and what they must not."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from reference_impls.verifiers import Outcome, Verifier, load_verifier
from reference_impls.verifiers.stdin_tests import pairs_of

SIGNATURE = 'def last(items):\n    """Return the last item, or None of an empty list."""\n'
BARE = "from typing import List\n\n\ndef last(items: List[int]):\n"
IN_PROSE = f"Please complete this function.\n\n{SIGNATURE}\nReturn only the code. Thank you!"
FENCED = f"Complete this function:\n```python\n{SIGNATURE}```\nThink before you answer."
CHAT = [{"role": "system", "content": "You write Python."}, {"role": "user", "content": FENCED}]
BODY = "    return items[-1] if items else None\n"
ROW = {
    "test": "def check(candidate):\n    assert candidate([1, 2]) == 2\n    assert candidate([]) is None\n",
    "entry_point": "last",
}
WHOLE = f"{SIGNATURE}{BODY}"
RIGHT: list[tuple[Any, str]] = [
    (SIGNATURE, BODY),
    (SIGNATURE, WHOLE),
    (SIGNATURE, f"```python\n{WHOLE}```"),
    (SIGNATURE, "return items[-1] if items else None"),
    (BARE, BODY),
    (BARE, f"```\n{BODY}```"),
    (BARE, "```python\ndef last(items: List[int]):\n    return items[-1] if items else None\n```"),
    (IN_PROSE, BODY),
    (IN_PROSE, WHOLE),
    (IN_PROSE, f"Sure! Here it is:\n\n```python\n{WHOLE}```\n\nIt looks at the end of the list."),
    (FENCED, BODY),
    (FENCED, f"Here:\n```py\n{WHOLE}\n```"),
    (FENCED, f"```python\n{BODY}```"),
    (CHAT, f"```python\n{WHOLE}```"),
    (CHAT, f"<think>\n```python\ndef last(items): return 0\n```\n</think>\n```python\n{WHOLE}```"),
    ("Write a function `last`.", f"```python\n{WHOLE}```"),
    ("Write a function `last`.", f"```python\nprint('hi')\n```\nand\n```python\n{WHOLE}```\n```text\nlast([1])\n```"),
    ("Write a function `last`.", "last = lambda items: items[-1] if items else None"),
    (f"{SIGNATURE}\n\ndef helper(x):\n    return x\n\n\nWrite `last` above.", f"```python\n{WHOLE}```"),
    (SIGNATURE, f"# the last item\n{WHOLE}"),
    (FENCED, f"~~~python\n{WHOLE}~~~"),
    (FENCED, f"1. The list may be empty.\n2. So:\n\n   ```python\n{WHOLE}```\n"),
    (CHAT, "```python\nlast = lambda items: (items or [None])[-1]\n```"),
    (CHAT, f"```Python\n{WHOLE}```\nUsage:\n```python\nprint(last([1, 2]))\n```"),
    (IN_PROSE, f"```python\n{WHOLE}"),
    (FENCED, f"```python\nfrom typing import Any\n\n{WHOLE}\n\nif __name__ == '__main__':\n    print(last([1]))\n```"),
]
WRONG: list[tuple[Any, str]] = [
    (SIGNATURE, "    pass\n"),
    (SIGNATURE, "    return items[0] if items else None\n"),
    (SIGNATURE, ""),
    (FENCED, "```python\ndef last(items):\n    return items[-1]\n```"),
    (FENCED, "I cannot do that."),
    (FENCED, FENCED),
    (IN_PROSE, "It is simple: return the last item."),
    (IN_PROSE, "```python\ndef first(items):\n    return items[-1] if items else None\n```"),
    (CHAT, f"<think>\n```python\n{WHOLE}```\n</think>\nI am done."),
    (CHAT, "```python\ndef check(candidate):\n    pass\n```"),
    (CHAT, "```python\nimport sys\nsys.exit(0)\n```"),
    (CHAT, "```python\nclass Any:\n    def __eq__(self, other): return True\ndef last(items): return Any()\n```"),
    ("Write a function `last`.", f"```python\n{WHOLE}```\n```python\ndef last(items):\n    return None\n```"),
    ("Write a function `last`.", "```python\nlast = 3\n```"),
    (CHAT, "```python\ndef last(items):\n    return items[-1] if items else 0\n```"),
    (CHAT, "```python\ndef last(items):\n    while True: pass\n```"),
    (CHAT, "```python\ndef last(items)\n    return items[-1]\n```"),
    (CHAT, "```python\nraise SystemExit(0)\n```"),
    (FENCED, "    return items[-1:]\n"),
]


@pytest.fixture(scope="module")
def functions() -> Iterator[Verifier]:
    """One sandbox for all."""
    with load_verifier("unit-tests", seconds=30, workers=2) as loaded:
        yield loaded


@pytest.fixture(scope="module")
def scripts() -> Iterator[Verifier]:
    """One sandbox for all."""
    with load_verifier("stdin-tests", seconds=30, workers=2) as loaded:
        yield loaded


def test_functions_for_prompts_in_every_form(functions: Verifier) -> None:
    """A bare signature, one in prose, in a fence, in a chat; a whole function, a body, a block among prose."""
    assert len(RIGHT) + len(WRONG) >= 40
    verdicts = functions.verify([(prompt, response, ROW) for prompt, response in RIGHT + WRONG])
    outcomes = [verdict.outcome for verdict in verdicts]
    wanted = [Outcome.RIGHT] * len(RIGHT) + [Outcome.WRONG] * len(WRONG)
    wrong = [number for number, pair in enumerate(zip(outcomes, wanted, strict=True)) if pair[0] is not pair[1]]
    assert [((RIGHT + WRONG)[number], verdicts[number].reason) for number in wrong] == []


SUM_ROW = {"input_output": json.dumps({"inputs": ["2\n1 2\n", "3\n1 2 3\n"], "outputs": ["3\n", "6"]})}
GOOD_SCRIPTS = [
    "n = int(input())\nprint(sum(map(int, input().split())))",
    "import sys\nprint(sum(map(int, sys.stdin.read().split()[1:])))",
    "import sys\ndata = sys.stdin.buffer.read().split()\nsys.stdout.write(str(sum(map(int, data[1:]))) + '\\n')",
    "import sys\nsys.stdout.buffer.write(str(sum(map(int, open(0).read().split()[1:]))).encode())",
    "def main():\n    input()\n    print(sum(map(int, input().split())))\n\nif __name__ == '__main__':\n    main()",
    "import sys\nlines = sys.stdin.readlines()\nprint(sum(int(x) for x in lines[1].split()), ' ')\nsys.exit(0)",
    "```python\nimport sys\ninput = sys.stdin.readline\ninput()\nprint(sum(map(int, input().split())))\n```",
    "Sure:\n```python\ninput()\nprint(sum(map(int, input().split())))\n```\nIt adds them.",
    "<think>\n```python\nprint(0)\n```\n</think>\n```python\ninput()\nprint(sum(map(int, input().split())))\n```",
    "import threading\ndef go():\n    input()\n    print(sum(map(int, input().split())))\n"
    "threading.Thread(target=go).start()",
    "seen = globals().get('seen', 0) + 1\ninput()\nprint(sum(map(int, input().split())) * seen)",
    "~~~python\ninput()\nprint(sum(map(int, input().split())))\n~~~",
    "input()\nprint(f'{sum(map(int, input().split()))}', end='')",
    "input()\nprint(sum(map(int, input().split())))\nprint()",
    "import fileinput\nprint(sum(int(x) for line in list(fileinput.input())[1:] for x in line.split()))",
    "try:\n    input()\n    print(sum(map(int, input().split())))\nexcept EOFError:\n    pass",
    "import collections\ninput()\nprint(sum(collections.Counter(map(int, input().split())).elements()))",
]
BAD_SCRIPTS = [
    "print(3)",
    "print(6)",
    "input()\nprint(sum(map(int, input().split())) + 1)",
    "input()\nprint('The sum is', sum(map(int, input().split())))",
    "input()\nfor x in input().split(): print(x)",
    "n = int(input())\nprint(1 / 0)",
    "input()\nprint(sum(map(int, input().split())))\nraise SystemExit(1)",
    "while True: input()",
    "",
    "I would add the numbers.",
    "import os\nos._exit(0)",
    "import builtins\nbuiltins.print = lambda *a: None\ninput()\nprint(sum(map(int, input().split())))",
    "class Any(str):\n    def __eq__(self, other): return True\nimport sys\nsys.stdout = Any()",
    "import socket\nsocket.socket()",
    "<think>\n```python\ninput()\nprint(sum(map(int, input().split())))\n```\n</think>\nDone.",
    "open('/etc/passwd').read()",
    "input()\nprint(float(sum(map(int, input().split()))))",
    "input()\nprint(-sum(map(int, input().split())))",
    "input()\nprint(sum(map(int, input().split())), sum([1]))",
    "import sys\ninput()\nsys.stderr.write(str(sum(map(int, input().split()))))",
    "input()\nreturn sum(map(int, input().split()))",
    "input()\nsum(map(int, input().split()))",
    "print('3 or 6')",
]


def test_scripts_are_right_where_every_output_is_expected(scripts: Verifier) -> None:
    """Through any way to read the input and write the output; nothing is left over from one input to the next."""
    responses = GOOD_SCRIPTS + BAD_SCRIPTS
    assert len(responses) >= 40
    verdicts = scripts.verify([("Add the numbers.", response, SUM_ROW) for response in responses])
    wanted = [Outcome.RIGHT] * len(GOOD_SCRIPTS) + [Outcome.WRONG] * len(BAD_SCRIPTS)
    wrong = [number for number, verdict in enumerate(verdicts) if verdict.outcome is not wanted[number]]
    assert [(responses[number], verdicts[number].reason) for number in wrong] == []


def test_a_reason_never_holds_the_expected_output(scripts: Verifier) -> None:
    """Samples of a run are read by people and by models: what is right is not given away."""
    row = {"tests": [{"input": "1", "output": "secret"}]}
    assert "secret" not in scripts.verify([("", "print(input())", row)])[0].reason


def test_outputs_are_compared_by_line_and_leniently_by_word(scripts: Verifier) -> None:
    """Spaces at the end of a line never count; the line breaks and the seventh digit do in the strict reward."""
    row = {"tests": [{"input": "", "output": "1 2\n0.5\n"}]}
    cases = {
        "print('1 2  ')\nprint(0.5)\nprint()": (1, 1),
        "print('1')\nprint('2 0.50000001')": (0, 1),
        "print('1 2')\nprint(0.6)": (0, 0),
        "Here is the code:\nimport sys\nprint('1 2')\nprint(0.5)": (0, 1),
    }
    verdicts = scripts.verify([("", response, row) for response in cases])
    assert [(verdict.strict, verdict.lenient) for verdict in verdicts] == list(cases.values())


@pytest.mark.parametrize(
    "row",
    [
        {"input_output": {"inputs": ["1"], "outputs": ["2"]}},
        {"input_output": '{"inputs": ["1"], "outputs": ["2"]}'},
        {"tests": [{"input": "1", "output": "2"}]},
        {"test_cases": '[{"input": "1", "expected_output": "2"}]'},
        {"public_tests": {"input": ["1"], "output": ["2"]}, "private_tests": {"input": [], "output": []}},
        {"public_test_cases": '[{"input": "1", "output": "2", "testtype": "stdin"}]'},
        {"inputs": [["1"]], "outputs": [["2"]]},
        {"answer": '{"inputs": ["1"], "outputs": ["2"]}'},
        {"stdin": "1", "expected_output": "2"},
    ],
)
def test_inputs_and_outputs_are_read_from_the_layouts_of_data_sets(row: dict[str, object]) -> None:
    """APPS and TACO, Codeforces, CodeContests, LiveCodeBench, verl, and plain columns."""
    assert pairs_of(row) == [("1", "2")]


@pytest.mark.parametrize(
    "row", [{}, {"answer": "2"}, {"tests": ["assert f(1) == 2"]}, {"input_output": '{"fn_name": "f", "inputs": [[1]]}'}]
)
def test_a_row_without_inputs_cannot_be_scored(scripts: Verifier, row: dict[str, object]) -> None:
    """Nothing is called wrong there."""
    assert scripts.verify([("", "print(2)", row)])[0].outcome is Outcome.UNSCORABLE
