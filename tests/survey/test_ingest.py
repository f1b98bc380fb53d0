"""Ingest: which file is which paper, on what that rests, and what is passed over and why."""

import gzip
import json
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from posttrain.errors import PosttrainError
from survey.ingest import existing, ingest
from survey.paper import IdSource
from survey.store.papers import Store
from tests.builders import FILLER, latex, make_pdf, make_tar, markdown_paper
from tests.chain import DATA, index_content, only_source, save, save_table, sources, table_of, take_in

STAMP = "arXiv:2501.00001v1 [cs.CL] 9 Jan 2025"
CATS = "On the Patience of Cats in Long Corridors"
TURBINES = "Wind Turbine Gearbox Oil and Its Viscosity"
IN_2025 = f"Written in 2025.\n{FILLER}"


def _tei(arxiv_id: str) -> str:
    return (
        '<?xml version="1.0"?><TEI xmlns="http://www.tei-c.org/ns/1.0"><teiHeader><fileDesc><titleStmt>'
        f"<title>{CATS}</title></titleStmt><sourceDesc><biblStruct><idno type='arXiv'>{arxiv_id}</idno></biblStruct>"
        "</sourceDesc></fileDesc></teiHeader><text><body><div><p>We use GSM8K.</p></div></body></text></TEI>"
    )


def _s2orc(arxiv_id: str) -> str:
    paragraph = {"text": "We use GSM8K.", "section": "Intro"}
    return json.dumps({"paper_id": "1", "arxiv_id": arxiv_id, "title": CATS, "pdf_parse": {"body_text": [paragraph]}})


def _unarxive(arxiv_id: str) -> str:
    versions = [{"version": "v1", "created": "Thu, 9 Jan 2025 10:00:00 GMT"}]
    metadata = {"id": arxiv_id, "title": CATS, "versions": versions}
    return json.dumps({"paper_id": arxiv_id, "metadata": metadata, "body_text": [{"text": "We use GSM8K."}]})


def _papermage(stamp: str) -> str:
    return json.dumps({"symbols": f"{CATS}\n{stamp}\n{FILLER}"})


@pytest.mark.parametrize(
    ("name", "content", "kind", "rests_on"),
    [
        ("a.md", markdown_paper("2501.00001", FILLER, CATS, "2025-01-09"), "markdown", IdSource.HEADER),
        ("a.txt", f"{CATS}\n{STAMP}\n{FILLER}", "markdown", IdSource.STAMP),
        ("a.pdf", make_pdf([FILLER], stamp=STAMP, title=CATS), "pdf", IdSource.STAMP),
        ("a.json", _s2orc("2501.00001"), "record", IdSource.RECORD),
        ("a.json", _unarxive("2501.00001"), "record", IdSource.RECORD),
        ("a.json", _papermage(STAMP), "record", IdSource.STAMP),
        ("a.xml", _tei("2501.00001"), "tei", IdSource.RECORD),
        ("2501.00001.tex", latex(rf"\title{{{CATS}}} In 2025."), "latex", IdSource.NAME),
        ("2501.00001v2.tar.gz", make_tar({"main.tex": latex(rf"\title{{{CATS}}} In 2025.")}), "latex", IdSource.NAME),
        ("2501.00001.gz", gzip.compress(latex(rf"\title{{{CATS}}} In 2025.").encode()), "latex", IdSource.NAME),
        ("2501.00001.gz", gzip.compress(make_pdf([FILLER], stamp=STAMP, title=CATS)), "latex", IdSource.STAMP),
    ],
    ids=[
        "markdown", "text", "pdf", "s2orc", "unarxive", "papermage", "tei", "tex", "tar.gz", "gz", "gz of a PDF"
    ],
)  # fmt: skip
def test_every_format_gives_its_paper(name: str, content: bytes | str, kind: str, rests_on: IdSource) -> None:
    save(name, content)
    result = take_in()
    assert (result.ingested, result.unchanged, result.skipped) == (1, 0, [])
    source = only_source()
    assert (source.paper, source.kind, source.id_source) == ("2501.00001", kind, rests_on)
    assert CATS in source.title
    assert source.published is not None
    assert source.published.month == 1


