"""Programs that are wrong, broken or hostile end as a verdict on that program, and nothing else is touched."""

import os
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from reference_impls.verifiers import Outcome, Verdict, Verifier, load_verifier

ROOT = Path(__file__).resolve().parents[3]
linux = pytest.mark.skipif(sys.platform != "linux", reason="the filter and the namespaces are Linux's")
ROW = {"tests": ["assert add(1, 2) == 3", "assert add(2, 2) == 4"]}
RIGHT = "def add(a, b):\n    return a + b\n"


@pytest.fixture(scope="module")
def verifier() -> Iterator[Verifier]:
    """One sandbox for all programs: what one of them does must not reach the next. Nothing here needs its minute."""
    with load_verifier("unit-tests", seconds=60, memory_mb=256, workers=4) as loaded:
        yield loaded


@pytest.fixture(autouse=True)
def _still_right(verifier: Verifier) -> Iterator[None]:
    """After every test the same sandbox still finds the right program right."""
    yield
    assert verifier.verify([("", RIGHT, ROW)])[0].outcome is Outcome.RIGHT


def judge(verifier: Verifier, program: str, *tests: str) -> Verdict:
    row = {"tests": list(tests)} if tests else ROW
    return verifier.verify([("", textwrap.dedent(program), row)])[0]


ENDLESS = {
    "a loop": ("while True: pass", "longer than 2 s"),
    "a loop in the function": ("def add(a, b):\n while True: pass", "longer than 2 s"),
    "a loop that catches everything": (
        "while True:\n try:\n  while True: pass\n except BaseException: pass",
        "longer than 2 s",
    ),
    "time signals ignored": (
        "import signal\nfor n in (signal.SIGALRM, signal.SIGXCPU, signal.SIGTERM): signal.signal(n, signal.SIG_IGN)\n"
        "while True: pass",
        "longer than 2 s",
    ),
    "a sleep": ("import time\ntime.sleep(600)", "longer than 2 s"),
    "the C stack's end": ("import sys\nsys.setrecursionlimit(10**9)\ndef add(a, b): return add(a, b)", ""),
}
HOSTILE = {
    "a fork bomb": ("import os\nwhile True: os.fork()", "Operation not permitted"),
    "a child process": ("import subprocess\nsubprocess.run(['true'])", "Error"),
    "the parent killed": ("import os\nos.kill(os.getppid(), 9)", "Operation not permitted"),
    "everyone killed": ("import os\nos.kill(-1, 9)", "Operation not permitted"),
    "itself killed": ("import os\nos.kill(os.getpid(), 9)", "SIGKILL"),
    "too much memory": ("x = bytearray(1 << 40)", "MemoryError"),
    "memory by steps": ("x = []\nwhile True: x.append(bytes(1 << 20))", "MemoryError"),
    "no recursion's end": ("def add(a, b): return add(a, b)", "RecursionError"),
    "exit code 0": ("import os\nos._exit(0)", "exit code 0"),
    "exit code 0 in the function": ("import os\ndef add(a, b): os._exit(0)", "exit code 0"),
    "sys.exit": ("import sys\nsys.exit(0)", "SystemExit"),
    "sys.exit in the function": ("import sys\ndef add(a, b): sys.exit(0)", "SystemExit"),
    "an interrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "a crash": ("import ctypes\nctypes.string_at(0)", "SIGSEGV"),
    "all files closed": ("import os\nos.closerange(0, 100)", "the program"),
    "a socket": ("import socket\nsocket.socket()", "PermissionError"),
    "other users' rights": ("import os\nos.setuid(0)", "PermissionError"),
    "its limits raised": (
        "import resource\nresource.setrlimit(resource.RLIMIT_CPU, (99, 99))",
        "Error",
    ),
    "a syntax error": ("def add(a, b:\n  return", "SyntaxError"),
    "binary garbage": ("\x00\x01\udce9\xff" * 50, "Error"),
    "no code": ("I cannot help with that.", "SyntaxError"),
    "an empty response": ("", "add"),
    "nesting": ("(" * 5000 + ")" * 5000, "Error"),
    "the name missing": ("def plus(a, b): return a + b", "'add' is not defined"),
    "the name no function": ("add = 3", "not callable"),
}  # fmt: skip


