"""E-print containers: the `.gz` and `.tar.gz` files of arXiv and the `.zip` of Overleaf, read in memory under limits.

Nothing is ever written to disk under a name from the archive. Still, an archive with a member that would leave its
folder is refused as a whole: no LaTeX source needs one. A link to a figure is passed over, and a link from one text of
the archive to another gives that text.
"""

import bz2
import gzip
import io
import lzma
import posixpath
import tarfile
import zipfile
import zlib
from pathlib import PurePath, PurePosixPath

from posttrain.errors import UnreadableError

MAX_UNPACKED = 1 << 30  # bytes; a real source with large figures stays under 200 MB
MAX_MEMBERS = 20_000
MAX_DEPTH = 30  # folders
MAX_TEXT = 50 << 20  # bytes of one text; the longest arXiv papers have some 5 MB
_LZMA_MEMORY = 256 << 20
_TEXT_SUFFIXES = {
    ".tex", ".ltx", ".latex", ".bbl", ".bib", ".sty", ".cls", ".def", ".clo", ".tikz", ".pgf", ".txt", ".json", ".yaml",
    ".yml", ".toml", ".xxx", ".csv", ".dat", ".py", ".inc", "",
}  # fmt: skip

Tree = dict[str, bytes]  # path inside the source -> content


def open_container(data: bytes) -> Tree | bytes:
    """Return the text files of a tar or zip (a tar also gzipped, or by bzip2 or xz), or the content of a single file.

    Raises UnreadableError for a damaged archive, one past the limits, or one with a member outside its folder.
    """
    if data[:2] == b"\x1f\x8b":
        data = _gunzip(data)
    elif data[:3] == b"BZh" or data[:6] == b"\xfd7zXZ\0":
        data = _unpack_once(data)
    if data[:4] == b"PK\x03\x04":
        return _read_zip(data)
    if data[257:262] == b"ustar" or _is_old_tar(data):
        return _read_tar(data)
    if len(data) > MAX_TEXT and b"%PDF-" not in data[:1024]:
        raise UnreadableError(f"a text of {len(data) >> 20} MB; expected at most {MAX_TEXT >> 20}")
    return data


def _gunzip(data: bytes) -> bytes:
    """Unpack every gzip member, at most MAX_UNPACKED bytes in all."""
    out = io.BytesIO()
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as stream:
            while chunk := stream.read(1 << 20):
                out.write(chunk)
                if out.tell() > MAX_UNPACKED:
                    raise UnreadableError(f"unpacks to more than {MAX_UNPACKED >> 20} MB: a gzip bomb")
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableError(f"damaged gzip: {error}") from error
    return out.getvalue()


def _is_old_tar(data: bytes) -> bool:
    """Say whether this is a tar from before the ustar mark: a first block whose checksum is right."""
    if len(data) < 512 or not data[148:154].strip(b" \0").isdigit():
        return False
    try:
        return int(data[148:156].strip(b" \0"), 8) == sum(data[:148]) + 8 * 32 + sum(data[156:512])
    except ValueError:
        return False


def _unpack_once(data: bytes) -> bytes:
    """Unpack bzip2 or xz, at most MAX_UNPACKED bytes."""
    unpacker = bz2.BZ2Decompressor() if data[:3] == b"BZh" else lzma.LZMADecompressor(memlimit=_LZMA_MEMORY)
    try:
        content = unpacker.decompress(data, MAX_UNPACKED + 1)
    except (OSError, EOFError, lzma.LZMAError) as error:
        raise UnreadableError(f"damaged {'bzip2' if data[:3] == b'BZh' else 'xz'}: {error}") from error
    if len(content) > MAX_UNPACKED:
        raise UnreadableError(f"unpacks to more than {MAX_UNPACKED >> 20} MB: a bomb")
    if not unpacker.eof:
        raise UnreadableError("damaged archive: it ends too early")
    return content


def _read_tar(data: bytes) -> Tree:
    tree: Tree = {}
    links: dict[str, str] = {}
    total = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for count, member in enumerate(archive, start=1):
                if count > MAX_MEMBERS:
                    raise UnreadableError(f"more than {MAX_MEMBERS} members in the archive")
                path = _safe_path(member.name)
                if not is_text(path):
                    continue
                if member.issym() or member.islnk():
                    links[str(path)] = _target(member)
                elif member.isfile() and (stream := archive.extractfile(member)):
                    total = _add_size(total, path, member.size)  # of a sparse member, far more than lies in the archive
                    tree[str(path)] = stream.read()
    except (tarfile.TarError, EOFError, OSError) as error:
        raise UnreadableError(f"damaged tar: {error}") from error
    return tree | {link: tree[target] for link, target in links.items() if target in tree and link not in tree}


def _read_zip(data: bytes) -> Tree:
    tree: Tree = {}
    total = 0
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            if len(members) > MAX_MEMBERS:
                raise UnreadableError(f"more than {MAX_MEMBERS} members in the archive")
            for member in members:
                path = _safe_path(member.filename)
                if member.is_dir() or not is_text(path) or _is_zipped_link(member):
                    continue
                total = _add_size(total, path, member.file_size)
                with archive.open(member) as stream:
                    content = stream.read(member.file_size + 1)
                if len(content) > member.file_size:
                    raise UnreadableError(f"damaged zip: {path} is longer than its header says")
                tree[str(path)] = content
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError) as error:
        raise UnreadableError(
            f"damaged zip: {error}"
        ) from error  # RuntimeError: a password, or a compression unknown to zipfile
    return tree


def _add_size(total: int, path: PurePosixPath, size: int) -> int:
    """Return the size of all texts so far. Raises UnreadableError past the limits, before anything is unpacked."""
    if size > MAX_TEXT:
        raise UnreadableError(f"{path}: {size >> 20} MB of text; expected at most {MAX_TEXT >> 20}")
    if total + size > MAX_UNPACKED:
        raise UnreadableError(f"more than {MAX_UNPACKED >> 20} MB of text in the archive")
    return total + size


def _safe_path(name: str) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise UnreadableError(f"member '{name}' leaves the archive's folder")
    if len(path.parts) > MAX_DEPTH:
        raise UnreadableError(f"member '{name[:60]}…' lies {len(path.parts)} folders deep")
    return path


def _target(member: tarfile.TarInfo) -> str:
    """Return the member that a link to a text means. Raises UnreadableError where it leaves the archive."""
    base = posixpath.dirname(member.name) if member.issym() else ""
    target = posixpath.normpath(posixpath.join(base, member.linkname))
    if target.startswith(("/", "..")):
        raise UnreadableError(f"member '{member.name}' is a link to '{member.linkname}', outside the archive")
    return target


def _is_zipped_link(member: zipfile.ZipInfo) -> bool:
    return (member.external_attr >> 16) & 0o170000 == 0o120000  # the mode that Unix zip writes for a symbolic link


def is_text(path: PurePath) -> bool:
    """Say whether a LaTeX source needs this file's content: no figure, and no ._name, a resource fork of macOS."""
    return path.suffix.lower() in _TEXT_SUFFIXES and not path.name.startswith("._")
