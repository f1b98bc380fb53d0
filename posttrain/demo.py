"""The demo: trends of real papers, a starter policy that is measured, advice for it, and a pilot of a minute.

    posttrain demo        make demo

Each step is a command that a reader can run, and ends in a file of data/demo. A second demo reads what is there.
"""

import io
from collections.abc import Callable
from contextlib import redirect_stdout
from importlib.util import find_spec
from pathlib import Path

from posttrain.console import note, print_data
from posttrain.errors import ConfigurationError, ExitCode
from posttrain.files import make_folder, write_whole
from posttrain.install import install_hint
from reference_impls.configs import Budget

BUDGET = "30k-tokens"
TASK = "task:addition"
ANSWERS = ["--set", "prompting=tried", "--set", "evaluation=yes"]  # what no probe can measure
# Without torch nothing can be measured: the advice is for a person who has unit tests and a model that passes some.
EXAMPLE = ["--set", "verifier=unit-tests", "--set", "pass_at_k=0.6", "--set", "prompting=tried"]


def demo(data: Path, budget: str = BUDGET) -> int:
    """Show the four steps and return an exit code: 4 where an arm of the pilot failed, else 0.

    data: the folder of own data; the demo lies in data/demo, or in data/demo-BUDGET for another budget. Raises
    PosttrainError as the commands do.
    """
    folder = data / ("demo" if budget == BUDGET else f"demo-{budget}")
    try:  # a wrong budget or folder is better known before the first step than after the second
        Budget.parse(budget)
    except ValueError as error:
        raise ConfigurationError(str(error), f"posttrain demo --budget {BUDGET}") from error
    make_folder(folder)
    _step(1, "trends: what the bundled papers train with (seconds)")
    _survey("report")
    print_data("")
    if find_spec("torch") is None:
        _step(2, "advice: pipelines in order for an example task (seconds)")
        _advisor("ask", "--no-input", *EXAMPLE)
        note(f"a probe and a pilot need torch: {install_hint('train')}; then posttrain demo again")
        return ExitCode.OK
    traits, plan = folder / "traits.json", folder / "plan.json"
    if plan.exists():
        note(f"[2/4] probe and plan: read from {folder}; remove it to measure once more")
    else:
        _step(2, "probe: the starter policy answers 50 prompts, 16 times each (about twenty seconds)")
        _measure(folder, traits, plan, budget)
    _step(3, "advice: pipelines in order for what was measured, with reasons and prices (seconds)")
    _advisor("ask", "--no-input", "--traits", str(traits), *ANSWERS)
    print_data("")
    _step(4, f"pilot: every arm trains within {budget}, no training at all among them (about a minute)")
    return _advisor("pilot", str(plan), "--out", str(folder / "pilot"), "--resume", "--at-once", "2")


def _measure(folder: Path, traits: Path, plan: Path, budget: str) -> None:
    """Write the traits of the starter policy, the advice for them and the plan of a pilot, with what each command says.

    The plan is written last: where it is, the others are.
    """
    advice = str(folder / "advice.json")
    _kept(folder / "probe.txt", "probe", "--model", "starter", "--data", TASK, "--prompts", "50", "--out", str(traits))
    _kept(folder / "advice.txt", "ask", "--no-input", "--traits", str(traits), *ANSWERS, "--out", advice)
    size = ["--set", "eval_size=100"]
    _kept(folder / "plan.txt", "plan", advice, "--budget", budget, *size, "--out", str(plan))


def _step(number: int, words: str) -> None:
    note(f"[{number}/4] {words}")


def _kept(path: Path, *arguments: str) -> None:
    """Run a command of the advisor and keep what it prints in a file."""
    printed = io.StringIO()
    with redirect_stdout(printed):
        _advisor(*arguments)
    write_whole(path, printed.getvalue())


def _survey(*arguments: str) -> int:
    from survey.cli.app import app

    return _command(app, "survey", arguments)


def _advisor(*arguments: str) -> int:
    from advisor.cli.app import app

    return _command(app, "advisor", arguments)


def _command(app: Callable[..., object], name: str, arguments: tuple[str, ...]) -> int:
    """Run a command in this process and return its exit code; its errors are the demo's errors."""
    return int(str(app([*arguments], prog_name=name, standalone_mode=False) or 0))
