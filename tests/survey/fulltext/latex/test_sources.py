r"""Sources of several files: which file is the paper, which files it reads, and what styles of its own define."""

import pytest

from posttrain.errors import UnreadableError
from survey.fulltext.latex import find_root, read_latex
from survey.fulltext.latex.root import find_roots
from survey.fulltext.sections import Section
from tests.builders import latex


def words(**files: str) -> str:
    """Return the text of a source on one line; in the names __ stands for a slash, and _DOT_ for a dot."""
    return " ".join(read_latex(tree(files)).text.split())


def tree(files: dict[str, str]) -> dict[str, bytes]:
    """Return a source tree: `main` is main.tex, `x_DOT_sty` is x.sty."""
    names = {name: name.replace("__", "/").replace("_DOT_", ".") for name in files}
    return {(n if "." in n else f"{n}.tex"): files[name].encode() for name, n in names.items()}


@pytest.mark.parametrize(
    ("main", "files"),
    [
        (r"\subimport{parts/}{a}", {"parts__a": r"A \input{b}", "parts__b": "B"}),
        (r"\import{parts/}{a} \input{c}", {"parts__a": r"\subimport{deep/}{b}", "parts__deep__b": "A B", "c": ""}),
        (r"\makeatletter\def\input@path{{x/}{parts/}}\makeatother \input{a}", {"parts__a": "A B"}),
        (r"\newcommand{\folder}{parts}\input{\folder/a}", {"parts__a": "A B"}),
        (r"\newcommand{\sec}[1]{\input{parts/#1}}\sec{a}", {"parts__a": "A B"}),
        (r"\InputIfFileExists{parts/a}{A}{GONE}", {"parts__a": "B"}),
        (r"\IfFileExists{../x/y.tex}{\input{../x/y}}{A B}", {}),
        (r"\iffalse\input{../x/y}\fi A B", {}),
        (r"\newif\ifb\bfalse A \ifb\input{gone}\fi B", {}),
        (r"\includeonly{a,b}\include{a}\include{c}\include{b}", {"a": "A", "b": "B", "c": "GONE"}),
        (r"\input{a}B", {"a": "A\n\\endinput\nGONE"}),
        (r"\input{a.tikz} B", {"a_DOT_tikz": "A"}),
        (r"\input{a}", {"a": latex("A B").replace("{article}", "[tikz]{standalone}")}),
        (r"\lstinputlisting[language=x]{p.txt} B", {"p_DOT_txt": "A"}),
        (r"\newcommand{\x}{A}\input{a}", {"a": r"\x{} \renewcommand{\x}{B}\x"}),
    ],
)  # fmt: skip
def test_the_files_that_tex_reads_are_read(main: str, files: dict[str, str]) -> None:
    """And no other."""
    assert words(main=latex(main), **files) == "A B"


def test_a_guarded_file_that_is_absent_leaves_no_note() -> None:
    """Only what the paper prints can be missing in it."""
    text = read_latex({"main.tex": latex(r"\IfFileExists{gone}{\input{gone}}{} A").encode()})
    assert (text.text.strip(), text.note) == ("A", "")


@pytest.mark.parametrize("style", ["names_DOT_sty", "src__names_DOT_sty"])
def test_a_style_beside_the_root_or_at_the_top_defines_names(style: str) -> None:
    """Its machinery stays out."""
    content = (
        r"\def\@maketitle{\vbox{GONE}}\newcommand{\gsm}{\textsc{Gsm}8K}\newcommand{\cut}[1]{}\renewcommand{\section}{x}"
    )
    main = latex(r"\maketitle\section{T}\gsm{} \cut{GONE}", r"\usepackage[x]{names}")
    assert words(**{"src__main": main, style: content}) == "T Gsm8K"


