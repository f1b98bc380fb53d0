r"""Root: which file of a source is the paper, and which of the others is a supplement that belongs to it."""

import json
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass

from posttrain.errors import UnreadableError
from survey.fulltext.latex.tokens import without_comments

_README = re.compile(r"00readme(?:\.[a-z]+)?", re.IGNORECASE)
# `\input{sections/intro}`, `\input intro`, `\import{sections/}{intro}`
_INPUT = re.compile(
    r"\\(?:input|include|subfile|subfileinclude|InputIfFileExists)\s*\{([^{}]*)\}"
    r"|\\input\s+([^\s{}\\%]+)"
    r"|\\(?:sub)?import\*?\s*\{([^{}]*)\}\s*\{([^{}]*)\}"
)
_CLASS = re.compile(r"\\document(?:class|style)\s*(?:\[[^\]]*\])?\s*\{([^{}]*)\}")
_PART_CLASSES = {"standalone", "subfiles", "beamer", "letter", "tikzposter", "beamerposter", "a0poster"}
_TITLE = re.compile(r"\\title\s*(?:\[[^\]]*\])?\s*\{(.{0,300})", re.DOTALL)
_SUPPLEMENT = re.compile(r"suppl|appendi|\bsm\b|supp\b|supmat|(?:online|technical|web)[ _-]?(?:only[ _-]?)?material",
                         re.IGNORECASE)  # fmt: skip
_NO_PAPER = re.compile(r"rebuttal|response|cover[ _-]?letter|letter|poster|slides|reply|checklist|(?:latex)?diff"
                       r"|template|sample|example", re.IGNORECASE)  # fmt: skip
_CODE = (".tex", ".ltx", ".latex")
_ANCILLARY = "anc/"


@dataclass(frozen=True)
class Roots:
    """The file that is the paper, and the supplements that arXiv sets behind it."""

    paper: str
    supplements: tuple[str, ...] = ()


def find_root(sources: dict[str, str]) -> str:
    """Return the path of the file that the build of the paper starts from."""
    return find_roots(sources).paper


def find_roots(sources: dict[str, str]) -> Roots:
    r"""Return where the build of the paper starts.

    `00README` names it in newer submissions; else it is the file with `\documentclass` that no other file inputs. Of
    several, the paper has a .bbl of its own name, a title and the longest closure, and is no supplement by its name or
    title. Raises UnreadableError where there is no LaTeX file.
    """
    named, ignored = _readme(sources)
    if named:
        return Roots(named[0], tuple(named[1:]))
    texts = {name: text for name, text in sources.items() if _is_code(name) and name not in ignored}
    texts = {n: t for n, t in texts.items() if not n.startswith(_ANCILLARY)} or texts
    if not texts:
        texts = {
            name: text for name, text in sources.items() if "\\documentclass" in text or "\\begin{document}" in text
        }
    if not texts:
        raise UnreadableError("no .tex file in the source")
    if len(texts) == 1:
        return Roots(next(iter(texts)))
    return _choose(sources, {name: without_comments(text) for name, text in texts.items()})


def _choose(sources: dict[str, str], bare: dict[str, str]) -> Roots:
    inputs = {name: set(_inputs_of(bare, name, text)) for name, text in bare.items()}
    read = {target for name, targets in inputs.items() for target in targets if target != name}
    free = [name for name in bare if name not in read]
    closures = {name: _closure(inputs, name) for name in bare}

    def has(name: str, pattern: re.Pattern[str]) -> bool:
        return any(pattern.search(bare[part]) for part in closures[name])

    starts = [name for name in free if has(name, _CLASS)]
    candidates = starts or [n for n in bare if _CLASS.search(bare[n])] or free or list(bare)

    def rank(name: str) -> tuple[object, ...]:
        match = _CLASS.search(bare[name])
        stem = posixpath.splitext(name)[0]
        return (
            not (match and match[1].strip() in _PART_CLASSES),
            not _is_supplement(name, bare[name]),
            not _NO_PAPER.search(posixpath.basename(stem)) or len(candidates) == 1,
            f"{stem}.bbl" in sources,
            has(name, _TITLE),
            # the longest closure wins; a name such as main or the shortest path settles a tie
            sum(len(bare[part]) for part in closures[name]),
            name.startswith(("main", "ms", "paper")),
            -len(name),
            name,
        )

    paper = max(candidates, key=rank)
    supplements = sorted(
        name for name in starts
        if name != paper and _is_supplement(name, bare[name]) and not closures[name] & {paper}
        and name not in closures[paper]
    )  # fmt: skip
    return Roots(paper, tuple(supplements))


def _is_code(name: str) -> bool:
    return name.lower().endswith(_CODE)


def _is_supplement(name: str, text: str) -> bool:
    title = _TITLE.search(text)
    heading = re.split(r"\\(?:author|date|maketitle|begin)", title[1])[0] if title else ""
    stem = posixpath.basename(posixpath.splitext(name)[0])
    return bool(
        _SUPPLEMENT.match(stem) or re.match(r"\W*(?:suppl|appendi|online (?:appendi|suppl))", heading, re.IGNORECASE)
    )


def _inputs_of(bare: dict[str, str], name: str, text: str) -> Iterator[str]:
    for match in _INPUT.finditer(text):
        raw = posixpath.join(match[3], match[4]) if match[3] is not None else (match[1] or match[2] or "")
        raw = raw.strip().strip('"')
        for folder in dict.fromkeys([posixpath.dirname(name), ""]):
            paths = [posixpath.normpath(posixpath.join(folder, raw + suffix)) for suffix in (".tex", "")]
            target = next((path for path in paths if path in bare), None)
            if target:
                yield target
                break


def _closure(inputs: dict[str, set[str]], root: str) -> set[str]:
    reached, waiting = {root}, [root]
    while waiting:
        for target in inputs[waiting.pop()] - reached:
            reached.add(target)
            waiting.append(target)
    return reached


def _readme(sources: dict[str, str]) -> tuple[list[str], set[str]]:
    """Return the files that 00README names as the start of a build, and those that it says to ignore."""
    named: list[str] = []
    ignored: set[str] = set()
    for path, listing in sources.items():
        if not _README.fullmatch(path):
            continue
        for name, usage in _from_json(listing) if path.lower().endswith(".json") else _from_lines(listing):
            file = posixpath.normpath(name)
            if usage in ("toplevel", "toplevelfile") and file in sources and file not in named:
                named.append(file)
            elif usage == "ignore":
                ignored.add(file)
    return named, ignored


def _from_json(listing: str) -> Iterator[tuple[str, str]]:
    try:
        rows = json.loads(listing).get("sources")
    except (ValueError, AttributeError, RecursionError):
        return
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict):
            yield str(row.get("filename")), str(row.get("usage"))


def _from_lines(listing: str) -> Iterator[tuple[str, str]]:
    """`old.tex ignore` of the older form; `filename: old.tex` and `usage: ignore` of YAML, with `=` of TOML."""
    name = usage = ""
    for line in listing.splitlines():
        words = line.split()
        if len(words) == 2 and not words[0].endswith(":") and words[1] in ("toplevelfile", "toplevel", "ignore"):
            yield words[0], words[1]
            continue
        field = re.match(
            r"\s*(?:-\s*)?[\"']?(filename|usage)[\"']?\s*[:=]\s*[\"']?([^\"'#\n]*?)[\"']?\s*(?:#.*)?$", line
        )
        if line.lstrip().startswith(("-", "[[")):
            name = usage = ""
        if field:
            name, usage = (field[2], usage) if field[1] == "filename" else (name, field[2])
            if name and usage:
                yield name, usage
                name = usage = ""
