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
from survey.fulltext.notices import refuse_notice
from survey.fulltext.sections import IN_PART, Text, split_plain
from survey.fulltext.titles import is_stamp
from survey.paper import Identity, IdSource, find_stamp, newest_date_inside

_MAX_PAGES = 2_000
_TITLE_CHARACTERS = 3_000  # of the first page, in which the title is looked for


_FEWEST_LETTERS = 200  # of a text layer; fewer are the marks of a scanner
_FEWEST_ON_A_PAGE = 6  # a scanned page may bear its number
_NOTED_SHARE = 0.2  # of all pages without text; a paper may have pages that are figures
# What PDFium gives for a glyph whose font does not say which letter it is: nothing, a private or a control character
_NO_LETTER = re.compile("[\ufffd\ue000-\uf8ff\x00-\x01\x03-\x08\x0e-\x1f]")
_LETTERS = re.compile(r"[A-Za-z]{2,}")
_VOWEL = re.compile(r"[AEIOUYaeiouy]")
_FEWEST_WORDS, _FEWEST_KINDS = 30, 8  # on a page, all and different ones, to judge whether they are words


def read_pdf(data: bytes) -> Text:
    """Return the text of a PDF. Raises UnreadableError where it is damaged, encrypted or has no text that can be read.

    `note` says where pages are without text, or with letters that nobody can read.
    """
    with _opened(data) as document:
        pages = [_page_text(document, number) for number in range(len(document))]
        title = _title(document)
    unreadable = [page for page in pages if _is_garbled(page)]
    readable = [page for page in pages if not _is_garbled(page)] if unreadable else pages
    text = normalise("\n".join(readable), join_hyphens=True)
    if len(re.findall(r"\w", text)) < _FEWEST_LETTERS:
        if unreadable:
            raise UnreadableError(f"a PDF of {len(pages)} pages whose fonts do not say which letters they show")
        raise UnreadableError(f"a PDF of {len(pages)} pages without a text layer (a scan?)")
    refuse_notice(text)
    empty = sum(len(re.findall(r"\w", page)) < _FEWEST_ON_A_PAGE for page in readable)
    return Text("pdf", text, split_plain(text), title, _note(len(pages), empty, len(unreadable)))


def _note(pages: int, empty: int, unreadable: int) -> str:
    parts = [f"{empty} of {pages} pages without text"] if empty >= _NOTED_SHARE * pages and empty else []
    parts += [f"{unreadable} of {pages} pages in letters that cannot be read"] if unreadable else []
    return IN_PART + " and ".join(parts) if parts else ""


def _is_garbled(page: str) -> bool:
    """Say whether the glyphs of a page came without their letters: `WKLV SDSHU` or signs of no script."""
    if len(_NO_LETTER.findall(page)) > 0.3 * len(page.split()) + 5:
        return True
    every = _LETTERS.findall(page)
    words = set(every)  # a table may repeat GSM8K many times
    if len(every) < _FEWEST_WORDS or len(words) < _FEWEST_KINDS or sum(map(len, every)) < 0.3 * len(page):
        return False  # numbers, or a script without these letters
    return sum(_VOWEL.search(word) is not None for word in words) < 0.5 * len(words)


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
    title = next((run for run in runs if len(run) >= 8 and not is_stamp(run)), "")
    return normalise(title, join_hyphens=True)[:300]


def _creation_date(stated: str) -> date | None:
    match = re.match(r"D:(\d{4})(\d{2})", stated)
    try:
        return date(int(match[1]), int(match[2]), 1) if match else None
    except ValueError:
        return None
