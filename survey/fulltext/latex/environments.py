r"""Environments: those of the paper's own, those that are set as they are typed, those that are left out, and the rest.

Of `\begin{tabular}{lrr}` the columns are no text, of `\begin{tcolorbox}[title=GSM8K]` the title is.
"""

import re

from survey.fulltext.latex.definitions import STRUCTURE
from survey.fulltext.latex.expander import Expander, Handler
from survey.fulltext.latex.macros import Macro
from survey.fulltext.latex.options import texts_of
from survey.fulltext.latex.tokens import shield

# The arguments of environments that are no text, by the letters of `Parameter`
_LAYOUT = {
    **dict.fromkeys(
        ("tabular", "longtable", "array", "tblr", "longtblr", "supertabular", "NiceArray", "tabulary*"), "om"
    ),
    **dict.fromkeys(("tabular*", "tabularx", "tabulary", "xltabular", "tabularx*"), "mom"),
    **dict.fromkeys(("NiceTabular", "NiceTabular*", "NiceTabularX"), "omo"),
    **dict.fromkeys(
        (
            "figure",
            "table",
            "algorithm",
            "algorithm2e",
            "sidewaystable",
            "sidewaysfigure",
            "SCfigure",
            "SCtable",
            "listing",
            "enumerate",
            "itemize",
            "description",
            "compactitem",
            "compactenum",
            "threeparttable",
            "tablenotes",
            "tikzpicture",
            "scope",
            "axis",
            "algorithmic",
            "center",
            "pgfonlayer",
            "forest",
            "groupplot",
            "wrapfig",
            "inparaenum",
        ),
        "o",
    ),
    **dict.fromkeys(("wraptable", "wrapfigure"), "omom"),
    **dict.fromkeys(("minipage",), "ooom"),
    **dict.fromkeys(("subfigure", "subtable", "subcaptionblock"), "om"),
    **dict.fromkeys(("adjustwidth", "list"), "mm"),
    **dict.fromkeys(
        (
            "thebibliography",
            "multicols",
            "multicols*",
            "spacing",
            "alignat",
            "alignat*",
            "turn",
            "rotate",
            "adjustbox",
            "CJKfamily",
            "otherlanguage",
            "otherlanguage*",
            "footnotesize*",
            "xtabular",
            "varwidth",
            "textblock",
            "textblock*",
            "singlespacing*",
        ),
        "m",
    ),
    "CJK": "mm",
    "CJK*": "mm",
    "resizebox": "mm",
    "tabu": "x",
    "picture": "x",
}
_TABLES = re.compile(r"(?:table|tabular[xy]?|longtable|wraptable|sidewaystable|tblr|longtblr|NiceTabularX?|supertabular"
                     r"|tabu|xltabular|xtabular)\*?")  # fmt: skip
_VERBATIM = {
    "verbatim",
    "Verbatim",
    "BVerbatim",
    "LVerbatim",
    "SaveVerbatim",
    "lstlisting",
    "minted",
    "verbatimtab",
    "spverbatim",
    "tcblisting",
    "pyglist",
    "promptverbatim",
    "Highlighting@",
}
_LEFT_OUT = {"comment", "CCSXML", "filecontents", "luacode", "asy"}
_BOXED = re.compile(r"tcolorbox|mdframed|shaded|tikzpicture|tabular|tblr|NiceTabular|longtable|pspicture|colorboxed")
# An optional argument that is layout: `[t]`, `[!htb]`, `[2]`, `[0.5\linewidth]`
_POSITION = re.compile(r"\s*(?:[!htbpHcsTB|]{1,6}|[\d.,\s]*(?:\\?[A-Za-z]+)?|\(?[aAiI1][.)]*)\s*")


def _begin(expander: Expander, command: str) -> None:
    reading = expander.reading
    name = expander.expand(reading.argument()).strip()
    if name == "document":
        _begin_document(expander)
    elif name in expander.environments:
        _begin_own(expander, name)
    elif name.rstrip("*") in _LEFT_OUT or expander.kept.get(f"excluded {name}") == "yes":
        _raw(expander, name)
    elif name.rstrip("*") in _VERBATIM or f"verbatim {name}" in expander.kept:
        _verbatim(expander, name)
    else:
        expander.open_environments.append(name)
        expander.open_group()
        _begin_known(expander, name)


def _begin_document(expander: Expander) -> None:
    """What the preamble sets is no text of the paper; what it defines stays."""
    expander.out.clear()
    expander.groups.clear()
    expander.flags.hidden = False
    expander.kept["document"] = "begun"


def _begin_own(expander: Expander, name: str) -> None:
    environment = expander.environments[name]
    expander.open_environments.append(name)
    expander.open_group()
    reading = expander.reading
    if any(parameter.kind == "b" for parameter in environment.begin.parameters):
        arguments = reading.arguments(Macro(environment.begin.parameters[:-1], (), plain=False))
        arguments.append(_raw(expander, name).strip())
        end = environment.end.text(arguments) if environment.shares else environment.end.text([])
        expander.open_environments.pop()
        reading.push(f"{environment.begin.text(arguments)}{end}\\endgroup{{}}")
    else:
        arguments = reading.arguments(environment.begin)
        if environment.shares:
            before = expander.kept.get(f"arguments {name}")
            expander.kept[f"arguments {name}"] = "\x07".join(arguments)
            expander.at_group_end(lambda: expander.kept.__setitem__(f"arguments {name}", before or ""))
        reading.push(environment.begin.text(arguments))
    reading.spend(32 + len(environment.begin.body))


