"""Every format holds the same numbers, and none a share without its k, n and interval."""

import csv
import io
import json
from dataclasses import replace
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from pyarrow import parquet

from posttrain.errors import ConfigurationError
from posttrain.tables import as_terminal
from survey.labels.validation import read_validation
from survey.report import Format, Question, Report, axes_of, tables_of, thresholds_of, trend_tables
from survey.surface import Surface
from survey.trends.cells import as_data, as_grids, flat_rows, grid
from survey.trends.domain import domain_trends
from survey.trends.labelled import method_trends
from survey.trends.published import Axis
from survey.trends.trend import TrendTable
from survey.warehouse.sample import open_sample
from tests.warehouses import make_warehouse

FOOTER = "surfaces: latex 3; lexicon aliases 0123456789ab; posttrain 0"


@pytest.fixture
def tables(tmp_path: Path) -> list[TrendTable]:
    """Three papers of 2023, two of them on QA, at thresholds 4 and 5."""
    papers = [(date(2023, 5, 1), {"hotpotqa": 5}), (date(2023, 12, 1), {"musique": 9}), (date(2023, 6, 1), {})]
    with make_warehouse(tmp_path, papers) as warehouse:
        return domain_trends(warehouse, [4, 5])


def _written(tables: list[TrendTable], sample: str, form: Format) -> str | bytes:
    return Report(tuple(tables), sample, FOOTER).render(form)


def test_csv_holds_every_cell(tables: list[TrendTable]) -> None:
    """Read back, the CSV is the table."""
    rows = list(csv.DictReader(io.StringIO(str(_written(tables, "Sample: 3.", Format.CSV)))))
    assert len(rows) == sum(len(table.rows) for table in tables)
    qa = next(row for row in rows if (row["threshold"], row["period"], row["label"]) == ("5", "2023", "qa"))
    assert (qa["k"], qa["n"], qa["published"], qa["inclusive"]) == ("2", "3", "292.0", "True")
    assert float(qa["low"]) < float(qa["share"]) < float(qa["high"])


def test_parquet_holds_the_same_rows(tables: list[TrendTable]) -> None:
    """The binary table equals the flat records."""
    content = _written(tables, "Sample: 3.", Format.PARQUET)
    assert isinstance(content, bytes)
    assert parquet.read_table(io.BytesIO(content)).to_pylist() == flat_rows(tables, "Sample: 3.", FOOTER)


def test_json_has_the_shape_of_the_public_interface(tables: list[TrendTable]) -> None:
    """`data.tables[]` and its rows have exactly the documented keys."""
    table = json.loads(json.dumps(as_data(tables[0])))
    assert {"axis", "threshold", "inclusive", "rule", "scope", "lexicon", "by", "rows"} <= set(table)
    assert set(table["rows"][0]) == {
        "period", "label", "k", "n", "share", "low", "high", "growth", "projected", "projected_low", "projected_high",
        "published", "corrected", "cited",
    }  # fmt: skip
    assert set(tables[1].rows and as_data(tables[1])["rows"][0]["published"]) == {"value", "n", "sources", "agreement"}


@pytest.mark.parametrize("form", [Format.MARKDOWN, Format.HTML, Format.LATEX])
def test_documents_show_the_sample_and_every_share_with_k_n_and_interval(
    tables: list[TrendTable], form: Format
) -> None:
    """The sentence on the sample stands in the document itself."""
    content = str(_written(tables[1:], "Sample: 3 papers & no crawl.", form))
    assert "Sample: 3 papers" in content
    line = next(line for line in content.splitlines() if "66.7" in line)
    assert "20.8" in line and "93.9" in line
    assert "66.7%" not in content or form is not Format.LATEX  # a bare % would comment the line out