def test_the_options_of_a_style_are_heard() -> None:
    r"""`\DeclareOption` and `\ProcessOptions`."""
    style = r"\newif\ifshow\DeclareOption{show}{\showtrue}\ProcessOptions\newcommand{\n}[1]{\ifshow#1\fi}"
    assert words(main=latex(r"A\n{ B}", r"\usepackage[show]{own}"), own_DOT_sty=style) == "A B"
    assert words(main=latex(r"A\n{ B}", r"\usepackage{own}"), own_DOT_sty=style) == "A"


def test_a_class_of_the_papers_own_defines_names() -> None:
    r"""`\documentclass{own}`, and the style that it requires."""
    main = r"\documentclass{own}\begin{document}\a{} \b\end{document}"
    assert words(main=main, own_DOT_cls=r"\RequirePackage{more}\newcommand{\a}{A}", more_DOT_sty=r"\def\b{B}") == "A B"


@pytest.mark.parametrize(
    ("others", "root"),
    [
        ({"supp": latex("S " * 900)}, "main.tex"),
        ({"extra": latex("S " * 900, r"\title{Supplementary Material for X}")}, "main.tex"),
        ({"response": latex("S " * 900)}, "main.tex"),
        ({"anc__long": latex("S " * 900)}, "main.tex"),
        ({"fig": latex("S " * 900).replace("{article}", "{standalone}")}, "main.tex"),
        ({"longer": latex("S " * 900), "main_DOT_bbl": "x"}, "main.tex"),
        ({"00README_DOT_XXX": "main.tex ignore\n", "b": latex("B")}, "b.tex"),
        ({"00README_DOT_yaml": "sources:\n  - filename: b.tex\n    usage: toplevel\n", "b": latex("B")}, "b.tex"),
        ({"00README_DOT_json": '{"sources": [{"filename": "main.tex", "usage": "ignore"}]}', "b": latex("B")}, "b.tex"),
        ({"head": r"\documentclass{article}" + "%" * 900}, "main.tex"),
    ],
)
def test_the_paper_is_the_root(others: dict[str, str], root: str) -> None:
    """And no supplement, letter, figure or ancillary file, however long."""
    sources = {name: data.decode() for name, data in tree({"main": latex("MAIN", r"\title{X}"), **others}).items()}
    assert find_root(sources) == root


def test_a_preamble_in_another_file_makes_no_root() -> None:
    r"""The file that reads it is the paper, though it has no \documentclass of its own."""
    files = {"main.tex": "\\input{head}\\begin{document}TEXT\\end{document}", "head.tex": "\\documentclass{article}"}
    assert find_root(files) == "main.tex"


def test_a_supplement_is_kept_beside_the_paper() -> None:
    """As an appendix, with a note; its title is not the paper's."""
    supplement = latex(r"\maketitle EXTRA", r"\title{Supplementary Material}")
    text = read_latex(tree({"main": latex("MAIN", r"\title{Paper}"), "supplement": supplement}))
    assert (text.title, text.note) == ("Paper", "supplement.tex is read as an appendix")
    assert text.section_at(text.text.index("EXTRA")) is Section.APPENDIX
    assert text.section_at(text.text.index("MAIN")) is Section.BODY


def test_two_versions_of_a_paper_are_not_added_up() -> None:
    """An older copy beside it is no supplement."""
    assert find_roots({"v1.tex": latex("A"), "v2.tex": latex("A A")}).supplements == ()


@pytest.mark.parametrize("name", ["paper.latex", "paper", "PAPER.TEX"])
def test_a_source_is_known_by_its_content_or_suffix(name: str) -> None:
    """`.latex`, no suffix, capitals."""
    assert read_latex({name: latex("TEXT").encode(), "notes.txt": b"GONE"}).text.strip() == "TEXT"


@pytest.mark.parametrize("command", [r"\input{../x}", r"\import{../}{x}", r"\input{\up x}", r"\subimport{../../}{x}"])
def test_an_input_that_is_executed_and_leaves_the_source_is_refused(command: str) -> None:
    """Also where a macro hides the way."""
    with pytest.raises(UnreadableError, match="leaves the source"):
        words(main=latex(command, r"\def\up{../}"), x="SECRET")
