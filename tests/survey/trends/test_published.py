"""The printed numbers: complete, with their readings, and the implied n gives back the printed shares."""

import pytest

from survey.studies.load import load_study
from survey.trends.published import PRINTED, Axis, labels_of, published_cells


@pytest.mark.parametrize("axis", PRINTED)
def test_every_year_and_label_is_there_with_its_readings(axis: Axis) -> None:
    """Three years by every label, each with a source and what the readings agree on."""
    cells = published_cells(axis, 5)
    assert set(cells) == {(year, label) for year in ("2023", "2024", "2025") for label in labels_of(axis, load_study())}
    assert all(cell.sources and cell.agreement for cell in cells.values())


@pytest.mark.parametrize("axis", [Axis.METHOD, Axis.DATA_SOURCE])
def test_the_implied_n_gives_the_printed_shares(axis: Axis) -> None:
    """Whole studies out of n round to every printed share, within the 0.1 that 2024's first share was nudged by."""
    for (year, label), cell in published_cells(axis).items():
        assert cell.n is not None
        k = round(cell.value * cell.n / 100)
        slack = 0.1 if (axis, year, label) == (Axis.METHOD, "2024", "sft") else 0.05
        assert abs(100 * k / cell.n - cell.value) <= slack + 1e-9, (year, label)


def test_the_conflicting_reading_is_named() -> None:
    """Two readings say 174 agentic papers in 2024, one says 179."""
    cell = published_cells(Axis.DOMAIN, 5)["2024", "agentic"]
    assert cell.value == 174
    assert "179" in cell.agreement


def test_thresholds_have_their_own_columns() -> None:
    """Two further cells are known from one reading; at other thresholds nothing was printed."""
    assert {t: published_cells(Axis.DOMAIN, t)["2025", "qa"].value for t in (1, 5, 6)} == {1: 1308, 5: 983, 6: 558}
    assert published_cells(Axis.DOMAIN, 3) == {}
