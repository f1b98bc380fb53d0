"""Markdown and plain text, with or without the header of a collector (title, published, PDF URL, abstract)."""

import re
from datetime import date

from posttrain.errors import UnreadableError
from survey.fulltext.container import MAX_TEXT
from survey.fulltext.normalise import normalise
from survey.fulltext.notices import refuse_notice
from survey.fulltext.sections import Text, split_plain
from survey.fulltext.titles import heading_of, title_of
from survey.paper import Identity, IdSource, find_arxiv_id, find_stamp, newest_date_inside

_BODY_MARK = "<!-- PDF content starts -->"
_HEADER_MOST = 20_000  # characters; a header holds the abstract too
_PUBLISHED = re.compile(r"^\*\*Published\*\*:\s*(\d{4}-\d{2}-\d{2})", re.MULTILINE)
# A line of a list of papers: "2401.00001", "arXiv:2401.00001v2", "https://arxiv.org/abs/…", "10.48550/arXiv.2401.00001"
_ENTRY = re.compile(
    r"[-*\"'\[(]{0,3}\s?(?:(?:https?://)?(?:www\.|export\.)?(?:arxiv\.org/\w+/|(?:dx\.)?doi\.org/|huggingface\.co/papers/)"
    r"|arxiv:\s?|doi:\s?|10\.48550/arxiv\.)*(?:\d{4}\.\d{4,5}|[a-z-]+(?:\.[A-Z]{2})?/\d{7}|10\.\d{4,9}/\S+)"
    r"(?:v\d{1,2})?(?:\.pdf)?[\"'\]),;]{0,3}",
    re.IGNORECASE,
)
_URL = re.compile(r"^\*\*(?:PDF URL|URL|arXiv|arXiv ID|Link)\*\*:\s*(.+)$", re.MULTILINE)


def read_markdown(data: bytes) -> Text:
    """Return the text behind the header (all of it where there is none): the header repeats the abstract."""
    content = decode_text(data)
    header, body = _split_header(content)
    text = normalise(body, join_hyphens=True)
    if not text.strip():
        raise UnreadableError("a file without text behind its header" if header else "an empty file")
    refuse_notice(text)
    return Text("text", text, split_plain(text), heading_of(content[:_HEADER_MOST]))


def identify_markdown(data: bytes) -> Identity:
    """Return which paper a text says it is: by its header, else by an arXiv stamp near its beginning."""
    content = decode_text(data)
    if listed := _listed(content):
        raise UnreadableError(
            f"a list of {listed:,} papers, not a paper; to fetch them: survey download --ids this file"
        )
    header, body = _split_header(content)
    name = heading_of((header or content)[:_HEADER_MOST]) or title_of(body[:_HEADER_MOST])
    head = body[:6_000]
    url = _URL.search(header)
    arxiv_id = find_arxiv_id(url[1]) if url else None
    if arxiv_id:
        stated = _PUBLISHED.search(header)
        # "published" is version 1's date in arXiv's own metadata, whichever version the file holds
        published = _parse_day(stated[1]) if stated else None
        return Identity(arxiv_id, IdSource.HEADER, name, published, published is not None)
    stamp = find_stamp(head)
    if stamp:
        return Identity(stamp.arxiv_id, IdSource.STAMP, name, stamp.date, stamp.arxiv_id.version == 1)
    return Identity(None, IdSource.NONE, name, inside=newest_date_inside(content, date.today()))


def decode_text(data: bytes) -> str:
    """Return `data` as text: UTF-8, UTF-16 with its mark, else latin-1. Raises UnreadableError where it is none."""
    if len(data) > MAX_TEXT:
        raise UnreadableError(f"a text of {len(data) >> 20} MB; expected at most {MAX_TEXT >> 20}")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")
    if data[:10_000].count(0) > 500:  # text made from a PDF may hold a few
        raise UnreadableError("a binary file, not a text")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _listed(content: str) -> int:
    """Return how many papers a list of ids, DOIs or addresses names, a line each; 0 where it is another text."""
    lines = [line for line in (line.strip() for line in content[:_HEADER_MOST].splitlines()) if line]
    lines = [line for line in lines if not line.startswith("#")]
    entries = sum(_ENTRY.fullmatch(line) is not None for line in lines)
    if not entries or entries < 0.8 * len(lines):
        return 0
    return entries if len(content) <= _HEADER_MOST else max(entries, content.count("\n"))


def _split_header(content: str) -> tuple[str, str]:
    """Return the collector's header ("" where there is none) and the text behind it."""
    header, mark, body = content.partition(_BODY_MARK)
    if mark:
        return header, body
    if _URL.search(content[:_HEADER_MOST]):
        last = max(match.end() for match in (_URL.search(content), _PUBLISHED.search(content)) if match)
        return content[:last], content[last:]
    return "", content


def _parse_day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
