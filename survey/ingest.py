"""Local papers into the store: which file is which paper, and what is not a paper and why."""

import io
import itertools
import json
import os
import stat
import tarfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import pyarrow
from pyarrow import parquet

from posttrain.errors import ConfigurationError, UnreadableError, printable
from survey.arxiv.bulk import check, is_bulk, unpack
from survey.arxiv.ledger import Ledger
from survey.fulltext import Kind, identify, kind_of
from survey.fulltext.container import MAX_UNPACKED
from survey.fulltext.records import identify_row
from survey.paper import (
    ArxivId,
    Identity,
    IdSource,
    find_arxiv_id,
    first_version_date,
    name_is_plausible,
    titles_agree,
)
from survey.store.isolation import Failed, default_workers, run_isolated
from survey.store.papers import Source, Store

_MAX_FILE = 500 << 20  # bytes of one paper's file; Parquet tables and metadata snapshots may be larger
_ROW_COLUMNS = ["arxiv_id", "published", "title", "text"]
_Identified = tuple[list[Source], list[tuple[str, str]]]  # the papers of a file, and its rows that are none
_NO_PAPERS = ("readme", "license", "copying", "changelog", "contributing", "requirements")
_LINES_TO_JUDGE = 20  # of a .jsonl file, before it is said to hold no arXiv metadata


@dataclass
class Ingested:
    """What `survey ingest` did: papers' copies that are new, that were there, and what was passed over and why."""

    ingested: int = 0
    unchanged: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list)
    by_name: list[str] = field(default_factory=list)  # new papers whose id rests on their file's name


def ingest(paths: list[Path], store: Store, advance: Callable[[int, int], None] = lambda done, of: None) -> Ingested:
    """Bring every paper under `paths` into the store and return what was done. Running it again changes nothing.

    `advance` is told how many of how many steps are done, two for each file: copied, identified.
    """
    store.sweep()
    result = Ingested()
    own = os.path.realpath(store.root)  # unlike Path.resolve, it takes a link that leads in a circle
    found = [path for path in _walk(paths, result) if not Path(os.path.realpath(path)).is_relative_to(own)]
    copied: list[_Raw] = []
    for done, path in enumerate(found, start=1):
        raw = _take_in(path, store, result)
        if raw is not None:
            copied.append(raw)
        advance(done, 2 * len(found))
    settled = 2 * len(found) - len(copied)
    for done, (raw, outcome) in enumerate(_identify_all(copied, store), start=1):
        if isinstance(outcome, Failed):
            result.skipped.append((raw.name, outcome.reason))
        else:
            _add(raw, *outcome, store, result)
        advance(settled + done, 2 * len(found))
    _settle_skips(paths, found, store, result)
    _settle_names(store)
    return result


def existing(paths: list[Path]) -> list[Path]:
    """Return `paths`. Raises PosttrainError where one does not exist."""
    for path in paths:
        if not os.path.lexists(path):
            raise ConfigurationError(f"{path} does not exist", "give files or folders that exist: survey ingest PATH…")
    return paths


def _identify_all(copied: "list[_Raw]", store: Store) -> "Iterator[tuple[_Raw, _Identified | Failed]]":
    unused: list[str] = []  # forgotten at the end: another file of the same content may still wait for a worker
    for raw, outcome in run_isolated(_identify, copied, min(default_workers(), max(1, len(copied)))):
        if isinstance(outcome, Failed):
            unused.append(raw.sha256)
        yield raw, outcome
    for sha256 in unused:
        store.forget_raw(sha256)


def _add(raw: "_Raw", sources: list[Source], refused: list[tuple[str, str]], store: Store, result: Ingested) -> None:
    new = store.add_sources(sources)
    result.ingested += new
    result.unchanged += len(sources) - new
    result.skipped += refused
    if new:
        result.by_name += [source.paper for source in sources if source.id_source is IdSource.NAME]
    store.unskip(raw.name)


def _settle_skips(paths: list[Path], found: list[Path], store: Store, result: Ingested) -> None:
    """Record what was skipped now, and forget what was skipped under these paths once and is not there any more."""
    seen = {printable(str(path)) for path in found}
    roots = [printable(str(path)) for path in paths]
    for name, _ in store.skipped():
        file = name if name in seen else name.rpartition(":")[0] or name
        if file not in seen and any(file == root or file.startswith(f"{root}{os.sep}") for root in roots):
            store.unskip(name)
    for name, reason in result.skipped:
        store.skip(name, reason)


@dataclass(frozen=True)
class _Raw:
    sha256: str
    path: str
    name: str


