r"""Commands with arguments that are no text, and those that move text: `\label{tab:gsm8k}`, `\footnote{…}`.

A command that is not named here only sets its words: its name is dropped and the words in its braces stay.
"""

import re

from survey.fulltext.latex.expander import Expander, Handler
from survey.fulltext.latex.tokens import MARK, closed, name_of

# Arguments that are no text, by their kinds: * star, o in brackets, p in parentheses, m in braces. An argument behind
# them is text and stays: that of `\textcolor{red}{GSM8K}`, of `\multicolumn{2}{c}{GSM8K}`.
_DROPPED = {
    "m": (
        "thispagestyle pagestyle pagenumbering linespread bibliographystyle hypersetup graphicspath "
        "usetikzlibrary lstset sisetup tcbset tikzset pgfplotsset usemintedstyle hyphenation addbibresource "
        "hypertarget hyperlink fontfamily fontencoding fontseries fontshape theoremstyle addvspace pdfinfo "
        "DeclareGraphicsExtensions geometry bibpunct setcitestyle lstloadlanguages tcbuselibrary "
        "setdefaultlanguage setmainfont setsansfont setmonofont setCJKmainfont bstctlcite hyperbaseurl "
        "glossarystyle setglossarystyle index AtBeginBibliography inputencoding selectlanguage "
        "foreignlanguage bibinfo bibfield everypar phantom hphantom vphantom usebox label cline "
        "enlargethispage adjustbox"
    ),
    "mm": (
        "setlength addtolength settowidth settoheight settodepth markboth addtocontents crefalias "
        "newunicodechar DeclareUnicodeCharacter pgfmathsetmacro pgfmathtruncatemacro multicolumn"
    ),
    "mmm": "addcontentsline crefname Crefname",
    "om": (
        "setlist captionsetup rowfont columncolor bibitem fancyhead fancyfoot rhead lhead chead rfoot lfoot "
        "cfoot SetCell rotatebox cellcolor rowcolor pagecolor"
    ),
    "omm": "rule pdfbookmark",
    "ooom": "parbox",
    "oo": "makebox framebox",
    "*mm": "resizebox titlespacing",
    "moo": "raisebox",
    "mo": "multirowcell",
    "o": "footnotetext footnotemark hyperref linebreak pagebreak nolinebreak nopagebreak highlight tcbox",
    "*oom": "includegraphics includepdf includesvg includemedia epsfig epsfbox includeimage",
    "*m": "vspace",
}
_WITH_SPACE = {"vspace", "cline", "index"}


def _drop(kinds: str, space: bool = False) -> Handler:
    def drop(expander: Expander, command: str) -> None:
        reading = expander.reading
        for kind in kinds:
            if kind == "*":
                reading.star()
            elif kind == "o":
                reading.optional()
            elif kind == "p":
                reading.delimited("(", ")")
            elif kind == "m":
                reading.argument()
        if space:
            expander.write(" ")

    return drop


def _hspace(expander: Expander, command: str) -> None:
    r"""`\hspace{2cm}` is a space between words, `\hspace{0pt}` a place where a line may end."""
    expander.reading.star()
    if not re.match(r"\s*-|\s*\+?0*\.?0*\s*[a-z]", expander.reading.argument()):
        expander.write(" ")


def _key(expander: Expander, command: str) -> None:
    r"""`\ref{tab:gsm8k}`, `\cref*{fig:a,fig:b}`, `\labelcref{…}`: a number in print."""
    reading = expander.reading
    reading.star()
    if reading.optional() is None and reading.peek() in "{\\":
        reading.argument()
        if "range" in command:
            reading.argument()
    expander.write(" ")


def _cite(expander: Expander, command: str) -> None:
    r"""`\citep[see][p. 3]{lee24, kim23}`, `\textcites(…)[…]{lee24}{kim23}`."""
    reading = expander.reading
    reading.star()
    reading.delimited("(", ")")
    while reading.optional() is not None:
        pass
    if reading.peek() == "{":
        expander.cited.update(key.strip() for key in reading.argument().split(","))
        while command.endswith("s") and reading.peek() in "[{" and reading.peek():
            while reading.optional() is not None:
                pass
            if reading.peek() != "{":
                break
            expander.cited.update(key.strip() for key in reading.argument().split(","))
    expander.write(" ")


def guess(token: str) -> Handler | None:
    r"""Return what a command does whose definition is not in the source, by its name: `\figref`, `\citeyearonly`."""
    name = name_of(token)
    if re.search(r"[Cc]ite(?![A-Za-z]*(?:style|color))", name):
        return _cite
    return _key if re.fullmatch(r"[A-Za-z@]*[rR]ef(?:s|range|\d)?", name) and name not in ("pref",) else None


_ARXIV = re.compile(r"(?:arxiv\.org/(?:abs|pdf)/|10\.48550/arXiv\.)([^{}\s]+?)(?:\.pdf)?$", re.IGNORECASE)


def _address(expander: Expander, command: str) -> None:
    r"""`\url{https://…}`, `\href{https://…}{the code}`: no text; of the references its arXiv id stays."""
    reading = expander.reading
    if command == "\\href":
        reading.optional()
    reading.skip_spaces()
    address = reading.verbatim() if command != "\\href" or reading.peek() == "{" else reading.argument()
    arxiv_id = _ARXIV.search(address.strip()) if expander.flags.references else None
    expander.write(f" arXiv:{arxiv_id[1]} " if arxiv_id else "" if command == "\\href" else " ")


def _heading(expander: Expander, command: str) -> None:
    r"""`\section[short]{GSM8K}`: a line of its own; that of an appendix begins it."""
    reading = expander.reading
    reading.star()
    reading.optional()
    text = reading.argument()
    if command in ("\\section", "\\chapter") and _APPENDIX.fullmatch(expander.expand(text)):
        expander.mark("A")
        return
    reading.push(f"\n\n{closed(text)}\n")


