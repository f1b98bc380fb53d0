"""The command line as people and scripts use it: stdout is data, exit codes mean what is written, errors lead on."""

import json
from pathlib import Path
from typing import Any

import pytest

from posttrain.errors import ExitCode
from survey.cli import main
from tests.builders import FILLER, make_pdf, markdown_paper

BODY = "We train on HotpotQA. " * 6 + "We claimed that GSM8K helps. GSM8K."


class Survey:
    """Runs `survey` in this process and keeps what it printed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys
        self.out = self.err = ""

    def __call__(self, *arguments: str) -> int:
        self._monkeypatch.setattr("sys.argv", ["survey", *arguments])
        with pytest.raises(SystemExit) as exit_:
            main()
        self.out, self.err = self._capsys.readouterr()
        return int(exit_.value.code or 0)

    def data(self, *arguments: str) -> Any:
        """Run with --json and return `data` of the one object it prints."""
        assert self(*arguments, "--json") == ExitCode.OK, self.err
        envelope = json.loads(self.out)
        assert set(envelope) == {"schema_version", "command", "data", "warnings", "provenance"}
        assert envelope["command"] == arguments[0]
        return envelope["data"]


@pytest.fixture
def survey(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Survey:
    """The command line, in an empty folder."""
    return Survey(monkeypatch, capsys)


@pytest.fixture
def labelled(survey: Survey) -> Survey:
    """Two papers, ingested, extracted and labelled."""
    Path("papers").mkdir()
    Path("papers/one.md").write_text(markdown_paper("2403.00001", BODY, title="One", published="2024-03-01"))
    Path("papers/two.md").write_text(markdown_paper("2501.00002", "Nothing named here. " * 9, title="Two"))
    for step in (["ingest", "papers"], ["extract"], ["label"]):
        assert survey(*step) == ExitCode.OK, survey.err
    return survey


def test_the_flow_ends_in_the_table(labelled: Survey) -> None:
    """From two files to a table: one of one paper of 2024 reaches five mentions of a QA benchmark."""
    (table,) = labelled.data("report")["tables"]
    rows = {(row["period"], row["label"]): row for row in table["rows"]}
    assert (rows["2024", "qa"]["k"], rows["2024", "qa"]["n"]) == (1, 1)
    assert rows["2024", "math"]["k"] == 0
    assert (table["threshold"], table["inclusive"], table["lexicon"]) == (5, True, "aliases")
    assert rows["2024", "qa"]["published"] == {
        "value": 652, "n": None, "agreement": "all three readings", "sources": ["summary 002", "qwen-1", "qwen-2"]
    }  # fmt: skip


def test_ingest_twice_changes_nothing(labelled: Survey) -> None:
    """The second time, everything is unchanged, and so is the table."""
    before = labelled.data("report")
    assert labelled.data("ingest", "papers") == {
        "ingested": 0, "unchanged": 2, "listed": 0, "skipped": [], "by_name": [],
    }  # fmt: skip
    assert labelled.data("extract")["extracted"] == 0
    labelled.data("label")
    assert labelled.data("report") == before


def test_explain_shows_every_place_with_its_reason(labelled: Survey) -> None:
    """Counted and refused places, with section and offset, by id, version or URL."""
    found = labelled.data("explain", "https://arxiv.org/abs/2403.00001v2")
    assert found["counts"] == {"hotpotqa": 6, "gsm8k": 2}
    assert found["domains"] == ["qa"]
    refused = [mention for mention in found["mentions"] if not mention["counted"]]
    assert [mention["reason"] for mention in refused] == ["inside the word 'claimed'"]
    assert all(isinstance(mention["offset"], int) and mention["section"] for mention in found["mentions"])


def test_status_shows_the_flow(labelled: Survey) -> None:
    """Identified, extracted, labelled, domains."""
    flow = labelled.data("status")["flow"]
    assert (flow["identified"], flow["duplicates"], flow["extracted"], flow["labelled"]) == (2, 0, 2, 2)
    assert flow["domains"]["qa"] == 1


def test_papers_that_came_in_since_are_announced(labelled: Survey) -> None:
    """A table that lacks papers of the store says so."""
    Path("new.md").write_text(markdown_paper("2501.00003", BODY))
    labelled("ingest", "new.md")
    assert labelled("report", "--json") == ExitCode.OK
    assert any("1 paper came in since" in warning for warning in json.loads(labelled.out)["warnings"])


def test_counts_of_older_texts_are_announced(labelled: Survey) -> None:
    """A better copy was read since: the table says so, and no words are shown from another text."""
    stamp = "arXiv:2403.00001v1 [cs.CL] 1 Mar 2024"
    Path("better.pdf").write_bytes(make_pdf([f"GSM8K {FILLER}"], stamp=stamp))
    labelled("ingest", "better.pdf")
    labelled("extract")
    assert labelled("report", "--json") == ExitCode.OK
    assert json.loads(labelled.out)["warnings"] == ["texts have changed since the last count: survey label"]
    assert all(mention["context"] is None for mention in labelled.data("explain", "2403.00001")["mentions"])
    labelled("label")
    assert labelled.data("explain", "2403.00001")["counts"] == {"gsm8k": 1}


def test_the_printed_lexicon_recounts(labelled: Survey) -> None:
    """A new lexicon needs no new extraction and is named in the table."""
    assert labelled.data("label", "--lexicon", "printed")["lexicon"] == "printed"
    assert labelled.data("report")["tables"][0]["lexicon"] == "printed"


def test_without_own_papers_the_bundled_sample_speaks(survey: Survey) -> None:
    """The first line says what the sample is and is not, and how to replace it."""
    assert survey("report", "--surface", "text") == ExitCode.OK
    first = " ".join(survey.out.split("\n\n")[0].split())
    for words in ("real arXiv papers bundled with posttrain", "not a crawl", "survey ingest"):
        assert words in first
    assert survey("explain", "2503.05592", "--json") == ExitCode.OK
    assert json.loads(survey.out)["data"]["counts"]["2wikimultihopqa"] >= 5


def test_papers_without_counts_never_show_the_bundled_sample(survey: Survey) -> None:
    """A user who has ingested papers must not read a table about others."""
    Path("one.md").write_text(markdown_paper("2403.00001", BODY))
    survey("ingest", "one.md")
    assert survey("report") == ExitCode.USAGE
    assert "survey extract" in survey.err
    assert survey.out == ""


@pytest.mark.parametrize("form", ["md", "csv", "json", "html", "latex", "parquet", "svg", "png"])
def test_out_writes_the_file_and_leaves_stdout_empty(survey: Survey, form: str) -> None:
    """Each format lands in its file."""
    assert survey("report", "--format", form, "--out", f"here/report.{form}") == ExitCode.OK
    assert survey.out == ""
    assert Path(f"here/report.{form}").stat().st_size > 300


def test_a_sweep_gives_a_table_for_each_threshold(survey: Survey) -> None:
    """From A to B, both included, in one answer."""
    for surface in ("text", "abstract"):
        tables = survey.data("report", "--surface", surface, "--sweep", "1..20")["tables"]
        assert [table["threshold"] for table in tables] == list(range(1, 21))


def test_all_axes_are_there(survey: Survey) -> None:
    """Three tables, the last two with the survey's own shares."""
    assert [t["axis"] for t in survey.data("report", "--surface", "text", "--axis", "all")["tables"]] == [
        "domain",
        "method",
        "method",
        "data_source",
    ]


