r"""LaTeX source to plain text: root file, `\input` closure, comments out, zero-argument macros expanded.

Counting every file of a source tree inflates the counts 1.8 times (stale copies, unused tables), and plain LaTeX
strippers lose names that authors hide in macros. This module reads the files that the paper's own build would read.
"""

import json
import posixpath
import re
from collections.abc import Iterator

from posttrain.errors import UnreadableError
from survey.fulltext.bibliography import keep_ids, references_of
from survey.fulltext.container import MAX_TEXT, Tree
from survey.fulltext.macros import braced, expand_macros
from survey.fulltext.normalise import normalise
from survey.fulltext.sections import Section, Text, join_pieces

_MAX_INPUT_DEPTH = 30

# `50\% of it % a note` keeps `50\% of it `. In the address of a link (`\url{a%20b}`) % is a character like any other.
_COMMENT = re.compile(r"(\\(?:url|href|nolinkurl|path)\s*\{[^{}\n]*\})|(?<!\\)((?:\\\\)*)%.*")
# `\begin{comment} … \end{comment}`, `\iffalse … \fi`
_COMMENT_BLOCK = re.compile(r"\\begin\{comment\}.*?\\end\{comment\}|\\iffalse\b.*?\\(?:fi|else)\b", re.DOTALL)
# `\input{sections/intro}`, `\input intro`, `\import{sections/}{intro}`
_INPUT = re.compile(
    r"\\(?:input|include|subfile|subfileinclude)\s*\{([^{}]*)\}"
    r"|\\input\s+([^\s{}\\%]+)"
    r"|\\(?:sub)?import\*?\s*\{([^{}]*)\}\s*\{([^{}]*)\}"
)
# `\usepackage[final]{mymacros, booktabs}`
_PACKAGE = re.compile(r"\\(?:usepackage|RequirePackage)\s*(?:\[[^\]]*\])?\s*\{([^{}]*)\}")
# `\bibliography{refs}`, `\printbibliography[title=References]`
_BIBLIOGRAPHY = re.compile(r"\\bibliography\s*\{[^{}]*\}|\\printbibliography\b(?:\[[^\]]*\])?")


def read_latex(tree: Tree) -> Text:
    r"""Return the text of the paper whose source files are `tree`.

    Raises UnreadableError where no root file is found, an `\input` names a file outside the source, or files input
    each other in a circle (TeX would not finish either).
    """
    sources = {posixpath.normpath(name): _decode(data) for name, data in tree.items()}
    root = find_root(sources)
    flat, missing = _flatten(sources, root)
    flat = expand_macros(_add_bibliography(flat, sources, root), _own_styles(flat, sources))
    title = _argument_of(flat, "title")
    document = _document(flat)
    pieces = [(section, to_plain(raw)) for section, raw in _split(document)]
    for name in ("abstract", "title"):  # where they are set in the preamble, outside the document
        if not _argument_of(document, name):
            pieces.insert(0, (Section.BODY, to_plain(_argument_of(flat, name))))
    text, spans = join_pieces(pieces)
    note = f"not in the source: {', '.join(missing[:5])}" if missing else ""
    return Text("latex", text, spans, " ".join(to_plain(title).split()), note)


def find_root(sources: dict[str, str]) -> str:
    r"""Return the path of the file that the build starts from.

    `00README` names it in newer submissions; else it is the file with `\documentclass` that no other file inputs,
    preferring the one whose closure is longest.
    """
    if named := _root_in_readme(sources):
        return named
    texs = {name: text for name, text in sources.items() if name.lower().endswith((".tex", ".ltx"))} or sources
    if not texs:
        raise UnreadableError("no .tex file in the source")
    inputs = {
        target
        for name, text in texs.items()
        for raw in map(_input_name, _INPUT.finditer(_without_comments(text)))
        if (target := _resolve(sources, name, raw)) and target != name
    }
    starts = [n for n, text in texs.items() if re.search(r"\\document(?:class|style)\b", _without_comments(text))]
    candidates = [n for n in starts if n not in inputs] or starts or [n for n in texs if n not in inputs] or list(texs)
    # The longest closure wins; a name such as main or the shortest path settles a tie.
    return max(
        candidates,
        key=lambda n: (_closure_size(sources, n), n.startswith(("main", "ms", "paper")), -len(n), n),
    )


def to_plain(raw: str) -> str:
    """Return LaTeX without its markup: citations, labels and URLs go, the words inside commands stay."""
    text = _DROPPED.sub(" ", raw)
    text = _HREF.sub(r"\1", text)
    text = _ACCENT.sub(lambda m: m[2] + _COMBINING[m[1]], text)
    text = text.replace("\\\\", "\n").replace("\\$", "\x00").replace("~", " ")
    text = _ESCAPED.sub(r"\1", _COLUMN.sub(" | ", text))
    text = re.sub(r"\\[,;:!> /-]", lambda m: "" if m[0] in ("\\!", "\\-", "\\/") else " ", text)
    text = _COMMAND_WITH_ARGUMENT.sub("", text)
    text = _COMMAND.sub(" ", text)
    text = text.translate(_MARKUP).replace("\x00", "$").replace("---", "—").replace("--", "–")
    return normalise(text, join_hyphens=False)


