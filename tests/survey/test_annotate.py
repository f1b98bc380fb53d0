"""`survey annotate` as a user does it: label, import, compare, learn; and what discovery says."""

from pathlib import Path

import pytest

from posttrain.errors import ExitCode, PosttrainError
from survey.annotate import all_labels, train
from survey.cli import main
from survey.labels.kept import features_path
from survey.labels.reader import classifier_of
from survey.labels.readings import COLUMNS, bundled_labels, own_labels, read_labels
from survey.labels.validation import read_validation
from survey.store.papers import Store
from survey.warehouse.database import Warehouse
from tests.builders import FILLER
from tests.chain import DATA, answer, command_line, count, read_texts, save_table, table_of, take_in

IDS = [one.arxiv_id for one in bundled_labels() if one.labeller == "reader A"][:3]
TEXT = f"Abstract\nWe fine-tune Llama-3 with LoRA on the training set of FooBench.\n1 Introduction\n{FILLER}"


@pytest.fixture
def labelled() -> None:
    """Three papers that readers know and two that none does, through the whole chain."""
    ids = [*IDS, "2501.88888", "2501.99999"]
    take_in(save_table("papers.parquet", table_of(ids, [f"{TEXT} {n}" for n in range(len(ids))])))
    read_texts()
    count().__exit__(None, None, None)


@pytest.mark.slow
def test_the_next_paper_is_labelled_on_the_command_line(labelled: None) -> None:
    """Those that no reader knows come before those that agree; a label is kept, and the paper not shown again."""
    first = answer(command_line("annotate", "next", "--json"))["next"]
    assert {first[0]["arxiv_id"], first[1]["arxiv_id"]} == {"2501.88888", "2501.99999"}
    paper = first[0]["arxiv_id"]
    done = command_line(
        "annotate", "next", paper, "--method", "sft", "--sources", "benchmark|api", "--labeller", "Doe, Ana"
    )
    assert done.returncode == ExitCode.OK, done.stderr
    assert done.stdout.startswith(f"stored: {paper} sft benchmark|api\n")
    [own] = own_labels(DATA)
    assert (own.arxiv_id, own.method, own.sources, own.labeller) == (paper, "sft", ("benchmark", "api"), "Doe, Ana")
    assert paper not in command_line("annotate", "next", "--labeller", "Doe, Ana").stdout
    again = answer(command_line("annotate", "next", "--second", "--json"))["next"]
    assert [one["arxiv_id"] for one in again] == [paper]


def test_a_label_that_is_none_is_refused(
    labelled: None, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """With what was expected, and nothing stored."""
    for arguments, message in (
        (("2501.99999", "--method", "tuning"), "'tuning' is not a method"),
        (("2501.99999", "--method", "sft", "--sources", "api,human"), "'api,human' is not a datasource"),
        (("--method", "sft"), "a paper and its --method go together"),
        (("nothing", "--method", "sft"), "'nothing' is not an arXiv id"),
    ):
        monkeypatch.setattr("sys.argv", ["survey", "annotate", "next", *arguments])
        with pytest.raises(SystemExit) as exit_:
            main()
        assert exit_.value.code == ExitCode.USAGE
        assert message in capsys.readouterr().err
        assert own_labels(DATA) == []


@pytest.mark.slow
def test_labels_go_in_and_out(labelled: None) -> None:
    """What was imported is what is exported, and readers are compared."""
    Path("mine.csv").write_text(",".join(COLUMNS) + f"\n{IDS[0]},rl,benchmark,ana,2026-01-01\n")
    assert answer(command_line("annotate", "import", "mine.csv", "--json")) == {"imported": 1, "own": 1}
    command_line("annotate", "export", "out.csv")
    assert read_labels(Path("out.csv")) == own_labels(DATA)
    pairs = answer(command_line("annotate", "agree", "--json"))["pairs"]
    assert {(pair["first"], pair["second"]) for pair in pairs} >= {("ana", "reader A"), ("reader A", "reader B")}


@pytest.mark.slow
def test_own_labels_are_learned_from(labelled: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Numbers and validation lie in the data folder, and the classifier is fitted to them; twice the same."""
    monkeypatch.setattr("survey.labels.forest.TREES", 40)  # smaller trees than in earnest, on the same path
    before = read_validation()
    with Store(DATA) as store:
        checked = train(store, DATA, all_labels(DATA))
        assert train(store, DATA, all_labels(DATA)) == checked
    assert read_validation(DATA) == checked
    assert {one.arxiv_id for one in checked} == {one.arxiv_id for one in before}
    assert features_path(DATA).exists()
    known = classifier_of(DATA).predict({"new": {}})["new"]
    assert sum(known.methods.values()) == pytest.approx(1)


def test_nothing_to_learn_from_is_said() -> None:
    """A labelled paper must have a text."""
    take_in(save_table("papers.parquet", table_of(["2501.88888"], [TEXT])))
    read_texts()
    with Store(DATA) as store, pytest.raises(PosttrainError, match="no labelled paper has a text"):
        train(store, DATA, bundled_labels())


def test_the_warehouse_holds_labels_and_citations(labelled: None) -> None:
    """Every paper has a method by both routes, also in an exported table that is read back."""
    command_line("label", "--export", "counts.parquet")
    with Warehouse.open(DATA / "warehouse.duckdb") as own, Warehouse.from_counts(Path("counts.parquet")) as shared:
        rows = own.query("papers_by_doubt")
        assert len(rows) == 5
        assert shared.query("trend_method") == own.query("trend_method")
        assert shared.query("trend_data_source") == own.query("trend_data_source")


def test_an_older_warehouse_says_what_to_do(labelled: None) -> None:
    """It lacks the tables of labels."""
    import duckdb

    with duckdb.connect(str(DATA / "warehouse.duckdb")) as old:
        old.execute("DROP TABLE paper_method")
    done = command_line("report")
    assert done.returncode == ExitCode.USAGE
    assert "survey label" in done.stderr


def test_explain_shows_the_cues(labelled: None) -> None:
    """The method with both routes, and each cue with its place and words."""
    found = answer(command_line("explain", "2501.99999", "--json"))
    assert {"label", "probability", "by_cues", "by_classifier", "cues"} <= set(found["method"])
    cue = next(one for one in found["method"]["cues"] if one["cue"] == "sft.we-tune-lm")
    assert cue["own"] and "fine-tune Llama-3" in cue["context"]
    assert any(one["cue"] == "benchmark.split" for one in found["data_source"]["cues"])


def test_discovery_of_nothing_is_said(labelled: None) -> None:
    """FooBench stands in five papers, but none calls it a benchmark in words."""
    done = command_line("report", "--discover")
    assert done.returncode == ExitCode.NOTHING_MATCHED
    assert "called a benchmark often enough" in done.stderr
