"""Abstracts from a table or a harvest to a report: a surface of its own, and the bundled sample of it."""

import csv
import json
import random
import re
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow
import pytest
from pyarrow import compute, parquet

from posttrain.errors import ConfigurationError, ExitCode, NothingMatchedError
from posttrain.reference import reference_path
from posttrain.settings import warehouse_path
from survey.arxiv.ledger import Ledger
from survey.arxiv.listed import Listed
from survey.bundled.counts import bundle
from survey.cli import main
from survey.ingest import ingest
from survey.label import label_abstracts
from survey.mentions.finder import MentionFinder, matcher, re_engine
from survey.mentions.lexicon import load_lexicon
from survey.report import Format, Question, trend_tables
from survey.store.papers import Store
from survey.studies.load import bundled_studies, load_study
from survey.surface import Surface
from survey.trends.published import Axis
from survey.warehouse.abstracts import SAMPLE, open_abstracts
from survey.warehouse.database import Warehouse
from survey.warehouse.name_index import count_by_names
from survey.warehouse.population import Coverage, Population, Window, every_listed, read_coverage, read_population

DATA = Path("data")
FOLDER = reference_path(SAMPLE).parent
LONG = "We train. " * 150  # 1,500 characters


def _table(path: str, rows: list[tuple[str, str, str, str]], **more: list[str]) -> Path:
    ids, published, titles, abstracts = zip(*rows, strict=True)
    columns = {"arxiv_id": ids, "published": published, "title": titles, "abstract": abstracts, **more}
    parquet.write_table(pyarrow.table(columns), path)
    return Path(path)


def _survey(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *arguments: str
) -> tuple[int, str, str]:
    monkeypatch.setattr("sys.argv", ["survey", *arguments])
    with pytest.raises(SystemExit) as ended:
        main()
    out, err = capsys.readouterr()
    return int(ended.value.code or 0), out, err


@pytest.fixture
def listed() -> Path:
    """Three abstracts of a table and one that a harvest listed; GSM8K stands in two titles, once far behind."""
    path = _table(
        "abstracts.parquet",
        [
            ("2401.00001", "2024-01", "Language models and GSM8K", "Short."),
            ("2401.00002v3", "2024-01-15", "Nothing", LONG + "HumanEval"),
            ("2501.00003", "2025-01", "More", "LLMs on HumanEval and GSM8K, on GSM8K."),
        ],
    )
    with Store(DATA) as store:
        assert ingest([path], store).listed == 3
    with Ledger(DATA) as ledger:
        ledger.add_slices("api", "cs.CL", [("20250101", "20250131")])
        paper = Listed("2501.00009", 1, "GSM8K again", "Harvested.", ("cs.CL",), date(2025, 1, 9))
        ledger.add_page(ledger.slices()[0], [paper], 1, "1", "2025-02-01")
    return path


def _counts(first_characters: int | None = None) -> dict[str, dict[str, int]]:
    """Count the listed abstracts; return the counts by paper."""
    path = warehouse_path(DATA, surface=Surface.ABSTRACT)
    with Ledger(DATA) as ledger:
        label_abstracts(ledger, load_lexicon(), path, every_listed(first_characters))
        ids = [paper.arxiv_id for paper in ledger.listed()]
    counts: dict[str, dict[str, int]] = {}
    with Warehouse.open(path) as warehouse:
        for key in sorted(ids):
            number = warehouse.query("explain_paper", asked=key, by_title=False)[0][0]
            counts[key] = {row[0]: row[4] for row in warehouse.query("explain_counts", paper=number)}
    return counts


def test_all_listed_abstracts_count_from_tables_and_harvests(listed: Path) -> None:
    """Title and abstract are read; a paper that names nothing stays in the denominator."""
    assert _counts() == {
        "2401.00001": {"gsm8k": 1}, "2401.00002": {"humaneval": 1}, "2501.00003": {"gsm8k": 2, "humaneval": 1},
        "2501.00009": {"gsm8k": 1},
    }  # fmt: skip


def test_the_first_characters_alone_are_read_where_asked(listed: Path) -> None:
    """A name behind them does not count; it counts as soon as they reach it."""
    assert _counts(1_000)["2401.00002"] == {}
    assert _counts(len(LONG) + len("HumanEval"))["2401.00002"] == {"humaneval": 1}