_COMBINING = {'"': "\u0308", "'": "\u0301", "`": "\u0300", "^": "\u0302", "~": "\u0303", "=": "\u0304", ".": "\u0307",
              "c": "\u0327", "v": "\u030c", "u": "\u0306", "H": "\u030b"}  # fmt: skip
# `\"o`, `\'{e}`, `\c{c}`, `\v s`
_ACCENT = re.compile(r"""\\(["'`^~=.]|[cvuH](?=[{\s]))\s*\{?\\?([A-Za-z])\}?""")
_NESTED = r"\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}"  # braces three deep, enough for arguments that are dropped
# Commands that go with their arguments: `\citep[see][]{lee24}`, `\label{eq:1}`, `\vspace*{-2pt}`, `\begin{table}`,
# `\multicolumn{2}{c}`, `\cmidrule(lr){2-3}`, `\includegraphics[width=3cm]{plot}`. The words of `\textbf{GSM8K}` stay.
_DROPPED = re.compile(
    r"\\(?:[Cc]ite[A-Za-z]*|nocite|footcite|parencite|textcite|autocite|label|(?:auto|eq|page|name|[cC])?ref|[vV]ref"
    r"|url|path|includegraphics|bibliography(?:style)?|usepackage|RequirePackage|hypersetup|setlength|addtolength"
    r"|vspace|hspace|definecolor|color|textcolor(?=\{[^{}]*\}\{)|colorbox(?=\{[^{}]*\}\{)|bibitem|begin|end"
    r"|multi(?:column|row)(?:\s*\[[^\]]*\])?\s*\{[^{}]*\}(?!\s*\*)|resizebox\*?\s*\{[^{}]*\}|(?:rotate|scale|raise|par)box"
    r"|cellcolor|rowcolor|cmidrule|cline|graphicspath|pagestyle|thispagestyle|documentclass|input|include|cref|Cref)\*?"
    rf"(?:\s*\[[^\]]*\]|\s*\([^)]*\))*\s*{_NESTED}"
)
# `\href{https://…}{the code}` becomes `{the code}`
_HREF = re.compile(rf"\\href\s*{_NESTED}\s*(?={{)()")
# `GSM8K & 71.2`, but not `R\&D`
_COLUMN = re.compile(r"(?<!\\)&")
# `95\%`, `human\_eval`
_ESCAPED = re.compile(r"\\([%#&_{}])")
# the `\textbf` of `\textbf{GSM8K}`, the `\section*` of `\section*{Results}`
_COMMAND_WITH_ARGUMENT = re.compile(r"\\[A-Za-z@]+\*?(?:\[[^\]]*\])?(?=\{)")
# `\item`, `\toprule`, `\quad`
_COMMAND = re.compile(r"\\(?:[A-Za-z@]+\*?|.)")
_MARKUP = str.maketrans({"{": None, "}": None, "$": None, "^": None})