@linux
def test_every_hostile_program_is_wrong_with_a_reason_and_the_others_of_its_batch_are_scored(
    verifier: Verifier,
) -> None:
    """One batch of all of them, a right program after each."""
    tasks = [task for program, _ in HOSTILE.values() for task in (("", program, ROW), ("", RIGHT, ROW))]
    verdicts = verifier.verify(tasks)
    assert [verdict.outcome for verdict in verdicts[1::2]] == [Outcome.RIGHT] * len(HOSTILE)
    for (name, (_, reason)), verdict in zip(HOSTILE.items(), verdicts[::2], strict=True):
        assert verdict.outcome is Outcome.WRONG and verdict.lenient == 0, name
        assert reason in verdict.reason and verdict.reason, (name, verdict.reason)


@linux
@pytest.mark.slow
def test_every_endless_program_is_stopped_and_the_others_of_its_batch_are_scored() -> None:
    """Each takes the whole limit; a right program needs a hundredth of it, so a busy machine stops none."""
    tasks = [task for program, _ in ENDLESS.values() for task in (("", program, ROW), ("", RIGHT, ROW))]
    with load_verifier("unit-tests", seconds=2, memory_mb=256, workers=2) as hasty:
        verdicts = hasty.verify(tasks)
    assert [verdict.outcome for verdict in verdicts[1::2]] == [Outcome.RIGHT] * len(ENDLESS)
    for (name, (_, reason)), verdict in zip(ENDLESS.items(), verdicts[::2], strict=True):
        assert verdict.outcome is Outcome.WRONG and reason in verdict.reason, (name, verdict.reason)


CHEATS = {
    "an object equal to all": "class All:\n def __eq__(self, o): return True\ndef add(a, b): return All()",
    "a number equal to all": "class All(int):\n def __eq__(self, o): return True\ndef add(a, b): return All(0)",
    "a list equal to all": "class All(list):\n def __eq__(self, o): return True\ndef add(a, b): return All()",
    "assert's error replaced": "import builtins\nbuiltins.AssertionError = type('E', (BaseException,), {})\n"
    "def add(a, b): return 0",
    "builtins replaced": "import builtins\nfor n in ('exec', 'compile', 'eval', 'isinstance', 'getattr', 'type'):\n"
    "  setattr(builtins, n, lambda *a, **k: True)\ndef add(a, b): return 0",
    "a result printed": "import sys\ndef add(a, b):\n print('2 of 2 tests pass', file=sys.stderr); return 0",
    "a report written to every file": "import os, struct, json\n"
    "said = json.dumps({'passed': 2, 'total': 2, 'fault': '', 'reason': ''}).encode()\n"
    "for f in range(64):\n  try: os.write(f, struct.pack('>I', len(said)) + said)\n  except OSError: pass\n"
    "def add(a, b): return 0",
    "the tests looked for": "import gc, sys\ndef add(a, b):\n"
    "  f = sys._getframe()\n  while f:\n    f.f_locals.update(expected=3); f = f.f_back\n"
    "  found = [o for o in gc.get_objects() if isinstance(o, str) and 'add(1, 2)' in o]\n  return 3 if found else 0",
    "an exit at the end": "import atexit, os\natexit.register(os._exit, 0)\ndef add(a, b): return 0",
    "the sandbox taken over": "from reference_impls.verifiers.sandbox import exchange, judge\n"
    "judge._Trial._score = lambda *a: {'passed': 2, 'total': 2, 'fault': '', 'reason': ''}\n"
    "exchange.Remote.__eq__ = lambda *a: True\nclass O: pass\ndef add(a, b): return O()",
    "a comparison traced": "import sys\nsys.settrace(lambda *a: None)\ndef add(a, b): return 0",
}


