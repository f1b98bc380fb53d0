"""Label: what is said about a paper comes from its strongest copy, and the warehouse is replaced in one step."""

import json
import os
import resource
import signal
import subprocess
import sys
from datetime import date
from pathlib import Path

import duckdb
import pytest

from posttrain.errors import ExitCode, PosttrainError
from posttrain.settings import warehouse_path
from survey.label import label
from survey.labels.decision import Decision
from survey.labels.readings import DataSource, Method
from survey.mentions.domain import DEFAULT_THRESHOLD
from survey.mentions.lexicon import LexiconName, load_lexicon
from survey.period import Period
from survey.store.papers import Store
from survey.trends.domain import domain_trends
from survey.trends.trend import Scope
from survey.warehouse import builder
from survey.warehouse.builder import CountedMention, CountedPaper, build_warehouse
from survey.warehouse.database import Warehouse
from tests.builders import FILLER, latex, make_pdf, make_tar, markdown_paper
from tests.chain import DATA, ROOT, count, counts, read_texts, save, save_table, table_of, take_in

CATS = "On the Patience of Cats in Long Corridors"
FOURTH = "arXiv:2501.00001v4 [cs.CL] 2 Aug 2025"
GSM = "We use GSM8K. " * DEFAULT_THRESHOLD


def _paper() -> tuple[object, ...]:
    """Title, date, surface and id source of the one paper in a fresh warehouse."""
    with count() as warehouse:
        [row] = warehouse.query("explain_paper", asked="2501.00001", by_title=False)
    return row


@pytest.mark.slow
@pytest.mark.parametrize("first_wins", [True, False])
def test_a_stated_date_of_version_1_wins_over_a_later_stamp(first_wins: bool) -> None:
    """Whichever copy comes first, and whichever is stronger: a paper's period is that of its version 1."""
    copies = [
        save("a.md", markdown_paper("2501.00001", GSM, CATS, "2024-12-31 23:00:00")),
        save("b.pdf", make_pdf([FILLER], stamp=FOURTH)),
        save("s.jsonl", '{"id": "2501.00001", "title": "known by its id, and without a date"}'),
    ]
    take_in(*(copies if first_wins else copies[::-1]))
    read_texts()
    assert date(2024, 12, 31) in _paper()


@pytest.mark.slow
def test_a_later_stamp_alone_gives_the_month_of_the_id() -> None:
    """August is when version 4 came; version 1 came in January, as the id says."""
    save("b.pdf", make_pdf([FILLER], stamp=FOURTH))
    take_in()
    read_texts()
    assert date(2025, 1, 1) in _paper()


@pytest.mark.slow
def test_the_date_of_a_snapshot_is_taken_for_a_text_that_has_none() -> None:
    versions = [{"version": "v1", "created": "Thu, 9 Jan 2025 10:00:00 GMT"}]
    save("s.jsonl", json.dumps({"id": "2501.00001", "title": CATS, "versions": versions}))
    save("b.pdf", make_pdf([FILLER], stamp=FOURTH))
    take_in()
    read_texts()
    paper = _paper()
    assert date(2025, 1, 9) in paper
    assert CATS in paper


@pytest.mark.slow
def test_the_title_comes_from_the_copy_whose_identity_rests_on_most() -> None:
    """The text is read from the source, which is known by its name alone; its title is the record's."""
    save("2501.00001.tar.gz", make_tar({"main.tex": latex(r"\title{on the PATIENCE of cats} In 2025.")}))
    save("a.md", markdown_paper("2501.00001", GSM, "On the Patience of Cats"))
    save("s.jsonl", json.dumps({"id": "2501.00001", "title": CATS}))
    take_in()
    read_texts()
    paper = _paper()
    assert CATS in paper
    assert "latex" in paper
    assert "record" in paper


def test_a_paper_without_a_proved_id_is_in_no_period() -> None:
    save("notes.md", f"# Notes\n\n{GSM}{FILLER}")
    take_in()
    read_texts()
    with count() as warehouse:
        assert [row.n for row in domain_trends(warehouse)[0].rows if row.n] == []
        assert warehouse.query("sample")[0][:2] == (1, 1)


def test_every_paper_with_a_text_is_counted_also_without_a_mention() -> None:
    """It counts in the denominator; one without a text does not."""
    save_table("t.parquet", table_of([f"2501.{n:05d}" for n in range(3)], [GSM, "Nothing is named.", ""]))
    take_in()
    read_texts()
    assert counts() == {"2501.00000": {"gsm8k": DEFAULT_THRESHOLD}, "2501.00001": {}}


