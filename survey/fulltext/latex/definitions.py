r"""Definitions: \newcommand and its kin, \def, \let, \newif, new environments; each gives a name its meaning.

A style file of the paper's own defines names (`\newcommand{\gsm}{GSM8K}`) and machinery (`\def\@maketitle{…}`).
Of a style only what stands for words is taken, and nobody's definition replaces the commands that give a paper its
structure, for a reader needs to know what a section is, and not how it looks.
"""

import re

from survey.fulltext.latex.expander import Environment, Expander, Handler, Meaning
from survey.fulltext.latex.macros import Macro, Parameter, macro, of_latex, of_tex, of_xparse
from survey.fulltext.latex.tokens import COMMENT, JOINT, closed, control_word, name_of

# Commands whose meaning stays what the reader knows, whatever a preamble makes of them.
_STRUCTURE_NAMES = """
    part chapter section subsection subsubsection paragraph subparagraph maketitle caption label ref eqref pageref
    cref Cref autoref cite citep citet title item begin end par appendix footnote includegraphics url href input
    include document enddocument bibliography printbibliography bibitem newcommand renewcommand def let DIFdel
    DIFadd DIFdelbegin DIFdelend DIFaddbegin DIFaddend usepackage documentclass else fi relax
"""
STRUCTURE = {f"\\{name}" for name in _STRUCTURE_NAMES.split()}
# Commands of TeX's own machinery: a macro of a style whose body has them sets a page, and stands for no words.
_MACHINERY = re.compile(
    r"\\(?:[A-Za-z]*@[A-Za-z@]*|[hv]box|[hv]skip|[hv]space|kern|penalty|par|noindent|hrule|vrule|global|expandafter"
    r"|begingroup|endgroup|newpage|clearpage|addvspace|titleformat|setlength|addtolength|vtop|vfill|hfill?|ifx|begin"
    r"|end|setcounter|addcontentsline|[ge]?def|newcommand|thispagestyle|fontsize|selectfont|parbox|centering)(?![A-Za-z@])"
)
_NUMBER = re.compile(r"\s*(\d)\s*")


def assign(expander: Expander, token: str, meaning: Meaning, *, everywhere: bool = False) -> None:
    """Give a name its meaning, unless it is one of the commands of structure, or machinery of a style."""
    if not token or token in STRUCTURE or (expander.file().style and not _stands_for_words(expander, token, meaning)):
        return
    expander.define(token, meaning, everywhere=everywhere)


def _stands_for_words(expander: Expander, token: str, meaning: Meaning) -> bool:
    if not isinstance(meaning, Macro):
        return not expander.is_defined(token)
    if "@" in token or (expander.is_defined(token) and not isinstance(expander.meanings.get(token), Macro)):
        return False
    return not any(_MACHINERY.search(piece) for piece in meaning.body if isinstance(piece, str))


def _newcommand(expander: Expander, command: str) -> None:
    r"""`\newcommand*{\gsm}[1][x]{…}`, `\renewcommand\gsm{…}`."""
    reading = expander.reading
    reading.star()
    token = reading.word()
    count = _NUMBER.fullmatch(reading.optional() or "0")
    default = reading.optional()
    if command == "\\newcommandx":  # `\newcommandx{\x}[2][1=abc]{…}`
        _newcommandx(expander, token, int(count[1]) if count else 0, default or "")
        return
    body = reading.argument()
    if command in ("\\providecommand", "\\providerobustcmd") and expander.is_defined(token):
        return
    assign(expander, token, macro(body, of_latex(int(count[1]) if count else 0, default)))


def _newcommandx(expander: Expander, token: str, count: int, defaults: str) -> None:
    parameters = [Parameter("m")] * count
    for number, default in re.findall(r"(\d)\s*=\s*(\{[^{}]*\}|[^,]*)", defaults):
        if 0 < int(number) <= count:
            parameters[int(number) - 1] = Parameter("o", default.strip("{}"))
    assign(expander, token, macro(expander.reading.argument(), tuple(parameters)))


def _document_command(expander: Expander, command: str) -> None:
    r"""`\NewDocumentCommand{\gsm}{s O{x} m}{…}`."""
    reading = expander.reading
    token, spec, body = reading.word(), reading.argument(), reading.argument()
    if command.startswith("\\Provide") and expander.is_defined(token):
        return
    assign(expander, token, macro(body, of_xparse(spec)))


def _def(expander: Expander, command: str) -> None:
    r"""`\def\x#1.{…}`, and \edef, which expands its body now; \gdef and \xdef outlive the group."""
    reading = expander.reading
    token = reading.word()
    reading.skip_spaces()
    if not reading.peek():
        return
    frame = reading.frames[-1]
    brace = frame.text.find("{", frame.at, frame.at + 1000)
    if brace < 0:
        return
    parameters, frame.at = frame.text[frame.at : brace], brace
    body = reading.group() or ""
    if command in ("\\edef", "\\xdef"):
        body = expander.expand(body)
    parameters = re.sub(rf"{COMMENT.pattern}|{JOINT}", "", parameters)
    everywhere = command in ("\\gdef", "\\xdef") or expander.kept.pop("global", "") == "yes"
    assign(
        expander,
        token,
        macro(body, of_tex(parameters.strip() if "#" not in parameters else parameters.lstrip())),
        everywhere=everywhere,
    )