def _decode(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")  # every byte has a meaning there; older sources are written in it


def _without_comments(text: str) -> str:
    return _COMMENT_BLOCK.sub("", _COMMENT.sub(r"\1\2", text))


def _root_in_readme(sources: dict[str, str]) -> str | None:
    for name in ("00README.json", "00README.XXX"):
        listing = sources.get(name, "")
        if name.endswith(".json") and listing:
            try:
                rows = json.loads(listing).get("sources")
            except (ValueError, AttributeError, RecursionError):
                continue
            for row in rows if isinstance(rows, list) else []:
                if isinstance(row, dict) and row.get("usage") == "toplevel" and str(row.get("filename")) in sources:
                    return str(row["filename"])
        for line in listing.splitlines():
            words = line.split()
            if len(words) == 2 and words[1] == "toplevelfile" and words[0] in sources:
                return words[0]
    return None


def _input_name(match: re.Match[str]) -> str:
    if match[3] is not None:
        return posixpath.join(match[3], match[4])
    return (match[1] if match[1] is not None else match[2]).strip().strip('"')


def _resolve(sources: dict[str, str], root: str, name: str) -> str | None:
    """Return the file that `name` means in a build of `root`, or None where the source lacks it."""
    for folder in dict.fromkeys([posixpath.dirname(root), ""]):
        for suffix in (".tex", ""):
            path = posixpath.normpath(posixpath.join(folder, name + suffix))
            if path in sources:
                return path
    return None


def _closure_size(sources: dict[str, str], root: str) -> int:
    reached, waiting = {root}, [root]
    while waiting:
        for name in map(_input_name, _INPUT.finditer(_without_comments(sources[waiting.pop()]))):
            target = _resolve(sources, root, name)
            if target and target not in reached:
                reached.add(target)
                waiting.append(target)
    return sum(len(sources[name]) for name in reached)


def _flatten(sources: dict[str, str], root: str) -> tuple[str, list[str]]:
    """Return the root file with every input in its place, and the inputs that the source lacks."""
    missing: list[str] = []
    size = 0

    def insert(path: str, above: tuple[str, ...]) -> str:
        nonlocal size
        text = _without_comments(sources[path])
        size += len(text)
        if size > MAX_TEXT:
            raise UnreadableError(f"more than {MAX_TEXT >> 20} MB of LaTeX once every \\input is in its place")
        return _INPUT.sub(lambda match: follow(_input_name(match), (*above, path)), text)

    def follow(name: str, above: tuple[str, ...]) -> str:
        if posixpath.isabs(name) or posixpath.normpath(posixpath.join(posixpath.dirname(root), name)).startswith(".."):
            raise UnreadableError(f"\\input{{{name}}} leaves the source")
        target = _resolve(sources, root, name)
        if target is None:
            missing.append(name)
            return " "
        if target in above or len(above) > _MAX_INPUT_DEPTH:
            raise UnreadableError("\\input runs in a circle: " + " → ".join([*above[-3:], target]))
        return "\n" + insert(target, above) + "\n"

    return insert(root, ()), missing


def _add_bibliography(flat: str, sources: dict[str, str], root: str) -> str:
    r"""Put the references in the place of `\bibliography`, with the arXiv ids that their addresses name."""
    references = references_of(flat, {name: _without_comments(text) for name, text in sources.items()}, root)
    if references is None:
        at = flat.find("\\begin{thebibliography}")
        return flat if at < 0 else flat[:at] + keep_ids(flat[at:])
    command = _BIBLIOGRAPHY.search(flat)
    end = flat.find("\\end{document}")
    at, behind = command.span() if command else ((end, end) if end >= 0 else (len(flat), len(flat)))
    return flat[:at] + keep_ids(references) + flat[behind:]


def _own_styles(flat: str, sources: dict[str, str]) -> str:
    r"""Return the style files that came with the source and are in use (`\usepackage{mymacros}`)."""
    names = {name.strip() for match in _PACKAGE.finditer(flat) for name in match[1].split(",")}
    return "\n".join(_without_comments(sources[f"{name}.sty"]) for name in sorted(names) if f"{name}.sty" in sources)


def _argument_of(text: str, command: str) -> str:
    match = re.search(rf"\\{command}\s*(?:\[[^\]]*\]\s*)?(?=\{{)", text)
    body = braced(text, match.end())[0] if match else None
    return re.sub(r"\\(?:thanks|footnote)\s*" + _NESTED, "", body) if body else ""


def _document(text: str) -> str:
    start = text.find("\\begin{document}")
    end = text.rfind("\\end{document}")
    return text[start + len("\\begin{document}") if start >= 0 else 0 : end if end >= 0 else len(text)]


_SPEC = rf"(?:\s*\[[^\]]*\])?\s*{_NESTED}"  # `[t]{lrr}`: the columns or the width of a table, not text
# `\begin{table*}`, `\begin{tabular}{lrr}`, `\begin{tabularx}{\linewidth}{lX}`, `\end{thebibliography}`,
# `\caption[short]{long}`, `\captionof{table}{…}`, `\appendix`, `\section*{Supplementary Material}`
_STRUCTURE = re.compile(
    r"\\(?P<edge>begin|end)\s*\{(?P<env>table|tabular|tabularx|longtable|wraptable|sidewaystable|thebibliography"
    r"|appendices|appendix)\*?\}"
    rf"(?:(?<=begin{{tabular}}){_SPEC}|(?<=begin{{longtable}}){_SPEC}|(?<=begin{{tabular[x*]}}){_SPEC}{_SPEC})?"
    r"|\\(?P<caption>caption|captionof\s*\{[^{}]*\})\*?\s*(?:\[[^\]]*\]\s*)?(?=\{)"
    r"|\\(?P<appendix>appendix(?![A-Za-z])"
    r"|(?:section|chapter)\*?\s*\{\s*(?:appendi(?:x|ces)|supplement(?:ary|al)\ materials?)\s*\})",
    re.IGNORECASE,
)


def _split(document: str) -> Iterator[tuple[Section, str]]:
    """Cut a document into pieces of one section each, in order."""
    position, tables, base, before_references = 0, 0, Section.BODY, Section.BODY

    def here() -> Section:
        return Section.TABLE if tables and base is Section.BODY else base

    for match in _STRUCTURE.finditer(document):
        if match.start() < position:
            continue
        yield here(), document[position : match.start()]
        position = match.end()
        opens = match["edge"] == "begin"
        if match["caption"]:
            body, position = braced(document, match.end())
            yield (Section.CAPTION if base is Section.BODY else base), body or ""
        elif match["env"] == "thebibliography":
            before_references, base = (base, Section.REFERENCES) if opens else (base, before_references)
        elif match["appendix"] or match["env"] in ("appendices", "appendix"):
            base = Section.APPENDIX
        else:
            tables = max(0, tables + (1 if opens else -1))
    yield here(), document[position:]
