"""arXiv's bulk archives: tars of half a gigabyte by month (arXiv_src_2401_001.tar), checked against their manifest.

The archives come from arXiv's requester-pays bucket (info.arxiv.org/help/bulk_data_s3.html), the manifest
`arXiv_src_manifest.xml` with them: name, MD5, size and number of items of each.
"""

import hashlib
import io
import re
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from xml.etree import ElementTree

from posttrain.errors import UnreadableError
from survey.fulltext import Kind, kind_of
from survey.paper import ArxivId, IdSource, find_arxiv_id, first_version_date
from survey.store.papers import Source, Store

_NAME = re.compile(r"arXiv_(src|pdf)_\d{4}_\d{3,}\.tar")
_OLD_NAME = re.compile(r"([a-z-]+)(\d{7})")  # hep-th9901001 in a file name is hep-th/9901001
_MOST_BYTES = 300 << 20  # of one paper


@dataclass(frozen=True)
class Entry:
    """The manifest's entry of one archive."""

    md5: str
    size: int
    items: int


def is_bulk(path: Path) -> bool:
    """Say whether a file is named as arXiv names its bulk archives."""
    return _NAME.fullmatch(path.name) is not None


def check(path: Path) -> Entry | None:
    """Compare an archive with the manifest in its folder or the one above; return its entry.

    Without a manifest the entry is None.

    Raises UnreadableError where size or MD5 differ, or the manifest does not name the archive.
    """
    name = f"arXiv_{path.name.split('_')[1]}_manifest.xml"
    manifest = next((folder / name for folder in (path.parent, path.parent.parent) if (folder / name).exists()), None)
    if manifest is None:
        return None
    entry = _entry(manifest, path.name)
    size = path.stat().st_size
    if size != entry.size:
        raise UnreadableError(f"{size:,} bytes; the manifest says {entry.size:,}: fetch it again")
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "md5").hexdigest()
    if digest != entry.md5:
        raise UnreadableError(f"its MD5 is {digest}; the manifest says {entry.md5}: fetch it again")
    return entry


def unpack(path: Path, store: Store) -> Iterator[Source | tuple[str, str]]:
    """Put every item of an archive into the raw files of the store; yield its source.

    An item that is not a paper is yielded as its name and the reason.

    The name of an item is arXiv's own record of which paper it is. Raises UnreadableError for a damaged archive.
    """
    try:
        with tarfile.open(path, "r:") as archive:
            for member in archive:
                if member.isfile():
                    stream = archive.extractfile(member)
                    yield _item(f"{path}:{member.name}", member, stream.read(_MOST_BYTES + 1) if stream else b"", store)
    except (tarfile.TarError, EOFError) as error:
        raise UnreadableError(f"damaged tar: {error}") from error


def _item(name: str, member: tarfile.TarInfo, data: bytes, store: Store) -> Source | tuple[str, str]:
    arxiv_id = _id_of(PurePosixPath(member.name).name)
    if arxiv_id is None:
        return name, "an item that is not named for a paper"
    if len(data) > _MOST_BYTES:
        return name, f"an item of {member.size >> 20} MB; expected at most {_MOST_BYTES >> 20}"
    try:
        kind = kind_of(data, member.name)
        if kind not in (Kind.LATEX, Kind.PDF):
            return name, f"an item that is {kind}; expected a source or a PDF"
    except UnreadableError as error:
        return name, str(error)
    sha256, _ = store.add_raw(io.BytesIO(data))
    published = first_version_date(arxiv_id, None, is_first=False)
    return Source(
        sha256=sha256, member=-1, kind=kind, paper=arxiv_id.id, version=None, id_source=IdSource.RECORD, title="",
        published=published, is_stated=False, name=name,
    )  # fmt: skip


def _id_of(name: str) -> ArxivId | None:
    old = _OLD_NAME.match(name)
    return find_arxiv_id(f"{old[1]}/{old[2]}" if old else name)


def _entry(manifest: Path, name: str) -> Entry:
    try:
        files = ElementTree.parse(manifest).getroot().iter("file")
        for file in files:
            if PurePosixPath(file.findtext("filename", "")).name == name:
                return Entry(
                    file.findtext("md5sum", "").strip(),
                    int(file.findtext("size", "")),
                    int(file.findtext("num_items", "")),
                )
    except (ElementTree.ParseError, ValueError) as error:
        raise UnreadableError(f"its manifest {manifest} cannot be read: {error}") from error
    raise UnreadableError(f"the manifest {manifest} does not name it")
