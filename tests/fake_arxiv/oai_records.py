"""Records of OAI-PMH in three formats: arXiv, arXivRaw with its versions, and a minimal Dublin Core."""

from collections.abc import Callable
from xml.sax.saxutils import escape

from tests.fake_arxiv.papers import FakePaper

ID_PREFIX = "oai:arXiv.org:"
XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
FORMATS = {
    "oai_dc": ("http://www.openarchives.org/OAI/2.0/oai_dc.xsd", "http://www.openarchives.org/OAI/2.0/oai_dc/"),
    "arXiv": ("https://oaipmh.arxiv.org/OAI/arXiv.xsd", "http://arxiv.org/OAI/arXiv/"),
    "arXivRaw": ("https://oaipmh.arxiv.org/OAI/arXivRaw.xsd", "http://arxiv.org/OAI/arXivRaw/"),
}
_PHYSICS = {"astro-ph", "cond-mat", "gr-qc", "hep-ex", "hep-lat", "hep-ph", "hep-th", "math-ph", "nlin", "nucl-ex",
            "nucl-th", "physics", "quant-ph"}  # fmt: skip


def set_spec(category: str) -> str:
    """`cs:cs:CL` for cs.CL, `physics:hep-th` for hep-th."""
    archive = category.split(".", maxsplit=1)[0]
    return f"{'physics' if archive in _PHYSICS else archive}:{category.replace('.', ':')}"


def render_header(paper: FakePaper) -> str:
    """Return the header of a paper, as it stands alone or in a record."""
    sets = "".join(f" <setSpec>{set_spec(category)}</setSpec>\n" for category in paper.categories)
    return f"""<header>
 <identifier>{ID_PREFIX}{paper.id}</identifier>
 <datestamp>{paper.datestamp}</datestamp>
{sets}</header>
"""


def render_record(paper: FakePaper, prefix: str) -> str:
    """Return the record of a paper in the format of that prefix."""
    metadata = _METADATA[prefix](paper, f'{XSI} xsi:schemaLocation="{FORMATS[prefix][1]} {FORMATS[prefix][0]}"')
    return f"<record>\n{render_header(paper)}<metadata>\n{metadata}\n</metadata>\n</record>\n"


def _element(tag: str, text: str | None) -> str:
    return f"<{tag}>{escape(text)}</{tag}>" if text else ""


def split_name(author: str) -> tuple[str, str]:
    """Keyname and forenames: a particle in small letters belongs to the keyname."""
    words = author.split()
    at = next((index for index, word in enumerate(words[1:], 1) if word.islower()), len(words) - 1)
    return " ".join(words[at:]), " ".join(words[:at])


def _arxiv(paper: FakePaper, schema: str) -> str:
    authors = "".join(
        f"<author>{_element('keyname', split_name(name)[0])}{_element('forenames', split_name(name)[1])}</author>"
        for name in paper.authors
    )
    updated = _element("updated", f"{paper.updated:%Y-%m-%d}") if paper.versions > 1 else ""
    return (
        f'<arXiv xmlns="http://arxiv.org/OAI/arXiv/" {schema}>\n<id>{paper.id}</id>'
        f"<created>{paper.published:%Y-%m-%d}</created>{updated}<authors>{authors}</authors>"
        f"{_element('title', paper.title)}{_element('categories', ' '.join(paper.categories))}{_extras(paper)}</arXiv>"
    )


def _extras(paper: FakePaper) -> str:
    """What both formats end with."""
    return (
        _element("comments", paper.comment)
        + _element("journal-ref", paper.journal_ref)
        + _element("doi", paper.doi)
        + _element("license", paper.license)
        + _element("abstract", paper.abstract)
    )


def _raw(paper: FakePaper, schema: str) -> str:
    kind = _element("source_type", "I" if paper.state == "withdrawn" else None)
    size = len(paper.source) // 1024 if paper.source else 12
    versions = "".join(
        f'<version version="v{number}"><date>{paper.version_date(number):%a, %d %b %Y %H:%M:%S} GMT</date>'
        f"<size>{size}kb</size>{kind if number == paper.versions else ''}</version>"
        for number in range(1, paper.versions + 1)
    )
    return (
        f'<arXivRaw xmlns="http://arxiv.org/OAI/arXivRaw/" {schema}>\n<id>{paper.id}</id>'
        f"{_element('submitter', paper.authors[0])}{versions}{_element('title', paper.title)}"
        f"{_element('authors', ', '.join(paper.authors))}{_element('categories', ' '.join(paper.categories))}"
        f"{_extras(paper)}</arXivRaw>"
    )


def _dublin_core(paper: FakePaper, schema: str) -> str:
    names = (split_name(author) for author in paper.authors)
    creators = "".join(_element("dc:creator", f"{keyname}, {forenames}") for keyname, forenames in names)
    subjects = "".join(_element("dc:subject", category) for category in paper.categories)
    dates = _element("dc:date", f"{paper.published:%Y-%m-%d}")
    if paper.versions > 1:
        dates += _element("dc:date", f"{paper.updated:%Y-%m-%d}")
    return (
        f'<oai_dc:dc xmlns:oai_dc="{FORMATS["oai_dc"][1]}" xmlns:dc="http://purl.org/dc/elements/1.1/" {schema}>\n'
        f"{_element('dc:title', paper.title)}{creators}{subjects}{_element('dc:description', paper.abstract)}"
        f"{dates}<dc:type>text</dc:type><dc:identifier>http://arxiv.org/abs/{paper.id}</dc:identifier></oai_dc:dc>"
    )


_METADATA: dict[str, Callable[[FakePaper, str], str]] = {"arXiv": _arxiv, "arXivRaw": _raw, "oai_dc": _dublin_core}
