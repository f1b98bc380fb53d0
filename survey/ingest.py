"""Local papers into the store: the paper of each file, and the reason where a file is not a paper.

Every file ends in one `Outcome` (a large list or archive in several), which the store records in one transaction.
"""

import gzip
import io
import itertools
import os
import stat
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from posttrain.errors import ConfigurationError, UnreadableError, printable
from survey.arxiv.abstracts import copy_abstracts, count_papers, is_table_of_abstracts
from survey.arxiv.bulk import check, is_bulk, unpack
from survey.arxiv.ledger import Ledger
from survey.arxiv.withdrawn import take_over_withdrawals
from survey.fulltext.container import MAX_UNPACKED, is_text
from survey.paper import IdSource, find_arxiv_id, titles_agree
from survey.store.identify import Raw, identify, identify_line, local_key, withdrawal_of
from survey.store.isolation import Failed, default_workers, run_isolated
from survey.store.papers import Outcome, Source, Store
from survey.store.withdrawals import Withdrawal
from survey.writing.lists import PaperList, list_in

_MAX_FILE = 500 << 20  # bytes of one paper's file; Parquet tables and metadata snapshots may be larger
_OTHER_PAPERS = (".md", ".txt", ".html", ".xml", ".jsonl", ".parquet")  # a PDF next to .tex is a figure or its output
_SNAPSHOTS = (".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")
_LONGEST_LINE = 50 << 20  # bytes: of a line that does not end, no more is read
_LINES_AT_ONCE = 10_000  # of a metadata snapshot in one transaction
_LINES_TO_JUDGE = 20  # of a .jsonl file, after which it is refused as no arXiv metadata


@dataclass
class Ingested:
    """The outcome of `survey ingest`: new copies of papers, known ones, and skipped files and rows with the reason."""

    ingested: int = 0
    unchanged: int = 0
    listed: int = 0  # papers of tables of abstracts
    skipped: list[tuple[str, str]] = field(default_factory=list)
    by_name: list[str] = field(default_factory=list)  # new papers whose id rests on their file's name

    def add(self, outcome: Outcome, new: int) -> None:
        """Add the outcome of a file, `new` of whose sources are new in the store."""
        self.ingested += new
        self.unchanged += outcome.known + len(outcome.sources) - new
        self.listed += outcome.listed
        self.skipped += outcome.skips
        if new:
            self.by_name += [source.paper for source in outcome.sources if source.id_source is IdSource.NAME]


def ingest(paths: list[Path], store: Store, advance: Callable[[int, int], None] = lambda done, of: None) -> Ingested:
    """Bring every paper under `paths` into the store and return the outcome. Running it again changes nothing.

    `advance` receives how many of how many steps are done, two for each file: copied, identified.
    """
    store.sweep()
    problems: list[Outcome] = []
    own = os.path.realpath(store.root)  # unlike Path.resolve, it takes a link that leads in a circle
    files = [path for path in _walk(paths, problems) if not Path(os.path.realpath(path)).is_relative_to(own)]
    result = Ingested()
    for outcome in itertools.chain(problems, _outcomes(files, store, advance)):
        result.add(outcome, store.record(outcome))
    present = {printable(str(path)) for path in files} | {problem.name for problem in problems}
    store.forget_skips([printable(str(path)) for path in paths], present)
    _settle_names(store)
    take_over_withdrawals(store)
    return result


def existing(paths: list[Path]) -> list[Path]:
    """Return `paths`. Raises ConfigurationError where one does not exist."""
    for path in paths:
        if not os.path.lexists(path):
            raise ConfigurationError(f"{path} does not exist", "give files or folders that exist: survey ingest PATH…")
    return paths


def _outcomes(files: list[Path], store: Store, advance: Callable[[int, int], None]) -> Iterator[Outcome]:
    """Yield the outcome of every file: of most when a worker has identified it, after all are copied."""
    copied: list[Raw] = []
    for done, path in enumerate(files, start=1):
        taken = _take_in(path, store)
        if isinstance(taken, Raw):
            copied.append(taken)
        else:
            yield from taken
        advance(done, 2 * len(files))
    unused: list[str] = []  # removed at the end: another file of the same content may still wait for a worker
    settled = 2 * len(files) - len(copied)
    workers = min(default_workers(), max(1, len(copied)))
    for done, (raw, result) in enumerate(run_isolated(identify, copied, workers), start=1):
        if isinstance(result, Failed):
            unused.append(raw.sha256)
            yield Outcome(raw.name, skipped=result.reason)
        else:
            unused += [raw.sha256] if result.skipped else []
            yield result
        advance(settled + done, 2 * len(files))
    for sha256 in unused:
        store.forget_raw(sha256)