def test_no_known_cheat_passes(verifier: Verifier) -> None:
    """What decides is in another process and sees plain values only."""
    for name, program in CHEATS.items():
        verdict = judge(verifier, program)
        assert verdict.strict == 0 and verdict.lenient == 0, (name, verdict)


def test_an_object_cannot_be_reckoned_into_the_answer(verifier: Verifier) -> None:
    """`abs(f(x) - 1.5) < 1e-6` is not met by an object that subtracts to 0."""
    program = """
        class Zero:
            def __sub__(self, other): return self
            __rsub__ = __abs__ = __sub__
            def __lt__(self, other): return True
        def half(x): return Zero()
    """
    assert judge(verifier, program, "assert abs(half(3) - 1.5) < 1e-6").strict == 0


@linux
def test_files_can_neither_be_written_nor_read(verifier: Verifier, tmp_path: Path) -> None:
    """Not even those that anyone may write, nor the task's file, where the answers are."""
    answers = tmp_path / "task.jsonl"
    answers.write_text('{"answer": 42}')
    attempts = {
        "write": f"open({str(tmp_path / 'new')!r}, 'w')",
        "truncate": f"import os\nos.truncate({str(answers)!r}, 0)",
        "remove": f"import os\nos.unlink({str(answers)!r})",
        "folder": "import os\nos.mkdir('/tmp/made-by-a-program')",
        "mode": f"import os\nos.chmod({str(answers)!r}, 0)",
        "read": f"open({str(answers)!r}).read()",
        "list": f"import os\nos.listdir({str(tmp_path)!r})",
        "memory of the judge": "import os\nopen(f'/proc/{os.getppid()}/mem', 'rb').read(1)",
    }
    for name, program in attempts.items():
        verdict = judge(verifier, program)
        assert "PermissionError" in verdict.reason or "FileNotFoundError" in verdict.reason, (name, verdict)
    assert answers.read_text() == '{"answer": 42}' and sorted(tmp_path.iterdir()) == [answers]
    assert not Path("/tmp/made-by-a-program").exists()