def _walk(paths: Iterable[Path], result: Ingested) -> Iterator[Path]:
    """Yield the files to look at; a folder that holds LaTeX files is one paper and is yielded itself.

    Hidden files and folders are passed over (`._x.pdf` and `.git` are no papers), links to folders are reported.
    """
    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for folder, folders, names in os.walk(
            path, onerror=lambda e: result.skipped.append((printable(str(e.filename)), f"cannot be read: {e.strerror}"))
        ):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            visible = sorted(name for name in names if not name.startswith("."))
            if _is_latex_paper(visible):
                folders.clear()
                yield Path(folder)
                # figures are part of the source; what is named for a paper is one
                yield from (Path(folder, n) for n in visible if find_arxiv_id(n.replace("_", " ")) and n[-4:] != ".tex")
                continue
            links = [Path(folder, name) for name in folders if Path(folder, name).is_symlink()]
            result.skipped += [(printable(str(link)), "a link to a folder; ingest the folder itself") for link in links]
            yield from (Path(folder, name) for name in visible)


def _is_latex_paper(names: list[str]) -> bool:
    texs = [name for name in names if name.lower().endswith(".tex")]
    return bool(texs) and not all(find_arxiv_id(name.replace("_", " ")) for name in texs)


def _take_in(path: Path, store: Store, result: Ingested) -> "_Raw | None":
    """Copy one file (or folder of LaTeX) into the store; return it where it has yet to be identified."""
    name = printable(str(path))
    try:
        if path.is_dir():
            return _copy_in(io.BytesIO(_pack(path)), name, store, result)
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for its writer for ever
            raise UnreadableError("a pipe or a device, not a file")
        if is_bulk(path):
            _take_in_bulk(path, name, store, result)
            store.unskip(name)
            return None
        if path.suffix.lower() == ".jsonl":
            _take_in_metadata(path, name, store, result)
            store.unskip(name)
            return None
        if status.st_size > _MAX_FILE and path.suffix.lower() != ".parquet":
            raise UnreadableError(f"a file of {status.st_size >> 20} MB; expected at most {_MAX_FILE >> 20}")
        with path.open("rb") as stream:
            return _copy_in(stream, name, store, result)
    except UnreadableError as error:
        result.skipped.append((name, str(error)))
    except OSError as error:
        result.skipped.append((name, f"cannot be read: {error.strerror}"))
    return None


def _copy_in(stream: BinaryIO, name: str, store: Store, result: Ingested) -> "_Raw | None":
    sha256, new = store.add_raw(stream)
    held = 0 if new else store.holds(sha256)
    if held:
        result.unchanged += held
        store.unskip(name)
        return None
    return _Raw(sha256, str(store.raw_path(sha256)), name)


def _pack(folder: Path) -> bytes:
    """Return the text files of a LaTeX folder as a tar that is the same bytes every time."""
    out = io.BytesIO()
    total = 0
    with tarfile.open(fileobj=out, mode="w") as archive:
        for path in sorted(folder.rglob("*")):
            if (
                path.is_file()
                and path.suffix.lower() in (".tex", ".bbl", ".bib", ".sty", ".cls", ".json")
                and path.name[0] != "."
            ):
                total += path.stat().st_size
                if total > MAX_UNPACKED:
                    raise UnreadableError(f"a LaTeX folder of more than {MAX_UNPACKED >> 20} MB")
                member = tarfile.TarInfo(path.relative_to(folder).as_posix())
                member.size = path.stat().st_size
                with path.open("rb") as stream:
                    archive.addfile(member, stream)
    return out.getvalue()


def _identify(raw: _Raw) -> _Identified:
    """Return the sources in one raw file and the rows of it that are none. Runs in a worker."""
    with Path(raw.path).open("rb") as stream:
        start = stream.read(4)
    if start == b"PAR1":
        return _identify_table(raw)
    data = Path(raw.path).read_bytes()
    kind = kind_of(data, raw.name)
    identity = identify(kind, data)
    if kind is Kind.MARKDOWN and identity.source is IdSource.NONE and Path(raw.name).stem.lower().endswith(_NO_PAPERS):
        raise UnreadableError("a file that goes with software, no paper")
    return [_source(raw, -1, kind, identity)], []


def _identify_table(raw: _Raw) -> _Identified:
    try:
        with parquet.ParquetFile(raw.path) as table:
            missing = [column for column in _ROW_COLUMNS if column not in table.schema_arrow.names]
            if missing:
                raise UnreadableError(
                    f"a Parquet table without {', '.join(missing)}; expected arxiv_id, published, title, abstract, text"
                )
            columns = [c for c in ("arxiv_id", "version", "published", "title") if c in table.schema_arrow.names]
            rows = table.read(columns=columns).to_pylist()
    except (pyarrow.ArrowException, OSError) as error:  # Arrow reports a torn page as OSError
        raise UnreadableError(f"a damaged Parquet file: {error}") from error
    if not rows:
        raise UnreadableError("a Parquet table without rows")
    sources: list[Source] = []
    refused: list[tuple[str, str]] = []
    for number, row in enumerate(rows):
        try:
            sources.append(_source(raw, number, Kind.ROW, identify_row(row)))
        except UnreadableError as error:
            refused.append((f"{raw.name}:{number}", str(error)))
    return sources, refused


