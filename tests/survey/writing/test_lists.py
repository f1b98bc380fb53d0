"""Lists of papers: every way to write an arXiv id is understood, and what is none is kept with its line."""

from pathlib import Path

import pytest

from posttrain.errors import ConfigurationError
from survey.writing.bibliography import Bibliography, written
from survey.writing.entries import Entry
from survey.writing.lists import list_in, read_list

WAYS = {
    "2305.18290": "2305.18290", "2305.18290v3": "2305.18290", "arXiv:2305.18290": "2305.18290",
    "ARXIV: 2305.18290v1": "2305.18290", "https://arxiv.org/abs/2305.18290v2": "2305.18290",
    "http://arxiv.org/pdf/2305.18290.pdf": "2305.18290", "10.48550/arXiv.2305.18290": "2305.18290",
    "https://doi.org/10.48550/ARXIV.2305.18290": "2305.18290", "https://ar5iv.org/html/2305.18290": "2305.18290",
    "https://huggingface.co/papers/2305.18290": "2305.18290", "0704.0001": "0704.0001",
    "hep-th/9901001": "hep-th/9901001", "arXiv:math.GT/0309136v1": "math/0309136",
    "https://arxiv.org/abs/cs%2F0301001": "cs/0301001", "doi:10.48550/arXiv.cond-mat/0102536": "cond-mat/0102536",
}  # fmt: skip


def _list(name: str, text: str | bytes) -> Path:
    path = Path(name)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(("written_as", "paper"), WAYS.items())
def test_every_way_to_write_an_id(written_as: str, paper: str) -> None:
    """New and old ids, versions, addresses and DOIs."""
    assert read_list(_list("ids.txt", f"see {written_as}\n")).papers == [paper]


def test_lines_that_name_no_paper_are_kept() -> None:
    """With their numbers; comments and empty lines are no loss; a month 13 is no id."""
    content = read_list(_list("ids.txt", "# mine\n2305.18290 2402.03300\n\nAttention\n2413.00001\n2305.18290v2\n"))
    assert content.papers == ["2305.18290", "2402.03300"]
    assert (content.repeated, content.versions) == (1, 1)
    assert content.unknown == [("line 4", "Attention"), ("line 5", "2413.00001")]


def test_a_bibliography_of_bibtex() -> None:
    """eprint before everything else, journals and volumes as databases write them; a broken entry keeps its id."""
    content = read_list(_list("a.bib", """@article{a, title={On 2401.99999}, eprint={2305.18290}, archivePrefix={arXiv}}
@inproceedings{b, journal={CoRR}, volume={abs/1706.03762}}
@article{c, journal={arXiv preprint arXiv:2402.03300}}
@book{d, title={Deep Learning}, year=2016}
@misc{e, title={broken, url={https://arxiv.org/abs/2501.12948}
@misc{a, title={the same key}, doi={10.48550/arXiv.2503.00001}}
@comment{jabref-meta: databaseType:bibtex;}
"""))  # fmt: skip
    assert content.papers[:3] == ["2305.18290", "1706.03762", "2402.03300"]
    assert {"2501.12948", "2503.00001"} <= set(content.papers)
    assert [(where, what) for where, what in content.unknown] == [("line 4, d", "Deep Learning")]


def test_a_bibliography_of_ris() -> None:
    """Records with one space or two, without an end, and lines outside of every record."""
    text = "From a database\nTY  - JOUR\nTI  - A\nUR  - https://arxiv.org/abs/2305.18290\nER  - \n"
    text += "TY - UNPB\nTI - B\nER -\n"
    content = read_list(_list("a.ris", text + "TY  - GEN\nDO  - 10.48550/arXiv.2402.03300\n"))
    assert content.papers == ["2305.18290", "2402.03300"]
    assert content.unknown == [("line 1", "From a database"), ("line 6", "B")]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "title,arxiv_id\nA on 2401.99999,2305.18290v2\nNo id,\n"),
        ("semicolons.csv", "DOI;title\n10.48550/arXiv.2305.18290;x\n;No id\n"),
        ("headless.csv", "2305.18290,A\n,No id\n"),
        ("excel.csv", "\ufeffurl,title\nhttps://arxiv.org/abs/2305.18290,é\n,No id\n".encode("utf-16")),
        ("tabs.tsv", "id\ttitle\n2305.18290\tx\n\tNo id\n"),
    ],
    ids=["commas", "semicolons", "headless", "utf-16", "tabs"],
)
def test_tables_of_every_make(name: str, text: str | bytes) -> None:
    """The column of ids goes before a title that names another paper; with or without a head."""
    content = read_list(_list(name, text))
    assert content.papers == ["2305.18290"]
    assert len(content.unknown) == 1 and "No id" in content.unknown[0][1]


@pytest.mark.parametrize("form", [Bibliography.BIBTEX, Bibliography.RIS, Bibliography.CSV])
def test_what_papers_writes_download_reads(form: Bibliography) -> None:
    """The bibliography of a cell is a list to download."""
    entries = [Entry(paper, "GRPO on GSM8K", "2024-02") for paper in ("2402.03300", "hep-th/9901001")]
    suffix = {"bibtex": "bib"}.get(form, form)
    assert read_list(_list(f"a.{suffix}", written(entries, form))).papers == ["2402.03300", "hep-th/9901001"]


@pytest.mark.parametrize(
    ("name", "text"), [("a.txt", "no id\n"), ("b.bib", ""), ("c.pdf", "x"), ("d.csv", "a,b\n1,2\n")]
)
def test_a_file_without_a_paper_says_what_it_holds(name: str, text: str) -> None:
    """And which files are expected."""
    with pytest.raises(ConfigurationError, match=r"names no paper|expected") as refused:
        read_list(_list(name, text))
    assert "arXiv ids" in refused.value.hint


def test_a_paper_is_no_list() -> None:
    """A text that cites papers is a paper; a text of ids is a list."""
    paper = "We train.\n" * 30 + "[1] A. arXiv:2305.18290\n[2] B. arXiv:2402.03300\n"
    assert list_in(_list("paper.txt", paper)) is None
    assert list_in(_list("ids.txt", "2305.18290\nhttps://arxiv.org/abs/2402.03300\n")) is not None
    assert list_in(_list("paper.md", "2305.18290\n")) is None