@pytest.mark.slow
def test_each_mention_belongs_to_its_own_paper_and_section() -> None:
    """Over many papers in one shard, with accents before every name."""
    texts = [f"Étude № {n}. " + "GSM8K, " * n + "\n\nReferences\n\n" + "MMLU, " * (n % 3) for n in range(20)]
    save_table("t.parquet", table_of([f"2501.{n:05d}" for n in range(20)], texts))
    take_in()
    read_texts()
    found = counts()
    assert {n: found[f"2501.{n:05d}"].get("gsm8k", 0) for n in range(20)} == {n: n for n in range(20)}


@pytest.mark.slow
def test_labelling_again_with_another_lexicon_replaces_the_warehouse() -> None:
    save("a.md", markdown_paper("2501.00001", "We use GSM8K, GSM-8K and MATH-500."))
    take_in()
    read_texts()
    with count(LexiconName.ALIASES) as warehouse:
        assert warehouse.provenance()["lexicon"] == "aliases"
    aliases = counts(LexiconName.ALIASES)
    printed = counts(LexiconName.PRINTED)
    assert aliases != printed
    with Warehouse.open(warehouse_path(DATA)) as warehouse:
        assert warehouse.provenance()["lexicon"] == "printed"
    assert counts(LexiconName.ALIASES) == aliases


def test_labelling_twice_gives_the_same_counts_and_one_file() -> None:
    save("a.md", markdown_paper("2501.00001", GSM))
    take_in()
    read_texts()
    assert counts() == counts() == {"2501.00001": {"gsm8k": DEFAULT_THRESHOLD}}
    assert [path.name for path in DATA.iterdir() if "warehouse" in path.name] == ["warehouse.duckdb"]


@pytest.mark.slow
def test_a_reader_never_sees_half_a_warehouse() -> None:
    """Another process opens it again and again while it is made anew: it always finds all papers."""
    save_table("t.parquet", table_of([f"2501.{n:05d}" for n in range(200)], [GSM] * 200))
    take_in()
    read_texts()
    count().__exit__()
    code = (
        "import sys; from pathlib import Path; from survey.warehouse.database import Warehouse\n"
        "print('ready', flush=True)\n"
        "for _ in range(25):\n"
        "    with Warehouse.open(Path(sys.argv[1])) as warehouse:\n"
        "        assert warehouse.query('sample')[0][0] == 200\n"
    )
    command = [sys.executable, "-c", code, str(warehouse_path(DATA).resolve())]
    reader = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)
    assert reader.stdout
    reader.stdout.readline()
    made = 0
    with Store(DATA) as store:
        while reader.poll() is None:
            label(store, load_lexicon())
            made += 1
    assert reader.wait() == 0
    assert made > 1


def _papers(count: int) -> list[CountedPaper]:
    return [CountedPaper(f"2501.{n:05d}", "T", date(2025, 1, 1), True, "pdf", "record") for n in range(count)]


def test_a_labelling_that_breaks_off_leaves_the_old_warehouse() -> None:
    path = Path("warehouse.duckdb")
    with build_warehouse(path, load_lexicon(), {}) as warehouse:
        warehouse.add_papers(_papers(3))

    with pytest.raises(ValueError, match="torn"), build_warehouse(path, load_lexicon(), {}) as warehouse:
        warehouse.add_papers(_papers(5))
        warehouse.add_mentions([CountedMention(0, "gsm8k", "GSM8K", "body", 0, 5, True, "name")])
        raise ValueError("the shard is torn")
    with Warehouse.open(path) as opened:
        assert opened.query("sample")[0][0] == 3
    assert list(Path().iterdir()) == [path]


