"""PDF to plain text by pypdfium2: joined line-end hyphens, no control characters, the stamp of the first page."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from statistics import median

import pypdfium2
from pypdfium2 import raw as pdfium

from posttrain.errors import UnreadableError
from survey.fulltext.normalise import normalise
from survey.fulltext.sections import Text, split_plain
from survey.paper import Identity, IdSource, find_stamp, newest_date_inside

_MAX_PAGES = 2_000
_TITLE_CHARACTERS = 3_000  # of the first page, in which the title is looked for


def read_pdf(data: bytes) -> Text:
    """Return the text of a PDF. Raises UnreadableError where it is damaged, encrypted or has no text layer."""
    with _opened(data) as document:
        pages = [_page_text(document, number) for number in range(len(document))]
        title = _title(document)
    text = normalise("\n".join(pages), join_hyphens=True)
    if len(re.findall(r"\w", text)) < 200:
        raise UnreadableError(f"a PDF of {len(pages)} pages without a text layer (a scan?)")
    return Text("pdf", text, split_plain(text), title)


def identify_pdf(data: bytes) -> Identity:
    """Return which paper a PDF says it is: by the stamp on its first page, and only there."""
    with _opened(data) as document:
        head = _page_text(document, 0)
        title = _title(document)
        created = _creation_date(document.get_metadata_dict().get("CreationDate", ""))
    stamp = find_stamp(head)
    if stamp:
        return Identity(stamp.arxiv_id, IdSource.STAMP, title, stamp.date, stamp.arxiv_id.version == 1)
    inside = created or newest_date_inside(head, date.today())
    return Identity(None, IdSource.NONE, title, inside=inside)


@contextmanager
def _opened(data: bytes) -> Iterator[pypdfium2.PdfDocument]:
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        # PDFium's last error may be an older file's: it sets none for a PDF without pages
        encrypted = "password" in str(error).lower() and b"/Encrypt" in data
        reason = "an encrypted PDF" if encrypted else "a damaged PDF, or one without pages: PDFium cannot load it"
        raise UnreadableError(reason) from error
    try:
        if not 0 < len(document) <= _MAX_PAGES:
            raise UnreadableError(f"a PDF of {len(document)} pages; expected 1 to {_MAX_PAGES}")
        yield document
    except pypdfium2.PdfiumError as error:
        raise UnreadableError(f"a damaged PDF: {error}") from error
    finally:
        document.close()


def _page_text(document: pypdfium2.PdfDocument, number: int) -> str:
    page = document[number]
    textpage = page.get_textpage()
    try:
        return str(textpage.get_text_bounded())
    finally:
        textpage.close()
        page.close()


def _title(document: pypdfium2.PdfDocument) -> str:
    """The first words in type clearly larger than the rest of the first page; "" where there are none."""
    page = document[0]
    textpage = page.get_textpage()
    try:
        count = min(textpage.count_chars(), _TITLE_CHARACTERS)
        # arXiv's own stamp is large too, but stands upright along the margin
        sizes = [
            0.0 if abs(pdfium.FPDFText_GetCharAngle(textpage, i)) > 0.1 else pdfium.FPDFText_GetFontSize(textpage, i)
            for i in range(count)
        ]
        characters = [textpage.get_text_range(i, 1) for i in range(count)]
    finally:
        textpage.close()
        page.close()
    usual = median([size for size in sizes if size] or [0.0])
    # A sixth larger than usual keeps the small capitals of a title on the line of its large ones.
    large = "".join(
        char if size > usual * 7 / 6 or not char.strip() else "\0" for char, size in zip(characters, sizes, strict=True)
    )
    runs = (" ".join(run.split()) for run in large.split("\0"))
    title = next((run for run in runs if len(run) >= 8 and not run.startswith("arXiv")), "")
    return normalise(title, join_hyphens=True)[:300]


def _creation_date(stated: str) -> date | None:
    match = re.match(r"D:(\d{4})(\d{2})", stated)
    try:
        return date(int(match[1]), int(match[2]), 1) if match else None
    except ValueError:
        return None
