"""Methods in abstracts by year, and how much of the distance to Figure 2 silence explains."""

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from survey.bundled.facts import count_methods, papers_of
from survey.labels.abstract import NAMES_METHOD, AbstractCueFinder, AbstractMethod
from survey.labels.abstract_classifier import bundled_classifier
from survey.labels.abstract_readings import MACHINE, labelled_abstracts
from survey.labels.abstract_validation import bundled_unseen
from survey.labels.readings import Method
from survey.report import Question, trend_tables
from survey.studies.load import load_study
from survey.trends.abstract_methods import (
    FIGURE_2,
    YEARS,
    abstract_methods,
    machine_counts,
    printed_share,
    shares_sentence,
    strata_of,
)
from survey.trends.silence import expected_in_abstracts, silence_of, silence_sentence, text_by_abstract


def test_the_machine_labelled_the_whole_frame() -> None:
    """The papers of each year and stratum are as many as the labelled file states."""
    sizes = {(paper.year, str(paper.stratum)): paper.population for paper in labelled_abstracts()}
    assert {key: counts.total() for key, counts in machine_counts().items()} == sizes


def test_every_labelled_abstract_stands_in_a_stratum() -> None:
    """With both readings and one unseen guess."""
    strata = [stratum for year in YEARS for stratum in strata_of(year)]
    assert sum(len(stratum.truths) for stratum in strata) == 900
    assert all(len(stratum.truths) == len(stratum.guesses) for stratum in strata)
    assert {len(marks) for stratum in strata for marks in stratum.truths} == {2}


@pytest.mark.parametrize("methods", [NAMES_METHOD, FIGURE_2])
def test_shares_of_a_year_add_up_by_every_route(methods: tuple[AbstractMethod, ...]) -> None:
    """By the machine, by the sample, and by both."""
    rows = abstract_methods(methods)
    assert [row.method for row in rows] == [*methods] * len(YEARS)
    for year in YEARS:
        own = [row for row in rows if row.year == year]
        for shares in (
            [row.machine for row in own], [row.sample.share for row in own], [row.corrected.share for row in own],
        ):  # fmt: skip
            assert sum(shares) == pytest.approx(1)
        assert all(row.corrected.low <= row.corrected.share <= row.corrected.high for row in own)


def test_the_machine_narrows_the_sample_s_intervals() -> None:
    """On average over years and methods; that is what it is for."""
    rows = abstract_methods()
    with_machine = sum(row.corrected.high - row.corrected.low for row in rows)
    assert with_machine < 0.95 * sum(row.sample.high - row.sample.low for row in rows)


def test_the_sample_alone_is_weighted_as_by_hand() -> None:
    """Half a paper for each reader's label, times the papers that the abstract stands for."""
    totals: Counter[AbstractMethod] = Counter()
    for paper in labelled_abstracts():
        if paper.year == "2025":
            for method in paper.methods:
                totals[method] += paper.weight / 2  # type: ignore[assignment]
    named = sum(totals[method] for method in NAMES_METHOD)
    for row in abstract_methods():
        if row.year == "2025":
            assert row.sample.share == pytest.approx(totals[row.method] / named)


def test_what_the_sample_says() -> None:
    """Sft falls, rl rises, and hybrid stays far below what Figure 2 prints for 2024 and 2025."""
    shares = {(row.year, row.method): row for row in abstract_methods(FIGURE_2)}
    sft, rl, hybrid = AbstractMethod.SFT, AbstractMethod.RL, AbstractMethod.HYBRID
    assert shares["2025", sft].corrected.high < shares["2024", sft].corrected.low
    assert shares["2025", rl].corrected.low > shares["2024", rl].corrected.high
    for year in ("2024", "2025"):
        printed = shares[year, hybrid].printed
        assert printed
        assert shares[year, hybrid].corrected.high < printed.low


def test_figure_2_has_the_n_of_its_rounding() -> None:
    """12 of 17 studies are the printed 70.6 %; preferences are not printed."""
    share = printed_share("2025", AbstractMethod.HYBRID)
    assert share
    assert (share.k, share.n) == (12, 17)
    assert share.low < 0.706 < share.high
    assert printed_share("2025", AbstractMethod.PREFERENCE) is None


