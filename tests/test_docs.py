"""What the documents show is what the program prints, and what they name exists."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

from survey.benchmarks import load_lexicon

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "data/README.md"]


def _survey(*arguments: str) -> str:
    command = [sys.executable, "-m", "survey.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=_environment()).stdout


def _environment() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": str(ROOT)}


def test_the_readme_shows_what_the_demo_prints() -> None:
    """Every line below `make demo` in the README is a line of the real output, in its order."""
    block = re.search(r"```console\n\$ make demo\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert block
    shown = [line for line in block[1].splitlines() if line and line != "…"]
    printed = iter(_survey("report").splitlines())
    assert len(shown) > 10
    for line in shown:
        assert line in printed, line  # an iterator: each line must come behind the one before


def test_the_demo_ends_in_the_report() -> None:
    """`make demo` runs what the README says it prints."""
    assert "$(BIN)/survey report" in (ROOT / "Makefile").read_text().split("demo:")[1].split("test:")[0]


def test_every_command_in_the_documents_exists() -> None:
    """A `survey …` in a document names a command and options that its help knows."""
    commands = {
        line.strip("` ")
        for document in DOCUMENTS
        for line in re.findall(r"`survey [a-z][^`]*`|^\$ survey [^#\n]*", document.read_text(), re.MULTILINE)
    }
    assert len(commands) >= 15
    helps: dict[str, str] = {}
    for command in commands:
        words = shlex.split(command.removeprefix("$ "))
        name = " ".join(words[1:3] if words[1] == "annotate" else words[1:2])
        helps.setdefault(name, _survey(*name.split(), "--help"))
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
    """README and docs say how many spellings count."""
    spellings = sum(len(benchmark.aliases) for benchmark in load_lexicon().benchmarks)
    for document in ("README.md", "docs/counting.md", "data/README.md"):
        assert f"{spellings} spellings" in " ".join((ROOT / document).read_text().split()), document
