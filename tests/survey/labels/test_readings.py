"""Readers' labels: the CSV, what is refused in it, and who agrees with whom."""

from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pytest

from posttrain.errors import PosttrainError
from survey.annotate import compare_readers
from survey.labels.readings import (
    DataSource,
    Method,
    Reading,
    add_labels,
    bundled_labels,
    by_paper,
    merge,
    own_labels,
    read_labels,
    settled_method,
    settled_source,
    write_labels,
)

HEAD = "arxiv_id,method,sources,labeller,date"
ONE = Reading("2501.00001", Method.SFT, (DataSource.API, DataSource.HUMAN), "ana", "2026-01-02")


def _save(*lines: str) -> Path:
    path = Path("labels.csv")
    path.write_text("\n".join(lines) + "\n")
    return path


def test_labels_survive_writing_and_reading() -> None:
    """In the order of papers and readers, whatever order they came in."""
    other = Reading("2401.00001", Method.NONE, (), "ben", "")
    write_labels([ONE, other], Path("out.csv"))
    assert read_labels(Path("out.csv")) == [other, ONE]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ((HEAD,), "holds no label"),
        (("",), "lacks the columns"),
        (("arxiv_id,method", "2501.00001,sft"), "lacks the columns sources, labeller, date"),
        ((HEAD, "2501.00001,fine-tuning,,ana,"), r"labels.csv:2: 'fine-tuning' is not a method; expected sft"),
        ((HEAD, "2501.00001,sft,books,ana,"), r"labels.csv:2: 'books' is not a datasource"),
        ((HEAD, "2501.00001,none,api,ana,"), "none with a data source"),
        ((HEAD, "no-id,sft,api,ana,"), "'no-id' is not an arXiv id"),
        ((HEAD, "2501.00001,sft,api,human,ana,2026-01-01"), "more cells than columns"),
        ((HEAD, "2501.00001,sft,api,,"), "no labeller"),
        ((HEAD, "2501.00001,sft,api,ana,", "2501.00001,rl,api,ana,"), "twice and differently: sft, rl"),
    ],
)
def test_what_is_no_label_is_refused_with_its_line(lines: tuple[str, ...], message: str) -> None:
    """Never a silent guess."""
    with pytest.raises(PosttrainError, match=message):
        read_labels(_save(*lines))


def test_the_same_label_twice_is_one() -> None:
    """A reader's later reading takes the place of the earlier, another reader's stands beside it."""
    later = Reading(ONE.arxiv_id, Method.RL, (DataSource.API,), "ana", "2026-02-01")
    second = Reading(ONE.arxiv_id, Method.RL, (DataSource.API,), "ben", "")
    assert merge([ONE], [later]) == [later]
    merged = by_paper(merge([later], [second]))[ONE.arxiv_id]
    assert (settled_method(merged), settled_source(merged)) == (Method.RL, DataSource.API)
    assert settled_method([ONE, second]) is None


def test_other_spellings_of_the_codebook_are_known() -> None:
    """`human_web` is the codebook's word for human."""
    assert read_labels(_save(HEAD, "2501.00001,sft,human_web|api,ana,"))[0].primary is DataSource.HUMAN


def test_readers_are_compared_in_pairs() -> None:
    """Kappa with its interval, and the papers for a third look."""
    papers = [f"2501.{n:05d}" for n in range(20)]
    ana = [Reading(p, Method.SFT if n % 2 else Method.NONE, (), "ana", "") for n, p in enumerate(papers)]
    ben = [Reading(p, Method.SFT if n % 2 or n == 4 else Method.NONE, (), "ben", "") for n, p in enumerate(papers)]
    [pair] = compare_readers(ana + ben)
    assert (pair.axis, pair.n, pair.alike, pair.differ) == ("method", 20, 19, ["2501.00004"])
    assert pair.kappa is not None and pair.low is not None and pair.high is not None
    assert pair.kappa == pytest.approx(0.9)
    assert pair.low < pair.kappa < pair.high


def test_the_bundled_labels_are_what_is_told_of_them() -> None:
    """712 papers; of the 200 read twice for this purpose the readers agree on the method of 199."""
    readings = bundled_labels()
    papers = by_paper(readings)
    twice = [own for own in papers.values() if {"reader A", "reader B"} <= {one.labeller for one in own}]
    assert (len(papers), len(twice)) == (712, 200)
    assert sum(settled_method(own) is not None for own in twice) == 199
    kappas = {(pair.first, pair.second, pair.axis): pair.kappa for pair in compare_readers(readings)}
    assert kappas["reader A", "reader B", "method"] == pytest.approx(0.99, abs=0.005)
    assert kappas["reader A", "reader B", "source"] == pytest.approx(0.87, abs=0.005)


def test_a_folder_that_cannot_be_written_says_so() -> None:
    """A file stands where the data folder should be."""
    Path("data").write_text("no folder")
    with pytest.raises(PosttrainError, match="cannot make data"):
        add_labels(Path("data"), [ONE])


def test_two_who_label_at_once_lose_nothing() -> None:
    """Eight processes, ten papers each."""
    with ProcessPoolExecutor(8) as pool:
        list(pool.map(_label_ten, range(8)))
    assert len(own_labels(Path("data"))) == 80


def _label_ten(reader: int) -> None:
    for n in range(10):
        add_labels(Path("data"), [Reading(f"2501.{n:05d}", Method.NONE, (), f"reader {reader}", "")])
