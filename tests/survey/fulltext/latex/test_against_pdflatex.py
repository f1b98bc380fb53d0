r"""Random small documents, read by the expander, have the words that `pdflatex` sets.

Each document is built from a grammar of definitions, conditionals, groups, inputs and verbatim text; its seed names it.
The tests are skipped where pdflatex is missing (Debian: texlive-latex-base, texlive-latex-recommended).
"""

import random
import re
import shutil
import subprocess
import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from survey.fulltext.latex import read_latex
from survey.fulltext.pdf import read_pdf

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("pdflatex") is None, reason="no pdflatex: apt-get install texlive-latex-recommended"
    ),
]
PREAMBLE = r"""\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage[paperwidth=50cm,paperheight=200cm,margin=1cm]{geometry}
\usepackage{ifthen,xspace,verbatim,listings,etoolbox}
\pagestyle{empty}\hyphenpenalty=10000\exhyphenpenalty=10000\raggedright\parindent=0pt
\lstset{basicstyle=\ttfamily,columns=fullflexible,keepspaces=true}
\makeatletter
"""
NAMES = [
    "GSM8K",
    "MATH",
    "HotpotQA",
    "TriviaQA",
    "SVAMP",
    "AIME",
    "MuSiQue",
    "WebShop",
    "ALFWorld",
    "HumanEval",
    "LiveCodeBench",
]


