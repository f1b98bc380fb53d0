r"""Hostile sources: what would never end in TeX ends here, with what was read so far and a note."""

import itertools
import string

import pytest

from posttrain.errors import UnreadableError
from survey.fulltext.latex import read_latex
from survey.fulltext.latex.expander import Expander
from tests.builders import latex

LETTERS = string.ascii_lowercase
DOUBLING = "".join(rf"\def\{a}{{\{b}\{b}}}" for a, b in itertools.pairwise(LETTERS)) + r"\def\z{ha}"
EXPANSIONS = [
    (DOUBLING, r"\a"),
    (r"\def\a{xx}" + r"\edef\a{\a\a}" * 60, r"\a"),
    (r"\def\a{x\b}\def\b{y\a}", r"\a"),
    (r"\def\a{\a x}", r"\a"),
    (r"\def\a{\csname a\endcsname}", r"\a"),
    (r"\newcommand{\a}[1]{\a{#1#1}}", r"\a{x}"),
    (r"\newenvironment{e}{\begin{e}}{\end{e}}", r"\begin{e}x\end{e}"),
    (r"\newtoks\t \t={\the\t\the\t}", r"\the\t"),
    (r"\newacronym{a}{\gls{a}\gls{a}}{\gls{a}}", r"\gls{a}"),
    (r"\DeclareAcronym{a}{short=\ac{a}\ac{a}}", r"\ac{a}"),
    (r"\def\x{ab}" + r"\expandafter\def\expandafter\x\expandafter{\x\x}" * 60, r"\x"),
    ("", r"\loop x \iftrue\repeat"),
    ("", r"\newcount\n \loop x \advance\n by 0 \ifnum\n<5 \repeat"),
    ("", r"\foreach \a in {" + "x," * 900 + r"}{\foreach \b in {" + "x," * 900 + r"}{\foreach \c in {x,y}{laugh}}}"),
]


@pytest.fixture
def handled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The commands that a reading carries out; reading fails past a million, which no limit on time has to decide."""
    tokens: list[str] = []
    original = Expander._do

    def counted(self: Expander, meaning: object, token: str) -> None:
        tokens.append(token)
        assert len(tokens) < 1_000_000, "a million commands, and no end"
        original(self, meaning, token)  # type: ignore[arg-type]

    monkeypatch.setattr(Expander, "_do", counted)
    return tokens


@pytest.mark.parametrize(("preamble", "body"), EXPANSIONS)
def test_macros_without_end_leave_the_words_around_them_and_a_note(
    preamble: str, body: str, handled: list[str]
) -> None:
    """And no text of their own that a count could take for the paper's."""
    text = read_latex({"main.tex": latex(f"BEFORE {body}", preamble).encode()})
    assert "BEFORE" in text.text
    assert "limit" in text.note
    assert len(text.text) < 200_000


def test_the_words_behind_a_bomb_are_read() -> None:
    """Only the macro is given up."""
    assert "AFTER" in read_latex({"main.tex": latex(rf"\a{{}} AFTER {'x ' * 999}", r"\def\a{x\a}").encode()}).text


HUGE = [
    "{" * 50_000 + "x" + "}" * 50_000,
    "{" * 100_000,
    "}" * 100_000,
    r"\textbf{" * 20_000 + "x" + "}" * 20_000,
    r"\section{" * 5_000 + "x" + "}" * 5_000,
    r"\label{" * 4_000,
    r"\cite[" * 2_000,
    r"\item[" * 2_000,
    r"\url{" * 10_000,
    r"\iffalse " * 20_000,
    r"\iftrue " * 20_000,
    r"\ifnum" * 10_000,
    r"\ifthenelse{" * 2_000,
    r"\ifthenelse{" + r"\(" * 10_000 + r"\)" * 10_000 + "}{a}{b}",
    r"\expandafter" * 5_000 + " x",
    r"\csname a" * 2_000,
    r"\verb|" * 20_000,
    r"\begin{verbatim}" * 5_000,
    r"\begin{tcolorbox}[title={" * 3_000,
    r"\MakeUppercase{" * 1_000 + "x" + "}" * 1_000,
    r"\edef\a{" * 1_000 + "x" + "}" * 1_000,
    r"\newcommand{\a}[1000000]{#1}\a{x}",
    r"\def\a" + "#1" * 20_000 + r"{x}\a",
    r"\NewDocumentCommand{\a}{" + ">{" * 5_000 + "}" * 5_000 + r"}{x}\a",
    "\\" + "a" * 500_000,
    "x" * 1_000_000,
    "%" * 500_000,
    "$" * 200_000,
    "\\" * 100_001,
    r"\number " + "9" * 100_000,
    r"\romannumeral 999999999 " * 500,
    "\0\x01\x02\x0e" * 20_000,
]


@pytest.mark.parametrize("number", range(len(HUGE)))
def test_what_is_nested_or_repeated_without_measure_is_read_to_an_end(number: int, handled: list[str]) -> None:
    """Nothing hangs, and nothing of it is an error of the reader."""
    assert "BEFORE" in read_latex({"main.tex": latex(f"BEFORE {HUGE[number]}").encode()}).text


def test_a_file_that_reads_itself_is_unreadable_unless_it_stops() -> None:
    r"""A guard, as authors write it, ends the circle."""
    guarded = r"\ifdefined\once\else\def\once{}A \input{main}\fi"
    assert "A" in read_latex({"main.tex": latex(guarded).encode()}).text.split()
    with pytest.raises(UnreadableError, match="runs in a circle"):
        read_latex({"main.tex": latex(r"\def\again{\input{main}}\again").encode()})
