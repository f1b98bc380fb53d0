r"""Files: which file of the source an \input, an \import or a \usepackage names, and reading it in its place."""

import posixpath
import re

from posttrain.errors import UnreadableError
from survey.fulltext.container import MAX_TEXT
from survey.fulltext.latex.expander import Expander, Handler
from survey.fulltext.latex.reading import Frame
from survey.fulltext.latex.tokens import JOINT, MARK, shield

_DEEPEST = 30  # files that read each other
# `\begin{document}` of a part that can be set alone (subfiles, standalone); not behind a `%`
_DOCUMENT = re.compile(r"^[^%\n]*?\\begin\s*\{document\}", re.MULTILINE)
_DOCUMENT_END = re.compile(r"^[^%\n]*?(\\end\s*\{document\})", re.MULTILINE)
_LEAST_FILE = 100  # bytes that a file counts for, however short: thirty levels of two inputs are a thousand million
_STYLES = (".sty", ".cls", ".def", ".clo")
_CODE = (".tex", ".latex", ".ltx", "")  # in the order in which a name is tried


def resolve(expander: Expander, name: str, suffixes: tuple[str, ...] = _CODE) -> str | None:
    """Return the file that `name` means at this place of the paper, or None where the source lacks it."""
    name = _clean(name)
    root = posixpath.dirname(expander.root)
    folders = [expander.file().folder, root, "", *(posixpath.join(root, f) for f in _paths(expander))]
    for folder in dict.fromkeys(folders):
        for suffix in suffixes:
            path = posixpath.normpath(posixpath.join(folder, name + suffix))
            if path in expander.sources:
                return path
    return None


def _clean(name: str) -> str:
    return name.replace(JOINT, "").strip().strip('"').strip()


def _paths(expander: Expander) -> list[str]:
    r"""`\def\input@path{{sections/}{tables/}}`"""
    meaning = expander.meanings.get("\\input@path")
    body = "".join(map(str, getattr(meaning, "body", ()))) if meaning else ""
    return [path.strip() for path in re.findall(r"\{([^{}]*)\}", body)]


def exists(expander: Expander, name: str) -> bool:
    """Say whether the source has a file of this name."""
    return resolve(expander, name) is not None or resolve(expander, name, _STYLES) is not None


def read_file(expander: Expander, name: str, folder: str | None = None) -> None:
    r"""Read the file `name` next. Raises UnreadableError where it lies outside the source, or files go in a circle."""
    name = _clean(name)
    inside = posixpath.normpath(posixpath.join(posixpath.dirname(expander.root), name))
    if not name:
        return
    if posixpath.isabs(name) or inside.startswith(".."):
        raise UnreadableError(f"\\input{{{name}}} leaves the source")
    path = resolve(expander, name)
    if path is None:
        if not resolve(expander, name, _STYLES):
            expander.missing.append(name)
        expander.write(" ")
        return
    open_files = [frame.path for frame in expander.reading.frames if frame.path]
    if len(open_files) > _DEEPEST:
        raise UnreadableError("\\input runs in a circle: " + " → ".join([*map(str, open_files[-3:]), path]))
    text = _body(expander.sources[path])
    size = int(expander.kept.get("size", "0")) + max(len(text), _LEAST_FILE)
    expander.kept["size"] = str(size)
    if size > MAX_TEXT:
        raise UnreadableError(f"more than {MAX_TEXT >> 20} MB of LaTeX once every \\input is in its place")
    expander.write("\n")
    frame_folder = expander.file().folder if folder is None else folder
    expander.reading.frames.append(Frame(text + "\n", path=path, folder=frame_folder))


def _body(text: str) -> str:
    """Return what stands between begin and end of a part that has a preamble of its own, or all of it."""
    begin = _DOCUMENT.search(text) if "{document}" in text else None
    if not begin:
        return text
    end = _DOCUMENT_END.search(text, begin.end())
    return text[begin.end() : end.start(1) if end else len(text)]


def _input(expander: Expander, command: str) -> None:
    r"""`\input{sections/intro}`, `\input sections/intro`, `\include{intro}`, `\subfile{intro}`."""
    reading = expander.reading
    spent = reading.spent
    reading.optional()
    reading.skip_spaces()
    if reading.peek() == "{":
        name = expander.expand(reading.argument())
    else:
        frame = reading.frames[-1] if reading.frames else Frame("")
        match = re.compile(r'\s*("[^"\n]*"|(?:[^\s{}\\%\x0e]|\\[A-Za-z@]+)+)').match(frame.text, frame.at)
        if not match:
            return
        frame.at = match.end()
        name = expander.expand(match[1])
    only = expander.kept.get("includeonly")
    if command == "\\include" and only is not None and _clean(name).removesuffix(".tex") not in only.split("\n"):
        return
    if command == "\\loadglsentries" and resolve(expander, name) is None:
        return
    reading.spent = min(spent, reading.spent)  # inputs have a limit of their own, the size of all files
    read_file(expander, name)