def _raw(expander: Expander, name: str, *, keep_end: bool = False) -> str:
    r"""Return the content of an environment, unread, and pass over its `\end` too, unless `keep_end`."""
    reading = expander.reading
    if not reading.peek():
        return ""
    frame = reading.frames[-1]
    end = re.compile(rf"\\end\s*\{{{re.escape(name)}\}}").search(frame.text, frame.at)
    content = frame.text[frame.at : end.start() if end else len(frame.text)]
    frame.at = len(frame.text) if not end else end.start() if keep_end else end.end()
    return content


def _verbatim(expander: Expander, name: str) -> None:
    """Write the content as it is typed; a caption or title among the options is text too."""
    reading = expander.reading
    for kind in expander.kept.get(f"verbatim {name}", "" if name == "verbatim" else "om" if name == "minted" else "o"):
        if kind == "o":
            options = _optional_on_line(expander)
            if options:
                _write_options(expander, options)
        else:
            reading.argument()
    if name.startswith("filecontents"):
        return
    expander.write("\n" + shield(_raw(expander, name)) + "\n")


def _optional_on_line(expander: Expander) -> str | None:
    """Options of a verbatim environment stand on its first line; a `[` further down is content."""
    frame = expander.reading.frames[-1] if expander.reading.peek() else None
    return expander.reading.optional() if frame and re.compile(r"[ \t]*\[").match(frame.text, frame.at) else None


def _write_options(expander: Expander, options: str) -> None:
    for text in texts_of(options):
        expander.write(f"\n{expander.expand(text)}\n")


def _begin_known(expander: Expander, name: str) -> None:
    reading = expander.reading
    _mark_begin(expander, name)
    meaning = expander.meanings.get(f"\\{name}")
    if isinstance(meaning, Macro) and not _is_known(name):  # `\def\claim{…}`, `\def\endclaim{…}`
        reading.push(meaning.text(reading.arguments(meaning)))
        return
    layout = _LAYOUT.get(name)
    if layout is None:
        options = reading.optional() if _bracket_next(expander) else None
        if options:
            _write_title(expander, options)
    elif layout == "x":
        _odd_layout(expander)
    else:
        for kind in layout:
            if kind == "m":
                reading.argument()
            elif kind == "o" and _bracket_next(expander):
                reading.optional()
    expander.write("\n")


def _mark_begin(expander: Expander, name: str) -> None:
    """Say which section begins with an environment."""
    if _TABLES.fullmatch(name):
        expander.mark("T")
    elif name == "thebibliography":
        expander.mark("R")
        expander.flags.references += 1
    elif name in ("appendix", "appendices"):
        expander.mark("A")
    if _BOXED.match(name):
        expander.flags.boxed += 1


def _is_known(name: str) -> bool:
    """Say whether the reader knows an environment, whatever a style makes of it: the list of references is one."""
    return name in _LAYOUT or f"\\{name}" in STRUCTURE or name in ("abstract", "quote", "quotation")


def _bracket_next(expander: Expander) -> bool:
    frame = expander.reading.frames[-1] if expander.reading.peek() else None
    return frame is not None and re.compile(r"\s*(?:%[^\n]*\n\s*)?\[").match(frame.text, frame.at) is not None


def _write_title(expander: Expander, options: str) -> None:
    """Write what is text in an optional argument: the name of a theorem, the title of a box."""
    if "=" in options:
        _write_options(expander, options)
    elif not _POSITION.fullmatch(options):
        expander.write(f"\n{expander.expand(options)}\n")


def _odd_layout(expander: Expander) -> None:
    r"""`\begin{tabu} to \textwidth {lX}`, `\begin{picture}(10,20)`."""
    frame = expander.reading.frames[-1] if expander.reading.peek() else None
    match = frame and re.compile(r"\s*(?:\([^()]*\)\s*)+|\s*(?:to|spread)?[^{\n]{0,40}(?=\{)").match(
        frame.text, frame.at
    )
    if frame and match:
        frame.at = match.end()
        if not match[0].strip().endswith(")"):
            expander.reading.argument()


def _end(expander: Expander, command: str) -> None:
    name = expander.expand(expander.reading.argument()).strip()
    if name == "document":
        expander.ended = True
        return
    if name not in expander.open_environments:
        return
    while expander.open_environments and expander.open_environments.pop() != name:
        expander.close_group()  # an \end that is missing
    environment = expander.environments.get(name)
    if environment:
        arguments = expander.kept.get(f"arguments {name}", "").split("\x07") if environment.shares else []
        expander.reading.push(f"{environment.end.text(arguments)}\\endgroup{{}}")
        return
    closing = expander.meanings.get(f"\\end{name}")
    if isinstance(closing, Macro) and not _is_known(name):
        expander.reading.push(f"{closing.text([])}\\endgroup{{}}")
        return
    expander.write("\n")
    if _TABLES.fullmatch(name):
        expander.mark("t")
    elif name == "thebibliography":
        expander.mark("r")
        expander.flags.references = max(0, expander.flags.references - 1)
    if _BOXED.match(name):
        expander.flags.boxed = max(0, expander.flags.boxed - 1)
    expander.close_group()


def _verbatim_command(expander: Expander, command: str) -> None:
    r"""`\newenvironment{prompt}{\verbatim}{\endverbatim}`: the rest of the environment is set as it is typed."""
    name = expander.open_environments[-1] if expander.open_environments else ""
    if not name:
        return
    frames = expander.reading.frames
    while frames and not frames[-1].path:
        frames.pop()
    expander.write("\n" + shield(_raw(expander, name, keep_end=True)) + "\n")


def _box_options(expander: Expander, command: str) -> None:
    _write_options(expander, expander.reading.argument())


HANDLERS: dict[str, Handler] = {
    "\\begin": _begin,
    "\\end": _end,
    "\\verbatim": _verbatim_command,
    "\\boxoptions": _box_options,
}