def test_diff_check_ends_with_six_where_cells_differ(survey: Survey) -> None:
    """The bundled sample is no crawl and has another mix."""
    assert survey("diff", "--check") == ExitCode.DIFFERS
    assert "not a crawl" in survey.out
    assert survey("diff") == ExitCode.OK


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["report", "--threshold", "1001"], ExitCode.USAGE, "--threshold 1001; expected 1 to 1,000"),
        (["report", "--sweep", "6..1"], ExitCode.USAGE, "--sweep '6..1'; expected A..B"),
        (["report", "--axis", "topic"], ExitCode.USAGE, "expected domain, benchmark, method, data_source or all"),
        (["report", "--by", "week"], ExitCode.USAGE, "week"),
        (["ingest"], ExitCode.USAGE, "PATH"),
        (["report", "--threshold", "3", "--sweep", "1..4"], ExitCode.USAGE, "cannot be used together"),
        (["ingest", "nowhere"], ExitCode.USAGE, "nowhere does not exist"),
        (["frobnicate"], ExitCode.USAGE, "frobnicate"),
        (["extract"], ExitCode.NOTHING_MATCHED, "survey ingest PATH"),
        (["status"], ExitCode.NOTHING_MATCHED, "survey ingest PATH"),
        (["explain", "2401.99999"], ExitCode.NOTHING_MATCHED, "2401.99999 is not in the sample"),
    ],
)
def test_errors_name_what_was_found_and_the_next_command(
    survey: Survey, arguments: list[str], code: ExitCode, words: str
) -> None:
    """On stderr for a person and as one object for a program; never a traceback, and nothing else on stdout."""
    assert survey(*arguments) == code
    assert words in survey.err and "try:" in survey.err and "Traceback" not in survey.err
    assert survey.out == ""
    assert survey(*arguments, "--json") == code
    told = json.loads(survey.out)
    assert set(told["error"]) == {"code", "message", "hint"} and told["schema_version"] == 1


def test_a_binary_table_is_not_poured_onto_the_terminal(survey: Survey) -> None:
    """Parquet needs a file to go to."""
    assert survey("report", "--format", "parquet") == ExitCode.USAGE
    assert "add --out" in survey.err


