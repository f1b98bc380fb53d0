"""The comparison with the printed table: the mix of domains, with verdict and cause."""

from datetime import date
from pathlib import Path

from survey.diff import Verdict, compare
from survey.trends.domain import domain_trends
from tests.warehouses import make_warehouse

PRINTED_2023 = {"hotpotqa": 292, "gsm8k": 492, "webshop": 100, "bird": 115}


def test_the_same_mix_agrees_whatever_the_size(tmp_path: Path) -> None:
    """A tenth of the printed counts has the printed mix."""
    papers = [(date(2023, 12, 1), {name: 5}) for name, count in PRINTED_2023.items() for _ in range(count // 10)]
    with make_warehouse(tmp_path, papers) as warehouse:
        cells = compare(domain_trends(warehouse)[0], is_bundled=False)
    assert [cell.verdict for cell in cells if cell.period == "2023"] == [Verdict.AGREES] * 4
    assert [cell.verdict for cell in cells if cell.period == "2024"] == [Verdict.NO_DATA] * 4


def test_another_mix_differs_and_names_a_cause(tmp_path: Path) -> None:
    """A hundred papers on code alone are not the printed mix."""
    papers = [(date(2023, 12, 1), {"bird": 5})] * 100
    with make_warehouse(tmp_path, papers) as warehouse:
        cells = compare(domain_trends(warehouse)[0], is_bundled=True)
    differing = [cell for cell in cells if cell.period == "2023"]
    assert all(cell.verdict is Verdict.DIFFERS and "not a crawl" in cell.cause for cell in differing)
    assert sum(cell.published_part for cell in differing) == 1