def _take_in_bulk(path: Path, name: str, store: Store, result: Ingested) -> None:
    """Take in an archive of arXiv's, each item as a paper's copy, when it is what the manifest says."""
    entry = check(path)
    items = 0
    for found in unpack(path, store):
        items += 1
        if isinstance(found, Source):
            new = store.add_sources([found])
            result.ingested += new
            result.unchanged += 1 - new
        else:
            result.skipped.append(found)
    if entry and items != entry.items:
        result.skipped.append((name, f"{items:,} items in it; the manifest says {entry.items:,}"))


def _take_in_metadata(path: Path, name: str, store: Store, result: Ingested) -> None:
    """Read a metadata snapshot line by line: it can have millions, and none has a text to crash on."""
    with path.open("rb") as stream:
        sha256 = store.add_raw(stream)[0]
    refused: list[tuple[str, str]] = []
    new = known = 0
    with path.open("rb") as stream:
        lines = enumerate(stream, start=1)
        while batch := list(itertools.islice(lines, 10_000)):
            sources = []
            for number, line in batch:
                if not line.strip():
                    continue
                try:
                    sources.append(_metadata(_Raw(sha256, "", name), number, line))
                except UnreadableError as error:
                    refused.append((f"{name}:{number}", str(error)))
                if not (sources or new or known) and len(refused) == _LINES_TO_JUDGE:
                    store.forget_raw(sha256)
                    raise UnreadableError(f"no arXiv metadata in its first {_LINES_TO_JUDGE} lines: {refused[0][1]}")
            added = store.add_sources(sources)
            new += added
            known += len(sources) - added
    if not new and not known:
        store.forget_raw(sha256)
        raise UnreadableError("no line with arXiv metadata: " + (refused[0][1] if refused else "an empty file"))
    result.ingested += new
    result.unchanged += known
    result.skipped += refused


def _metadata(raw: _Raw, number: int, line: bytes) -> Source:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UnreadableError(f"not a line of JSON: {error}") from error
    if not isinstance(record, dict):
        raise UnreadableError("not a JSON object")
    if "body_text" in record:
        raise UnreadableError("a full-text record among metadata; save each as a .json file of its own")
    return _source(raw, number, Kind.METADATA, identify_row(record))


def _source(raw: _Raw, member: int, kind: Kind, identity: Identity) -> Source:
    """Decide which paper a copy is: by what stands inside, else by its name where nothing speaks against that."""
    arxiv_id, id_source = identity.arxiv_id, identity.source
    if arxiv_id is None:
        named = _named_id(raw.name)
        if named and name_is_plausible(named, identity.inside):
            arxiv_id, id_source = named, IdSource.NAME
    title = printable(identity.title)
    if arxiv_id is None:
        key = _local_key(raw.sha256)
        return Source(raw.sha256, member, kind, key, None, IdSource.NONE, title, None, False, raw.name)
    published = first_version_date(arxiv_id, identity.published, identity.is_first)
    stated = identity.is_first and published == identity.published
    version = arxiv_id.version
    return Source(raw.sha256, member, kind, arxiv_id.id, version, id_source, title, published, stated, raw.name)


def _named_id(name: str) -> ArxivId | None:
    """The arXiv id in the name of a file, or of the folder right above a single LaTeX file."""
    path = Path(name)
    names = [path.name, path.parent.name] if path.suffix == ".tex" else [path.name]
    return next((found for part in names if (found := find_arxiv_id(part.replace("_", " ")))), None)


def _local_key(sha256: str) -> str:
    return f"local:{sha256[:12]}"


def _settle_names(store: Store) -> None:
    """Take back ids that rest on a file's name where a proved copy, or arXiv's listing, has another title."""
    sources = list(store.sources())
    proved = {s.paper: s.title for s in sources if s.id_source not in (IdSource.NAME, IdSource.NONE) and s.title}
    named = [source for source in sources if source.id_source is IdSource.NAME and source.title]
    if named and Ledger.exists(store.root):
        with Ledger(store.root) as ledger:
            proved |= {key: paper.title for key, paper in ledger.known(s.paper for s in named).items()}
    for source in named:
        title = proved.get(source.paper)
        if title and not titles_agree(title, source.title):
            store.rekey(source, _local_key(source.sha256))
