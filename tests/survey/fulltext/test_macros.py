"""Zero-argument macros are expanded, wherever their definition stands; nothing else of a style file is."""

import itertools

from survey.fulltext.latex import read_latex
from survey.fulltext.macros import expand_macros
from tests.builders import latex


def test_a_macro_of_the_papers_own_style_file_is_expanded() -> None:
    r"""`\usepackage{names}` with names.sty in the source."""
    tree = {
        "main.tex": latex(r"We use \gsm{} and \hop.", preamble=r"\usepackage[x]{names, graphicx}").encode(),
        "names.sty": rb"\newcommand{\gsm}{\textsc{Gsm}8K\xspace} \def\hop{HotpotQA}",
        "unused.sty": rb"\newcommand{\other}{SVAMP}",
    }
    text = " ".join(read_latex(tree).text.split())
    assert "We use Gsm8K and HotpotQA ." in text or "We use Gsm8K and HotpotQA." in text


def test_the_machinery_of_a_style_file_is_left_alone() -> None:
    """Only macros that stand for words are taken from there."""
    assert expand_macros(r"\maketitle x", r"\def\maketitle{\par\vskip 1em\@author}") == r"\maketitle x"


def test_the_papers_own_definition_wins_over_the_style_files() -> None:
    """As the later definition does in TeX."""
    assert expand_macros(r"\newcommand{\gsm}{GSM8K}\gsm", r"\newcommand{\gsm}{GSM}") == "GSM8K"


def test_definitions_that_double_each_other_stay_bounded() -> None:
    """Fifteen levels of fourfold growth would be gigabytes."""
    letters = "abcdefghijklmnop"
    pairs = itertools.pairwise(letters)
    bomb = "".join(rf"\def\{one}{{\{other}\{other}\{other}\{other}}}" for one, other in pairs) + r"\def\p{ha}\a"
    assert len(expand_macros(bomb)) < 100_000