def test_a_file_named_for_another_paper_is_the_paper_it_says_it_is() -> None:
    """What stands inside is stronger than the name, in every format that says it."""
    save("2402.99999v1.pdf", make_pdf([FILLER], stamp=STAMP))
    save("2402.99998v1.md", markdown_paper("2501.00002", FILLER))
    save("2402.99997.json", _s2orc("2501.00003"))
    take_in()
    assert sorted(source.paper for source in sources()) == ["2501.00001", "2501.00002", "2501.00003"]


def test_a_cited_id_is_not_the_papers_own() -> None:
    """Only the stamp with category and date counts; a bare id on the first page is a citation."""
    save("a.pdf", make_pdf([f"As arXiv:2402.03300 shows.\n{FILLER}"], created=date(2025, 1, 5)))
    save("b.md", f"# Notes\n\nSee https://arxiv.org/abs/2402.03300 of 2024.\n{FILLER}")
    take_in()
    assert {source.id_source for source in sources()} == {IdSource.NONE}


def test_a_stampless_pdf_is_known_by_a_plausible_name() -> None:
    save("2501.00001v2.pdf", make_pdf([FILLER], title=CATS, created=date(2025, 3, 1)))
    assert take_in().by_name == ["2501.00001"]
    source = only_source()
    assert (source.paper, source.version, source.id_source) == ("2501.00001", 2, IdSource.NAME)
    assert (source.published, source.is_stated) == (date(2025, 1, 1), False)


@pytest.mark.parametrize(
    "content",
    [make_pdf([FILLER], created=date(2019, 6, 1)), make_pdf([FILLER], created=date(2028, 6, 1)), make_pdf([FILLER])],
    ids=["years too old", "years too new", "no date inside"],
)
def test_a_name_that_nothing_inside_supports_is_not_believed(content: bytes) -> None:
    save("2501.00001.pdf", content)
    assert take_in().by_name == []
    source = only_source()
    assert source.paper == f"local:{source.sha256[:12]}"
    assert (source.id_source, source.published) == (IdSource.NONE, None)


@pytest.mark.parametrize("proof_first", [True, False])
@pytest.mark.parametrize("at_once", [True, False])
def test_a_name_is_taken_back_where_a_proved_copy_has_another_title(proof_first: bool, at_once: bool) -> None:
    """Whichever of the two comes first, and whether in one run or in two."""
    named = save("2501.00001.pdf", make_pdf([FILLER], title=TURBINES, created=date(2025, 3, 1)))
    proved = save("proof.md", markdown_paper("2501.00001", FILLER, CATS))
    order = [proved, named] if proof_first else [named, proved]
    for paths in [order] if at_once else [[path] for path in order]:
        take_in(*paths)
    by_title = {source.title: source for source in sources()}
    assert by_title[CATS].paper == "2501.00001"
    assert by_title[TURBINES].paper == f"local:{by_title[TURBINES].sha256[:12]}"
    assert (by_title[TURBINES].id_source, by_title[TURBINES].published) == (IdSource.NONE, None)


def test_a_name_stands_where_a_proved_copy_has_the_same_title() -> None:
    """However the title was broken and capitalised on its way through PDF."""
    save("2501.00001.pdf", make_pdf([FILLER], title=CATS.upper(), created=date(2025, 3, 1)))
    save("proof.md", markdown_paper("2501.00001", FILLER, CATS))
    take_in()
    assert {source.paper for source in sources()} == {"2501.00001"}


def test_copies_and_versions_and_formats_of_a_paper_are_one_paper() -> None:
    save("first.pdf", make_pdf([FILLER], stamp=STAMP))
    save("fourth.pdf", make_pdf([FILLER], stamp="arXiv:2501.00001v4 [cs.CL] 2 Aug 2025"))
    save("collected.md", markdown_paper("2501.00001", FILLER))
    save("2501.00001.tex", latex("In 2025."))
    save_table("row.parquet", table_of(["2501.00001v2"], ["We use GSM8K."]))
    assert take_in().ingested == 5
    assert {source.paper for source in sources()} == {"2501.00001"}
    assert sorted(source.version or 0 for source in sources()) == [0, 1, 1, 2, 4]