def _let(expander: Expander, command: str) -> None:
    r"""`\let\hq\hotpot`, `\let\x=a`; \futurelet is not needed by any text."""
    reading = expander.reading
    token = reading.word()
    reading.token("=")
    reading.end_word()
    other = reading.word() if reading.peek() == "\\" or reading.peek() == "\x02" else _character(expander)
    let(expander, token, other)


def let(expander: Expander, token: str, other: str) -> None:
    """Give `token` the meaning that `other` has now."""
    everywhere = expander.kept.pop("global", "") == "yes"
    if other in ("\\undefined", "\\@undefined"):
        if expander.is_defined(token) and token not in STRUCTURE:
            expander.define(token, None, everywhere=everywhere)
            expander.guessed.add(token)
        return
    meaning = expander.meanings.get(other)
    if other == "\\relax" or (meaning is None and other[:1] != "\\"):
        meaning = macro("" if other == "\\relax" else other)
    elif meaning is None:
        meaning = macro(other)  # `\let\vec\mathbf`: a name for a command that only sets its words
    elif not isinstance(meaning, Macro):
        meaning = _called_as(meaning, other)
    if token in expander.conditionals or other in expander.conditionals:
        expander.conditionals.add(token)
    assign(expander, token, meaning, everywhere=everywhere)


def _called_as(handler: Handler, name: str) -> Handler:
    """Some handlers look at their name: an alias is called by the name of its original."""
    return lambda expander, token: handler(expander, name)


def _character(expander: Expander) -> str:
    reading = expander.reading
    char = reading.peek()
    if char:
        reading.frames[-1].at += 1
    return char


def _letcs(expander: Expander, command: str) -> None:
    r"""`\csletcs{a}{b}`, `\letcs{\a}{b}`, `\cslet{a}{\b}` of etoolbox."""
    first, second = expander.reading.argument(), expander.reading.argument()
    names = [expander.expand(n).strip() if "\\" not in n else n.strip() for n in (first, second)]
    let(expander, *(name if name[:1] == "\\" else control_word(name) for name in names))


def _csdef(expander: Expander, command: str) -> None:
    r"""`\csdef{gsm8k}{…}`, `\@namedef{gsm8k}{…}`."""
    name, body = expander.expand(expander.reading.argument()), expander.reading.argument()
    assign(expander, control_word(name), macro(expander.expand(body) if command.endswith("edef") else body))


def _append(expander: Expander, command: str) -> None:
    r"""`\appto\x{…}`, `\preto\x{…}`, `\g@addto@macro\x{…}`."""
    token, addition = expander.reading.word(), expander.reading.argument()
    before = expander.meanings.get(token)
    body = before.text([]) if isinstance(before, Macro) else ""
    assign(expander, token, macro(closed(addition) + body if "preto" in command else closed(body) + addition))


def _newif(expander: Expander, command: str) -> None:
    r"""`\newif\ifdraft` makes \ifdraft, \drafttrue and \draftfalse."""
    name = name_of(expander.reading.word())
    if not name.startswith("if"):
        return
    declare_switch(expander, f"\\{name}", name[2:])


def declare_switch(expander: Expander, token: str, name: str) -> None:
    """Make a switch that is off, the conditional `token` on it and the commands that set it."""
    expander.switches.setdefault(name, False)
    expander.conditionals.add(token)
    expander.define(token, expander.meanings["\\ifswitch"], everywhere=True)
    for value in (True, False):
        expander.define(f"\\{name}{str(value).lower()}", _setter(name, value), everywhere=True)


def _setter(name: str, value: bool) -> Handler:
    def switch(expander: Expander, token: str) -> None:
        set_switch(expander, name, value)

    return switch


def set_switch(expander: Expander, name: str, value: bool) -> None:
    """Switch `name` on or off, until the group ends."""
    before = expander.switches.get(name, False)
    if expander.kept.pop("global", "") != "yes":
        expander.at_group_end(lambda: expander.switches.__setitem__(name, before))
    expander.switches[name] = value


def _newenvironment(expander: Expander, command: str) -> None:
    r"""`\newenvironment{claim}[1][x]{begin}{end}`."""
    reading = expander.reading
    reading.star()
    name = reading.argument()
    count = _NUMBER.fullmatch(reading.optional() or "0")
    default = reading.optional()
    begin, end = reading.argument(), reading.argument()
    parameters = of_latex(int(count[1]) if count else 0, default)
    _declare(expander, name, Environment(macro(begin, parameters), macro(end)))


