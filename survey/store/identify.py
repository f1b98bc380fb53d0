"""Identification: which papers a raw file holds, by its content first and by its name where nothing speaks against it.

`identify` runs in a worker, for a file may crash or hang its reader.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow
from pyarrow import parquet

from posttrain.errors import UnreadableError, printable
from survey.fulltext import Kind, kind_of
from survey.fulltext import identify as identify_content
from survey.fulltext.records import WithdrawnError, identify_row
from survey.paper import ArxivId, Identity, IdSource, find_arxiv_id, first_version_date, name_is_plausible
from survey.store.papers import Outcome, Source
from survey.store.withdrawals import Withdrawal

_ROW_COLUMNS = ("arxiv_id", "published", "title", "text")
_SOFTWARE = ("readme", "license", "copying", "changelog", "contributing", "requirements")  # names of files, not papers


@dataclass(frozen=True)
class Raw:
    """A raw file in the store: its SHA-256, its path there, and the name by which it was given."""

    sha256: str
    path: str
    name: str


def identify(raw: Raw) -> Outcome:
    """Return the papers of one raw file and its refused rows. Raises UnreadableError where it is not a paper."""
    with Path(raw.path).open("rb") as stream:
        start = stream.read(4)
    if start == b"PAR1":
        return _identify_table(raw)
    data = Path(raw.path).read_bytes()
    kind = kind_of(data, raw.name)
    try:
        identity = identify_content(kind, data)
    except WithdrawnError as error:
        return Outcome(raw.name, skipped=str(error), withdrawn=withdrawal_of(error))
    if kind is Kind.MARKDOWN and identity.source is IdSource.NONE and Path(raw.name).stem.lower().endswith(_SOFTWARE):
        raise UnreadableError("a file that goes with software, not a paper")
    return Outcome(raw.name, [_source(raw, -1, kind, identity)])


def identify_line(raw: Raw, number: int, line: bytes) -> Source:
    """Return the paper on line `number` of a metadata snapshot. Raises UnreadableError where it is none."""
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"not a line of JSON: {error}") from error
    if not isinstance(record, dict):
        raise UnreadableError("not a JSON object")
    if "body_text" in record:
        raise UnreadableError("a full-text record among metadata; save each as a .json file of its own")
    return _source(raw, number, Kind.METADATA, identify_row(record))


def withdrawal_of(error: UnreadableError) -> list[Withdrawal]:
    """Return the withdrawal that a refused record says, or none: it is another reason, or names no paper."""
    if not isinstance(error, WithdrawnError) or error.arxiv_id is None:
        return []
    return [Withdrawal(error.arxiv_id.id, error.arxiv_id.version, str(error))]


def local_key(sha256: str) -> str:
    """Return the key of a paper whose arXiv id is not proved, from its raw file: `local:` and 12 digits."""
    return f"local:{sha256[:12]}"


def _identify_table(raw: Raw) -> Outcome:
    rows = _read_identities(raw.path)
    if not rows:
        raise UnreadableError("a Parquet table without rows")
    sources: list[Source] = []
    refused: list[tuple[str, str]] = []
    withdrawn: list[Withdrawal] = []
    for number, row in enumerate(rows):
        try:
            sources.append(_source(raw, number, Kind.ROW, identify_row(row)))
        except UnreadableError as error:
            refused.append((f"{raw.name}:{number}", str(error)))
            withdrawn += withdrawal_of(error)
    return Outcome(raw.name, sources, refused, withdrawn=withdrawn)


def _read_identities(path: str) -> list[dict[str, Any]]:
    """The columns of a table that say which papers it holds, row by row."""
    try:
        with parquet.ParquetFile(path) as table:
            names = table.schema_arrow.names
            missing = [column for column in _ROW_COLUMNS if column not in names]
            if missing:
                raise UnreadableError(
                    f"a Parquet table without {', '.join(missing)}; expected arxiv_id, published, title, abstract, text"
                )
            columns = [
                column for column in ("arxiv_id", "version", "published", "title", "comments") if column in names
            ]
            return table.read(columns=columns).to_pylist()
    except (pyarrow.ArrowException, OSError) as error:  # Arrow reports a torn page as OSError
        raise UnreadableError(f"a damaged Parquet file: {error}") from error


def _source(raw: Raw, member: int, kind: Kind, identity: Identity) -> Source:
    """Decide which paper a copy is: by its content, else by its name where nothing speaks against the name."""
    arxiv_id, id_source = identity.arxiv_id, identity.source
    if arxiv_id is None:
        named = _named_id(raw.name)
        if named and name_is_plausible(named, identity.inside):
            arxiv_id, id_source = named, IdSource.NAME
    title = printable(identity.title)
    if arxiv_id is None:
        key = local_key(raw.sha256)
        return Source(raw.sha256, member, kind, key, None, IdSource.NONE, title, None, False, raw.name)
    published = first_version_date(arxiv_id, identity.published, identity.is_first)
    stated = identity.is_first and published == identity.published
    version = arxiv_id.version
    return Source(raw.sha256, member, kind, arxiv_id.id, version, id_source, title, published, stated, raw.name)


def _named_id(name: str) -> ArxivId | None:
    """The arXiv id in the name of a file, or of the folder right above a single LaTeX file.

    `2501.00001v2.pdf` and `2501_00001.pdf` name 2501.00001, and so does `2501.00001/main.tex`.
    """
    path = Path(name)
    names = [path.name, path.parent.name] if path.suffix == ".tex" else [path.name]
    ids = (find_arxiv_id(part.replace("_", " ")) for part in names)
    return next(filter(None, ids), None)