def test_the_same_file_under_two_names_is_kept_once() -> None:
    content = markdown_paper("2501.00001", FILLER)
    save("a.md", content)
    save("b/c.md", content)
    result = take_in()
    assert (result.ingested, result.unchanged, len(sources())) == (1, 1, 1)


def test_ingesting_again_changes_nothing() -> None:
    """Good papers, tables with bad rows, snapshots and unreadable files alike."""
    save("a.md", markdown_paper("2501.00001", FILLER))
    save("b.pdf", b"%PDF-1.4 torn")
    save("c/main.tex", latex("A folder."))
    save_table("d.parquet", table_of(["2501.00002", "nonsense"], ["x", "y"]))
    save("e.jsonl", '{"id": "2501.00003", "title": "T"}\nnonsense\n')
    first = take_in()
    content = index_content()
    raws = {path: path.stat().st_mtime_ns for path in (DATA / "raw").rglob("*")}
    second = take_in()
    assert (first.ingested, first.unchanged, second.ingested, second.unchanged) == (4, 0, 0, 4)
    assert index_content() == content
    assert {path: path.stat().st_mtime_ns for path in (DATA / "raw").rglob("*") if path.is_file()} == {
        path: when for path, when in raws.items() if path.is_file()
    }
    assert len(content["skipped"]) == 3


def test_a_folder_of_latex_is_one_paper() -> None:
    """With its subfolders; what is not source (figures, a compiled copy) is no paper of its own."""
    save("2501.00001/main.tex", latex(rf"\title{{{CATS}}} \input{{parts/one}} In 2025."))
    save("2501.00001/parts/one.tex", "We use GSM8K.")
    save("2501.00001/figure.pdf", make_pdf([FILLER]))
    save("2501.00001/main.bbl", "2024")
    assert take_in().ingested == 1
    source = only_source()
    assert (source.paper, source.kind, source.title) == ("2501.00001", "latex", CATS)


def test_a_text_next_to_latex_is_named_as_skipped() -> None:
    """It may be a paper of its own, which must not vanish; what goes with a source is passed over."""
    for name in ("draft/main.tex", "draft/other.txt", "draft/notes.md", "draft/README.txt"):
        save(name, latex(FILLER) if name.endswith(".tex") else markdown_paper("2501.01234", FILLER))
    result = take_in()
    assert result.ingested == 1
    assert [Path(path).name for path, _ in result.skipped] == ["notes.md", "other.txt"]
    assert all("survey ingest this file" in reason for _, reason in result.skipped)
    assert take_in("papers/draft/other.txt").ingested == 1


def test_a_folder_of_files_named_for_papers_is_as_many_papers() -> None:
    save("2501.00001v1.tex", latex("In 2025."))
    save("2501.00002.tex", latex("Also in 2025."))
    save("note.md", markdown_paper("2501.00003", FILLER))
    take_in()
    assert sorted(source.paper for source in sources()) == ["2501.00001", "2501.00002", "2501.00003"]


def test_a_single_latex_file_is_known_by_the_folder_above_it() -> None:
    path = save("2501.00001/main.tex", latex("In 2025."))
    take_in(path)
    assert (only_source().paper, only_source().id_source) == ("2501.00001", IdSource.NAME)


def test_every_good_row_of_a_table_is_a_paper() -> None:
    save_table("t.parquet", table_of(["2501.00001", "2501.00002v3", "cs/0701001"], ["x", "y", "z"]))
    assert take_in().ingested == 3
    found = [(source.paper, source.version, source.member, source.title) for source in sources()]
    assert found == [("2501.00001", None, 0, "Row 0"), ("2501.00002", 3, 1, "Row 1"), ("cs/0701001", None, 2, "Row 2")]
    assert {source.id_source for source in sources()} == {IdSource.RECORD}
    # the table's date cannot be version 1's of a paper of 2007
    assert [source.published for source in sources()] == [date(2025, 1, 31), date(2025, 1, 31), date(2007, 1, 1)]


