"""What the documents show is what the program prints, and what they name exists."""

import inspect
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from posttrain.demo import demo
from survey.mentions.lexicon import load_lexicon

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "data/README.md",
]


def _survey(*arguments: str, room: str = "survey") -> str:
    command = [sys.executable, "-m", f"{room}.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=_environment()).stdout


def _environment() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": str(ROOT)}


# What the probe of `make demo` measures of the starter policy, and what the demo says beside.
MEASURED = {
    "domain": "math", "evaluation": "yes", "prompting": "tried", "demonstrations": 1000, "prompts": 1000,
    "verifier": "rule", "verifier_on_gold": 1, "verifier_on_wrong": 0, "parameters": 0.000804,
    "row_tokens": 33.4, "pass_at_1": 0.1825, "pass_at_k": 0.82, "format_rate": 1, "equal_groups": 0.18,
}  # fmt: skip


def test_the_page_of_the_demo_shows_what_it_prints() -> None:
    """Every line below `make demo` in docs/demo.md is a line of the real output, in its order."""
    block = re.search(r"```console\n\$ make demo\n(.*?)```", (ROOT / "docs/demo.md").read_text(), re.DOTALL)
    assert block
    shown = [line for line in block[1].splitlines() if line and line != "…"]
    assert len(shown) > 20
    settings = [part for name, value in MEASURED.items() for part in ("--set", f"{name}={value}")]
    advice = _survey("ask", "--no-input", *settings, room="advisor")
    table = (ROOT / "docs/pilots.md").read_text()  # the pilot is run by `make demo` itself
    printed = iter([*_survey("report").splitlines(), *advice.splitlines(), *table.splitlines()])
    for line in shown:
        assert line in printed, line  # an iterator: each line must come behind the one before


def test_the_demo_runs_what_its_page_shows() -> None:
    """`make demo` prints the report, a piece of advice and a pilot."""
    assert "$(BIN)/posttrain demo" in (ROOT / "Makefile").read_text().split("\ndemo:")[1].split("\n\n")[0]
    steps = inspect.getsource(demo)
    order = [steps.index(command) for command in ('_survey("report"', '_advisor("ask"', '_advisor("pilot"')]
    assert order == sorted(order)


@pytest.mark.slow
def test_every_command_in_the_documents_exists() -> None:
    """A `survey …` or `advisor …` in a document names a command and options that its help knows."""
    pattern = r"`(?:survey|advisor) [a-z][^`]*`|^\$ (?:survey|advisor) [^#\n]*"
    commands = {
        line.strip("` ") for document in DOCUMENTS for line in re.findall(pattern, document.read_text(), re.MULTILINE)
    }
    assert sum(command.removeprefix("$ ").startswith("survey") for command in commands) >= 15
    assert sum(command.removeprefix("$ ").startswith("advisor") for command in commands) >= 15
    helps: dict[str, str] = {}
    for command in commands:
        words = shlex.split(command.removeprefix("$ "))
        name = " ".join(words[:3] if words[1] == "annotate" else words[:2])
        if name not in helps:
            helps[name] = _survey(*name.split()[1:], "--help", room=words[0])
        for option in (word for word in words if word.startswith("--")):
            assert option in helps[name], command


def test_every_link_leads_to_a_file() -> None:
    """Relative links of the documents."""
    links = [
        (document, link)
        for document in DOCUMENTS
        for link in re.findall(r"\]\(([^)#]+)\)", document.read_text())
        if not link.startswith("http")
    ]
    assert len(links) >= 4
    assert [link for document, link in links if not (document.parent / link).exists()] == []


def test_the_number_of_spellings_is_the_one_that_is_claimed() -> None:
    """The docs say how many spellings count."""
    spellings = sum(len(benchmark.aliases) for benchmark in load_lexicon().benchmarks)
    for document in ("docs/counting.md", "data/README.md"):
        assert f"{spellings} spellings" in " ".join((ROOT / document).read_text().split()), document
