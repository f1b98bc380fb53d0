"""docs/studies.md: its study loads and counts, its commands run in their order, and its tables name what there is."""

import re
import shlex
from pathlib import Path

import pyarrow
import pytest
from pyarrow import parquet

from survey.mentions.finder import MentionFinder
from survey.mentions.lexicon import load_lexicon
from survey.studies.load import bundled_studies, load_study
from survey.studies.model import Study, Thresholds, Window
from tests.builders import markdown_paper
from tests.chain import ROOT, command_line

PAGE = (ROOT / "docs/studies.md").read_text(encoding="utf-8")
(STUDY,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.slow
def test_the_walk_through_runs() -> None:
    """From `study new` to a chart that holds both domains."""
    words = "On ChartQA, DocVQA and MMMU-Pro. " * 6
    for number, published in enumerate(["2024-02-01", "2024-08-01", "2025-01-10"]):
        path = Path("papers", f"{number}.md")
        path.parent.mkdir(exist_ok=True)
        path.write_text(markdown_paper(f"{published[2:4]}{published[5:7]}.0000{number}", words, published=published))
    abstracts = {
        "arxiv_id": ["2405.00001"],
        "published": ["2024-05-01"],
        "title": ["MMMU"],
        "abstract": ["On ChartQA."],
    }
    parquet.write_table(pyarrow.table(abstracts), "abstracts.parquet")
    commands = re.findall(r"^\$ (survey .*)$", PAGE, re.MULTILINE)
    assert len(commands) == 14
    for command in commands:
        done = command_line(*shlex.split(command)[1:])
        assert done.returncode == 0, (command, done.stderr)
        if "study new" in command:
            Path("vision.toml").write_text(STUDY)
    for name, period in (("vision.svg", "2023"), ("texts.svg", "2024-Q3")):
        picture = Path(name).read_text()
        assert "reading" in picture and "reasoning" in picture and period in picture


def test_the_study_counts_what_it_means() -> None:
    """Ten benchmarks, each by its name; not the person, not another benchmark."""
    Path("vision.toml").write_text(STUDY)
    study = load_study("vision.toml")
    finder = MentionFinder(load_lexicon(study=study))
    names = "ChartQA DocVQA TextVQA OCRBench MMMU MathVista ScienceQA MMBench SEED-Bench, and POPE on hallucination"
    assert finder.counts(names.encode()) == dict.fromkeys(study.benchmarks, 1)
    assert finder.counts(b"CMMMU, the Pope, POPE LEO, text that vqa") == {}


def test_every_key_and_every_study_is_explained() -> None:
    """The table of keys has the fields of the model; the table of studies has the bundled ones with their domains."""
    keys = {
        key for row in re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE) for key in re.findall(r"`\[?([a-z_]+)", row)
    }
    fields = {*Study.model_fields, *Window.model_fields, "default", "by_domain"} - {"source"}
    assert fields <= keys and {"default", "by_domain"} <= set(Thresholds.model_fields)
    for name in bundled_studies():
        (row,) = re.findall(rf"^\| `{re.escape(name)}` \| ([^|:]*)", PAGE, re.MULTILINE)
        assert row.strip().split(", ") == list(load_study(name).domains), name


@pytest.mark.parametrize("command", ["papers", "diff", "explain", "label", "report"])
def test_commands_take_a_study(command: str) -> None:
    """As the page says."""
    assert "--study" in command_line(command, "--help").stdout