def test_a_bad_row_is_named_and_the_others_stay() -> None:
    save_table("t.parquet", table_of(["2501.00001", "", "2513.00002", "2501.00004"], ["a", "b", "c", "d"]))
    result = take_in()
    assert [source.member for source in sources()] == [0, 3]
    assert [path for path, _ in result.skipped] == ["papers/t.parquet:1", "papers/t.parquet:2"]
    assert result.skipped[1][1] == "no arXiv id in arxiv_id or id: found '2513.00002'"


def test_a_table_without_its_columns_says_which() -> None:
    save_table("t.parquet", {"arxiv_id": ["2501.00001"], "body": ["x"]})
    [(path, reason)] = take_in().skipped
    assert path == "papers/t.parquet"
    assert reason.startswith("a Parquet table without published, title, text; expected arxiv_id")


@pytest.mark.parametrize("damage", [lambda data: data[:-9], lambda data: data[:4] + b"\0" * 60 + data[64:]])
def test_a_damaged_table_is_skipped_as_such(damage: Callable[[bytes], bytes]) -> None:
    """One whose end is torn off, and one whose first column is scribbled over."""
    path = save_table("t.parquet", table_of(["2501.00001"], ["x"]))
    path.write_bytes(damage(path.read_bytes()))
    [(_, reason)] = take_in().skipped
    assert reason.startswith("a damaged Parquet file: ")


def test_a_table_without_rows_is_not_silently_nothing() -> None:
    save_table("t.parquet", table_of([], []))
    assert [reason for _, reason in take_in().skipped] == ["a Parquet table without rows"]


def test_a_metadata_snapshot_gives_papers_without_text() -> None:
    versions = [{"version": "v1", "created": "Thu, 9 Jan 2025 10:00:00 GMT"}]
    record = {"id": "2501.00001", "title": f"{CATS}\n  again", "versions": versions}
    save("s.jsonl", f"{json.dumps(record)}\n\n{json.dumps({'id': 'hep-th/9901001', 'title': 'Old'})}\n")
    result = take_in()
    assert (result.ingested, result.skipped) == (2, [])
    first, second = sources()
    assert (first.paper, first.title, first.published, first.is_stated) == (
        "2501.00001", f"{CATS} again", date(2025, 1, 9), True,
    )  # fmt: skip
    assert (second.paper, second.published, second.is_stated) == ("hep-th/9901001", date(1999, 1, 1), False)


@pytest.mark.parametrize("lines", [['{"text": "hello"}'] * 3, ['{"text": "hello"}'] * 50, ["[1]"], ["plain words"], []])
def test_lines_that_are_no_metadata_are_skipped_as_one_file(lines: list[str]) -> None:
    """A data set of ten thousand lines must not give ten thousand reasons."""
    save("s.jsonl", "\n".join(lines))
    [(path, reason)] = take_in().skipped
    assert path == "papers/s.jsonl"
    assert "metadata" in reason
    assert not [path for path in (DATA / "raw").rglob("*") if path.is_file()]


def test_a_bad_line_among_good_ones_is_named_by_its_number() -> None:
    good = [json.dumps({"id": f"2501.{number:05d}", "title": "T"}) for number in range(1, 4)]
    save("s.jsonl", "\n".join([good[0], "{torn", good[1], '{"title": "no id"}', good[2]]))
    result = take_in()
    assert result.ingested == 3
    assert [path for path, _ in result.skipped] == ["papers/s.jsonl:2", "papers/s.jsonl:4"]


def test_a_snapshot_longer_than_one_batch_is_read_to_its_end() -> None:
    save("s.jsonl", "\n".join(json.dumps({"id": f"2501.{number:05d}"}) for number in range(1, 11_001)))
    assert take_in().ingested == 11_000
    again = take_in()
    assert (again.ingested, again.unchanged) == (0, 11_000)