def test_the_size_of_a_batch_changes_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that wait in memory reach the file in their order, whether in one batch or in many."""
    decision = Decision(Method.SFT, 0.9, Method.SFT, Method.SFT, (DataSource.API, DataSource.HUMAN), 0.8)
    tables = []
    for size in (2, 100_000):
        monkeypatch.setattr(builder, "_ROWS_AT_ONCE", size)
        with build_warehouse(Path("warehouse.duckdb"), load_lexicon(), {"posttrain": "1"}) as warehouse:
            warehouse.add_papers(_papers(3)[:1])
            warehouse.add_papers([paper._replace(published=None) for paper in _papers(4)])
            for number in range(5):
                mentions = [CountedMention(number, "gsm8k", "GSM8K", "body", at, at + 5, at > 0, "") for at in range(3)]
                warehouse.add_mentions(mentions)
                warehouse.add_decision(number, decision)
                warehouse.add_citations(number, range(number))
        with duckdb.connect("warehouse.duckdb", read_only=True) as db:
            names = [row[0] for row in db.execute("SELECT table_name FROM duckdb_tables()").fetchall()]
            tables.append({name: db.execute(f"SELECT * FROM {name}").fetchall() for name in names})
    assert {name: sorted(rows, key=str) for name, rows in tables[0].items()} == {
        name: sorted(rows, key=str) for name, rows in tables[1].items()
    }
    few, many = ({name: rows for name, rows in table.items() if name != "mention_count"} for table in tables)
    assert few == many  # a sum has no order
    assert [len(few[name]) for name in ("paper", "mention", "paper_source", "citation")] == [5, 15, 10, 10]


@pytest.mark.parametrize("room", [2_000, 100_000], ids=["for nothing", "for the log, not for the tables"])
def test_a_full_disk_leaves_the_old_warehouse_and_says_so(room: int) -> None:
    """DuckDB writes the tables when it closes and is silent where that fails; half a warehouse must not stay."""
    path = Path("warehouse.duckdb")
    with build_warehouse(path, load_lexicon(), {}) as warehouse:
        warehouse.add_papers(_papers(3))
    code = (
        "import sys; from pathlib import Path; from posttrain.errors import PosttrainError\n"
        "from survey.mentions.lexicon import load_lexicon\n"
        "from survey.warehouse.builder import CountedPaper, build_warehouse\n"
        "paper = CountedPaper('x', 'T', None, False, 'pdf', 'none')\n"
        "try:\n"
        "    with build_warehouse(Path(sys.argv[1]), load_lexicon(), {}) as builder: builder.add_papers([paper])\n"
        "except PosttrainError as error: print(error.message); sys.exit(error.exit_code)"
    )

    def limit_files() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    done = subprocess.run(
        [sys.executable, "-c", code, str(path.resolve())], cwd=ROOT, capture_output=True, text=True,
        preexec_fn=limit_files, check=False,
    )  # fmt: skip
    assert done.returncode == ExitCode.PARTIAL, done.stderr
    assert f"cannot write {path.resolve()}" in done.stdout
    with Warehouse.open(path) as opened:
        assert opened.query("sample")[0][0] == 3
    assert list(Path().iterdir()) == [path]


@pytest.mark.slow
def test_shared_counts_give_the_same_tables() -> None:
    """`--export` holds facts and no text, and leaves out papers without a proved id, which are in no period anyway."""
    bodies = [GSM + "MMLU " * (n % 9) + "\n\nReferences\n\n" + "HumanEval " * n for n in range(20)]
    rows = table_of([f"{25 if n % 2 else 24}0{1 + n % 6}.{n:05d}" for n in range(20)], bodies)
    rows["published"] = [f"20{row[:2]}-{row[2:4]}-15" for row in rows["arxiv_id"]]
    save_table("t.parquet", rows)
    save("notes.md", f"# Notes\n\n{GSM}{FILLER}")
    take_in()
    read_texts()
    with count() as own:
        assert own.query("sample")[0][0] == 21
        own.export(Path("counts.parquet"))
        shared = Warehouse.from_counts(Path("counts.parquet"))
        assert shared.query("sample")[0][0] == 20
        for by in Period:
            for scope in Scope:
                tables = domain_trends(own, [1, 5, 9], by, scope)
                assert domain_trends(shared, [1, 5, 9], by, scope) == tables
                assert any(row.k for table in tables for row in table.rows)
        assert shared.provenance()["fingerprint"] == own.provenance()["fingerprint"]
    shared.__exit__()


@pytest.mark.slow
def test_counts_that_cannot_be_written_name_the_flag() -> None:
    save("a.md", markdown_paper("2501.00001", GSM))
    take_in()
    read_texts()
    with count() as warehouse, pytest.raises(PosttrainError, match=r"cannot write nowhere/counts\.parquet") as caught:
        warehouse.export(Path("nowhere/counts.parquet"))
    assert "--export" in caught.value.hint


@pytest.mark.parametrize("content", [b"", b"not a table" * 99, b"PAR1 torn"])
def test_a_damaged_warehouse_names_the_command_that_makes_it_anew(content: bytes) -> None:
    path = Path("warehouse.duckdb")
    path.write_bytes(content)
    with pytest.raises(PosttrainError, match=r"warehouse\.duckdb cannot be read") as caught:
        Warehouse.open(path)
    assert "survey label" in caught.value.hint
    assert os.fspath(path) in caught.value.message
