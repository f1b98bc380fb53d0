"""Lists of papers: arXiv ids in a text, a .bib, a .ris or a .csv file, new and old ids, versions, URLs and DOIs.

What a line or an entry holds and cannot be used is kept with its line, so that nothing is lost silently.
"""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

from posttrain.errors import ConfigurationError, printable
from survey.paper import find_arxiv_id

_KINDS = (".bib", ".ris", ".csv", ".tsv", ".txt")
_MOST_BYTES = 50 << 20
_JUDGED = 200  # lines of a .txt file, by which it is a list or a paper
_DOI = re.compile(r"(?i)10\.48550/arxiv\.")
_MARK = re.compile(r"(?i)\barxiv\s*[:.]\s*")  # `ArXiv: 2402.03300`, which readers and databases write in many ways
_SUBJECT = re.compile(r"(?<=[a-z])\.[A-Z]{2}(?=/\d{7})")  # math.GT/0309136 is math/0309136
_LIKE_AN_ID = re.compile(r"(?<![\d.])\d{3,4}\.\d{4,6}(?!\d)")
_FIELDS = (  # of BibTeX, in which a reference may name its arXiv id, the surest first
    "eprint", "arxiv", "arxivid", "doi", "url", "howpublished", "journal", "journaltitle", "volume", "number", "note",
    "pages", "publisher", "link",
)  # fmt: skip
_COLUMNS = ("arxiv", "eprint", "doi", "url", "link", "id", "number")  # beginnings or parts of the names of columns


@dataclass
class PaperList:
    """The papers of a list in their order, each once; `unknown` is (line or entry, what stands there)."""

    papers: list[str] = field(default_factory=list)  # arXiv ids without version
    repeated: int = 0
    versions: int = 0  # ids that name a version
    unknown: list[tuple[str, str]] = field(default_factory=list)
    _known: set[str] = field(default_factory=set, repr=False)

    @property
    def without(self) -> str:
        """How many lines or entries name no paper, in words."""
        return "1 line without one" if len(self.unknown) == 1 else f"{len(self.unknown):,} lines without one"

    def add(self, arxiv_id: str, has_version: bool) -> None:
        """Add a paper, or count it where the list has it already."""
        self.versions += has_version
        if arxiv_id in self._known:
            self.repeated += 1
            return
        self._known.add(arxiv_id)
        self.papers.append(arxiv_id)


def read_list(path: Path) -> PaperList:
    """Return the papers of a list. Raises ConfigurationError where the file cannot be read or names no paper."""
    expected = "give a file of arXiv ids: .txt with one a line, .bib, .ris or .csv"
    if path.suffix.lower() not in _KINDS:
        raise ConfigurationError(
            f"{path} is a {path.suffix or 'file without a suffix'}; expected {', '.join(_KINDS)}", expected
        )
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise ConfigurationError(
                f"{path} has more than {_MOST_BYTES >> 20} MB; expected a list of papers", expected
            )
        text = _text(path.read_bytes())
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}", expected) from error
    result = PaperList()
    _reader(path)(text, result)
    if not result.papers:
        lines = "; ".join(f"{where}: {what[:60]}" for where, what in result.unknown[:3]) or "an empty file"
        raise ConfigurationError(f"{path} names no paper of arXiv: {printable(lines)}", expected)
    return result


def list_in(path: Path) -> PaperList | None:
    """Return the papers of a file that is a list and no paper; None for every other file.

    A .txt file is a list where most of its lines name arXiv ids, with few words beside them.
    """
    if path.suffix.lower() not in _KINDS or not path.is_file() or path.stat().st_size > _MOST_BYTES:
        return None
    try:
        if path.suffix.lower() == ".txt" and not _is_list(_text(path.read_bytes())):
            return None
        return read_list(path)
    except (ConfigurationError, OSError):
        return None


def _is_list(text: str) -> bool:
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")][:_JUDGED]
    with_id = sum(len(line) < 300 and find_arxiv_id(_plain(line)) is not None for line in lines)
    return bool(lines) and with_id >= 0.5 * len(lines)


def _reader(path: Path) -> Callable[[str, PaperList], None]:
    return {".bib": _read_bib, ".ris": _read_ris, ".csv": _read_csv, ".tsv": _read_csv}.get(
        path.suffix.lower(), _read_lines
    )