def test_hidden_files_and_folders_are_passed_over() -> None:
    """macOS writes ._name beside every file on foreign disks; .git is full of things that are no papers."""
    save("a.md", markdown_paper("2501.00001", FILLER))
    save("._a.md", b"\0\5\x16\7Mac OS X")
    save(".DS_Store", b"\0\0\0\1Bud1")
    save(".git/objects/b.md", markdown_paper("2501.00002", FILLER))
    result = take_in()
    assert (result.ingested, result.skipped) == (1, [])


def test_a_path_that_does_not_exist_is_named() -> None:
    """A link that leads nowhere exists, and becomes a skip; a name too long for the system cannot exist."""
    there = [save("a.md", markdown_paper("2501.00001", FILLER)), Path("link.md")]
    there[1].symlink_to("nowhere")
    assert existing(there) == there
    for missing in ("nowhere.pdf", "x" * 300):
        with pytest.raises(PosttrainError, match=f"^{missing} does not exist"):
            existing([*there, Path(missing)])


def test_an_empty_folder_gives_nothing() -> None:
    Path("papers").mkdir()
    result = take_in()
    assert (result.ingested, result.unchanged, result.skipped) == (0, 0, [])


def test_many_files_of_the_same_bad_content_all_have_its_reason() -> None:
    """The raw copy they share must not vanish under the later ones."""
    for number in range(40):
        save(f"{number}.pdf", b"")
    assert {reason for _, reason in take_in().skipped} == {"an empty file"}
    assert not [path for path in (DATA / "raw").rglob("*") if path.is_file()]


def test_a_skip_is_forgotten_when_the_file_is_mended() -> None:
    """As its own content, as the copy of a paper that is there, and as a snapshot."""
    good = markdown_paper("2501.00001", FILLER)
    for name in ("a.md", "b.md", "s.jsonl"):
        save(name, b"")
    take_in()
    save("b.md", good)
    take_in()
    save("a.md", good)
    save("s.jsonl", '{"id": "2501.00002"}')
    take_in()
    assert index_content()["skipped"] == []


def test_a_mended_table_forgets_its_bad_rows() -> None:
    """The rows that a file was refused for belong to that content; its other rows and other files stay as they are."""
    save_table("t.parquet", table_of(["2501.00001", "2513.00002", "nonsense"], [FILLER] * 3))
    save("t.parquet.md", "")
    take_in()
    assert [path for path, *_ in index_content()["skipped"]] == [
        "papers/t.parquet.md", "papers/t.parquet:1", "papers/t.parquet:2",
    ]  # fmt: skip
    take_in()
    assert len(index_content()["skipped"]) == 3
    save_table("t.parquet", table_of(["2501.00001", "2501.00002", "nonsense"], [FILLER] * 3))
    take_in()
    assert [path for path, *_ in index_content()["skipped"]] == ["papers/t.parquet.md", "papers/t.parquet:2"]


def test_a_title_that_utf8_cannot_hold_does_not_end_the_run() -> None:
    r"""JSON may cut a mathematical letter in half: `\ud835` alone."""
    save("s.jsonl", '{"id": "2501.00001", "title": "Half a \\ud835 letter"}')
    assert take_in().ingested == 1
    assert only_source().title == "Half a \\ud835 letter"


def test_progress_runs_from_nothing_to_everything() -> None:
    """Two steps for each file, also for those that end early."""
    for number in range(6):
        save(f"{number}.md", markdown_paper(f"2501.0000{number}", FILLER))
    save("7.jsonl", "")
    seen: list[tuple[int, int]] = []
    with Store(DATA) as store:
        ingest([Path("papers")], store, lambda done, of: seen.append((done, of)))
    assert [done for done, _ in seen] == sorted(done for done, _ in seen)
    assert {of for _, of in seen} == {14}
    assert seen[-1] == (14, 14)