class Grammar:
    """Writes one random document: `text` makes a piece, and the files that it inputs are kept in `files`."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.files: dict[str, str] = {}
        self.names = 0
        self.switches: list[str] = []
        self.productions: list[Callable[[int], str]] = [
            getattr(self, name) for name in dir(self) if name.startswith("make_")
        ]

    def document(self) -> str:
        """Return a whole document of some twelve pieces."""
        pieces = "\n\n".join(self.text(3) for _ in range(12))
        return f"{PREAMBLE}{''.join(self.switches)}\\begin{{document}}\n{pieces}\n\\end{{document}}\nAFTER THE END\n"

    def word(self) -> str:
        """Return a name, or a word of letters."""
        if self.random.random() < 0.4:
            return self.random.choice(NAMES)
        return "".join(self.random.choice("abdegiklmnoprstu") for _ in range(self.random.randint(3, 7)))

    def words(self) -> str:
        """Return one to three words."""
        return " ".join(self.word() for _ in range(self.random.randint(1, 3)))

    def name(self) -> str:
        """Return a new name of letters."""
        self.names += 1
        return "q" + "".join(chr(ord("a") + int(digit)) for digit in str(self.names)) + "z"

    def text(self, depth: int) -> str:
        """Return a piece: words around a random construct."""
        if depth <= 0:
            return self.words()
        inside = self.random.choice(self.productions)(depth - 1)
        return f"{self.words()} {inside} {self.words()}"

    def body(self) -> str:
        """Return a piece that a macro may print twice: it defines nothing."""
        return (
            f"{self.words()} {self.random.choice([self.make_font, self.make_signs, self.make_constant_conditional])(0)}"
        )

    def pick(self, *choices: str) -> str:
        """Return one of `choices`."""
        return self.random.choice(choices)

    def use(self, name: str) -> str:
        r"""Return a use of a macro without arguments, with what authors write behind it."""
        return f"\\{name}" + self.pick("{}", "\\ ", " ", "\n", ",", "-", " % a remark\n", "\\relax{} ", ".")

    def make_command(self, depth: int) -> str:
        """A macro without arguments, in the usual spellings."""
        name = self.name()
        head = self.pick(f"\\newcommand{{\\{name}}}", f"\\newcommand\\{name}", f"\\newcommand*{{\\{name}}}[0]",
                         f"\\providecommand{{\\{name}}}", f"\\DeclareRobustCommand{{\\{name}}}", f"\\def\\{name}",
                         f"\\NewDocumentCommand{{\\{name}}}{{}}", f"\\gdef\\{name}",
                         f"\\long\\def\\{name}")  # fmt: skip
        tail = self.pick("", "\\xspace")
        return f"{head}{{{self.body()}{tail}}}{self.use(name)} {self.use(name)}"

    def make_arguments(self, depth: int) -> str:
        """A macro with two arguments, one of which may be optional."""
        name, default = self.name(), self.pick("", f"[{self.word()}]")
        body = self.pick("#2 then #1", "#1-#2", "{#2}#1", "#2", "\\textbf{#1} of #2")
        use = f"\\{name}" + (self.pick("", f"[{self.words()}]", " ") if default else f"{{{self.text(depth - 1)}}}")
        return f"\\newcommand{{\\{name}}}[2]{default}{{{body}}}{use}{{{self.text(depth - 1)}}}"

    def make_swallowed(self, depth: int) -> str:
        """A macro that prints nothing of its argument."""
        name = self.name()
        return f"\\newcommand{{\\{name}}}[1]{{}}\\{name}{{{self.text(depth - 1)}}}"

    def make_redefined(self, depth: int) -> str:
        """A macro that changes in the middle, in a group or for good."""
        name = self.name()
        change = f"\\renewcommand{{\\{name}}}{{{self.words()}}}\\{name}{{}}"
        change = self.pick(
            f"{{{change}}}", f"\\begingroup{change}\\endgroup{{}}", f"{{\\bgroup{change}\\egroup}}", change
        )
        return f"\\newcommand{{\\{name}}}{{{self.words()}}}\\{name}{{}} {change} \\{name}{{}}"

    def make_delimited(self, depth: int) -> str:
        """A macro of TeX whose arguments end at marks."""
        name = self.name()
        mark = self.pick(";", " to ", "::", "/")
        return f"\\def\\{name}#1{mark}#2.{{#2 {self.word()} #1}}\\{name} {self.words()}{mark}{self.words()}."

    def make_alias(self, depth: int) -> str:
        """A second name for a macro, which keeps the old meaning."""
        old, new = self.name(), self.name()
        return (f"\\newcommand{{\\{old}}}{{{self.words()}}}\\let\\{new}{self.pick('', '=', ' ')}\\{old} "
                f"\\renewcommand{{\\{old}}}{{{self.words()}}}{self.use(new)} {self.use(old)}")  # fmt: skip

    def make_expanded_definition(self, depth: int) -> str:
        r"""\edef keeps the words of its time, \def follows."""
        inner, outer = self.name(), self.name()
        kind = self.pick("edef", "def", "xdef", "gdef")
        return (f"\\def\\{inner}{{{self.words()}}}\\{kind}\\{outer}{{{self.word()} \\{inner}}}"
                f"\\def\\{inner}{{{self.words()}}}\\{outer}{{}}")  # fmt: skip

    def make_document_command(self, depth: int) -> str:
        """A star, an optional argument and a default."""
        name = self.name()
        body = (
            f"\\IfBooleanTF{{#1}}{{{self.word()}}}{{{self.word()}}} \\IfNoValueTF{{#2}}{{{self.word()}}}{{(#2)}} #3 #4"
        )
        use = self.pick("*", "") + self.pick("", f"[{self.word()}]") + f"{{{self.text(depth - 1)}}}"
        return (
            f"\\NewDocumentCommand{{\\{name}}}{{s o m O{{{self.word()}}}}}{{{body}}}\\{name}{use}{self.pick('', '[x]')}"
        )

    def make_constant_conditional(self, depth: int) -> str:
        r"""\iffalse and \iftrue, within each other."""
        inner = f"\\if{self.pick('true', 'false')} {self.words()}\\else {self.words()}\\fi"
        return f"\\if{self.pick('true', 'false')} {inner} {self.text(depth - 1)}\\else {inner} {self.words()}\\fi{{}}"

    def make_switch(self, depth: int) -> str:
        r"""\newif with its value, set in a group or for good."""
        name = self.name()
        setting = self.pick(f"\\{name}true", f"\\{name}false", f"{{\\{name}true}}", "", f"{{\\global\\{name}true}}")
        negated = self.pick("", "\\unless")
        self.switches.append(
            f"\\newif\\if{name}\n"
        )  # TeX passes over a branch rightly only if it knows what is a conditional
        return f"{setting}{negated}\\if{name} {self.text(depth - 1)}\\else {self.words()}\\fi{{}}"

    def make_comparison(self, depth: int) -> str:
        r"""\ifx on macros with equal and different bodies, \ifdefined, \ifcsname."""
        first, second, body = self.name(), self.name(), self.word()
        test = self.pick(f"\\ifx\\{first}\\{second}", f"\\ifdefined\\{first}", f"\\ifcsname {second}\\endcsname",
                         f"\\ifdefined\\{first}never", f"\\ifx\\{first}\\undefined", "\\ifx ab", "\\if aa")  # fmt: skip
        other = self.pick(body, self.word())
        return (f"\\def\\{first}{{{body}}}\\def\\{second}{{{other}}}"
                f"{test} {self.words()}\\else {self.text(depth - 1)}\\fi{{}}")  # fmt: skip

    def make_numbers(self, depth: int) -> str:
        r"""Counters, \ifnum, \ifodd and \ifcase."""
        name = self.name()
        value = self.random.randint(0, 4)
        test = self.pick(f"\\ifnum\\value{{{name}}}>2", f"\\ifodd\\value{{{name}}}", f"\\ifnum 2<\\value{{{name}}}")
        cases = (
            f"\\ifcase\\value{{{name}}} {self.word()}\\or {self.word()}\\or {self.word()}\\else {self.word()}\\fi{{}}"
        )
        step = self.pick("", f"\\stepcounter{{{name}}}")
        return (f"\\newcounter{{{name}}}\\setcounter{{{name}}}{{{value}}}{step}"
                f"{test} {self.words()}\\else {self.text(depth - 1)}\\fi{{}} {cases} \\arabic{{{name}}}")  # fmt: skip

    def make_if_then_else(self, depth: int) -> str:
        """The packages ifthen and etoolbox."""
        name, word = self.name(), self.word()
        turn = self.pick("", f"\\toggletrue{{{name}}}")
        return self.pick(
            f"\\def\\{name}{{{word}}}\\ifthenelse{{\\equal{{\\{name}}}{{{self.pick(word, 'other')}}}}}",
            f"\\newboolean{{{name}}}\\setboolean{{{name}}}{{{self.pick('true', 'false')}}}"
            f"\\ifthenelse{{\\boolean{{{name}}}}}",
            f"\\ifthenelse{{\\NOT {self.pick('1', '3')}<2 \\AND \\equal{{a}}{{a}}}}",
            f"\\newtoggle{{{name}}}{turn}\\iftoggle{{{name}}}",
            f"\\ifstrequal{{{word}}}{{{self.pick(word, 'x')}}}", f"\\ifblank{{{self.pick('', ' ', 'x')}}}",
            f"\\def\\{name}{{{self.pick('', 'x')}}}\\ifdefempty{{\\{name}}}", f"\\ifdef{{\\{name}}}",
            f"\\@ifundefined{{{self.pick(name, 'textbf')}}}",
        ) + f"{{{self.text(depth - 1)}}}{{{self.words()}}}"  # fmt: skip

    def make_comment(self, depth: int) -> str:
        """A comment joins two lines; an escaped sign is none."""
        return f"{self.word()}% {self.words()}\n  {self.word()} 5\\% {self.word()}\\\\% {self.words()}\n{self.word()}"

    def make_left_out(self, depth: int) -> str:
        """The environment comment."""
        content = f"\\begin{{comment}}\n{self.words()} \\iffalse }}\n\\end{{comment}}"
        self.files[f"{(file := self.name())}.tex"] = f"{self.word()}\n\n{content}\n\n{self.word()}\n"
        return f"\\input{{{file}}}"

    def make_verbatim(self, depth: int) -> str:
        r"""Text as it is typed; only outside arguments."""
        content = f"{self.word()} % {self.word()}\n\\{self.word()} {{ {self.word()} \\iffalse"
        environment = self.pick("verbatim", "lstlisting")
        inline = self.pick(f"\\verb|{self.word()} % {self.word()}|", f"\\verb+{self.word()}+")
        self.files[f"{(name := self.name())}.tex"] = (
            f"\\begin{{{environment}}}\n{content}\n\\end{{{environment}}}\n{self.word()} {inline}\n"
        )
        return f"\\input{{{name}}}"

    def make_input(self, depth: int) -> str:
        r"""Files in the spellings of \input; \endinput ends one."""
        name = self.name()
        end = self.pick("", f"\\endinput {self.word()}")
        self.files[f"{name}.tex"] = f"{self.text(depth - 1)}\n{end}\n{self.words()}\n"
        missing = f"\\InputIfFileExists{{missing}}{{{self.word()}}}{{{self.word()}}}"
        return self.pick(f"\\input{{{name}}}", f"\\input {name} ", f"\\input{{{name}.tex}}", missing,
                         f"\\def\\{name}{{\\input{{{name}}}}}\\{name}{{}}",
                         f"\\IfFileExists{{{name}.tex}}{{{self.word()}}}{{{self.word()}}}",
                         f"\\InputIfFileExists{{{name}}}{{{self.word()} }}{{{self.word()}}}")  # fmt: skip

    def make_environment(self, depth: int) -> str:
        """Environments of the paper's own."""
        name = self.name()
        definition = self.pick(
            f"\\newenvironment{{{name}}}[1]{{{self.word()} #1: }}{{ {self.word()}}}",
            f"\\newenvironment{{{name}}}[1][{self.word()}]{{{self.word()} #1: }}{{ {self.word()}}}"
            f"\\begin{{{name}}}{self.word()}\\end{{{name}}}",
            f"\\NewDocumentEnvironment{{{name}}}{{m}}{{{self.word()} }}{{ #1}}",
        )
        option = f"[{self.word()}]" if "[1][" in definition else f"{{{self.word()}}}"
        return f"{definition}\\begin{{{name}}}{option}{self.text(depth - 1)}\\end{{{name}}}"

    def make_csname(self, depth: int) -> str:
        r"""Names of \csname, by \expandafter."""
        name = self.name()
        key = f"{name}:8"
        return self.pick(
            f"\\expandafter\\def\\csname {key}\\endcsname{{{self.words()}}}\\csname {key}\\endcsname{{}}",
            f"\\expandafter\\newcommand\\csname {name}\\endcsname[1]{{{self.word()} #1}}"
            f"\\{name}{{{self.text(depth - 1)}}}",
            f"\\csdef{{{key}}}{{{self.words()}}}\\csuse{{{key}}}",
            f"\\@namedef{{{key}}}{{{self.words()}}}\\@nameuse{{{key}}}",
            f"\\def\\{name}{{{self.word()}}}\\expandafter\\def\\expandafter\\{name}\\expandafter{{\\{name} x}}"
            f"\\{name}{{}} \\{name}",
        )

    def make_loop(self, depth: int) -> str:
        r"""\loop and \@for."""
        name = self.name()
        return self.pick(
            f"\\newcount\\{name} \\{name}=0 \\loop {self.word()} \\advance\\{name} by 1 \\ifnum\\{name}<3 \\repeat",
            f"\\@for\\{name}:={self.word()},{self.word()}\\do{{\\{name}; }}",
            f"\\forcsvlist{{\\textbf}}{{{self.word()},{self.word()}}}",
        )

    def make_font(self, depth: int) -> str:
        """Commands and switches of the font do not part a name."""
        return self.pick(
            f"\\textbf{{{self.text(depth - 1)}}}", f"{{\\bfseries {self.words()}}}",
            f"\\mbox{{{self.word()}}}\\mbox{{{self.word()}}}",
            f"{{\\sc {self.word()}}}{{\\em {self.word()}}}",
            f"{self.word()}\\-{self.word()}", f"\\MakeUppercase{{{self.words()}}}", f"\\uppercase{{{self.words()}}}",
        )  # fmt: skip

    def make_signs(self, depth: int) -> str:
        """Accents and signs."""
        return self.pick("na\\\"{\\i}ve", "caf\\'e", "\\o re", "R\\&D", "a\\_b", "10--20", "$x$-ray",
                         "\\'{\\i}x", "\\c{c}a", "$\\mathrm{GSM}8$K", "\\textasciitilde x")  # fmt: skip

    def make_table(self, depth: int) -> str:
        """Cells, of which the layout is no text."""
        cells = " & ".join(self.word() for _ in range(3))
        head = f"\\multicolumn{{2}}{{c|}}{{{self.word()}}} & {self.word()} \\\\[2pt] \\cline{{1-2}}"
        return f"\\begin{{tabular}}[t]{{|l@{{ }}cr|}} {head} {cells} \\\\* \\hline {cells}\\end{{tabular}}"

    def make_list(self, depth: int) -> str:
        """Items with and without a name."""
        items = f"\\item[{self.word()}] {self.text(depth - 1)} \\item {self.word()}"
        return f"\\begin{{description}}{items}\\end{{description}}"

    def make_heading(self, depth: int) -> str:
        """Headings stand alone."""
        heading = f"\\section*{{{self.words()}}}\\label{{sec:gsm8k}}"
        return f"\n{heading}\n{self.text(depth - 1)} \\vspace{{2pt}}\\hspace*{{1em}} x"

    def make_tokens(self, depth: int) -> str:
        """Registers of tokens, and numbers in words."""
        name = self.name()
        return self.pick(f"\\newtoks\\{name} \\{name}={{{self.words()}}}\\the\\{name}", "\\romannumeral 14 ",
                         "\\number 012 ",
                         f"\\string\\{name} x", f"\\detokenize{{{self.word()}}}")  # fmt: skip

    def make_next_character(self, depth: int) -> str:
        r"""Macros that look at what comes next, as LaTeX's own do."""
        name = self.name()
        return (f"\\def\\{name}{{\\@ifstar{{{self.word()} }}{{\\@ifnextchar[{{\\{name}x}}{{{self.word()} }}}}}}"
                f"\\def\\{name}x[#1]{{#1 }}\\{name}{self.pick('*', '[y]', '')} {self.word()}")  # fmt: skip

    def make_math(self, depth: int) -> str:
        """Words in formulas."""
        return f"$\\mathrm{{{self.word()}}}$ \\ensuremath{{x}} \\(y\\)"


def words_of(text: str) -> list[str]:
    """Return the words of a text, of letters and digits alone."""
    text = unicodedata.normalize("NFKC", text).replace("\u00ad", "")
    return re.findall(r"[^\W_]+", text)


def set_by_pdflatex(folder: Path, source: str, files: dict[str, str]) -> bytes:
    """Return the PDF of a document; a document that TeX refuses fails the test with TeX's words."""
    for name, text in {**files, "main.tex": source}.items():
        (folder / name).write_text(text)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "main.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
    errors = re.findall(r"^!.*\n.*\n.*", done.stdout, re.MULTILINE)
    assert done.returncode == 0, f"TeX refuses the document: {errors}\n{source}"
    return (folder / "main.pdf").read_bytes()


@pytest.mark.parametrize("seed", range(60))
def test_a_random_document_has_the_words_that_tex_sets(seed: int, tmp_path: Path) -> None:
    """The same words in the same order."""
    grammar = Grammar(seed)
    source = grammar.document()
    pdf = set_by_pdflatex(tmp_path, source, grammar.files)
    tree = {name: text.encode() for name, text in {**grammar.files, "main.tex": source}.items()}
    assert words_of(read_latex(tree).text) == words_of(read_pdf(pdf).text)