def _walk(paths: Iterable[Path], problems: list[Outcome]) -> Iterator[Path]:
    """Yield the files to look at; a folder that holds LaTeX files is one paper and is yielded itself.

    Hidden files and folders are passed over (`._x.pdf` and `.git` are not papers). Links to folders, and folders that
    cannot be read, are added to `problems`.
    """

    def unreadable(error: OSError) -> None:
        problems.append(Outcome(printable(str(error.filename)), skipped=f"cannot be read: {error.strerror}"))

    for path in paths:
        if not path.is_dir():
            yield path
            continue
        for folder, folders, names in os.walk(path, onerror=unreadable):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            visible = sorted(name for name in names if not name.startswith("."))
            if _is_latex_paper(visible):
                folders.clear()
                yield Path(folder)
                # figures are part of the source; a file that is named for a paper is a paper of its own
                yield from (Path(folder, n) for n in visible if _names_paper(n) and not n.endswith(".tex"))
                problems += _left_beside(folder, visible)
                continue
            for link in filter(Path.is_symlink, (Path(folder, name) for name in folders)):
                problems.append(Outcome(printable(str(link)), skipped="a link to a folder; ingest the folder itself"))
            yield from (Path(folder, name) for name in visible)


def _left_beside(folder: str, names: list[str]) -> list[Outcome]:
    """Return an outcome for each file of a LaTeX folder that could be a paper of its own and is not read as one."""
    reason = "in a folder of LaTeX files, which is one paper; to read it as another: survey ingest this file"
    return [
        Outcome(printable(str(Path(folder, name))), skipped=reason)
        for name in names
        if Path(name).suffix.lower() in _OTHER_PAPERS and not _names_paper(name) and not _goes_with(name)
    ]


def _goes_with(name: str) -> bool:
    """Say whether a text belongs to a source or a repository: README.txt, 00README.json, anc.txt."""
    return Path(name).stem.lower().lstrip("0").startswith(("readme", "license", "anc", "changelog"))


def _is_latex_paper(names: list[str]) -> bool:
    texs = [name for name in names if name.lower().endswith(".tex")]
    return bool(texs) and not all(map(_names_paper, texs))


def _names_paper(name: str) -> bool:
    return find_arxiv_id(name.replace("_", " ")) is not None


def _take_in(path: Path, store: Store) -> Raw | Iterable[Outcome]:
    """Copy one file (or folder of LaTeX) into the store; return it to be identified, or its outcome where it is known.

    Lists and archives can hold millions of papers, so their outcomes come while they are read.
    """
    name = printable(str(path))
    try:
        if is_bulk(path) and path.is_file():
            return _bulk_outcomes(path, name, store)
        if path.name.lower().endswith(_SNAPSHOTS) and path.is_file():
            return _metadata_outcomes(path, name, store)
        if papers := list_in(path):
            return [_list_to_download(path, name, papers)]
        if path.suffix.lower() == ".parquet" and path.is_file() and is_table_of_abstracts(path):
            return [_list_abstracts(path, name, store)]
        with _open(path) as stream:
            sha256, new = store.add_raw(stream)
        known = 0 if new else store.holds(sha256)
        return [Outcome(name, known=known)] if known else Raw(sha256, str(store.raw_path(sha256)), name)
    except (UnreadableError, OSError) as error:
        return [Outcome(name, skipped=_reason(error))]


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read: {error.strerror}"
    return str(error) if isinstance(error, UnreadableError) else f"damaged gzip: {error}"


def _open(path: Path) -> BinaryIO:
    """Open a file, or a folder of LaTeX as a tar. Raises UnreadableError where it cannot be a paper, and OSError."""
    if path.is_dir():
        return io.BytesIO(_pack(path))
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):  # opening a pipe would wait for its writer for ever
        raise UnreadableError("a pipe or a device, not a file")
    if status.st_size > _MAX_FILE and path.suffix.lower() != ".parquet":
        raise UnreadableError(f"a file of {status.st_size >> 20} MB; expected at most {_MAX_FILE >> 20}")
    return path.open("rb")


