"""How to cite a report: the tool and the study, from CITATION.cff, as Markdown, HTML and comments of LaTeX."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from html import escape
from typing import TYPE_CHECKING, Any

from posttrain.reference import citation_path
from survey.writing.bibliography import in_bibtex

if TYPE_CHECKING:  # loads pydantic, which `survey --help` does without
    from survey.studies.model import Study

TITLE = "How to cite"


@dataclass(frozen=True)
class Citation:
    """Something to cite, of which a field may be empty."""

    key: str
    authors: tuple[str, ...]
    title: str
    version: str = ""
    url: str = ""
    note: str = ""

    @property
    def sentence(self) -> str:
        """The citation as a person reads it."""
        parts = [", ".join(self.authors), self.title, f"Version {self.version}" if self.version else "", self.note]
        return ". ".join(filter(None, [*parts, self.url])) + ("" if self.url else ".")

    @property
    def bibtex(self) -> str:
        """The citation as an entry of a .bib file."""
        note = ". ".join(filter(None, [f"Version {self.version}" if self.version else "", self.note]))
        fields = {
            # braces of their own: the name of a group is no first and last name
            "author": " and ".join(f"{{{in_bibtex(name)}}}" for name in self.authors),
            "title": in_bibtex(self.title, protect=True), "note": in_bibtex(note), "url": self.url,
        }  # fmt: skip
        lines = [f"  {name} = {{{value}}}" for name, value in fields.items() if value]
        return "@misc{" + ",\n".join([self.key, *lines]) + "\n}"


def citations_of(study: "Study") -> tuple[Citation, ...]:
    """Return what a report on a study rests on: the tool, the survey arXiv:2603.13985, and a study of one's own."""
    cff = _citation_file()
    cited = [_of(cff, "posttrain"), *(_of(reference, _key(reference)) for reference in cff.get("references", []))]
    if not study.is_survey:
        note = f"Benchmarks and aliases: {study.fingerprint}"
        cited.append(Citation(f"study-{study.name}", (), f"Study {study.title or study.name}", note=note))
    return tuple(cited)


@cache
def _citation_file() -> Mapping[str, Any]:
    import yaml

    content: Mapping[str, Any] = yaml.safe_load(citation_path().read_text(encoding="utf-8"))
    return content


def _of(record: Mapping[str, Any], key: str) -> Citation:
    authors = [
        author.get("name") or " ".join(filter(None, [author.get("given-names"), author.get("family-names")]))
        for author in record.get("authors", [])
    ]
    url = str(record.get("url") or record.get("repository-code") or "")
    return Citation(key, tuple(map(str, authors)), str(record["title"]), str(record.get("version", "")), url)


def _key(record: Mapping[str, Any]) -> str:
    return "arxiv-" + str(record.get("url", "")).rpartition("/")[2]


def markdown(citations: Sequence[Citation]) -> str:
    """Return a section of Markdown."""
    lines = [f"- {citation.sentence}" for citation in citations]
    entries = "\n\n".join(citation.bibtex for citation in citations)
    return "\n".join([f"## {TITLE}", "", *lines, "", "```bibtex", entries, "```", ""])


def html(citations: Sequence[Citation]) -> str:
    """Return a section of HTML."""
    items = "".join(f"<li>{escape(citation.sentence)}</li>" for citation in citations)
    entries = escape("\n\n".join(citation.bibtex for citation in citations))
    return f"<section><h2>{TITLE}</h2>\n<ul>{items}</ul>\n<pre>{entries}</pre></section>"


def latex(citations: Sequence[Citation]) -> str:
    """Return comments of LaTeX: the sentences, and entries to copy into a .bib file."""
    lines = [f"{TITLE} (entries for a .bib file below):", *(citation.sentence for citation in citations)]
    lines += [line for citation in citations for line in citation.bibtex.splitlines()]
    return "\n".join(f"% {line}" for line in lines) + "\n"
