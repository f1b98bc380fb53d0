r"""Bibliographies: papers as BibTeX, RIS and CSV, which reference managers and LaTeX read.

BibTeX is written for pdfLaTeX with plain BibTeX as well as for biblatex: everything beyond ASCII is a command in
braces, words with capitals inside keep them (`{DeepSeekMath}`), and no brace of a title is left open.
"""

import re
from collections.abc import Callable, Sequence
from enum import StrEnum

from posttrain.latex import without_accents
from posttrain.tables import as_csv
from survey.writing.entries import Entry

_COLUMNS = (
    "arxiv_id", "key", "title", "authors", "published", "categories", "domains", "surface", "doi", "url",
)  # fmt: skip
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
# `$\infty$`, `$k$-NN`: mathematics, whose braces are even; no space follows the first dollar nor stands before the last
_MATHS = re.compile(r"\$(?!\s)((?:[^$\\{}%#&]|\\.|\{[^${}%#&]*\})+)(?<!\s)\$(?!\d)")
_SPECIAL = str.maketrans(
    {"\\": r"{\textbackslash}", "{": r"{\textbraceleft}", "}": r"{\textbraceright}", "%": r"\%", "_": r"\_",
     "&": r"\&", "#": r"\#", "$": r"\$", "^": r"{\textasciicircum}", "~": r"{\textasciitilde}", '"': "{''}"}
)  # fmt: skip
# TeX in a title as arXiv has it: `G\"odel`, `{\o}`, `\emph{not}`
_COMMAND = re.compile(r"\{\\[^{}]*\}|\\[a-zA-Z]+(?:\{[^{}]*\})?|\\['\"`^~=.]\{?[a-zA-Z]\}?")


class Bibliography(StrEnum):
    """The formats of `survey papers`."""

    TABLE = "table"
    CSV = "csv"
    BIBTEX = "bibtex"
    RIS = "ris"
    JSON = "json"


def written(entries: Sequence[Entry], form: Bibliography) -> str:
    """Return entries in a format for reference managers and programs. Raises KeyError for a table and JSON."""
    writers: dict[Bibliography, Callable[[Sequence[Entry]], str]] = {
        Bibliography.CSV: _csv, Bibliography.BIBTEX: bibtex, Bibliography.RIS: ris,
    }  # fmt: skip
    return writers[form](entries)


def bibtex(entries: Sequence[Entry]) -> str:
    """Return entries as BibTeX: `@misc` with eprint, archivePrefix and primaryClass, as arXiv itself exports it."""
    from bibtexparser.entrypoint import write_string
    from bibtexparser.library import Library
    from bibtexparser.model import Entry as Block
    from bibtexparser.model import Field
    from bibtexparser.writer import BibtexFormat

    blocks: list[Block] = []
    for entry in entries:
        fields = {
            "title": in_bibtex(entry.title, protect=True),
            "author": " and ".join(map(_author, entry.authors)),
            "year": entry.published[:4],
            "month": _MONTHS[int(entry.published[5:7]) - 1] if len(entry.published) >= 7 else "",
            "eprint": entry.arxiv_id,
            "archivePrefix": "arXiv" if entry.arxiv_id else "",
            "primaryClass": entry.primary_class if entry.arxiv_id else "",
            "doi": entry.doi,
            "url": entry.url,
        }
        kept = [Field(name, f"{{{text}}}" if name != "month" else text) for name, text in fields.items() if text]
        blocks.append(Block("misc", entry.key, kept))
    layout = BibtexFormat()
    layout.indent, layout.value_column, layout.block_separator = "  ", "auto", "\n"
    return str(write_string(Library([*blocks]), unparse_stack=[], bibtex_format=layout))


def in_bibtex(text: str, protect: bool = False) -> str:
    """Return text as the value of a BibTeX field; `protect` keeps the capitals of words that have some inside."""
    flat = " ".join(text.split())
    parts = []
    at = 0
    for match in _MATHS.finditer(flat):
        parts += [
            _words(flat[at : match.start()], protect),
            match[0] if match[0].isascii() else without_accents(match[0]),
        ]
        at = match.end()
    return "".join([*parts, _words(flat[at:], protect)])


def _words(text: str, protect: bool) -> str:
    plain = _COMMAND.sub(lambda match: _decoded(match[0]), text)
    return " ".join(_word(word, protect) for word in plain.split(" "))


def _word(word: str, protect: bool) -> str:
    source = without_accents(word.translate(_SPECIAL))
    # "GRPO", "DeepSeekMath", "GPT-4", "t-SNE" lose their capitals in most styles, "Training" should
    return f"{{{source}}}" if protect and any(char.isupper() for char in word[1:]) else source


def _decoded(command: str) -> str:
    """Return a command of TeX as Unicode; what is none, such as `\\path` of a folder, stays."""
    from pylatexenc.latex2text import LatexNodes2Text

    shown = str(LatexNodes2Text(strict_latex_spaces=True, keep_comments=True).latex_to_text(command))
    return shown if shown.strip() else command


def _author(name: str) -> str:
    """Return a name as BibTeX reads it; "Johnson and Johnson Labs" is one author only in braces."""
    source = in_bibtex(name)
    return f"{{{source}}}" if " and " in source else source


def ris(entries: Sequence[Entry]) -> str:
    """Return entries as RIS, an unpublished work of arXiv each, one value a line."""
    import rispy

    records = []
    for entry in entries:
        record = {
            "type_of_reference": "UNPB", "id": entry.key, "title": " ".join(entry.title.split()),
            "authors": [" ".join(author.split()) for author in entry.authors], "year": entry.published[:4],
            "date": entry.published.replace("-", "/"), "publisher": "arXiv" if entry.arxiv_id else "",
            "accession_number": f"arXiv:{entry.arxiv_id}" if entry.arxiv_id else "", "doi": entry.doi,
            "urls": [entry.url] if entry.url else [], "keywords": [*entry.categories, *entry.domains],
        }  # fmt: skip
        records.append({name: value for name, value in record.items() if value})

    class Writer(rispy.RisWriter):  # type: ignore[misc]  # an untyped class
        """Writes no number above a record, which RIS does not know."""

        def set_header(self, count: int) -> str:
            return ""

    return str(rispy.dumps(records, implementation=Writer, enforce_list_tags=False)).lstrip("\n")


def _csv(entries: Sequence[Entry]) -> str:
    rows = [
        {"arxiv_id": entry.arxiv_id or entry.paper, "key": entry.key, "title": " ".join(entry.title.split()),
         "authors": "; ".join(entry.authors), "published": entry.published, "categories": " ".join(entry.categories),
         "domains": " ".join(entry.domains), "surface": entry.surface, "doi": entry.doi, "url": entry.url}
        for entry in entries
    ]  # fmt: skip
    return as_csv(rows, _COLUMNS)
