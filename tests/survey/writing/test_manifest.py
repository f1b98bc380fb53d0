"""A report is made again bit for bit from its manifest; what differs is named, with exit code 6."""

import json
from pathlib import Path

import pytest

from posttrain.errors import ExitCode
from posttrain.version import __version__
from survey.studies.load import load_study
from survey.writing.citation import citations_of
from tests.builders import FILLER, markdown_paper

pytestmark = pytest.mark.slow  # each labels papers or runs whole commands


def test_a_report_is_made_again_bit_for_bit(survey) -> None:
    """The options come from the manifest, the bytes are the same, and so is a second manifest."""
    options = ["--surface", "text", "--threshold", "2", "--by", "half", "--from", "2024", "--format", "html"]
    assert survey("report", *options, "--out", "a.html", "--manifest", "m.json")[0] == ExitCode.OK
    assert survey("report", "--from-manifest", "m.json", "--out", "b.html")[0] == ExitCode.OK
    assert Path("a.html").read_bytes() == Path("b.html").read_bytes()
    survey("report", *options, "--out", "a.html", "--manifest", "again.json")
    assert Path("m.json").read_bytes() == Path("again.json").read_bytes()


def test_what_differs_is_named(survey) -> None:
    """A version, a bundled table and an option: each in words, and nothing is written."""
    survey("report", "--surface", "text", "--out", "a.txt", "--manifest", "m.json")
    whole = json.loads(Path("m.json").read_text())
    changes = {
        "numpy": {"versions": whole["versions"] | {"numpy": "1.0.0"}},
        "bundled mentions.parquet": {"inputs": whole["inputs"] | {"bundled mentions.parquet": "0" * 64}},
        "the report": {"options": whole["options"] | {"threshold": 3}},
    }
    for name, change in changes.items():
        Path("changed.json").write_text(json.dumps(whole | change))
        code, out, error = survey("report", "--from-manifest", "changed.json", "--out", "b.txt")
        assert code == ExitCode.DIFFERS and name in error and out == ""
        assert not Path("b.txt").exists()
        assert ("the report itself is the same" in error) == (name != "the report")


def test_own_data_are_part_of_it(survey) -> None:
    """One more paper of one's own is another report."""
    for number in (1, 2):
        Path(f"{number}.md").write_text(markdown_paper(f"2403.0000{number}", "HotpotQA " * 6 + FILLER))
    for step in (["ingest", "1.md"], ["extract"], ["label"]):
        assert survey(*step)[0] == ExitCode.OK
    survey("report", "--format", "csv", "--out", "a.csv", "--manifest", "m.json")
    assert survey("report", "--from-manifest", "m.json", "--out", "b.csv")[0] == ExitCode.OK
    survey("label")  # the same counts in another file
    assert survey("report", "--from-manifest", "m.json", "--out", "b.csv")[0] == ExitCode.OK
    for step in (["ingest", "2.md"], ["extract"], ["label"]):
        survey(*step)
    code, _, error = survey("report", "--from-manifest", "m.json")
    assert code == ExitCode.DIFFERS and "own counts of text" in error


_REST = '"versions": {}, "inputs": {}, "output": ""}'


@pytest.mark.parametrize(
    "content",
    ["", "[]", "{}", '{"manifest": 9, "options": {}, ' + _REST, '{"manifest": 1, "options": {"colour": 1}, ' + _REST],
)
def test_what_is_no_manifest_is_refused(survey, content: str) -> None:
    """With the file's name and the command that writes one."""
    Path("m.json").write_text(content)
    code, _, error = survey("report", "--from-manifest", "m.json")
    assert code == ExitCode.USAGE and "m.json" in error and "--manifest FILE" in error


def test_reports_say_how_to_cite(survey) -> None:
    """The tool with its version and the survey, from CITATION.cff; in LaTeX as comments, which compile anywhere."""
    tool, survey_paper = citations_of(load_study())
    assert tool.version == __version__ and survey_paper.url == "https://arxiv.org/abs/2603.13985"
    for form in ("md", "html", "latex"):
        _, out, _ = survey("report", "--surface", "text", "--format", form)
        assert "How to cite" in out and "arXiv:2603.13985" in out and "@misc{posttrain" in out
    assert all(line.startswith("%") for line in out[out.index("% How to cite") :].splitlines())
    assert [citation.key for citation in citations_of(load_study("agents"))][2] == "study-agents"