_APPENDIX = re.compile(r"\s*(?:appendi(?:x|ces)|supplement(?:ary|al)\s+materials?)[\s:.]*", re.IGNORECASE)


def _appendix(expander: Expander, command: str) -> None:
    expander.mark("A")


def _caption(expander: Expander, command: str) -> None:
    r"""`\caption[short]{long}`, `\captionof{table}{…}`."""
    reading = expander.reading
    reading.star()
    if command in ("\\captionof", "\\tcaptionof"):
        reading.argument()
        reading.star()
    reading.optional()
    text = reading.argument()
    expander.mark("C")
    reading.push(f"{closed(text)}{MARK}c")


def _aside(expander: Expander, command: str) -> None:
    r"""`\footnote[2]{…}`, `\marginpar{…}`: words that do not run on from the word before."""
    reading = expander.reading
    reading.optional()
    reading.push(f" {closed(reading.argument())} ")


def _todo(expander: Expander, command: str) -> None:
    r"""`\todo[inline]{…}` is printed unless `\usepackage[disable]{todonotes}`."""
    reading = expander.reading
    reading.optional()
    text = reading.argument()
    reading.push("" if "disabled todonotes" in expander.kept else f" {closed(text)} ")


def _title(expander: Expander, command: str) -> None:
    r"""`\title[short]{Learning to Count\thanks{…}}`: kept, for it is printed once, wherever it is set."""
    expander.reading.optional()
    expander.kept["title"] = expander.reading.argument()


def _make_title(expander: Expander, command: str) -> None:
    """The macros in the title mean what they mean here."""
    if "title" in expander.kept and "set title" not in expander.kept:
        expander.kept["set title"] = expander.expand(_without_notes(expander.kept["title"]))


def _without_notes(text: str) -> str:
    return (
        f"\\let\\thanks\\gobble\\let\\footnote\\gobble {text}" if "\\thanks" in text or "\\footnote" in text else text
    )


def set_title(expander: Expander) -> str:
    """Return the title, expanded."""
    _make_title(expander, "")
    return expander.kept.get("set title", "")


def _abstract(expander: Expander, command: str) -> None:
    r"""`\abstract{…}` in the preamble, where some classes want it, is text of the paper; in the document it stays."""
    reading = expander.reading
    if reading.peek() == "{" and "document" not in expander.kept:
        expander.kept["abstract"] = expander.kept.get("abstract", "") + reading.argument()


def _item(expander: Expander, command: str) -> None:
    r"""`\item[GSM8K]`: its name is printed."""
    name = expander.reading.optional()
    expander.reading.push(f"\n{closed(name)} " if name else "\n")


def _multirow(expander: Expander, command: str) -> None:
    r"""`\multirow[t]{2}[4]{*}[2pt]{GSM8K}`, `\multirow{2}*{GSM8K}`."""
    reading = expander.reading
    reading.optional()
    reading.argument()
    reading.optional()
    if not reading.star():
        reading.argument()
    reading.optional()


def _cell(expander: Expander, command: str) -> None:
    r"""`\thead[l]{Human\\Eval}`: a narrow cell breaks a name in two, which a hyphen shows as at the end of a line."""
    reading = expander.reading
    reading.star()
    reading.optional()
    text = reading.argument()
    halves = re.fullmatch(r"\s*(\w+)\s*\\\\\s*(\w+)\s*", text)
    reading.push(f"{{{halves[1]}-{halves[2]}}}" if halves else f"{{{text}}}")


def _line_end(expander: Expander, command: str) -> None:
    r"""`\\*[2pt]`: the length is no text."""
    frame = expander.reading.frames[-1] if expander.reading.frames else None
    if frame:
        match = re.compile(r"\*?[ \t]*(?:\[\s*-?[\d.]*\s*(?:\\[A-Za-z]+|[a-z]{2})\s*\])?").match(frame.text, frame.at)
        frame.at = match.end() if match else frame.at
    expander.write("\n")


HANDLERS: dict[str, Handler] = {
    f"\\{name}": _drop(kinds, name in _WITH_SPACE) for kinds, names in _DROPPED.items() for name in names.split()
}
HANDLERS |= {
    **{
        f"\\{name}": _cite
        for name in ("cite", "citep", "citet", "nocite", "parencite", "textcite", "autocite", "footcite")
    },
    **{
        f"\\{name}": _key
        for name in ("ref", "eqref", "pageref", "cref", "Cref", "autoref", "nameref", "vref", "subref")
    },
    **{f"\\{name}": _address for name in ("url", "path", "href", "nolinkurl")},
    **{
        f"\\{name}": _heading
        for name in (
            "part",
            "chapter",
            "section",
            "subsection",
            "subsubsection",
            "paragraph",
            "subparagraph",
            "addsec",
            "addchap",
        )
    },
    **{
        f"\\{name}": _caption
        for name in ("caption", "captionof", "subcaption", "tcaptionof", "figcaption", "tabcaption")
    },
    **{f"\\{name}": _aside for name in ("footnote", "marginpar", "sidenote", "marginnote", "endnote", "thanks")},
    **{f"\\{name}": _todo for name in ("todo", "missingfigure", "fxnote", "fixme")},
    **{f"\\{name}": _cell for name in ("makecell", "thead", "shortstack", "Centerstack")},
    "\\appendix": _appendix,
    "\\title": _title,
    "\\maketitle": _make_title,
    "\\abstract": _abstract,
    "\\item": _item,
    "\\multirow": _multirow,
    "\\hspace": _hspace,
    "\\cmidrule": _drop("opm", space=True),
    "\\\\": _line_end,
}
