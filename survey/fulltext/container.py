"""E-print containers: the `.gz` and `.tar.gz` files of arXiv, read in memory under hard limits.

Nothing is ever written to disk under a name from the archive. Still, an archive with a member that would leave its
folder is refused as a whole: no LaTeX source needs one.
"""

import gzip
import io
import tarfile
import zlib
from pathlib import PurePosixPath

from posttrain.errors import UnreadableError

MAX_UNPACKED = 1 << 30  # bytes; a real source with large figures stays under 200 MB
MAX_MEMBERS = 20_000
MAX_DEPTH = 30  # folders
MAX_TEXT = 50 << 20  # bytes of one text; the longest arXiv papers have some 5 MB
_TEXT_SUFFIXES = {".tex", ".bbl", ".sty", ".cls", ".ltx", ".tikz", ".txt", ".json", ".def", ".xxx", ".bib", ""}

Tree = dict[str, bytes]  # path inside the source -> content


def open_container(data: bytes) -> Tree | bytes:
    """Return the text files of a tar (plain or gzipped), or the content of a gzipped single file.

    Raises UnreadableError for a damaged archive, one past the limits, or one with a member outside its folder.
    """
    if data[:2] == b"\x1f\x8b":
        data = _gunzip(data)
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


def _read_tar(data: bytes) -> Tree:
    tree: Tree = {}
    total = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
            for count, member in enumerate(archive, start=1):
                if count > MAX_MEMBERS:
                    raise UnreadableError(f"more than {MAX_MEMBERS} members in the archive")
                path = _safe_path(member)
                if member.isfile() and _is_text(path) and (stream := archive.extractfile(member)):
                    if member.size > MAX_TEXT:
                        raise UnreadableError(
                            f"{path}: {member.size >> 20} MB of text; expected at most {MAX_TEXT >> 20}"
                        )
                    total += member.size  # of a sparse member, far more than lies in the archive
                    if total > MAX_UNPACKED:
                        raise UnreadableError(f"more than {MAX_UNPACKED >> 20} MB of text in the archive")
                    tree[str(path)] = stream.read()
    except (tarfile.TarError, EOFError, OSError) as error:
        raise UnreadableError(f"damaged tar: {error}") from error
    return tree


def _safe_path(member: tarfile.TarInfo) -> PurePosixPath:
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts:
        raise UnreadableError(f"member '{member.name}' leaves the archive's folder")
    if member.issym() or member.islnk():
        raise UnreadableError(f"member '{member.name}' is a link to '{member.linkname}'")
    if len(path.parts) > MAX_DEPTH:
        raise UnreadableError(f"member '{member.name[:60]}…' lies {len(path.parts)} folders deep")
    return path


def _is_text(path: PurePosixPath) -> bool:
    # ._name files are macOS resource forks with the same suffix
    return path.suffix.lower() in _TEXT_SUFFIXES and not path.name.startswith("._")