def test_html_is_well_formed(tables: list[TrendTable]) -> None:
    """Every element that is opened is closed, in order."""

    class Checker(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.open: list[str] = []

        def handle_starttag(self, tag: str, _attrs: list[tuple[str, str | None]]) -> None:
            if tag != "meta":
                self.open.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert self.open.pop() == tag

    checker = Checker()
    checker.feed(str(_written(tables, "Sample: <3 papers>.", Format.HTML)))
    assert checker.open == []


def test_latex_has_as_many_cells_as_columns(tables: list[TrendTable]) -> None:
    """Each row of the tabular has the columns that its head declares."""
    lines = str(_written(tables[1:], "100 % of it", Format.LATEX)).splitlines()
    rows = [line for line in lines if line.endswith(r"\\")]
    assert len(rows) == len(tables[1].rows) + 1
    assert {line.count(" & ") for line in rows} == {7}


def test_a_sweep_is_one_table_of_counts(tables: list[TrendTable]) -> None:
    """Thresholds side by side; a count without a share needs no interval."""
    (sweep,) = as_grids(tables, FOOTER)
    assert sweep.head == ("period", "domain", "n", "≥4", "≥5")
    assert ("2023", "qa", "3", "2", "2") in sweep.rows


def test_an_empty_table_has_its_columns(tables: list[TrendTable]) -> None:
    """A program that reads CSV finds the head even where there is no row."""
    empty = replace(tables[0], rows=())
    assert str(_written([empty], "", Format.CSV)).startswith("axis,reading,threshold,")


def test_the_terminal_shows_the_sample_first(tables: list[TrendTable]) -> None:
    """The first line says what the numbers are about."""
    drawn = as_terminal([grid(table, FOOTER) for table in tables], "Sample: 3 papers.", 100, colour=False)
    assert drawn.startswith("Sample: 3 papers.")
    assert "\x1b[" not in drawn
    assert "20.8% to 93.9%" in drawn


def test_the_printed_shares_show_the_implied_n(tmp_path: Path) -> None:
    """The survey's 20.0 % hybrid in 2023 is about 3 of 15, and its interval says so, also where no paper is ours."""
    with make_warehouse(tmp_path, [(date(2025, 1, 1), {"gsm8k": 5})]) as warehouse:
        drawn = grid(method_trends(warehouse, read_validation())[0], FOOTER)
    assert ("2023", "hybrid", "0", "0", "–", "–", "20.0% (7% to 45%) of 15") in drawn.rows


@pytest.mark.parametrize("form", [form for form in Format if form not in (Format.TERMINAL, Format.JSON, Format.PNG)])
def test_every_export_carries_the_footer(tables: list[TrendTable], form: Format) -> None:
    """The lexicon's hash stands in each file, whatever its form."""
    content = _written(tables[1:], "Sample: 3.", form)
    told = str(parquet.read_table(io.BytesIO(content)).to_pylist()) if isinstance(content, bytes) else content
    assert "0123456789ab" in " ".join(told.split()).replace("</text>", "")


def test_charts_are_drawn_with_intervals(tables: list[TrendTable]) -> None:
    """The SVG has a point and an interval for each share, the PNG is a picture, the HTML holds the chart."""
    drawn = str(_written(tables[1:], "Sample: 3.", Format.SVG))
    assert drawn.startswith("<svg")
    assert drawn.count('aria-roledescription="point"') == 4
    assert drawn.count('aria-roledescription="rule mark"') == 4
    png = _written(tables[1:], "Sample: 3.", Format.PNG)
    assert isinstance(png, bytes) and png.startswith(b"\x89PNG") and len(png) > 5_000
    assert "<svg" in str(_written(tables[1:], "Sample: 3.", Format.HTML))


def test_a_sweep_is_drawn_as_curves(tables: list[TrendTable]) -> None:
    """A line for each domain over the thresholds."""
    drawn = str(_written(tables, "Sample: 3.", Format.SVG))
    assert drawn.count('aria-roledescription="line mark"') == 4


def test_command_page_and_python_ask_the_same_question(tmp_path: Path) -> None:
    """`trend_tables` opens the sample that `tables_of` is given, and asks for every table of the axes."""
    question = Question(axes_of("all"), thresholds_of(None, "4..5"), surface=Surface.TEXT)
    report = trend_tables(tmp_path, question)
    assert [(table.axis, table.reading) for table in report.tables] == [
        ("domain", ""), ("domain", ""), ("method", "online"), ("method", "online or preference"), ("data_source", ""),
    ]  # fmt: skip
    sample = open_sample(tmp_path)
    with sample.warehouse:
        assert tables_of(sample, question, tmp_path) == list(report.tables)
    assert "not a crawl" in report.sample and report.provenance["sample"] == "bundled"
    assert len(report.rows()) == sum(len(table.rows) for table in report.tables)
    assert all(row.cited is None for table in report.tables for row in table.rows)
    assert len(set(report.notes())) == len(report.notes())
    weighted = trend_tables(tmp_path, Question(cited=True, surface=Surface.TEXT))
    assert any(row.cited for row in weighted.tables[0].rows)
    assert any("empty where either n is below 30" in note for note in weighted.notes())


@pytest.mark.parametrize(
    ("threshold", "sweep", "thresholds"),
    [(None, None, ()), (3, None, (3,)), (range(2, 5), None, (2, 3, 4)), (None, "1..3", (1, 2, 3))],
)
def test_thresholds_are_a_number_numbers_or_a_sweep(threshold: Any, sweep: str | None, thresholds: Any) -> None:
    """The default is the survey's five."""
    assert thresholds_of(threshold, sweep) == thresholds


@pytest.mark.parametrize(
    ("threshold", "sweep", "message"),
    [
        (0, None, "--threshold 0; expected 1 to 1,000"),
        ([5, 1001], None, "--threshold 1001; expected 1 to 1,000"),
        (None, "1..21", r"--sweep '1..21'; expected A\.\.B with 1 ≤ A ≤ B ≤ 20"),
        (None, "6..2", r"--sweep '6..2'; expected A\.\.B"),
        (None, "x", "--sweep 'x'; expected"),
        (5, "1..6", "cannot be used together"),
    ],
)
def test_a_threshold_that_cannot_be_is_refused(threshold: Any, sweep: str | None, message: str) -> None:
    """With the range that is expected."""
    with pytest.raises(ConfigurationError, match=message):
        thresholds_of(threshold, sweep)


def test_an_unknown_axis_names_the_known_ones() -> None:
    """Found and expected."""
    assert axes_of("method") == (Axis.METHOD,)
    with pytest.raises(
        ConfigurationError, match="'domains' is unknown; expected domain, benchmark, method, data_source or all"
    ):
        axes_of("domains")


def test_json_is_the_envelope_of_the_command(tables: list[TrendTable]) -> None:
    """A report alone does not know the command that prints it."""
    with pytest.raises(ValueError, match="envelope"):
        _written(tables, "Sample: 3.", Format.JSON)