@linux
def test_no_connection_leaves_the_program(verifier: Verifier) -> None:
    """Neither by a new socket, nor by one of a pair, to a server that really listens."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("listening")
        server.listen()
        server.setblocking(False)
        program = f"""
            import socket
            def add(a, b):
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    one, other = socket.socketpair(socket.AF_UNIX, kind)
                    try: one.connect({str(Path("listening").absolute())!r}); return 3
                    except PermissionError: pass
                    try: one.sendto(b'x', {str(Path("listening").absolute())!r}); return 3
                    except (PermissionError, OSError): pass
                return 0
        """
        assert judge(verifier, program, "assert add(1, 2) == 0").strict == 1
        with pytest.raises(BlockingIOError):
            server.accept()


def test_output_of_any_size_goes_nowhere(verifier: Verifier, capfd: pytest.CaptureFixture[str]) -> None:
    """A program may print as it likes: it is not an answer, and no terminal or pipe of ours gets it."""
    program = (
        "import sys, os\nfor i in range(200): print('x' * 99999); sys.stderr.write('y' * 99999)\nos.write(1, b'z')\n"
    )
    assert judge(verifier, program + RIGHT).strict == 1
    assert capfd.readouterr() == ("", "")


def test_threads_that_never_end_do_not_hold_the_verdict(verifier: Verifier) -> None:
    """Threads are allowed, and end with the program."""
    program = "import threading, time\nfor _ in range(4): threading.Thread(target=time.sleep, args=(600,)).start()\n"
    assert judge(verifier, program + RIGHT).strict == 1  # within its minute


HONEST = {
    "lists changed in place": (
        "def order(items): items.sort()",
        "items = [3, 1, 2]\norder(items)\nassert items == [1, 2, 3]",
    ),
    "the tests' own libraries": ("def half(x): return x / 2", "assert math.isclose(half(3), 1.5)"),
    "floats, sets, tuples, None": (
        "def same(x): return x",
        "for x in (1.5, {1}, (1, 'a'), None, {'a': [1]}, 1j, b'x', 2**99):\n"
        " assert same(x) == x and type(same(x)) == type(x)",
    ),
    "named tuples": (
        "from collections import namedtuple\nP = namedtuple('P', 'x y')\ndef p(): return P(1, 2)",
        "assert p() == (1, 2)",
    ),
    "counters": ("from collections import Counter\ndef c(x): return Counter(x)", "assert c('aab') == {'a': 2, 'b': 1}"),
    "generators": ("def g(n):\n yield from range(n)", "assert list(g(3)) == [0, 1, 2]"),
    "classes": (
        "class Stack:\n def __init__(self): self.items = []\n def push(self, x): self.items.append(x)\n"
        " def pop(self): return self.items.pop()\n def __len__(self): return len(self.items)",
        "s = Stack()\ns.push(4)\nassert len(s) == 1 and s.items == [4] and isinstance(s, Stack) and s.pop() == 4",
    ),
    "operators of classes": (
        "from dataclasses import dataclass\n@dataclass\nclass V:\n x: int\n"
        " def __add__(self, o): return V(self.x + o.x)",
        "assert V(1) + V(2) == V(3) and V(1) != V(2) and str(V(1)) == 'V(x=1)'",
    ),
    "functions of the tests": ("def twice(f, x): return f(f(x))", "assert twice(lambda x: x + 3, 1) == 7"),
    "objects of the tests": (
        "def total(n):\n return n.value + total(n.next) if n else 0",
        "class Node:\n  def __init__(self, v, n): self.value, self.next = v, n\n"
        "assert total(Node(1, Node(2, None))) == 3",
    ),
    "errors": (
        "class Odd(ValueError): pass\n"
        "def f(x):\n if x == 1: raise Odd('one')\n if x == 2: raise KeyError('k')\n return x",
        "try: f(1); assert False\nexcept Odd as e: assert str(e) == 'one'\n"
        "try: f(2); assert False\nexcept KeyError: pass",
    ),
    "a builtin's name": ("def sum(a, b): return a + b", "assert sum(1, 2) == 3"),
    "asyncio inside": ("import asyncio\nasync def g(): return 5\ndef f(): return asyncio.run(g())", "assert f() == 5"),
    "a main block": (RIGHT + "if __name__ == '__main__': raise SystemExit", "assert add(1, 1) == 2"),
}


def test_honest_programs_of_every_kind_pass(verifier: Verifier) -> None:
    """That the tests are in another process is not seen by a program that does what is asked."""
    verdicts = verifier.verify([("", program, {"tests": [test]}) for program, test in HONEST.values()])
    assert {name: v.reason for name, v in zip(HONEST, verdicts, strict=True) if v.strict != 1} == {}


def test_the_reason_counts_the_tests_that_pass(verifier: Verifier) -> None:
    """And names the first that does not."""
    verdict = judge(verifier, "def add(a, b): return 3")
    assert verdict.strict == 0
    assert verdict.reason.startswith("1 of 2 tests pass; 'assert add(2, 2) == 4' failed: AssertionError")


def test_the_block_that_defines_what_is_tested_is_the_program(verifier: Verifier) -> None:
    """A worked example before it and a usage example after it are not."""
    response = f"First:\n```python\nx = 1\n```\nThen\n```python\n{RIGHT}```\nUse it:\n```\n>>> add(1, 2)\n```\n"
    assert verifier.verify([("", response, ROW)])[0].strict == 1


def test_code_in_prose_is_right_leniently_only(verifier: Verifier) -> None:
    """The form asked for is a block, or nothing but code."""
    verdict = verifier.verify([("", f"Sure, here it is:\n\n{RIGHT}\nHope this helps!", ROW)])[0]
    assert (verdict.strict, verdict.lenient) == (0, 1)


def test_a_completion_goes_on_from_its_prompt_and_a_whole_function_stands_alone(verifier: Verifier) -> None:
    """Both ways of answering a row with `test` and `entry_point`; a chat prompt is its last message."""
    prompt = "import math\n\ndef root(x):\n    '''The root.'''\n"
    row = {"entry_point": "root", "test": "def check(candidate):\n    assert candidate(9) == 3"}
    whole = "```python\ndef root(x):\n    return math.sqrt(x)\n```"
    chat = [{"role": "user", "content": prompt}]
    tasks = [(prompt, "    return math.sqrt(x)\n", row), (prompt, whole, row), (chat, whole, row)]
    assert [verdict.strict for verdict in verifier.verify(tasks)] == [1, 1, 1]
    on = verifier.verify([(prompt, "    return math.sqrt(x)\n\nThe end, I think.", row)])[0]
    assert (on.strict, on.lenient) == (0, 1)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({}, "no `tests`"),
        ({"tests": []}, "no `tests`"),
        ({"tests": ["assert add(1,"]}, "cannot be run: SyntaxError"),
        ({"tests": ["import os\nos._exit(0)"]}, "the tests end the process"),
    ],
)
def test_a_row_that_cannot_be_tested_is_unscorable(verifier: Verifier, row: dict[str, object], reason: str) -> None:
    """The response is not to blame."""
    verdict = verifier.verify([("", RIGHT, row)])[0]
    assert verdict.outcome is Outcome.UNSCORABLE and reason in verdict.reason


def test_rewards_do_not_depend_on_chance(verifier: Verifier) -> None:
    """Random numbers and the order of sets are the same in every run and every sandbox."""
    program = "import random\ndef draw(): return [random.random(), list({'a', 'b', 'c', 'd'})]"
    test = "import hashlib\nraise ValueError(hashlib.md5(repr(draw()).encode()).hexdigest())"
    with load_verifier("unit-tests", seconds=5) as other:
        assert judge(verifier, program, test).reason == judge(other, program, test).reason


def test_it_works_in_a_thread_and_after_that_thread_is_gone() -> None:
    """What is started in one thread serves the next."""
    found: list[Verdict] = []
    with load_verifier("unit-tests", seconds=5, workers=1) as verifier:
        for _ in range(2):
            thread = threading.Thread(target=lambda: found.extend(verifier.verify([("", RIGHT, ROW)])))
            thread.start()
            thread.join()
    assert [verdict.strict for verdict in found] == [1, 1]


def processes_of(pid: int) -> list[int]:
    """The processes that were started for the process `pid`; their command lines name it."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if f"main({pid}, ".encode() in entry.read_bytes():
                found.append(int(entry.parent.name))
        except OSError:
            continue
    return found


@linux
@pytest.mark.parametrize("way", [signal.SIGKILL, signal.SIGINT])
def test_nothing_survives_a_run_that_is_killed_or_interrupted(way: signal.Signals) -> None:
    """With a program, a match and a function of its own at work."""
    code = (
        # a shell without job control starts what runs in its background with interrupts ignored
        "import signal\nsignal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from reference_impls.verifiers import load_verifier\nfrom threading import Thread\n"
        "a, b = load_verifier('unit-tests', seconds=900), load_verifier('regex:(x+x+)+y', seconds=900)\n"
        "a.verify([('', 'add = 1', {'tests': ['assert add']})])\n"
        "Thread(target=b.verify, args=([('', 'x' * 60, {})],), daemon=True).start()\n"
        "print('working', flush=True)\n"
        "a.verify([('', 'while True: pass', {'tests': ['assert add']})] * 2)\n"
    )
    run = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert run.stdout is not None and run.stdout.readline() == b"working\n"
    deadline = time.monotonic() + 600
    while len(processes_of(run.pid)) < 7 and time.monotonic() < deadline:  # 2 servers, 2 judges, 2 programs, a worker
        time.sleep(0.05)
    assert len(processes_of(run.pid)) >= 7
    os.kill(run.pid, way)
    run.wait(600)
    run.stdout.close()
    while processes_of(run.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert processes_of(run.pid) == []
