"""Small real papers for the tests: a PDF that pdfium reads, an e-print archive, LaTeX, and collected markdown."""

import io
import tarfile
from collections.abc import Mapping, Sequence
from datetime import date

FILLER = "\n".join(
    f"Sentence {number} says in plain words what the authors of this paper did and found." for number in range(1, 9)
)  # enough letters for a text layer, without a name that anything counts

_CATALOG, _PAGES, _FONT, _INFO, _FIRST_PAGE = 1, 2, 3, 4, 5  # PDF object numbers


def make_pdf(
    pages: Sequence[str],
    *,
    stamp: str | None = None,
    title: str | None = None,
    created: date | None = None,
    encrypt: bool = False,
) -> bytes:
    """Return a PDF with each string of `pages` set on one page in 10 point Helvetica, line by line.

    `title` goes above the first page's text in 18 point, `stamp` upright along its left margin as arXiv sets it.
    `created` becomes the CreationDate. With `encrypt` the file asks for a password that nobody has. Fewer than 200
    letters in all count as no text layer; FILLER is enough.
    """
    kids = " ".join(f"{_FIRST_PAGE + 2 * index} 0 R" for index in range(len(pages)))
    objects = [
        b"<< /Type /Catalog /Pages %d 0 R >>" % _PAGES,
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>",
        f"<< /CreationDate (D:{created:%Y%m%d}120000Z) >>".encode() if created else b"<< >>",
    ]
    for index, text in enumerate(pages):
        lines = text.split("\n")
        width = max(612, 160 + 7 * max(map(len, lines)))
        height = max(792, 160 + 12 * len(lines))
        content = _lines(lines, height)
        if index == 0:
            content = _upright(stamp) + _heading(title, height) + content
        page = (
            f"<< /Type /Page /Parent {_PAGES} 0 R /MediaBox [0 0 {width} {height}]"
            f" /Resources << /Font << /F1 {_FONT} 0 R >> >> /Contents {_FIRST_PAGE + 2 * index + 1} 0 R >>"
        )
        objects += [page.encode(), b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content)]
    return _assemble(objects, encrypt)


def make_tar(files: Mapping[str, bytes | str], *, gz: bool = True) -> bytes:
    """Return a tar of `files`, gzipped as arXiv serves it unless `gz` is off."""
    out = io.BytesIO()
    mode = "w:gz" if gz else "w:"
    with tarfile.open(fileobj=out, mode=mode, format=tarfile.USTAR_FORMAT) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            data = content.encode() if isinstance(content, str) else content
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return out.getvalue()


def latex(body: str, preamble: str = "") -> str:
    """Return a LaTeX document with `body` between its begin and end."""
    return f"\\documentclass{{article}}\n{preamble}\n\\begin{{document}}\n{body}\n\\end{{document}}\n"


def markdown_paper(
    arxiv_id: str,
    body: str,
    title: str = "A Paper for the Tests",
    published: str = "2025-03-07 17:14:44",
    abstract: str = "An abstract of one line.",
) -> str:
    """Return markdown as arxiv-auto-collector writes it: a header with the abstract, then the PDF's text.

    `arxiv_id` may bear a version; version 1 is written where it has none.
    """
    versioned = arxiv_id if "v" in arxiv_id else f"{arxiv_id}v1"
    url = f"http://arxiv.org/pdf/{versioned}"
    return (
        f"# {title}\n\n**Authors**: Ada Lovelace, Grace Hopper\n\n**Published**: {published}\n\n"
        f"**PDF URL**: [{url}]({url})\n\n## Abstract\n{abstract}\n\n## Full Text\n\n\n"
        f"<!-- PDF content starts -->\n\n{body}\n"
    )


def _lines(lines: Sequence[str], height: int) -> bytes:
    shown = b"".join(b"(%s) Tj T*\n" % _escaped(line) for line in lines)
    return b"BT /F1 10 Tf 12 TL 72 %d Td\n%sET" % (height - 110, shown)


def _heading(title: str | None, height: int) -> bytes:
    return b"BT /F1 18 Tf 72 %d Td (%s) Tj ET\n" % (height - 70, _escaped(title)) if title else b""


def _upright(stamp: str | None) -> bytes:
    return b"BT /F1 20 Tf 0 1 -1 0 35 200 Tm (%s) Tj ET\n" % _escaped(stamp) if stamp else b""


def _escaped(text: str) -> bytes:
    data = text.encode("cp1252")
    return data.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")


def _assemble(objects: Sequence[bytes], encrypt: bool) -> bytes:
    """Number the objects, and write the table of their places and the trailer behind them."""
    out = bytearray(b"%PDF-1.4\n")
    places = []
    for number, body in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % place for place in places)
    lock = b""
    if encrypt:  # keys of zeros fit no password, the empty one included
        keys = b"00" * 32
        lock = b" /ID [<00> <00>] /Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <%s> /U <%s> >>" % (keys, keys)
    out += b"trailer\n<< /Size %d /Root %d 0 R /Info %d 0 R%s >>\n" % (len(objects) + 1, _CATALOG, _INFO, lock)
    out += b"startxref\n%d\n%%%%EOF\n" % start
    return bytes(out)


def latexml(stamp_id: str, title: str, body: str) -> bytes:
    """A page as arXiv's HTML service gives it: LaTeXML's article inside arXiv's bar, with the watermark."""
    return (
        '<!DOCTYPE html><html lang="en"><head><title>x</title></head><body>'
        '<nav class="ltx_page_navbar">Report issue</nav>'
        f'<div id="watermark-tr">arXiv:{stamp_id} [cs.CL] 01 Jan 2024</div><article class="ltx_document">'
        f'<h1 class="ltx_title ltx_title_document">{title}</h1>{body}</article></body></html>'
    ).encode()
