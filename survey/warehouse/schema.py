"""The tables of a warehouse, empty and with their benchmarks, and the queries under `sql/`."""

from importlib.resources import files

import duckdb

from survey.mentions.lexicon import Lexicon


def read_sql(name: str) -> str:
    """Return the text of `sql/NAME.sql`."""
    return files("survey.warehouse").joinpath("sql", f"{name}.sql").read_text()


def create_tables(db: duckdb.DuckDBPyConnection, lexicon: Lexicon) -> None:
    """Create the tables, with the benchmarks of a lexicon and its study."""
    db.execute(read_sql("schema"))
    benchmarks = [[benchmark.key, benchmark.name, benchmark.domain] for benchmark in lexicon.benchmarks]
    db.executemany("INSERT INTO benchmark VALUES (?, ?, ?)", benchmarks)
    db.execute("INSERT INTO study VALUES (?)", [lexicon.study.model_dump_json()])


def set_provenance(db: duckdb.DuckDBPyConnection, values: dict[str, str]) -> None:
    """Store the lexicon, texts and versions that a warehouse is built from."""
    db.executemany("INSERT INTO provenance VALUES (?, ?)", [[key, str(value)] for key, value in values.items()])
