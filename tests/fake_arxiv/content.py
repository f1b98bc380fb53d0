"""Source, PDF and HTML of a paper, as arxiv-browse has served them since 2024: by path, with versions and ranges."""

import gzip
import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.utils import format_datetime
from urllib.parse import quote

from tests.fake_arxiv.atom import ID
from tests.fake_arxiv.papers import FakePaper
from tests.fake_arxiv.search import Catalogue

HTML = "text/html; charset=utf-8"
_NAMES = {"src": "source", "pdf": "pdf", "html": "html"}
_TOO_LONG = 2048

Lazy = Callable[[str], bytes | None]


@dataclass(frozen=True)
class Reply:
    """A status, headers in their order, and a body; `chunked` sends it in chunks and without its length."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""
    chunked: bool = False


@dataclass(frozen=True)
class Shelf:
    """Where content comes from: the papers' own bytes, else a function of the id per surface."""

    catalogue: Catalogue
    lazy: Mapping[str, Lazy] = field(default_factory=dict)  # by "src", "pdf", "html"

    def bytes_of(self, paper: FakePaper, surface: str) -> bytes | None:
        """The stored form, None where arXiv has none."""
        own: bytes | None = getattr(paper, _NAMES[surface])
        if own is None and surface in self.lazy:
            return self.lazy[surface](paper.id)
        return own


def page(status: int, title: str, text: str = "") -> Reply:
    """Return one of arXiv's HTML pages."""
    body = f'<!DOCTYPE html>\n<html lang="en"><head><title>{title}</title></head>\n<body><h1>{title}</h1><p>{text}</p>'
    return Reply(status, (("Content-Type", HTML),), f"{body}</body></html>\n".encode())


def with_header(reply: Reply, name: str, value: str) -> Reply:
    """Return the reply with one header set."""
    kept = [(key, old) for key, old in reply.headers if key != name]
    return replace(reply, headers=(*kept, (name, value)))


def moved(location: str) -> Reply:
    """Return a permanent redirect within the host."""
    reply = page(301, "Redirecting...", f'<a href="{location}">{location}</a>')
    return Reply(301, (*reply.headers, ("Location", location)), reply.body)


def serve(shelf: Shelf, surface: str, name: str, query: str, headers: Mapping[str, str]) -> Reply:
    """Return what `/surface/name?query` gives; `name` is an id, perhaps with a version."""
    if len(name) > _TOO_LONG:
        return page(400, "400 Bad Request")
    if surface == "e-print":
        return moved(f"/src/{quote(name)}")
    if surface == "pdf" and (query or name.endswith(".pdf")):
        return moved(f"/pdf/{quote(name.removesuffix('.pdf'))}")
    if not ID.fullmatch(name):
        return page(404, "Identifier not recognized", name[:100].replace("<", "&lt;"))
    return _paper(shelf, surface, name, headers)


def _paper(shelf: Shelf, surface: str, name: str, headers: Mapping[str, str]) -> Reply:
    bare, _, wanted = re.sub(r"v(\d+)$", r"\n\1", name).partition("\n")
    paper = shelf.catalogue.find(bare)
    version = int(wanted or (paper.versions if paper else 1))
    refused = _refusal(paper, version, surface)
    if refused or paper is None:
        return refused or page(404, "Article not found")
    body = shelf.bytes_of(paper, surface)
    if body is None:
        return page(404, {"src": "No source", "pdf": "PDF unavailable", "html": "No HTML"}[surface] + f" for {name}")
    return _file(body, surface, f"{paper.id.replace('/', '')}v{version}", paper.version_date(version), headers)


def _refusal(paper: FakePaper | None, version: int, surface: str) -> Reply | None:
    if paper is None or version > paper.versions:
        return page(404, "Article not found")
    if paper.state == "withdrawn" and version == paper.versions:
        return page(404, "Paper withdrawn", "This version was withdrawn.")
    if paper.state == "encrypted" and surface == "src":
        return page(403, "Source not public", "The author chose not to make the source public.")
    if paper.state == "unavailable":
        return page(500, "unavailable")
    return None


def _kind(body: bytes, surface: str) -> tuple[str, str]:
    """Content-Type and ending of a stored form."""
    if surface == "html":
        return HTML, ".html"
    if body.startswith(b"%PDF-"):
        return "application/pdf", ".pdf"
    if body.startswith(b"\x1f\x8b"):
        return "application/gzip", ".tar.gz" if _is_tar(body) else ".gz"
    return "application/octet-stream", ""


def _is_tar(body: bytes) -> bool:
    try:
        return gzip.decompress(body)[257:262] == b"ustar"
    except (OSError, EOFError):
        return False


def _file(body: bytes, surface: str, stem: str, modified: datetime, headers: Mapping[str, str]) -> Reply:
    """The whole body in chunks, or the range that was asked for with its length."""
    kind, ending = _kind(body, surface)
    tag = f'"{hashlib.md5(body).hexdigest()}"'
    shown = [("Content-Type", kind)]
    if surface == "src":
        shown.append(("Content-Disposition", f'attachment; filename="arXiv-{stem}{ending}"'))
    elif surface == "pdf":
        shown.append(("Content-Disposition", f'inline; filename="{stem}.pdf"'))
    shown += [
        ("ETag", tag),
        ("Last-Modified", format_datetime(modified, usegmt=True)),
        ("Accept-Ranges", "bytes"),
    ]
    span = _span(headers.get("Range", ""), len(body)) if headers.get("If-Range", tag) == tag else None
    if span is None:
        return Reply(200, tuple(shown), body, chunked=True)
    if span.start >= span.stop:
        return Reply(416, (("Content-Type", HTML), ("Content-Range", f"bytes */{len(body)}")))
    shown.append(("Content-Range", f"bytes {span.start}-{span.stop - 1}/{len(body)}"))
    return Reply(206, tuple(shown), body[span.start : span.stop])


def _span(text: str, size: int) -> range | None:
    """The bytes of `bytes=10-`, `bytes=0-99` or `bytes=-5`; an empty range where it cannot be had, None where none."""
    found = re.fullmatch(r"bytes=(\d*)-(\d*)", text)
    if not found or found[0] == "bytes=-":
        return None
    if not found[1]:
        return range(max(0, size - int(found[2])), size)
    start = int(found[1])
    return range(start, min(size, int(found[2]) + 1 if found[2] else size)) if start < size else range(0)
