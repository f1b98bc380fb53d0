"""From a bar to its papers: as many as the table counts, on every axis; and samples that are looked at for long."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from survey.explain import papers_behind
from survey.labels.validation import read_validation
from survey.mentions.domain import Rule
from survey.period import Period
from survey.trends.domain import domain_trends
from survey.trends.labelled import data_source_trends, method_trends
from survey.trends.trend import Scope, TrendTable
from survey.warehouse.database import Warehouse
from survey.warehouse.sample import Sample, open_sample, stamp


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sample]:
    """The bundled counts."""
    opened = open_sample(tmp_path_factory.mktemp("empty"))
    with opened.warehouse:
        yield opened


def _tables(warehouse: Warehouse) -> list[TrendTable]:
    checked = read_validation()
    return [
        *domain_trends(warehouse, [1, 5]),
        *domain_trends(warehouse, [2], Period.HALF, Scope.BODY, Rule.DOMAIN_SUM),
        *method_trends(warehouse, checked),
        data_source_trends(warehouse, checked, Period.QUARTER),
    ]


@pytest.mark.slow
def test_a_bar_leads_to_as_many_papers_as_it_counts(sample: Sample) -> None:
    """Of every cell of every axis, at other thresholds, periods, scopes and readings too."""
    seen = 0
    for table in _tables(sample.warehouse):
        for row in table.rows:
            found = papers_behind(sample, table, row.label, row.period)
            assert len(found) == row.k, (table.axis, table.reading, row.period, row.label)
            assert len({paper["arxiv_id"] for paper in found}) == row.k
            seen += row.k
    assert seen > 1000


def test_the_second_reading_of_rl_has_the_papers_of_preferences_too(sample: Sample) -> None:
    """In the first they are outside."""
    online, either = method_trends(sample.warehouse, read_validation())
    labels = [{paper["label"] for paper in papers_behind(sample, one, "rl", "2025")} for one in (online, either)]
    assert labels == [{"rl"}, {"rl", "preference"}]


def test_threads_that_ask_at_once_get_their_own_answers(sample: Sample) -> None:
    """One open sample serves all who look at a page."""
    warehouse = sample.warehouse
    asked = [("papers_by_surface", {}), ("sample", {}), ("trend_method", {}), ("papers_by_month", {})] * 25
    alone = {name: warehouse.query(name, **more) for name, more in asked[:4]}
    footer = sample.footer
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda one: (one[0], warehouse.query(one[0], **one[1]), sample.footer), asked))
    assert all(rows == alone[name] and below == footer for name, rows, below in found)


@pytest.mark.parametrize("name", ["warehouse.duckdb", "store.sqlite", "store.sqlite-wal", "validation.csv"])
def test_a_sample_is_stale_when_a_file_behind_it_changes(tmp_path: Path, name: str) -> None:
    """A file that comes, or is replaced by another with the same content, gives another stamp."""
    empty = stamp(tmp_path)
    (tmp_path / name).write_text("1")
    first = stamp(tmp_path)
    (tmp_path / "new").write_text("1")
    (tmp_path / "new").replace(tmp_path / name)
    assert len({empty, first, stamp(tmp_path)}) == 3
    assert stamp(tmp_path) == stamp(tmp_path)
