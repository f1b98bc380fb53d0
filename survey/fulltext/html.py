"""arXiv's own HTML (LaTeXML) to plain text: macros are expanded there by TeX's own rules.

The class names are LaTeXML's (dlmf.nist.gov/LaTeXML): ltx_bibliography, ltx_appendix, ltx_caption, ltx_tabular.
"""

import re
from collections import Counter
from collections.abc import Iterator

from lxml import etree
from lxml import html as parser

from posttrain.errors import UnreadableError
from survey.fulltext.normalise import normalise
from survey.fulltext.notices import refuse_notice
from survey.fulltext.sections import IN_PART, Text, join_pieces
from survey.paper import Identity, IdSource, find_stamp
from survey.section import Section

_MARK = b"ltx_"
_DROPPED_TAGS = {"script", "style", "nav", "button", "header", "footer", "svg", "head"}
_DROPPED_CLASSES = {"ltx_cite", "ltx_url", "ltx_page_navbar", "ltx_TOC", "ltx_note_mark", "package-alerts"}
_BLOCKS = {"p", "div", "section", "h1", "h2", "h3", "h4", "h5", "h6", "li", "tr", "figure", "br", "td", "th", "table"}
_SECTIONS = {
    "ltx_bibliography": Section.REFERENCES,
    "ltx_appendix": Section.APPENDIX,
    "ltx_caption": Section.CAPTION,
    "ltx_tabular": Section.TABLE,
}


def is_latexml(data: bytes) -> bool:
    """Say whether an HTML page is a paper as LaTeXML writes it, and no error or listing page."""
    return _MARK in data and b"ltx_document" in data


# What LaTeXML and ar5iv write above a page on which they broke off
_BROKE_OFF = re.compile(
    rb"conversion to html had a fatal error|fatal error and exited abruptly|may be truncated or damaged"
    rb"|html conversion (?:has )?failed|document failed to convert",
    re.IGNORECASE,
)
_FEWEST_LETTERS = 20  # outside title and references; fewer are a paper without its body
_FEWEST_AFTER_ERROR = 200


def read_html(data: bytes) -> Text:
    """Return the text of a paper in LaTeXML's HTML. Raises UnreadableError for any other page, and one without a body.

    `note` says that the conversion broke off, or which macros it did not know.
    """
    root = _parse(data)
    article = next(iter(root.find_class("ltx_document")))
    text, spans = join_pieces((section, normalise(raw, join_hyphens=False)) for section, raw in _pieces(article))
    if not text:
        raise UnreadableError("an HTML page without text")
    broke_off = _BROKE_OFF.search(data) is not None
    body = _letters(text, spans) - sum(map(str.isalnum, _title(root)))
    if broke_off and body < _FEWEST_AFTER_ERROR:
        raise UnreadableError("an HTML page with an error: its conversion from LaTeX failed")
    if body < _FEWEST_LETTERS and any(section is Section.REFERENCES for _, section in spans):
        raise UnreadableError("an HTML page with references alone: its conversion from LaTeX failed")
    refuse_notice(text)
    return Text("html", text, spans, _title(root), _note(root, broke_off))


def _letters(text: str, spans: tuple[tuple[int, Section], ...]) -> int:
    """Count the letters and digits outside the references."""
    ends = [*(start for start, _ in spans[1:]), len(text)]
    pieces = (text[a:b] for (a, section), b in zip(spans, ends, strict=True) if section is not Section.REFERENCES)
    return sum(map(str.isalnum, "".join(pieces)))


def _note(root: parser.HtmlElement, broke_off: bool) -> str:
    if broke_off:
        return f"{IN_PART}the conversion to HTML broke off"
    unknown = Counter(" ".join(mark.itertext()).strip() for mark in root.find_class("ltx_ERROR"))
    if not unknown:
        return ""
    names = ", ".join(name[:40] for name, _ in unknown.most_common(3))
    return f"{unknown.total()} uses of macros that the conversion to HTML did not know: {names}"


def identify_html(data: bytes) -> Identity:
    """Return which paper an HTML page says it is: by arXiv's watermark."""
    root = _parse(data)
    marks = [" ".join(mark.itertext()) for mark in root.xpath("//*[contains(@id, 'watermark')]")]
    stamp = next(filter(None, map(find_stamp, marks)), None)
    if stamp is None:
        return Identity(None, IdSource.NONE, _title(root))
    return Identity(stamp.arxiv_id, IdSource.STAMP, _title(root), stamp.date, stamp.arxiv_id.version == 1)


def _parse(data: bytes) -> parser.HtmlElement:
    if not is_latexml(data):
        raise UnreadableError("an HTML page that is not a paper of arXiv")
    try:
        return parser.document_fromstring(data, parser=parser.HTMLParser(encoding="utf-8", no_network=True))
    except (etree.ParserError, etree.XMLSyntaxError) as error:
        raise UnreadableError(f"damaged HTML: {error}") from error


def _title(root: parser.HtmlElement) -> str:
    titles = root.find_class("ltx_title_document")
    return " ".join(" ".join(titles[0].itertext()).split()) if titles else ""


def _pieces(article: parser.HtmlElement) -> Iterator[tuple[Section, str]]:
    """Yield runs of text of one section each. References and appendix keep their tables and captions."""
    section = Section.BODY
    words: list[str] = []
    for here, word in _words(article, Section.BODY):
        if here is not section:
            yield section, "".join(words)
            section, words = here, []
        words.append(word)
    yield section, "".join(words)


def _words(element: parser.HtmlElement, section: Section) -> Iterator[tuple[Section, str]]:
    classes = set((element.get("class") or "").split())
    if not isinstance(element.tag, str) or element.tag in _DROPPED_TAGS or classes & _DROPPED_CLASSES:
        return
    if section not in (Section.REFERENCES, Section.APPENDIX):
        section = next((named for mark, named in _SECTIONS.items() if mark in classes), section)
    block = element.tag in _BLOCKS
    if block:
        yield section, "\n"
    if element.tag == "math":
        yield section, element.get("alttext") or "".join(element.itertext())
    else:
        yield section, element.text or ""
        for child in element:
            yield from _words(child, section)
            yield section, child.tail or ""
    if block:
        yield section, "\n"
