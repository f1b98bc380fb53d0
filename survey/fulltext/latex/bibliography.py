r"""The references of a LaTeX source: its .bbl, else those entries of its .bib files that the paper cites.

arXiv ids in addresses are kept (`\url{https://arxiv.org/abs/2402.03300}`), for they name the cited papers; other
addresses are removed, as everywhere. A .bib is read by a few lines of our own: a library would refuse the broken ones
that TeX accepts.
"""

import posixpath
import re
from collections.abc import Iterator

from survey.fulltext.latex.tokens import braced, without_comments

# `\url{https://arxiv.org/abs/2402.03300}`, `\href{https://doi.org/10.48550/arXiv.2402.03300}`
_ADDRESS = re.compile(
    r"\\(?:url|path|href|nolinkurl)\s*\{[^{}]*?(?:arxiv\.org/(?:abs|pdf)/|10\.48550/arXiv\.)([^{}\s]+?)(?:\.pdf)?\}"
)
# `\field{title}{Attention …}`
_BIBLATEX_FIELD = re.compile(r"\\field\s*\{([a-z]+)\}\s*(?=\{)")
_SPOKEN = ("title", "booktitle", "journal", "journaltitle", "eprint", "url", "doi", "note", "howpublished", "year")
# `@article{`, but not `@comment{`
_ENTRY = re.compile(r"@(?!comment|string|preamble)[A-Za-z]+\s*(?=\{)", re.IGNORECASE)
# `title =`
_FIELD = re.compile(r"\b([A-Za-z]+)\s*=\s*")
_EVERYTHING = "*"  # \nocite{*}


def references_of(cited: set[str], sources: dict[str, str], root: str) -> str | None:
    """Return the references as a `thebibliography`, of .bib files those `cited`; None where the source has none."""
    stem = posixpath.splitext(root)[0]
    bbls = [name for name in sources if name.lower().endswith(".bbl")]
    chosen = f"{stem}.bbl" if f"{stem}.bbl" in sources else (bbls[0] if len(bbls) == 1 else None)
    if chosen is not None:
        content = "".join(_biblatex(without_comments(sources[chosen])))
    else:
        bibs = [without_comments(text) for name, text in sorted(sources.items()) if name.lower().endswith(".bib")]
        content = "\n\n".join(_cited(cited, bibs))
    if not content.strip():
        return None
    return (
        content if "thebibliography" in content else f"\\begin{{thebibliography}}{{}}{content}\\end{{thebibliography}}"
    )


def keep_ids(references: str) -> str:
    """Return LaTeX with each address on arXiv as the id that it names, which otherwise goes with the address."""
    return _ADDRESS.sub(r" arXiv:\1 ", references)


def _biblatex(bbl: str) -> Iterator[str]:
    r"""A .bbl of biblatex has its texts in `\field{name}{text}`; each becomes a sentence, so that titles stay apart."""
    at = 0
    for match in _BIBLATEX_FIELD.finditer(bbl):
        if match.start() >= at:
            value, end = braced(bbl, match.end())
            yield bbl[at : match.start()]
            if match[1] in _SPOKEN and value is not None:
                yield f"{value}. "
            at = end
    yield bbl[at:]


def _cited(keys: set[str], bibs: list[str]) -> Iterator[str]:
    """The entries that the text cites, each as a line of sentences."""
    for bib in bibs:
        for match in _ENTRY.finditer(bib):
            body, _ = braced(bib, match.end())
            key, _, fields = (body or "").partition(",")
            if key.strip() in keys or (_EVERYTHING in keys and key.strip()):
                yield " ".join(_sentences(fields))


def _sentences(fields: str) -> Iterator[str]:
    at = 0
    for match in _FIELD.finditer(fields):
        if match.start() < at:  # inside the value before
            continue
        value, at = _value(fields, match.end())
        name = match[1].lower()
        if name in _SPOKEN:
            yield (
                f"arXiv:{value}."
                if name == "eprint"
                else keep_ids(f"\\url{{{value}}}")
                if name == "url"
                else f"{value}."
            )


def _value(fields: str, start: int) -> tuple[str, int]:
    if fields[start : start + 1] == "{":
        value, end = braced(fields, start)
        return value or "", end
    if fields[start : start + 1] == '"':
        end = fields.find('"', start + 1)
        end = len(fields) if end < 0 else end
        return fields[start + 1 : end], end + 1
    word = re.match(r"[^,}\s]*", fields[start:])
    return (word[0] if word else ""), start + (word.end() if word else 0)
