"""The window of a study on the bundled abstracts: papers outside it are in no count and no denominator."""

from pathlib import Path

import pytest

from posttrain.errors import NothingMatchedError
from survey.mentions.lexicon import load_lexicon
from survey.report import Question, Report, trend_tables
from survey.studies.load import load_study
from survey.surface import Surface
from survey.warehouse.abstracts import open_abstracts

WEB = """name = "web"
[window]
{window}
[domains.web]
benchmarks = ["webarena"]
[benchmarks.webarena]
aliases = [{{ spelling = "web arena", reason = "the name" }}]
"""


def _report(window: str) -> Report:
    Path("web.toml").write_text(WEB.format(window=window))
    question = Question(surface=Surface.ABSTRACT)
    return trend_tables(Path("nowhere"), question, study=load_study("web.toml"))


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.slow
def test_a_narrow_window_restricts_what_is_counted() -> None:
    """Only its months are in n; the sum over windows that share no month is the whole."""
    whole = {(row.period): (row.k, row.n) for row in _report("").tables[0].rows}
    early = _report('since = "2024-01"\nuntil = "2024-06"')
    late = _report('since = "2024-07"\nuntil = "2024-12"')
    (one,), (other,) = early.tables[0].rows, late.tables[0].rows
    assert (one.period, other.period) == ("2024", "2024")
    assert (one.k + other.k, one.n + other.n) == whole["2024"]
    assert 0 < one.n < whole["2024"][1]
    assert f"{one.n:,} LLM papers" in early.sample
    assert f"{sum(n for _, n in whole.values()) - one.n:,} outside the study's window" in early.footer
    assert "not applied" not in early.sample
    assert "of these months the study's window holds 2024-01 to 2024-06." in early.sample


def test_a_window_that_cuts_a_month_leaves_it_out_and_says_so() -> None:
    """The bundled abstracts have months alone."""
    report = _report("since = 2024-03-15\nuntil = 2024-05-31")
    months = _report('since = "2024-04"\nuntil = "2024-05"')
    assert [row.n for row in report.tables[0].rows] == [row.n for row in months.tables[0].rows]
    assert "cuts 2024-03, left out" in report.sample


def test_a_year_that_the_window_cuts_has_no_volume() -> None:
    """Half a year has half the papers, which is no growth; its share compares, and whole years keep their volume."""
    for window, kept in (
        ('since = "2023-02"\nuntil = "2025-06"', "2025-01 to 2025-06"),
        ('until = "2025-01"', "2025-01"),
    ):
        report = _report(window)
        grown = {(growth.since, growth.until): growth for growth in report.tables[0].growth}
        assert grown["2023", "2024"].of == "papers" and grown["2024", "2025"].of == "share"
        assert (
            f"of 2025 the study's window holds {kept}: growth from and to 2025 is of the share" in report.tables[0].note
        )
        assert "to 2025" not in report.sentence.partition(".")[0]  # of all papers of the field
    both = _report('since = "2024-03"\nuntil = "2024-09"').tables[0].note
    assert "of 2024 the study's window holds 2024-03 to 2024-09" in both


def test_categories_are_named_as_not_applied() -> None:
    """The bundled facts hold no categories."""
    assert "categories of the study 'web' are not applied" in _report('categories = ["cs.CL"]').sample


def test_a_window_without_bundled_months_is_an_error_with_both_spans() -> None:
    """And the next command."""
    with pytest.raises(NothingMatchedError, match="holds no whole month of the bundled abstracts, 2023-02 to 2025-12"):
        _report('since = "2030-01"')


def test_the_bundled_study_is_counted_whole() -> None:
    """Its window holds every bundled month."""
    sample = open_abstracts(load_lexicon())
    with sample.warehouse:
        assert sample.warehouse.query("sample")[0][0] == 56_549
        assert "outside" not in sample.warehouse.provenance()
