"""Exported counts: what a file that `Warehouse.export` wrote says about itself, before its rows are loaded."""

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import duckdb

from posttrain.errors import ConfigurationError
from survey.studies.load import load_study
from survey.studies.model import Study
from survey.surface import Surface

_OURS = "posttrain."  # what the names of our metadata begin with, such as posttrain.fingerprint


@dataclass(frozen=True)
class Head:
    """The columns of exported counts, the study that they are of, and their provenance."""

    path: Path
    columns: frozenset[str]
    study: Study
    provenance: dict[str, str]  # counts (the name of the file), study, lexicon, fingerprint

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the lexicon by which the counts were made; empty where the file does not say."""
        return self.provenance.get("fingerprint", "")


def read_head(db: duckdb.DuckDBPyConnection, path: Path) -> Head:
    """Return the head of exported counts. Raises duckdb.Error or ValueError where the file is none."""
    columns = db.execute(f"SELECT * FROM read_parquet({quoted(path)}) LIMIT 0").description or []
    rows = db.execute(f"SELECT decode(key), decode(value) FROM parquet_kv_metadata({quoted(path)})").fetchall()
    stored = {key.removeprefix(_OURS): value for key, value in rows if key.startswith(_OURS)}
    json = stored.pop("study", "")
    study = study_of(json) if json else load_study()
    provenance = {"counts": path.name, "study": study.name, **stored}
    return Head(path, frozenset(column[0] for column in columns), study, provenance)


def study_of(json: str) -> Study:
    """Return a stored study; the survey's own with its printed tables, which are not stored."""
    study = Study.model_validate_json(json)
    return load_study() if study.is_survey else study


def surface_of_counts(path: Path) -> Surface:
    """Return the surface of exported counts. Raises ConfigurationError where abstracts and texts stand in one file."""
    try:
        with closing(duckdb.connect(":memory:")) as db:
            rows = db.execute(f"SELECT DISTINCT surface FROM read_parquet({quoted(path)})").fetchall()
    except duckdb.Error:
        return Surface.TEXT  # opening it says what is wrong
    surfaces = {surface for (surface,) in rows}
    if Surface.ABSTRACT not in surfaces:
        return Surface.TEXT
    if len(surfaces) > 1:
        raise ConfigurationError(
            f"{path} holds counts of abstracts and of texts; expected one of them in a table",
            "export each on its own: survey label --surface abstract --export FILE",
        )
    return Surface.ABSTRACT


def quoted(path: Path) -> str:
    """Return a path as a word of SQL, where a parameter is not allowed."""
    return "'" + str(path).replace("'", "''") + "'"