def _import(expander: Expander, command: str) -> None:
    r"""`\import{sections/}{intro}`: inputs within are looked up there; \subimport begins from the present folder."""
    reading = expander.reading
    reading.star()
    folder, name = (_clean(expander.expand(reading.argument())) for _ in range(2))
    root = posixpath.dirname(expander.root)
    if posixpath.isabs(folder):
        raise UnreadableError(f"\\import{{{folder}}} leaves the source")
    base = expander.file().folder or root if command.startswith("\\sub") else root
    inside = posixpath.normpath(posixpath.join(base, folder))
    if inside.startswith(".."):
        raise UnreadableError(f"\\import{{{folder}}} leaves the source")
    path = posixpath.join(inside, name)
    if resolve(expander, posixpath.relpath(path, root or ".")) is not None:
        name = posixpath.relpath(path, root or ".")
    read_file(expander, name, inside)


def _input_if_exists(expander: Expander, command: str) -> None:
    r"""`\InputIfFileExists{local}{then}{else}`."""
    reading = expander.reading
    name, then, otherwise = expander.expand(reading.argument()), reading.argument(), reading.argument()
    if exists(expander, name):
        reading.push(f"{then}\\input{{{name}}}")
    else:
        reading.push(otherwise)


def _include_only(expander: Expander, command: str) -> None:
    names = expander.expand(expander.reading.argument()).split(",")
    expander.kept["includeonly"] = "\n".join(_clean(name).removesuffix(".tex") for name in names)


def _end_input(expander: Expander, command: str) -> None:
    r"""`\endinput`: nothing of the file is read behind the end of this line."""
    frame = next((frame for frame in reversed(expander.reading.frames) if frame.path), None)
    if frame:
        line_end = frame.text.find("\n", frame.at)
        frame.text = frame.text[: line_end if line_end >= 0 else len(frame.text)]


def _package(expander: Expander, command: str) -> None:
    r"""`\usepackage[final]{mymacros, booktabs}`: those of the paper's own are read; \documentclass likewise."""
    reading = expander.reading
    options = tuple(part.strip() for part in (reading.optional() or "").split(","))
    names = [_clean(name) for name in reading.argument().split(",")]
    reading.optional()
    suffix = ".cls" if "lass" in command else ".sty"
    for name in reversed(names):
        expander.kept["packages"] = f"{expander.kept.get('packages', '')} {name}"
        if "disable" in options or ("final" in options and name in ("todonotes", "fixme")):
            expander.kept[f"disabled {name}"] = "yes"
        path = resolve(expander, name, (suffix,))
        open_files = [frame.path for frame in reading.frames]
        if path and path not in open_files and len(open_files) < _DEEPEST:
            expander.reading.frames.append(Frame(expander.sources[path], path=path, style=True, options=options))


def _option(expander: Expander, command: str) -> None:
    r"""`\DeclareOption{final}{\drafttrue}` of a style: `\ProcessOptions` runs what the paper asked for."""
    if expander.reading.token("*"):
        expander.reading.argument()
        return
    name, code = expander.reading.argument(), expander.reading.argument()
    expander.kept[f"option {expander.file().path} {name}"] = code


def _process_options(expander: Expander, command: str) -> None:
    file = expander.file()
    expander.reading.star()
    code = [expander.kept.get(f"option {file.path} {option}", "") for option in file.options]
    expander.reading.push("".join(code))


def _print_file(expander: Expander, command: str) -> None:
    r"""`\lstinputlisting[…]{prompts/gsm8k.txt}`, `\inputminted{python}{a.py}`: a file set as it is."""
    reading = expander.reading
    reading.star()
    reading.optional()
    if command == "\\inputminted":
        reading.argument()
    path = resolve(expander, expander.expand(reading.argument()), ("",))
    if path:
        expander.write("\n" + shield(expander.sources[path]) + "\n")


def _table_of_file(expander: Expander, command: str) -> None:
    r"""`\csvautotabular{results.csv}`: the file is the table."""
    reading = expander.reading
    reading.optional()
    path = resolve(expander, expander.expand(reading.argument()), ("", ".csv"))
    if path:
        cells = shield(expander.sources[path].replace(",", " | "))
        expander.write(f"{MARK}T\n{cells}\n{MARK}t")


HANDLERS: dict[str, Handler] = {
    **{f"\\{name}": _input for name in ("input", "include", "subfile", "subfileinclude", "@input", "loadglsentries",
                                        "includestandalone")},
    **{f"\\{name}": _import for name in ("import", "subimport", "includefrom", "subincludefrom", "inputfrom",
                                         "subinputfrom")},
    **{f"\\{name}": _package for name in ("usepackage", "RequirePackage", "documentclass", "LoadClass",
                                          "RequirePackageWithOptions", "LoadClassWithOptions", "documentstyle")},
    **{f"\\{name}": _print_file for name in ("lstinputlisting", "verbatiminput", "inputminted", "VerbatimInput")},
    **{f"\\{name}": _table_of_file for name in ("csvautotabular", "csvautolongtable", "csvautobooktabular",
                                                "csvautobooklongtable", "csvautotabularray", "pgfplotstabletypeset")},
    "\\InputIfFileExists": _input_if_exists, "\\includeonly": _include_only, "\\endinput": _end_input,
    "\\DeclareOption": _option, "\\ProcessOptions": _process_options,
}  # fmt: skip