def test_label_before_extract_leaves_the_bundled_sample(survey: Survey) -> None:
    """A step in the wrong order names the right one, and no empty table takes the place of a full one."""
    assert survey("ingest", "nowhere") == ExitCode.USAGE
    assert list(Path().iterdir()) == []
    Path("one.md").write_text(markdown_paper("2403.00001", BODY))
    survey("ingest", "one.md")
    assert survey("label") == ExitCode.NOTHING_MATCHED
    assert "survey extract" in survey.err
    assert survey("report") == ExitCode.USAGE


def test_papers_lists_the_papers_of_a_cell(labelled: Survey) -> None:
    """Each cell of the table can be opened; without a cell, every paper is there."""
    (paper,) = labelled.data("papers", "--domain", "qa", "--period", "2024-H1")["papers"]
    assert (paper["arxiv_id"], paper["domains"], paper["published"]) == ("2403.00001", ["qa"], "2024-03-01")
    assert len(labelled.data("papers")["papers"]) == 2
    assert labelled("papers", "--domain", "code") == ExitCode.NOTHING_MATCHED


def test_the_cells_of_the_table_hold_as_many_papers_as_it_says(survey: Survey) -> None:
    """Over the bundled sample, for every domain and year."""
    (table,) = survey.data(
        "report", "--surface", "text", "--threshold", "3", "--scope", "body", "--rule", "domain-sum"
    )["tables"]
    for row in table["rows"]:
        if row["k"]:
            cell = ["--domain", row["label"], "--period", row["period"]]
            listed = survey.data("papers", *cell, "--threshold", "3", "--scope", "body", "--rule", "domain-sum")
            assert len(listed["papers"]) == row["k"]


def test_exported_counts_give_the_same_table(labelled: Survey) -> None:
    """Shared counts stand in for the papers."""
    labelled("label", "--export", "counts.parquet")
    own = labelled.data("report")["tables"]
    assert labelled.data("report", "--counts", "counts.parquet", "--data", "nowhere")["tables"] == own


def test_explain_finds_a_paper_by_its_title_and_shows_the_words_around(labelled: Survey) -> None:
    """The context is the paper's own text at the offset."""
    found = labelled.data("explain", "one")
    assert found["arxiv_id"] == "2403.00001"
    assert all(mention["found"] in mention["context"] for mention in found["mentions"])
    assert labelled("explain", "no such title") == ExitCode.NOTHING_MATCHED


def test_undated_papers_alone_have_no_table(survey: Survey) -> None:
    """A paper without an arXiv id is in no period; the error says so."""
    Path("notes.txt.md").write_text("GSM8K " * 200)
    for step in (["ingest", "notes.txt.md"], ["extract"], ["label"]):
        assert survey(*step) == ExitCode.OK, survey.err
    assert survey("report", "--by", "half", "--format", "csv") == ExitCode.NOTHING_MATCHED
    assert "no paper of the sample has a date" in survey.err


def test_a_month_is_not_told_as_a_day(survey: Survey) -> None:
    """A fourth version's stamp leaves only the month of the id."""
    stamp = "arXiv:2308.08155v4 [cs.AI] 3 Oct 2023"
    Path("a.pdf").write_bytes(make_pdf(["GSM8K " * 80], stamp=stamp))
    for step in (["ingest", "a.pdf"], ["extract"], ["label"]):
        survey(*step)
    assert survey.data("explain", "2308.08155")["published_is"] == "month"
    survey("explain", "2308.08155")
    assert "version 1: 2023-08;" in survey.out


def test_a_command_that_reads_leaves_no_trace(survey: Survey) -> None:
    """Asking for a table or a status makes no folder."""
    for arguments in (["report"], ["status"], ["explain", "2503.05592"], ["diff"]):
        survey(*arguments)
    assert list(Path().iterdir()) == []


def test_a_file_that_is_no_paper_is_a_counted_skip(survey: Survey) -> None:
    """Beside a good paper it costs nothing but a line; alone it ends with exit code 4."""
    Path("fake.pdf").write_text("<html>Access denied</html>")
    assert survey("ingest", "fake.pdf") == ExitCode.PARTIAL
    Path("good.pdf").write_bytes(make_pdf(["GSM8K " * 80], stamp="arXiv:2302.04761v1 [cs.CL] 9 Feb 2023"))
    assert survey("ingest", "fake.pdf", "good.pdf", "--json") == ExitCode.OK
    data = json.loads(survey.out)["data"]
    assert data["ingested"] == 1
    assert [skip["path"] for skip in data["skipped"]] == ["fake.pdf"]


def test_the_version_is_printed(survey: Survey) -> None:
    """One line, for scripts."""
    assert survey("--version") == ExitCode.OK
    assert survey.out.count("\n") == 1