def test_abstracts_and_texts_are_never_in_one_table(
    listed: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each surface has its warehouse, its threshold and its report; a file of both is refused."""
    code, _, err = _survey(capsys, monkeypatch, "report", "--surface", "abstract")
    assert code == ExitCode.USAGE and "lists 4 papers" in err and "survey label --surface abstract" in err
    code, out, _ = _survey(
        capsys, monkeypatch, "label", "--surface", "abstract", "--export", "abstracts.counts", "--json"
    )
    assert code == ExitCode.OK and json.loads(out)["data"]["papers"] == 4
    assert warehouse_path(DATA, surface=Surface.ABSTRACT).exists() and not warehouse_path(DATA).exists()
    (table,) = trend_tables(DATA, Question()).tables
    assert (table.surface, table.threshold) == (Surface.ABSTRACT, 1) and "1 mention is enough" in table.note
    shared = trend_tables(Path("nowhere"), Question(), Path("abstracts.counts"))
    assert [(row.period, row.label, row.k, row.n) for row in shared.tables[0].rows] == [
        (row.period, row.label, row.k, row.n) for row in table.rows
    ]
    with pytest.raises(ConfigurationError, match="holds counts of surface abstract"):
        trend_tables(DATA, Question(surface=Surface.TEXT), Path("abstracts.counts"))
    texts = parquet.read_table(reference_path("mentions.parquet"))
    mixed = parquet.read_table("abstracts.counts").cast(texts.schema)
    parquet.write_table(pyarrow.concat_tables([texts, mixed]), "mixed.parquet")
    with pytest.raises(ConfigurationError, match="abstracts and of texts"):
        trend_tables(DATA, Question(), Path("mixed.parquet"))


def test_labelling_abstracts_without_a_listing_names_the_next_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is listed; and first characters are of abstracts."""
    code, _, err = _survey(capsys, monkeypatch, "label", "--surface", "abstract")
    assert code == ExitCode.NOTHING_MATCHED and "survey harvest" in err
    code, _, err = _survey(capsys, monkeypatch, "label", "--first-characters", "500")
    assert code == ExitCode.USAGE and "--surface abstract --first-characters 500" in err
    with Ledger(DATA) as ledger, pytest.raises(NothingMatchedError):
        label_abstracts(ledger, load_lexicon(), DATA / "w.duckdb", every_listed())
    assert not (DATA / "w.duckdb").exists()


def test_an_axis_that_needs_texts_is_refused_on_abstracts() -> None:
    """Data sources are read in texts alone; methods in the bundled abstracts too, but in no study of one's own."""
    with pytest.raises(ConfigurationError, match="--axis data_source needs texts"):
        trend_tables(DATA, Question((Axis.DATA_SOURCE,), surface=Surface.ABSTRACT))
    with pytest.raises(ConfigurationError, match="--axis method needs texts"):
        trend_tables(DATA, Question((Axis.METHOD,), surface=Surface.ABSTRACT), study=load_study("agents"))


def test_a_sample_is_bundled_with_what_it_captures_of_other_lists() -> None:
    """Only papers about the subject, on a list that carries their month; other lists measure the capture."""
    population = Population("p", "P", 50, r"\bLLMs?\b", (Window("2024-01", "2024-01", frozenset({"a"}), ("b",)),))
    rows = [
        ("2401.00004", "2024-01", "An LLM on GSM8K", "x", "a"),
        ("2401.00001", "2024-01", "LLMs", "y" * 60 + " HumanEval", "a b"),
        ("2401.00002", "2024-01", "LLMs elsewhere on MBPP", "x", "b"),
        ("2401.00003", "2024-01", "Birds on GSM8K", "x", "a b"),
        ("2402.00001", "2024-02", "LLMs later", "x", "a"),
    ]  # fmt: skip
    path = _table("t.parquet", [row[:4] for row in rows], sources=[row[4] for row in rows])
    with Store(DATA) as store:
        ingest([path], store)
    assert bundle(DATA, Path(), population, load_lexicon()) == 2
    exported = parquet.read_table("mentions.parquet").to_pylist()
    assert [(row["arxiv_id"], row["title"], row["benchmark"], row["n"]) for row in exported] == [
        ("2401.00001", "", None, 0), ("2401.00004", "An LLM on GSM8K", "gsm8k", 1),
    ]  # fmt: skip
    assert Path("volume.csv").read_text().splitlines() == ["month,papers,list,listed,captured", "2024-01,2,b,2,1"]
    counts, wanting = count_by_names(load_lexicon(), Path())
    assert [(count.paper, count.benchmark) for count in counts] == [(1, "gsm8k")] and "bird" in wanting


def test_a_month_without_an_independent_list_is_kept(tmp_path: Path) -> None:
    """Its papers are known, its capture is not."""
    population = Population("p", "P", windows=(Window("2024-01", "2024-12", frozenset({"a"}), ("b",)),))
    coverage = Coverage()
    papers = [Listed(f"24{month:02}.00001", 1, "T", "A", (), date(2024, month, 1), None, ("a",)) for month in (1, 2)]
    assert len(list(population.members(papers, coverage))) == 2
    coverage.write(tmp_path / "volume.csv")
    again = read_coverage(tmp_path / "volume.csv")
    assert again.papers == {"2024-01": 1, "2024-02": 1} and not again.listed


def test_the_pattern_of_a_population_means_the_same_with_and_without_hyperscan(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cases at word limits, in other cases, and beside letters beyond ASCII."""
    pattern = read_population(reference_path(SAMPLE)).pattern
    assert pattern
    texts = [
        "LLM",
        "llms,",
        "VLLM",
        "MLLMs",
        "ChatGPT",
        "a Language\nModel",
        "Language models",
        "使用LLM进行",
        "ſLLM",
        "",
    ]
    fast = [matcher(pattern)(text.encode()) for text in texts]
    monkeypatch.setattr("survey.mentions.finder.fastest_engine", lambda starts=True: re_engine)
    assert [matcher(pattern)(text.encode()) for text in texts] == fast
    assert fast == [True, True, False, True, True, False, True, True, True, False]


def test_the_first_screen_begins_with_a_trend() -> None:
    """Abstracts with n in the thousands, growth, three lines on the lists; then the texts, each with its own sample."""
    report = trend_tables(DATA, Question())
    assert [table.surface for part in report.parts for table in part.tables] == [Surface.ABSTRACT, Surface.TEXT]
    assert [table.threshold for part in report.parts for table in part.tables] == [1, 5]
    assert min(row.n for row in report.tables[0].rows) > 6_000
    shown = " ".join(str(report.render(Format.TERMINAL, width=None)).split())  # as one line, wherever it was broken
    order = [
        "All papers of the field grow", "Abstracts that name", "Growth:", "lists that carry", "every abstract is read",
        "capture, the papers", "Sample: the 1,183 real", "Papers by domain",
    ]  # fmt: skip
    assert [shown.index(words) for words in order] == sorted(shown.index(words) for words in order)
    data = report.as_data()["tables"]
    assert [table["surface"] for table in data] == ["abstract", "text"] and len(data[0]["growth"]) == 8
    assert {row["surface"] for row in report.rows()} == {"abstract", "text"}
    assert trend_tables(DATA, Question(surface=Surface.TEXT)).rest is None


def test_the_bundled_abstracts_are_counts_of_the_bundled_study_and_hold_no_text() -> None:
    """A title stands only with a paper that names something, papers in the order of their ids, all in a few MB."""
    rows = parquet.read_table(FOLDER / "mentions.parquet")
    assert rows.schema.metadata[b"posttrain.fingerprint"].decode() == load_lexicon().fingerprint
    named, titled = compute.is_valid(rows["benchmark"]), compute.not_equal(rows["title"], "")
    assert named.equals(titled)
    ids = [str(key) for key in rows["arxiv_id"].to_pylist()]
    assert ids == sorted(ids) and len(set(ids)) == 56_549
    longest = max(len(str(name)) for name in parquet.read_table(FOLDER / "names.parquet")["name"].to_pylist())
    assert longest < 200
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 5 << 20


@pytest.mark.parametrize("name", bundled_studies())
def test_any_study_is_counted_from_the_name_index(name: str) -> None:
    """Papers by month are those of the bundled sample; an alias that wants a sentence is named in a warning."""
    lexicon = load_lexicon(study=load_study(name))
    sample = open_abstracts(lexicon)
    with sample.warehouse:
        assert sample.warehouse.query("sample")[0][0] == 56_549
        assert sample.warehouse.provenance()["fingerprint"] == lexicon.fingerprint
        levels = sample.warehouse.query("trend_domain", sections=["body"], domain_sum=False, highest=20)
        assert {domain for _, domain, _, _ in levels} <= set(lexicon.domains.values()) and len(levels) > 20
    if lexicon.fingerprint != load_lexicon().fingerprint:
        wanting = count_by_names(lexicon, FOLDER)[1]
        assert bool(wanting) == any("wants texts" in warning for warning in sample.warnings)


def test_the_name_index_counts_what_the_abstracts_count() -> None:
    """For every alias of the bundled study that needs no sentence, the index has the counts of the abstracts."""
    lexicon = load_lexicon()
    counts, wanting = count_by_names(lexicon, FOLDER)
    rows = parquet.read_table(FOLDER / "mentions.parquet", columns=["arxiv_id", "benchmark", "alias", "n"]).to_pylist()
    number = {key: at for at, key in enumerate(dict.fromkeys(row["arxiv_id"] for row in rows))}
    shy = {benchmark.key for benchmark in lexicon.benchmarks if any(a.spelling in wanting for a in benchmark.aliases)}
    direct = Counter({(number[r["arxiv_id"]], r["benchmark"]): 0 for r in rows if r["benchmark"]})
    for row in rows:
        if row["benchmark"]:
            direct[number[row["arxiv_id"]], row["benchmark"]] += row["n"]
    indexed: Counter[tuple[int, str]] = Counter()
    for count in counts:
        indexed[count.paper, count.benchmark] += count.n
    expected = {cell: n for cell, n in direct.items() if cell[1] not in shy}
    assert len(expected) > 500
    differing = [cell for cell in expected if indexed[cell] != expected[cell]]
    assert len(differing) / len(expected) < 0.01, differing


@pytest.mark.slow
@pytest.mark.corpus
def test_counts_of_500_abstracts_are_those_of_plain_re(corpora: Path) -> None:
    """Drawn at random, half of them from those that name something: population and counts by `re` alone."""
    rows = parquet.read_table(FOLDER / "mentions.parquet", columns=["arxiv_id", "benchmark", "n"]).to_pylist()
    bundled: dict[str, Counter[str]] = {}
    for row in rows:
        bundled.setdefault(row["arxiv_id"], Counter())
        if row["benchmark"]:
            bundled[row["arxiv_id"]][row["benchmark"]] += row["n"]
    draw = random.Random(5)
    naming = sorted(key for key, counts in bundled.items() if counts)
    drawn = set(draw.sample(naming, 250)) | set(draw.sample(sorted(set(bundled) - set(naming)), 250))
    columns = ["arxiv_id", "title", "abstract"]
    table = parquet.read_table(corpora / "arxiv_abstracts_2022_2025.parquet", columns=columns)
    table = table.filter(compute.is_in(table["arxiv_id"], pyarrow.array(sorted(drawn))))
    assert table.num_rows == 500
    population = read_population(reference_path(SAMPLE))
    finder, about = MentionFinder(load_lexicon(), re_engine), re.compile(str(population.pattern), re.IGNORECASE)
    for row in table.to_pylist():
        title, abstract = (" ".join(row[name].split()) for name in ("title", "abstract"))
        text = f"{title}\n\n{abstract[:1000]}"
        assert about.search(text), row["arxiv_id"]
        assert finder.counts(text.encode()) == bundled[row["arxiv_id"]], row["arxiv_id"]


@pytest.mark.corpus
@pytest.mark.slow
def test_the_bundled_abstracts_are_what_the_command_makes(corpora: Path) -> None:
    """Three months, each of another window, made again: the same counts, volume and names."""
    table = parquet.read_table(corpora / "arxiv_abstracts_2022_2025.parquet")
    months = ("2303", "2406", "2507")
    kept = [str(key)[:4] in months for key in table["arxiv_id"].to_pylist()]
    parquet.write_table(table.filter(pyarrow.array(kept)), "part.parquet")
    with Store(DATA) as store:
        ingest([Path("part.parquet")], store)
    bundle(DATA, Path(), read_population(reference_path(SAMPLE)), load_lexicon())
    committed, made = (parquet.read_table(folder / "mentions.parquet").to_pylist() for folder in (FOLDER, Path()))
    assert made == [row for row in committed if row["arxiv_id"][:4] in months] and len(made) > 3_000
    volumes = []
    for folder in (FOLDER, Path()):
        with (folder / "volume.csv").open() as file:
            volumes.append([row for row in csv.reader(file) if row[0][2:4] + row[0][5:] in months])
    assert volumes[0] == volumes[1] and len(volumes[0]) >= 7
    whole, part = _named(FOLDER, committed), _named(Path(), made)
    shared = {name for name, _, _ in whole} & {name for name, _, _ in part}  # an everyday word depends on the sample
    papers = {row["arxiv_id"] for row in made}
    assert {row for row in part if row[0] in shared} == {row for row in whole if row[0] in shared and row[1] in papers}
    assert len(shared) > 10_000


def _named(folder: Path, rows: list[dict[str, Any]]) -> set[tuple[str, str, int]]:
    """The name index of a folder as (name, arXiv id, n)."""
    ids = list(dict.fromkeys(row["arxiv_id"] for row in rows))
    names = parquet.read_table(folder / "names.parquet")["name"].to_pylist()
    table = parquet.read_table(folder / "name_counts.parquet").to_pydict()
    return {(names[a], ids[b], n) for a, b, n in zip(table["name"], table["paper"], table["n"], strict=True)}