def test_text_by_abstract_counts_papers_read_twice() -> None:
    """115 papers that train have a reader's label of the abstract; the machine has those that train nothing too."""
    counts = text_by_abstract()
    assert sum(row.total() for row in counts.values()) == 115
    assert counts[Method.HYBRID].total() == 24
    assert counts[Method.HYBRID][AbstractMethod.HYBRID] < 12, "most abstracts of hybrids do not say both"
    assert text_by_abstract(MACHINE)[Method.NONE].total() > 100


def test_where_abstracts_say_all_the_printed_share_is_expected() -> None:
    """And where every hybrid's abstract says rl, none is."""
    studies = np.array([[3.0, 12.0, 2.0]])
    says = {method: at for at, method in enumerate(AbstractMethod)}
    all_said = np.zeros((1, 3, len(says)))
    for text, method in enumerate(FIGURE_2):
        all_said[0, text, says[method]] = 10
    assert expected_in_abstracts(studies, all_said) == pytest.approx(12 / 17)
    as_rl = all_said.copy()
    as_rl[0, FIGURE_2.index(AbstractMethod.HYBRID)] = np.eye(len(says))[says[AbstractMethod.RL]]
    assert expected_in_abstracts(studies, as_rl) == pytest.approx(0)
    half_silent = all_said.copy()
    half_silent[0, FIGURE_2.index(AbstractMethod.HYBRID), says[AbstractMethod.NONE]] = 10
    assert expected_in_abstracts(studies, half_silent) == pytest.approx(6 / 11)


def test_silence_lies_between_the_printed_and_the_observed() -> None:
    """It explains more than half of the distance at best guess, and the interval says how little is known."""
    found = silence_of()
    for estimate in (found.printed, found.expected, found.observed, found.explained):
        assert estimate.low is not None
        assert estimate.high is not None
        assert estimate.share is not None
        assert estimate.low <= estimate.share <= estimate.high
    assert found.observed.share < found.expected.share < found.printed.share  # type: ignore[operator]
    distance = found.printed.share - found.observed.share  # type: ignore[operator]
    assert found.explained.share == pytest.approx((found.printed.share - found.expected.share) / distance)  # type: ignore[operator]
    assert silence_of() == found


def test_the_sentence_has_its_numbers() -> None:
    """One sentence, each share with an interval, and the docs print the same one."""
    sentence = silence_sentence()
    assert sentence.count("[") == 4
    assert re.search(r"\(12 of 17 studies\)", sentence)
    assert sentence.endswith(".")
    assert ". " not in sentence
    docs = (Path(__file__).parents[3] / "docs" / "labels.md").read_text(encoding="utf-8")
    assert sentence in " ".join(docs.split())


def test_the_report_on_the_bundled_abstracts_tells_their_methods(tmp_path: Path) -> None:
    """Both sentences stand below its tables, and below those of texts neither does; the shares are the table's."""
    abstracts, texts = trend_tables(tmp_path, Question()).parts
    assert {shares_sentence(), silence_sentence()} <= set(abstracts.notes())
    assert not {shares_sentence(), silence_sentence()} & set(texts.notes())
    hybrid = next(
        row.corrected for row in abstract_methods(FIGURE_2) if (row.year, row.method) == ("2025", AbstractMethod.HYBRID)
    )
    year = shares_sentence().split("2025 ")[1]
    assert f"hybrid {hybrid.share:.0%} [{hybrid.low:.0%}, {hybrid.high:.0%}]" in year


def test_a_study_of_one_s_own_has_no_sentence_on_the_survey_s_methods(tmp_path: Path) -> None:
    """They compare with Figure 2, which another study does not have."""
    report = trend_tables(tmp_path, Question(), study=load_study("agents"))
    assert not any("Figure 2" in note for note in report.notes())


@pytest.mark.slow
@pytest.mark.corpus
def test_the_committed_counts_are_those_of_the_abstracts(corpora: Path) -> None:
    """All 55,009 abstracts of the frame, labelled again."""
    papers = papers_of([corpora / "arxiv_abstracts_2022_2025.parquet"])
    unseen = {label.arxiv_id: label.method for label in bundled_unseen().values()}
    again = count_methods(papers.values(), AbstractCueFinder(), bundled_classifier(), unseen)
    moved = sum(
        abs(again[year, stratum, method] - counts[method])
        for (year, stratum), counts in machine_counts().items()
        for method in AbstractMethod
    )
    assert moved <= 20, "another processor may round a tie the other way"