def _text(content: bytes) -> str:
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _plain(text: str) -> str:
    """Return text in which every way to write an arXiv id is the plain one."""
    return _SUBJECT.sub("", _MARK.sub(" arXiv:", _DOI.sub(" arXiv:", unquote(text))))


def _ids(text: str) -> Iterator[tuple[str, bool]]:
    """Yield every arXiv id of a text, and whether it names a version."""
    rest = _plain(text)
    while named := find_arxiv_id(rest):
        yield named.id, named.version is not None
        rest = rest[rest.index(named.id) + len(named.id) :]


def _first_id(texts: Iterable[str]) -> tuple[str, bool] | None:
    return next((named for text in texts for named in _ids(text)), None)


def _read_lines(text: str, result: PaperList) -> None:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        ids = list(_ids(line))
        for named in ids:
            result.add(*named)
        unused = [word for word in _LIKE_AN_ID.findall(_plain(line)) if all(word != known for known, _ in ids)]
        if not ids or unused:
            result.unknown.append((f"line {number}", ", ".join(unused) or line.strip()))


def _read_bib(text: str, result: PaperList) -> None:
    import logging

    from bibtexparser.entrypoint import parse_string
    from bibtexparser.model import DuplicateBlockKeyBlock, Entry, ImplicitComment, ParsingFailedBlock

    logging.getLogger("bibtexparser").setLevel(logging.CRITICAL)  # what it warns of is counted here
    for block in parse_string(text).blocks:
        where = f"line {(block.start_line or 0) + 1}"
        inner = block.ignore_error_block if isinstance(block, DuplicateBlockKeyBlock) else block
        if isinstance(inner, Entry):
            values = {entry.key.lower(): str(entry.value) for entry in inner.fields}
            named = _first_id(values[name] for name in _FIELDS if name in values)
            title = " ".join(values.get("title", "without a title").split())
            _take(named, f"{where}, {inner.key}", title, result)
        elif isinstance(inner, ParsingFailedBlock):
            _take(_first_id([inner.raw or ""]), where, f"no BibTeX: {' '.join((inner.raw or '').split())}", result)
        elif isinstance(inner, ImplicitComment) and any(_ids(inner.comment)):
            _read_lines(inner.comment, result)


def _take(named: tuple[str, bool] | None, where: str, what: str, result: PaperList) -> None:
    if named:
        result.add(*named)
    else:
        result.unknown.append((where, what))


def _read_ris(text: str, result: PaperList) -> None:
    """Read the records of a RIS file one by one: rispy alone passes over an unfinished one without a word."""
    import rispy

    tidy = re.sub(r"(?m)^\s*([A-Z][A-Z0-9])\s*-(?: |$)", r"\1  - ", text)
    line = 1
    for chunk in re.split(r"(?m)^(?=TY  - )", tidy):
        where, line = f"line {line}", line + chunk.count("\n")
        record, _, after = chunk.partition("\nER  -")
        if not chunk.startswith("TY  - "):
            record, after = "", chunk
        if record:
            fields: dict[str, object] = next(iter(rispy.loads(f"{record}\nER  - \n")), {})
            named = _first_id(map(str, [*_preferred(fields), *fields.values()]))
            _take(named, where, str(fields.get("title") or fields.get("primary_title") or "without a title"), result)
        if after.strip():
            _read_lines(after.strip(), result)


def _preferred(fields: dict[str, object]) -> list[object]:
    return [fields[name] for name in ("doi", "urls", "url", "accession_number", "number") if name in fields]


def _read_csv(text: str, result: PaperList) -> None:
    sample = text[:4096]
    delimiter = max(",;\t", key=sample.split("\n", 1)[0].count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    head: list[str] = next(rows, [])
    if any(True for cell in head for _ in _ids(cell)):  # no head: the first row is a paper
        rows, head = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), []
    first = [at for part in _COLUMNS for at, name in enumerate(head) if part in name.lower()]
    for number, row in enumerate(rows, start=2 if head else 1):
        if any(cell.strip() for cell in row):
            ordered = [row[at] for at in first if at < len(row)]
            named = _first_id(ordered) or _first_id(row)
            _take(named, f"row {number}", ", ".join(filter(None, (cell.strip() for cell in row)))[:200], result)
