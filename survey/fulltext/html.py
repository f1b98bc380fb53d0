"""arXiv's own HTML (LaTeXML) to plain text: macros are expanded there by TeX's own rules.

The class names are LaTeXML's (dlmf.nist.gov/LaTeXML): ltx_bibliography, ltx_appendix, ltx_caption, ltx_tabular.
"""

from collections.abc import Iterator

from lxml import etree
from lxml import html as parser

from posttrain.errors import UnreadableError
from survey.fulltext.normalise import normalise
from survey.fulltext.sections import Section, Text, join_pieces
from survey.paper import Identity, IdSource, find_stamp

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


def read_html(data: bytes) -> Text:
    """Return the text of a paper in LaTeXML's HTML. Raises UnreadableError for any other page."""
    root = _parse(data)
    article = next(iter(root.find_class("ltx_document")))
    text, spans = join_pieces((section, normalise(raw, join_hyphens=False)) for section, raw in _pieces(article))
    if not text:
        raise UnreadableError("an HTML page without text")
    return Text("html", text, spans, _title(root))


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