def _document_environment(expander: Expander, command: str) -> None:
    r"""`\NewDocumentEnvironment{claim}{O{x} +b}{begin}{end}`: the end may use the arguments."""
    reading = expander.reading
    name, spec, begin, end = (reading.argument() for _ in range(4))
    parameters = of_xparse(spec)
    _declare(expander, name, Environment(macro(begin, parameters), macro(end, parameters), shares=True))


def _new_environ(expander: Expander, command: str) -> None:
    r"""`\NewEnviron{hide}{…\BODY…}[end]` of the package environ: the content is an argument."""
    reading = expander.reading
    name = reading.argument()
    count = _NUMBER.fullmatch(reading.optional() or "0")
    default = reading.optional()
    body, parameters = reading.argument(), int(count[1]) if count else 0
    body = re.sub(r"\\BODY(?![A-Za-z@])", f"#{min(parameters + 1, 9)}", body)
    declared = (*of_latex(parameters, default), Parameter("b"))
    _declare(expander, name, Environment(macro(body, declared), macro(reading.optional() or "")))


def _declare(expander: Expander, name: str, environment: Environment) -> None:
    """Give an environment its meaning; a style's machinery (`\\@floatboxreset`) is no text."""
    if name in ("document", "abstract", "thebibliography", "table", "figure", "tabular", "appendix"):
        return
    if expander.file().style and any(
        _MACHINERY.search(piece) for side in (environment.begin, environment.end) for piece in side.body
        if isinstance(piece, str)
    ):  # fmt: skip
        return
    table, before = expander.environments, expander.environments.get(name)

    def restore() -> None:
        if before:
            table[name] = before
        else:
            table.pop(name, None)

    expander.at_group_end(restore)
    table[name] = environment


def _operator(expander: Expander, command: str) -> None:
    r"""`\DeclareMathOperator*{\argmax}{arg\,max}`."""
    expander.reading.star()
    token, body = expander.reading.word(), expander.reading.argument()
    assign(expander, token, macro(f"{{{body}}}"))


def _paired(expander: Expander, command: str) -> None:
    r"""`\DeclarePairedDelimiter{\abs}{|}{|}`: a command with one argument between the two."""
    token, left, right = expander.reading.word(), expander.reading.argument(), expander.reading.argument()
    assign(expander, token, macro(f"{left}#1{right}", (Parameter("m"),)))


def _global(expander: Expander, command: str) -> None:
    expander.kept["global"] = "yes"
    reading = expander.reading
    reading.skip_spaces()


def _tex_definition(expander: Expander, command: str) -> None:
    r"""`\newtheorem{claim}{Claim}[section]`, `\newcolumntype{L}[1]{…}`: names of the layout, not text."""
    reading = expander.reading
    reading.star()
    reading.argument()
    while reading.optional() is not None:
        pass
    reading.argument()
    while reading.optional() is not None:
        pass


def _patch(expander: Expander, command: str) -> None:
    r"""`\patchcmd{\x}{search}{replace}{success}{failure}`: machinery of the layout."""
    reading = expander.reading
    reading.optional()
    for _ in range(5):
        reading.argument()


_LATEX = (
    "newcommand",
    "renewcommand",
    "providecommand",
    "DeclareRobustCommand",
    "newcommandx",
    "renewcommandx",
    "newrobustcmd",
    "renewrobustcmd",
    "providerobustcmd",
    "DeclareTextFontCommand",
    "DeclareExpandableRobust",
)
_KINDS = ("New", "Renew", "Provide", "Declare")
HANDLERS: dict[str, Handler] = {
    **{f"\\{name}": _newcommand for name in _LATEX},
    **{f"\\{kind}{x}DocumentCommand": _document_command for kind in _KINDS for x in ("", "Expandable")},
    **{f"\\{kind}DocumentEnvironment": _document_environment for kind in _KINDS},
    **{f"\\{name}": _def for name in ("def", "gdef", "edef", "xdef", "protected@edef", "protected@xdef")},
    **{f"\\{name}": _csdef for name in ("csdef", "csgdef", "csedef", "csxdef", "@namedef", "namedef")},
    **{f"\\{name}": _append for name in ("appto", "preto", "gappto", "gpreto", "apptocmd", "g@addto@macro")},
    **{f"\\{name}": _letcs for name in ("letcs", "cslet", "csletcs", "@nameuselet")},
    **{f"\\{name}": _newenvironment for name in ("newenvironment", "renewenvironment", "provideenvironment")},
    **{
        f"\\{name}": _tex_definition
        for name in ("newtheorem", "declaretheorem", "spnewtheorem", "newcolumntype", "newfloat", "theoremstyle@")
    },
    "\\let": _let,
    "\\newif": _newif,
    "\\NewEnviron": _new_environ,
    "\\RenewEnviron": _new_environ,
    "\\DeclareMathOperator": _operator,
    "\\DeclarePairedDelimiter": _paired,
    "\\global": _global,
    "\\long": lambda e, t: None,
    "\\protected": lambda e, t: None,
    "\\outer": lambda e, t: None,
    "\\patchcmd": _patch,
}