def _pack(folder: Path) -> bytes:
    """Return the text files of a LaTeX folder as a tar that is the same bytes every time."""
    out = io.BytesIO()
    total = 0
    with tarfile.open(fileobj=out, mode="w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix and is_text(path) and path.name[0] != ".":
                total += path.stat().st_size
                if total > MAX_UNPACKED:
                    raise UnreadableError(f"a LaTeX folder of more than {MAX_UNPACKED >> 20} MB")
                member = tarfile.TarInfo(path.relative_to(folder).as_posix())
                member.size = path.stat().st_size
                with path.open("rb") as stream:
                    archive.addfile(member, stream)
    return out.getvalue()


def _bulk_outcomes(path: Path, name: str, store: Store) -> Iterator[Outcome]:
    """Yield an archive of arXiv's item by item, each as a copy of a paper; then the items that are none."""
    refused: list[tuple[str, str]] = []
    items = 0
    try:
        entry = check(path)
        for item in unpack(path, store):
            items += 1
            if isinstance(item, Source):
                yield Outcome(name, [item])
            else:
                refused.append(item)
    except (UnreadableError, OSError) as error:
        yield Outcome(name, refused=refused, skipped=_reason(error))
        return
    if entry and items != entry.items:
        refused.append((name, f"{items:,} items in it; the manifest says {entry.items:,}"))
    yield Outcome(name, refused=refused)


def _metadata_outcomes(path: Path, name: str, store: Store) -> Iterator[Outcome]:
    """Yield a metadata snapshot some thousand lines at a time, for it can have millions; then the refused lines."""
    refused: list[tuple[str, str]] = []
    papers = 0
    try:
        with path.open("rb") as stream:
            raw = Raw(store.add_raw(stream)[0], "", name)
            stream.seek(0)
            lines = enumerate(_lines(stream, is_packed=path.suffix.lower() == ".gz"), start=1)
            while batch := list(itertools.islice(lines, _LINES_TO_JUDGE if not papers else _LINES_AT_ONCE)):
                withdrawn: list[Withdrawal] = []
                sources = list(_identify_lines(raw, batch, refused, withdrawn))
                papers += len(sources)
                yield Outcome(name, sources, withdrawn=withdrawn)
                if not papers and len(refused) >= _LINES_TO_JUDGE:
                    break
    except (OSError, EOFError, zlib.error, UnreadableError) as error:
        yield Outcome(name, refused=refused, skipped=_reason(error))
        return
    if papers:
        yield Outcome(name, refused=refused)
        return
    store.forget_raw(raw.sha256)
    many = len(refused) >= _LINES_TO_JUDGE
    judgement = f"no arXiv metadata in its first {_LINES_TO_JUDGE} lines" if many else "no line with arXiv metadata"
    yield Outcome(name, skipped=f"{judgement}: {refused[0][1] if refused else 'an empty file'}")


def _lines(stream: BinaryIO, *, is_packed: bool) -> Iterator[bytes]:
    """Yield the lines of a snapshot, unpacked as they are read. Raises UnreadableError for a line without end."""
    content = gzip.GzipFile(fileobj=stream) if is_packed else stream
    while line := content.readline(_LONGEST_LINE):
        if len(line) == _LONGEST_LINE:
            raise UnreadableError(f"a line of more than {_LONGEST_LINE >> 20} MB")
        yield line


def _list_abstracts(path: Path, name: str, store: Store) -> Outcome:
    """Return the outcome of a table of abstracts, whose papers go to the ledger: an abstract is no text of a paper."""
    with path.open("rb") as stream:
        sha256, _ = store.add_raw(stream)
    with Ledger(store.root) as ledger:
        out = ledger.abstracts_path(sha256)
    papers, refused = (count_papers(out), 0) if out.exists() else copy_abstracts(store.raw_path(sha256), out)
    reason = f"{refused:,} rows without an arXiv id, a date, a title or an abstract"
    return Outcome(name, listed=papers, refused=[(name, reason)] if refused else [])


def _list_to_download(path: Path, name: str, papers: PaperList) -> Outcome:
    """Return the outcome of a list of papers: it is none itself, and the next command fetches them."""
    unknown = f" ({papers.without})" if papers.unknown else ""
    return Outcome(
        name,
        skipped=f"a list of {len(papers.papers):,} papers to download{unknown}: survey download --ids {path}",
    )


def _identify_lines(
    raw: Raw, lines: list[tuple[int, bytes]], refused: list[tuple[str, str]], withdrawn: list[Withdrawal]
) -> Iterator[Source]:
    """Yield the papers of numbered lines; empty lines are passed over.

    Lines that hold no paper are added to `refused`, and what they say of a withdrawal to `withdrawn`.
    """
    for number, line in lines:
        if line.strip():
            try:
                yield identify_line(raw, number, line)
            except UnreadableError as error:
                refused.append((f"{raw.name}:{number}", str(error)))
                withdrawn += withdrawal_of(error)


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
            store.rekey(source, local_key(source.sha256))
